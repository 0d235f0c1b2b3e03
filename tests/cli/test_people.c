/* facet people and facet gallery, on galleries of seeded numbers: no model, no face. */
#include "cli/cli.h"
#include "unit/store/fixture.h"

static void make_gallery(struct cli *c, const char *name)
{
    struct facet_gallery *g = open_or_fail(cli_path(c, name));
    float e[DIM], centre[DIM];
    static const char *const names[] = { "Ada", "Bob", "Zoë" };
    for (uint64_t i = 0; i < 9; i++) {
        struct facet_template t = { .quality = 0.5f, .created_ms = 1700000000000 };
        snprintf(t.source, sizeof(t.source), "%d.jpg", (int)i);
        make_near(e, make_embedding(centre, DIM, i % 3), DIM, 100 + i, 0.5f);
        assert_int_equal(facet_gallery_add(g, names[i % 3], e, DIM, &t, NULL), FACET_OK);
    }
    facet_gallery_close(&g);
}

#define PEOPLE(c, ...) CLI(c, "people", "--gallery", cli_path(c, "g.db"), __VA_ARGS__)
#define GALLERY(c, ...) CLI(c, "gallery", "--gallery", cli_path(c, "g.db"), __VA_ARGS__)

static void test_people__export_needs_a_file(void **state)
{
    struct cli *c = *state;
    make_gallery(c, "g.db");
    PEOPLE(c, "export", "-");
    assert_code(c, 2);
    assert_says(c->err, "not to standard output");
}

static void test_people__are_listed_and_shown(void **state)
{
    struct cli *c = *state;
    make_gallery(c, "g.db");
    PEOPLE(c, "list");
    assert_code(c, 0);
    assert_says(c->out, "Ada");
    assert_says(c->out, "3 templates");
    assert_says(c->out, "2023-11-14T22:13Z");
    PEOPLE(c, "show", "Zoë");
    assert_code(c, 0);
    assert_says(c->out, "2.jpg");
    PEOPLE(c, "list", "--json");
    assert_code(c, 0);
    assert_says(c->out, "\"name\": \"Zo");
    assert_says(c->out, "\"templates\": 3");
}

static void test_people__are_renamed_merged_and_deleted(void **state)
{
    struct cli *c = *state;
    make_gallery(c, "g.db");
    PEOPLE(c, "rename", "Ada", "Ada Lovelace");
    assert_code(c, 0);
    PEOPLE(c, "merge", "Ada Lovelace", "Bob");
    assert_code(c, 0);
    PEOPLE(c, "show", "Ada Lovelace");
    assert_says(c->out, "6 templates");
    PEOPLE(c, "delete", "Zoë");
    assert_code(c, 0);
    assert_says(c->out, "overwritten");
    PEOPLE(c, "show", "Zoë");
    assert_code(c, 3);
    assert_says(c->err, "there is nobody named 'Zoë'");
    GALLERY(c, "check");
    assert_code(c, 0);
}

static void test_people__changes_without_sense_are_refused(void **state)
{
    struct cli *c = *state;
    make_gallery(c, "g.db");
    PEOPLE(c, "rename", "Ada", "Bob");
    assert_code(c, 3);
    assert_says(c->err, "already");
    PEOPLE(c, "rename", "Ada", "unknown");
    assert_code(c, 3);
    PEOPLE(c, "merge", "Ada", "Ada");
    assert_code(c, 3);
    PEOPLE(c, "delete", "Eve", "--json");
    assert_code(c, 3);
    assert_says(c->out, "FACET_E_NOT_FOUND");
    PEOPLE(c, "rename", "Ada");
    assert_code(c, 2);
    PEOPLE(c, "forget", "Ada");
    assert_code(c, 2);
    PEOPLE(c, "list");
    assert_says(c->out, "Ada");
    assert_says(c->out, "Bob");
}

static void test_people__export_and_import_bring_everybody(void **state)
{
    struct cli *c = *state;
    make_gallery(c, "g.db");
    PEOPLE(c, "export", cli_path(c, "all.jsonl"));
    assert_code(c, 0);
    PEOPLE(c, "delete", "Ada", "Bob");
    assert_code(c, 0);
    PEOPLE(c, "import", cli_path(c, "all.jsonl"));
    assert_code(c, 0);
    assert_says(c->out, "2 people and 6 templates are new");
    cli_write(c, "bad.jsonl", "{}\n", 3);
    PEOPLE(c, "import", cli_path(c, "bad.jsonl"));
    assert_code(c, 3);
    assert_says(c->err, "bad.jsonl' line 1");
    PEOPLE(c, "import", cli_path(c, "none.jsonl"));
    assert_code(c, 3);
}

