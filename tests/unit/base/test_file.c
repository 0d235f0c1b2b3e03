#include "test.h"

#include "base/errors.h"
#include "base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each test works in an empty folder of its own. */
struct room {
    char dir[64];
    char path[PATH_MAX];
};

static const char *in_room(struct room *r, const char *name)
{
    assert_int_equal(facet_path_join(r->path, sizeof(r->path), r->dir, name), FACET_OK);
    return r->path;
}

static int room_open(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    snprintf(r->dir, sizeof(r->dir), "/tmp/facet-test-XXXXXX");
    *state = r;
    return mkdtemp(r->dir) ? 0 : -1;
}

static int room_close(void **state)
{
    struct room *r = *state;
    char cmd[128];
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", r->dir);
    int rc = system(cmd);
    free(r);
    return rc;
}

static void put(struct room *r, const char *name, const char *text)
{
    assert_int_equal(facet_file_write_atomic(in_room(r, name), text, strlen(text)), FACET_OK);
}

static void test_file__reads_what_was_written(void **state)
{
    uint8_t *data;
    size_t len;
    put(*state, "a", "old");
    put(*state, "a", "new text");
    assert_int_equal(facet_file_read(in_room(*state, "a"), 8, &data, &len), FACET_OK);
    assert_int_equal(len, 8);
    assert_string_equal((char *)data, "new text");
    free(data);
}

static void test_file__empty_file_is_empty(void **state)
{
    uint8_t *data;
    size_t len;
    struct facet_map map;
    put(*state, "a", "");
    assert_int_equal(facet_file_read(in_room(*state, "a"), 0, &data, &len), FACET_OK);
    assert_int_equal(len, 0);
    free(data);
    assert_int_equal(facet_map_open(&map, in_room(*state, "a"), 0), FACET_OK);
    assert_int_equal(map.len, 0);
    facet_map_close(&map);
}

static void test_file__larger_than_the_limit_is_refused(void **state)
{
    uint8_t *data;
    size_t len;
    struct facet_map map;
    put(*state, "a", "12345");
    assert_int_equal(facet_file_read(in_room(*state, "a"), 4, &data, &len), FACET_E_LIMIT);
    assert_null(data);
    assert_non_null(strstr(facet_error_text(), "5 bytes"));
    assert_int_equal(facet_map_open(&map, in_room(*state, "a"), 4), FACET_E_LIMIT);
    assert_null(map.data);
}

static void test_file__missing_file_folder_and_pipe_are_refused(void **state)
{
    uint8_t *data;
    size_t len;
    assert_int_equal(facet_file_read(in_room(*state, "none"), 9, &data, &len), FACET_E_NOT_FOUND);
    assert_int_equal(facet_file_read(in_room(*state, "."), 9, &data, &len), FACET_E_INVALID);
    assert_non_null(strstr(facet_error_text(), "folder"));
    assert_int_equal(mkfifo(in_room(*state, "pipe"), 0600), 0);
    assert_int_equal(facet_file_read(in_room(*state, "pipe"), 9, &data, &len), FACET_E_INVALID);
}

static void test_file__write_into_no_folder_is_refused(void **state)
{
    assert_int_equal(facet_file_write_atomic(in_room(*state, "no/a"), "x", 1), FACET_E_NOT_FOUND);
}

static int count_file(void *ctx, const char *path)
{
    (void)path;
    ++*(int *)ctx;
    return 0;
}

static void test_file__failed_write_leaves_nothing_behind(void **state)
{
    struct room *r = *state;
    int n = 0;
    assert_int_equal(mkdir(in_room(r, "d"), 0755), 0);
    put(r, "d/x", "1");
    assert_int_not_equal(facet_file_write_atomic(in_room(r, "d"), "x", 1), FACET_OK);
    assert_int_equal(facet_walk(r->dir, 9, count_file, &n), FACET_OK);
    assert_int_equal(n, 1);
}

static void test_map__shows_the_file(void **state)
{
    struct facet_map map;
    put(*state, "a", "mapped");
    assert_int_equal(facet_map_open(&map, in_room(*state, "a"), 100), FACET_OK);
    assert_int_equal(map.len, 6);
    assert_memory_equal(map.data, "mapped", 6);
    facet_map_close(&map);
    assert_null(map.data);
    facet_map_close(&map);
}

static void test_mkdirs__makes_all_and_is_content_with_what_is_there(void **state)
{
    assert_int_equal(facet_mkdirs(in_room(*state, "x/y/z")), FACET_OK);
    assert_int_equal(facet_mkdirs(in_room(*state, "x/y/z/")), FACET_OK);
    assert_true(facet_path_is_dir(in_room(*state, "x/y/z")));
    assert_false(facet_path_is_dir(in_room(*state, "x/q")));
}

static void test_mkdirs__through_a_file_is_refused(void **state)
{
    put(*state, "f", "");
    assert_int_not_equal(facet_mkdirs(in_room(*state, "f/g")), FACET_OK);
    assert_int_not_equal(facet_mkdirs(in_room(*state, "f")), FACET_OK);
}

static void test_path__parts(void **state)
{
    char out[8];
    assert_string_equal(facet_path_base("/a/b.c"), "b.c");
    assert_string_equal(facet_path_base("b"), "b");
    assert_string_equal(facet_path_ext("/a.d/b.tar.gz"), "gz");
    assert_string_equal(facet_path_ext("/a.d/b"), "");
    assert_string_equal(facet_path_ext("/a/.hidden"), "");
    assert_int_equal(facet_path_join(out, sizeof(out), "a/", "b"), FACET_OK);
    assert_string_equal(out, "a/b");
    assert_int_equal(facet_path_join(out, sizeof(out), "abcd", "efg"), FACET_E_LIMIT);
}

