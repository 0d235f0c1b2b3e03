#include "serve/session.h"

#include "base/errors.h"
#include "base/lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCHED 1024               /* peers and users whose failures are remembered */

struct kept { bool is_used; unsigned char hash[FACET_KEYED_HASH_BYTES]; struct facet_session about; int64_t begun_ms, seen_ms; };
struct watched { uint64_t who; int failed; int64_t since_ms; };

struct facet_sessions {
    struct facet_lock lock;
    const struct facet_clock *clock;
    unsigned char key[FACET_KEY_BYTES];
    struct kept kept[FACET_SESSIONS];
    struct watched watched[WATCHED];
};

int facet_sessions_open(struct facet_sessions **out, const struct facet_clock *clock)
{
    struct facet_sessions *s = calloc(1, sizeof(*s));
    *out = NULL;
    if (!s || facet_lock_init(&s->lock)) {
        free(s);
        return facet_fail_nomem();
    }
    s->clock = clock ? clock : &facet_clock_system;
    facet_random(s->key, sizeof(s->key));
    *out = s;
    return FACET_OK;
}

void facet_sessions_close(struct facet_sessions **s)
{
    if (!*s)
        return;
    facet_lock_fini(&(*s)->lock);
    facet_wipe(*s, sizeof(**s));
    free(*s);
    *s = NULL;
}

/* By the clock that never goes back. */
static int64_t now_ms(const struct facet_sessions *s)
{
    return (int64_t)(s->clock->mono_ns(s->clock->ctx) / 1000000u);
}

static bool is_over(const struct kept *k, int64_t now)
{
    return !k->is_used || now - k->seen_ms > FACET_SESSION_IDLE_MS || now - k->begun_ms > FACET_SESSION_LIFE_MS;
}

void facet_sessions_begin(struct facet_sessions *s, const char *user, char token[FACET_TOKEN_TEXT(32)], struct facet_session *out)
{
    int64_t now = now_ms(s);
    facet_random_token(token, 32);
    facet_lock_take(&s->lock);
    struct kept *k = &s->kept[0];
    for (int i = 0; i < FACET_SESSIONS && !is_over(k, now); i++)
        if (is_over(&s->kept[i], now) || s->kept[i].seen_ms < k->seen_ms)
            k = &s->kept[i];
    *k = (struct kept){ .is_used = true, .begun_ms = now, .seen_ms = now };
    facet_keyed_hash(s->key, token, strlen(token), k->hash);
    snprintf(k->about.user, sizeof(k->about.user), "%s", user);
    facet_random_token(k->about.csrf, 32);
    *out = k->about;
    facet_lock_give(&s->lock);
}

static struct kept *find(struct facet_sessions *s, const char *token)
{
    unsigned char hash[FACET_KEYED_HASH_BYTES];
    struct kept *found = NULL;
    int64_t now = now_ms(s);
    facet_keyed_hash(s->key, token, strlen(token), hash);
    for (int i = 0; i < FACET_SESSIONS; i++)
        if (!is_over(&s->kept[i], now) && facet_equal(hash, s->kept[i].hash, sizeof(hash)))
            found = &s->kept[i];
    if (found)
        found->seen_ms = now;
    return found;
}

bool facet_sessions_find(struct facet_sessions *s, const char *token, struct facet_session *out)
{
    facet_lock_take(&s->lock);
    const struct kept *k = find(s, token);
    if (k)
        *out = k->about;
    facet_lock_give(&s->lock);
    return k != NULL;
}

void facet_sessions_end(struct facet_sessions *s, const char *token)
{
    facet_lock_take(&s->lock);
    struct kept *k = find(s, token);
    if (k)
        facet_wipe(k, sizeof(*k));
    facet_lock_give(&s->lock);
}

void facet_sessions_end_user(struct facet_sessions *s, const char *user)
{
    facet_lock_take(&s->lock);
    for (int i = 0; i < FACET_SESSIONS; i++)
        if (s->kept[i].is_used && !strcmp(s->kept[i].about.user, user))
            facet_wipe(&s->kept[i], sizeof(s->kept[i]));
    facet_lock_give(&s->lock);
}

/* ---- tries ---- */

static uint64_t name_of(const struct facet_sessions *s, char kind, const char *text)
{
    unsigned char hash[FACET_KEYED_HASH_BYTES];
    char line[160];
    uint64_t who;
    int n = snprintf(line, sizeof(line), "%c%s", kind, text);
    facet_keyed_hash(s->key, line, (size_t)(n < (int)sizeof(line) ? n : (int)sizeof(line) - 1), hash);
    memcpy(&who, hash, sizeof(who));
    return who ? who : 1;
}

static struct watched *watch(struct facet_sessions *s, uint64_t who, int64_t now, bool make)
{
    struct watched *oldest = &s->watched[0];
    for (int i = 0; i < WATCHED; i++) {
        if (s->watched[i].who == who && now - s->watched[i].since_ms < FACET_LOGIN_SPAN_MS)
            return &s->watched[i];
        if (s->watched[i].since_ms < oldest->since_ms || !s->watched[i].who)
            oldest = oldest->who ? &s->watched[i] : oldest;
    }
    if (!make)
        return NULL;
    *oldest = (struct watched){ .who = who, .since_ms = now };
    return oldest;
}

int64_t facet_sessions_wait(struct facet_sessions *s, const char *peer, const char *user)
{
    int64_t now = now_ms(s), wait = 0;
    uint64_t who[2] = { name_of(s, 'p', peer), name_of(s, 'u', user) };
    facet_lock_take(&s->lock);
    for (int i = 0; i < 2; i++) {
        const struct watched *w = watch(s, who[i], now, false);
        int64_t left = w && w->failed >= FACET_LOGIN_TRIES ? w->since_ms + FACET_LOGIN_SPAN_MS - now : 0;
        wait = left > wait ? left : wait;
    }
    facet_lock_give(&s->lock);
    return wait;
}

void facet_sessions_failed(struct facet_sessions *s, const char *peer, const char *user)
{
    int64_t now = now_ms(s);
    uint64_t who[2] = { name_of(s, 'p', peer), name_of(s, 'u', user) };
    facet_lock_take(&s->lock);
    for (int i = 0; i < 2; i++)
        watch(s, who[i], now, true)->failed++;
    facet_lock_give(&s->lock);
}
