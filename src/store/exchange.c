/* Galleries as text: one JSON document a line.
 *
 *   {"facet":"gallery","format":1,"contract":"...","model":"...","dim":512}
 *   {"person":"Ada","note":"","created_ms":0}
 *   {"person":"Ada","quality":0.8,"source":"a.jpg","source_sha256":"...","created_ms":0,"embedding":"<base64>"}
 *
 * An embedding is float32, little endian, in base64: exactly what the file holds, so that an export
 * and import loses nothing. Unknown members are ignored: a later format may say more. */
#include "store/gallery_priv.h"

#include "base/base64.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "store/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT 1
#define LONGEST_LINE (FACET_BASE64_SIZE(FACET_MAX_EMBEDDING * 4) + 4096)
#define LARGEST_FILE ((size_t)16 << 30)

/* float32 little endian, whatever we are. */
static void floats_to_bytes(unsigned char *out, const float *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t v;
        memcpy(&v, &in[i], 4);
        for (int j = 0; j < 4; j++)
            out[4 * i + (size_t)j] = (unsigned char)(v >> 8 * j);
    }
}

static void bytes_to_floats(float *out, const unsigned char *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t v = 0;
        for (int j = 0; j < 4; j++)
            v |= (uint32_t)in[4 * i + (size_t)j] << 8 * j;
        memcpy(&out[i], &v, 4);
    }
}

/* --- out --- */

struct writer { struct facet__db *db; FILE *file; struct facet_str line; struct facet_jsonw w; };

static void line_begin(struct writer *w)
{
    facet_str_clear(&w->line);
    facet_jsonw_init(&w->w, &w->line, false);
    facet_jsonw_object(&w->w);
}

static int line_end(struct writer *w)
{
    facet_jsonw_end_object(&w->w);
    facet_str_puts(&w->line, "\n");
    if (w->line.err)
        return facet_fail(w->line.err, "cannot write a line of %zu bytes", w->line.len);
    if (fwrite(w->line.data, 1, w->line.len, w->file) != w->line.len)
        return FACET_E_IO;
    return FACET_OK;
}

static int write_head(struct writer *w)
{
    line_begin(w);
    facet_jsonw_kstr(&w->w, "facet", "gallery");
    facet_jsonw_kint(&w->w, "format", FORMAT);
    facet_jsonw_kstr(&w->w, "contract", w->db->contract);
    facet_jsonw_kstr(&w->w, "model", w->db->model);
    facet_jsonw_kint(&w->w, "dim", w->db->dim);
    return line_end(w);
}

static int write_people(struct writer *w)
{
    struct facet_person p = { .name = "" };
    int err = FACET_OK;
    while (!err) {
        err = facet__people_after(w->db, p.name, &p);
        if (err)
            break;
        line_begin(w);
        facet_jsonw_kstr(&w->w, "person", p.name);
        facet_jsonw_kstr(&w->w, "note", p.note);
        facet_jsonw_kint(&w->w, "created_ms", p.created_ms);
        err = line_end(w);
    }
    return err == FACET_E_END ? FACET_OK : err;
}

static int write_template(void *ctx, const struct facet_template *t, const float *embedding)
{
    struct writer *w = ctx;
    unsigned char bytes[FACET_MAX_EMBEDDING * 4];
    char text[FACET_BASE64_SIZE(FACET_MAX_EMBEDDING * 4)];
    struct facet_person p;
    int err = facet__people_find_id(w->db, t->person, &p);
    if (err)
        return err;
    floats_to_bytes(bytes, embedding, (size_t)w->db->dim);
    facet_base64_encode(text, bytes, (size_t)w->db->dim * 4);
    line_begin(w);
    facet_jsonw_kstr(&w->w, "person", p.name);
    facet_jsonw_knum(&w->w, "quality", (double)t->quality, 9);
    facet_jsonw_kstr(&w->w, "source", t->source);
    facet_jsonw_kstr(&w->w, "source_sha256", t->source_sha256);
    facet_jsonw_kint(&w->w, "created_ms", t->created_ms);
    facet_jsonw_kstr(&w->w, "embedding", text);
    explicit_bzero(bytes, sizeof(bytes));
    return line_end(w);
}

static int write_all(struct facet_gallery *g, FILE *file)
{
    struct writer w = { .db = &g->db, .file = file };
    facet_lock_take(&g->writing);
    int err = facet__db_begin_read(&g->db, "export");
    if (!err)
        err = write_head(&w);
    if (!err)
        err = write_people(&w);
    if (!err)
        err = facet__templates_each(&g->db, 0, write_template, &w);
    facet__db_rollback(&g->db);
    facet_lock_give(&g->writing);
    if (w.line.data)
        explicit_bzero(w.line.data, w.line.cap);
    facet_str_fini(&w.line);
    return err;
}

