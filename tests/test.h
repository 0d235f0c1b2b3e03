/* What every test includes: cmocka and the headers it wants first. */
#ifndef FACET_TEST_H
#define FACET_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
