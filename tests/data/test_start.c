/* Starting on real weights and a face: with plan files, without, and with damaged ones, to the same bits. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *picture(void)
{
    return cli_data("gallery-hamilton/alex-lacamoire/2.jpg");
}

static const char *clip(void)
{
    return cli_data("video/one_person_desk_1080p.mp4");
}

static char *embed(struct cli *c, const char *model)
{
    CLI(c, "embed", "--json", "--largest", "--threads", "1", "--recogniser", model, picture());
    assert_code(c, 0);
    assert_says(c->out, "\"embedding\": [");
    return strdup(c->out);
}

static void assert_same(struct cli *c, const char *model, const char *want)
{
    char *got = embed(c, model);
    assert_string_equal(got, want);
    free(got);
}

static void test_start__embeddings_are_the_same_bits_however_it_starts(void **state)
{
    struct cli *c = *state;
    static const char *const models[] = {"facenet-20180402", "mobilefacenet-photo-analyze"};
    cli_need_model(c, "mtcnn");
    for (int i = 0; i < 2; i++) {
        cli_need_model(c, models[i]);
        char *first = embed(c, models[i]);
        cli_shell(c, "ls $FACET_CACHE/packed/*.plan | wc -l");
        assert_string_equal(c->out, "4\n");
        assert_same(c, models[i], first);
        cli_shell(c, "for f in $FACET_CACHE/packed/*.plan; do printf x | dd of=$f bs=1 seek=3000 conv=notrunc 2>/dev/null; done");
        assert_same(c, models[i], first);
        cli_shell(c, "for f in $FACET_CACHE/packed/*.pack; do printf xxxx | dd of=$f bs=1 seek=20000 conv=notrunc 2>/dev/null; done");
        assert_same(c, models[i], first);
        cli_shell(c, "for f in $FACET_CACHE/packed/*; do : > $f; done");
        assert_same(c, models[i], first);
        cli_shell(c, "cd $FACET_CACHE/packed && set -- *.plan && cp $1 x && for f in *.plan; do cp x $f; done");
        assert_same(c, models[i], first);
        cli_shell(c, "rm -r $FACET_CACHE/packed && : > $FACET_CACHE/packed"); /* no folder, and none can be made */
        assert_same(c, models[i], first);
        cli_shell(c, "rm $FACET_CACHE/packed");
        free(first);
    }
}

static void test_start__bench_tells_time_and_memory(void **state)
{
    struct cli *c = *state;
    cli_need_model(c, "mtcnn");
    cli_need_model(c, "mobilefacenet-photo-analyze");
    CLI(c, "bench", "start", "--json", "--rounds", "3", "--recogniser", "mobilefacenet-photo-analyze", picture());
    assert_code(c, 0);
    assert_says(c->out, "recogniser open");
    CLI(c, "bench", "start", "--rounds", "3", "--recogniser", "mobilefacenet-photo-analyze", cli_path(c, "none.jpg"));
    assert_code(c, 3);
    assert_says(c->err, "none.jpg");
    CLI(c, "bench", "start");
    assert_code(c, 2);
}

/* Once without pictures for speed alone would be the same path: with faces, and without writing. */
static void test_tune__measures_tells_and_writes_what_others_read(void **state)
{
    struct cli *c = *state;
    cli_need_model(c, "mtcnn");
    cli_need_model(c, "mobilefacenet-photo-analyze");
    CLI(c, "tune", "--dry-run", "--recogniser", "mobilefacenet-photo-analyze", picture());
    assert_code(c, 0);
    assert_says(c->out, "before and after");
    cli_shell(c, "test ! -e tune.yaml");
    assert_code(c, 0);
    CLI(c, "tune", "--json", "--recogniser", "mobilefacenet-photo-analyze", picture(), clip());
    assert_code(c, 0);
    assert_says(c->out, "found again %");
    assert_says(c->out, "\"detector_threads\": ");
    cli_shell(c, "grep -c '^tuning: 1$' tune.yaml");
    assert_string_equal(c->out, "1\n");
    CLI(c, "embed", "--recogniser", "mobilefacenet-photo-analyze", picture());
    assert_code(c, 0);
    assert_string_equal(c->err, "");
    cli_shell(c, "sed -i 's/^cpus: .*/cpus: 4095/' tune.yaml");
    CLI(c, "embed", "--recogniser", "mobilefacenet-photo-analyze", picture());
    assert_code(c, 0);
    assert_says(c->err, "another number of processors");
    cli_shell(c, "echo 'batch: lots' >> tune.yaml");
    CLI(c, "embed", "--recogniser", "mobilefacenet-photo-analyze", picture());
    assert_code(c, 3);
    assert_says(c->err, "remove it, or run facet tune");
    CLI(c, "run", picture());
    assert_code(c, 3);
    assert_says(c->err, "remove it, or run facet tune");
}

static void test_tune__refuses_pictures_without_faces_and_models_of_another_task(void **state)
{
    struct cli *c = *state;
    cli_need_model(c, "mtcnn");
    cli_need_model(c, "mobilefacenet-photo-analyze");
    cli_write(c, "grey.pgm", "P5 64 64 255\n", 13);
    cli_shell(c, "head -c 4096 /dev/zero >> grey.pgm");
    CLI(c, "tune", "--recogniser", "mobilefacenet-photo-analyze", cli_path(c, "grey.pgm"));
    assert_code(c, 3);
    assert_says(c->err, "there is no face in");
    CLI(c, "tune", "--recogniser", "mtcnn");
    assert_code(c, 3);
    CLI(c, "tune", "--recogniser", "nobody");
    assert_code(c, 3);
    cli_shell(c, "test ! -e tune.yaml");
    assert_code(c, 0);
}

static void test_start__pictures_without_faces_are_told(void **state)
{
    struct cli *c = *state;
    cli_need_model(c, "mtcnn");
    cli_need_model(c, "mobilefacenet-photo-analyze");
    cli_write(c, "grey.pgm", "P5 64 64 255\n", 13);
    cli_shell(c, "head -c 4096 /dev/zero >> grey.pgm");
    CLI(c, "embed", "--recogniser", "mobilefacenet-photo-analyze", cli_path(c, "grey.pgm"));
    assert_code(c, 1);
    assert_says(c->err, "no face");
    CLI(c, "embed", "--recogniser", "mobilefacenet-photo-analyze", cli_path(c, "none.jpg"));
    assert_code(c, 3);
    CLI(c, "embed", "--recogniser", "mtcnn", picture());
    assert_code(c, 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, cli_setup, cli_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_start__embeddings_are_the_same_bits_however_it_starts),
        TEST(test_start__bench_tells_time_and_memory),
        TEST(test_start__pictures_without_faces_are_told),
        TEST(test_tune__measures_tells_and_writes_what_others_read),
        TEST(test_tune__refuses_pictures_without_faces_and_models_of_another_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
