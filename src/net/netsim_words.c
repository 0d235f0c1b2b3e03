/* What netsim understands: profiles, shapes, commands, schedules. A command is one row of `words`. */
#include "net/netsim_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One-way delay, jitter, loss, reordering, rate: up, then down. Round numbers in the range of what is
 * published for such links; no measurement of anybody's network. docs/netsim.md has the same table. */
const struct facet_netsim_profile facet_netsim_profiles[] = {
    { "lan", { { 0.3, 0.1, 0, 0, 1000000 }, { 0.3, 0.1, 0, 0, 1000000 } } },
    { "wifi", { { 3, 4, 0.005, 0.001, 50000 }, { 3, 4, 0.005, 0.001, 50000 } } },
    { "5g", { { 10, 4, 0.001, 0.001, 50000 }, { 10, 4, 0.001, 0.001, 200000 } } },
    { "4g", { { 25, 10, 0.005, 0.002, 10000 }, { 25, 10, 0.005, 0.002, 30000 } } },
    { "3g", { { 75, 25, 0.015, 0.005, 750 }, { 75, 25, 0.015, 0.005, 2000 } } },
    { NULL, { { 0 } } },
};

int facet_netsim_profile_find(const struct facet_netsim_profile **out, const char *name)
{
    for (const struct facet_netsim_profile *p = facet_netsim_profiles; p->name; p++)
        if (!strcmp(p->name, name)) {
            *out = p;
            return FACET_OK;
        }
    return facet_fail(FACET_E_NOT_FOUND, "there is no profile '%s'; there are lan, wifi, 5g, 4g and 3g", name);
}

static int check_one(const char *what, double v, double most)
{
    return v >= 0 && v <= most ? FACET_OK : facet_fail(FACET_E_INVALID, "cannot use %s %g: give 0 to %g", what, v, most);
}

int facet_netsim_shape_check(const struct facet_netsim_shape *s)
{
    int err = check_one("delay", s->delay_ms, 60000);
    if (!err)
        err = check_one("jitter", s->jitter_ms, 60000);
    if (!err)
        err = check_one("loss", s->loss, 1);
    if (!err)
        err = check_one("reorder", s->reorder, 1);
    return err ? err : check_one("rate", s->rate_kbps, 1e8);
}

/* ---- commands ---- */

struct word {
    const char *name;
    int (*run)(struct facet_netsim *s, const char *arg, unsigned ways, struct facet_str *answer);
    const char *needs;             /* what the argument is; NULL: there is none; in brackets: may be left out */
    size_t field;                  /* of a shape, for run == set_field */
};

#define BOTH (1u << FACET_NETSIM_UP | 1u << FACET_NETSIM_DOWN)

static int set_profile(struct facet_netsim *s, const char *arg, unsigned ways, struct facet_str *answer)
{
    const struct facet_netsim_profile *p = NULL;
    int err = facet_netsim_profile_find(&p, arg);
    for (int w = 0; !err && w < FACET_NETSIM_WAYS; w++)
        if (ways & 1u << w)
            s->way[w].shape = p->way[w];
    return err;
}

static int clear_shape(struct facet_netsim *s, const char *arg, unsigned ways, struct facet_str *answer)
{
    for (int w = 0; w < FACET_NETSIM_WAYS; w++)
        if (ways & 1u << w)
            s->way[w].shape = (struct facet_netsim_shape){ 0 };
    return FACET_OK;
}

static int cut(struct facet_netsim *s, const char *arg, unsigned ways, struct facet_str *answer)
{
    double seconds = 0;
    if (*arg && (facet_parse_num(arg, &seconds) || !(seconds > 0 && seconds <= 86400)))
        return facet_fail(FACET_E_INVALID, "cannot cut for '%s' seconds: give a number up to 86400", arg);
    s->is_cut = true;
    s->mend_ns = *arg ? facet_now_ns() + (uint64_t)(seconds * 1e9) : 0;
    return FACET_OK;
}

static int mend(struct facet_netsim *s, const char *arg, unsigned ways, struct facet_str *answer)
{
    s->is_cut = false;
    s->mend_ns = 0;
    return facet__netsim_refuse(s, false);
}

static int refuse(struct facet_netsim *s, const char *arg, unsigned ways, struct facet_str *answer)
{
    facet__netsim_reset_all(s);
    return facet__netsim_refuse(s, true);
}

