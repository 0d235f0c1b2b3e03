/* Failing on demand. Link `dep_fault` (tests/fault/meson.build) and every malloc, calloc, realloc,
 * aligned_alloc, posix_memalign, strdup, strndup and pthread_create that *our* code calls goes through
 * here; libraries are not touched (the linker's --wrap works on what is linked statically, so it also
 * works with the sanitizers). A library with allocator hooks can be given fault_malloc and fault_free.
 *
 * A test is one function that does the whole thing, opening and closing:
 *
 *     static int load(void *ctx)
 *     {
 *         struct facet_yaml *y;
 *         int err = facet_yaml_load(&y, ctx);
 *         facet_yaml_free(&y);
 *         return err;
 *     }
 *     assert_int_equal(fault_loop(load, "x.yaml"), 0);
 *
 * fault_loop calls it with the first request failing, then the second, and so on until a call in which
 * none failed. After each call nothing may be left: no memory, no open file. A call in which a request
 * failed must return FACET_E_NOMEM (FACET_E_LIMIT for a thread), or FACET_OK when it can do without. */
#ifndef FACET_TEST_FAULT_H
#define FACET_TEST_FAULT_H

#include <stddef.h>

typedef int fault_fn(void *ctx);

/* Returns how many calls said FACET_OK although a request failed: usually to be compared with 0.
 * Fails the running cmocka test on everything else that is wrong. */
unsigned fault_loop(fault_fn *fn, void *ctx);
/* The same, where any error code will do: for libraries that call a lack of memory something else. */
unsigned fault_loop_any_code(fault_fn *fn, void *ctx);

/* Requests that our code made so far, on all threads; what a step without allocation leaves as it is. */
unsigned long fault_requests(void);

void *fault_malloc(size_t size);
void fault_free(void *p);

#endif
