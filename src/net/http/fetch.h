/* Downloads, through the module facet-curl.so (libcurl), opened on first use. Connections are kept
 * between calls; a partial file is resumed; a stalled one is retried with growing pauses; the offline
 * message names host and what else can be done. */
#ifndef FACET_NET_HTTP_FETCH_H
#define FACET_NET_HTTP_FETCH_H

#include <stdint.h>

struct facet_fetch;
typedef int facet_fetch_progress_fn(void *ctx, int64_t done, int64_t total);    /* non-zero cancels */
struct facet_fetch_opts {
    unsigned retries;              /* 0: 3 */
    unsigned stall_s;              /* 0: 20; seconds below 1 byte/s until given up and retried */
    unsigned connect_s;            /* 0: 15 */
    int64_t max_bytes;             /* 0: FACET_MAX_MODEL_FILE */
    const char *allow;             /* protocols; NULL: "https" and, for loopback hosts, "http" */
    facet_fetch_progress_fn *progress; void *ctx;
};
#define FACET_FETCH_OPTS_INIT { 0 }
int facet_fetch_open(struct facet_fetch **out, const struct facet_fetch_opts *o);
void facet_fetch_close(struct facet_fetch **f);
/* Writes to `path`.part and renames when its SHA-256 is `sha256` (FACET_E_HASH otherwise, and the
 * part is removed). */
int facet_fetch_file(struct facet_fetch *f, const char *url, const char *path, const char *sha256);

#endif
