/* Recognition and plain models for many requests at once: requests wait in one bounded queue; the embeddings of those that are
 * there within `deadline_ms` go through the network as one batch. Time in the queue and time of computing are told apart. Thread-safe. */
#ifndef FACET_DEPLOY_ENGINE_ROOM_H
#define FACET_DEPLOY_ENGINE_ROOM_H

#include "deploy/recogniser.h"
#include "engine/tensor.h"

struct facet_engine_room;
struct facet_engine_room_opts {
    const char *detector, *recogniser, *backend, *contract;
    unsigned detectors;            /* at once; 0: 2 */
    unsigned threads;              /* of the embedder; 0: all */
    int max_batch; double deadline_ms;     /* 0: 16, 4 */
    unsigned max_waiting;          /* requests; 0: 64. More: FACET_E_AGAIN (503) */
};
struct facet_face_list { struct facet_recognised *faces; int n, dim; uint64_t queued_ns, detect_ns, embed_ns; void *memory; };

int facet_engine_room_open(struct facet_engine_room **out, const struct facet_engine_room_opts *o);
void facet_engine_room_close(struct facet_engine_room **r);
/* Faces of a picture, largest first, with embeddings when asked for. The list is the caller's. */
int facet_engine_room_faces(struct facet_engine_room *r, const struct facet_image *img, bool embed, struct facet_face_list *out);
/* Chips (RGB24 of the model's size) to unit vectors: how hybrid's server embeds, too. */
int facet_engine_room_embed(struct facet_engine_room *r, const struct facet_image *const *chips, int n, float *out);
void facet_face_list_fini(struct facet_face_list *l);
const struct facet_model_spec *facet_engine_room_model(const struct facet_engine_room *r);
const char *facet_engine_room_contract(const struct facet_engine_room *r);

#endif
