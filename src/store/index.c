#include "store/index_priv.h"

#include "base/errors.h"
#include "base/hash.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

float facet__int8_scale(int dim)
{
    return 736.0f * sqrtf((float)dim / 512.0f);
}

void facet__to_int8(int8_t *out, const float *in, int dim, float scale)
{
    for (int i = 0; i < dim; i++) {
        double v = (double)(in[i] * scale);
        v = v > 127 ? 127 : v < -127 ? -127 : v;
        out[i] = (int8_t)(v + (v < 0 ? -0.5 : 0.5)); /* cut off towards zero */
    }
}

/* --- life --- */

int facet_index_open(struct facet_index **out, int dim, bool int8)
{
    struct facet_index *x = calloc(1, sizeof(*x));
    *out = x;
    if (!x)
        return facet_fail_nomem();
    atomic_init(&x->refs, 1);
    x->dim = dim;
    x->int8 = int8;
    x->scale = facet__int8_scale(dim);
    return FACET_OK;
}

static int copy_blocks(void *out, const void *from, size_t n)
{
    void **copy = malloc((n ? n : 1) * sizeof(void *));
    if (!copy)
        return facet_fail_nomem();
    if (n)
        memcpy(copy, from, n * sizeof(void *));
    memcpy(out, &copy, sizeof(copy));
    return FACET_OK;
}

/* From here on closing `x` gives everything back. */
static void share(struct facet_index *x, const struct facet_index *from)
{
    x->rows = from->rows, x->people = from->people, x->map_people = from->map_people;
    x->n_row_blocks = from->n_row_blocks, x->n_people_blocks = from->n_people_blocks;
    for (size_t i = 0; i < x->n_row_blocks; i++)
        atomic_fetch_add(&x->row_blocks[i]->refs, 1);
    for (size_t i = 0; i < x->n_people_blocks; i++)
        atomic_fetch_add(&x->people_blocks[i]->refs, 1);
    if (from->tail) {
        x->tail = from->tail;
        atomic_fetch_add(&x->tail->refs, 1);
    }
    if (from->map)
        x->map = facet__index_map_ref(from->map);
}

void facet_index_keep_secret(struct facet_index *x)
{
    x->is_secret = true;
}

/* Pages are locked as they come into use: a block is made far larger than the rows that most galleries have. */
static void lock_rows(struct facet__rows *b)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), skip = (page - (uintptr_t)b->data % page) % page;
    if (b->all > skip + page)
        (void)madvise(b->data + skip, (b->all - skip) / page * page, MADV_DONTDUMP);
    b->is_locked = mlock2(b->data, b->all, MLOCK_ONFAULT) == 0;
}

static void unlock_rows(struct facet__rows *b)
{
    if (b->is_locked)
        (void)munlock(b->data, b->all);
}

int facet_index_fork(struct facet_index **out, const struct facet_index *from)
{
    struct facet_index *x;
    int err = facet_index_open(&x, from->dim, from->int8);
    if (!err)
        x->is_secret = from->is_secret;
    if (!err)
        err = copy_blocks(&x->row_blocks, from->row_blocks, from->n_row_blocks);
    if (!err)
        err = copy_blocks(&x->people_blocks, from->people_blocks, from->n_people_blocks);
    if (err)
        facet_index_unref(&x);
    else
        share(x, from);
    *out = x;
    return err;
}

struct facet_index *facet_index_ref(struct facet_index *x)
{
    atomic_fetch_add(&x->refs, 1);
    return x;
}

static void drop_rows(struct facet__rows *b)
{
    if (atomic_fetch_sub(&b->refs, 1) != 1)
        return;
    if (b->map) {
        facet__index_map_unref(&b->map);
    } else {
        explicit_bzero(b->data, b->bytes);
        if (b->fine)
            explicit_bzero(b->fine, b->all - (size_t)(b->fine - b->data));
        unlock_rows(b);
        free(b->data);
    }
    free(b);
}

static void drop_tail(struct facet__tail **pt)
{
    struct facet__tail *t = *pt;
    *pt = NULL;
    if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    explicit_bzero(t->rows, t->bytes);
    free(t->rows);
    free(t);
}

