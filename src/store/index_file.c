/* An index as a file that is mapped: head, blocks of rows, their checksums, people.
 *
 *     head      struct head in 4096 bytes
 *     blocks    each: groups of base/scan.h, template ids, slots of people, qualities, of 4096 rows
 *     fine      from the next page on: of each block, what rounding took from its rows, each with a checksum
 *     sums      a checksum for each block
 *     people    ids, ends of names, names
 *
 * Numbers are as this machine has them (a machine of the other byte order sees a wrong magic and makes its
 * own). Head, sums and people are checked when the file is mapped, blocks when a search first meets them:
 * a file of gigabytes opens at once. A last block that is not full is copied, so that it can be appended
 * to. What is read is bounded by what was checked, even if somebody erases the file underneath. */
#include "store/index_priv.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x7865646e69746366u         /* "fctindex" */
#define VERSION 2
#define HEAD 4096
#define BESIDE (FACET__ROWS * (sizeof(int64_t) + sizeof(uint32_t) + sizeof(float)))
#define EMPTY 128                         /* how a zero is kept in a group */

struct head {
    uint64_t magic;
    uint32_t version, dim;
    uint64_t rows, people, name_bytes, file_bytes;
    char contract[64], tag[32];
    uint64_t sums_hash, people_hash, head_hash;   /* head_hash: of all before it */
};

/* Where the parts lie, from the numbers in the head. */
struct layout { uint64_t blocks, block_bytes, sums_at, ids_at, ends_at, names_at, fine_at, fine_bytes, end; };

struct facet__index_map {
    atomic_int refs;
    struct facet_map file;
    struct layout at;
    uint64_t people, name_bytes;
    int fd;
    char path[4096];
};

static struct layout layout_of(const struct head *h)
{
    struct layout l = { .blocks = (h->rows + FACET__ROWS - 1) / FACET__ROWS };
    l.block_bytes = facet__block_bytes((int)h->dim, true) + BESIDE;
    l.fine_at = (HEAD + l.blocks * l.block_bytes + HEAD - 1) / HEAD * HEAD;
    l.fine_bytes = facet__fine_bytes((int)h->dim);
    l.sums_at = l.fine_at + l.blocks * l.fine_bytes;
    l.ids_at = l.sums_at + l.blocks * sizeof(uint64_t);
    l.ends_at = l.ids_at + h->people * sizeof(int64_t);
    l.names_at = l.ends_at + (h->people + 1) / 2 * 2 * sizeof(uint32_t);
    l.end = l.names_at + h->name_bytes;
    return l;
}

/* --- writing --- */

struct writing {
    const struct facet_index *x;
    struct facet_file_writer file;
    struct head head;
    struct layout at;
    uint64_t *sums;
    unsigned char *people;         /* ids, ends, names: as in the file */
};

static int gather_people(struct writing *w)
{
    const struct facet_index *x = w->x;
    char name[FACET_MAX_NAME];
    for (size_t i = 0; i < x->people; i++) {
        facet__index_person_name(x, i, name);
        w->head.name_bytes += strlen(name);
    }
    w->at = layout_of(&w->head);
    w->people = calloc(1, w->at.end - w->at.ids_at + 1);
    w->sums = calloc(w->at.blocks + 1, sizeof(*w->sums));
    if (!w->people || !w->sums)
        return facet_fail_nomem();
    int64_t *ids = (int64_t *)(void *)w->people;
    uint32_t *ends = (uint32_t *)(void *)(w->people + (w->at.ends_at - w->at.ids_at)), end = 0;
    for (size_t i = 0; i < x->people; i++) {
        facet__index_person_name(x, i, name);
        size_t len = strlen(name);
        memcpy(w->people + (w->at.names_at - w->at.ids_at) + end, name, len);
        ids[i] = facet__index_person_id(x, i);
        ends[i] = end += (uint32_t)len;
    }
    return FACET_OK;
}

/* The last block with its tail in place, and nothing but zeros behind. */
static struct facet__rows *complete(const struct facet_index *x, const struct facet__rows *b, size_t rows)
{
    struct facet__rows *c = facet__rows_new(x->dim, true, false);
    if (!c)
        return NULL;
    size_t group_bytes = facet_scan_group_bytes(x->dim), full = rows / FACET_SCAN_ROWS;
    memset(c->data, EMPTY, c->bytes);
    memset(c->data + c->bytes, 0, BESIDE);
    memcpy(c->data, b->data, full * group_bytes);
    for (size_t i = 0; i < rows % FACET_SCAN_ROWS; i++)
        facet_scan_put(c->data + full * group_bytes, (int)i, x->tail->rows + i * (size_t)x->dim, x->dim);
    memcpy(c->template_id, b->template_id, rows * sizeof(*c->template_id));
    memcpy(c->person, b->person, rows * sizeof(*c->person));
    memcpy(c->quality, b->quality, rows * sizeof(*c->quality));
    return c;
}

