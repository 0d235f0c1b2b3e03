/* A device sends a camera's video as one body without end; its pieces go into the camera's ring, from which its decoder reads.
 * A sender that comes anew takes the place of the one before. */
#include "serve/routes.h"

#include "base/lock.h"
#include "deploy/upload.h"

#include <stdio.h>
#include <stdlib.h>

#define SENDERS 64
#define STALL_MS 10000             /* the camera takes nothing for so long: the sender is sent away */

/* q NULL: free. What went wrong is kept for the answer, which comes after the last piece. */
struct sender { const struct facet_http_request *q; struct facet_upload *ring; uint64_t writer; int err; char why[256]; };
struct senders { struct facet_lock lock; struct sender at[SENDERS]; };

/* --- who sends: a request's own thread alone looks its sender up and takes it away --- */

static struct sender *find(struct senders *all, const struct facet_http_request *q)
{
    struct sender *found = NULL;
    facet_lock_take(&all->lock);
    for (int i = 0; !found && i < SENDERS; i++)
        if (all->at[i].q == q)
            found = &all->at[i];
    facet_lock_give(&all->lock);
    return found;
}

static struct sender *claim(struct senders *all, const struct facet_http_request *q)
{
    struct sender *s = NULL;
    facet_lock_take(&all->lock);
    for (int i = 0; !s && i < SENDERS; i++)
        if (!all->at[i].q) {
            s = &all->at[i];
            *s = (struct sender){.q = q};
        }
    facet_lock_give(&all->lock);
    return s;
}

static void release(struct senders *all, struct sender *s)
{
    facet_upload_unref(&s->ring);
    facet_lock_take(&all->lock);
    s->q = NULL;
    facet_lock_give(&all->lock);
}

static int begin(struct facet_serve *serve, struct senders *all, struct facet_http_request *q, struct sender **out)
{
    struct facet_node *node;
    int err = facet__need_node(serve, q, &node);
    *out = err ? NULL : claim(all, q);
    if (err)
        return err;
    if (!*out)
        return facet_fail(FACET_E_AGAIN, "%d cameras are sent here already", SENDERS);
    err = facet_node_upload(node, facet_http_param(q, "name"), &(*out)->ring);
    if (!err)
        (*out)->writer = facet_upload_begin((*out)->ring);
    return err;
}

static int keep_fault(struct sender *s, int err)
{
    if (s && err && !s->err) {
        s->err = err;
        snprintf(s->why, sizeof(s->why), "%s", facet_error_text());
    }
    return err;
}

/* --- the route --- */

static int take_piece(void *ctx, struct facet_http_request *q, const void *data, size_t len)
{
    struct senders *all = facet__serve_state(ctx, &facet__resource_upload);
    struct sender *s = find(all, q);
    int err = s ? s->err : begin(ctx, all, q, &s);
    return keep_fault(s, err ? err : facet_upload_write(s->ring, s->writer, data, len, STALL_MS));
}

/* After the last piece, and after a failure. */
static int take_end(void *ctx, struct facet_http_request *q)
{
    struct senders *all = facet__serve_state(ctx, &facet__resource_upload);
    struct sender *s = find(all, q);
    int err = s ? FACET_OK : keep_fault(s, begin(ctx, all, q, &s));
    if (s && s->err)
        err = facet_fail(s->err, "%s", s->why);
    if (s && s->ring)
        facet_upload_end(s->ring, s->writer);
    if (s)
        release(all, s);
    return err ? err : facet__answer_nothing(q);
}

static int upload_open(struct facet_serve *s, void **state)
{
    struct senders *all = calloc(1, sizeof(*all));
    int err = all ? facet_lock_init(&all->lock) : facet_fail_nomem();
    if (err) {
        free(all);
        return err;
    }
    *state = all;
    return FACET_OK;
}

static void upload_close(struct facet_serve *s, void *state)
{
    struct senders *all = state;
    for (int i = 0; i < SENDERS; i++)
        facet_upload_unref(&all->at[i].ring);
    facet_lock_fini(&all->lock);
    free(all);
}

static const struct facet_http_route routes[] = {
    {.method = FACET_HTTP_PUT, .path = "/v1/cameras/{name}/stream", .handler = take_end, .piece = take_piece,
     .flags = FACET__ROLE(FACET_ROLE_OPERATOR) | FACET__ALSO_DEVICE, .max_body = SIZE_MAX},
};

const struct facet__resource facet__resource_upload = {
    .name = "upload", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]), .open = upload_open, .close = upload_close,
};