static int reset(struct facet_netsim *s, const char *arg, unsigned ways, struct facet_str *answer)
{
    facet__netsim_reset_all(s);
    return FACET_OK;
}

static int quit(struct facet_netsim *s, const char *arg, unsigned ways, struct facet_str *answer)
{
    s->is_over = true;
    return FACET_OK;
}

static void tell_way(struct facet_jsonw *w, const char *name, const struct netsim_line *l)
{
    facet_jsonw_key(w, name);
    facet_jsonw_object(w);
    facet_jsonw_kint(w, "bytes", l->flow.bytes);
    facet_jsonw_kint(w, "packets", l->flow.packets);
    facet_jsonw_kint(w, "lost", l->flow.lost);
    facet_jsonw_kint(w, "reordered", l->flow.reordered);
    facet_jsonw_knum(w, "delay_ms", l->shape.delay_ms, -1);
    facet_jsonw_knum(w, "jitter_ms", l->shape.jitter_ms, -1);
    facet_jsonw_knum(w, "loss", l->shape.loss, -1);
    facet_jsonw_knum(w, "reorder", l->shape.reorder, -1);
    facet_jsonw_knum(w, "rate_kbps", l->shape.rate_kbps, -1);
    facet_jsonw_end_object(w);
}

static int stats(struct facet_netsim *s, const char *arg, unsigned ways, struct facet_str *answer)
{
    struct facet_jsonw w;
    struct facet_netsim_stats t;
    facet_netsim_stats(s, &t);
    facet_jsonw_init(&w, answer, false);
    facet_jsonw_object(&w);
    tell_way(&w, "up", &s->way[FACET_NETSIM_UP]);
    tell_way(&w, "down", &s->way[FACET_NETSIM_DOWN]);
    facet_jsonw_kint(&w, "connections", t.connections);
    facet_jsonw_kint(&w, "open", t.open);
    facet_jsonw_kint(&w, "refused", t.refused);
    facet_jsonw_kint(&w, "resets", t.resets);
    facet_jsonw_kbool(&w, "cut", t.is_cut);
    facet_jsonw_kbool(&w, "refusing", t.is_refusing);
    facet_jsonw_end_object(&w);
    return answer->err;
}

#define NUMBER(name_, field_) { .name = (name_), .needs = "NUMBER", .field = offsetof(struct facet_netsim_shape, field_) }
static const struct word words[] = {
    NUMBER("delay", delay_ms), NUMBER("jitter", jitter_ms), NUMBER("loss", loss), NUMBER("reorder", reorder), NUMBER("rate", rate_kbps),
    { .name = "profile", .run = set_profile, .needs = "NAME" },
    { .name = "clear", .run = clear_shape },
    { .name = "cut", .run = cut, .needs = "[SECONDS]" },
    { .name = "mend", .run = mend },
    { .name = "refuse", .run = refuse },
    { .name = "reset", .run = reset },
    { .name = "stats", .run = stats },
    { .name = "quit", .run = quit },
};

static int set_number(struct facet_netsim *s, const struct word *word, const char *arg, unsigned ways)
{
    double v = 0;
    int err = facet_parse_num(arg, &v);
    for (int w = 0; !err && w < FACET_NETSIM_WAYS; w++) {
        struct facet_netsim_shape shape = s->way[w].shape;
        memcpy((char *)&shape + word->field, &v, sizeof(v));
        err = facet_netsim_shape_check(&shape);
        if (!err && ways & 1u << w)
            s->way[w].shape = shape;
    }
    return err ? FACET_E_INVALID : FACET_OK;
}

/* "up delay 20" is one way, "delay 20" both. */
static const char *take_way(const char *line, unsigned *ways)
{
    *ways = BOTH;
    if (!strncmp(line, "up ", 3))
        *ways = 1u << FACET_NETSIM_UP;
    else if (!strncmp(line, "down ", 5))
        *ways = 1u << FACET_NETSIM_DOWN;
    else
        return line;
    line = strchr(line, ' ');
    return line + strspn(line, " ");
}

static int run_word(struct facet_netsim *s, const struct word *w, const char *arg, unsigned ways, struct facet_str *answer)
{
    if (!w->needs && *arg)
        return facet_fail(FACET_E_INVALID, "'%s' takes nothing behind it, not '%s'", w->name, arg);
    if (w->needs && *w->needs != '[' && !*arg)
        return facet_fail(FACET_E_INVALID, "'%s' needs %s", w->name, w->needs);
    return w->run ? w->run(s, arg, ways, answer) : set_number(s, w, arg, ways);
}

