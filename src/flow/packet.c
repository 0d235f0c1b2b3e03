#include "flow/packet.h"

#include "base/errors.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_REST 600 /* packets that a chip's memory waits for, before it is let go */

const char *const facet_step_names[FACET_STEPS] = {
    [FACET_STEP_INGEST] = "ingest",   [FACET_STEP_DETECT] = "detect",
    [FACET_STEP_TRACK] = "track",     [FACET_STEP_ALIGN] = "align",
    [FACET_STEP_EMBED] = "embed",     [FACET_STEP_IDENTIFY] = "identify",
    [FACET_STEP_PUBLISH] = "publish",
};

/* Embeddings lie in one block behind the packet's back: faces may be swapped, and their pointers
 * with them, so the block's start is kept apart. */
struct packet_slot {
    struct facet_packet packet; /* first: the public part */
    float *embeddings;
};

int facet_packet_open(struct facet_packet **out, int dim)
{
    *out = NULL;
    if (dim < 0 || dim > FACET_MAX_EMBEDDING)
        return facet_fail(FACET_E_INVALID, "an embedding has 0 to %d numbers, not %d",
                          FACET_MAX_EMBEDDING, dim);
    struct packet_slot *s = calloc(1, sizeof(*s));
    int err = s ? FACET_OK : facet_fail_nomem();
    if (!err && !(s->packet.faces = calloc(FACET_MAX_FACES, sizeof(*s->packet.faces))))
        err = facet_fail_nomem();
    if (!err && dim &&
        !(s->embeddings = calloc((size_t)FACET_MAX_FACES * (size_t)dim, sizeof(float))))
        err = facet_fail_nomem();
    for (int i = 0; !err && dim && i < FACET_MAX_FACES; i++)
        s->packet.faces[i].embedding = s->embeddings + (size_t)i * (size_t)dim;
    struct facet_packet *p = s ? &s->packet : NULL;
    if (err)
        facet_packet_close(&p);
    *out = p;
    return err;
}

void facet_packet_close(struct facet_packet **pp)
{
    struct facet_packet *p = *pp;
    *pp = NULL;
    if (!p)
        return;
    facet_frame_unref(&p->frame);
    for (int i = 0; p->faces && i < FACET_MAX_FACES; i++)
        facet_image_fini(&p->faces[i].chip);
    for (int i = 0; i < FACET_SPARE_CHIPS; i++)
        facet_image_fini(&p->spare[i].image);
    free(p->faces);
    free(((struct packet_slot *)p)->embeddings);
    free(p);
}

static void keep_chip(struct facet_packet *p, struct facet_face *f)
{
    for (int i = 0; f->chip.data && i < FACET_SPARE_CHIPS; i++) {
        struct facet_chip_memory *m = &p->spare[i];
        if (m->image.data)
            continue;
        *m = (struct facet_chip_memory){.image = f->chip, .cap = f->chip_cap};
        f->chip.data = NULL;
    }
    facet_image_fini(&f->chip);
}

static void let_go_of_rested(struct facet_packet *p)
{
    for (int i = 0; i < FACET_SPARE_CHIPS; i++)
        if (p->spare[i].image.data && ++p->spare[i].rested > LONGEST_REST)
            facet_image_fini(&p->spare[i].image);
}

void facet_packet_reset(struct facet_packet *p)
{
    facet_frame_unref(&p->frame);
    let_go_of_rested(p);
    for (int i = 0; i < FACET_MAX_FACES; i++) {
        struct facet_face *f = &p->faces[i];
        keep_chip(p, f);
        *f = (struct facet_face){.embedding = f->embedding};
    }
    struct facet_packet kept = {.faces = p->faces};
    memcpy(kept.spare, p->spare, sizeof(kept.spare));
    *p = kept;
}

int facet_packet_chip(struct facet_packet *p, struct facet_face *f, enum facet_pixel format, int width, int height)
{
    for (int i = 0; !f->chip.data && i < FACET_SPARE_CHIPS; i++) {
        f->chip = p->spare[i].image;
        f->chip_cap = p->spare[i].cap;
        p->spare[i] = (struct facet_chip_memory){.cap = 0};
    }
    return facet_image_reserve(&f->chip, &f->chip_cap, format, width, height);
}
