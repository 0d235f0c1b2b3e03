/* Files that are no galleries, galleries of other times, and galleries that something happened to. */
#include "unit/store/fixture.h"

#include "base/file.h"

#include <grp.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int open_existing(const char *path, struct facet_gallery **g)
{
    struct facet_gallery_opts o = { .path = path };
    return facet_gallery_open(g, &o);
}

static void make_gallery(const char *path, int templates)
{
    struct facet_gallery *g = open_or_fail(path);
    char name[32];
    for (int i = 0; i < templates; i++) {
        snprintf(name, sizeof(name), "person %d", i / 4);
        assert_int_equal(add_person(g, name, (uint64_t)i), FACET_OK);
    }
    facet_gallery_close(&g);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void expect_refusal(const char *path, int err, const char *words)
{
    struct facet_gallery *g;
    int got = open_existing(path, &g);
    if (got != err || !strstr(facet_error_text(), words))
        fail_msg("%s instead of %s: %s", facet_error_name(got), facet_error_name(err), facet_error_text());
    assert_null(g);
    assert_non_null(strstr(facet_error_text(), path));
}

static void test_open__a_text_is_no_gallery(void **state)
{
    struct room *r = *state;
    char text[5000];
    memset(text, 'x', sizeof(text));
    assert_int_equal(facet_file_write_atomic(r->path, text, sizeof(text)), FACET_OK);
    expect_refusal(r->path, FACET_E_FORMAT, "not a gallery");
    assert_int_equal(facet_file_write_atomic(r->path, "x", 1), FACET_OK);
    expect_refusal(r->path, FACET_E_FORMAT, "not a gallery");
}

static void test_open__a_folder_is_no_gallery(void **state)
{
    struct room *r = *state;
    expect_refusal(r->dir, FACET_E_FORMAT, "not a file");
}

static void test_open__an_empty_file_holds_nobody(void **state)
{
    struct room *r = *state;
    assert_int_equal(facet_file_write_atomic(r->path, "", 0), FACET_OK);
    expect_refusal(r->path, FACET_E_NOT_FOUND, "empty");
    struct facet_gallery *g = open_or_fail(r->path); /* but may become a gallery */
    facet_gallery_close(&g);
}

static void test_open__another_programs_database_is_left_alone(void **state)
{
    struct room *r = *state;
    run_sql(r->path, "CREATE TABLE people(id); PRAGMA user_version = 1");
    struct facet_gallery_opts o = new_gallery(r->path);
    struct facet_gallery *g;
    assert_int_equal(facet_gallery_open(&g, &o), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "another program"));
    run_sql(r->path, "CREATE TABLE meta(x)"); /* nothing of ours came in */
}

static void test_open__a_newer_schema_is_refused(void **state)
{
    struct room *r = *state;
    make_gallery(r->path, 1);
    run_sql(r->path, "PRAGMA user_version = 99");
    expect_refusal(r->path, FACET_E_UNSUPPORTED, "newer facet");
}

static void test_open__an_older_schema_is_brought_up_to_date(void **state)
{
    struct room *r = *state;
    struct facet_gallery *g;
    struct facet_gallery_info info;
    make_gallery(r->path, 3);
    run_sql(r->path, "DROP TABLE blobs; DROP TABLE keys; DROP TABLE erased; PRAGMA user_version = 1");
    struct facet_gallery_opts o = { .path = r->path, .read_only = true };
    assert_int_equal(facet_gallery_open(&g, &o), FACET_E_PERMISSION);
    assert_int_equal(open_existing(r->path, &g), FACET_OK);
    assert_int_equal(facet_gallery_blob_put(g, "k", "v", 1), FACET_OK);
    assert_int_equal(facet_gallery_info(g, &info), FACET_OK);
    assert_int_equal(info.schema, 3);
    assert_int_equal(info.templates, 3);
    assert_int_equal(facet_gallery_check(g), FACET_OK);
    facet_gallery_close(&g);
}

