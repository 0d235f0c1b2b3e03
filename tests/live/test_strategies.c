/* The three strategies on the same clip: a file, its own H.264, nothing dropped, the same faces for the recogniser. They find
 * the same tracks and give them the same names. What each sends, how late it is and what it costs is printed. */
#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "data/real.h"
#include "lib/broker.h"
#include "lib/http_ask.h"
#include "lib/proc.h"
#include "lib/scratch.h"
#include "store/events.h"
#include "store/spool.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DETECTOR "yunet-n-320"
#define RECOGNISER "mobilefacenet-photo-analyze"
#define TRACKS 64

struct track { int64_t number, first_frame, frames; bool is_named; char name[FACET_MAX_NAME]; int decision; };
struct seen { struct track track[TRACKS]; int n; double delay[TRACKS * 4]; int n_delays; };
struct cost { double bytes, cpu; };

static struct scratch scratch;
static struct broker broker;

static const char *facet(void)
{
    static char path[1024];
    snprintf(path, sizeof(path), "%s/src/cli/facet", getenv("FACET_TEST_BUILD"));
    return path;
}

static void enrol(const char *name, const char *picture)
{
    int code = RUN(scratch_path(&scratch, "enrol.log"), facet(), "enroll", "--gallery", scratch_path(&scratch, "gallery.db"), "--detector",
                   DETECTOR, "--recogniser", RECOGNISER, name, real_data(picture));
    assert_int_equal(code, 0);
}

static int setup(void **state)
{
    (void)state;
    real_model(DETECTOR);
    real_model(RECOGNISER);
    scratch_open(&scratch);
    enrol("Lin", "gallery-hamilton/lin-manuel-miranda/1.png");
    enrol("Alex", "gallery-hamilton/alex-lacamoire/1.png");
    broker_open(&broker, NULL);
    return 0;
}

static int teardown(void **state)
{
    broker_close(&broker);
    int code = proc_teardown(state);
    scratch_close(&scratch);
    return code;
}

/* ---- what was seen ---- */

static struct track *find(struct seen *s, int64_t number)
{
    for (int i = 0; i < s->n; i++)
        if (s->track[i].number == number)
            return &s->track[i];
    assert_true(s->n < TRACKS);
    s->track[s->n] = (struct track){ .number = number };
    return &s->track[s->n++];
}

static int note(void *ctx, int64_t seq, const struct facet_event *e)
{
    struct track *t = e->track ? find(ctx, e->track) : NULL;
    (void)seq;
    if (!t)
        return 0;
    if (e->type == FACET_EVENT_NEW)
        t->first_frame = e->frame;
    if (e->type == FACET_EVENT_END)
        t->frames = e->frames;
    struct seen *s = ctx;
    if (e->type == FACET_EVENT_IDENTITY && s->n_delays < TRACKS * 4)
        s->delay[s->n_delays++] = (double)(e->published_ms - e->captured_ms);
    if (e->type == FACET_EVENT_IDENTITY && !t->is_named) {
        t->is_named = true;
        t->decision = (int)e->identity.decision;
        snprintf(t->name, sizeof(t->name), "%s", e->identity.name);
    }
    return 0;
}

/* The newest come first, so the last answer of a track is the one that is noted. */
static void read_store(struct seen *out, const char *path)
{
    struct facet_events *e;
    struct facet_events_opts o = { .where = path, .read_only = true };
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    f.limit = 10000;
    memset(out, 0, sizeof(*out));
    assert_ok(facet_events_open(&e, &o));
    assert_ok(facet_events_query(e, &f, note, out));
    facet_events_close(&e);
}

static double number(const struct facet_json *j, const char *key)
{
    return facet_json_num(facet_json_get(j, key), -1);
}

static struct cost read_cost(const char *log)
{
    uint8_t *text;
    size_t len;
    struct facet_json *j;
    assert_ok(facet_file_read(log, 1 << 20, &text, &len));
    const char *from = strchr((char *)text, '{'), *to = strrchr((char *)text, '}');
    assert_non_null(from);
    assert_non_null(to);
    assert_ok(facet_json_parse(&j, from, (size_t)(to + 1 - from), "summary"));
    struct cost c = { number(j, "bytes_sent"), number(j, "cpu_seconds") };
    assert_int_equal((int)number(j, "frames"), 275);
    assert_int_equal((int)number(j, "dropped"), 0);
    facet_json_unref(&j);
    free(text);
    return c;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const struct seen *s, double q)
{
    int at = (int)(q * s->n_delays);
    return s->n_delays ? s->delay[at < s->n_delays ? at : s->n_delays - 1] : 0;
}

