/* The cache file: a header (magic, version, key, the engine's id, number of blobs, length, checksum of all
 * that follows), a table of blob sizes, the blobs, each on a 64-byte boundary. Nothing in it is believed
 * before the checksum fits (or fitted, when it is still the same file), and a file that does not fit, or
 * that others could have written, is as good as none. Readers map it; writers write a file of their own and
 * rename it, so two processes that build at once both end well. */
#include "engine/pack.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "engine_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 64
#define MAX_BLOBS (1u << 20)
#define KEY_BYTES 160

static const char magic[8] = {'F', 'A', 'C', 'E', 'T', 'P', 'K', '\n'};

struct header {
    char magic[8];
    uint32_t version, n_blobs;
    char key[KEY_BYTES];
    uint64_t length;                 /* of the whole file */
    uint64_t checksum;               /* of everything after the header */
    char engine[32];
    unsigned char pad[32];
};

struct blob {
    struct blob *next;
    size_t bytes;
    unsigned char *data;
};

struct facet_pack {
    struct blob *first, **last;      /* when building */
    size_t n_blobs, bytes;
    bool is_mapped;
    struct facet_map map;            /* when read from the cache */
    struct facet_file_id file;
    const uint64_t *sizes;
    size_t next, offset;
};

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* ---- building ---- */

int facet_pack_new(struct facet_pack **out)
{
    struct facet_pack *p = calloc(1, sizeof(*p));
    *out = p;
    if (!p)
        return facet_fail_nomem();
    p->last = &p->first;
    return FACET_OK;
}

static int blob_add(struct facet_pack *p, size_t bytes, void **data)
{
    if (bytes > SIZE_MAX / 2 || p->n_blobs >= MAX_BLOBS)
        return facet_fail(FACET_E_LIMIT, "too many or too large packed weights");
    size_t room = rounded(bytes ? bytes : 1);
    struct blob *b = calloc(1, sizeof(*b));
    unsigned char *mem = b ? aligned_alloc(ALIGN, room) : NULL;
    if (!mem) {
        free(b);
        return facet_fail_nomem();
    }
    memset(mem, 0, room);
    *b = (struct blob){.bytes = bytes, .data = mem};
    *p->last = b;
    p->last = &b->next;
    p->n_blobs++;
    p->bytes += room;
    *data = mem;
    return FACET_OK;
}

static int blob_mapped(struct facet_pack *p, size_t bytes, void **data)
{
    if (p->next >= p->n_blobs || p->sizes[p->next] != bytes)
        return facet_fail(FACET_E_AGAIN, "the packed weights in the cache are stale");
    *data = (void *)(p->map.data + p->offset);
    p->offset += rounded(bytes ? bytes : 1);
    p->next++;
    return FACET_OK;
}

int facet_pack_blob(struct facet_pack *p, size_t bytes, void **data, bool *fresh)
{
    *fresh = !p->is_mapped;
    return p->is_mapped ? blob_mapped(p, bytes, data) : blob_add(p, bytes, data);
}

size_t facet_pack_bytes(const struct facet_pack *p)
{
    return p ? p->bytes : 0;
}

const struct facet_file_id *facet_pack_file(const struct facet_pack *p)
{
    return p && p->is_mapped ? &p->file : NULL;
}

void facet_pack_close(struct facet_pack **pack)
{
    struct facet_pack *p = *pack;
    if (!p)
        return;
    while (p->first) {
        struct blob *next = p->first->next;
        free(p->first->data);
        free(p->first);
        p->first = next;
    }
    if (p->is_mapped)
        facet_map_close(&p->map);
    free(p);
    *pack = NULL;
}

/* ---- the file ---- */

static int file_name(char *out, size_t cap, const char *dir, const char *key)
{
    char name[KEY_BYTES + 8];
    if (strlen(key) >= KEY_BYTES || strchr(key, '/'))
        return facet_fail(FACET_E_INVALID, "'%s' cannot name packed weights", key);
    snprintf(name, sizeof(name), "%s.pack", key);
    return facet_path_join(out, cap, dir, name);
}

static void fill_header(struct header *h, const char *key, size_t n_blobs, uint64_t length)
{
    memset(h, 0, sizeof(*h));
    memcpy(h->magic, magic, sizeof(magic));
    h->version = FACET_PACK_VERSION;
    h->n_blobs = (uint32_t)n_blobs;
    memcpy(h->key, key, strlen(key));
    h->length = length;
    memcpy(h->engine, FACET_ENGINE_ID, sizeof(h->engine));
}

