/* A strict reader of Prometheus' text form, for tests of who writes it. */
#ifndef FACET_TESTS_PROM_H
#define FACET_TESTS_PROM_H

#include <stdbool.h>

/* NULL: well-formed. Every sample belongs to a family begun before it with HELP and TYPE, families are not begun twice nor left
 * and taken up again, no series comes twice, buckets grow up to +Inf, which is the count; names end in their unit. Otherwise what
 * is wrong, in a static buffer. */
const char *prom_check(const char *text);
/* The value of the sample that begins with `series` ("name" or "name{label=\"value\"}") exactly; *found tells whether there is. */
double prom_value(const char *text, const char *series, bool *found);

#endif
