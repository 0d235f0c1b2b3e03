#include "net/server.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "net/http/fetch.h"

#include <string.h>
#include <sys/stat.h>

#define SIZE 100000

static struct web_server server;
static char folder[] = "/tmp/facet-fetch-XXXXXX";
static char path[64], part[72], sha256[FACET_SHA256_HEX];
static unsigned char content[SIZE];

static int start(void **state)
{
    for (int i = 0; i < SIZE; i++)
        content[i] = (unsigned char)(i * 31 % 251);
    facet_sha256_of(content, SIZE, sha256);
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/file", folder);
    snprintf(part, sizeof(part), "%s/file.part", folder);
    return web_server_start(&server);
}

static int stop(void **state)
{
    web_server_stop(&server);
    unlink(path);
    unlink(part);
    return rmdir(folder);
}

static int clean(void **state)
{
    unlink(path);
    unlink(part);
    return 0;
}

static struct facet_fetch_opts quick(void)
{
    return (struct facet_fetch_opts){.retries = 2, .stall_s = 1, .connect_s = 2, .pause_ms = 1};
}

static const char *address(const char *kind)
{
    static char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/%s/a/%d", server.port, kind, SIZE);
    return url;
}

static int get_with(const struct facet_fetch_opts *o, const char *url)
{
    struct facet_fetch *f;
    assert_int_equal(facet_fetch_open(&f, o), 0);
    int err = facet_fetch_file(f, url, path, sha256);
    facet_fetch_close(&f);
    return err;
}

static int get(const char *kind)
{
    struct facet_fetch_opts o = quick();
    return get_with(&o, address(kind));
}

static void is_whole(void)
{
    uint8_t *data;
    size_t len;
    assert_int_equal(facet_file_read(path, SIZE, &data, &len), 0);
    assert_int_equal(len, SIZE);
    assert_memory_equal(data, content, SIZE);
    free(data);
    assert_false(facet_path_exists(part));
}

static void put_part(const void *data, size_t len)
{
    assert_int_equal(facet_file_write_atomic(part, data, len), 0);
}

static void arrives(const char *kind)
{
    if (get(kind))
        fail_msg("%s: %s", kind, facet_error_text());
    is_whole();
}

static void is_refused(const char *kind, int err, const char *why)
{
    int got = get(kind);
    if (got != err || !strstr(facet_error_text(), why))
        fail_msg("%s: %d, '%s' lacks '%s'", kind, got, facet_error_text(), why);
    assert_false(facet_path_exists(path));
}

static void test_fetch__whole_file_arrives(void **state)
{
    arrives("ok");
}

static void test_fetch__redirect_is_followed(void **state)
{
    arrives("moved");
}

static void test_fetch__part_is_resumed(void **state)
{
    put_part(content, 60000);
    arrives("ok");
}

static void test_fetch__part_begins_anew_where_ranges_are_unknown(void **state)
{
    put_part(content, 60000);
    arrives("plain");
}

static void test_fetch__whole_part_needs_no_network(void **state)
{
    struct facet_fetch_opts o = quick();
    put_part(content, SIZE);
    assert_int_equal(get_with(&o, "https://facet.invalid/a"), 0);
    is_whole();
}

static void test_fetch__part_of_another_file_is_fetched_anew(void **state)
{
    static const unsigned char zeros[SIZE + 10];
    put_part(zeros, 60000);
    arrives("ok");
    unlink(path);
    put_part(zeros, SIZE + 10); /* longer than the file: the server answers 416 */
    arrives("ok");
}

static void test_fetch__cut_and_reset_transfers_are_resumed(void **state)
{
    arrives("cut");
    unlink(path);
    arrives("reset");
}

static void test_fetch__stalled_transfer_is_resumed(void **state)
{
    arrives("stall");
}

static void test_fetch__busy_server_is_asked_again(void **state)
{
    arrives("busy");
}

