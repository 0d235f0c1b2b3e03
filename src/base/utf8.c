#include "base/utf8.h"

int facet_utf8_next(const unsigned char *s, uint32_t *point)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (s[0] < 0x80)
        return *point = s[0], 1;
    int n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    uint32_t v = s[0] & (0x7fu >> n);
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (s[i] & 0x3fu);
    }
    if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
        return 0;
    *point = v;
    return n;
}

bool facet_utf8_is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

/* A sequence is at most four bytes: what is near the end is looked at in a copy with a NUL behind. */
bool facet_utf8_is_valid(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned char four[5] = {0};
        uint32_t point = 0;
        for (size_t j = 0; j < 4 && i + j < len; j++)
            four[j] = (unsigned char)text[i + j];
        int n = facet_utf8_next(four, &point);
        if (!n || !point)
            return false;
        i += (size_t)n;
    }
    return true;
}

bool facet_utf8_is_plain(const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        uint32_t point = 0;
        int n = facet_utf8_next(s, &point);
        if (!n || facet_utf8_is_hidden(point))
            return false;
        s += n;
    }
    return true;
}
