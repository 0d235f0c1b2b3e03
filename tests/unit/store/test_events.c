/* The cases over SQLite, and what only a file can show: indices, bytes, damage, deaths. */
#include "unit/store/events_cases.h"
#include "unit/store/fixture.h"

#include "store/events.h"
#include "store/vault.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static int place_open(void **state)
{
    struct store_place *p = calloc(1, sizeof(*p));
    if (!p)
        return -1;
    snprintf(p->dir, sizeof(p->dir), "/tmp/facet-test-XXXXXX");
    if (!mkdtemp(p->dir))
        return -1;
    snprintf(p->where, sizeof(p->where), "%.200s/events.db", p->dir);
    *state = p;
    return 0;
}

static int place_close(void **state)
{
    struct store_place *p = *state;
    char cmd[320];
    snprintf(cmd, sizeof(cmd), "chmod -R u+w '%.100s'; rm -rf '%.100s'", p->dir, p->dir);
    int rc = system(cmd);
    free(p);
    return rc;
}

static struct facet_events *open_at(const char *where, struct facet_vault *v)
{
    struct facet_events *e;
    struct facet_events_opts o = { .where = where, .vault = v };
    if (facet_events_open(&e, &o))
        fail_msg("%s", facet_error_text());
    return e;
}

static struct facet_event event_number(int i)
{
    struct facet_event ev = { .type = FACET_EVENT_IDENTITY, .captured_ms = i,
                              .identity = { .decision = FACET_KNOWN, .person = 1, .name = "Ada Lovelace" } };
    snprintf(ev.id, sizeof(ev.id), "event-%d", i);
    snprintf(ev.camera, sizeof(ev.camera), "door");
    return ev;
}

/* --- indices --- */

static void expect_plan(const char *path, const char *condition, const char *index)
{
    sqlite3 *sql;
    sqlite3_stmt *s;
    char text[400], plan[1000] = "";
    assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
    snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN SELECT * FROM events WHERE %s ORDER BY seq DESC LIMIT 64", condition);
    assert_int_equal(sqlite3_prepare_v2(sql, text, -1, &s, NULL), SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        size_t n = strlen(plan);
        snprintf(plan + n, sizeof(plan) - n, "%s; ", (const char *)sqlite3_column_text(s, 3));
    }
    sqlite3_finalize(s);
    sqlite3_close(sql);
    if (!strstr(plan, index) || strstr(plan, "TEMP B-TREE"))
        fail_msg("%s: %s", condition, plan);
}

static void test_query__uses_an_index_and_sorts_nothing(void **state)
{
    struct store_place *p = *state;
    struct facet_events *e = open_at(p->where, NULL);
    facet_events_close(&e);
    expect_plan(p->where, "camera = ? AND seq < ?", "events_camera");
    expect_plan(p->where, "device = ? AND seq < ?", "events_device");
    expect_plan(p->where, "name_key = ? AND seq < ?", "events_name");
    expect_plan(p->where, "type = ? AND seq < ?", "events_type");
    expect_plan(p->where, "decision = ? AND seq < ?", "events_decision");
    expect_plan(p->where, "seq < ?", "PRIMARY KEY");
}

/* --- bytes --- */

static bool file_has(const char *path, const char *text)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    static char data[4 << 20];
    size_t n = fread(data, 1, sizeof(data), f);
    fclose(f);
    return memmem(data, n, text, strlen(text)) != NULL;
}

static bool store_has(const struct store_place *p, const char *text)
{
    char wal[600];
    snprintf(wal, sizeof(wal), "%s-wal", p->where);
    return file_has(p->where, text) || file_has(wal, text);
}

