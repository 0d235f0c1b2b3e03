/* Plans that outlive the process. Two files in <cache>/packed:
 *
 *   NAME.pack  the packed weights (pack.c), mapped; known by the model's content, the back end and the CPU kind
 *   NAME.plan  everything else a plan is: the graph after its passes, layouts, back ends, small constants
 *              (graph_io.c), and what it was made from
 *
 * A start from them parses no model file and reads no weights. What makes that safe:
 *
 * - the plan file names the model file by device, inode, size, mtime and ctime as they were when it was read; any
 *   difference means the way over the model file, which finds the packed weights by content;
 * - a model file younger than the clock's grain is not trusted: it could change without a trace;
 * - all of the plan file is under a checksum that is always looked at. The packed weights' checksum is looked at
 *   once for each identity of their file: any write to it changes that, power cuts are met by an fsync;
 * - both are only believed when this user (or root) owns file and folder and nobody else may write to them: whoever
 *   can write there can already run as this user. Within these walls parsing still trusts no count or number,
 *   so that bytes that fit by chance end as FACET_E_FORMAT;
 * - both carry the engine's id, a hash of its sources, so that another build's are stale, and the options.
 *
 * Anything that does not fit is as good as absent: the plan is made from the model file, and both are written anew. */
#include "base/clock.h"
#include "base/cpu.h"
#include "base/errors.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/format/onnx.h"
#include "engine/graph_priv.h"
#include "engine/plan_priv.h"
#include "engine_id.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAN_VERSION 1
#define MAX_PLAN_FILE ((size_t)64 << 20)
#define MAX_KEPT_CONSTANTS ((size_t)16 << 20)     /* bytes of constants that no back end packs; more: no plan file */
#define CLOCK_GRAIN_NS 20000000u                  /* of file times, where they have parts of a second */

/* ---- the bytes ---- */

static void io_file_id(struct facet__io *io, struct facet_file_id *id)
{
    facet__io_u64(io, &id->dev);
    facet__io_u64(io, &id->ino);
    facet__io_u64(io, &id->size);
    facet__io_u64(io, &id->mtime_ns);
    facet__io_u64(io, &id->ctime_ns);
}

/* What every plan file begins with: magic, checksum of what follows it, the number of the form, the engine's id. */
struct head { uint8_t magic[8], checksum[8], version, engine[sizeof(FACET_ENGINE_ID) - 1]; };
_Static_assert(sizeof(struct head) == FACET__PLAN_HEAD, "the head has a fixed size");

static struct head head_of(const uint8_t *data, size_t len)
{
    const size_t summed = offsetof(struct head, version);
    struct head h = {.magic = {'F', 'A', 'C', 'E', 'T', 'P', 'L', '\n'}, .version = PLAN_VERSION};
    uint64_t sum = facet_hash64(data + summed, len - summed, PLAN_VERSION);
    for (size_t i = 0; i < sizeof(h.checksum); i++)
        h.checksum[i] = (uint8_t)(sum >> (8 * i));
    memcpy(h.engine, FACET_ENGINE_ID, sizeof(h.engine));
    return h;
}

void facet__plan_seal(uint8_t *data, size_t len)
{
    struct head h = head_of(data, len);
    const size_t summed = offsetof(struct head, version);
    memcpy(data + summed, (const uint8_t *)&h + summed, sizeof(h) - summed);
    h = head_of(data, len);
    memcpy(data, &h, sizeof(h));
}

static bool has_seal(const uint8_t *data, size_t len)
{
    if (len < sizeof(struct head))
        return false;
    struct head h = head_of(data, len);
    return memcmp(data, &h, sizeof(h)) == 0;
}

static void io_origin(struct facet__io *io, struct facet__plan_origin *o)
{
    facet__io_text(io, &o->key);
    io_file_id(io, &o->model);
    facet__io_text(io, &o->pack);
    io_file_id(io, &o->packed);
}