/* Delays are those of names: from the capture of the frame that decided to the event. */
static void tell(const char *strategy, const struct cost *c, struct seen *s)
{
    double sum = 0;
    int named = 0;
    for (int i = 0; i < s->n; i++)
        named += s->track[i].decision == FACET_KNOWN;
    qsort(s->delay, (size_t)s->n_delays, sizeof(double), by_size);
    for (int i = 0; i < s->n_delays; i++)
        sum += s->delay[i];
    print_message("strategy,tracks,named,device_bytes_sent,device_cpu_s,delay_mean_ms,delay_p50_ms,delay_p95_ms,delay_p99_ms\n");
    print_message("%s,%d,%d,%.0f,%.2f,%.1f,%.1f,%.1f,%.1f\n", strategy, s->n, named, c->bytes, c->cpu,
                  s->n_delays ? sum / s->n_delays : 0, quantile(s, 0.5), quantile(s, 0.95), quantile(s, 0.99));
}

static void assert_same(const struct seen *a, struct seen *b, const char *who)
{
    if (a->n != b->n)
        fail_msg("edge has %d tracks, %s %d", a->n, who, b->n);
    for (int i = 0; i < a->n; i++) {
        const struct track *x = &a->track[i], *y = find(b, x->number);
        bool is_same = x->first_frame == y->first_frame && x->frames == y->frames && x->decision == y->decision && !strcmp(x->name, y->name);
        if (!is_same)
            fail_msg("track %lld: edge has frame %lld, %lld frames, decision %d '%s'; %s frame %lld, %lld frames, decision %d '%s'",
                     (long long)x->number, (long long)x->first_frame, (long long)x->frames, x->decision, x->name, who,
                     (long long)y->first_frame, (long long)y->frames, y->decision, y->name);
    }
}

/* ---- sites ---- */

static void write_site(const char *name, const char *more)
{
    char text[4096];
    snprintf(text, sizeof(text),
             "site: test\nmodels: {detector: " DETECTOR ", recogniser: " RECOGNISER "}\ntrack: {rejoin: -1}\n"
             "gallery: {path: %s, cooldown: 1ms}\n%s", scratch_path(&scratch, "gallery.db"), more);
    scratch_write(&scratch, name, text);
}

static void camera_text(char out[1024])
{
    snprintf(out, 1024, "cameras:\n  - name: clip\n    url: %s\n    every_frame: true\n", real_data("video/short_hamilton_clip.mp4"));
}

static struct cost run_device(const char *site, const char *strategy)
{
    struct proc p = { .pid = 0 };
    char log[512];
    snprintf(log, sizeof(log), "%s", scratch_path(&scratch, "device.log"));
    const char *const argv[] = { facet(), "run", "--config", scratch_path(&scratch, site), "--strategy", strategy, "--json", "--quiet", NULL };
    char data[300];
    snprintf(data, sizeof(data), "FACET_DATA=%s", scratch_path(&scratch, "device"));
    const char *const env[] = { data, NULL };
    unlink(log);
    proc_start(&p, log, argv, env);
    int code = proc_wait(&p, 90000);
    if (code) {
        char *text = proc_text(&p);
        print_error("%s\n", text);
        free(text);
    }
    assert_int_equal(code, 0);
    return read_cost(log);
}

static void start_server_with(struct proc *p, const char *name, int port, const char *hybrid)
{
    char more[2048], data[300];
    snprintf(more, sizeof(more),
             "device: server\nstrategy: hybrid\nmqtt: {host: 127.0.0.1, port: %d}\nserve: {port: %d}\n"
             "store: {events: %s-events.db}\noutbox: {path: %s-outbox.db}\nhybrid: {inbox: %s-inbox.db%s}\n",
             broker.port, port, scratch_path(&scratch, name), scratch_path(&scratch, name), scratch_path(&scratch, name), hybrid);
    char site[64];
    snprintf(site, sizeof(site), "%s.yaml", name);
    write_site(site, more);
    snprintf(data, sizeof(data), "FACET_DATA=%s", scratch_path(&scratch, name));
    const char *const argv[] = { facet(), "serve", "--config", scratch_path(&scratch, site), NULL };
    const char *const env[] = { data, NULL };
    snprintf(site, sizeof(site), "%s.log", name);
    proc_start(p, scratch_path(&scratch, site), argv, env);
    proc_wait_line(p, "listening at", 30000);
}