struct seen {
    char text[512];
    const char *stop_at;
    size_t skip;
};

static int see(void *ctx, const char *path)
{
    struct seen *s = ctx;
    size_t used = strlen(s->text);
    snprintf(s->text + used, sizeof(s->text) - used, "%s ", path + s->skip);
    return s->stop_at && strcmp(path + s->skip, s->stop_at) == 0 ? 77 : 0;
}

static void make_tree(struct room *r)
{
    facet_mkdirs(in_room(r, "a/deep/er"));
    put(r, "b", "");
    put(r, "a-1", "");
    put(r, "a.txt", "");
    put(r, "a/2", "");
    put(r, "a/10", "");
    put(r, "a/.hidden", "");
    put(r, "a/deep/er/x", "");
    put(r, "a0", "");
}

static void test_walk__is_in_byte_order_of_paths(void **state)
{
    struct room *r = *state;
    struct seen s = {.skip = strlen(r->dir) + 1};
    make_tree(r);
    assert_int_equal(facet_walk(r->dir, 8, see, &s), FACET_OK);
    assert_string_equal(s.text, "a-1 a.txt a/10 a/2 a/deep/er/x a0 b ");
}

static void test_walk__depth_bounds_and_callback_stops(void **state)
{
    struct room *r = *state;
    struct seen s = {.skip = strlen(r->dir) + 1};
    make_tree(r);
    assert_int_equal(facet_walk(r->dir, 0, see, &s), FACET_OK);
    assert_string_equal(s.text, "a-1 a.txt a0 b ");
    s = (struct seen){.skip = s.skip, .stop_at = "a/10"};
    assert_int_equal(facet_walk(r->dir, 8, see, &s), 77);
    assert_string_equal(s.text, "a-1 a.txt a/10 ");
}

static void test_walk__symlink_loop_is_refused_and_dangling_skipped(void **state)
{
    struct room *r = *state;
    struct seen s = {.skip = strlen(r->dir) + 1};
    make_tree(r);
    assert_int_equal(symlink("nowhere", in_room(r, "c")), 0);
    assert_int_equal(facet_walk(r->dir, 8, see, &s), FACET_OK);
    assert_int_equal(symlink("..", in_room(r, "a/up")), 0);
    assert_int_equal(facet_walk(r->dir, 8, see, &s), FACET_E_INVALID);
    assert_non_null(strstr(facet_error_text(), "a/up"));
}

static void test_walk__no_folder_is_refused(void **state)
{
    int n = 0;
    assert_int_equal(facet_walk(in_room(*state, "none"), 3, count_file, &n), FACET_E_NOT_FOUND);
    assert_int_equal(facet_walk("/tmp", -1, count_file, &n), FACET_E_INVALID);
    assert_int_equal(n, 0);
}

static void test_dirs__follow_the_environment(void **state)
{
    struct room *r = *state;
    char want[PATH_MAX], got[PATH_MAX];
    unsetenv("FACET_DATA");
    unsetenv("FACET_CACHE");
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", r->dir, 1);
    setenv("XDG_DATA_HOME", in_room(r, "xdg"), 1);
    assert_int_equal(facet_data_dir(got, sizeof(got)), FACET_OK);
    assert_string_equal(got, in_room(r, "xdg/facet"));
    assert_true(facet_path_is_dir(got));
    setenv("XDG_DATA_HOME", "relative", 1);
    assert_int_equal(facet_data_dir(got, sizeof(got)), FACET_OK);
    assert_string_equal(got, in_room(r, ".local/share/facet"));
    snprintf(want, sizeof(want), "%s", in_room(r, "own"));
    setenv("FACET_CACHE", want, 1);
    assert_int_equal(facet_cache_dir(got, sizeof(got)), FACET_OK);
    assert_string_equal(got, want);
    unsetenv("FACET_CACHE");
    unsetenv("HOME");
    assert_int_equal(facet_cache_dir(got, sizeof(got)), FACET_E_NOT_FOUND);
    assert_int_equal(facet_data_dir(got, 3), FACET_E_NOT_FOUND);
    unsetenv("XDG_DATA_HOME");
}

#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, room_open, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_file__reads_what_was_written),
        IN_ROOM(test_file__empty_file_is_empty),
        IN_ROOM(test_file__larger_than_the_limit_is_refused),
        IN_ROOM(test_file__missing_file_folder_and_pipe_are_refused),
        IN_ROOM(test_file__write_into_no_folder_is_refused),
        IN_ROOM(test_file__failed_write_leaves_nothing_behind),
        IN_ROOM(test_map__shows_the_file),
        IN_ROOM(test_mkdirs__makes_all_and_is_content_with_what_is_there),
        IN_ROOM(test_mkdirs__through_a_file_is_refused),
        IN_ROOM(test_path__parts),
        IN_ROOM(test_walk__is_in_byte_order_of_paths),
        IN_ROOM(test_walk__depth_bounds_and_callback_stops),
        IN_ROOM(test_walk__symlink_loop_is_refused_and_dangling_skipped),
        IN_ROOM(test_walk__no_folder_is_refused),
        IN_ROOM(test_dirs__follow_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