static int put_block(struct writing *w, size_t number)
{
    const struct facet_index *x = w->x;
    struct facet__rows *b = x->row_blocks[number], *copy = NULL;
    size_t rows = x->rows - number * FACET__ROWS;
    int err = facet__rows_check(b, x);
    if (!err && rows < FACET__ROWS) {
        b = copy = complete(x, b, rows);
        err = copy ? FACET_OK : facet_fail_nomem();
    }
    if (!err) {
        w->sums[number] = facet_hash64(b->data, w->at.block_bytes, number);
        err = facet_file_put(&w->file, b->data, w->at.block_bytes);
    }
    if (copy) {
        explicit_bzero(copy->data, copy->bytes);
        free(copy->data);
        free(copy);
    }
    return err;
}

/* Nothing behind the last row. */
static int put_fine(struct writing *w, size_t number)
{
    static const unsigned char nothing[HEAD];
    size_t left = w->x->rows - number * FACET__ROWS, rows = left < FACET__ROWS ? left : FACET__ROWS;
    size_t used = rows * facet__fine_row(w->x->dim);
    int err = facet_file_put(&w->file, w->x->row_blocks[number]->fine, used);
    for (; !err && used < w->at.fine_bytes; used += HEAD)
        err = facet_file_put(&w->file, nothing, w->at.fine_bytes - used < HEAD ? w->at.fine_bytes - used : HEAD);
    return err;
}

/* The head comes last: before the renaming, where it would stand, there is nothing. */
static int put_head(struct writing *w)
{
    unsigned char page[HEAD] = { 0 };
    w->head.file_bytes = w->at.end;
    w->head.sums_hash = facet_hash64(w->sums, w->at.blocks * sizeof(*w->sums), 1);
    w->head.people_hash = facet_hash64(w->people, w->at.end - w->at.ids_at, 2);
    w->head.head_hash = facet_hash64(&w->head, offsetof(struct head, head_hash), 3);
    memcpy(page, &w->head, sizeof(w->head));
    if (pwrite(w->file.fd, page, HEAD, 0) != HEAD)
        return facet_fail_errno("write", w->file.path);
    return FACET_OK;
}

static int put_all(struct writing *w)
{
    static const unsigned char page[HEAD];
    int err = facet_file_put(&w->file, page, HEAD);
    for (size_t i = 0; !err && i < w->at.blocks; i++)
        err = put_block(w, i);
    if (!err)
        err = facet_file_put(&w->file, page, w->at.fine_at - HEAD - w->at.blocks * w->at.block_bytes);
    for (size_t i = 0; !err && i < w->at.blocks; i++)
        err = put_fine(w, i);
    if (!err)
        err = facet_file_put(&w->file, w->sums, w->at.blocks * sizeof(*w->sums));
    if (!err)
        err = facet_file_put(&w->file, w->people, w->at.end - w->at.ids_at);
    return err ? err : put_head(w);
}

int facet_index_write(const struct facet_index *x, const char *path, const struct facet_index_tie *tie)
{
    if (!x->int8)
        return facet_fail(FACET_E_INVALID, "only an int8 index is kept in a file");
    if (x->rows > FACET_MAX_INDEX_ROWS || x->people > FACET_MAX_PEOPLE)
        return facet_fail(FACET_E_LIMIT, "cannot write '%s': too many templates or people", path);
    struct writing w = { .x = x, .file = { .fd = -1 },
                         .head = { .magic = MAGIC, .version = VERSION, .dim = (uint32_t)x->dim, .rows = x->rows, .people = x->people } };
    memcpy(w.head.contract, tie->contract, sizeof(w.head.contract));
    memcpy(w.head.tag, tie->tag, sizeof(w.head.tag));
    int err = gather_people(&w);
    if (!err)
        err = facet_file_begin(&w.file, path);
    if (!err)
        err = put_all(&w);
    if (!err)
        err = facet_file_commit(&w.file, true, NULL);
    facet_file_abandon(&w.file);
    free(w.people);
    free(w.sums);
    return err;
}