static void start_server(struct proc *p, const char *name, int port)
{
    start_server_with(p, name, port, "");
}

static int count_ends(const char *path)
{
    struct facet_events *e;
    struct facet_events_opts o = { .where = path, .read_only = true };
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    int64_t n = 0;
    f.type = FACET_EVENT_END;
    if (facet_events_open(&e, &o))
        return 0;
    (void)facet_events_count(e, &f, &n);
    facet_events_close(&e);
    return (int)n;
}

static int count_names(const char *path)
{
    struct facet_events *e;
    struct facet_events_opts o = { .where = path, .read_only = true };
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    int64_t n = 0;
    f.type = FACET_EVENT_IDENTITY;
    if (facet_events_open(&e, &o))
        return 0;
    (void)facet_events_count(e, &f, &n);
    facet_events_close(&e);
    return (int)n;
}

static void first_key(struct proc *p, char out[128])
{
    char *text = proc_text(p), *at = strstr(text, "fct_");
    assert_non_null(at);
    snprintf(out, 128, "%.*s", (int)strcspn(at, " \n"), at);
    free(text);
}

static int named(const struct seen *s)
{
    int n = 0;
    for (int i = 0; i < s->n; i++)
        n += s->track[i].is_named;
    return n;
}

/* What edge found, and what it cost: the others are held against it. Made once. */
static struct seen edge;
static struct cost edge_cost;

static void know_edge(const char *camera)
{
    char more[2048];
    if (edge.n)
        return;
    snprintf(more, sizeof(more), "device: one\nstore: {events: %s}\n%s", scratch_path(&scratch, "edge-events.db"), camera);
    write_site("edge.yaml", more);
    edge_cost = run_device("edge.yaml", "edge");
    read_store(&edge, scratch_path(&scratch, "edge-events.db"));
    assert_true(edge.n > 4);
    assert_true(named(&edge) > 2);
}

/* Its outbox is named after it, so that tests do not find each other's. */
static void write_hybrid_with(const char *name, const char *camera, const char *hybrid)
{
    char more[2048], site[64];
    snprintf(more, sizeof(more),
             "device: one\nmqtt: {host: 127.0.0.1, port: %d}\noutbox: {path: %s-outbox.db}\nhybrid: {%s}\n%s",
             broker.port, scratch_path(&scratch, name), hybrid, camera);
    snprintf(site, sizeof(site), "%s-device.yaml", name);
    write_site(site, more);
}

static void write_hybrid(const char *name, const char *camera)
{
    write_hybrid_with(name, camera, "chips_per_track: 0");
}

static const char *store_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s-events.db", scratch_path(&scratch, name));
    return path;
}

static void wait_for_all(struct seen *hybrid, const char *store)
{
    WAIT_FOR(count_ends(store) >= edge.n, 60000);
    WAIT_FOR((read_store(hybrid, store), named(hybrid) >= named(&edge)), 60000);
}

static void test_strategies__give_the_same_tracks_and_names(void **state)
{
    struct seen hybrid, cloud;
    struct proc server = { .pid = 0 };
    char camera[1024], more[2048], key[128];
    int port = free_port();
    (void)state;
    camera_text(camera);
    know_edge(camera);
    tell("edge", &edge_cost, &edge);

    start_server(&server, "same", port);
    write_hybrid("same", camera);
    struct cost hybrid_cost = run_device("same-device.yaml", "hybrid");
    wait_for_all(&hybrid, store_of("same"));
    tell("hybrid", &hybrid_cost, &hybrid);
    assert_int_equal(proc_stop(&server, 20000), 0);
    assert_same(&edge, &hybrid, "hybrid");

    start_server(&server, "cloudy", port);
    first_key(&server, key);
    snprintf(more, sizeof(more), "device: one\nserver: {url: \"http://127.0.0.1:%d\", insecure: true, key: %s}\n%s", port, key, camera);
    write_site("cloud.yaml", more);
    struct cost cloud_cost = run_device("cloud.yaml", "cloud");
    WAIT_FOR(count_ends(store_of("cloudy")) == edge.n, 60000);
    read_store(&cloud, store_of("cloudy"));
    tell("cloud", &cloud_cost, &cloud);
    assert_int_equal(proc_stop(&server, 20000), 0);
    assert_same(&edge, &cloud, "cloud");

    assert_true(hybrid_cost.bytes > 10000);
    assert_true(cloud_cost.bytes > 10000);
    assert_true(edge_cost.bytes == 0);
}

