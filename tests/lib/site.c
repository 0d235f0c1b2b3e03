#include "lib/site.h"

#include "base/errors.h"
#include "base/file.h"
#include "data/real.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_MS 60000

const char *site_file(const struct site *s, const char *name)
{
    return scratch_path(&s->broker.scratch, name);
}

static const char *facet(void)
{
    static char path[512];
    const char *build = getenv("FACET_TEST_BUILD");
    snprintf(path, sizeof(path), "%s/src/cli/facet", build ? build : "build");
    return path;
}

static const char *data_of_device(const struct site *s)
{
    return s->device_data ? s->device_data : s->broker.scratch.dir;
}

static void write_file(const struct site *s, const char *name, const char *text)
{
    scratch_write(&s->broker.scratch, name, text);
}

static void write_server(const struct site *s)
{
    char text[4096];
    const char *dir = s->broker.scratch.dir;
    snprintf(text, sizeof(text), "site: test\nmqtt: {host: 127.0.0.1, port: %d}\ngallery: {path: %s/people.db}\n"
             "serve: {port: %d, keys: %s/keys.json}\nstore: {events: %s/server-events.db}\noutbox: {path: %s/server-outbox.db}\n",
             s->broker.port, dir, s->http, dir, dir, dir);
    write_file(s, "server.yaml", text);
}

/* The one that the server made at its first start. */
static void first_key(struct site *s, char out[128])
{
    char *text = proc_text(&s->server), *at = strstr(text, "fct_");
    assert_non_null(at);
    snprintf(out, 128, "%.*s", (int)strcspn(at, " \n"), at);
    free(text);
}

static void write_cloud_device(struct site *s)
{
    char text[2048], key[128];
    first_key(s, key);
    snprintf(text, sizeof(text), "site: test\ndevice: porch\nstrategy: cloud\nserver: {url: \"http://127.0.0.1:%d\", insecure: true, key: %s}\n"
             "cameras:\n  - {name: cam0, url: \"%s\", native_rate: true, loop: true}\n", s->device_server, key,
             real_data("video/short_hamilton_clip.mp4"));
    write_file(s, "device.yaml", text);
}

static void write_device(const struct site *s)
{
    char text[4096];
    const char *dir = s->broker.scratch.dir, *data = data_of_device(s);
    snprintf(text, sizeof(text), "site: test\ndevice: porch\nstrategy: %s\nmqtt: {host: 127.0.0.1, port: %d, insecure: true}\n"
             "gallery: {path: %s/people.db}\nstore: {events: %s/device-events.db}\n%s"
             "outbox: {path: %s/outbox.db}\ncameras:\n  - {name: cam0, url: \"rtsp://127.0.0.1:%d/cam0\", fps: 10, timeout: 2000}\n",
             s->strategy ? s->strategy : "edge", s->device_broker, dir, data, s->more ? s->more : "", data, s->camera.port);
    write_file(s, "device.yaml", text);
}

/* The first site's gallery is the others', too: who is known does not change from test to test. */
static void enrol(const struct site *s)
{
    static uint8_t *kept;
    static size_t len;
    if (kept) {
        assert_int_equal(facet_file_write_atomic(site_file(s, "people.db"), kept, len), FACET_OK);
        return;
    }
    real_model("mtcnn");
    real_model("facenet-20180402");
    if (RUN(site_file(s, "enrol.log"), facet(), "enroll", "--gallery", site_file(s, "people.db"), "lin",
            real_data("gallery-hamilton/lin-manuel-miranda/1.png")))
        fail_msg("facet enroll fails; %s says why", site_file(s, "enrol.log"));
    assert_int_equal(facet_file_read(site_file(s, "people.db"), 16 << 20, &kept, &len), FACET_OK);
}

void site_start_server(struct site *s)
{
    const char *const env[] = { s->env[0], NULL };
    const char *const words[] = { facet(), "serve", "--config", site_file(s, "server.yaml"), NULL };
    proc_start(&s->server, site_file(s, "server.log"), words, env[0] ? env : NULL);
    wait_port(&s->server, s->http, START_MS);
}

void site_start_device(struct site *s)
{
    const char *const words[] = { facet(), "run", "--config", site_file(s, "device.yaml"), NULL };
    if (s->strategy && !strcmp(s->strategy, "cloud"))
        write_cloud_device(s);
    else
        write_device(s);
    proc_start(&s->device, site_file(s, "device.log"), words, s->env);
}