/* Written beside and renamed: the old export stays until the new one is whole. */
int facet_gallery_export(struct facet_gallery *g, const char *path)
{
    char part[4096];
    if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
        return facet_fail(FACET_E_LIMIT, "the path '%.60s...' is too long", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); /* personal data */
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file) {
        int err = facet_fail_errno("write", part);
        if (fd >= 0)
            close(fd);
        return err;
    }
    int err = write_all(g, file);
    errno = 0;
    bool is_whole = fflush(file) == 0 && fsync(fileno(file)) == 0;
    if (fclose(file) || !is_whole || err == FACET_E_IO)
        err = facet_fail_errno("write", part);
    if (!err && rename(part, path))
        err = facet_fail_errno("write", path);
    if (err)
        unlink(part);
    return err;
}

/* --- in --- */

struct reader {
    struct facet_gallery *g;
    int line, people, templates;
};

/* What every reader asks of a first line, whichever gallery it is for. */
static int check_kind(const struct facet_json *j)
{
    if (!facet_json_is_object(j))
        return facet_fail(FACET_E_FORMAT, "it is no object");
    if (strcmp(facet_json_str(facet_json_get(j, "facet"), ""), "gallery"))
        return facet_fail(FACET_E_FORMAT, "it is no exported gallery");
    if (facet_json_int(facet_json_get(j, "format"), 0) != FORMAT)
        return facet_fail(FACET_E_UNSUPPORTED, "a newer facet wrote it");
    return FACET_OK;
}

static int check_head(const struct reader *r, const struct facet_json *j)
{
    const struct facet__db *db = &r->g->db;
    int err = check_kind(j);
    if (err)
        return err;
    if (strcmp(facet_json_str(facet_json_get(j, "contract"), ""), db->contract))
        return facet_fail(FACET_E_CONTRACT, "it holds embeddings of '%.100s', gallery '%s' those of '%s'",
                          facet_json_str(facet_json_get(j, "model"), "?"), db->path, db->model);
    if (facet_json_int(facet_json_get(j, "dim"), 0) != db->dim)
        return facet_fail(FACET_E_CONTRACT, "its embeddings do not have %d numbers", db->dim);
    return FACET_OK;
}

static int find_or_add(struct reader *r, const char *name, const struct facet_json *j, int64_t *id)
{
    struct facet_person p = { .id = 0 };
    int err = facet__check_name(name);
    if (!err)
        err = facet__people_find(&r->g->db, name, &p);
    *id = p.id;
    if (err != FACET_E_NOT_FOUND)
        return err;
    char note[sizeof(p.note)];
    err = facet_copy_text(note, sizeof(note), facet_json_str(facet_json_get(j, "note"), ""));
    if (!err)
        err = facet__people_add(&r->g->db, name, note, facet_json_int(facet_json_get(j, "created_ms"), 0), id);
    r->people += !err;
    return err;
}

static int read_about(struct facet_template *t, const struct facet_json *j)
{
    double quality = facet_json_num(facet_json_get(j, "quality"), 0);
    if (!(quality >= 0 && quality <= 1))
        return facet_fail(FACET_E_FORMAT, "its quality is not within 0 and 1");
    t->quality = (float)quality;
    t->created_ms = facet_json_int(facet_json_get(j, "created_ms"), 0);
    const char *sha256 = facet_json_str(facet_json_get(j, "source_sha256"), "");
    if (*sha256 && !facet__is_sha256(sha256))
        return facet_fail(FACET_E_FORMAT, "its source_sha256 is not 64 hexadecimal digits");
    int err = facet_copy_text(t->source_sha256, sizeof(t->source_sha256), sha256);
    return err ? err : facet_copy_text(t->source, sizeof(t->source), facet_json_str(facet_json_get(j, "source"), ""));
}

static int read_embedding(float *out, int dim, const char *text)
{
    unsigned char bytes[FACET_MAX_EMBEDDING * 4];
    size_t len, want = (size_t)dim * 4;
    int err = facet_base64_decode(bytes, want, &len, text);
    if (!err && len != want)
        err = facet_fail(FACET_E_FORMAT, "its embedding has %zu bytes instead of %zu", len, want);
    if (err)
        return err;
    bytes_to_floats(out, bytes, (size_t)dim);
    return facet__check_embedding(out, dim);
}

