/* Any bytes as a picture: probed, decoded, and turned upright. The corpus is 48 x 32 pixels of 24
 * colours (red = x / 8 * 40, green = y / 8 * 60, blue = 128), written by Pillow and OpenCV. */
#include "media/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct facet_picture_info info;
    struct facet_image img;
    /* A few bytes may ask for a hundred million pixels; that is allowed, and slow. */
    if (facet_picture_probe(&info, data, size, "fuzz") == 0 &&
        (size_t)info.width * (size_t)info.height < (1u << 20) &&
        facet_picture_decode(&img, data, size, "fuzz") == 0)
        facet_image_fini(&img);
    return 0;
}