static void test_sealed__no_name_and_no_picture_is_readable(void **state)
{
    struct store_place *p = *state;
    char key[300];
    snprintf(key, sizeof(key), "%.200s/site.key", p->dir);
    struct facet_vault *v;
    struct facet_events *e = open_at(p->where, NULL);
    struct facet_event a = event_number(1), b = event_number(2);
    assert_int_equal(facet_events_put(e, &a, NULL), FACET_OK);
    assert_int_equal(facet_events_snapshot_put(e, "s", 1, "a picture of her", 16, 1), FACET_OK);
    assert_true(store_has(p, "Ada Lovelace"));
    assert_true(store_has(p, "a picture of her"));
    facet_events_close(&e);
    assert_int_equal(facet_vault_open(&v, &(struct facet_vault_opts){ .key = key, .create = true }), FACET_OK);
    e = open_at(p->where, v); /* seals what is there */
    assert_int_equal(facet_events_put(e, &b, NULL), FACET_OK);
    assert_false(store_has(p, "Ada Lovelace"));
    assert_false(store_has(p, "a picture of her"));
    facet_events_close(&e);
    assert_false(store_has(p, "Ada Lovelace"));
    facet_vault_close(&v);
}

static void test_file__is_its_owners_alone(void **state)
{
    struct store_place *p = *state;
    struct facet_events *e = open_at(p->where, NULL);
    struct stat st;
    assert_int_equal(stat(p->where, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_string_equal(facet_events_where(e), p->where);
    facet_events_close(&e);
}

/* --- refusals --- */

static void test_open__refuses_what_is_no_event_store(void **state)
{
    struct store_place *p = *state;
    char path[300];
    struct facet_events *e;
    snprintf(path, sizeof(path), "%.200s/gallery.db", p->dir);
    struct facet_gallery *g = open_or_fail(path);
    facet_gallery_close(&g);
    struct facet_events_opts o = { .where = path };
    assert_int_equal(facet_events_open(&e, &o), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "another program"));
    assert_null(e);
    o.where = p->dir;
    assert_int_equal(facet_events_open(&e, &o), FACET_E_FORMAT);
    o = (struct facet_events_opts){ .where = p->where, .read_only = true };
    assert_int_equal(facet_events_open(&e, &o), FACET_E_NOT_FOUND);
    o.where = "/proc/nowhere/events.db";
    o.read_only = false;
    assert_int_not_equal(facet_events_open(&e, &o), FACET_OK);
}

static void test_read_only__reads_and_refuses_to_write(void **state)
{
    struct store_place *p = *state;
    struct facet_events *e = open_at(p->where, NULL);
    struct facet_event a = event_number(1), got;
    assert_int_equal(facet_events_put(e, &a, NULL), FACET_OK);
    facet_events_close(&e);
    struct facet_events_opts o = { .where = p->where, .read_only = true };
    assert_int_equal(facet_events_open(&e, &o), FACET_OK);
    assert_int_equal(facet_events_get(e, a.id, &got), FACET_OK);
    a = event_number(2);
    assert_int_equal(facet_events_put(e, &a, NULL), FACET_E_PERMISSION);
    assert_int_equal(facet_events_snapshot_put(e, "x", 0, "x", 1, 1), FACET_E_PERMISSION);
    assert_int_equal(facet_events_erase(e, 1, "Ada", NULL, NULL), FACET_E_PERMISSION);
    facet_events_close(&e);
}

static void run_sql(const char *path, const char *text)
{
    sqlite3 *sql;
    assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
    if (sqlite3_exec(sql, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(sql));
    sqlite3_close(sql);
}

static void test_sealed__changed_and_swapped_rows_are_refused(void **state)
{
    struct store_place *p = *state;
    char key[300];
    snprintf(key, sizeof(key), "%.200s/site.key", p->dir);
    struct facet_vault *v;
    struct facet_event a = event_number(1), b = event_number(2), got;
    void *data;
    size_t len;
    assert_int_equal(facet_vault_open(&v, &(struct facet_vault_opts){ .key = key, .create = true }), FACET_OK);
    struct facet_events *e = open_at(p->where, v);
    assert_int_equal(facet_events_put(e, &a, NULL), FACET_OK);
    assert_int_equal(facet_events_put(e, &b, NULL), FACET_OK);
    assert_int_equal(facet_events_snapshot_put(e, "s1", 0, "x", 1, 1), FACET_OK);
    facet_events_close(&e);
    run_sql(p->where, "UPDATE events SET body = (SELECT body FROM events WHERE id = 'event-2') WHERE id = 'event-1';"
                      "UPDATE snapshots SET id = 's2'");
    e = open_at(p->where, v);
    assert_int_equal(facet_events_get(e, "event-1", &got), FACET_E_FORMAT);
    assert_int_equal(facet_events_get(e, "event-2", &got), FACET_OK);
    assert_int_equal(facet_events_snapshot_get(e, "s2", &data, &len), FACET_E_FORMAT);
    assert_int_equal(facet_events_check(e), FACET_E_STORE);
    facet_events_close(&e);
    facet_vault_close(&v);
}

/* --- deaths --- */

#define KILLS 100

static void write_for_ever(const char *where, int report, int first)
{
    struct facet_events *e;
    struct facet_events_opts o = { .where = where };
    if (facet_events_open(&e, &o))
        _exit(2);
    for (int i = first;; i++) {
        struct facet_event ev = event_number(i);
        if (facet_events_put(e, &ev, NULL))
            _exit(3);
        if (write(report, &i, sizeof(i)) != sizeof(i))
            _exit(4);
    }
}

static int write_and_kill(const char *where, int first, struct facet_rng *rng)
{
    int ends[2], last = first - 1, i, status = 0;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid)
        write_for_ever(where, ends[1], first);
    close(ends[1]);
    struct timespec t = { .tv_nsec = (long)facet_rng_below(rng, 40u * 1000 * 1000) };
    ppoll(NULL, 0, &t, NULL); /* the random moment is the test */
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status))
        fail_msg("the writing process failed with %d", WEXITSTATUS(status));
    while (read(ends[0], &i, sizeof(i)) == sizeof(i))
        last = i;
    close(ends[0]);
    return last;
}

