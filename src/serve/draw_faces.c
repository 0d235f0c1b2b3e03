#include "serve/live.h"

#include "image/draw.h"

#include <stdio.h>

static struct facet_color color_of(const struct facet_identity *id)
{
    return id->decision == FACET_KNOWN     ? (struct facet_color){43, 212, 168}
           : id->decision == FACET_UNKNOWN ? (struct facet_color){255, 176, 32}
                                           : (struct facet_color){159, 180, 199};
}

void facet__draw_faces(struct facet_image *img, const struct facet_face *faces, int n)
{
    static const struct facet_color back = {8, 20, 26}, white = {255, 255, 255};
    int scale = img->width >= 1600 ? 2 : 1;
    for (int i = 0; i < n; i++) {
        const struct facet_face *f = &faces[i];
        char text[FACET_MAX_NAME + 32];
        facet_draw_rect(img, f->box, 1 + scale, color_of(&f->identity));
        if (f->identity.decision == FACET_KNOWN)
            snprintf(text, sizeof(text), "%s %.2f", f->identity.name, (double)f->identity.score);
        else
            snprintf(text, sizeof(text), "%s", f->identity.decision == FACET_UNKNOWN ? "unknown" : "?");
        facet_draw_text(img, (int)f->box.x1, (int)f->box.y1 - 16 * scale - 1, scale, text, white, &back);
    }
}