/* --- what a file says of itself --- */

static int damaged(const char *path, const char *what)
{
    return facet_fail(FACET_E_FORMAT, "search index '%s' is damaged: %s", path, what);
}

/* Sizes that fit each other and the file; nothing is read beyond the head. */
static int check_head(struct head *h, struct layout *at, const struct facet_map *file, const char *path)
{
    if (file->len < HEAD)
        return facet_fail(FACET_E_FORMAT, "'%s' is no search index", path);
    memcpy(h, file->data, sizeof(*h));
    if (h->magic != MAGIC)
        return facet_fail(FACET_E_FORMAT, "'%s' is no search index", path);
    if (h->version != VERSION)
        return facet_fail(FACET_E_UNSUPPORTED, "search index '%s' has version %u, this program knows %d", path, h->version, VERSION);
    if (h->head_hash != facet_hash64(h, offsetof(struct head, head_hash), 3))
        return damaged(path, "the checksum of its head differs");
    if (h->dim < 1 || h->dim > FACET_MAX_EMBEDDING || h->rows > FACET_MAX_INDEX_ROWS || h->people > FACET_MAX_PEOPLE ||
        h->name_bytes > h->people * FACET_MAX_NAME)
        return damaged(path, "its head makes no sense");
    *at = layout_of(h);
    if (at->end != h->file_bytes || at->end != file->len)
        return damaged(path, "it is shorter or longer than it says");
    return FACET_OK;
}

static int check_people(const struct head *h, const struct layout *at, const unsigned char *data, const char *path)
{
    const int64_t *ids = (const int64_t *)(const void *)(data + at->ids_at);
    const uint32_t *ends = (const uint32_t *)(const void *)(data + at->ends_at);
    if (facet_hash64(data + at->sums_at, at->blocks * sizeof(uint64_t), 1) != h->sums_hash)
        return damaged(path, "the checksum of its checksums differs");
    if (facet_hash64(data + at->ids_at, at->end - at->ids_at, 2) != h->people_hash)
        return damaged(path, "the checksum of its people differs");
    for (uint64_t i = 0; i < h->people; i++) {
        uint32_t begin = i ? ends[i - 1] : 0;
        if (ids[i] <= (i ? ids[i - 1] : 0) || ends[i] <= begin || ends[i] - begin >= FACET_MAX_NAME || ends[i] > h->name_bytes)
            return damaged(path, "its list of people makes no sense");
    }
    return FACET_OK;
}

static int check_tie(const struct head *h, const struct facet_index_tie *tie, const char *path)
{
    if (h->dim != (uint32_t)tie->dim || memcmp(h->contract, tie->contract, sizeof(h->contract)) != 0)
        return facet_fail(FACET_E_CONTRACT, "search index '%s' holds embeddings of another recogniser", path);
    if (memcmp(h->tag, tie->tag, sizeof(h->tag)) != 0)
        return facet_fail(FACET_E_CONTRACT, "search index '%s' was made from another state of the gallery", path);
    return FACET_OK;
}

/* --- mapping --- */

struct facet__index_map *facet__index_map_ref(struct facet__index_map *m)
{
    atomic_fetch_add(&m->refs, 1);
    return m;
}

void facet__index_map_unref(struct facet__index_map **pm)
{
    struct facet__index_map *m = *pm;
    *pm = NULL;
    if (!m || atomic_fetch_sub(&m->refs, 1) != 1)
        return;
    facet_map_close(&m->file);
    if (m->fd >= 0)
        close(m->fd);
    free(m);
}

/* Read and not mapped: systems map all that a file keeps around a page with it, and in time all would be resident. */
int facet__index_map_fine(const struct facet__index_map *m, size_t row, int dim, unsigned char *out)
{
    size_t bytes = facet__fine_row(dim);
    off_t at = (off_t)(m->at.fine_at + row / FACET__ROWS * m->at.fine_bytes + row % FACET__ROWS * bytes);
    if (pread(m->fd, out, bytes, at) == (ssize_t)bytes)
        return FACET_OK;
    return facet_fail(FACET_E_STORE, "search index '%s' is damaged: it cannot be read at template %zu", m->path, row);
}

int facet__index_map_damaged(const struct facet__index_map *m, size_t row)
{
    return facet_fail(FACET_E_STORE, "search index '%s' is damaged: template %zu differs from its checksum", m->path, row);
}