static void test_open__a_head_without_sense_is_refused(void **state)
{
    struct room *r = *state;
    make_gallery(r->path, 1);
    run_sql(r->path, "UPDATE meta SET value = 0 WHERE key = 'dim'");
    expect_refusal(r->path, FACET_E_STORE, "head makes no sense");
    run_sql(r->path, "DELETE FROM meta WHERE key = 'contract'");
    expect_refusal(r->path, FACET_E_STORE, "lacks 'contract'");
    run_sql(r->path, "DROP TABLE meta");
    expect_refusal(r->path, FACET_E_STORE, "no such table");
}

static void test_open__changed_rows_are_refused(void **state)
{
    struct room *r = *state;
    static const char *const changes[] = {
        "UPDATE templates SET embedding = substr(embedding, 1, 100) WHERE id = 2",
        "UPDATE templates SET embedding = (SELECT embedding FROM templates WHERE id = 3) WHERE id = 2",
        "UPDATE templates SET quality = 0.123 WHERE id = 2",
        "UPDATE templates SET created_ms = created_ms + 1 WHERE id = 2",
        "UPDATE templates SET embedding = 'text' WHERE id = 2",
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        unlink(r->path);
        make_gallery(r->path, 8);
        run_sql(r->path, changes[i]);
        expect_refusal(r->path, FACET_E_STORE, "template 2");
    }
}

static int check_only(const char *path)
{
    struct facet_gallery *g;
    int err = open_existing(path, &g);
    if (!err)
        err = facet_gallery_check(g);
    facet_gallery_close(&g);
    return err;
}

static void test_check__orphans_and_bad_names_are_found(void **state)
{
    struct room *r = *state;
    make_gallery(r->path, 8);
    run_sql(r->path, "UPDATE people SET name = 'a' || char(10) WHERE id = 1");
    assert_int_equal(check_only(r->path), FACET_E_STORE);
    assert_non_null(strstr(facet_error_text(), "person 1"));
    run_sql(r->path, "UPDATE people SET name = 'a' WHERE id = 1");
    assert_int_equal(check_only(r->path), FACET_OK);
    run_sql(r->path, "DELETE FROM people WHERE id = 2");
    assert_int_not_equal(check_only(r->path), FACET_OK);
}

static void test_check__changed_blobs_are_found(void **state)
{
    struct room *r = *state;
    struct facet_gallery *g = open_or_fail(r->path);
    assert_int_equal(facet_gallery_blob_put(g, "classifier", "weights", 7), FACET_OK);
    facet_gallery_close(&g);
    run_sql(r->path, "UPDATE blobs SET data = x'00'");
    assert_int_equal(check_only(r->path), FACET_E_STORE);
    assert_non_null(strstr(facet_error_text(), "'classifier'"));
}

/* Quick, without syncing; what an earlier try left beside the file is taken away. */
static void put_bytes(const char *path, const uint8_t *data, size_t len)
{
    char beside[160];
    snprintf(beside, sizeof(beside), "%s-wal", path);
    unlink(beside);
    snprintf(beside, sizeof(beside), "%s-shm", path);
    unlink(beside);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
}

/* Every cut and every flipped byte is refused with a text, or changed nothing that we keep. */
static void test_open__truncated_anywhere_never_crashes(void **state)
{
    struct room *r = *state;
    uint8_t *data;
    size_t len;
    make_gallery(r->path, 40);
    assert_int_equal(facet_file_read(r->path, 1 << 24, &data, &len), FACET_OK);
    int refused = 0, tried = 0;
    for (size_t n = 1; n < len; n += 1 + len / 61) {
        put_bytes(r->path, data, n);
        refused += check_only(r->path) < 0;
        tried++;
    }
    assert_int_equal(refused, tried);
    free(data);
}

static void count_people(const char *path, int *people)
{
    struct facet_gallery *g;
    struct facet_gallery_info info = { .people = -1 };
    if (!open_existing(path, &g) && !facet_gallery_info(g, &info))
        *people = (int)info.people;
    facet_gallery_close(&g);
}