static void io_backend(struct facet__io *io, const struct facet_backend_ops **b)
{
    char *name = io->is_reading ? NULL : (char *)(uintptr_t)(*b)->name;
    facet__io_text(io, &name);
    if (!io->is_reading)
        return;
    *b = name ? facet__backend_find(name) : NULL;
    free(name);
    if (!*b)
        facet__io_damaged(io);
}

static void io_node(struct facet__io *io, struct facet__plan_node *n)
{
    uint32_t strided = n->strided;
    io_backend(io, &n->backend);
    facet__io_u32(io, &strided);
    facet__io_bool(io, &n->may_view);
    n->strided = strided;
}

static void io_plan(struct facet__io *io, struct facet_plan *p)
{
    uint32_t passes = p->passes;
    facet__io_u32(io, &passes);
    p->passes = passes;
    io_backend(io, &p->preferred);
    facet__graph_io(io, p->g);
    p->nodes = facet__io_array(io, p->nodes, (size_t)p->g->n_nodes + 1, sizeof(*p->nodes));
    for (int i = 0; p->nodes && i < p->g->n_nodes; i++)
        io_node(io, &p->nodes[i]);
    p->layouts = facet__io_array(io, p->layouts, (size_t)p->g->n_values + 1, sizeof(*p->layouts));
    for (int v = 0; p->layouts && v < p->g->n_values; v++)
        FACET__IO_ENUM(io, &p->layouts[v], FACET_NHWC + 1);
    p->output_names = facet__io_array(io, p->output_names, (size_t)p->g->n_outputs, sizeof(*p->output_names));
    for (int i = 0; p->output_names && i < p->g->n_outputs; i++) {
        facet__io_text(io, &p->output_names[i]);
        if (io->is_reading && !p->output_names[i])
            facet__io_damaged(io);
    }
}

void facet__plan_origin_fini(struct facet__plan_origin *o)
{
    free(o->key);
    free(o->pack);
    *o = (struct facet__plan_origin){0};
}

int facet__plan_bytes(const struct facet_plan *p, struct facet__plan_origin *origin, uint8_t **data, size_t *len)
{
    struct facet__io io;
    struct head h = {{0}};
    facet__io_write(&io);
    facet__io_raw(&io, &h, sizeof(h));
    io_origin(&io, origin);
    io_plan(&io, (struct facet_plan *)(uintptr_t)p);
    int err = facet__io_result(&io);
    *data = NULL;
    *len = 0;
    if (err) {
        facet__io_fini(&io);
        return err;
    }
    facet__plan_seal(io.out, io.len);
    *data = io.out;
    *len = io.len;
    return FACET_OK;
}

int facet__plan_of_bytes(struct facet_plan **out, struct facet__plan_origin *origin, const uint8_t *data, size_t len, const char *name)
{
    struct facet__io io;
    struct facet_plan *p = NULL;
    *out = NULL;
    *origin = (struct facet__plan_origin){0};
    if (!has_seal(data, len))
        return facet_fail(FACET_E_FORMAT, "the bytes are no plan of this engine, or damaged");
    facet__io_read(&io, data + sizeof(struct head), len - sizeof(struct head));
    io_origin(&io, origin);
    int err = facet__io_result(&io);
    if (!err && !(p = calloc(1, sizeof(*p))))
        err = facet_fail_nomem();
    if (!err)
        err = facet_graph_new(&p->g, name, 0);
    if (!err) {
        io_plan(&io, p);
        err = facet__io_result(&io);
    }
    if (!err && io.at != io.end)
        err = facet_fail(FACET_E_FORMAT, "there are more bytes than a plan has");
    if (!err)
        err = facet_graph_check(p->g);
    if (err) {
        facet_plan_close(&p);
        facet__plan_origin_fini(origin);
    }
    *out = p;
    return err;
}

/* ---- where ---- */

struct place {
    char dir[2200], plan[2400];      /* the folder, the plan file */
    char key[192];                   /* of the plan */
    char real[PATH_MAX];             /* the model file */
};

