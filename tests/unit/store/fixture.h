/* What the store's tests share: a folder of their own, seeded embeddings, a contract. */
#ifndef FACET_TEST_STORE_FIXTURE_H
#define FACET_TEST_STORE_FIXTURE_H

#include "test.h"

#include "base/errors.h"
#include "base/rng.h"
#include "store/gallery.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTRACT_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CONTRACT_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DIM 128

struct room { char dir[64]; char path[128]; };

#ifdef FACET_TEST_POSTGRES
#include "lib/postgres.h"

/* The same tests over a server: one for the whole program, emptied for each test. */
static struct postgres room_server;
static inline bool room_is_file(void) { return false; }

static inline int room_server_close(void **state)
{
    postgres_close(&room_server);
    return 0;
}
#else
static inline bool room_is_file(void) { return true; }
static inline int room_server_close(void **state) { return 0; }
#endif

static inline int room_open_in(void **state, const char *parent)
{
    struct room *r = calloc(1, sizeof(*r));
    snprintf(r->dir, sizeof(r->dir), "%s/facet-test-XXXXXX", parent);
    if (!mkdtemp(r->dir))
        return -1;
    snprintf(r->path, sizeof(r->path), "%s/gallery.db", r->dir);
#ifdef FACET_TEST_POSTGRES
    if (!*room_server.dir)
        postgres_open(&room_server);
    postgres_empty(&room_server);
    snprintf(r->path, sizeof(r->path), "%s", room_server.url);
#endif
    *state = r;
    return 0;
}

static inline int room_open(void **state)
{
    return room_open_in(state, "/tmp");
}

/* In memory where the system has a folder for that: for tests that write often and outlive no crash. */
static inline int room_open_quick(void **state)
{
    return room_open_in(state, access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
}

static inline int room_close(void **state)
{
    struct room *r = *state;
    char cmd[256];
    snprintf(cmd, sizeof(cmd), "chmod -R u+w '%s'; rm -rf '%s'", r->dir, r->dir);
    int rc = system(cmd);
    free(r);
    return rc;
}

static inline struct facet_gallery_opts new_gallery(const char *path)
{
    return (struct facet_gallery_opts){ .path = path, .contract = CONTRACT_A, .model = "seeded", .dim = DIM, .create = true };
}

static inline struct facet_gallery *open_or_fail(const char *path)
{
    struct facet_gallery *g = NULL;
    struct facet_gallery_opts o = new_gallery(path);
    if (facet_gallery_open(&g, &o))
        fail_msg("%s", facet_error_text());
    return g;
}

/* The embedding number `seed`: normal numbers, length 1. */
static inline const float *make_embedding(float *out, int dim, uint64_t seed)
{
    struct facet_rng rng;
    facet_rng_seed(&rng, seed);
    double sum = 0;
    for (int i = 0; i < dim; i++) {
        out[i] = facet_rng_normal(&rng);
        sum += (double)out[i] * (double)out[i];
    }
    for (int i = 0; i < dim; i++)
        out[i] = (float)((double)out[i] / sqrt(sum));
    return out;
}

/* Near `a`: a plus noise of the given length, normalised again. */
static inline const float *make_near(float *out, const float *a, int dim, uint64_t seed, float noise)
{
    float n[FACET_MAX_EMBEDDING];
    make_embedding(n, dim, seed);
    double sum = 0;
    for (int i = 0; i < dim; i++) {
        out[i] = a[i] + noise * n[i];
        sum += (double)out[i] * (double)out[i];
    }
    for (int i = 0; i < dim; i++)
        out[i] = (float)((double)out[i] / sqrt(sum));
    return out;
}

static inline int add_person(struct facet_gallery *g, const char *name, uint64_t seed)
{
    float e[DIM];
    return facet_gallery_add(g, name, make_embedding(e, DIM, seed), DIM, NULL, NULL);
}

#endif
