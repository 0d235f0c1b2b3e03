/* Page users who are signed in, in memory: a restart signs everybody out. And how often a peer may try. Thread-safe. */
#ifndef FACET_SERVE_SESSION_H
#define FACET_SERVE_SESSION_H

#include "base/clock.h"
#include "base/crypt.h"
#include "serve/serve.h"

#define FACET_SESSIONS 512                             /* at once; the oldest makes room */
#define FACET_SESSION_IDLE_MS (12 * 3600 * 1000LL)
#define FACET_SESSION_LIFE_MS (7 * 24 * 3600 * 1000LL)
#define FACET_LOGIN_TRIES 5                            /* that failed, of a peer or for a user, within ... */
#define FACET_LOGIN_SPAN_MS 60000

struct facet_sessions;
struct facet_session { char user[64]; char csrf[FACET_TOKEN_TEXT(32)]; };

int facet_sessions_open(struct facet_sessions **out, const struct facet_clock *clock /* NULL: the system's */);
void facet_sessions_close(struct facet_sessions **s);
/* `token` is what the cookie holds. */
void facet_sessions_begin(struct facet_sessions *s, const char *user, char token[FACET_TOKEN_TEXT(32)], struct facet_session *out);
bool facet_sessions_find(struct facet_sessions *s, const char *token, struct facet_session *out);
void facet_sessions_end(struct facet_sessions *s, const char *token);
void facet_sessions_end_user(struct facet_sessions *s, const char *user);

/* Milliseconds until another try may be made; 0: now. */
int64_t facet_sessions_wait(struct facet_sessions *s, const char *peer, const char *user);
void facet_sessions_failed(struct facet_sessions *s, const char *peer, const char *user);

#endif
