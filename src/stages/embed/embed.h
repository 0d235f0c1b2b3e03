/* Chips to embeddings. */
#ifndef FACET_STAGES_EMBED_H
#define FACET_STAGES_EMBED_H

#include "flow/stage.h"

struct facet_model_spec;
struct facet_pool;

struct facet_embedder_opts {
    const struct facet_model_spec *model;     /* borrowed until close */
    int max_batch;                 /* faces that go through the network together; 0: 2 */
    const char *backend;
    bool strict;
    struct facet_pool *pool;       /* borrowed until close, may be NULL */
    /* The stage alone: who embeds instead, as facet_embedder_run; adds nothing, but tells the CPU time it took. NULL: here. */
    int (*elsewhere)(void *ctx, const struct facet_image *const *chips, int n, float *out, uint64_t *cpu_ns);
    void *elsewhere_ctx;
};
#define FACET_EMBEDDER_OPTS_INIT { 0 }

struct facet_embedder;
int facet_embedder_open(struct facet_embedder **out, const struct facet_embedder_opts *o);
void facet_embedder_close(struct facet_embedder **e);
int facet_embedder_dim(const struct facet_embedder *e);
const char *facet_embedder_contract(const struct facet_embedder *e);      /* 64 hex digits */
/* n chips (RGB24, the spec's size) to n rows of dim numbers, L2-normalised. */
int facet_embedder_run(struct facet_embedder *e, const struct facet_image *const *chips, int n, float *out);

extern const struct facet_stage_ops facet_stage_embed;       /* opts: struct facet_embedder_opts */

#endif
