#ifndef FACET_BASE_X86_SCAN_H
#define FACET_BASE_X86_SCAN_H

#include "base/scan.h"

extern const struct facet_scan_ops facet_scan_avx2;
extern const struct facet_scan_ops facet_scan_avx512;          /* F and BW */
extern const struct facet_scan_ops facet_scan_avx512_vnni;

#endif