static void test_open__flipped_bytes_never_crash_nor_lose_a_person_silently(void **state)
{
    struct room *r = *state;
    struct facet_rng rng;
    uint8_t *data;
    size_t len;
    make_gallery(r->path, 40);
    assert_int_equal(facet_file_read(r->path, 1 << 24, &data, &len), FACET_OK);
    facet_rng_seed(&rng, 3);
    int refused = 0;
    for (int i = 0; i < 400; i++) {
        int people = 10;
        size_t at = facet_rng_below(&rng, (uint32_t)len);
        uint8_t bit = (uint8_t)(1u << facet_rng_below(&rng, 8));
        data[at] ^= bit;
        put_bytes(r->path, data, len);
        data[at] ^= bit;
        if (check_only(r->path) < 0)
            refused++;
        else
            count_people(r->path, &people);
        assert_int_equal(people, 10);
    }
    assert_true(refused > 100); /* the rest fell on unused space */
    free(data);
}

/* In a child that is nobody: root may write anywhere. */
static int as_nobody(int (*fn)(const char *path), const char *path)
{
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        if (!geteuid() && (setgroups(0, NULL) || setgid(65534) || setuid(65534)))
            _exit(99);
        _exit(fn(path));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int read_it(const char *path)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = { .path = path, .read_only = true };
    struct facet_gallery_info info = { 0 };
    if (facet_gallery_open(&g, &o) || facet_gallery_info(g, &info))
        return 1;
    facet_gallery_close(&g);
    return info.templates == 4 ? 0 : 2;
}

static int write_it(const char *path)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = { .path = path };
    int err = facet_gallery_open(&g, &o);
    if (!err)
        err = add_person(g, "Eve", 77);
    facet_gallery_close(&g);
    return err == FACET_E_PERMISSION ? 0 : 1;
}

static int create_it(const char *path)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = new_gallery(path);
    return facet_gallery_open(&g, &o) == FACET_E_PERMISSION ? 0 : 1;
}

static void test_open__a_read_only_folder_can_be_read_and_not_written(void **state)
{
    struct room *r = *state;
    char other[160];
    snprintf(other, sizeof(other), "%s/new.db", r->dir);
    make_gallery(r->path, 4);
    assert_int_equal(chmod(r->path, 0444), 0);
    assert_int_equal(chmod(r->dir, 0555), 0);
    assert_int_equal(as_nobody(read_it, r->path), 0);
    assert_int_equal(as_nobody(write_it, r->path), 0);
    assert_int_equal(as_nobody(create_it, other), 0);
}

static void test_open__odd_characters_in_a_path_are_only_a_path(void **state)
{
    struct room *r = *state;
    char path[256];
    snprintf(path, sizeof(path), "%s/a b%%20?mode=memory#x&é.db", r->dir);
    make_gallery(path, 4);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(read_it(path), 0);
}

int main(void)
{
#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, room_open, room_close)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_open__a_text_is_no_gallery),
        IN_ROOM(test_open__a_folder_is_no_gallery),
        IN_ROOM(test_open__an_empty_file_holds_nobody),
        IN_ROOM(test_open__another_programs_database_is_left_alone),
        IN_ROOM(test_open__a_newer_schema_is_refused),
        IN_ROOM(test_open__an_older_schema_is_brought_up_to_date),
        IN_ROOM(test_open__a_head_without_sense_is_refused),
        IN_ROOM(test_open__changed_rows_are_refused),
        IN_ROOM(test_check__orphans_and_bad_names_are_found),
        IN_ROOM(test_check__changed_blobs_are_found),
        IN_ROOM(test_open__truncated_anywhere_never_crashes),
        IN_ROOM(test_open__flipped_bytes_never_crash_nor_lose_a_person_silently),
        IN_ROOM(test_open__a_read_only_folder_can_be_read_and_not_written),
        IN_ROOM(test_open__odd_characters_in_a_path_are_only_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
