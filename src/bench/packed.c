/* What a file comes to when it is sent or stored compressed: what pruning and clustering are for. */
#include "bench/optimise.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define CHUNK (1u << 18)

static int squeeze(int64_t *out, const struct facet_map *m)
{
    z_stream z;
    unsigned char *chunk = malloc(CHUNK);
    memset(&z, 0, sizeof(z));
    if (!chunk || deflateInit(&z, Z_DEFAULT_COMPRESSION) != Z_OK) {
        free(chunk);
        return facet_fail_nomem();
    }
    int state = Z_OK;
    size_t at = 0;
    *out = 0;
    while (state == Z_OK) {
        if (!z.avail_in) {
            size_t left = m->len - at;
            z.next_in = (unsigned char *)m->data + at;
            z.avail_in = (unsigned)(left < (1u << 28) ? left : 1u << 28);
            at += z.avail_in;
        }
        z.next_out = chunk;
        z.avail_out = CHUNK;
        state = deflate(&z, at == m->len ? Z_FINISH : Z_NO_FLUSH);
        *out += CHUNK - z.avail_out;
    }
    deflateEnd(&z);
    free(chunk);
    return state == Z_STREAM_END ? FACET_OK : facet_fail(FACET_E_INTERNAL, "deflate ended with %d", state);
}

int facet_packed_size(int64_t *out, const char *path)
{
    struct facet_map m;
    int err = facet_map_open(&m, path, FACET_MAX_MODEL_FILE);
    if (err)
        return err;
    err = squeeze(out, &m);
    facet_map_close(&m);
    return err;
}