struct chips { int64_t track[TRACKS]; int count[TRACKS]; float best[TRACKS]; int n; };

static void note_chip(struct chips *c, const struct facet_wire_chip *chip)
{
    int i = 0;
    while (i < c->n && c->track[i] != chip->track.number)
        i++;
    assert_true(i < TRACKS);
    c->n += i == c->n;
    c->track[i] = chip->track.number;
    c->count[i]++;
    c->best[i] = chip->quality > c->best[i] ? chip->quality : c->best[i];
}

/* What waits in a device's outbox. */
static void read_chips(struct chips *out, const char *name)
{
    struct facet_spool *s;
    struct facet_spool_item item;
    struct facet_message m;
    char path[512];
    int64_t after = 0;
    memset(out, 0, sizeof(*out));
    snprintf(path, sizeof(path), "%s-outbox.db", scratch_path(&scratch, name));
    struct facet_spool_opts o = { .path = path };
    assert_ok(facet_spool_open(&s, &o));
    for (; facet_spool_next(s, after, &item) == FACET_OK; free(item.payload)) {
        after = item.seq;
        size_t len = strlen(item.topic);
        if (len < 5 || strcmp(item.topic + len - 5, "/chip"))
            continue;
        assert_ok(facet_message_unpack(&m, item.payload, item.len));
        note_chip(out, &m.chip);
        facet_message_fini(&m);
    }
    facet_spool_close(&s);
}

/* With nobody there, as many chips of a track wait as answers must agree, and the best view is among them. */
static void assert_best_wait(const struct chips *all, const char *camera)
{
    struct chips few;
    int fewer = 0;
    write_hybrid_with("few", camera, "chips_per_track: 3");
    (void)run_device("few-device.yaml", "hybrid");
    read_chips(&few, "few");
    assert_int_equal(few.n, all->n);
    for (int i = 0; i < all->n; i++) {
        assert_int_equal(few.track[i], all->track[i]);
        assert_true(few.count[i] == (all->count[i] < 2 ? all->count[i] : 2));
        assert_true(few.best[i] == all->best[i]);
        fewer += few.count[i] < all->count[i];
    }
    assert_true(fewer > 2);
}

/* Sanitizers see the same paths in live_faults, for a third of the time. */
static void leave_out_when_sanitized(void)
{
    if (test_is_sanitized())
        skip();
}

/* The device runs while nobody is there: all of it is on its disk, and goes with the next run. */
static void test_strategies__hybrid_loses_nothing_without_broker_and_server(void **state)
{
    struct seen hybrid;
    struct chips chips;
    struct proc server = { .pid = 0 };
    char camera[1024];
    (void)state;
    leave_out_when_sanitized();
    camera_text(camera);
    know_edge(camera);
    write_hybrid("away", camera);
    broker_kill(&broker);
    (void)run_device("away-device.yaml", "hybrid");
    read_chips(&chips, "away");
    assert_best_wait(&chips, camera);
    broker_start(&broker);
    start_server(&server, "away", free_port());
    (void)run_device("away-device.yaml", "hybrid");
    /* two runs, each with all of its tracks and names */
    WAIT_FOR(count_ends(store_of("away")) == 2 * edge.n, 60000);
    WAIT_FOR(count_names(store_of("away")) == 2 * edge.n_delays, 60000);
    read_store(&hybrid, store_of("away"));
    assert_int_equal(proc_stop(&server, 20000), 0);
    assert_same(&edge, &hybrid, "hybrid after an outage");
}

