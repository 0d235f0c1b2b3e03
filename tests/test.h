/* What every test includes: cmocka and the headers it wants first. */
#ifndef FACET_TEST_H
#define FACET_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Whether this build has a sanitizer: then everything is several times as dear, and some libraries cannot be had. */
static inline bool test_is_sanitized(void)
{
    const char *kind = getenv("FACET_TEST_SANITIZE");
    return kind && *kind && strcmp(kind, "none") != 0;
}

#endif