int64_t facet__index_map_person_id(const struct facet__index_map *m, size_t slot)
{
    return ((const int64_t *)(const void *)(m->file.data + m->at.ids_at))[slot];
}

/* Doubts what was checked when the file was mapped: it may have been erased since. */
void facet__index_map_person_name(const struct facet__index_map *m, size_t slot, char out[FACET_MAX_NAME])
{
    const uint32_t *ends = (const uint32_t *)(const void *)(m->file.data + m->at.ends_at);
    uint32_t begin = slot ? ends[slot - 1] : 0, end = ends[slot];
    bool is_sane = begin < end && end - begin < FACET_MAX_NAME && end <= m->name_bytes;
    memset(out, 0, FACET_MAX_NAME);
    if (is_sane)
        memcpy(out, m->file.data + m->at.names_at + begin, end - begin);
}

static struct facet__rows *map_block(struct facet__index_map *m, size_t number, int dim)
{
    struct facet__rows *b = calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    b->data = (unsigned char *)(uintptr_t)(m->file.data + HEAD + number * m->at.block_bytes);
    b->bytes = facet__block_bytes(dim, true);
    b->fine = (unsigned char *)(uintptr_t)(m->file.data + m->at.fine_at + number * m->at.fine_bytes);
    b->template_id = (int64_t *)(void *)(b->data + b->bytes);
    b->person = (uint32_t *)(void *)(b->template_id + FACET__ROWS);
    b->quality = (float *)(void *)(b->person + FACET__ROWS);
    b->map = facet__index_map_ref(m);
    b->number = number;
    atomic_init(&b->refs, 1);
    atomic_init(&b->trust, FACET__UNCHECKED);
    return b;
}

static bool block_is_good(const struct facet__rows *b, const struct facet_index *x)
{
    const struct facet__index_map *m = b->map;
    uint64_t sum;
    memcpy(&sum, m->file.data + m->at.sums_at + b->number * sizeof(sum), sizeof(sum));
    if (facet_hash64(b->data, m->at.block_bytes, b->number) != sum)
        return false;
    size_t left = x->rows - b->number * FACET__ROWS, rows = left < FACET__ROWS ? left : FACET__ROWS;
    for (size_t i = 0; i < rows; i++)
        if (b->person[i] >= m->people || !isfinite(b->quality[i]))
            return false;
    return true;
}

int facet__rows_check(struct facet__rows *b, const struct facet_index *x)
{
    unsigned char trust = atomic_load_explicit(&b->trust, memory_order_acquire);
    if (trust == FACET__UNCHECKED) {
        trust = block_is_good(b, x) ? FACET__GOOD : FACET__BAD;
        atomic_store_explicit(&b->trust, trust, memory_order_release);
    }
    if (trust == FACET__GOOD)
        return FACET_OK;
    return facet_fail(FACET_E_STORE, "search index '%s' is damaged: block %zu of templates differs from its checksum",
                      b->map->path, b->number);
}

int facet_index_check(const struct facet_index *x)
{
    int err = FACET_OK;
    for (size_t i = 0; !err && i < x->n_row_blocks; i++)
        err = facet__rows_check(x->row_blocks[i], x);
    return err;
}

/* The rows of the last, incomplete block become the index's own, by being added one after the other. */
static int own_last_block(struct facet_index *x, const struct facet__rows *b, size_t rows)
{
    struct facet__rows *own = facet__rows_new(x->dim, true, false);
    int err = facet__index_add_block(x, own);
    if (err)
        return err;
    memcpy(own->data, b->data, own->bytes + BESIDE);
    memcpy(own->fine, b->fine, facet__fine_bytes(x->dim));
    size_t quads = facet_scan_quads(x->dim), at = rows / FACET_SCAN_ROWS;
    const unsigned char *group = b->data + at * facet_scan_group_bytes(x->dim);
    struct facet__tail *t = malloc(sizeof(*t));
    int8_t *numbers = t ? calloc(FACET_SCAN_ROWS, (size_t)x->dim) : NULL;
    if (!numbers) {
        free(t);
        return facet_fail_nomem();
    }
    *t = (struct facet__tail){ .bytes = FACET_SCAN_ROWS * (size_t)x->dim, .rows = numbers };
    atomic_init(&t->refs, 1);
    for (size_t r = 0; r < rows % FACET_SCAN_ROWS; r++)
        for (size_t i = 0; i < quads * 4 && i < (size_t)x->dim; i++)
            numbers[r * (size_t)x->dim + i] = (int8_t)(group[i / 4 * 64 + r * 4 + i % 4] - EMPTY);
    x->tail = t;
    return FACET_OK;
}

