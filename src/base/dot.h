/* Dot products of long vectors: what a search over embeddings is made of. The C pair is the meaning;
 * x86/ and arm/ hold faster ones, chosen by CPU flag. */
#ifndef FACET_BASE_DOT_H
#define FACET_BASE_DOT_H

#include <stddef.h>
#include <stdint.h>

struct facet_dot_ops {
    const char *name;                                                /* as facet_cpu_kind names it */
    float (*f32)(const float *a, const float *b, size_t n);          /* sums in any order */
    int32_t (*i8)(const int8_t *a, const int8_t *b, size_t n);       /* exact for n up to 131072 */
};

extern const struct facet_dot_ops facet_dot_c;

/* The fastest pair that these flags (facet_cpu_flags) allow; never NULL. */
const struct facet_dot_ops *facet_dot_for(uint32_t flags);

#endif
