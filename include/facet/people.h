/* Who is known: a gallery file of people and their templates. */
#ifndef FACET_PEOPLE_H
#define FACET_PEOPLE_H

#include <facet/export.h>
#include <facet/session.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct facet_people;

struct facet_people_options {
    size_t struct_size;
    const char *path;           /* NULL: the default gallery of `facet`; ":memory:" */
    int32_t read_only;          /* 0: made when it is not there */
};
#define FACET_PEOPLE_OPTIONS_INIT { sizeof(struct facet_people_options), NULL, 0 }

struct facet_who {
    char name[128];             /* "" when unknown */
    float cosine;               /* of the best match, whoever it was; -1 when nobody is known */
    float score;                /* calibrated, 0..1 */
    int32_t is_known;
};

/* Borrows the session until close. `o` may be NULL. FACET_E_CONTRACT when the gallery's templates were
 * made by another model. */
FACET_API int facet_people_open(struct facet_people **out, struct facet_session *s, const struct facet_people_options *o);
FACET_API void facet_people_close(struct facet_people **k);

/* Adds the only face of the photo to `name`. FACET_E_NO_FACE, FACET_E_MANY_FACES, FACET_E_QUALITY, or
 * FACET_E_EXISTS when the face is another person's already. Done means on disk. */
FACET_API int facet_people_enrol(struct facet_people *k, const char *name, const struct facet_photo *p);
/* Who is this? Unknown is an answer, not an error. */
FACET_API int facet_people_identify(struct facet_people *k, const float *embedding, struct facet_who *out);
FACET_API int facet_people_delete(struct facet_people *k, const char *name);

/* Calls fn for each person by name until it returns non-zero, and returns that. */
typedef int facet_people_fn(void *ctx, const char *name, int templates);
FACET_API int facet_people_each(struct facet_people *k, facet_people_fn *fn, void *ctx);

#ifdef __cplusplus
}
#endif

#endif
