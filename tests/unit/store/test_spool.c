/* The queue on disk: order, doubles, ceilings by bytes, age and class, clocks that are set, erasure. */
#include "test.h"

#include "base/file.h"
#include "store/spool.h"
#include "store/vault.h"

#include <facet/error.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)

struct room {
    char dir[64], path[96];
    int64_t mono_ms, wall_ms;
    struct facet_clock clock;
    struct facet_spool *s;
};

static uint64_t mono_of(void *ctx)
{
    return (uint64_t)((struct room *)ctx)->mono_ms * 1000000;
}

static int64_t wall_of(void *ctx)
{
    return ((struct room *)ctx)->wall_ms;
}

static int setup(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    snprintf(r->dir, sizeof(r->dir), "/tmp/facet-spool-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->path, sizeof(r->path), "%s/out.db", r->dir);
    r->mono_ms = 1000;
    r->wall_ms = 1790000000000;
    r->clock = (struct facet_clock){mono_of, wall_of, r};
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct room *r = *state;
    char text[128];
    static const char *const ends[] = {"", "-wal", "-shm"};
    facet_spool_close(&r->s);
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof(text), "%s%s", r->path, ends[i]);
        unlink(text);
    }
    rmdir(r->dir);
    free(r);
    return 0;
}

static void open_spool(struct room *r, int64_t max_bytes, int64_t max_age_ms)
{
    struct facet_spool_opts o = {.path = r->path, .max_bytes = max_bytes, .max_age_ms = max_age_ms, .clock = &r->clock};
    facet_spool_close(&r->s);
    if (facet_spool_open(&r->s, &o) != FACET_OK)
        fail_msg("%s", facet_error_text());
}

static void pass(struct room *r, int64_t ms)
{
    r->mono_ms += ms;
    r->wall_ms += ms;
}

static int put(struct room *r, const char *id, enum facet_spool_class class, size_t len, int64_t expires_ms)
{
    static char payload[1 << 16];
    struct facet_spool_item item = {.class = class, .payload = payload, .len = len, .expires_ms = expires_ms};
    memset(payload, 'x', sizeof(payload));
    snprintf(item.id, sizeof(item.id), "%s", id);
    snprintf(item.topic, sizeof(item.topic), "t");
    return facet_spool_put(r->s, &item);
}

/* Ids of what waits, in order, each with a space behind. */
static const char *all(struct room *r)
{
    static char text[1024];
    struct facet_spool_item item;
    int64_t after = 0;
    text[0] = '\0';
    for (int err; (err = facet_spool_next(r->s, after, &item)) != FACET_E_END; free(item.payload)) {
        assert_int_equal(err, FACET_OK);
        after = item.seq;
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", item.id);
    }
    return text;
}

static struct facet_spool_stats stats(struct room *r)
{
    struct facet_spool_stats st;
    facet_spool_stats(r->s, &st);
    return st;
}

static void test_spool__gives_back_what_was_put_in_order(void **state)
{
    struct room *r = *state;
    open_spool(r, 0, 0);
    struct facet_spool_item in = {.id = "e1", .class = FACET_SPOOL_EVENT, .topic = "facet/events", .payload = "a\0b", .len = 3,
                                  .expires_ms = r->wall_ms + 5000, .person = "ada"}, out;
    assert_int_equal(facet_spool_put(r->s, &in), FACET_OK);
    assert_int_equal(put(r, "e2", FACET_SPOOL_CHIP, 0, 0), FACET_OK);
    open_spool(r, 0, 0); /* from disk */
    assert_int_equal(facet_spool_next(r->s, 0, &out), FACET_OK);
    assert_string_equal(out.id, "e1");
    assert_string_equal(out.topic, "facet/events");
    assert_string_equal(out.person, "ada");
    assert_int_equal(out.class, FACET_SPOOL_EVENT);
    assert_int_equal(out.len, 3);
    assert_memory_equal(out.payload, "a\0b", 3);
    assert_int_equal(out.created_ms, r->wall_ms);
    assert_int_equal(out.expires_ms, r->wall_ms + 5000);
    free(out.payload);
    assert_string_equal(all(r), "e1 e2 ");
    assert_int_equal(facet_spool_ack(r->s, out.seq), FACET_OK);
    assert_string_equal(all(r), "e2 ");
    assert_int_equal(stats(r).items, 1);
    assert_int_equal(stats(r).acked, 1);
}