/* Sizes that add up to the file's length, or it is damaged. */
static bool sizes_fit(const struct facet_pack *p)
{
    size_t at = p->offset;
    for (size_t i = 0; i < p->n_blobs; i++) {
        if (p->sizes[i] > p->map.len || rounded(p->sizes[i] ? p->sizes[i] : 1) > p->map.len - at)
            return false;
        at += rounded(p->sizes[i] ? p->sizes[i] : 1);
    }
    return at == p->map.len;
}

static bool file_fits(struct facet_pack *p, const char *key, bool is_trusted)
{
    struct header want, have;
    if (p->map.len < sizeof(have))
        return false;
    memcpy(&have, p->map.data, sizeof(have));
    fill_header(&want, key, have.n_blobs, p->map.len);
    want.checksum = have.checksum;
    if (memcmp(&have, &want, sizeof(have)) != 0 || have.n_blobs > MAX_BLOBS)
        return false;
    size_t table = rounded((size_t)have.n_blobs * sizeof(uint64_t));
    if (table > p->map.len - sizeof(have))
        return false;
    p->n_blobs = have.n_blobs;
    p->sizes = (const uint64_t *)(p->map.data + sizeof(have));
    p->offset = sizeof(have) + table;
    p->bytes = p->map.len - p->offset;
    if (!sizes_fit(p))
        return false;
    return is_trusted ||
           facet_hash64(p->map.data + sizeof(have), p->map.len - sizeof(have), FACET_PACK_VERSION) == have.checksum;
}

int facet_pack_open_cached(struct facet_pack **out, const char *dir, const char *key, const struct facet_file_id *trusted)
{
    char path[4096];
    struct facet_pack *p = NULL;
    *out = NULL;
    int err = file_name(path, sizeof(path), dir, key);
    if (!err && !facet_path_exists(path))
        return facet_fail(FACET_E_NOT_FOUND, "no packed weights '%s'", path);
    if (!err)
        err = facet_pack_new(&p);
    if (err)
        return err;
    p->is_mapped = facet_map_open_own(&p->map, path, FACET_PACK_MAX_FILE, &p->file) == FACET_OK;
    if (!p->is_mapped || !file_fits(p, key, trusted && facet_file_id_equal(trusted, &p->file))) {
        facet_pack_close(&p);
        return facet_fail(FACET_E_NOT_FOUND, "packed weights '%s' are stale or damaged", path);
    }
    *out = p;
    return FACET_OK;
}

/* The checksum runs over table and blobs as they will lie in the file, so both are laid out first. */
static int lay_out(const struct facet_pack *p, const char *key, unsigned char **out, size_t *len)
{
    size_t table = rounded(p->n_blobs * sizeof(uint64_t)), total = sizeof(struct header) + table + p->bytes;
    unsigned char *file = calloc(1, total);
    if (!file)
        return facet_fail_nomem();
    uint64_t *sizes = (uint64_t *)(void *)(file + sizeof(struct header));
    unsigned char *at = file + sizeof(struct header) + table;
    for (const struct blob *b = p->first; b; b = b->next) {
        *sizes++ = b->bytes;
        memcpy(at, b->data, b->bytes);
        at += rounded(b->bytes ? b->bytes : 1);
    }
    struct header h;
    fill_header(&h, key, p->n_blobs, total);
    h.checksum = facet_hash64(file + sizeof(h), total - sizeof(h), FACET_PACK_VERSION);
    memcpy(file, &h, sizeof(h));
    *out = file;
    *len = total;
    return FACET_OK;
}

int facet_pack_save(struct facet_pack *p, const char *dir, const char *key, struct facet_file_id *id)
{
    char path[4096];
    unsigned char *file = NULL;
    size_t len = 0;
    int err = p->is_mapped ? facet_fail(FACET_E_INVALID, "these packed weights come from the cache") : FACET_OK;
    if (!err)
        err = file_name(path, sizeof(path), dir, key);
    if (!err)
        err = facet_mkdirs(dir);
    if (!err)
        err = lay_out(p, key, &file, &len);
    if (!err)
        err = facet_file_write_own(path, file, len, id); /* synced: whoever trusts its identity later must not find half */
    free(file);
    return err;
}
