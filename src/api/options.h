/* Options structs of other versions. */
#ifndef FACET_API_OPTIONS_H
#define FACET_API_OPTIONS_H

#include <stddef.h>

/* Copies a caller's options (NULL: all zero) into `mine` of `size` bytes, zeroed first. A caller of a
 * later version may have more fields: as long as those are zero nothing is lost, otherwise it is
 * FACET_E_UNSUPPORTED. A struct_size smaller than itself is FACET_E_INVALID. */
int facet__options_take(void *mine, size_t size, const void *theirs);

#endif