static int map_blocks(struct facet_index *x, struct facet__index_map *m)
{
    size_t full = x->rows / FACET__ROWS, rest = x->rows % FACET__ROWS;
    int err = FACET_OK;
    for (size_t i = 0; !err && i < full; i++)
        err = facet__index_add_block(x, map_block(m, i, x->dim));
    if (err || !rest)
        return err;
    struct facet__rows *last = map_block(m, full, x->dim);
    if (!last)
        return facet_fail_nomem();
    err = facet__rows_check(last, x) ? FACET_E_FORMAT : own_last_block(x, last, rest);
    facet__index_map_unref(&last->map);
    free(last);
    return err;
}

static int open_map(struct facet__index_map *m, const char *path, const struct facet_index_tie *tie, struct head *h)
{
    if (strlen(path) >= sizeof(m->path))
        return facet_fail(FACET_E_LIMIT, "cannot open '%s': the path is too long", path);
    memcpy(m->path, path, strlen(path) + 1);
    m->fd = open(path, O_RDONLY | O_CLOEXEC);
    int err = facet_map_open(&m->file, path, SIZE_MAX);
    if (!err && m->fd < 0)
        err = facet_fail_errno("open", path);
    if (!err)
        err = check_head(h, &m->at, &m->file, path);
    if (!err)
        err = check_tie(h, tie, path);
    if (!err)
        err = check_people(h, &m->at, m->file.data, path);
    m->people = h->people;
    m->name_bytes = h->name_bytes;
    return err;
}

int facet_index_map(struct facet_index **out, const char *path, const struct facet_index_tie *tie)
{
    struct head h = { 0 };
    struct facet_index *x = NULL;
    struct facet__index_map *m = calloc(1, sizeof(*m));
    *out = NULL;
    if (!m)
        return facet_fail_nomem();
    atomic_init(&m->refs, 1);
    m->fd = -1;
    int err = open_map(m, path, tie, &h);
    if (!err)
        err = facet_index_open(&x, tie->dim, true);
    if (!err) {
        x->map = facet__index_map_ref(m);
        x->map_people = x->people = h.people;
        x->rows = h.rows;
        err = map_blocks(x, m);
    }
    facet__index_map_unref(&m);
    if (err)
        facet_index_unref(&x);
    *out = x;
    return err;
}

/* --- erasing --- */

static int fill(int fd, const char *path, uint64_t at, uint64_t len, int value)
{
    unsigned char piece[1 << 16];
    memset(piece, value, sizeof(piece));
    while (len > 0) {
        ssize_t n = pwrite(fd, piece, len < sizeof(piece) ? (size_t)len : sizeof(piece), (off_t)at);
        if (n <= 0)
            return facet_fail_errno("overwrite", path);
        at += (uint64_t)n, len -= (uint64_t)n;
    }
    return FACET_OK;
}

/* Those who still have the file mapped see vectors of zeros, like nobody, that belong to the first person. */
static int overwrite(int fd, const char *path, const struct facet_map *file)
{
    struct head h;
    struct layout at;
    if (check_head(&h, &at, file, path))
        return fill(fd, path, 0, file->len, 0);
    int err = FACET_OK;
    for (uint64_t i = 0; !err && i < at.blocks; i++) {
        uint64_t begin = HEAD + i * at.block_bytes;
        err = fill(fd, path, begin, at.block_bytes - BESIDE, EMPTY);
        if (!err)
            err = fill(fd, path, begin + at.block_bytes - BESIDE, BESIDE, 0);
    }
    if (!err)
        err = fill(fd, path, at.fine_at, at.end - at.fine_at, 0);
    return err ? err : fill(fd, path, 0, HEAD, 0);
}

int facet_index_erase(const char *path)
{
    struct facet_map file;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? FACET_OK : facet_fail_errno("erase", path);
    int err = facet_map_open(&file, path, SIZE_MAX);
    if (unlink(path) != 0 && !err)
        err = facet_fail_errno("remove", path);
    if (!err)
        err = overwrite(fd, path, &file);
    if (!err && fsync(fd) != 0)
        err = facet_fail_errno("erase", path);
    facet_map_close(&file);
    close(fd);
    return err;
}
