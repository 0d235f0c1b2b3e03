/* A device keeps a sealed copy of the server's gallery: who is enrolled or renamed at the server is so on the device within
 * seconds, and the device's word that it holds the new version is kept with the server's events. */
#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "data/real.h"
#include "lib/broker.h"
#include "lib/proc.h"
#include "lib/scratch.h"
#include "store/erase.h"
#include "store/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DETECTOR "yunet-n-320"
#define RECOGNISER "mobilefacenet-photo-analyze"
#define WITHIN_MS 5000             /* from the end of a change at the server */
#define START_MS 30000

static struct scratch scratch;
static struct broker broker;
static struct proc server, device;

static const char *facet(void)
{
    static char path[1024];
    snprintf(path, sizeof(path), "%s/src/cli/facet", getenv("FACET_TEST_BUILD"));
    return path;
}

static const char *key(void)
{
    static char text[1100];
    snprintf(text, sizeof(text), "file:%s", scratch_path(&scratch, "site.key"));
    return text;
}

static int rename_person(const char *from, const char *to)
{
    return RUN(scratch_path(&scratch, "people.log"), facet(), "people", "--gallery", scratch_path(&scratch, "server.db"), "rename", from, to);
}

static int setup(void **state)
{
    (void)state;
    real_model(DETECTOR);
    real_model(RECOGNISER);
    scratch_open(&scratch);
    scratch_write(&scratch, "site.key", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
    chmod(scratch_path(&scratch, "site.key"), 0600);
    setenv("FACET_SITE_KEY", key(), 1);
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

static void start(struct proc *p, const char *name, const char *command, const char *more, const char *line)
{
    char text[8192], site[64], log[64], data[1100];
    snprintf(text, sizeof(text),
             "site: test\ndevice: %s\nmodels: {detector: " DETECTOR ", recogniser: " RECOGNISER "}\nmqtt: {host: 127.0.0.1, port: %d}\n"
             "store: {key: \"%s\", events: %s-events.db}\noutbox: {path: %s-outbox.db}\nhybrid: {inbox: %s-inbox.db}\n%s",
             name, broker.port, key(), scratch_path(&scratch, name), scratch_path(&scratch, name), scratch_path(&scratch, name), more);
    snprintf(site, sizeof(site), "%s.yaml", name);
    snprintf(log, sizeof(log), "%s.log", name);
    scratch_write(&scratch, site, text);
    snprintf(data, sizeof(data), "FACET_DATA=%s", scratch_path(&scratch, name));
    const char *const argv[] = { facet(), command, "--config", scratch_path(&scratch, site), "-v", NULL };
    const char *const env[] = { data, NULL };
    proc_start(p, scratch_path(&scratch, log), argv, env);
    proc_wait_line(p, line, 60000);
}

static void start_server(void)
{
    char more[2048];
    snprintf(more, sizeof(more), "gallery: {path: %s}\nserve: {port: %d}\n", scratch_path(&scratch, "server.db"), free_port());
    start(&server, "server", "serve", more, "listening at");
}

static void start_device(void)
{
    char more[4096];
    snprintf(more, sizeof(more),
             "gallery: {path: %s, sync: true}\ntrack: {every_frame: true}\ncameras:\n  - {name: clip, url: %s, loop: true, native_rate: true, fps: 5}\n",
             scratch_path(&scratch, "copy.db"), real_data("video/short_hamilton_clip.mp4"));
    start(&device, "door", "run", more, "online");
}

/* Is there such a person on the device? */
static bool device_knows(const char *name)
{
    struct facet_vault *v = NULL;
    struct facet_gallery *g = NULL;
    struct facet_person p;
    struct facet_vault_opts vo = { .key = key() };
    if (facet_vault_open(&v, &vo))
        return false;
    struct facet_gallery_opts o = { .path = scratch_path(&scratch, "copy.db"), .read_only = true, .vault = v };
    bool knows = facet_gallery_open(&g, &o) == FACET_OK && facet_gallery_person(g, name, &p) == FACET_OK && p.templates > 0;
    facet_gallery_close(&g);
    facet_vault_close(&v);
    return knows;
}

struct held { char device[64]; uint64_t version; };

static int note_held(void *ctx, const char *name, uint64_t version)
{
    struct held *h = ctx;
    snprintf(h->device, sizeof(h->device), "%s", name);
    h->version = version;
    return 0;
}

/* What the server keeps of the device's word. */
static struct held held(void)
{
    struct held h = { .version = 0 };
    struct facet_events *e = NULL;
    struct facet_vault *v = NULL;
    struct facet_vault_opts vo = { .key = key() };
    if (facet_vault_open(&v, &vo))
        return h;
    struct facet_events_opts o = { .where = scratch_path(&scratch, "server-events.db"), .vault = v, .read_only = true };
    if (facet_events_open(&e, &o) == FACET_OK)
        (void)facet_devices_each(e, note_held, &h);
    facet_events_close(&e);
    facet_vault_close(&v);
    return h;
}

static void enrol(const char *name, const char *picture)
{
    assert_int_equal(RUN(scratch_path(&scratch, "enrol.log"), facet(), "enroll", "--gallery", scratch_path(&scratch, "server.db"), "--detector",
                         DETECTOR, "--recogniser", RECOGNISER, name, real_data(picture)), 0);
}

/* Exit code of erase --verify: 0 when nothing is left and no device is to confirm. */
static int erase(const char *name)
{
    unlink(scratch_path(&scratch, "erase.log")); /* what is said now, alone */
    return RUN(scratch_path(&scratch, "erase.log"), facet(), "people", "erase", "--site", scratch_path(&scratch, "server.yaml"), "--verify", name);
}

static bool erase_said(const char *text)
{
    struct proc p = { .pid = 0 };
    snprintf(p.log, sizeof(p.log), "%s", scratch_path(&scratch, "erase.log"));
    char *all = proc_text(&p);
    bool said = all && strstr(all, text);
    free(all);
    return said;
}

/* Events of the device's, or the server's, own store that name somebody. */
static int64_t named(const char *store, const char *name)
{
    struct facet_events *e = NULL;
    struct facet_vault *v = NULL;
    struct facet_vault_opts vo = { .key = key() };
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    int64_t n = -1;
    if (facet_vault_open(&v, &vo))
        return -1;
    struct facet_events_opts o = { .where = scratch_path(&scratch, store), .vault = v, .read_only = true };
    f.name = name;
    if (facet_events_open(&e, &o) == FACET_OK)
        (void)facet_events_count(e, &f, &n);
    facet_events_close(&e);
    facet_vault_close(&v);
    return n;
}

/* Is the text to be read in what waits on disk, or in its log? */
static bool is_readable(const char *spool, const char *text)
{
    static const char *const ends[] = { "", "-wal" };
    char name[64];
    bool found = false;
    for (int i = 0; i < 2; i++) {
        uint8_t *data;
        size_t len;
        snprintf(name, sizeof(name), "%s%s", spool, ends[i]);
        if (facet_file_read(scratch_path(&scratch, name), 64 << 20, &data, &len))
            continue;
        found |= memmem(data, len, text, strlen(text)) != NULL;
        free(data);
    }
    return found;
}

static void test_gallery_copies__follow_the_servers_gallery(void **state)
{
    (void)state;
    enrol("Lin", "gallery-hamilton/lin-manuel-miranda/1.png");
    start_server();
    start_device();
    WAIT_FOR(device_knows("Lin"), START_MS);
    WAIT_FOR(!strcmp(held().device, "door"), START_MS);
    WAIT_FOR(named("door-events.db", "Lin") > 0 && named("server-events.db", "Lin") > 0, START_MS);
    assert_true(is_readable("door-outbox.db", "facet/events"));        /* what goes where, and no more */
    assert_false(is_readable("door-outbox.db", "Lin"));

    struct held before = held();
    enrol("Alex", "gallery-hamilton/alex-lacamoire/1.png");
    WAIT_FOR(device_knows("Alex") && held().version > before.version, WITHIN_MS);

    assert_int_equal(rename_person("Alex", "Sasha"), 0);
    WAIT_FOR(device_knows("Sasha"), WITHIN_MS);
    assert_false(device_knows("Alex"));

    (void)erase("Sasha");
    WAIT_FOR(!device_knows("Sasha"), WITHIN_MS);
    WAIT_FOR(erase("Sasha") == 0, WITHIN_MS);  /* and the device said so */
}

/* Goes on where the other ended. */
static void test_gallery_copies__that_are_away_are_listed_until_they_confirm(void **state)
{
    (void)state;
    assert_int_equal(proc_stop(&device, 20000), 0);
    assert_int_not_equal(erase("Lin"), 0);
    assert_true(erase_said("door"));
    enrol("Manuel", "gallery-hamilton/lin-manuel-miranda/1.png");
    assert_true(device_knows("Lin"));
    start_device();
    WAIT_FOR(!device_knows("Lin") && device_knows("Manuel"), START_MS);
    WAIT_FOR(named("door-events.db", "Lin") == 0, WITHIN_MS);
    WAIT_FOR(erase("Lin") == 0, WITHIN_MS);
    assert_false(erase_said("door"));
    assert_int_equal(named("server-events.db", "Lin"), 0);
    assert_int_equal(proc_stop(&device, 20000), 0);
    assert_int_equal(proc_stop(&server, 20000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gallery_copies__follow_the_servers_gallery),
        cmocka_unit_test(test_gallery_copies__that_are_away_are_listed_until_they_confirm),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