/* What results depend on beside the model's content. */
static void options_key(char *out, size_t cap, const struct facet_plan_opts *o, const struct facet_backend_ops *preferred, unsigned passes)
{
    unsigned flags = (unsigned)facet_cpu_flags(NULL);
    snprintf(out, cap, "%s-%s-%x-%s-%x-%d%s", preferred->name, facet_cpu_kind(flags), flags, FACET_VERSION, passes,
             (int)o->precision, o->strict ? "-strict" : "");
}

static bool find_place(struct place *at, const char *onnx_path, const struct facet_plan_opts *o)
{
    char base[2048], name[96];
    const struct facet_backend_ops *b = facet__backend_find(o->backend);
    if (!b || !b->packs || !realpath(onnx_path, at->real))
        return false;
    if (!o->cache_dir && facet_cache_dir(base, sizeof(base)))
        return false;
    options_key(at->key, sizeof(at->key), o, b, (o->passes ? o->passes : FACET_PASS_ALL) & ~o->passes_off);
    snprintf(name, sizeof(name), "%016llx-%016llx.plan", (unsigned long long)facet_hash64(at->real, strlen(at->real), 1),
             (unsigned long long)facet_hash64(at->key, strlen(at->key), 1));
    return !facet_path_join(at->dir, sizeof(at->dir), o->cache_dir ? o->cache_dir : base, "packed") &&
           !facet_path_join(at->plan, sizeof(at->plan), at->dir, name);
}

/* ---- saving ---- */

/* May the model file change from now on without a trace in its times? */
static bool is_too_young(const struct facet_file_id *model)
{
    uint64_t now = (uint64_t)facet_clock_system.wall_ms(NULL) * 1000000u, grain = model->mtime_ns % 1000000000u ? CLOCK_GRAIN_NS : 2000000000u;
    return now < model->mtime_ns + grain;
}

static bool is_worth_a_file(const struct facet_plan *p)
{
    size_t kept = 0;
    for (int v = 0; v < p->g->n_values; v++)
        kept += p->g->values[v].data && !p->g->values[v].is_packed ? p->g->values[v].bytes : 0;
    for (int i = 0; i < p->g->n_nodes; i++)
        if (p->nodes[i].backend->prepare && !p->nodes[i].backend->packs)
            return false;
    return kept <= MAX_KEPT_CONSTANTS;
}

static int save_plan(const struct facet_plan *p, const struct place *at, struct facet__plan_origin *origin)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int err = facet__plan_bytes(p, origin, &data, &len);
    if (!err)
        err = facet_mkdirs(at->dir);
    if (!err)
        err = facet_file_write_own(at->plan, data, len, NULL);
    free(data);
    return err;
}

/* ---- from the plan file ---- */

static bool origin_fits(const struct facet__plan_origin *o, const struct place *at, const struct facet_file_id *model)
{
    return o->key && o->pack && strcmp(o->key, at->key) == 0 && facet_file_id_equal(&o->model, model);
}

static int find_weights(struct facet_plan *p, const struct place *at, struct facet__plan_origin *origin)
{
    int err = facet_pack_open_cached(&p->pack, at->dir, origin->pack, &origin->packed);
    if (!err)
        err = facet__plan_prepare(p);
    if (err || facet_file_id_equal(&origin->packed, facet_pack_file(p->pack)))
        return err;
    origin->packed = *facet_pack_file(p->pack);      /* the same bytes in another file: their checksum was right */
    if (save_plan(p, at, origin))
        facet_log(FACET_LOG_INFO, "engine", "the plan is not kept: %s", facet_error_text());
    return FACET_OK;
}

