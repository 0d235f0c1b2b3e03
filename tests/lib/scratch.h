/* A folder for one test, removed with all that is in it. */
#ifndef FACET_TESTS_SCRATCH_H
#define FACET_TESTS_SCRATCH_H

#include "test.h"

#include <stdbool.h>

struct scratch { char dir[256]; };

void scratch_open(struct scratch *s);
void scratch_close(struct scratch *s);
/* "<dir>/name", in a ring of sixteen buffers: good until sixteen more were asked for. */
const char *scratch_path(const struct scratch *s, const char *name);
void scratch_write(const struct scratch *s, const char *name, const char *text);

#endif