static void test_spool__file_is_for_its_owner_alone(void **state)
{
    struct room *r = *state;
    struct stat st;
    open_spool(r, 0, 0);
    assert_int_equal(stat(r->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_spool__doubles_are_refused_for_a_day_after_their_end(void **state)
{
    struct room *r = *state;
    open_spool(r, 0, 0);
    assert_int_equal(put(r, "a", FACET_SPOOL_EVENT, 5, 0), FACET_OK);
    assert_int_equal(put(r, "a", FACET_SPOOL_EVENT, 5, 0), FACET_E_EXISTS);
    assert_int_equal(facet_spool_ack(r->s, 1), FACET_OK);
    pass(r, DAY_MS - 1000);
    assert_int_equal(put(r, "a", FACET_SPOOL_EVENT, 5, 0), FACET_E_EXISTS);
    pass(r, 2000);
    assert_int_equal(put(r, "a", FACET_SPOOL_EVENT, 5, 0), FACET_OK);
    assert_int_equal(stats(r).doubles, 2);
    assert_int_equal(stats(r).put, 2);
}

static void test_spool__acknowledging_twice_counts_once(void **state)
{
    struct room *r = *state;
    open_spool(r, 0, 0);
    assert_int_equal(put(r, "a", FACET_SPOOL_EVENT, 5, 0), FACET_OK);
    assert_int_equal(facet_spool_ack(r->s, 1), FACET_OK);
    assert_int_equal(facet_spool_ack(r->s, 1), FACET_OK);
    assert_int_equal(facet_spool_ack(r->s, 77), FACET_OK);
    assert_int_equal(stats(r).acked, 1);
    assert_int_equal(stats(r).items, 0);
    assert_int_equal(stats(r).bytes, 0);
}

static void test_spool__least_class_makes_room_oldest_first(void **state)
{
    struct room *r = *state;
    open_spool(r, 4096, 0);
    assert_int_equal(put(r, "e1", FACET_SPOOL_EVENT, 1000, 0), FACET_OK);
    assert_int_equal(put(r, "c1", FACET_SPOOL_CHIP, 1000, 0), FACET_OK);
    assert_int_equal(put(r, "c2", FACET_SPOOL_CHIP, 1000, 0), FACET_OK);
    assert_int_equal(put(r, "s1", FACET_SPOOL_STATE, 1000, 0), FACET_OK);
    assert_int_equal(put(r, "e2", FACET_SPOOL_EVENT, 1000, 0), FACET_OK);
    assert_string_equal(all(r), "e1 c1 c2 e2 ");
    assert_int_equal(put(r, "c3", FACET_SPOOL_CHIP, 1000, 0), FACET_OK);
    assert_string_equal(all(r), "e1 c2 e2 c3 ");
    assert_int_equal(stats(r).dropped_space, 2);
    assert_true(stats(r).bytes <= 4096);
}

static void test_spool__what_matters_least_of_all_is_refused(void **state)
{
    struct room *r = *state;
    open_spool(r, 2048, 0);
    assert_int_equal(put(r, "e1", FACET_SPOOL_EVENT, 1000, 0), FACET_OK);
    assert_int_equal(put(r, "e2", FACET_SPOOL_EVENT, 1000, 0), FACET_OK);
    assert_int_equal(put(r, "s1", FACET_SPOOL_STATE, 1000, 0), FACET_E_LIMIT);
    assert_int_equal(put(r, "huge", FACET_SPOOL_EVENT, 4000, 0), FACET_E_LIMIT);
    assert_string_equal(all(r), "e1 e2 ");
}

static void test_spool__late_items_go_first_and_are_counted(void **state)
{
    struct room *r = *state;
    open_spool(r, 0, 60000);
    assert_int_equal(put(r, "short", FACET_SPOOL_CHIP, 9, r->wall_ms + 1000), FACET_OK);
    assert_int_equal(put(r, "long", FACET_SPOOL_EVENT, 9, 0), FACET_OK);
    pass(r, 2000);
    assert_string_equal(all(r), "long ");
    assert_int_equal(stats(r).dropped_expired, 1);
    pass(r, 60000);
    assert_string_equal(all(r), "");
    assert_int_equal(stats(r).dropped_age, 1);
    open_spool(r, 0, 60000);
    assert_int_equal(stats(r).dropped_expired, 1); /* counted on disk */
    assert_int_equal(stats(r).bytes, 0);
}

static void test_spool__late_events_stay(void **state)
{
    struct room *r = *state;
    open_spool(r, 0, 60000);
    assert_int_equal(put(r, "e", FACET_SPOOL_EVENT, 9, r->wall_ms + 1000), FACET_OK);
    pass(r, 2000);
    assert_string_equal(all(r), "e ");
    assert_int_equal(stats(r).dropped_expired, 0);
    pass(r, 60000);
    assert_string_equal(all(r), "");
    assert_int_equal(stats(r).dropped_age, 1);
}

static void test_spool__clock_that_is_set_drops_nothing(void **state)
{
    struct room *r = *state;
    open_spool(r, 0, 60000);
    assert_int_equal(put(r, "a", FACET_SPOOL_CHIP, 9, r->wall_ms + 30000), FACET_OK);
    r->wall_ms += 365 * DAY_MS; /* a box without a battery learns what time it is */
    assert_string_equal(all(r), "a ");
    r->wall_ms -= 400 * DAY_MS;
    assert_string_equal(all(r), "a ");
    pass(r, 29000);
    assert_string_equal(all(r), "a ");
    pass(r, 2000);
    assert_string_equal(all(r), "");
    assert_int_equal(stats(r).dropped_expired, 1);
}

static void test_spool__wait_ends_when_something_comes(void **state)
{
    struct room *r = *state;
    open_spool(r, 0, 0);
    facet_spool_wait(r->s, 0, 1); /* nothing: only time passes */
    assert_int_equal(put(r, "a", FACET_SPOOL_EVENT, 9, 0), FACET_OK);
    facet_spool_wait(r->s, 0, 60000); /* the test would run into its limit */
    facet_spool_wake(r->s);
    facet_spool_wait(r->s, 1, 60000);
}

static bool file_has(const char *path, const char *text)
{
    uint8_t *data;
    size_t len;
    if (facet_file_read(path, 1 << 26, &data, &len) != FACET_OK)
        return false;
    bool has = memmem(data, len, text, strlen(text)) != NULL;
    free(data);
    return has;
}

static void test_spool__what_was_erased_is_in_no_file(void **state)
{
    struct room *r = *state;
    char wal[128];
    open_spool(r, 0, 0);
    struct facet_spool_item item = {.id = "a", .class = FACET_SPOOL_EVENT, .topic = "t", .payload = "seen: Grace Hopper",
                                    .len = 18, .person = "Grace Hopper"};
    int64_t removed = 0;
    snprintf(wal, sizeof(wal), "%s-wal", r->path);
    assert_int_equal(facet_spool_put(r->s, &item), FACET_OK);
    assert_int_equal(put(r, "b", FACET_SPOOL_EVENT, 9, 0), FACET_OK);
    assert_true(file_has(wal, "Grace Hopper"));
    assert_int_equal(facet_spool_erase(r->s, "Grace Hopper", &removed), FACET_OK);
    assert_int_equal(removed, 1);
    assert_false(file_has(wal, "Grace Hopper"));
    assert_false(file_has(r->path, "Grace Hopper"));
    assert_string_equal(all(r), "b ");
    assert_int_equal(facet_spool_erase(r->s, "nobody", &removed), FACET_OK);
    assert_int_equal(removed, 0);
}

static struct facet_vault *open_vault(struct room *r, const char *name)
{
    char path[128];
    struct facet_vault *v;
    snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    const struct facet_vault_opts o = {.key = path, .create = true};
    if (facet_vault_open(&v, &o) != FACET_OK)
        fail_msg("%s", facet_error_text());
    return v;
}

static void close_vault(struct room *r, struct facet_vault **v, const char *name)
{
    char path[128];
    facet_spool_close(&r->s);
    facet_vault_close(v);
    snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    unlink(path);
}

static int open_sealed(struct room *r, struct facet_vault *v)
{
    struct facet_spool_opts o = {.path = r->path, .clock = &r->clock, .vault = v};
    facet_spool_close(&r->s);
    return facet_spool_open(&r->s, &o);
}

static void test_spool__what_is_sealed_is_unreadable_without_the_key(void **state)
{
    struct room *r = *state;
    struct facet_vault *v = open_vault(r, "a.key"), *other = open_vault(r, "b.key");
    struct facet_spool_item item = {.id = "a", .class = FACET_SPOOL_EVENT, .topic = "t", .payload = "seen: Grace Hopper",
                                    .len = 18, .person = "Grace Hopper"}, out;
    char wal[128];
    int64_t removed = 0;
    snprintf(wal, sizeof(wal), "%s-wal", r->path);
    assert_int_equal(open_sealed(r, v), FACET_OK);
    assert_int_equal(facet_spool_put(r->s, &item), FACET_OK);
    assert_int_equal(facet_spool_put(r->s, &item), FACET_E_EXISTS);
    assert_false(file_has(wal, "Grace"));
    assert_int_equal(facet_spool_next(r->s, 0, &out), FACET_OK);
    assert_int_equal(out.len, 18);
    assert_string_equal(out.payload, "seen: Grace Hopper");
    free(out.payload);
    assert_int_equal(open_sealed(r, NULL), FACET_E_PERMISSION);
    assert_null(r->s);
    assert_int_equal(open_sealed(r, other), FACET_E_PERMISSION);
    assert_null(r->s);
    assert_int_equal(open_sealed(r, v), FACET_OK);
    assert_int_equal(facet_spool_erase(r->s, "Grace Hopper", &removed), FACET_OK);
    assert_int_equal(removed, 1);
    close_vault(r, &v, "a.key");
    close_vault(r, &other, "b.key");
}

static void run_sql(struct room *r, const char *sql)
{
    sqlite3 *db = NULL;
    char *why = NULL;
    assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
    sqlite3_close(db);
}

static bool any_has(struct room *r, const char *text)
{
    char wal[128];
    snprintf(wal, sizeof(wal), "%s-wal", r->path);
    return file_has(r->path, text) || file_has(wal, text);
}

static void test_spool__what_was_put_without_a_key_is_sealed_when_there_is_one(void **state)
{
    struct room *r = *state;
    struct facet_vault *v = open_vault(r, "a.key");
    struct facet_spool_item item = {.id = "a", .class = FACET_SPOOL_EVENT, .topic = "t", .payload = "seen: Grace Hopper",
                                    .len = 18, .person = "Grace Hopper"}, out;
    int64_t removed = 0;
    open_spool(r, 0, 0);
    assert_int_equal(facet_spool_put(r->s, &item), FACET_OK);
    assert_true(any_has(r, "Grace"));
    assert_int_equal(open_sealed(r, v), FACET_OK);
    assert_false(any_has(r, "Grace"));
    assert_int_equal(facet_spool_next(r->s, 0, &out), FACET_OK);
    assert_string_equal(out.payload, "seen: Grace Hopper");
    free(out.payload);
    assert_int_equal(facet_spool_erase(r->s, "Grace Hopper", &removed), FACET_OK);
    assert_int_equal(removed, 1);
    close_vault(r, &v, "a.key");
}

/* As version 1 left it: a first byte says whether the rest is sealed, and names are to be read. */
static void make_old(struct room *r)
{
    run_sql(r, "UPDATE item SET sealed = 0, person = 'Grace Hopper', payload = CAST(x'01' || payload AS BLOB) WHERE id = 'sealed';"
               "UPDATE item SET sealed = 0, person = 'Grace Hopper', payload = CAST(x'00' || 'plain' AS BLOB) WHERE id = 'plain';"
               "UPDATE item SET sealed = 0, payload = CAST('{}' AS BLOB) WHERE id = 'web';"
               "ALTER TABLE state DROP COLUMN kept; PRAGMA user_version = 1");
}

static void expect_next(struct room *r, int64_t *after, const char *payload)
{
    struct facet_spool_item out;
    assert_int_equal(facet_spool_next(r->s, *after, &out), FACET_OK);
    assert_int_equal(out.len, strlen(payload));
    assert_memory_equal(out.payload, payload, out.len);
    *after = out.seq;
    free(out.payload);
}

static void test_spool__files_of_version_1_are_taken_over(void **state)
{
    struct room *r = *state;
    struct facet_vault *v = open_vault(r, "a.key");
    static const char *const ids[] = {"sealed", "plain", "web"};
    int64_t after = 0, removed = 0;
    assert_int_equal(open_sealed(r, v), FACET_OK);
    for (int i = 0; i < 3; i++) {
        struct facet_spool_item item = {.class = FACET_SPOOL_EVENT, .topic = "t", .payload = "secret", .len = 6};
        snprintf(item.id, sizeof(item.id), "%s", ids[i]);
        assert_int_equal(facet_spool_put(r->s, &item), FACET_OK);
    }
    facet_spool_close(&r->s);
    make_old(r);
    assert_int_equal(open_sealed(r, NULL), FACET_E_PERMISSION); /* it was sealed */
    assert_int_equal(open_sealed(r, v), FACET_OK);
    expect_next(r, &after, "secret");
    expect_next(r, &after, "plain");
    expect_next(r, &after, "{}");
    assert_false(any_has(r, "Grace"));
    assert_false(any_has(r, "plain\001"));
    assert_int_equal(facet_spool_erase(r->s, "Grace Hopper", &removed), FACET_OK);
    assert_int_equal(removed, 2);
    assert_int_equal(open_sealed(r, v), FACET_OK);
    close_vault(r, &v, "a.key");
}

static void test_spool__a_damaged_item_says_which_it_is(void **state)
{
    struct room *r = *state;
    struct facet_vault *v = open_vault(r, "a.key");
    struct facet_spool_item item = {.id = "a", .class = FACET_SPOOL_EVENT, .topic = "t", .payload = "x", .len = 1}, out;
    assert_int_equal(open_sealed(r, v), FACET_OK);
    assert_int_equal(facet_spool_put(r->s, &item), FACET_OK);
    snprintf(item.id, sizeof(item.id), "b");
    assert_int_equal(facet_spool_put(r->s, &item), FACET_OK);
    facet_spool_close(&r->s);
    run_sql(r, "UPDATE item SET payload = zeroblob(60) WHERE id = 'a'");
    assert_int_equal(open_sealed(r, v), FACET_OK);
    assert_int_not_equal(facet_spool_next(r->s, 0, &out), FACET_OK);
    assert_string_equal(out.id, "a");
    assert_null(out.payload);
    assert_int_equal(facet_spool_ack(r->s, out.seq), FACET_OK);
    assert_int_equal(facet_spool_next(r->s, 0, &out), FACET_OK);
    assert_string_equal(out.id, "b");
    free(out.payload);
    close_vault(r, &v, "a.key");
}

static void test_spool__what_waits_can_be_replaced_in_its_place(void **state)
{
    struct room *r = *state;
    struct facet_spool_item item = {.id = "a", .class = FACET_SPOOL_CHIP, .topic = "t", .payload = "a better view", .len = 13}, out;
    open_spool(r, 0, 0);
    assert_int_equal(put(r, "a", FACET_SPOOL_CHIP, 5, 0), FACET_OK);
    assert_int_equal(put(r, "b", FACET_SPOOL_EVENT, 5, 0), FACET_OK);
    struct facet_spool_stats was, is;
    facet_spool_stats(r->s, &was);
    assert_int_equal(facet_spool_replace(r->s, &item, 0), FACET_OK);
    facet_spool_stats(r->s, &is);
    assert_int_equal(is.items, was.items);
    assert_int_equal(is.put, was.put);
    assert_int_equal(facet_spool_next(r->s, 0, &out), FACET_OK);
    assert_string_equal(out.id, "a");
    assert_string_equal(out.payload, "a better view");
    free(out.payload);
    assert_int_equal(facet_spool_replace(r->s, &item, out.seq), FACET_E_NOT_FOUND); /* not what stands so far in front */
    assert_int_equal(facet_spool_ack(r->s, out.seq), FACET_OK);
    assert_int_equal(facet_spool_replace(r->s, &item, 0), FACET_E_NOT_FOUND);
    assert_string_equal(all(r), "b ");
}

static void test_spool__acknowledges_by_id_and_keeps_a_number(void **state)
{
    struct room *r = *state;
    open_spool(r, 0, 0);
    assert_int_equal(facet_spool_kept(r->s), 0);
    assert_int_equal(put(r, "a", FACET_SPOOL_EVENT, 5, 0), FACET_OK);
    assert_int_equal(facet_spool_ack_id(r->s, "b"), FACET_OK);
    assert_string_equal(all(r), "a ");
    assert_int_equal(facet_spool_ack_id(r->s, "a"), FACET_OK);
    assert_string_equal(all(r), "");
    assert_int_equal(facet_spool_keep(r->s, 1790000000123), FACET_OK);
    open_spool(r, 0, 0);
    assert_int_equal(facet_spool_kept(r->s), 1790000000123);
}

static void test_spool__items_that_do_not_fit_are_refused(void **state)
{
    struct room *r = *state;
    open_spool(r, 0, 0);
    struct facet_spool_item item = {.id = "", .class = FACET_SPOOL_EVENT};
    assert_int_equal(facet_spool_put(r->s, &item), FACET_E_INVALID);
    item.id[0] = 'a';
    item.class = FACET_SPOOL_CLASSES;
    assert_int_equal(facet_spool_put(r->s, &item), FACET_E_INVALID);
    item.class = FACET_SPOOL_CHIP;
    item.len = 5;
    assert_int_equal(facet_spool_put(r->s, &item), FACET_E_INVALID);
    item.len = 0;
    memset(item.topic, 'x', sizeof(item.topic));
    assert_int_equal(facet_spool_put(r->s, &item), FACET_E_INVALID);
    assert_string_equal(all(r), "");
}

static void test_spool__other_files_are_refused_and_left_alone(void **state)
{
    struct room *r = *state;
    struct facet_spool_opts o = {.path = r->path};
    FILE *f = fopen(r->path, "w");
    assert_non_null(f);
    for (int i = 0; i < 200; i++)
        fputs("this is a letter, not a queue\n", f);
    fclose(f);
    assert_int_equal(facet_spool_open(&r->s, &o), FACET_E_FORMAT);
    assert_null(r->s);
    assert_true(file_has(r->path, "this is a letter"));
    o.path = "/proc/nowhere/out.db";
    assert_int_not_equal(facet_spool_open(&r->s, &o), FACET_OK);
    assert_null(r->s);
    facet_spool_close(&r->s);
}

#define SPOOL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SPOOL_TEST(test_spool__gives_back_what_was_put_in_order),
        SPOOL_TEST(test_spool__file_is_for_its_owner_alone),
        SPOOL_TEST(test_spool__doubles_are_refused_for_a_day_after_their_end),
        SPOOL_TEST(test_spool__acknowledging_twice_counts_once),
        SPOOL_TEST(test_spool__least_class_makes_room_oldest_first),
        SPOOL_TEST(test_spool__what_matters_least_of_all_is_refused),
        SPOOL_TEST(test_spool__late_items_go_first_and_are_counted),
        SPOOL_TEST(test_spool__late_events_stay),
        SPOOL_TEST(test_spool__clock_that_is_set_drops_nothing),
        SPOOL_TEST(test_spool__wait_ends_when_something_comes),
        SPOOL_TEST(test_spool__what_was_erased_is_in_no_file),
        SPOOL_TEST(test_spool__what_is_sealed_is_unreadable_without_the_key),
        SPOOL_TEST(test_spool__what_was_put_without_a_key_is_sealed_when_there_is_one),
        SPOOL_TEST(test_spool__files_of_version_1_are_taken_over),
        SPOOL_TEST(test_spool__a_damaged_item_says_which_it_is),
        SPOOL_TEST(test_spool__what_waits_can_be_replaced_in_its_place),
        SPOOL_TEST(test_spool__acknowledges_by_id_and_keeps_a_number),
        SPOOL_TEST(test_spool__items_that_do_not_fit_are_refused),
        SPOOL_TEST(test_spool__other_files_are_refused_and_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
