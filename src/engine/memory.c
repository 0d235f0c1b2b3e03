/* The arena: its layout (largest buffers first, each in the lowest gap that is free during its life) and its memory. */
#include "base/errors.h"
#include "engine/plan_priv.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALIGN 64
#define MAX_REUSED 8192 /* above it the walk over pairs would cost more than it saves */

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static bool before(const struct facet__buffer *a, const struct facet__buffer *b)
{
    return a->bytes != b->bytes ? a->bytes > b->bytes : a->first < b->first;
}

/* Heap sort of numbers by buffer: no allocation, no recursion, same order everywhere. */
static void sift(int *order, int n, int at, const struct facet__buffer *b)
{
    for (int child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && before(&b[order[child]], &b[order[child + 1]]))
            child++;
        if (!before(&b[order[at]], &b[order[child]]))
            return;
        int t = order[at];
        order[at] = order[child];
        order[child] = t;
    }
}

static void sort(int *order, int n, const struct facet__buffer *b)
{
    for (int i = 0; i < n; i++)
        order[i] = i;
    for (int i = n / 2 - 1; i >= 0; i--)
        sift(order, n, i, b);
    for (int end = n - 1; end > 0; end--) {
        int t = order[0];
        order[0] = order[end];
        order[end] = t;
        sift(order, end, 0, b);
    }
}

static bool live_together(const struct facet__buffer *a, const struct facet__buffer *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset where `at` fits among the placed ones: bump past each clash until none is left. */
static size_t lowest_gap(const struct facet__buffer *b, const int *order, int placed, const struct facet__buffer *at)
{
    size_t offset = 0, need = rounded(at->bytes);
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < placed; i++) {
            const struct facet__buffer *o = &b[order[i]];
            size_t end = o->offset + rounded(o->bytes);
            if (live_together(o, at) && offset < end && o->offset < offset + need) {
                offset = end;
                moved = true;
            }
        }
    }
    return offset;
}

size_t facet__memory_plan(struct facet__buffer *b, int n, int *order, bool reuse)
{
    size_t total = 0;
    sort(order, n, b);
    for (int i = 0; i < n; i++) {
        struct facet__buffer *at = &b[order[i]];
        if (at->bytes == 0) {
            at->offset = 0;
            continue;
        }
        at->offset = reuse && n <= MAX_REUSED ? lowest_gap(b, order, i, at) : total;
        size_t end = at->offset + rounded(at->bytes);
        total = end > total ? end : total;
    }
    return total;
}

/* ---- memory ---- */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23           /* Linux 5.14; older ones refuse it */
#endif
#define POPULATE_LEAST (128u << 10)
#define POPULATE_MOST ((size_t)64 << 20)
#define LOOK_AFTER 32                    /* bindings */

/* All of it is about to be written: asking for the pages at once costs a quarter of faulting them in one by one. */
void facet__arena_populate(struct facet_exec *e)
{
    unsigned char *at = e->arena;
    size_t bytes = e->arena_cap;
    e->is_untouched = false;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)at + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)at + bytes) / page * page;
    if (bytes >= POPULATE_LEAST && bytes <= POPULATE_MOST && end > begin)
        (void)madvise((void *)begin, end - begin, MADV_POPULATE_WRITE);
}

/* What one large picture took is given back when all of the last bindings needed less than half of it. */
static bool is_too_large(struct facet_exec *e, size_t need)
{
    e->lately = need > e->lately ? need : e->lately;
    if (++e->bindings < LOOK_AFTER)
        return false;
    bool too_large = e->lately < e->arena_cap / 2;
    e->bindings = 0;
    e->lately = need;
    return too_large;
}

int facet__arena_fit(struct facet_exec *e, size_t need)
{
    size_t lately = e->lately > need ? e->lately : need;
    bool shrink = is_too_large(e, need);
    if (need <= e->arena_cap && !shrink)
        return FACET_OK;
    size_t cap = rounded(shrink ? lately : need);
    free(e->arena);
    e->arena_cap = 0;
    e->arena = aligned_alloc(ALIGN, cap);
    if (!e->arena)
        return facet_fail_nomem();
    e->is_untouched = true;
    e->arena_cap = cap;
    return FACET_OK;
}