struct seen { int64_t done, total, calls, cancel_at; };

static int see(void *ctx, int64_t done, int64_t total)
{
    struct seen *s = ctx;
    s->done = done;
    s->total = total > 0 ? total : s->total;
    s->calls++;
    return s->cancel_at && done >= s->cancel_at;
}

static void test_fetch__progress_counts_what_was_resumed(void **state)
{
    struct seen s = {0};
    struct facet_fetch_opts o = quick();
    o.progress = see;
    o.ctx = &s;
    put_part(content, 60000);
    assert_int_equal(get_with(&o, address("ok")), 0);
    assert_int_equal(s.done, SIZE);
    assert_int_equal(s.total, SIZE);
}

static void test_fetch__progress_can_cancel(void **state)
{
    struct seen s = {.cancel_at = 1};
    struct facet_fetch_opts o = quick();
    o.progress = see;
    o.ctx = &s;
    assert_int_equal(get_with(&o, address("ok")), FACET_E_CANCELLED);
    assert_false(facet_path_exists(path));
    assert_true(facet_path_exists(part));
}

static int connections(void)
{
    char url[64], sha[FACET_SHA256_HEX];
    struct facet_fetch *f;
    struct facet_fetch_opts o = quick();
    uint8_t *data;
    size_t len;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/connections", server.port);
    assert_int_equal(facet_fetch_open(&f, &o), 0);
    for (int n = 1; n < 200; n++) { /* the pinned sum of the right number */
        char text[8];
        snprintf(text, sizeof(text), "%d", n);
        facet_sha256_of(text, strlen(text), sha);
        if (facet_fetch_file(f, url, path, sha) == 0)
            break;
    }
    facet_fetch_close(&f);
    assert_int_equal(facet_file_read(path, 8, &data, &len), 0);
    int n = (int)strtol((char *)data, NULL, 10);
    free(data);
    unlink(path);
    return n;
}

static void test_fetch__connection_is_kept_between_files(void **state)
{
    struct facet_fetch *f;
    struct facet_fetch_opts o = quick();
    int before = connections();
    assert_int_equal(facet_fetch_open(&f, &o), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(facet_fetch_file(f, address("ok"), path, sha256), 0);
        unlink(path);
    }
    facet_fetch_close(&f);
    assert_int_equal(connections(), before + 2); /* ours, and the asking itself */
}

static void test_fetch__wrong_hash_leaves_nothing(void **state)
{
    struct facet_fetch *f;
    struct facet_fetch_opts o = quick();
    char other[FACET_SHA256_HEX];
    facet_sha256_of("other", 5, other);
    assert_int_equal(facet_fetch_open(&f, &o), 0);
    assert_int_equal(facet_fetch_file(f, address("ok"), path, other), FACET_E_HASH);
    assert_non_null(strstr(facet_error_text(), other));
    assert_false(facet_path_exists(path));
    assert_false(facet_path_exists(part));
    facet_fetch_close(&f);
}

static void test_fetch__answers_that_are_none_are_refused(void **state)
{
    is_refused("missing", FACET_E_NET, "404 (not found)");
    assert_false(facet_path_exists(part));
    is_refused("broken", FACET_E_NET, "500");
    is_refused("around", FACET_E_NET, "sends us on more than");
    is_refused("cut-always", FACET_E_NET, "broke off");
}

static void test_fetch__stalled_server_is_given_up(void **state)
{
    struct facet_fetch_opts o = quick();
    o.retries = 1;
    assert_int_equal(get_with(&o, address("stall-always")), FACET_E_TIMEOUT);
    assert_non_null(strstr(facet_error_text(), "stopped answering"));
}

static void test_fetch__other_range_than_asked_is_refused(void **state)
{
    put_part(content, 60000);
    is_refused("odd", FACET_E_NET, "another part");
}

