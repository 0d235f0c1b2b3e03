/* Real weights and pictures for tests: from $FACET_MIRROR, or ../shared beside the tree. */
#ifndef FACET_TESTS_REAL_H
#define FACET_TESTS_REAL_H

#include "test.h"

#include "image/image.h"
#include "models/models.h"

/* A file or folder below the mirror's data/ ("group/t1.jpg"), in a ring of eight buffers. Fails the
 * test with what to do when it is not there. */
const char *real_data(const char *name);
/* The model's entry, pulled from the mirror into the build's own models folder by whoever comes first.
 * Lives until the program ends. */
const struct facet_model_spec *real_model(const char *name);
/* The picture, decoded; facet_image_fini it. */
struct facet_image real_picture(const char *name);
/* Fails the test with the error's text when err is one. */
#define assert_ok(err) real_assert_ok((err), __FILE__, __LINE__)
void real_assert_ok(int err, const char *file, int line);

/* A row of a reference table: "name x1 y1 x2 y2 score" and ten coordinates, parted by tabs. */
struct real_face { char picture[128]; float v[15]; };
/* All rows of the table; caller frees. */
struct real_face *real_table(const char *path, size_t *n);

#endif
