/* facet serve as a process: the first start, what systemd hears, SIGHUP, certificates, and its end. */
#include "lib/certs.h"
#include "lib/http_ask.h"
#include "lib/proc.h"
#include "lib/small_models.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct world { struct scratch folder; struct proc p; int port, manager; char key[64]; };

static struct world w;

static const char *facet(void)
{
    static char path[1024];
    snprintf(path, sizeof(path), "%s/src/cli/facet", getenv("FACET_TEST_BUILD"));
    return path;
}

/* The site's file with one more line below `serve:`. */
static void write_site(const char *more)
{
    char text[2048];
    snprintf(text, sizeof(text), "site: test\ngallery:\n  path: %s\nstore:\n  events: %s\nserve:\n  keys: %s\n%s", scratch_path(&w.folder, "g.db"),
             scratch_path(&w.folder, "e.db"), scratch_path(&w.folder, "keys.json"), more);
    scratch_write(&w.folder, "site.yaml", text);
    assert_int_equal(chmod(scratch_path(&w.folder, "site.yaml"), 0600), 0);
}

static void open_manager(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    struct timeval t = { .tv_sec = 10 };
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", scratch_path(&w.folder, "notify"));
    w.manager = socket(AF_UNIX, SOCK_DGRAM, 0);
    setsockopt(w.manager, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    assert_int_equal(bind(w.manager, (struct sockaddr *)&a, sizeof(a)), 0);
}

/* The next thing that systemd would hear, watchdogs left out. */
static const char *heard(void)
{
    static char text[256];
    do {
        ssize_t n = recv(w.manager, text, sizeof(text) - 1, 0);
        text[n > 0 ? n : 0] = '\0';
    } while (!strcmp(text, "WATCHDOG=1"));
    return text;
}

static int start_world(void **state)
{
    memset(&w, 0, sizeof(w));
    scratch_open(&w.folder);
    small_models(&w.folder);
    open_manager();
    write_site("");
    return 0;
}

static int stop_world(void **state)
{
    proc_stop_all();
    close(w.manager);
    scratch_close(&w.folder);
    return 0;
}

static void start(const char *const *more)
{
    char notify[512];
    const char *argv[24] = { facet(), "serve", "--config", scratch_path(&w.folder, "site.yaml"), "--port", "0" };
    int n = 6;
    for (; more && *more; more++)
        argv[n++] = *more;
    snprintf(notify, sizeof(notify), "NOTIFY_SOCKET=%s", scratch_path(&w.folder, "notify"));
    const char *const env[] = { notify, "WATCHDOG_USEC=200000", NULL };
    proc_start(&w.p, scratch_path(&w.folder, "serve.log"), argv, env);
    proc_wait_line(&w.p, "listening at", 30000);
    char *text = proc_text(&w.p), *at = strstr(text, "listening at "), *key = strstr(text, "fct_");
    at = strrchr(at, ':');
    w.port = (int)strtol(at + 1, NULL, 10);
    if (key)
        snprintf(w.key, sizeof(w.key), "%.47s", key);
    free(text);
    assert_memory_equal(heard(), "READY=1", 7);
}

static int status_of(const char *path)
{
    struct http_answer a;
    http_ask(&a, &(struct http_ask){ .port = w.port, .path = path, .key = w.key });
    int status = a.status;
    http_answer_fini(&a);
    return status;
}

static void test_serve__starts_tells_once_and_ends(void **state)
{
    struct stat st;
    start(NULL);
    assert_int_equal(strlen(w.key), 47);
    assert_int_equal(status_of("/v1/system"), 200);
    assert_int_equal(stat(scratch_path(&w.folder, "keys.json"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char beat[64];
    assert_true(recv(w.manager, beat, sizeof(beat), 0) > 0); /* the watchdog hears of it */
    assert_memory_equal(beat, "WATCHDOG=1", 10);
    proc_signal(&w.p, SIGTERM);
    assert_memory_equal(heard(), "STOPPING=1", 10);
    assert_int_equal(proc_wait(&w.p, 15000), 0);
    unlink(scratch_path(&w.folder, "serve.log"));
    start(NULL);
    char *text = proc_text(&w.p);
    assert_null(strstr(text, "fct_"));
    free(text);
    assert_int_equal(status_of("/v1/system"), 200); /* the key of before */
}

static void test_serve__reads_its_file_again_and_refuses_a_bad_one(void **state)
{
    start(NULL);
    proc_signal(&w.p, SIGHUP);
    assert_memory_equal(heard(), "RELOADING=1", 11);
    assert_memory_equal(heard(), "READY=1", 7);
    proc_wait_line(&w.p, "was read again", 5000);
    write_site("  nonsense: true\n");
    proc_signal(&w.p, SIGHUP);
    proc_wait_line(&w.p, "stays as it was", 5000);
    write_site("  listen: 127.0.0.2\n");
    proc_signal(&w.p, SIGHUP);
    proc_wait_line(&w.p, "needs a restart", 5000);
    assert_int_equal(status_of("/v1/system"), 200);
    write_site("");
    proc_signal(&w.p, SIGHUP);
    proc_wait_line(&w.p, "was read again", 5000);
}

static void test_serve__sees_keys_that_the_command_adds(void **state)
{
    start(NULL);
    const char *keys = scratch_path(&w.folder, "keys.json"), *log = scratch_path(&w.folder, "keys.log");
    assert_int_equal(RUN(log, facet(), "keys", "add", "phone", "--role", "viewer", "--keys", keys), 0);
    FILE *f = fopen(log, "r");
    assert_non_null(f);
    assert_non_null(fgets(w.key, 48, f));
    fclose(f);
    assert_int_equal(status_of("/v1/people"), 200);
    assert_int_equal(status_of("/v1/keys"), 403);
}

static void test_serve__is_not_opened_to_others_without_tls(void **state)
{
    const char *log = scratch_path(&w.folder, "refused.log"), *site = scratch_path(&w.folder, "site.yaml");
    assert_int_not_equal(RUN(log, facet(), "serve", "--config", site, "--port", "0", "--listen", "0.0.0.0"), 0);
    assert_int_not_equal(RUN(log, facet(), "serve", "--config", site, "--port", "0", "--listen", "0.0.0.0", "--allow-open"), 0);
    assert_int_equal(RUN(log, facet(), "serve", "--cert", "x.pem"), 2);
}

static void test_serve__speaks_tls_to_curl(void **state)
{
    char url[64];
    certs_make(&w.folder);
    start((const char *const[]){ "--cert", scratch_path(&w.folder, "server.crt"), "--key", scratch_path(&w.folder, "server.key"), NULL });
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/v1/health", w.port);
    const char *log = scratch_path(&w.folder, "curl.log"), *ca = scratch_path(&w.folder, "ca.crt");
    assert_int_equal(RUN(log, "curl", "-sS", "--noproxy", "*", "--fail", "--http2", "--cacert", ca, url), 0);
    assert_int_equal(RUN(log, "curl", "-sS", "--noproxy", "*", "--fail", "--http1.1", "--tls-max", "1.2", "--cacert", ca, url), 0);
    assert_int_not_equal(RUN(log, "curl", "-sS", "--noproxy", "*", "--tls-max", "1.1", "--cacert", ca, url), 0);
    assert_int_not_equal(RUN(log, "curl", "-sS", "--noproxy", "*", "--cacert", scratch_path(&w.folder, "other-ca.crt"), url), 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, start_world, stop_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_serve__starts_tells_once_and_ends),
        CASE(test_serve__reads_its_file_again_and_refuses_a_bad_one),
        CASE(test_serve__sees_keys_that_the_command_adds),
        CASE(test_serve__is_not_opened_to_others_without_tls),
        CASE(test_serve__speaks_tls_to_curl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