int facet_netsim_command(struct facet_netsim *s, const char *line, struct facet_str *answer)
{
    unsigned ways;
    const size_t before = answer->len;
    line = take_way(line + strspn(line, " \t"), &ways);
    const size_t n = strcspn(line, " \t\r\n");
    char arg[NETSIM_LINE];
    const char *rest = line + n + strspn(line + n, " \t");
    snprintf(arg, sizeof(arg), "%.*s", (int)strcspn(rest, "\r\n"), rest);
    for (size_t i = strlen(arg); i > 0 && arg[i - 1] == ' ';)
        arg[--i] = '\0';
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i].name) != n || strncmp(words[i].name, line, n) != 0)
            continue;
        int err = run_word(s, &words[i], arg, ways, answer);
        return err || answer->len > before ? err : facet_str_puts(answer, "ok");
    }
    return facet_fail(FACET_E_INVALID, "there is no command '%.*s'; there are profile, delay, jitter, loss, reorder, rate, clear, cut, "
                      "mend, refuse, reset, stats and quit", (int)n, line);
}

/* ---- schedules ---- */

static int add_step(struct facet_netsim *s, const char *text, size_t len)
{
    char number[32], line[NETSIM_LINE];
    double seconds;
    snprintf(line, sizeof(line), "%.*s", (int)len, text);
    const char *word = line + strcspn(line, " \t");
    snprintf(number, sizeof(number), "%.*s", (int)(word - line), line);
    word += strspn(word, " \t");
    if (len >= sizeof(line) || !*word || facet_parse_num(number, &seconds) || !(seconds >= 0 && seconds < 1e7))
        return facet_fail(FACET_E_INVALID, "cannot follow '%.*s' in a schedule: write seconds, then a command", (int)len, text);
    if (s->n_steps == NETSIM_STEPS)
        return facet_fail(FACET_E_LIMIT, "cannot follow a schedule of more than %d steps", NETSIM_STEPS);
    struct netsim_step *step = &s->steps[s->n_steps];
    step->at_ns = (uint64_t)(seconds * 1e9);
    if (s->n_steps && step->at_ns < step[-1].at_ns)
        return facet_fail(FACET_E_INVALID, "cannot follow a schedule that goes back at '%s': order it by seconds", line);
    if (!strcmp(word, "repeat") && step->at_ns == 0)
        return facet_fail(FACET_E_INVALID, "cannot repeat a schedule of no length: give 'repeat' a later second");
    s->n_steps++;
    return facet_copy_text(step->line, sizeof(step->line), word);
}

/* Whether each step can be done is known now, by doing all of them on a line that nobody uses. */
static int try_steps(const struct facet_netsim *s)
{
    struct facet_netsim dry = { .listener = -1, .control = -1, .wake = -1, .is_refusing = false };
    struct facet_str answer = FACET_STR_INIT;
    int err = FACET_OK;
    for (size_t i = 0; !err && i < s->n_steps; i++)
        if (strcmp(s->steps[i].line, "repeat") != 0 && strcmp(s->steps[i].line, "refuse") != 0)
            err = facet_netsim_command(&dry, s->steps[i].line, &answer);
    facet_str_fini(&answer);
    return err ? facet_fail_prefix(err, "in the schedule") : FACET_OK;
}

int facet__netsim_schedule(struct facet_netsim *s, const char *text)
{
    while (text && *text) {
        text += strspn(text, " \t;");
        size_t len = strcspn(text, ";");
        int err = len ? add_step(s, text, len) : FACET_OK;
        if (err)
            return err;
        text += len;
    }
    return try_steps(s);
}

uint64_t facet__netsim_follow(struct facet_netsim *s, uint64_t now)
{
    struct facet_str answer = FACET_STR_INIT;
    while (s->next_step < s->n_steps && s->begun_ns + s->steps[s->next_step].at_ns <= now) {
        const struct netsim_step *step = &s->steps[s->next_step++];
        if (!strcmp(step->line, "repeat")) {
            s->begun_ns = now;
            s->next_step = 0;
        } else {
            facet_netsim_command(s, step->line, &answer);      /* was tried when it was read */
        }
    }
    facet_str_fini(&answer);
    return s->next_step < s->n_steps ? s->begun_ns + s->steps[s->next_step].at_ns : UINT64_MAX;
}
