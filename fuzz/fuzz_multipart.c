/* Forms from anywhere: parts lie within the body, in order. The first line is the content-type, the rest the body. */
#include "net/http/multipart.h"

#include <facet/error.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct facet_http_multipart m;
    char type[256] = "";
    const uint8_t *line = memchr(data, '\n', size), *at;
    size_t n = line ? (size_t)(line - data) : 0;
    if (!line || n >= sizeof(type))
        return 0;
    memcpy(type, data, n);
    at = line + 1;
    if (facet_http_multipart_parse(&m, type, at, size - n - 1) != FACET_OK)
        return 0;
    for (int i = 0; i < m.n; i++) {
        if (!m.part[i].name[0] || m.part[i].data < at || m.part[i].data + m.part[i].len > data + size)
            abort();
        at = m.part[i].data + m.part[i].len;
    }
    facet_http_multipart_fini(&m);
    return 0;
}
