#ifndef FACET_BASE_X86_DOT_H
#define FACET_BASE_X86_DOT_H

#include "base/dot.h"

extern const struct facet_dot_ops facet_dot_avx2;      /* AVX2 with FMA */
extern const struct facet_dot_ops facet_dot_avx512;    /* AVX-512 F and BW */

#endif