void site_open(struct site *s)
{
    broker_open(&s->broker, NULL);
    if (!s->device_broker)
        s->device_broker = s->broker.port;
    s->http = free_port();
    if (!s->device_server)
        s->device_server = s->http;
    setenv("FACET_DATA", site_file(s, "data"), 1);
    setenv("FACET_CACHE", site_file(s, "cache"), 1);
    enrol(s);
    CAMERA(&s->camera, &s->broker.scratch, "--clip", real_data("video/short_hamilton_clip.mp4"));
    write_server(s);
    site_start_server(s);
}

void site_close(struct site *s)
{
    proc_kill(&s->device);
    proc_kill(&s->server);
    proc_kill(&s->camera.proc);
    broker_close(&s->broker);
    proc_stop_all();
    unsetenv("FACET_DATA");
    unsetenv("FACET_CACHE");
}

/* ---- stores ---- */

static sqlite3 *open_store(const char *path)
{
    sqlite3 *db = NULL;
    if (access(path, R_OK) || sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_busy_timeout(db, 10000);
    return db;
}

/* -1: the store is not there yet. */
static long count(const char *path, const char *sql, const char *other)
{
    sqlite3 *db = open_store(path);
    sqlite3_stmt *q = NULL;
    char attach[1200];
    long n = -1;
    if (!db)
        return -1;
    snprintf(attach, sizeof(attach), "ATTACH '%s' AS o", other ? other : ":memory:");
    if (sqlite3_exec(db, attach, NULL, NULL, NULL) == SQLITE_OK && sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW)
        n = (long)sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return n;
}

static const char *device_store(const struct site *s)
{
    static char path[1024];
    snprintf(path, sizeof(path), "%s/device-events.db", data_of_device(s));
    return path;
}

#define FACES "type <> 4"          /* the others tell of cameras, and stay where they are made */

long site_made(const struct site *s)
{
    long n = count(device_store(s), "SELECT count(*) FROM events WHERE " FACES, NULL);
    return n > 0 ? n : 0;
}

long site_arrived(const struct site *s)
{
    long n = count(site_file(s, "server-events.db"), "SELECT count(*) FROM events WHERE " FACES, NULL);
    return n > 0 ? n : 0;
}

long site_named_by_device(const struct site *s)
{
    return count(device_store(s), "SELECT count(*) FROM main.events WHERE type = 2", NULL);
}

/* Their ids are made of what they tell (deploy/hybrid.h). */
long site_named_by_server(const struct site *s)
{
    return count(site_file(s, "server-events.db"), "SELECT count(*) FROM main.events WHERE type = 2 AND id LIKE '________________-i%'", NULL);
}

long site_waiting(const struct site *s)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/outbox.db", data_of_device(s));
    return count(path, "SELECT count(*) FROM main.item", NULL);
}

long site_missing(const struct site *s)
{
    return count(device_store(s), "SELECT count(*) FROM main.events WHERE " FACES " AND id NOT IN (SELECT id FROM o.events)",
                 site_file(s, "server-events.db"));
}

long site_doubles(const struct site *s)
{
    return count(site_file(s, "server-events.db"),
                 "SELECT count(*) FROM (SELECT json_extract(body, '$.run') AS run, json_extract(body, '$.track') AS track, type AS kind FROM events "
                 "WHERE type IN (1, 3) AND json_valid(body) GROUP BY run, track, kind HAVING count(*) > 1)", NULL);
}

/* ---- waiting ---- */

void site_await_events(struct site *s, long more, unsigned timeout_ms)
{
    const long want = site_arrived(s) + more;
    WAIT_FOR(site_arrived(s) >= want, timeout_ms);
}

static void end(struct proc *p, const char *what)
{
    if (!proc_is_running(p)) {
        char *text = proc_text(p);
        print_error("%s\n", text);
        free(text);
        fail_msg("the %s is not running any more", what);
    }
    const int code = proc_stop(p, 30000);
    if (code != 0 && code != 130)
        fail_msg("the %s ended with %d", what, code);
}

void site_end(struct site *s)
{
    end(&s->device, "device");
    end(&s->server, "server");
    assert_int_equal(site_doubles(s), 0);
}

void site_settle(struct site *s, unsigned timeout_ms)
{
    proc_kill(&s->camera.proc);
    WAIT_FOR(site_missing(s) == 0, timeout_ms);
    site_end(s);
    assert_true(site_arrived(s) >= site_made(s));
}
