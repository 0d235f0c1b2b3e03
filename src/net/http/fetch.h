/* Downloads, through the module facet-curl.so (libcurl), opened on first use. Connections are kept
 * between calls; a partial file is resumed; a stalled one is retried with growing pauses; the offline
 * message names host and what else can be done. */
#ifndef FACET_NET_HTTP_FETCH_H
#define FACET_NET_HTTP_FETCH_H

#include <stdint.h>

struct facet_fetch;
/* Called as bytes arrive and while waiting; total -1: not known. Non-zero cancels. */
typedef int facet_fetch_progress_fn(void *ctx, int64_t done, int64_t total);
struct facet_fetch_opts {
    unsigned retries;              /* 0: 3; tries in a row that bring nothing new */
    unsigned stall_s;              /* 0: 20; seconds below 1 byte/s until given up and retried */
    unsigned connect_s;            /* 0: 15 */
    unsigned pause_ms;             /* 0: 500; before the first retry, then doubled */
    int64_t max_bytes;             /* 0: FACET_MAX_MODEL_FILE */
    const char *allow;             /* protocols; NULL: "https" and, for loopback hosts, "http" */
    facet_fetch_progress_fn *progress; void *ctx;
};
#define FACET_FETCH_OPTS_INIT { 0 }
/* FACET_E_UNSUPPORTED when the module cannot be opened, with what to install. */
int facet_fetch_open(struct facet_fetch **out, const struct facet_fetch_opts *o);
void facet_fetch_close(struct facet_fetch **f);

/* Writes to `path`.part and renames when its SHA-256 is `sha256` (FACET_E_HASH otherwise, and the
 * part is removed; a part left by an earlier process that turns out to be another file is fetched
 * anew first). A part that was cut off stays, for the next call to resume.
 * One call at a time per struct facet_fetch. */
int facet_fetch_file(struct facet_fetch *f, const char *url, const char *path, const char *sha256);

#endif
