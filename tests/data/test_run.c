/* facet run on real weights and faces: the demo's clip, pictures, interruption. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need_models(struct cli *c)
{
    cli_need_model(c, "mtcnn");
    cli_need_model(c, "facenet-20180402");
}

static void enrol_two(struct cli *c)
{
    need_models(c);
    CLI(c, "enroll", "--gallery", cli_path(c, "g.db"), "Lin-Manuel Miranda",
        cli_data("gallery-hamilton/lin-manuel-miranda/1.png"));
    assert_code(c, 0);
    CLI(c, "enroll", "--gallery", cli_path(c, "g.db"), "Alex Lacamoire", cli_data("gallery-hamilton/alex-lacamoire/1.png"),
        cli_data("gallery-hamilton/alex-lacamoire/2.jpg"));
    assert_code(c, 0);
}

/* The clip shows the two enrolled people and others. Who is named must be one of the two, both must
 * be, and someone must stay unknown. */
static void test_run__names_the_two_people_of_the_clip_and_no_stranger(void **state)
{
    struct cli *c = *state;
    enrol_two(c);
    CLI(c, "run", "--json", "--gallery", cli_path(c, "g.db"), "--events", cli_path(c, "events.jsonl"), "--csv",
        cli_path(c, "frames.csv"), "--video", cli_path(c, "seen.mp4"), cli_data("video/short_hamilton_clip.mp4"));
    assert_code(c, 0);
    assert_says(c->out, "\"frames\": 275");
    cli_shell(c, "/usr/bin/python3 - <<'END'\n"
                 "import json\n"
                 "events = [json.loads(line) for line in open('events.jsonl')]\n"
                 "def names(x):\n"
                 "    if isinstance(x, dict):\n"
                 "        for k, v in x.items():\n"
                 "            if k in ('name', 'person') and isinstance(v, str) and v: yield v\n"
                 "            else: yield from names(v)\n"
                 "    elif isinstance(x, list):\n"
                 "        for v in x: yield from names(v)\n"
                 "seen = {n for e in events for n in names(e)}\n"
                 "print(sorted(seen - {'unknown'}), len(events))\n"
                 "END");
    assert_code(c, 0);
    assert_says(c->out, "['Alex Lacamoire', 'Lin-Manuel Miranda']");
    cli_shell(c, "grep -c unknown events.jsonl");
    assert_code(c, 0);
    cli_shell(c, "grep -vc '^#' frames.csv");
    assert_string_equal(c->out, "276\n"); /* heading and 275 frames */
}

static void test_run__two_runs_answer_the_same(void **state)
{
    struct cli *c = *state;
    enrol_two(c);
    for (int i = 0; i < 2; i++) {
        char events[32];
        snprintf(events, sizeof(events), "events%d.jsonl", i);
        CLI(c, "run", "--quiet", "--run", "same", "--gallery", cli_path(c, "g.db"), "--max-frames", "120", "--threads", i ? "1" : "2",
            "--events", cli_path(c, events), cli_data("video/short_hamilton_clip.mp4"));
        assert_code(c, 0);
    }
    cli_shell(c, "/usr/bin/python3 - <<'END'\n"
                 "import json\n"
                 "def plain(p):\n"
                 "    return [(e.get('type'), e.get('track'), e.get('frame'), e.get('name')) for e in map(json.loads, open(p))]\n"
                 "a, b = plain('events0.jsonl'), plain('events1.jsonl')\n"
                 "assert a and a == b, (a, b)\n"
                 "END");
    assert_code(c, 0);
}

static void test_run__interrupted_run_finishes_its_files(void **state)
{
    struct cli *c = *state;
    char line[2048];
    need_models(c);
    snprintf(line, sizeof(line),
             "{ \"$FACET\" run --csv - --video seen.mp4 '%s' 2>err & echo $! >pid; wait $!; echo $? >code; } | "
             "{ n=0; while [ $n -lt 12 ] && read -r row; do echo \"$row\"; n=$((n+1)); done; kill -INT $(cat pid); cat; } >rows; "
             "cat code err; tail -n 1 rows", cli_data("video/timesler_multi_1080p.mp4"));
    cli_shell(c, line);
    assert_says(c->out, "130\n");
    assert_says(c->out, "interrupted: what was begun is finished");
    cli_shell(c, "awk -F, '!/^#/ { print NF }' rows | sort -u | wc -l");
    assert_string_equal(c->out, "1\n"); /* no row is cut */
    CLI(c, "run", "--json", "--every", "10", cli_path(c, "seen.mp4"));
    assert_code(c, 0);
}

static void test_run__nobody_is_known_without_a_gallery(void **state)
{
    struct cli *c = *state;
    need_models(c);
    CLI(c, "run", cli_data("group/t1.jpg"));
    assert_code(c, 0);
    assert_says(c->err, "no gallery: everyone is unknown");
    assert_says(c->out, "nobody was recognised");
}

static void test_run__picture_without_a_face(void **state)
{
    struct cli *c = *state;
    need_models(c);
    CLI(c, "run", "--json", cli_data("group/no-faces.jpg"));
    assert_code(c, 0);
    assert_says(c->out, "\"frames\": 1");
    assert_says(c->out, "\"faces\": 0");
}

static void test_run__broken_source_ends_the_run_or_is_counted(void **state)
{
    struct cli *c = *state;
    need_models(c);
    cli_write(c, "broken.jpg", "\xff\xd8\xff\xe0 no picture", 16);
    CLI(c, "run", cli_path(c, "broken.jpg"), cli_data("group/t1.jpg"));
    assert_code(c, 3);
    assert_says(c->err, "broken.jpg");
    CLI(c, "run", "--json", "--keep-going", cli_path(c, "broken.jpg"), cli_data("group/t1.jpg"));
    assert_code(c, 3);
    assert_says(c->out, "\"failed_sources\": 1");
    assert_says(c->out, "\"frames\": 1");
}

static void test_run__missing_source_is_refused(void **state)
{
    struct cli *c = *state;
    need_models(c);
    CLI(c, "run", cli_path(c, "none.mp4"));
    assert_code(c, 3);
    assert_says(c->err, "none.mp4");
}

static void test_run__list_on_standard_input(void **state)
{
    struct cli *c = *state;
    char list[2100];
    need_models(c);
    snprintf(list, sizeof(list), "%s\n%s\n", cli_data("group/t1.jpg"), cli_data("group/no-faces.jpg"));
    cli_run_input(c, (const char *const[]){ "run", "--json", "-", NULL }, list);
    assert_code(c, 0);
    assert_says(c->out, "\"frames\": 2");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, cli_setup, cli_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_run__names_the_two_people_of_the_clip_and_no_stranger),
        CASE(test_run__two_runs_answer_the_same),
        CASE(test_run__interrupted_run_finishes_its_files),
        CASE(test_run__nobody_is_known_without_a_gallery),
        CASE(test_run__picture_without_a_face),
        CASE(test_run__broken_source_ends_the_run_or_is_counted),
        CASE(test_run__missing_source_is_refused),
        CASE(test_run__list_on_standard_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
