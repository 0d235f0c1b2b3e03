/* Other people's engines in our races, and the lists of words that choose among them. */
#ifndef FACET_BENCH_RIVALS_H
#define FACET_BENCH_RIVALS_H

#include <stdbool.h>
#include <stddef.h>

#define FACET_BENCH_RIVALS 6
extern const char *const facet_bench_rivals[FACET_BENCH_RIVALS];       /* names of back ends; ONNX Runtime is the first */

/* "pnet,rnet": is the word one of the list's? A list of NULL has none. */
bool facet_bench_is_listed(const char *list, const char *word);
/* Each word of the list must be one of `names`: FACET_E_NOT_FOUND "there is no <what> 'word'". */
int facet_bench_check_list(const char *list, const char *const *names, size_t n, const char *what);

#endif
