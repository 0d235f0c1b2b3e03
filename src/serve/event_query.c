#include "serve/event_query.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int bad(struct facet_http_request *q, const char *key, const char *text, const char *want)
{
    return facet__refused(q, 400, facet_fail(FACET_E_INVALID, "'%s' is '%.64s', not %s", key, text, want));
}

/* One of the words; -1 when it is not asked for. */
static int read_word(struct facet_http_request *q, const char *key, const char *const *words, int n, int *out)
{
    const char *text = facet_http_query(q, key);
    char all[160] = "one of";
    *out = -1;
    if (!text || !*text)
        return FACET_OK;
    for (int i = 0; i < n; i++) {
        if (!strcmp(words[i], text)) {
            *out = i;
            return FACET_OK;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof(all) - used, " %s", words[i]);
    }
    return bad(q, key, text, all);
}

static int read_time(struct facet_http_request *q, const char *key, int64_t *out)
{
    const char *text = facet_http_query(q, key);
    struct tm t = {.tm_isdst = 0};
    int n = 0;
    *out = 0;
    if (!text || !*text || !facet_parse_int(text, out))
        return FACET_OK;
    int got = sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec, &n);
    if (got == 6 && text[n] == '.')
        n += 1 + (int)strspn(text + n + 1, "0123456789");
    if (got != 6 || strcmp(text + n, "Z"))
        return bad(q, key, text, "a time: Unix milliseconds, or 2026-01-31T12:00:00Z");
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    *out = (int64_t)timegm(&t) * 1000;
    return FACET_OK;
}

static int read_text(struct facet_http_request *q, const char *key, char *copy, size_t cap, const char **out)
{
    const char *text = facet_http_query(q, key);
    *out = NULL;
    if (!text || !*text)
        return FACET_OK;
    if (strlen(text) >= cap)
        return bad(q, key, text, "that long");
    memcpy(copy, text, strlen(text) + 1);
    *out = copy;
    return FACET_OK;
}

static uint64_t mark_of(const struct facet__event_query *e)
{
    char text[512];
    const struct facet_events_filter *f = &e->filter;
    int n = snprintf(text, sizeof(text), "%s\n%s\n%s\n%d %d %lld %lld", e->camera, e->device, e->name, f->type, f->decision,
                     (long long)f->from_ms, (long long)f->to_ms);
    return facet_hash64(text, (size_t)n, 0x66616365u);
}

void facet__event_cursor(char out[FACET_CURSOR], const struct facet__event_query *e, int64_t seq)
{
    uint64_t check = facet_hash64(&seq, sizeof(seq), e->mark);
    snprintf(out, FACET_CURSOR, "%llx-%08x", (unsigned long long)seq, (unsigned)(check & 0xffffffff));
}

static int read_cursor(struct facet_http_request *q, struct facet__event_query *e)
{
    const char *text = facet_http_query(q, "cursor");
    unsigned long long seq;
    char again[FACET_CURSOR];
    if (!text || !*text)
        return FACET_OK;
    if (sscanf(text, "%16llx-", &seq) == 1 && seq > 0 && seq < INT64_MAX) {
        facet__event_cursor(again, e, (int64_t)seq);
        e->filter.before_seq = (int64_t)seq;
        if (!strcmp(again, text))
            return FACET_OK;
    }
    return bad(q, "cursor", text, "what this question was answered with");
}

int facet__event_query_read(struct facet__event_query *out, struct facet_http_request *q)
{
    static const char *const decisions[] = {"undecided", "unknown", "known"};
    struct facet_events_filter *f = &out->filter;
    double limit;
    memset(out, 0, sizeof(*out));
    int err = read_word(q, "type", facet_event_words, FACET_EVENT_TYPES, &f->type);
    if (!err)
        err = read_word(q, "decision", decisions, 3, &f->decision);
    if (!err)
        err = read_text(q, "camera", out->camera, sizeof(out->camera), &f->camera);
    if (!err)
        err = read_text(q, "device", out->device, sizeof(out->device), &f->device);
    if (!err)
        err = read_text(q, "name", out->name, sizeof(out->name), &f->name);
    if (!err)
        err = read_time(q, "from", &f->from_ms);
    if (!err)
        err = read_time(q, "to", &f->to_ms);
    if (!err)
        err = facet__asked_num(q, "limit", 1, FACET_EVENTS_PAGE, 50, &limit);
    if (err)
        return err;
    f->limit = (int)limit;
    out->mark = mark_of(out);
    return read_cursor(q, out);
}
