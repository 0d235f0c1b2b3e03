#include "store/rules.h"

#include "base/errors.h"
#include "base/limits.h"
#include "base/utf8.h"

#include <math.h>
#include <string.h>

int facet__check_name(const char *name)
{
    size_t len = name ? strlen(name) : 0;
    if (!len)
        return facet_fail(FACET_E_INVALID, "a name must not be empty");
    if (len >= FACET_MAX_NAME)
        return facet_fail(FACET_E_INVALID, "the name '%.40s...' is longer than %d bytes", name, FACET_MAX_NAME - 1);
    if (name[0] == ' ' || name[len - 1] == ' ')
        return facet_fail(FACET_E_INVALID, "the name '%s' begins or ends with a space", name);
    if (!strcmp(name, "unknown"))
        return facet_fail(FACET_E_INVALID, "the name 'unknown' is kept for strangers, choose another");
    for (const unsigned char *s = (const unsigned char *)name; *s;) {
        uint32_t c = 0;
        int n = facet_utf8_next(s, &c);
        if (!n)
            return facet_fail(FACET_E_INVALID, "the name is not valid UTF-8 at byte %zu",
                              (size_t)(s - (const unsigned char *)name));
        if (facet_utf8_is_hidden(c))
            return facet_fail(FACET_E_INVALID, "the name holds the control character U+%04X", c);
        s += n;
    }
    return FACET_OK;
}

int facet__check_embedding(const float *embedding, int dim)
{
    double sum = 0;
    for (int i = 0; i < dim; i++) {
        if (!isfinite(embedding[i]))
            return facet_fail(FACET_E_INVALID, "number %d of the embedding is not finite", i);
        sum += (double)embedding[i] * embedding[i];
    }
    double length = sqrt(sum);
    if (fabs(length - 1) > (double)FACET_NORM_TOLERANCE)
        return facet_fail(FACET_E_INVALID, "the embedding has length %.4g instead of 1", length);
    return FACET_OK;
}

bool facet__is_sha256(const char *text)
{
    return text && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

uint64_t facet__checksum(uint64_t seed, const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t h = seed ^ 0x9e3779b97f4a7c15u ^ len;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t w = 0;
        for (size_t j = 0; j < 8 && i + j < len; j++)
            w |= (uint64_t)p[i + j] << 8 * j;
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return h;
}
