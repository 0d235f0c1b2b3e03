/* Facet: finds and recognises faces. One include for the whole library.
 *
 *   struct facet_session *s;       models, opened once (session.h)
 *   struct facet_photo *p;         a picture in memory (photo.h)
 *   struct facet_people *known;    who is known (people.h)
 *   struct facet_stream *seen;     pictures that follow each other, faces followed and named (stream.h)
 *
 * Functions return FACET_OK or a negative FACET_E_* (error.h); facet_error_text() explains the calling
 * thread's last failure. What an `..._open` or `..._read` gives is closed by `..._close`, which takes
 * NULL and leaves NULL. Options structs begin with `struct_size`, which their INIT macro sets: a
 * program built against this version keeps working when later versions add fields at the end. */
#ifndef FACET_FACET_H
#define FACET_FACET_H

#include <facet/error.h>
#include <facet/people.h>
#include <facet/photo.h>
#include <facet/session.h>
#include <facet/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0", of the library that runs. */
FACET_API const char *facet_version(void);

#ifdef __cplusplus
}
#endif

#endif
