#include "deploy/webhook.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/hash.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/thread.h"
#include "net/http/post.h"
#include "store/spool.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PAUSE_MS 1000
#define LONGEST_PAUSE_MS 300000
#define LOOK_UP_MS 60000

struct facet_webhook {
    char *url, *secret, *ca;
    unsigned backoff_ms, backoff_max_ms;
    struct facet_spool *spool;
    struct facet_post *post;
    struct facet_thread thread;
    struct facet_lock lock;
    struct facet_cond ends;
    struct facet_rng rng;
    atomic_bool is_over;
    bool has_lock, has_cond, has_thread;
    struct facet_webhook_stats stats;          /* under the lock */
};

void facet_webhook_sign(char out[FACET_WEBHOOK_SIGNATURE], const char *secret, int64_t timestamp_s, const void *body, size_t len)
{
    struct facet_hmac h;
    char stamp[32], hex[FACET_SHA256_HEX];
    snprintf(stamp, sizeof(stamp), "%lld.", (long long)timestamp_s);
    facet_hmac_init(&h, secret, strlen(secret));
    facet_hmac_update(&h, stamp, strlen(stamp));
    facet_hmac_update(&h, body, len);
    facet_hmac_hex(&h, hex);
    snprintf(out, FACET_WEBHOOK_SIGNATURE, "sha256=%s", hex);
}

/* ---- sending ---- */

/* An answer that another try would not change. */
static bool is_final(int status)
{
    return status / 100 == 4 && status != 408 && status != 425 && status != 429;
}

static int send_item(struct facet_webhook *w, const struct facet_spool_item *item, struct facet_post_answer *answer)
{
    const int64_t now_s = facet_clock_system.wall_ms(facet_clock_system.ctx) / 1000;
    char signature[FACET_WEBHOOK_SIGNATURE], lines[3][FACET_WEBHOOK_SIGNATURE + 64];
    facet_webhook_sign(signature, w->secret, now_s, item->payload, item->len);
    snprintf(lines[0], sizeof(lines[0]), "X-Facet-Event: %s", item->id);
    snprintf(lines[1], sizeof(lines[1]), "X-Facet-Timestamp: %lld", (long long)now_s);
    snprintf(lines[2], sizeof(lines[2]), "X-Facet-Signature: %s", signature);
    const char *const headers[] = { "Content-Type: application/json", lines[0], lines[1], lines[2] };
    const struct facet_post_request q = { .url = w->url, .headers = headers, .n_headers = 4, .body = item->payload, .len = item->len };
    return facet_post_send(w->post, &q, answer);
}

static void note(struct facet_webhook *w, int status, const char *why, bool is_delivered, bool is_refused)
{
    facet_lock_take(&w->lock);
    const bool is_new = strcmp(w->stats.last_error, why) != 0;
    w->stats.tries++;
    w->stats.delivered += is_delivered;
    w->stats.refused += is_refused;
    w->stats.last_status = status;
    snprintf(w->stats.last_error, sizeof(w->stats.last_error), "%s", why);
    facet_lock_give(&w->lock);
    if (*why && is_new)
        facet_log(FACET_LOG_WARN, "webhook", "%s%s", why, is_refused ? "; the event is dropped" : "; it will be tried again");
}

/* Who is told acts on it, so what is over its time is not told. */
static bool drop_expired(struct facet_webhook *w, const struct facet_spool_item *item)
{
    if (!item->expires_ms || item->expires_ms > facet_clock_system.wall_ms(facet_clock_system.ctx) ||
        facet_spool_ack(w->spool, item->seq) != FACET_OK)
        return false;
    facet_lock_take(&w->lock);
    w->stats.expired++;
    facet_lock_give(&w->lock);
    return true;
}

/* How long to wait before the next try; 0: this one is done with. */
static unsigned attempt(struct facet_webhook *w, const struct facet_spool_item *item, unsigned pause_ms)
{
    struct facet_post_answer answer;
    char why[160] = "";
    int err = send_item(w, item, &answer);
    const bool is_delivered = !err && answer.status / 100 == 2, is_refused = !err && is_final(answer.status);
    if (w->is_over && err)
        return pause_ms;
    if (err)
        snprintf(why, sizeof(why), "%s", facet_error_text());
    else if (!is_delivered)
        snprintf(why, sizeof(why), "the receiver answered %d", answer.status);
    note(w, answer.status, why, is_delivered, is_refused);
    if ((is_delivered || is_refused) && facet_spool_ack(w->spool, item->seq) == FACET_OK)
        return 0;
    return answer.retry_after_s * 1000 > pause_ms ? answer.retry_after_s * 1000 : pause_ms;
}

static void rest(struct facet_webhook *w, unsigned ms)
{
    const uint64_t until = facet_now_ns() + (uint64_t)((double)ms * 1e6 * (0.75 + 0.5 * (double)facet_rng_uniform(&w->rng)));
    facet_lock_take(&w->lock);
    while (!w->is_over && facet_cond_wait_until(&w->ends, &w->lock, until))
        continue;
    facet_lock_give(&w->lock);
}