static void test_people__import_makes_a_gallery_or_none(void **state)
{
    struct cli *c = *state;
    make_gallery(c, "g.db");
    PEOPLE(c, "export", cli_path(c, "all.jsonl"));
    cli_write(c, "bad.jsonl", "{}\n", 3);
    CLI(c, "people", "import", "--gallery", cli_path(c, "new.db"), cli_path(c, "bad.jsonl"));
    assert_code(c, 3);
    CLI(c, "people", "list", "--gallery", cli_path(c, "new.db"));
    assert_code(c, 3);
    CLI(c, "people", "import", "--gallery", cli_path(c, "new.db"), cli_path(c, "all.jsonl"));
    assert_code(c, 0);
    assert_says(c->out, "3 people and 9 templates are new");
}

static void test_gallery__tells_what_it_holds(void **state)
{
    struct cli *c = *state;
    make_gallery(c, "g.db");
    GALLERY(c, "info");
    assert_code(c, 0);
    assert_says(c->out, "seeded (128 numbers");
    assert_says(c->out, "classifier  none\nhead        none");
    GALLERY(c, "info", "--json");
    assert_says(c->out, "\"templates\": 9");
    assert_says(c->out, "\"classifier\": null");
}

static void test_gallery__trains_each_method_and_knows_when_it_is_old(void **state)
{
    struct cli *c = *state;
    static const char *const methods[] = { "knn", "svm", "mlp", "head" };
    make_gallery(c, "g.db");
    for (size_t i = 0; i < 4; i++) {
        GALLERY(c, "train", "--method", methods[i], "--folds", "3");
        assert_code(c, 0);
        assert_says(c->out, "on 9 templates of 3 people");
    }
    GALLERY(c, "train", "--method", "svm", "--json");
    assert_code(c, 0);
    assert_says(c->out, "\"accuracy\":");
    GALLERY(c, "info");
    assert_says(c->out, "classifier  svm\nhead        trained\n");
    PEOPLE(c, "rename", "Bob", "Rob");
    GALLERY(c, "info");
    assert_says(c->out, "older than the people");
}

static void test_gallery__refuses_what_it_cannot_train(void **state)
{
    struct cli *c = *state;
    make_gallery(c, "g.db");
    PEOPLE(c, "delete", "Ada", "Bob");
    GALLERY(c, "train");
    assert_code(c, 3);
    assert_says(c->err, "at least two people");
    GALLERY(c, "train", "--method", "forest");
    assert_code(c, 2);
    GALLERY(c, "train", "--folds", "1");
    assert_code(c, 2);
}

static void test_gallery__damage_and_absence_are_told(void **state)
{
    struct cli *c = *state;
    GALLERY(c, "info");
    assert_code(c, 3);
    assert_says(c->err, "there is no gallery");
    make_gallery(c, "g.db");
    cli_shell(c, "/usr/bin/python3 -c \"d=bytearray(open('g.db','rb').read()); d[len(d)//2:]=bytes(len(d)-len(d)//2); open('g.db','wb').write(d)\"");
    GALLERY(c, "check");
    assert_code(c, 3);
    cli_write(c, "g.db", "no gallery", 10);
    GALLERY(c, "check");
    assert_code(c, 3);
    assert_says(c->err, "it is not a gallery");
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, cli_setup, cli_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_people__export_needs_a_file),
        CASE(test_people__are_listed_and_shown),
        CASE(test_people__are_renamed_merged_and_deleted),
        CASE(test_people__changes_without_sense_are_refused),
        CASE(test_people__export_and_import_bring_everybody),
        CASE(test_people__import_makes_a_gallery_or_none),
        CASE(test_gallery__tells_what_it_holds),
        CASE(test_gallery__trains_each_method_and_knows_when_it_is_old),
        CASE(test_gallery__refuses_what_it_cannot_train),
        CASE(test_gallery__damage_and_absence_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
