/* What holds for event stores of either kind: run by test_events.c over SQLite, and over PostgreSQL in tests/live. */
#ifndef FACET_TEST_EVENTS_CASES_H
#define FACET_TEST_EVENTS_CASES_H

#include "test.h"

/* Where the store under test is: a path or URL, empty before each test. The setup of each test sets it. */
struct store_place { char where[512]; char dir[256]; };

extern const struct CMUnitTest events_cases[];
extern const size_t n_events_cases;
/* Called around each case: makes an empty place, as *state. */
extern int (*events_place_open)(void **state);
extern int (*events_place_close)(void **state);

#endif
