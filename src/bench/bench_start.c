#include "bench/bench_start.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "bench/rivals.h"
#include "models/models.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_STARTERS 64
#define MAX_STEPS 24
#define MAX_ANSWER (4u << 20)

extern char **environ;

/* One way to start, and what its rounds gave. */
struct starter {
    char recogniser[FACET_MAX_NAME];
    const char *backend;
    double *ms, *rss, *peak;                       /* a number each round */
    struct { char name[48]; double *ms; } step[MAX_STEPS];      /* each step's own time */
    int n_steps;
};

struct bench {
    const struct facet_bench_start_opts *o;
    char program[PATH_MAX];
    unsigned rounds;
    struct starter s[MAX_STARTERS];
    int n;
    char absent[512];                              /* why the last one that does not start does not */
};

/* ---- one start ---- */

/* Everything the child writes, NUL-ended; frees nothing that the caller has. */
static int read_all(int fd, char **out, size_t *len)
{
    struct facet_str s = FACET_STR_INIT;
    char part[16384];
    ssize_t n;
    while ((n = read(fd, part, sizeof(part))) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && s.len + (size_t)n <= MAX_ANSWER)
            facet_str_append(&s, part, (size_t)n);
    int err = s.err ? facet_fail_nomem() : FACET_OK;
    *out = err ? NULL : strdup(facet_str_text(&s));
    *len = s.len;
    facet_str_fini(&s);
    return err ? err : *out ? FACET_OK : facet_fail_nomem();
}

static int spawn(pid_t *pid, const char *program, char *const *argv, char *const *env, int to, int close_in_child)
{
    posix_spawn_file_actions_t a;
    if (posix_spawn_file_actions_init(&a) != 0)
        return facet_fail_nomem();
    posix_spawn_file_actions_adddup2(&a, to, STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&a, close_in_child);
    posix_spawn_file_actions_addopen(&a, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawn(pid, program, &a, NULL, argv, env);
    posix_spawn_file_actions_destroy(&a);
    errno = failed;
    return failed ? facet_fail_errno("start", program) : FACET_OK;
}

/* The environment with the time of starting put before it. */
static char **make_env(char *started)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char **env = calloc(n + 2, sizeof(*env));
    if (env) {
        env[0] = started;
        memcpy(env + 1, environ, n * sizeof(*env));
    }
    return env;
}

static int start_once(const struct bench *b, const struct starter *s, char **answer, size_t *len)
{
    char threads[16], started[64];
    int ends[2], status = 0;
    pid_t pid;
    snprintf(threads, sizeof(threads), "%u", b->o->threads);
    const char *argv[16] = {b->program, "embed", "--json", "--largest", "--timings", "--threads", threads, "--recogniser",
                            s->recogniser, "--backend", s->backend, NULL};
    int n = 11;
    if (b->o->detector) {
        argv[n++] = "--detector";
        argv[n++] = b->o->detector;
    }
    argv[n] = b->o->picture;
    *answer = NULL;
    char **env = make_env(started);
    if (!env)
        return facet_fail_nomem();
    if (pipe2(ends, O_CLOEXEC) != 0) {
        free(env);
        return facet_fail_errno("make", "a pipe");
    }
    snprintf(started, sizeof(started), "FACET_STARTED_NS=%llu", (unsigned long long)facet_now_ns());
    int err = spawn(&pid, b->program, (char *const *)(uintptr_t)argv, env, ends[1], ends[0]);
    close(ends[1]);
    free(env);
    if (!err)
        err = read_all(ends[0], answer, len);
    close(ends[0]);
    if (!err && (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)))
        return facet_fail(FACET_E_INTERNAL, "the program started ended badly");
    return err;
}

/* ---- what it told ---- */

static int take_steps(struct starter *s, const struct facet_json *list, unsigned round)
{
    double before = 0;
    for (size_t i = 0; i < facet_json_size(list) && i < MAX_STEPS; i++) {
        const struct facet_json *e = facet_json_at(list, i);
        double ms = facet_json_num(facet_json_get(e, "ms"), 0);
        const char *name = facet_json_str(facet_json_get(e, "done"), "");
        if (s->n_steps == (int)i) {
            facet_copy_text(s->step[i].name, sizeof(s->step[i].name), name);
            s->n_steps++;
        }
        if (s->step[i].ms)
            s->step[i].ms[round] = ms - before;
        before = ms;
        s->ms[round] = ms;
        if (strcmp(name, "embedded") == 0)
            return FACET_OK;
    }
    return facet_fail(FACET_E_FORMAT, "the program started did not tell its steps");
}

