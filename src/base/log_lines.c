#include "base/log_lines.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int facet_log_lines_init(struct facet_log_lines *l, int fd, bool json, const struct facet_clock *clock)
{
    *l = (struct facet_log_lines){.fd = fd, .json = json, .before = "facet: ", .clock = clock ? clock : &facet_clock_system};
    return facet_lock_init(&l->lock);
}

/* --- writing --- */

static void put_json(struct facet_str *s, const struct facet_log_lines *l, enum facet_log_level level, const char *topic, const char *text,
                     const struct facet_log_about *about, int held)
{
    static const char *const words[] = {"error", "warn", "info", "debug"};
    struct facet_jsonw w;
    char time[25];
    facet_format_time(time, l->clock->wall_ms(l->clock->ctx));
    facet_jsonw_init(&w, s, false);
    facet_jsonw_object(&w);
    facet_jsonw_kstr(&w, "time", time);
    facet_jsonw_kstr(&w, "level", words[level]);
    facet_jsonw_kstr(&w, "topic", topic);
    if (about->camera)
        facet_jsonw_kstr(&w, "camera", about->camera);
    if (about->device)
        facet_jsonw_kstr(&w, "device", about->device);
    if (about->request)
        facet_jsonw_kstr(&w, "request_id", about->request);
    facet_jsonw_kstr(&w, "message", text);
    if (held)
        facet_jsonw_kint(&w, "repeated", held);
    facet_jsonw_end_object(&w);
}

static void put_text(struct facet_str *s, const struct facet_log_lines *l, enum facet_log_level level, const char *topic, const char *text, int held)
{
    static const char *const words[] = {"error: ", "warning: ", "", ""};
    facet_str_printf(s, "%s%s: %s", l->before, topic, words[level]);
    for (; *text; text++)              /* what came from outside does not make lines of its own */
        facet_str_append(s, iscntrl((unsigned char)*text) ? " " : text, 1);
    if (held)
        facet_str_printf(s, " (and %d more like this)", held);
}

/* One write a line: lines of several processes that share a file stay whole. */
static void put_line(struct facet_log_lines *l, enum facet_log_level level, const char *topic, const char *text,
                     const struct facet_log_about *about, int held)
{
    struct facet_str s = FACET_STR_INIT;
    if (l->json)
        put_json(&s, l, level, topic, text, about, held);
    else
        put_text(&s, l, level, topic, text, held);
    facet_str_puts(&s, "\n");
    if (!s.err)
        (void)!write(l->fd, s.data, s.len);
    facet_str_fini(&s);
}

/* --- repeats --- */

/* Numbers do not make a line another one, nor do the hexadecimal digits of ids. */
static uint64_t hash_of(enum facet_log_level level, const char *topic, const char *text)
{
    char plain[512];
    size_t n = 0;
    for (; *text && n < sizeof(plain); text++)
        if (!isdigit((unsigned char)*text))
            plain[n++] = *text;
    return facet_hash64(plain, n, facet_hash64(topic, strlen(topic), level));
}

static const struct facet_log_about nothing;

static void tell_held(struct facet_log_lines *l, struct facet_log_kind *k)
{
    if (k->held)
        put_line(l, k->level, k->topic, k->text, &nothing, k->held);
    k->held = 0;
}

/* Its entry, or the oldest one's, made its own. */
static struct facet_log_kind *find_kind(struct facet_log_lines *l, uint64_t hash)
{
    struct facet_log_kind *oldest = l->kinds;
    for (int i = 0; i < FACET_LOG_KINDS; i++) {
        if (l->kinds[i].hash == hash)
            return &l->kinds[i];
        if (l->kinds[i].since_ms < oldest->since_ms)
            oldest = &l->kinds[i];
    }
    tell_held(l, oldest);
    *oldest = (struct facet_log_kind){.hash = hash};
    return oldest;
}

static void put_or_hold(struct facet_log_lines *l, enum facet_log_level level, const char *topic, const char *text)
{
    int64_t now_ms = (int64_t)(l->clock->mono_ns(l->clock->ctx) / 1000000u) + FACET_LOG_WINDOW_MS;
    struct facet_log_kind *k = find_kind(l, hash_of(level, topic, text));
    if (now_ms - k->since_ms >= FACET_LOG_WINDOW_MS) {
        k->since_ms = now_ms;
        k->said = 0;
    }
    if (k->said++ < FACET_LOG_BURST) {
        put_line(l, level, topic, text, facet_log_subject(), k->held);
        k->held = 0;
    } else
        k->held++;
    k->level = level;
    snprintf(k->topic, sizeof(k->topic), "%s", topic);
    snprintf(k->text, sizeof(k->text), "%.95s", text);
}

void facet_log_lines_write(void *ctx, enum facet_log_level level, const char *topic, const char *text)
{
    struct facet_log_lines *l = ctx;
    facet_lock_take(&l->lock);
    if (level <= FACET_LOG_WARN)
        put_or_hold(l, level, topic, text);
    else
        put_line(l, level, topic, text, facet_log_subject(), 0);
    facet_lock_give(&l->lock);
}

void facet_log_lines_fini(struct facet_log_lines *l)
{
    facet_lock_take(&l->lock);
    for (int i = 0; i < FACET_LOG_KINDS; i++)
        tell_held(l, &l->kinds[i]);
    facet_lock_give(&l->lock);
    facet_lock_fini(&l->lock);
}