static void test_fetch__plain_http_to_others_is_refused(void **state)
{
    struct facet_fetch_opts o = quick();
    assert_int_equal(get_with(&o, "http://facet.invalid/a"), FACET_E_INVALID);
    assert_non_null(strstr(facet_error_text(), "only https"));
    assert_int_equal(get_with(&o, "file:///etc/passwd"), FACET_E_INVALID);
    assert_int_equal(get_with(&o, "no address"), FACET_E_INVALID);
    is_refused("away", FACET_E_INVALID, "facet.invalid");
}

static void test_fetch__offline_names_the_host_and_a_way_out(void **state)
{
    struct facet_fetch_opts o = quick();
    assert_int_equal(get_with(&o, "http://127.0.0.1:1/a"), FACET_E_NET);
    assert_non_null(strstr(facet_error_text(), "cannot reach 127.0.0.1"));
    assert_non_null(strstr(facet_error_text(), "FACET_MIRROR"));
}

static void test_fetch__too_large_a_file_is_refused(void **state)
{
    struct facet_fetch_opts o = quick();
    o.max_bytes = SIZE - 1;
    assert_int_equal(get_with(&o, address("ok")), FACET_E_LIMIT);
    assert_false(facet_path_exists(part));
}

static void test_fetch__folder_that_is_not_there_is_named(void **state)
{
    struct facet_fetch *f;
    struct facet_fetch_opts o = quick();
    assert_int_equal(facet_fetch_open(&f, &o), 0);
    assert_int_equal(facet_fetch_file(f, address("ok"), "/nowhere/x", sha256), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "/nowhere/x.part"));
    facet_fetch_close(&f);
}

static void test_fetch__absent_module_names_the_package(void **state)
{
    struct facet_fetch *f;
    struct facet_fetch_opts o = quick();
    setenv("FACET_MODULES", folder, 1);
    assert_int_equal(facet_fetch_open(&f, &o), FACET_E_UNSUPPORTED);
    assert_null(f);
    unsetenv("FACET_MODULES");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_fetch__whole_file_arrives, clean),
        cmocka_unit_test_setup(test_fetch__redirect_is_followed, clean),
        cmocka_unit_test_setup(test_fetch__part_is_resumed, clean),
        cmocka_unit_test_setup(test_fetch__part_begins_anew_where_ranges_are_unknown, clean),
        cmocka_unit_test_setup(test_fetch__whole_part_needs_no_network, clean),
        cmocka_unit_test_setup(test_fetch__part_of_another_file_is_fetched_anew, clean),
        cmocka_unit_test_setup(test_fetch__cut_and_reset_transfers_are_resumed, clean),
        cmocka_unit_test_setup(test_fetch__stalled_transfer_is_resumed, clean),
        cmocka_unit_test_setup(test_fetch__busy_server_is_asked_again, clean),
        cmocka_unit_test_setup(test_fetch__progress_counts_what_was_resumed, clean),
        cmocka_unit_test_setup(test_fetch__progress_can_cancel, clean),
        cmocka_unit_test_setup(test_fetch__connection_is_kept_between_files, clean),
        cmocka_unit_test_setup(test_fetch__wrong_hash_leaves_nothing, clean),
        cmocka_unit_test_setup(test_fetch__answers_that_are_none_are_refused, clean),
        cmocka_unit_test_setup(test_fetch__stalled_server_is_given_up, clean),
        cmocka_unit_test_setup(test_fetch__other_range_than_asked_is_refused, clean),
        cmocka_unit_test_setup(test_fetch__plain_http_to_others_is_refused, clean),
        cmocka_unit_test_setup(test_fetch__offline_names_the_host_and_a_way_out, clean),
        cmocka_unit_test_setup(test_fetch__too_large_a_file_is_refused, clean),
        cmocka_unit_test_setup(test_fetch__folder_that_is_not_there_is_named, clean),
        cmocka_unit_test_setup(test_fetch__absent_module_names_the_package, clean),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