static int take_answer(struct starter *s, const char *text, size_t len, unsigned round)
{
    struct facet_json *j = NULL;
    int err = facet_json_parse(&j, text, len, "facet embed");
    if (err)
        return err;
    const char *why = facet_json_str(facet_json_get(j, "message"), NULL);
    const struct facet_json *picture = facet_json_at(facet_json_get(j, "pictures"), 0);
    if (why)
        err = facet_fail(FACET_E_UNSUPPORTED, "%s", why);
    else if (facet_json_size(facet_json_get(picture, "faces")) == 0)
        err = facet_fail(FACET_E_NO_FACE, "there is no face in the picture");
    else
        err = take_steps(s, facet_json_get(j, "timings"), round);
    s->rss[round] = (double)facet_json_int(facet_json_get(j, "rss_bytes"), 0) / 1e6;
    s->peak[round] = (double)facet_json_int(facet_json_get(j, "peak_rss_bytes"), 0) / 1e6;
    facet_json_unref(&j);
    return err;
}

static int measure(const struct bench *b, struct starter *s, unsigned round)
{
    char *text = NULL;
    size_t len = 0;
    int err = start_once(b, s, &text, &len);
    if (!err)
        err = take_answer(s, text, len, round);
    free(text);
    return err;
}

/* ---- who starts ---- */

static int starter_init(struct starter *s, const char *recogniser, const char *backend, unsigned rounds)
{
    *s = (struct starter){.backend = backend};
    facet_copy_text(s->recogniser, sizeof(s->recogniser), recogniser);
    s->ms = calloc(rounds, sizeof(double));
    s->rss = calloc(rounds, sizeof(double));
    s->peak = calloc(rounds, sizeof(double));
    for (int i = 0; i < MAX_STEPS; i++)
        if (!(s->step[i].ms = calloc(rounds, sizeof(double))))
            return facet_fail_nomem();
    return s->ms && s->rss && s->peak ? FACET_OK : facet_fail_nomem();
}

static void starter_fini(struct starter *s)
{
    free(s->ms);
    free(s->rss);
    free(s->peak);
    for (int i = 0; i < MAX_STEPS; i++)
        free(s->step[i].ms);
}

/* A first start, which is not timed: plan files are there afterwards. What cannot start leaves the list. */
static int try_starter(struct bench *b, const char *recogniser, const char *backend)
{
    if (b->n == MAX_STARTERS)
        return FACET_OK;
    struct starter *s = &b->s[b->n];
    int err = starter_init(s, recogniser, backend, b->rounds);
    if (!err && measure(b, s, 0)) {
        snprintf(b->absent, sizeof(b->absent), "%s on %s does not start: %s", recogniser, backend, facet_error_text());
        starter_fini(s);
        return FACET_OK;
    }
    b->n++; /* half-made, too: fini frees it */
    return err;
}

static int try_recogniser(struct bench *b, const char *name)
{
    const char *list = b->o->rivals;
    int err = try_starter(b, name, "cpu");
    for (size_t i = 0; !err && i < FACET_BENCH_RIVALS; i++)
        if (!list || facet_bench_is_listed(list, facet_bench_rivals[i]))
            err = try_starter(b, name, facet_bench_rivals[i]);
    return err;
}

static int choose(struct bench *b)
{
    struct facet_manifest *m = NULL;
    int err = FACET_OK;
    if (b->o->rivals && strcmp(b->o->rivals, "none") != 0)
        err = facet_bench_check_list(b->o->rivals, facet_bench_rivals, FACET_BENCH_RIVALS, "rival");
    if (err)
        return err;
    if (b->o->recognisers) {
        for (size_t i = 0; !err && b->o->recognisers[i]; i++)
            err = try_recogniser(b, b->o->recognisers[i]);
        return err;
    }
    err = facet_manifest_open(&m, NULL);
    for (size_t i = 0; !err && i < facet_manifest_count(m); i++) {
        const struct facet_model_spec *s = facet_manifest_at(m, i);
        if (strcmp(s->task, "embed") == 0 && facet_model_present(s))
            err = try_recogniser(b, s->name);
    }
    facet_manifest_close(&m);
    return err;
}

