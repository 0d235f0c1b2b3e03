#include "engine/pack.h"

#include "base/errors.h"

#include <stdlib.h>
#include <string.h>

#define ALIGN 64

struct blob {
    struct blob *next;
    size_t bytes;
    unsigned char *data;
};

struct facet_pack {
    struct blob *first, **last;
    size_t bytes;
};

int facet_pack_new(struct facet_pack **out)
{
    struct facet_pack *p = calloc(1, sizeof(*p));
    *out = p;
    if (!p)
        return facet_fail_nomem();
    p->last = &p->first;
    return FACET_OK;
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
    free(p);
    *pack = NULL;
}

int facet_pack_blob(struct facet_pack *p, size_t bytes, void **data, bool *fresh)
{
    size_t room = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    struct blob *b = calloc(1, sizeof(*b));
    unsigned char *mem = b ? aligned_alloc(ALIGN, room ? room : ALIGN) : NULL;
    if (!mem) {
        free(b);
        return facet_fail_nomem();
    }
    memset(mem, 0, room ? room : ALIGN);
    *b = (struct blob){.bytes = bytes, .data = mem};
    *p->last = b;
    p->last = &b->next;
    p->bytes += room;
    *data = mem;
    *fresh = true;
    return FACET_OK;
}

size_t facet_pack_bytes(const struct facet_pack *p)
{
    return p ? p->bytes : 0;
}
