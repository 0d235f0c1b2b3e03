/* The scan of int8 rows by every kind, shared by the test and by the program that runs under an emulator. */
#ifndef FACET_TEST_SCAN_CASES_H
#define FACET_TEST_SCAN_CASES_H

#include "base/scan.h"

/* Compares `ops` with a plain loop over the numbers, on random and extreme vectors of many lengths, group
 * counts and panels. Returns how many cases differ, and calls `say` for each. */
int scan_check(const struct facet_scan_ops *ops, void (*say)(const char *line));

#endif