static void drop_people(struct facet__people *b)
{
    if (atomic_fetch_sub(&b->refs, 1) != 1)
        return;
    explicit_bzero(b->person, sizeof(b->person));
    free(b);
}

void facet_index_unref(struct facet_index **px)
{
    struct facet_index *x = *px;
    *px = NULL;
    if (!x || atomic_fetch_sub(&x->refs, 1) != 1)
        return;
    for (size_t i = 0; i < x->n_row_blocks; i++)
        drop_rows(x->row_blocks[i]);
    for (size_t i = 0; i < x->n_people_blocks; i++)
        drop_people(x->people_blocks[i]);
    drop_tail(&x->tail);
    facet__index_map_unref(&x->map);
    free(x->row_blocks);
    free(x->people_blocks);
    free(x);
}

/* Appends a block; the arrays of pointers grow by one, which is rare enough. */
static int grow(void *list, size_t *n, void *block)
{
    void **blocks;
    memcpy(&blocks, list, sizeof(blocks));
    void **more = block ? realloc(blocks, (*n + 1) * sizeof(void *)) : NULL;
    if (!more)
        return facet_fail_nomem();
    more[(*n)++] = block;
    memcpy(list, &more, sizeof(more));
    return FACET_OK;
}

int facet__index_add_block(struct facet_index *x, struct facet__rows *block)
{
    int err = grow(&x->row_blocks, &x->n_row_blocks, block);
    if (err && block)
        drop_rows(block);
    return err;
}

/* --- people --- */

static struct facet__person *person_at(const struct facet_index *x, size_t slot)
{
    slot -= x->map_people;
    return &x->people_blocks[slot / FACET__PEOPLE]->person[slot % FACET__PEOPLE];
}

int64_t facet__index_person_id(const struct facet_index *x, size_t slot)
{
    return slot < x->map_people ? facet__index_map_person_id(x->map, slot) : person_at(x, slot)->id;
}

void facet__index_person_name(const struct facet_index *x, size_t slot, char out[FACET_MAX_NAME])
{
    if (slot < x->map_people)
        facet__index_map_person_name(x->map, slot, out);
    else
        memcpy(out, person_at(x, slot)->name, FACET_MAX_NAME);
}

int facet_index_add_person(struct facet_index *x, int64_t id, const char *name)
{
    if (x->people - x->map_people == x->n_people_blocks * FACET__PEOPLE) {
        struct facet__people *b = calloc(1, sizeof(*b));
        if (b)
            atomic_init(&b->refs, 1);
        int err = grow(&x->people_blocks, &x->n_people_blocks, b);
        if (err) {
            free(b);
            return err;
        }
    }
    struct facet__person *p = person_at(x, x->people);
    int err = facet_copy_text(p->name, sizeof(p->name), name);
    if (err)
        return err;
    p->id = id;
    x->people++;
    return FACET_OK;
}