static int read_template(struct reader *r, const struct facet_json *j, int64_t person, const char *text)
{
    float embedding[FACET_MAX_EMBEDDING];
    struct facet_template t = { .id = 0 };
    bool has = false;
    int err = read_about(&t, j);
    if (!err)
        err = read_embedding(embedding, r->g->db.dim, text);
    if (!err)
        err = facet__templates_has(&r->g->db, person, embedding, t.source_sha256, &has);
    if (err || has)
        return err;
    r->templates++;
    return facet__templates_add(&r->g->db, person, embedding, &t, &t.id);
}

static int read_document(struct reader *r, const struct facet_json *j)
{
    if (!facet_json_is_object(j))
        return facet_fail(FACET_E_FORMAT, "it is no object");
    if (r->line == 1)
        return check_head(r, j);
    const char *name = facet_json_str(facet_json_get(j, "person"), NULL);
    const char *embedding = facet_json_str(facet_json_get(j, "embedding"), NULL);
    int64_t person;
    if (!name)
        return facet_fail(FACET_E_FORMAT, "it names no person");
    int err = find_or_add(r, name, j, &person);
    return err || !embedding ? err : read_template(r, j, person, embedding);
}

static int read_line(struct reader *r, const char *text, size_t len, const char *origin)
{
    struct facet_json *j = NULL;
    r->line++;
    int err = len > LONGEST_LINE ? facet_fail(FACET_E_LIMIT, "the line is too long") : FACET_OK;
    if (!err)
        err = facet_json_parse(&j, text, len, "the line");
    if (!err)
        err = read_document(r, j);
    facet_json_unref(&j);
    return err ? facet_fail_prefix(err, "cannot import '%s' line %d", origin, r->line) : FACET_OK;
}

static int read_lines(struct reader *r, const char *text, size_t len, const char *origin)
{
    int err = FACET_OK;
    for (const char *end = text + len; !err && text < end;) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((stop ? stop : end) - text);
        if (n || r->line == 0)
            err = read_line(r, text, n, origin);
        text += n + 1;
    }
    if (!err && !r->line)
        err = facet_fail(FACET_E_FORMAT, "cannot import '%s': it is empty", origin);
    return err;
}

int facet_gallery_import_text(struct facet_gallery *g, const char *text, size_t len, const char *origin,
                              int *people, int *templates)
{
    struct facet__change c;
    struct reader r = { .g = g };
    int err = facet__change_begin(&c, g, "import into");
    c.only_adds = true;
    if (!err)
        err = read_lines(&r, text, len, origin);
    err = facet__change_end(&c, err, NULL);
    if (people)
        *people = err ? 0 : r.people;
    if (templates)
        *templates = err ? 0 : r.templates;
    return err;
}

int facet_gallery_import(struct facet_gallery *g, const char *path, int *people, int *templates)
{
    struct facet_map map;
    int err = facet_map_open(&map, path, LARGEST_FILE);
    if (err)
        return err;
    err = facet_gallery_import_text(g, (const char *)map.data, map.len, path, people, templates);
    facet_map_close(&map);
    return err;
}

static int read_head(struct facet_gallery_info *out, const struct facet_json *j)
{
    int err = check_kind(j);
    if (err)
        return err;
    *out = (struct facet_gallery_info){ .dim = (int)facet_json_int(facet_json_get(j, "dim"), 0) };
    err = facet_copy_text(out->contract, sizeof(out->contract), facet_json_str(facet_json_get(j, "contract"), ""));
    return err ? err : facet_copy_text(out->model, sizeof(out->model), facet_json_str(facet_json_get(j, "model"), ""));
}

int facet_gallery_import_info(const char *path, struct facet_gallery_info *out)
{
    struct facet_map map;
    struct facet_json *j = NULL;
    int err = facet_map_open(&map, path, LARGEST_FILE);
    if (err)
        return err;
    const char *text = (const char *)map.data, *stop = map.len ? memchr(text, '\n', map.len) : NULL;
    size_t len = stop ? (size_t)(stop - text) : map.len;
    err = len > LONGEST_LINE ? facet_fail(FACET_E_LIMIT, "the line is too long") : FACET_OK;
    if (!err)
        err = facet_json_parse(&j, text, len, "the line");
    if (!err)
        err = read_head(out, j);
    facet_json_unref(&j);
    facet_map_close(&map);
    return err ? facet_fail_prefix(err, "cannot import '%s' line 1", path) : FACET_OK;
}
