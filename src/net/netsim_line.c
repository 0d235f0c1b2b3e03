/* When bytes arrive: rate, delay, jitter, loss and order of one way of the line. */
#include "net/netsim_priv.h"

#include "base/errors.h"

#include <stdlib.h>
#include <string.h>

#define MS 1000000.0
#define STALL_MS 200.0             /* the shortest time after which TCP repeats what nobody confirmed (Linux) */
#define MOST_REPEATS 6
#define OVERTAKEN_MS 20.0

/* The line takes one thing after the other. */
static uint64_t pass(struct netsim_line *l, uint64_t now, size_t len)
{
    if (l->shape.rate_kbps <= 0)
        return now;
    uint64_t begin = l->free_ns > now ? l->free_ns : now;
    l->free_ns = begin + (uint64_t)((double)len * 8 / l->shape.rate_kbps * MS);
    return l->free_ns;
}

/* Each loss of a segment costs a wait that doubles, as the sender's does. */
static double stall_ms(struct netsim_line *l, struct facet_rng *rng, size_t len)
{
    double wait = 0;
    for (size_t at = 0; l->shape.loss > 0 && at < len; at += NETSIM_SEGMENT) {
        double one = STALL_MS + 2 * l->shape.delay_ms;
        for (int i = 0; i < MOST_REPEATS && facet_rng_uniform(rng) < l->shape.loss; i++) {
            l->flow.lost++;
            wait += one;
            one *= 2;
        }
    }
    return wait;
}

uint64_t facet__netsim_arrival(struct netsim_line *l, struct facet_rng *rng, bool udp, uint64_t now, size_t len)
{
    uint64_t through = pass(l, now, len);
    double later = l->shape.delay_ms;
    if (l->shape.jitter_ms > 0)
        later += l->shape.jitter_ms * (double)facet_rng_uniform(rng);
    if (!udp) {
        later += stall_ms(l, rng, len);
    } else if (l->shape.loss > 0 && facet_rng_uniform(rng) < l->shape.loss) {
        l->flow.lost++;
        return 0;
    } else if (l->shape.reorder > 0 && facet_rng_uniform(rng) < l->shape.reorder) {
        l->flow.reordered++;
        later += OVERTAKEN_MS + l->shape.jitter_ms;
    }
    return through + (uint64_t)(later * MS);
}

/* Behind all that arrive no later; most often that is the end. */
static void insert(struct netsim_queue *q, struct netsim_chunk *c)
{
    if (!q->tail || q->tail->at_ns <= c->at_ns) {
        *(q->tail ? &q->tail->next : &q->head) = c;
        q->tail = c;
        return;
    }
    struct netsim_chunk **at = &q->head;
    while ((*at)->at_ns <= c->at_ns)
        at = &(*at)->next;
    c->next = *at;
    *at = c;
}

int facet__netsim_put(struct netsim_queue *q, uint64_t at_ns, const void *data, size_t len, bool in_order)
{
    struct netsim_chunk *c = malloc(sizeof(*c) + len);
    if (!c)
        return facet_fail_nomem();
    if (in_order && q->tail && at_ns < q->tail->at_ns)
        at_ns = q->tail->at_ns;
    *c = (struct netsim_chunk){ .at_ns = at_ns, .len = len };
    memcpy(c->data, data, len);
    insert(q, c);
    q->bytes += len;
    return FACET_OK;
}

void facet__netsim_drop(struct netsim_queue *q)
{
    struct netsim_chunk *c = q->head;
    q->head = c->next;
    if (!q->head)
        q->tail = NULL;
    q->bytes -= c->len;
    free(c);
}

void facet__netsim_clear(struct netsim_queue *q)
{
    while (q->head)
        facet__netsim_drop(q);
}
