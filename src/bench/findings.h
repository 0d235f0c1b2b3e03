/* Faces that a run found, frame by frame, and how many of them another found, too. */
#ifndef FACET_BENCH_FINDINGS_H
#define FACET_BENCH_FINDINGS_H

#include "flow/packet.h"

#define FACET_FINDINGS_IOU 0.9f        /* faces that overlap by this are the same */

struct facet_found { int64_t frame; struct facet_box box; };
/* All zero is empty; `at` is the owner's to free. */
struct facet_findings { struct facet_found *at; size_t n, cap; int err; };

/* Adds a packet's faces. ctx: struct facet_findings, whose `err` tells the first failure. */
void facet_findings_note(void *ctx, const struct facet_packet *p);
/* Faces of `a` that are in `b`, too; each of b serves once. Both are in the order of their frames. */
size_t facet_findings_same(const struct facet_findings *a, const struct facet_findings *b);

#endif
