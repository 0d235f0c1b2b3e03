/* facet people erase and export, and facet store, on seeded galleries and events: no model, no face. */
#include "cli/cli.h"
#include "unit/store/fixture.h"

#include "store/events.h"
#include "store/spool.h"

#include <sys/stat.h>

static struct facet_events *events_of(struct cli *c)
{
    struct facet_events *e;
    if (facet_events_open(&e, &(struct facet_events_opts){ .where = cli_path(c, "e.db") }))
        fail_msg("%s", facet_error_text());
    return e;
}

static void put_event(struct facet_events *e, int i, int64_t person, const char *name)
{
    struct facet_event ev = { .type = FACET_EVENT_IDENTITY, .captured_ms = 1700000000000, .identity = { .decision = FACET_KNOWN, .person = person } };
    snprintf(ev.id, sizeof(ev.id), "event-%d", i);
    snprintf(ev.identity.name, sizeof(ev.identity.name), "%s", name);
    assert_int_equal(facet_events_put(e, &ev, NULL), FACET_OK);
}

static void make_site(struct cli *c)
{
    struct facet_gallery *g = open_or_fail(cli_path(c, "g.db"));
    struct facet_events *e = events_of(c);
    struct facet_person p;
    static const char *const names[] = { "Ada Byron", "Bob", "Carol" };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(add_person(g, names[i], (uint64_t)i + 1), FACET_OK);
        assert_int_equal(facet_gallery_person(g, names[i], &p), FACET_OK);
        put_event(e, i, p.id, names[i]);
    }
    assert_int_equal(facet_events_snapshot_put(e, "s1", 1, "\xff\xd8\xff\xe0", 4, 5), FACET_OK);
    facet_events_close(&e);
    facet_gallery_close(&g);
}

#define PEOPLE(c, ...) CLI(c, "people", "--gallery", cli_path(c, "g.db"), "--events", cli_path(c, "e.db"), __VA_ARGS__)
#define STORE(c, ...) CLI(c, "store", "--gallery", cli_path(c, "g.db"), "--events", cli_path(c, "e.db"), __VA_ARGS__)

static void test_erase__leaves_nothing_and_says_so(void **state)
{
    struct cli *c = *state;
    make_site(c);
    PEOPLE(c, "erase", "Ada Byron", "--verify");
    assert_code(c, 0);
    assert_says(c->out, "1 template");
    assert_says(c->out, "1 event");
    assert_says(c->out, "nothing of it is left");
    PEOPLE(c, "show", "Ada Byron");
    assert_code(c, 3);
    PEOPLE(c, "erase", "Ada Byron", "--verify", "--json");
    assert_code(c, 0);
    assert_says(c->out, "\"was_known\": false");
    assert_says(c->out, "\"verified\": true");
    PEOPLE(c, "erase");
    assert_code(c, 2);
}

static void test_export__holds_everything_on_one_person(void **state)
{
    struct cli *c = *state;
    struct stat st;
    make_site(c);
    PEOPLE(c, "export", "Ada Byron", cli_path(c, "ada"));
    assert_code(c, 0);
    assert_says(c->out, "1 event, and 1 picture");
    assert_int_equal(stat(cli_path(c, "ada/person.json"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(cli_path(c, "ada/picture-0001.jpg"), &st), 0);
    assert_int_equal(st.st_size, 4);
    PEOPLE(c, "export", "Ada Byron", cli_path(c, "ada"));
    assert_code(c, 3);
    assert_says(c->err, "a folder of its own");
    PEOPLE(c, "export", "Nobody", cli_path(c, "nobody"));
    assert_code(c, 3);
    assert_int_not_equal(stat(cli_path(c, "nobody"), &st), 0);
}

static void test_store__seals_copies_and_brings_back(void **state)
{
    struct cli *c = *state;
    char word[400];
    make_site(c);
    snprintf(word, sizeof(word), "%s", cli_path(c, "keys/site.key"));
    STORE(c, "seal", "--key", word);
    assert_code(c, 0);
    assert_says(c->out, "site.key");
    assert_says(c->out, "is sealed");
    PEOPLE(c, "list");
    assert_code(c, 3);
    assert_says(c->err, "FACET_SITE_KEY");
    STORE(c, "check", "--key", word);
    assert_code(c, 0);
    assert_says(c->out, "is whole");
    STORE(c, "backup", cli_path(c, "copy"), "--key", word);
    assert_code(c, 0);
    STORE(c, "restore", cli_path(c, "copy"), "--key", word);
    assert_code(c, 0);
    assert_says(c->out, "3 people, 3 templates, 3 events");
    STORE(c, "seal", "--key", cli_path(c, "keys/other.key"));
    assert_code(c, 3);
    assert_says(c->err, "another site key");
    STORE(c, "restore", cli_path(c, "copy"), "--key", cli_path(c, "keys/other.key"));
    assert_code(c, 3);
    STORE(c, "restore", cli_path(c, "nowhere"), "--key", word);
    assert_code(c, 3);
}

static void test_retain__wants_to_know_how_long(void **state)
{
    struct cli *c = *state;
    make_site(c);
    STORE(c, "retain");
    assert_code(c, 2);
    assert_says(c->err, "--keep-events");
    STORE(c, "retain", "--keep-events", "1");
    assert_code(c, 0);
    assert_says(c->out, "removed: 3 events");
    STORE(c, "retain", "--keep-events", "-1");
    assert_code(c, 2);
}

int main(void)
{
#define IN_CLI(t) cmocka_unit_test_setup_teardown(t, cli_setup, cli_teardown)
    const struct CMUnitTest tests[] = {
        IN_CLI(test_erase__leaves_nothing_and_says_so),
        IN_CLI(test_export__holds_everything_on_one_person),
        IN_CLI(test_store__seals_copies_and_brings_back),
        IN_CLI(test_retain__wants_to_know_how_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