static void run(void *ctx)
{
    struct facet_webhook *w = ctx;
    unsigned pause_ms = w->backoff_ms;
    while (!w->is_over) {
        struct facet_spool_item item = { 0 };
        int err = facet_spool_next(w->spool, 0, &item);
        if (err == FACET_E_END) {
            facet_spool_wait(w->spool, 0, LOOK_UP_MS);
            continue;
        }
        if (err == FACET_E_FORMAT && item.seq)
            (void)facet_spool_ack(w->spool, item.seq); /* damaged: it would never go */
        const unsigned wait_ms = err ? pause_ms : drop_expired(w, &item) ? 0 : attempt(w, &item, pause_ms);
        free(item.payload);
        if (err)
            facet_log(FACET_LOG_ERROR, "webhook", "%s", facet_error_text());
        if (wait_ms)
            rest(w, wait_ms);
        pause_ms = !wait_ms ? w->backoff_ms : pause_ms * 2 < w->backoff_max_ms ? pause_ms * 2 : w->backoff_max_ms;
    }
}

/* ---- life ---- */

static int copy_texts(struct facet_webhook *w, const struct facet_webhook_opts *o)
{
    w->url = strdup(o->url);
    w->secret = strdup(o->secret);
    w->ca = o->ca ? strdup(o->ca) : NULL;
    return w->url && w->secret && (!o->ca || w->ca) ? FACET_OK : facet_fail_nomem();
}

static bool is_over(void *ctx)
{
    return ((const struct facet_webhook *)ctx)->is_over;
}

static int open_parts(struct facet_webhook *w, const struct facet_webhook_opts *o)
{
    const struct facet_spool_opts spool = { .path = o->path, .max_bytes = o->max_bytes, .max_age_ms = o->max_age_ms, .vault = o->vault };
    struct facet_post_opts post = FACET_POST_OPTS_INIT;
    int err = copy_texts(w, o);
    post.total_s = o->timeout_s;
    post.ca = w->ca;
    post.is_over = is_over;
    post.ctx = w;
    if (!err)
        err = facet_lock_init(&w->lock);
    w->has_lock = !err;
    if (!err)
        err = facet_cond_init(&w->ends);
    w->has_cond = w->has_lock && !err;
    if (!err)
        err = facet_post_open(&w->post, &post);
    if (!err)
        err = facet_spool_open(&w->spool, &spool);
    if (!err)
        err = facet_thread_start(&w->thread, "webhook", run, w);
    w->has_thread = !err;
    return err;
}

int facet_webhook_open(struct facet_webhook **out, const struct facet_webhook_opts *o)
{
    *out = NULL;
    if (!o->url || !*o->url || !o->secret || !*o->secret || !o->path || !*o->path)
        return facet_fail(FACET_E_INVALID, "cannot post events: give an address, a secret to sign them with, and a file for those that wait");
    struct facet_webhook *w = calloc(1, sizeof(*w));
    if (!w)
        return facet_fail_nomem();
    w->backoff_ms = o->backoff_ms ? o->backoff_ms : FIRST_PAUSE_MS;
    w->backoff_max_ms = o->backoff_max_ms ? o->backoff_max_ms : LONGEST_PAUSE_MS;
    facet_rng_seed(&w->rng, facet_now_ns());
    int err = open_parts(w, o);
    if (err)
        facet_webhook_close(&w);
    *out = w;
    return err;
}

static void end_thread(struct facet_webhook *w)
{
    if (!w->has_thread)
        return;
    facet_lock_take(&w->lock);
    w->is_over = true;
    facet_cond_wake(&w->ends);
    facet_lock_give(&w->lock);
    facet_spool_wake(w->spool);
    facet_thread_join(&w->thread);
}

void facet_webhook_close(struct facet_webhook **wp)
{
    struct facet_webhook *w = *wp;
    if (!w)
        return;
    end_thread(w);
    facet_spool_close(&w->spool);
    facet_post_close(&w->post);
    if (w->has_cond)
        facet_cond_fini(&w->ends);
    if (w->has_lock)
        facet_lock_fini(&w->lock);
    free(w->url);
    free(w->secret);
    free(w->ca);
    free(w);
    *wp = NULL;
}

int facet_webhook_put(struct facet_webhook *w, const struct facet_event *e)
{
    struct facet_str text = FACET_STR_INIT;
    struct facet_spool_item item = { .class = FACET_SPOOL_EVENT, .created_ms = e->published_ms, .expires_ms = e->expires_ms };
    int err = facet_event_to_json(e, &text);
    snprintf(item.id, sizeof(item.id), "%s", e->id);
    snprintf(item.topic, sizeof(item.topic), "webhook");
    snprintf(item.person, sizeof(item.person), "%s", e->identity.decision == FACET_KNOWN ? e->identity.name : "");
    item.payload = text.data;
    item.len = text.len;
    if (!err)
        err = facet_spool_put(w->spool, &item);
    facet_str_fini(&text);
    return err == FACET_E_EXISTS ? FACET_OK : err;
}

void facet_webhook_stats(struct facet_webhook *w, struct facet_webhook_stats *out)
{
    struct facet_spool_stats s;
    facet_spool_stats(w->spool, &s);
    facet_lock_take(&w->lock);
    *out = w->stats;
    facet_lock_give(&w->lock);
    out->waiting = s.items;
}

int facet_webhook_erase(struct facet_webhook *w, const char *person, int64_t *removed)
{
    return facet_spool_erase(w->spool, person, removed);
}