static int revive(struct facet_plan **out, const char *onnx_path, const struct place *at, const struct facet_file_id *model)
{
    struct facet__plan_origin origin = {0};
    struct facet_map map;
    struct facet_plan *p = NULL;
    *out = NULL;
    int err = facet_map_open_own(&map, at->plan, MAX_PLAN_FILE, NULL);
    if (!err)
        err = facet__plan_of_bytes(&p, &origin, map.data, map.len, onnx_path);
    facet_map_close(&map);
    if (!err && !origin_fits(&origin, at, model))
        err = facet_fail(FACET_E_NOT_FOUND, "the plan file is of another model file");
    if (!err)
        err = find_weights(p, at, &origin);
    facet__plan_origin_fini(&origin);
    if (err) {
        facet_plan_close(&p);
        return err;
    }
    facet__plan_drop_packed(p);
    p->from_cache = true;
    *out = p;
    return FACET_OK;
}

/* ---- from the model file ---- */

/* A cache that cannot be read or written costs time, nothing else. */
static int pack_weights(struct facet_plan *p, const struct place *at, const char *key, struct facet_file_id *packed)
{
    int err = facet_pack_open_cached(&p->pack, at->dir, key, NULL);
    if (!err)
        err = facet__plan_prepare(p);
    p->from_cache = !err;
    if (!err)
        *packed = *facet_pack_file(p->pack);
    if (!err || (err != FACET_E_NOT_FOUND && err != FACET_E_AGAIN))
        return err;
    err = facet__plan_pack_anew(p);
    if (!err && facet_pack_save(p->pack, at->dir, key, packed)) {
        *packed = (struct facet_file_id){0};
        facet_log(FACET_LOG_INFO, "engine", "packed weights are not cached: %s", facet_error_text());
    }
    return err;
}

/* Writes the plan file, and goes over to what was written: the weights then lie in the map and nowhere else. */
static void settle(struct facet_plan **p, const char *onnx_path, const struct place *at, struct facet__plan_origin *origin)
{
    struct facet_plan *again = NULL;
    struct facet_file_id now;
    bool was_cached = (*p)->from_cache;
    bool stayed = !facet_file_identify(onnx_path, &now) && facet_file_id_equal(&now, &origin->model);
    if (!stayed || !origin->packed.size || is_too_young(&origin->model) || !is_worth_a_file(*p))
        return;
    if (save_plan(*p, at, origin)) {
        facet_log(FACET_LOG_INFO, "engine", "the plan is not kept: %s", facet_error_text());
        return;
    }
    if (revive(&again, onnx_path, at, &origin->model))
        return;
    again->from_cache = was_cached;
    facet_plan_close(p);
    *p = again;
}

static int plan_from_model(struct facet_plan **out, const char *onnx_path, const struct facet_plan_opts *o, const struct place *at,
                           const struct facet_file_id *model)
{
    struct facet_graph *g = NULL;
    char key[160];
    int err = facet_onnx_load(&g, onnx_path);
    if (!err)
        err = facet__plan_new(out, &g, o);
    if (!err)
        err = facet__plan_build(*out, o);
    if (err)
        return err;
    snprintf(key, sizeof(key), "%s-%s", (*out)->g->hash, at->key);
    struct facet__plan_origin origin = {.key = strdup(at->key), .pack = strdup(key), .model = *model};
    err = origin.key && origin.pack ? pack_weights(*out, at, key, &origin.packed) : facet_fail_nomem();
    if (!err)
        err = facet__plan_mark_packed(*out);
    if (!err)
        settle(out, onnx_path, at, &origin);
    if (!err)
        facet__plan_drop_packed(*out);
    facet__plan_origin_fini(&origin);
    return err;
}

int facet__plan_load_cached(struct facet_plan **out, const char *onnx_path, const struct facet_plan_opts *o)
{
    struct place at;
    struct facet_file_id model;
    struct facet_plan_opts plain = *o;
    plain.cache = false;
    *out = NULL;
    if (!find_place(&at, onnx_path, o) || facet_file_identify(onnx_path, &model))
        return facet_plan_load(out, onnx_path, &plain);
    if (revive(out, onnx_path, &at, &model) == FACET_OK)
        return FACET_OK;
    int err = plan_from_model(out, onnx_path, o, &at, &model);
    if (err)
        facet_plan_close(out);
    return err;
}
