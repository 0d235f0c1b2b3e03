/* What `meson install` leaves, and that a stranger can build against it with pkg-config alone. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One installation for all cases. */
static int install(void **state)
{
    if (cli_setup(state))
        return -1;
    struct cli *c = *state;
    cli_shell(c, "meson install -C \"$FACET_TEST_BUILD\" --no-rebuild --quiet --destdir \"$PWD/root\" && "
                 "find root -name facet.pc -printf '%h\\n' > pcdir");
    if (c->code)
        print_error("cannot install: %s%s\n", c->out, c->err);
    return c->code;
}

static void has(struct cli *c, const char *glob)
{
    char line[256];
    snprintf(line, sizeof(line), "find root -path 'root/*%s' | grep -q .", glob);
    cli_shell(c, line);
    if (c->code)
        fail_msg("not installed: %s", glob);
}

static void test_install__program_library_headers_pages(void **state)
{
    struct cli *c = *state;
    static const char *const wanted[] = {
        "/bin/facet", "/libfacet.so", "/libfacet.so.0", "/libfacet.so.0.1.0", "/pkgconfig/facet.pc",
        "/include/facet/facet.h", "/include/facet/error.h", "/include/facet/session.h",
        "/share/facet/manifest.yaml", "/man/man1/facet.1", "/man/man1/facet-run.1",
        "/bash-completion/completions/facet",
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        has(c, wanted[i]);
}

static void test_install__each_command_has_its_page(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "\"$FACET\" --help | sed -n 's/^  \\([a-z]*\\) .*/\\1/p' | while read n; do "
                 "find root -name \"facet-$n.1\" | grep -q . || echo \"no page: $n\"; done");
    assert_string_equal(c->out, "");
}

static void test_install__nothing_private(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "find root \\( -name '*.a' -o -path '*/include/*' ! -path '*/include/facet*' \\) -type f");
    assert_string_equal(c->out, "");
}

static void test_library__has_a_soname_and_exports_its_own_names_only(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "readelf -d $(find root -name libfacet.so)");
    assert_says(c->out, "soname: [libfacet.so.0]");
    cli_shell(c, "nm -D --defined-only $(find root -name libfacet.so) | awk '$2 != \"A\" { sub(/@.*/, \"\", $3); print $3 }' | "
                 "grep -vE '^facet_(version|error_name|error_text|(photo|session|people|stream)_[a-z_]+)$'");
    assert_string_equal(c->out, "");
}

static void test_library__every_declared_function_is_exported(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "nm -D --defined-only $(find root -name libfacet.so) > have; "
                 "sed -n 's/^FACET_API .*[ *]\\(facet_[a-z_]*\\)(.*/\\1/p' $(find root -path '*/include/facet/*.h') | "
                 "while read n; do grep -q \" $n@\\| $n$\" have || echo \"$n\"; done");
    assert_string_equal(c->out, "");
}

static void test_program__links_few_libraries(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "ldd \"$FACET\" | wc -l");
    assert_code(c, 0);
    int n = (int)strtol(c->out, NULL, 10);
    if (n < 2 || n > 25)
        fail_msg("facet links %d libraries, at most 25 are allowed", n);
    cli_shell(c, "ldd \"$FACET\" | grep -E 'libav|libcurl|libsw'");
    assert_string_equal(c->out, "");
}

static void test_examples__build_with_pkg_config_alone(void **state)
{
    struct cli *c = *state;
    static const char *const names[] = { "detect", "verify", "gallery" };
    for (size_t i = 0; i < 3; i++) {
        char line[1024];
        snprintf(line, sizeof(line),
                 "export PKG_CONFIG_LIBDIR=\"$PWD/$(cat pcdir)\" PKG_CONFIG_SYSROOT_DIR=\"$PWD/root\"; "
                 "case $FACET_TEST_SANITIZE in none | '') ;; *) set -- -fsanitize=$FACET_TEST_SANITIZE ;; esac; "
                 "cc -std=c11 -Wall -Wextra -Werror \"$@\" -o %s \"$FACET_TEST_SOURCE/examples/%s.c\" "
                 "$(pkg-config --cflags --libs facet)", names[i], names[i]);
        cli_shell(c, line);
        assert_code(c, 0);
    }
}

static void example(struct cli *c, const char *words)
{
    char line[3000];
    snprintf(line, sizeof(line), "export LD_LIBRARY_PATH=\"$PWD/$(dirname $(cat pcdir))\"; ./%s", words);
    cli_shell(c, line);
}

static void test_examples__refuse_without_models(void **state)
{
    struct cli *c = *state;
    example(c, "detect");
    assert_code(c, 2);
    cli_shell(c, "export FACET_MODELS=$PWD/none LD_LIBRARY_PATH=\"$PWD/$(dirname $(cat pcdir))\"; ./detect x.jpg");
    assert_code(c, 3);
    assert_says(c->err, "facet models pull");
}

static void test_examples__answer(void **state)
{
    struct cli *c = *state;
    char line[2048];
    cli_need_model(c, "mtcnn");
    cli_need_model(c, "facenet-20180402");
    snprintf(line, sizeof(line), "detect '%s'", cli_data("group/t1.jpg"));
    example(c, line);
    assert_code(c, 0);
    assert_says(c->out, "score 0.99");
    snprintf(line, sizeof(line), "detect '%s'", cli_data("group/no-faces.jpg"));
    example(c, line);
    assert_code(c, 1);
    snprintf(line, sizeof(line), "verify '%s' '%s'", cli_data("lfw/images/Aaron_Sorkin_0001.jpg"),
             cli_data("lfw/images/Aaron_Sorkin_0002.jpg"));
    example(c, line);
    assert_code(c, 0);
    assert_says(c->out, "same ");
    snprintf(line, sizeof(line), "verify '%s' '%s'", cli_data("lfw/images/Aaron_Sorkin_0001.jpg"),
             cli_data("lfw/images/Abdullah_0001.jpg"));
    example(c, line);
    assert_code(c, 1);
    assert_says(c->out, "different ");
    snprintf(line, sizeof(line), "gallery sorkin='%s' '%s' '%s'", cli_data("lfw/images/Aaron_Sorkin_0001.jpg"),
             cli_data("lfw/images/Aaron_Sorkin_0002.jpg"), cli_data("lfw/images/Abdullah_0001.jpg"));
    example(c, line);
    assert_code(c, 0);
    assert_says(c->out, "Aaron_Sorkin_0002.jpg: sorkin");
    assert_says(c->out, "Abdullah_0001.jpg: unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_install__program_library_headers_pages),
        cmocka_unit_test(test_install__each_command_has_its_page),
        cmocka_unit_test(test_install__nothing_private),
        cmocka_unit_test(test_library__has_a_soname_and_exports_its_own_names_only),
        cmocka_unit_test(test_library__every_declared_function_is_exported),
        cmocka_unit_test(test_program__links_few_libraries),
        cmocka_unit_test(test_examples__build_with_pkg_config_alone),
        cmocka_unit_test(test_examples__refuse_without_models),
        cmocka_unit_test(test_examples__answer),
    };
    return cmocka_run_group_tests(tests, install, cli_teardown);
}
