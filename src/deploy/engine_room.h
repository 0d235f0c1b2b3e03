/* Recognition for many requests at once: requests wait in one bounded line; each detector takes one at a time, and the
 * embeddings of those that are there within `deadline_ms` go through the network as one batch. Time of waiting and time of
 * computing are told apart. The answers are those of facet_recogniser. Thread-safe. */
#ifndef FACET_DEPLOY_ENGINE_ROOM_H
#define FACET_DEPLOY_ENGINE_ROOM_H

#include "deploy/recogniser.h"
#include "measure/measure.h"

struct facet_engine_room;
struct facet_engine_room_opts {
    const char *detector, *recogniser, *backend, *contract;     /* as in facet_recogniser_opts */
    bool strict;
    int min_face;
    unsigned detectors;            /* at once; 0: 2 */
    unsigned threads;              /* of the embedder; 0: all */
    int max_batch; double deadline_ms;     /* 0: 16, 4; negative: no waiting for others */
    unsigned max_waiting;          /* requests, beside those under way; 0: 64. More: FACET_E_AGAIN (503) */
};
struct facet_face_list { struct facet_recognised *faces; int n, dim; uint64_t queued_ns, detect_ns, embed_ns; void *memory; };

int facet_engine_room_open(struct facet_engine_room **out, const struct facet_engine_room_opts *o);
/* Requests under way are finished, those that wait are refused (FACET_E_CANCELLED); returns when all are gone. */
void facet_engine_room_close(struct facet_engine_room **r);
/* Faces of a picture, largest first, with embeddings when asked for. The list is the caller's, and empty on failure. */
int facet_engine_room_faces(struct facet_engine_room *r, const struct facet_image *img, bool embed, struct facet_face_list *out);
/* Chips (RGB24 of the model's size) to unit vectors: how hybrid's server embeds, too. */
int facet_engine_room_embed(struct facet_engine_room *r, const struct facet_image *const *chips, int n, float *out);
/* The same for the stage `embed` of a pipeline, as its facet_embedder_opts.elsewhere: cameras and requests share one
 * network. Never refused for being many. */
int facet_engine_room_embed_for_stage(void *room, const struct facet_image *const *chips, int n, float *out, uint64_t *cpu_ns);
/* A recogniser of the room for calls that want one (deploy/enrol.h): it embeds through the room. FACET_E_AGAIN as above;
 * to be given back soon. */
int facet_engine_room_lend(struct facet_engine_room *r, struct facet_recogniser **out);
void facet_engine_room_return(struct facet_engine_room *r, struct facet_recogniser **lent);
void facet_face_list_fini(struct facet_face_list *l);
const struct facet_model_spec *facet_engine_room_model(const struct facet_engine_room *r);
const char *facet_engine_room_contract(const struct facet_engine_room *r);
const char *facet_engine_room_detector(const struct facet_engine_room *r);     /* its model's name */

struct facet_engine_room_stats {
    uint64_t requests, refused, failed;
    unsigned inside;                                   /* now, waiting ones counted */
    uint64_t batches, chips, largest_batch;
    struct facet_histogram queued, detect, embed;      /* ns, of each request that came through */
};
void facet_engine_room_stats(struct facet_engine_room *r, struct facet_engine_room_stats *out);

#endif
