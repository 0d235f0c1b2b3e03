/* Files that come with the program: <prefix>/share/facet when it is installed, web/ of the build folder or bench/ of the source
 * tree when it is not. */
#ifndef FACET_BASE_SHARE_H
#define FACET_BASE_SHARE_H

#include <stddef.h>

/* $FACET_SHARE, when set, is looked in first. FACET_E_NOT_FOUND says what is missing. */
int facet_share_find(char *out, size_t cap, const char *name);

#endif
