#ifndef FACET_API_PHOTO_PRIV_H
#define FACET_API_PHOTO_PRIV_H

#include "image/image.h"

#include <facet/photo.h>

struct facet_photo {
    struct facet_image image;      /* RGB24, owned */
};

#endif
