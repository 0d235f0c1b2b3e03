#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "engine/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY "0123-cpu-avx2-0.1.0-ff"

static char dir[] = "/tmp/facet-pack-XXXXXX";
static char path[128];

static int make_dir(void **state)
{
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/" KEY ".pack", dir);
    return 0;
}

static int drop_dir(void **state)
{
    unlink(path);
    return rmdir(dir);
}

static struct facet_pack *filled_pack(unsigned char value)
{
    struct facet_pack *p = NULL;
    void *data;
    bool fresh;
    static const size_t sizes[] = {100, 0, 64, 1000};
    assert_int_equal(facet_pack_new(&p), FACET_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(facet_pack_blob(p, sizes[i], &data, &fresh), FACET_OK);
        assert_true(fresh);
        assert_int_equal((uintptr_t)data % 64, 0);
        memset(data, value + (int)i, sizes[i]);
    }
    return p;
}

static void save(unsigned char value)
{
    struct facet_pack *p = filled_pack(value);
    assert_int_equal(facet_pack_save(p, dir, KEY, NULL), FACET_OK);
    facet_pack_close(&p);
}

static void test_pack__comes_back_from_the_cache(void **state)
{
    struct facet_pack *p = NULL;
    void *data;
    bool fresh;
    save(7);
    assert_int_equal(facet_pack_open_cached(&p, dir, KEY, NULL), FACET_OK);
    assert_int_equal(facet_pack_blob(p, 100, &data, &fresh), FACET_OK);
    assert_false(fresh);
    assert_int_equal(((unsigned char *)data)[99], 7);
    assert_int_equal(facet_pack_blob(p, 0, &data, &fresh), FACET_OK);
    assert_int_equal(facet_pack_blob(p, 64, &data, &fresh), FACET_OK);
    assert_int_equal(((unsigned char *)data)[0], 9);
    assert_int_equal((uintptr_t)data % 64, 0);
    facet_pack_close(&p);
}

static void test_pack__other_sizes_mean_a_stale_cache(void **state)
{
    struct facet_pack *p = NULL;
    void *data;
    bool fresh;
    save(1);
    assert_int_equal(facet_pack_open_cached(&p, dir, KEY, NULL), FACET_OK);
    assert_int_equal(facet_pack_blob(p, 101, &data, &fresh), FACET_E_AGAIN);
    facet_pack_close(&p);
}

static void test_pack__more_blobs_than_cached_mean_a_stale_cache(void **state)
{
    struct facet_pack *p = NULL;
    void *data;
    bool fresh;
    static const size_t sizes[] = {100, 0, 64, 1000};
    save(1);
    assert_int_equal(facet_pack_open_cached(&p, dir, KEY, NULL), FACET_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(facet_pack_blob(p, sizes[i], &data, &fresh), FACET_OK);
    assert_int_equal(facet_pack_blob(p, 1, &data, &fresh), FACET_E_AGAIN);
    facet_pack_close(&p);
}

static void test_pack__an_absent_file_is_not_found(void **state)
{
    struct facet_pack *p = NULL;
    assert_int_equal(facet_pack_open_cached(&p, dir, "none", NULL), FACET_E_NOT_FOUND);
    assert_null(p);
}

static void test_pack__a_key_that_is_a_path_is_refused(void **state)
{
    struct facet_pack *p = filled_pack(1);
    assert_int_equal(facet_pack_save(p, dir, "../x", NULL), FACET_E_INVALID);
    facet_pack_close(&p);
}

/* Every byte of a small file, turned one at a time. */
static void test_pack__any_damaged_byte_is_noticed(void **state)
{
    uint8_t *file;
    size_t len;
    save(3);
    assert_int_equal(facet_file_read(path, 1 << 20, &file, &len), FACET_OK);
    for (size_t i = 0; i < len; i++) {
        struct facet_pack *p = NULL;
        file[i] ^= 0x40;
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(file, 1, len, f), len);
        fclose(f);
        file[i] ^= 0x40;
        assert_int_equal(facet_pack_open_cached(&p, dir, KEY, NULL), FACET_E_NOT_FOUND);
    }
    free(file);
}

static void test_pack__any_truncation_is_noticed(void **state)
{
    save(3);
    for (long len = 2000; len >= 0; len -= 37) {
        struct facet_pack *p = NULL;
        if (truncate(path, len) != 0)
            fail_msg("cannot truncate '%s'", path);
        assert_int_equal(facet_pack_open_cached(&p, dir, KEY, NULL), FACET_E_NOT_FOUND);
        save(3);
    }
}

static void test_pack__another_key_in_the_file_is_noticed(void **state)
{
    struct facet_pack *p = NULL;
    char other[128];
    save(3);
    snprintf(other, sizeof(other), "%s/other.pack", dir);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(facet_pack_open_cached(&p, dir, "other", NULL), FACET_E_NOT_FOUND);
    unlink(other);
    save(3);
}

/* Two processes write the same key again and again; a reader only ever sees whole files. */
static void test_pack__two_writers_at_once_leave_whole_files(void **state)
{
    save(1);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct facet_pack *p = filled_pack(1);
        for (int i = 0; i < 100; i++)
            if (facet_pack_save(p, dir, KEY, NULL))
                _exit(1);
        _exit(0);
    }
    struct facet_pack *mine = filled_pack(2), *p = NULL;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(facet_pack_save(mine, dir, KEY, NULL), FACET_OK);
        assert_int_equal(facet_pack_open_cached(&p, dir, KEY, NULL), FACET_OK);
        facet_pack_close(&p);
    }
    facet_pack_close(&mine);
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack__comes_back_from_the_cache),
        cmocka_unit_test(test_pack__other_sizes_mean_a_stale_cache),
        cmocka_unit_test(test_pack__more_blobs_than_cached_mean_a_stale_cache),
        cmocka_unit_test(test_pack__an_absent_file_is_not_found),
        cmocka_unit_test(test_pack__a_key_that_is_a_path_is_refused),
        cmocka_unit_test(test_pack__any_damaged_byte_is_noticed),
        cmocka_unit_test(test_pack__any_truncation_is_noticed),
        cmocka_unit_test(test_pack__another_key_in_the_file_is_noticed),
        cmocka_unit_test(test_pack__two_writers_at_once_leave_whole_files),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
