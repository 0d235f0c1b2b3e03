/* The index that searches see: where it comes from, and how it follows the gallery.
 *
 * The truth is in SQLite. A large gallery that is searched over int8 keeps its index in a file beside it
 * ("gallery.db.index"), so that it need not be made anew at each start. The gallery names the file that is
 * its own by a tag, drawn anew for each file, and counts the additions since: what was only added to is read
 * from SQLite behind what is mapped, and every other change ends the file. A sealed gallery keeps no such file: mapped,
 * it would be readable templates on disk, and sealed, opening it would cost what making the index anew costs. A program that knows nothing of
 * the file counts no additions, so the two numbers part, and the file is not believed. */
#include "store/gallery_priv.h"

#include "base/errors.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct facet_index *facet__gallery_index(struct facet_gallery *g)
{
    facet_lock_take(&g->swapping);
    struct facet_index *x = facet_index_ref(g->index);
    facet_lock_give(&g->swapping);
    return x;
}

void facet__gallery_swap_index(struct facet_gallery *g, struct facet_index **next, uint64_t version)
{
    facet_lock_take(&g->swapping);
    struct facet_index *old = g->index;
    g->index = *next;
    atomic_store(&g->version, version);
    facet_lock_give(&g->swapping);
    *next = NULL;
    facet_index_unref(&old);
}

static int index_row(void *ctx, const struct facet_template *t, const float *embedding)
{
    return facet_index_add_row(ctx, t->person, t->id, t->quality, embedding);
}

static int index_people(struct facet__db *db, struct facet_index *x)
{
    struct facet__query q;
    facet__query_begin(&q, db, "read", "SELECT id, name FROM people WHERE id > ? ORDER BY id");
    facet__query_int(&q, facet_index_last_person(x));
    while (facet__query_row(&q)) {
        char name[FACET_MAX_NAME];
        facet__query_get_text(&q, 1, name, sizeof(name));
        if (!q.err)
            q.err = facet_index_add_person(x, facet__query_get_int(&q, 0), name);
    }
    return facet__query_end(&q);
}

/* --- the file --- */

static bool index_path(char *out, size_t cap, const struct facet_gallery *g)
{
    return g->db.is_file && (size_t)snprintf(out, cap, "%s.index", g->db.path) < cap;
}

static struct facet_index_tie tie_of(const struct facet_gallery *g)
{
    struct facet_index_tie tie = { .dim = g->db.dim };
    memcpy(tie.contract, g->db.contract, sizeof(tie.contract));
    return tie;
}

/* FACET_OK with *out NULL when there is no file to believe; why one is not believed is logged. */
static int map_file(struct facet_gallery *g, struct facet_index **out)
{
    char path[sizeof(g->db.path) + 8];
    struct facet_index_tie tie = tie_of(g);
    bool is_current = false;
    *out = NULL;
    if (!g->int8 || g->avoids_file || g->db.is_sealed || !index_path(path, sizeof(path), g))
        return FACET_OK;
    int err = facet__db_index_tag(&g->db, tie.tag, &is_current);
    if (err || !is_current)
        return err;
    err = facet_index_map(out, path, &tie);
    if (err == FACET_E_NOMEM)
        return err;
    if (err)
        facet_log(FACET_LOG_INFO, "store", "%s: it is made anew", facet_error_text());
    return FACET_OK;
}

int facet__gallery_erase_index(struct facet_gallery *g)
{
    char path[sizeof(g->db.path) + 8];
    g->index_kept = 0;
    return !g->db.read_only && index_path(path, sizeof(path), g) ? facet_index_erase(path) : FACET_OK;
}

static int draw_tag(char tag[33])
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        return facet_fail_errno("draw random numbers for", "the search index");
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(tag + 2 * i, 3, "%02x", bytes[i]);
    return FACET_OK;
}

/* The file first, then its tag: a file that the gallery does not name is not believed. */
static int write_file(struct facet_gallery *g, const struct facet_index *x, const char *path)
{
    struct facet_index_tie tie = tie_of(g);
    uint64_t version = 0;
    int err = draw_tag(tie.tag);
    if (!err)
        err = facet_index_write(x, path, &tie);
    if (err)
        return err;
    err = facet__db_begin(&g->db, "keep the index of");
    if (!err)
        err = facet__db_version(&g->db, &version);
    if (!err && version != atomic_load(&g->version))
        err = facet_fail(FACET_E_AGAIN, "gallery '%s' changed while its index was written", path);
    if (!err)
        err = facet__db_index_begins(&g->db, tie.tag);
    if (!err)
        err = facet__db_commit(&g->db, "keep the index of");
    if (err) {
        facet__db_rollback(&g->db);
        (void)facet_index_erase(path);
    }
    return err;
}

void facet__gallery_keep_index(struct facet_gallery *g)
{
    char path[sizeof(g->db.path) + 8];
    size_t rows = facet_index_rows(g->index), unkept = rows - g->index_kept;
    if (!g->int8 || g->db.read_only || g->db.is_sealed || rows < g->index_rows || unkept <= rows / 8 || !index_path(path, sizeof(path), g))
        return;
    int err = write_file(g, g->index, path);
    if (err)
        facet_log(FACET_LOG_WARN, "store", "cannot keep the search index: %s", facet_error_text());
    else
        g->index_kept = rows;
}

/* --- reading --- */

/* Inside a read transaction, so that people, templates and version belong together. */
static int read_all(struct facet_gallery *g, struct facet_index **out, size_t *kept, uint64_t *version)
{
    *out = NULL;
    int err = facet__db_begin_read(&g->db, "read");
    if (err)
        return err;
    err = facet__db_version(&g->db, version);
    if (!err)
        err = map_file(g, out);
    if (!err && !*out)
        err = facet_index_open(out, g->db.dim, g->int8);
    if (!err && g->db.is_sealed)
        facet_index_keep_secret(*out);
    *kept = err ? 0 : facet_index_rows(*out);
    if (!err)
        err = index_people(&g->db, *out);
    if (!err)
        err = facet__templates_each(&g->db, facet_index_last_template(*out), index_row, *out);
    facet__db_rollback(&g->db);
    return err;
}

int facet__gallery_reload(struct facet_gallery *g)
{
    struct facet_index *next = NULL;
    uint64_t version = 0;
    size_t kept = 0;
    int err = read_all(g, &next, &kept, &version);
    if (err) {
        facet_index_unref(&next);
    } else {
        facet__gallery_swap_index(g, &next, version);
        g->index_kept = kept;
    }
    atomic_store(&g->is_stale, err != FACET_OK);
    return err;
}

bool facet__gallery_has_map(struct facet_gallery *g)
{
    facet_lock_take(&g->swapping);
    bool has = facet_index_is_mapped(g->index);
    facet_lock_give(&g->swapping);
    return has;
}

int facet__gallery_distrust_index(struct facet_gallery *g)
{
    facet_lock_take(&g->writing);
    facet_log(FACET_LOG_WARN, "store", "%s: it is made anew", facet_error_text());
    g->avoids_file = true;
    int err = facet__gallery_erase_index(g);
    if (!err)
        err = facet__gallery_reload(g);
    facet_lock_give(&g->writing);
    return err;
}

int facet_gallery_refresh(struct facet_gallery *g)
{
    uint64_t version = 0;
    facet_lock_take(&g->writing);
    int err = facet__db_version(&g->db, &version);
    if (!err && (version != atomic_load(&g->version) || atomic_load(&g->is_stale)))
        err = facet__gallery_reload(g);
    facet_lock_give(&g->writing);
    return err;
}
