#include "bench/findings.h"

#include "base/errors.h"

#include <stdlib.h>

#define MAX_BOXES 2000000

void facet_findings_note(void *ctx, const struct facet_packet *p)
{
    struct facet_findings *f = ctx;
    for (int i = 0; i < p->n_faces && p->frame && !f->err; i++) {
        if (f->n == f->cap) {
            size_t cap = f->cap ? 2 * f->cap : 1024;
            struct facet_found *more = cap <= MAX_BOXES ? realloc(f->at, cap * sizeof(*more)) : NULL;
            f->err = more ? FACET_OK : FACET_E_NOMEM;
            f->at = more ? more : f->at;
            f->cap = more ? cap : f->cap;
        }
        if (!f->err)
            f->at[f->n++] = (struct facet_found){ p->frame->index, p->faces[i].box };
    }
}

size_t facet_findings_same(const struct facet_findings *a, const struct facet_findings *b)
{
    size_t same = 0, from = 0;
    unsigned char *taken = calloc(b->n + 1, 1);
    for (size_t i = 0; taken && i < a->n; i++) {
        size_t best = b->n;
        float best_iou = FACET_FINDINGS_IOU;
        while (from < b->n && b->at[from].frame < a->at[i].frame)
            from++;
        for (size_t j = from; j < b->n && b->at[j].frame == a->at[i].frame; j++) {
            float iou = taken[j] ? 0 : facet_box_iou(a->at[i].box, b->at[j].box);
            if (iou >= best_iou)
                best = j, best_iou = iou;
        }
        if (best < b->n)
            same++, taken[best] = 1;
    }
    free(taken);
    return same;
}