/* How many chips a server has put through its network since it was started. */
static int embedded(const char *key, int port)
{
    struct http_answer a;
    struct facet_json *j;
    http_ask(&a, &(struct http_ask){ .port = port, .path = "/v1/stats", .key = key });
    assert_int_equal(a.status, 200);
    assert_ok(facet_json_parse(&j, a.body, strlen(a.body), "stats"));
    int n = (int)number(j, "embedded");
    facet_json_unref(&j);
    http_answer_fini(&a);
    return n;
}

static int waiting_chips(const char *name, struct chips *c)
{
    int n = 0;
    read_chips(c, name);
    for (int i = 0; i < c->n; i++)
        n += c->count[i];
    return n;
}

/* Chips are embedded so many at once, or after so long, as the server's file says; what is short of a batch waits, over restarts. */
static void test_strategies__hybrid_embeds_in_batches_of_a_size_and_an_interval(void **state)
{
    struct seen hybrid;
    struct chips chips;
    struct proc server = { .pid = 0 };
    char camera[1024], key[128], hybrid_lines[64];
    int port = free_port(), size = 10;
    (void)state;
    camera_text(camera);
    know_edge(camera);
    write_hybrid("batch", camera);
    broker_kill(&broker);
    (void)run_device("batch-device.yaml", "hybrid");
    int all = 2 * waiting_chips("batch", &chips);      /* these, and those of a second run */
    while (all % size == 0)
        size++;
    broker_start(&broker);
    snprintf(hybrid_lines, sizeof(hybrid_lines), ", batch: %d, batch_time: 1d", size);
    start_server_with(&server, "batch", port, hybrid_lines);
    first_key(&server, key);
    (void)run_device("batch-device.yaml", "hybrid");
    WAIT_FOR(embedded(key, port) == all / size * size, 60000);
    assert_int_equal(proc_stop(&server, 20000), 0);

    start_server_with(&server, "batch", port, ", batch: 256, batch_time: 500ms");
    WAIT_FOR(count_ends(store_of("batch")) == 2 * edge.n && count_names(store_of("batch")) == 2 * edge.n_delays, 60000);
    read_store(&hybrid, store_of("batch"));
    assert_int_equal(proc_stop(&server, 20000), 0);
    assert_same(&edge, &hybrid, "hybrid in batches");
}

/* Killed in the middle and started again on the same files: the same names, each once. */
static void test_strategies__hybrid_server_may_be_killed(void **state)
{
    struct seen hybrid;
    struct proc server = { .pid = 0 }, device = { .pid = 0 };
    char camera[1024], data[300];
    (void)state;
    leave_out_when_sanitized();
    camera_text(camera);
    know_edge(camera);
    write_hybrid("killed", camera);
    start_server(&server, "killed", free_port());
    snprintf(data, sizeof(data), "FACET_DATA=%s", scratch_path(&scratch, "device"));
    const char *const argv[] = { facet(), "run", "--config", scratch_path(&scratch, "killed-device.yaml"), "--strategy", "hybrid", NULL };
    const char *const env[] = { data, NULL };
    proc_start(&device, scratch_path(&scratch, "killed-device.log"), argv, env);
    WAIT_FOR(count_names(store_of("killed")) > 0, 60000);
    proc_kill(&server);
    start_server(&server, "killed", free_port());
    assert_int_equal(proc_wait(&device, 60000), 0);
    /* what waits on the device's disk goes with its next start */
    (void)run_device("killed-device.yaml", "hybrid");
    WAIT_FOR(count_ends(store_of("killed")) == 2 * edge.n, 60000);
    WAIT_FOR(count_names(store_of("killed")) == 2 * edge.n_delays, 60000);
    read_store(&hybrid, store_of("killed"));
    assert_int_equal(proc_stop(&server, 20000), 0);
    assert_same(&edge, &hybrid, "hybrid after a kill");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strategies__give_the_same_tracks_and_names),
        cmocka_unit_test(test_strategies__hybrid_loses_nothing_without_broker_and_server),
        cmocka_unit_test(test_strategies__hybrid_embeds_in_batches_of_a_size_and_an_interval),
        cmocka_unit_test(test_strategies__hybrid_server_may_be_killed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
