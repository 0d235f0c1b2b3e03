/* Bytes of a video on their way from one thread to another: a ring with a ceiling. A device's remuxer writes and its HTTP
 * client reads; at the server the route of PUT /v1/cameras/{name}/stream writes and the camera's decoder reads.
 *
 * Shared by count. A ring may be written to by one after the other: each begins, and what an earlier one had not
 * written yet is cut off. Thread-safe. */
#ifndef FACET_DEPLOY_UPLOAD_H
#define FACET_DEPLOY_UPLOAD_H

#include <stddef.h>
#include <stdint.h>

struct facet_upload;

/* `cap` in bytes; 0: 4 MiB. The caller has the first reference. */
int facet_upload_open(struct facet_upload **out, size_t cap);
struct facet_upload *facet_upload_ref(struct facet_upload *u);
void facet_upload_unref(struct facet_upload **u);

/* A new writer: what is left of the one before is thrown away, and the reader is told that its stream ended. Returns its
 * number, which the calls below want: those of an earlier writer are refused with FACET_E_CANCELLED. */
uint64_t facet_upload_begin(struct facet_upload *u);
/* Waits for room. FACET_E_TIMEOUT: the reader takes nothing (nothing was written of what did not fit); FACET_E_CANCELLED:
 * another one began, or the reader is gone for good. */
int facet_upload_write(struct facet_upload *u, uint64_t writer, const void *data, size_t len, unsigned timeout_ms);
/* The stream is whole: the reader gets what is inside, then its end. */
void facet_upload_end(struct facet_upload *u, uint64_t writer);

/* For struct facet_camera_conf: ctx is the ring. Waits a little; FACET_E_AGAIN: nothing yet, ask again; 0: the stream's end, once. */
int facet_upload_read(void *ctx, uint8_t *buf, size_t cap);
/* No reader any more: writers are refused from now on. */
void facet_upload_abandon(struct facet_upload *u);
int64_t facet_upload_bytes(struct facet_upload *u);    /* written so far, by all */

#endif