/* ---- the report ---- */

/* Ours of the same recogniser; NULL: it does not start, or is this one. */
static const struct starter *ours_of(const struct bench *b, const struct starter *s)
{
    for (int i = 0; i < b->n; i++)
        if (&b->s[i] != s && !strcmp(b->s[i].backend, "cpu") && !strcmp(b->s[i].recogniser, s->recogniser))
            return &b->s[i];
    return NULL;
}

static int tell_totals(const struct bench *b, struct facet_report *r)
{
    struct facet_stat t;
    facet_report_table(r, "starts", "From the start of the process to the first embedding of one picture");
    for (int i = 0; i < b->n; i++) {
        const struct starter *s = &b->s[i];
        const struct starter *ours = ours_of(b, s);
        facet_report_row(r);
        facet_report_text(r, "recogniser", "%s", s->recogniser);
        facet_report_text(r, "back end", "%s", s->backend);
        int err = facet_stat_of(&t, s->ms, b->rounds);
        if (err)
            return err;
        facet_report_stat(r, "ms", &t, 1);
        facet_report_num(r, "best ms", t.best, 1);
        if (ours && !facet_stat_ratio(&t, s->ms, ours->ms, b->rounds))
            facet_report_stat(r, "time / facet's", &t, 2);
        if (!facet_stat_of(&t, s->rss, b->rounds))
            facet_report_num(r, "resident MB", t.median, 1);
        if (!facet_stat_of(&t, s->peak, b->rounds))
            facet_report_num(r, "most MB", t.median, 1);
    }
    return FACET_OK;
}

static int tell_steps(const struct bench *b, struct facet_report *r)
{
    struct facet_stat t;
    facet_report_table(r, "steps", "Where the time goes: ms of each step, medians (and the least)");
    for (int step = 0; step < MAX_STEPS; step++)
        for (int i = 0; i < b->n; i++) {
            if (step >= b->s[i].n_steps)
                continue;
            int err = facet_stat_of(&t, b->s[i].step[step].ms, b->rounds);
            if (err)
                return err;
            if (i == 0)
                facet_report_row(r);
            if (i == 0)
                facet_report_text(r, "until", "%s", b->s[i].step[step].name);
            char column[FACET_MAX_NAME + 32];
            snprintf(column, sizeof(column), "%s, %s", b->s[i].recogniser, b->s[i].backend);
            facet_report_text(r, column, "%.2f (%.2f)", t.median, t.best);
        }
    return FACET_OK;
}

static int run_rounds(struct bench *b)
{
    int err = FACET_OK;
    for (unsigned round = 0; !err && round < b->rounds; round++)
        for (int i = 0; !err && i < b->n; i++) {
            if (b->o->cancel && *b->o->cancel)
                return facet_fail(FACET_E_CANCELLED, "interrupted");
            err = measure(b, &b->s[((unsigned)i + round) % (unsigned)b->n], round);
        }
    return err;
}

static int find_program(struct bench *b)
{
    if (b->o->program)
        return facet_copy_text(b->program, sizeof(b->program), b->o->program);
    ssize_t n = readlink("/proc/self/exe", b->program, sizeof(b->program) - 1);
    if (n < 0)
        return facet_fail_errno("find", "/proc/self/exe");
    b->program[n] = '\0';
    return FACET_OK;
}

int facet_bench_start_run(struct facet_report *r, const struct facet_bench_start_opts *o)
{
    struct bench *b = calloc(1, sizeof(*b));
    if (!b)
        return facet_fail_nomem();
    b->o = o;
    b->rounds = o->rounds ? o->rounds : 21;
    facet_report_fact(r, "rounds", "%u", b->rounds);
    int err = find_program(b);
    if (!err)
        err = choose(b);
    if (!err && b->n == 0)
        err = facet_fail(FACET_E_NOT_FOUND, "no recogniser starts with '%s': %s", o->picture,
                         *b->absent ? b->absent : "none is there; see: facet models list");
    if (!err)
        err = run_rounds(b);
    if (!err)
        err = tell_totals(b, r);
    if (!err && *b->absent)
        facet_report_note(r, "%s", b->absent);
    if (!err)
        err = tell_steps(b, r);
    for (int i = 0; i < b->n; i++)
        starter_fini(&b->s[i]);
    free(b);
    return err;
}