/* Slots ascend by id. */
bool facet__index_find_person(const struct facet_index *x, int64_t id, size_t *slot)
{
    size_t lo = 0, hi = x->people;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (facet__index_person_id(x, mid) < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    *slot = lo;
    return lo < x->people && facet__index_person_id(x, lo) == id;
}

bool facet_index_has_person(const struct facet_index *x, int64_t id)
{
    size_t slot;
    return facet__index_find_person(x, id, &slot);
}

size_t facet_index_people(const struct facet_index *x)
{
    return x->people;
}

int64_t facet_index_last_person(const struct facet_index *x)
{
    return x->people ? facet__index_person_id(x, x->people - 1) : 0;
}

/* --- rows --- */

#define LARGE_PAGE ((size_t)2 << 20)

/* NULL, or memory of which whole large pages are asked to be such. */
static void *large_memory(size_t bytes)
{
    void *p;
    if (posix_memalign(&p, LARGE_PAGE, bytes) != 0)
        return NULL;
    (void)madvise(p, bytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE); /* a wish */
    return p;
}

/* One piece of memory: the numbers first, on a cache line, then what belongs to the rows, then what rounding took. */
struct facet__rows *facet__rows_new(int dim, bool int8, bool is_one_of_many)
{
    size_t bytes = facet__block_bytes(dim, int8);
    size_t beside = FACET__ROWS * (sizeof(int64_t) + sizeof(uint32_t) + sizeof(float));
    size_t all = bytes + beside + (int8 ? facet__fine_bytes(dim) : 0);
    struct facet__rows *b = malloc(sizeof(*b));
    unsigned char *data = !b ? NULL : is_one_of_many ? large_memory(all) : aligned_alloc(64, (all + 63) / 64 * 64);
    if (!data) {
        free(b);
        return NULL;
    }
    *b = (struct facet__rows){ .data = data, .bytes = bytes, .all = all, .template_id = (int64_t *)(void *)(data + bytes) };
    b->fine = int8 ? data + bytes + beside : NULL;
    b->person = (uint32_t *)(void *)(b->template_id + FACET__ROWS);
    b->quality = (float *)(void *)(b->person + FACET__ROWS);
    atomic_init(&b->refs, 1);
    atomic_init(&b->trust, FACET__GOOD);
    return b;
}

static int new_tail(struct facet_index *x)
{
    struct facet__tail *t = malloc(sizeof(*t));
    int8_t *rows = t ? calloc(FACET_SCAN_ROWS, (size_t)x->dim) : NULL;
    if (!rows) {
        free(t);
        return facet_fail_nomem();
    }
    *t = (struct facet__tail){ .bytes = FACET_SCAN_ROWS * (size_t)x->dim, .rows = rows };
    atomic_init(&t->refs, 1);
    drop_tail(&x->tail);
    x->tail = t;
    return FACET_OK;
}

#define CLIP_STEPS 16.0f

static uint32_t fine_sum(const unsigned char *row, int dim, size_t number)
{
    uint32_t sum = (uint32_t)facet_hash64(row, facet__fine_row(dim) - sizeof(uint32_t), number);
    return sum ? sum : 1;
}

/* Keeps those that were clipped most. */
static void note_clipped(struct facet__fine_end *end, int at, float by)
{
    int least = 0;
    for (int i = 1; i < FACET__CLIPPED; i++)
        least = abs(end->clipped[i].by) < abs(end->clipped[least].by) ? i : least;
    float steps = by * CLIP_STEPS;
    steps = steps > INT16_MAX ? INT16_MAX : steps < -INT16_MAX ? -INT16_MAX : steps;
    if (fabsf(steps) <= (float)abs(end->clipped[least].by))
        return;
    end->clipped[least].at = (uint16_t)at;
    end->clipped[least].by = (int16_t)lrintf(steps);
}

static void put_fine(const struct facet_index *x, struct facet__rows *b, const int8_t *coarse, const float *embedding)
{
    unsigned char *to = b->fine + x->rows % FACET__ROWS * facet__fine_row(x->dim);
    size_t end_at = facet__fine_row(x->dim) - sizeof(struct facet__fine_end);
    struct facet__fine_end end = { .sum = 0 };
    memset(to, 0, end_at);
    for (int i = 0; i < x->dim; i++) {
        float rest = (embedding[i] * x->scale - (float)coarse[i]) * FACET__FINE_STEPS, kept = rest;
        kept = kept > 127 ? 127 : kept < -127 ? -127 : kept;
        to[i] = (unsigned char)(int8_t)lrintf(kept);
        if (fabsf(rest) > 128)
            note_clipped(&end, i, (rest - kept) / FACET__FINE_STEPS);
    }
    memcpy(to + end_at, &end, sizeof(end));
    end.sum = fine_sum(to, x->dim, x->rows);
    memcpy(to + end_at, &end, sizeof(end));
}

/* Rows of a group wait in the tail until it is full: who searches reads whole groups, and must not see
 * one that is being written. */
static void put_int8(struct facet_index *x, struct facet__rows *b, const float *embedding)
{
    size_t dim = (size_t)x->dim, at = x->rows % FACET_SCAN_ROWS;
    facet__to_int8(x->tail->rows + at * dim, embedding, x->dim, x->scale);
    put_fine(x, b, x->tail->rows + at * dim, embedding);
    if (at + 1 < FACET_SCAN_ROWS)
        return;
    unsigned char *group = b->data + x->rows % FACET__ROWS / FACET_SCAN_ROWS * facet_scan_group_bytes(x->dim);
    for (size_t i = 0; i < FACET_SCAN_ROWS; i++)
        facet_scan_put(group, (int)i, x->tail->rows + i * dim, x->dim);
}

int facet_index_add_row(struct facet_index *x, int64_t person, int64_t template_id, float quality,
                        const float *embedding)
{
    size_t slot, at = x->rows % FACET__ROWS;
    if (!facet__index_find_person(x, person, &slot))
        return facet_fail(FACET_E_NOT_FOUND, "template %lld belongs to nobody", (long long)template_id);
    int err = FACET_OK;
    if (x->rows == x->n_row_blocks * FACET__ROWS)
        err = facet__index_add_block(x, facet__rows_new(x->dim, x->int8, x->n_row_blocks > 0));
    if (!err && x->is_secret && !at)
        lock_rows(x->row_blocks[x->rows / FACET__ROWS]);
    if (!err && x->int8 && at % FACET_SCAN_ROWS == 0)
        err = new_tail(x);
    if (err)
        return err;
    struct facet__rows *b = x->row_blocks[x->rows / FACET__ROWS];
    b->template_id[at] = template_id;
    b->person[at] = (uint32_t)slot;
    b->quality[at] = quality;
    if (x->int8)
        put_int8(x, b, embedding);
    else
        memcpy(b->data + at * (size_t)x->dim * sizeof(float), embedding, (size_t)x->dim * sizeof(float));
    x->rows++;
    return FACET_OK;
}

/* Rows of groups lie in the block, those of the last one in the tail while it is not full. */
static void read_coarse(const struct facet_index *x, size_t row, int8_t *out)
{
    size_t dim = (size_t)x->dim, at = row % FACET_SCAN_ROWS;
    if (row >= x->rows - x->rows % FACET_SCAN_ROWS) {
        memcpy(out, x->tail->rows + at * dim, dim);
        return;
    }
    const struct facet__rows *b = x->row_blocks[row / FACET__ROWS];
    const unsigned char *group = b->data + row % FACET__ROWS / FACET_SCAN_ROWS * facet_scan_group_bytes(x->dim);
    for (size_t i = 0; i < dim; i++)
        out[i] = (int8_t)(group[i / 4 * 64 + at * 4 + i % 4] - 128);
}

int facet__fine_cosine(const struct facet_index *x, size_t row, const float *query, float *out)
{
    int8_t coarse[FACET_MAX_EMBEDDING];
    unsigned char own[FACET_MAX_EMBEDDING + sizeof(struct facet__fine_end)];
    const struct facet__rows *b = x->row_blocks[row / FACET__ROWS];
    const unsigned char *fine = b->map ? own : b->fine + row % FACET__ROWS * facet__fine_row(x->dim);
    struct facet__fine_end end;
    int err = b->map ? facet__index_map_fine(b->map, row, x->dim, own) : FACET_OK;
    if (err)
        return err;
    memcpy(&end, fine + facet__fine_row(x->dim) - sizeof(end), sizeof(end));
    if (!end.sum)
        return FACET_OK;
    if (b->map && end.sum != fine_sum(fine, x->dim, row))
        return facet__index_map_damaged(b->map, row);
    read_coarse(x, row, coarse);
    double cosine = 0;
    for (int i = 0; i < x->dim; i++)
        cosine += (double)query[i] * ((double)coarse[i] + (double)(int8_t)fine[i] / (double)FACET__FINE_STEPS);
    for (int i = 0; i < FACET__CLIPPED; i++)
        if (end.clipped[i].at < x->dim)
            cosine += (double)query[end.clipped[i].at] * (double)end.clipped[i].by / (double)CLIP_STEPS;
    explicit_bzero(coarse, sizeof(coarse));
    explicit_bzero(own, sizeof(own));
    *out = (float)(cosine / (double)x->scale);
    return FACET_OK;
}

size_t facet_index_rows(const struct facet_index *x)
{
    return x->rows;
}

bool facet_index_is_mapped(const struct facet_index *x)
{
    return x->map != NULL;
}

int64_t facet_index_last_template(const struct facet_index *x)
{
    return x->rows ? x->row_blocks[(x->rows - 1) / FACET__ROWS]->template_id[(x->rows - 1) % FACET__ROWS] : 0;
}
