/* Requests from anywhere: head, address and chunks. However the chunks are cut, the body is the same; what an address says stays
 * below the root. */
#include "net/http/head.h"
#include "net/http/target.h"

#include <facet/error.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The sum of the body's bytes, with pieces of `step`; -1: refused, or not at its end. */
static int64_t read_chunks(const uint8_t *data, size_t size, size_t step)
{
    struct facet_http_chunks c = FACET_HTTP_CHUNKS_INIT;
    int64_t sum = 0;
    for (size_t at = 0; at < size && !c.is_done;) {
        const uint8_t *piece;
        size_t len, n = size - at < step ? size - at : step;
        int64_t took = facet_http_chunks_read(&c, data + at, n, &piece, &len);
        if (took < 0)
            return -1;
        if ((size_t)took > n || (!took && n) || (len && (piece < data || piece + len > data + size)))
            abort();
        for (size_t i = 0; i < len; i++)
            sum += piece[i] + 1;
        at += (size_t)took;
    }
    return c.is_done ? sum : -1;
}

static void check_target(const char *raw)
{
    struct facet_http_target t;
    if (facet_http_target_parse(&t, raw))
        return;
    for (int i = 0; i < t.n_segments; i++)
        if (!strcmp(t.segment[i], "..") || !strcmp(t.segment[i], "."))
            abort();
    for (int i = 0; i < t.n_query; i++)
        if (strlen(t.query[i].name) + strlen(t.query[i].value) > strlen(raw))
            abort();
    facet_http_target_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct facet_http_head h = { .n = 0 };
    int status = 0;
    const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
    size_t head = end ? (size_t)(end - data) + 4 : size;
    if (facet_http_head_parse(&h, (const char *)data, head, &status) == FACET_OK)
        check_target(facet_http_head_target(&h));
    else if (status < 400)
        abort();
    facet_http_head_fini(&h);
    if (read_chunks(data + head, size - head, size + 1) != read_chunks(data + head, size - head, 1))
        abort();
    return 0;
}
