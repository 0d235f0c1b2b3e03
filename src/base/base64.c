#include "base/base64.h"

#include "base/errors.h"

#include <string.h>

static const char digits[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void facet_base64_encode(char *out, const void *data, size_t len)
{
    const uint8_t *in = data;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)in[i] << 16;
        v |= i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0;
        v |= i + 2 < len ? in[i + 2] : 0;
        *out++ = digits[v >> 18];
        *out++ = digits[v >> 12 & 63];
        *out++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
        *out++ = i + 2 < len ? digits[v & 63] : '=';
    }
    *out = '\0';
}

/* 0..63, or -1. */
static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters to one to three bytes; `n` characters of them count. */
static int decode_group(uint8_t out[3], const char *text, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < 4; i++) {
        int d = i < n ? digit(text[i]) : 0;
        if (d < 0)
            return facet_fail(FACET_E_FORMAT, "byte 0x%02x is no base64", (unsigned char)text[i]);
        v = v << 6 | (uint32_t)d;
    }
    if ((n == 2 && v & 0xffff) || (n == 3 && v & 0xff))
        return facet_fail(FACET_E_FORMAT, "base64 ends with stray bits");
    out[0] = (uint8_t)(v >> 16), out[1] = (uint8_t)(v >> 8), out[2] = (uint8_t)v;
    return FACET_OK;
}

int facet_base64_decode(void *out, size_t cap, size_t *len, const char *text)
{
    size_t chars = strlen(text), used = 0;
    *len = 0;
    if (chars % 4)
        return facet_fail(FACET_E_FORMAT, "base64 of %zu characters is cut off", chars);
    for (size_t i = 0; i < chars; i += 4) {
        size_t n = 4;
        if (i + 4 == chars && text[i + 3] == '=')
            n = text[i + 2] == '=' ? 2 : 3;
        uint8_t bytes[3];
        int err = decode_group(bytes, text + i, n);
        if (err)
            return err;
        if (n - 1 > cap - used)
            return facet_fail(FACET_E_LIMIT, "base64 holds more than %zu bytes", cap);
        memcpy((uint8_t *)out + used, bytes, n - 1);
        used += n - 1;
    }
    *len = used;
    return FACET_OK;
}