static void test_put__what_was_reported_survives_every_death(void **state)
{
    struct store_place *p = *state;
    struct facet_rng rng;
    struct facet_events_filter all = FACET_EVENTS_FILTER_INIT;
    int next = 0;
    facet_rng_seed(&rng, 20261121);
    for (int i = 0; i < KILLS; i++) {
        int last = write_and_kill(p->where, next, &rng);
        int64_t n = 0;
        struct facet_events *e = open_at(p->where, NULL);
        assert_int_equal(facet_events_count(e, &all, &n), FACET_OK);
        assert_true(n == last + 1 || n == last + 2); /* one more, whose report was cut off */
        next = (int)n;
        for (int k = next - 1; k >= 0 && k > next - 20; k--) {
            struct facet_event want = event_number(k), got;
            assert_int_equal(facet_events_get(e, want.id, &got), FACET_OK);
        }
        if (i == KILLS - 1)
            assert_int_equal(facet_events_check(e), FACET_OK);
        facet_events_close(&e);
    }
    assert_true(next > KILLS);
}

#define AT_PLACE(t) cmocka_unit_test_setup_teardown(t, place_open, place_close)

int main(void)
{
    events_place_open = place_open;
    events_place_close = place_close;
    int failed = _cmocka_run_group_tests("events over SQLite", events_cases, n_events_cases, NULL, NULL);
    const struct CMUnitTest tests[] = {
        AT_PLACE(test_query__uses_an_index_and_sorts_nothing),
        AT_PLACE(test_sealed__no_name_and_no_picture_is_readable),
        AT_PLACE(test_file__is_its_owners_alone),
        AT_PLACE(test_open__refuses_what_is_no_event_store),
        AT_PLACE(test_read_only__reads_and_refuses_to_write),
        AT_PLACE(test_sealed__changed_and_swapped_rows_are_refused),
        AT_PLACE(test_put__what_was_reported_survives_every_death),
    };
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
