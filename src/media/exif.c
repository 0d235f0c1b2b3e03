/* EXIF 2.32: the orientation (tag 274) out of a JPEG's APP1 segment, nothing else. Whatever is not
 * as it should be means "upright": a picture is not refused for its description. */
#include "media/picture_priv.h"

#include <string.h>

#define TAG_ORIENTATION 274
#define TYPE_SHORT 3

struct tiff {
    const uint8_t *data;
    size_t len;
    bool is_big;
};

static unsigned tiff_u16(const struct tiff *t, size_t at)
{
    return t->is_big ? facet__be16(t->data + at) : facet__le16(t->data + at);
}

static uint32_t tiff_u32(const struct tiff *t, size_t at)
{
    const uint8_t *p = t->data + at;
    return t->is_big ? (uint32_t)facet__be16(p) << 16 | facet__be16(p + 2) : facet__le32(p);
}

static int orientation_of(const struct tiff *t, size_t entry)
{
    if (tiff_u16(t, entry) != TAG_ORIENTATION || tiff_u16(t, entry + 2) != TYPE_SHORT ||
        tiff_u32(t, entry + 4) != 1)
        return 0;
    unsigned value = tiff_u16(t, entry + 8);
    return value >= 1 && value <= 8 ? (int)value : 0;
}

static int tiff_orientation(const uint8_t *data, size_t len)
{
    struct tiff t = {data, len, false};
    if (len < 8 || (memcmp(data, "II*\0", 4) != 0 && memcmp(data, "MM\0*", 4) != 0))
        return 1;
    t.is_big = data[0] == 'M';
    size_t at = tiff_u32(&t, 4);
    if (at > len || len - at < 2)
        return 1;
    unsigned count = tiff_u16(&t, at);
    at += 2;
    for (unsigned i = 0; i < count && len - at >= 12; i++, at += 12) {
        int found = orientation_of(&t, at);
        if (found)
            return found;
    }
    return 1;
}

int facet__exif_orientation(const uint8_t *jpeg, size_t len)
{
    size_t at = 2;
    while (len >= 4 && at <= len - 4 && jpeg[at] == 0xff) {
        unsigned marker = jpeg[at + 1];
        if (marker == 0xff) { /* padding */
            at++;
            continue;
        }
        if (marker == 0xda || marker == 0xd9 || (marker >= 0xd0 && marker <= 0xd8))
            return 1; /* the pixels begin, or it is no list of segments */
        size_t size = facet__be16(jpeg + at + 2);
        if (size < 2 || size > len - at - 2)
            return 1;
        const uint8_t *body = jpeg + at + 4;
        if (marker == 0xe1 && size >= 8 && memcmp(body, "Exif\0\0", 6) == 0)
            return tiff_orientation(body + 6, size - 8);
        at += 2 + size;
    }
    return 1;
}
