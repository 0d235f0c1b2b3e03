/* Counters on trees of files like the kernel's, with a clock turned by hand. */
#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "measure/energy_priv.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hand_ns(void *ctx)
{
    return *(uint64_t *)ctx;
}

struct tree {
    char root[64];
    uint64_t now;
    struct facet_clock clock;
};

static int tree_open(void **state)
{
    struct tree *t = calloc(1, sizeof(*t));
    snprintf(t->root, sizeof(t->root), "/tmp/facet-test-XXXXXX");
    t->clock = (struct facet_clock){.mono_ns = hand_ns, .ctx = &t->now};
    *state = t;
    return mkdtemp(t->root) ? 0 : -1;
}

static int tree_close(void **state)
{
    struct tree *t = *state;
    char cmd[128];
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", t->root);
    int rc = system(cmd);
    free(t);
    return rc;
}

static void put(struct tree *t, const char *dir, const char *name, const char *text)
{
    char path[PATH_MAX], file[PATH_MAX];
    snprintf(path, sizeof(path), "%s%s", t->root, dir);
    assert_int_equal(facet_mkdirs(path), FACET_OK);
    assert_int_equal(facet_path_join(file, sizeof(file), path, name), FACET_OK);
    assert_int_equal(facet_file_write_atomic(file, text, strlen(text)), FACET_OK);
}

static void put_zone(struct tree *t, const char *zone, const char *name, const char *uj)
{
    char dir[128];
    snprintf(dir, sizeof(dir), "/sys/class/powercap/%s", zone);
    put(t, dir, "name", name);
    put(t, dir, "energy_uj", uj);
    put(t, dir, "max_energy_range_uj", "10000000\n");
}

static void put_rail(struct tree *t, int channel, const char *label, const char *mv, const char *ma)
{
    const char *dir = "/sys/class/hwmon/hwmon2";
    char name[32];
    put(t, dir, "name", "ina3221\n");
    snprintf(name, sizeof(name), "in%d_label", channel);
    put(t, dir, name, label);
    snprintf(name, sizeof(name), "in%d_input", channel);
    put(t, dir, name, mv);
    snprintf(name, sizeof(name), "curr%d_input", channel);
    put(t, dir, name, ma);
}

static double joules(struct facet_energy *e)
{
    double j = -1;
    assert_int_equal(facet_energy_read(e, &j), FACET_OK);
    return j;
}

static void test_rapl__packages_and_dram_count_once(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    put_zone(t, "intel-rapl:0", "package-0\n", "1000000\n");
    put_zone(t, "intel-rapl:0:0", "core\n", "0\n");
    put_zone(t, "intel-rapl:0:1", "dram\n", "0\n");
    put_zone(t, "intel-rapl:1", "psys\n", "0\n");
    assert_int_equal(facet__energy_open(&e, t->root, &t->clock), FACET_OK);
    assert_string_equal(facet_energy_source(e), "rapl");
    assert_true(joules(e) == 0);
    put_zone(t, "intel-rapl:0", "package-0\n", "3500000\n");
    put_zone(t, "intel-rapl:0:0", "core\n", "2000000\n");
    put_zone(t, "intel-rapl:0:1", "dram\n", "500000\n");
    put_zone(t, "intel-rapl:1", "psys\n", "9000000\n");
    assert_true(fabs(joules(e) - 3.0) < 1e-9);
    facet_energy_close(&e);
    assert_null(e);
}

static void test_rapl__counter_that_wraps_goes_on(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    put_zone(t, "intel-rapl:0", "package-0\n", "9000000\n");
    assert_int_equal(facet__energy_open(&e, t->root, &t->clock), FACET_OK);
    put_zone(t, "intel-rapl:0", "package-0\n", "500000\n");
    assert_true(fabs(joules(e) - 1.5) < 1e-9);
    facet_energy_close(&e);
}

static void test_ina3221__power_is_added_up_over_time(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    t->now = 5000000000;
    put_rail(t, 1, "CPU\n", "5000\n", "1000\n");
    put_rail(t, 2, "GPU\n", "5000\n", "200\n");
    assert_int_equal(facet__energy_open(&e, t->root, &t->clock), FACET_OK);
    assert_string_equal(facet_energy_source(e), "ina3221");
    t->now += 2000000000;
    assert_true(fabs(joules(e) - 12) < 1e-9);
    put_rail(t, 1, "CPU\n", "5000\n", "2000\n");
    t->now += 1000000000;
    assert_true(fabs(joules(e) - 12 - 8.5) < 1e-9);
    facet_energy_close(&e);
}

static void test_ina3221__input_of_the_board_counts_alone(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    put_rail(t, 1, "CPU\n", "5000\n", "1000\n");
    put_rail(t, 2, "VDD_IN\n", "5000\n", "3000\n");
    put_rail(t, 3, "GPU\n", "5000\n", "1000\n");
    assert_int_equal(facet__energy_open(&e, t->root, &t->clock), FACET_OK);
    t->now += 1000000000;
    assert_true(fabs(joules(e) - 15) < 1e-9);
    facet_energy_close(&e);
}

static void test_energy__none_here_is_said(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e = (void *)1;
    assert_int_equal(facet_energy_open(&e, t->root), FACET_E_UNSUPPORTED);
    assert_null(e);
    assert_non_null(strstr(facet_error_text(), t->root));
    assert_string_equal(facet_energy_source(NULL), "");
}

static void test_energy__nonsense_in_the_tree_is_none(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    put_zone(t, "intel-rapl:0", "package-0\n", "words\n");
    put(t, "/sys/class/hwmon/hwmon0", "name", "coretemp\n");
    put_rail(t, 1, "CPU\n", "\n", "x\n");
    assert_int_equal(facet_energy_open(&e, t->root), FACET_E_UNSUPPORTED);
}

static void test_energy__counter_that_goes_away_is_a_failure(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    double j;
    put_zone(t, "intel-rapl:0", "package-0\n", "1\n");
    assert_int_equal(facet_energy_open(&e, t->root), FACET_OK);
    put_zone(t, "intel-rapl:0", "package-0\n", "");
    assert_int_equal(facet_energy_read(e, &j), FACET_E_FORMAT);
    facet_energy_close(&e);
}

#define BAT "/sys/class/power_supply/BAT0"

static void test_battery__counts_while_it_is_emptied(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    double j;
    put(t, "/sys/class/power_supply/AC", "type", "Mains\n");
    put(t, BAT, "type", "Battery\n");
    put(t, BAT, "status", "Discharging\n");
    put(t, BAT, "power_now", "12000000\n");
    assert_int_equal(facet__energy_open(&e, t->root, &t->clock), FACET_OK);
    assert_string_equal(facet_energy_source(e), "battery");
    t->now += 2000000000;
    assert_true(fabs(joules(e) - 24) < 1e-9);
    put(t, BAT, "status", "Charging\n");
    assert_int_equal(facet_energy_read(e, &j), FACET_E_UNSUPPORTED);
    facet_energy_close(&e);
}

static void test_battery__volts_and_amperes_do_without_watts(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    put(t, BAT, "type", "Battery\n");
    put(t, BAT, "status", "Discharging\n");
    put(t, BAT, "voltage_now", "10000000\n");
    put(t, BAT, "current_now", "1500000\n");
    assert_int_equal(facet__energy_open(&e, t->root, &t->clock), FACET_OK);
    t->now += 1000000000;
    assert_true(fabs(joules(e) - 15) < 1e-9);
    facet_energy_close(&e);
}

static void test_battery__one_that_is_full_tells_nothing(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    put(t, BAT, "type", "Battery\n");
    put(t, BAT, "status", "Full\n");
    put(t, BAT, "power_now", "0\n");
    assert_int_equal(facet__energy_open(&e, t->root, &t->clock), FACET_E_UNSUPPORTED);
}

static void put_library(struct tree *t)
{
    char cmd[PATH_MAX];
    snprintf(cmd, sizeof(cmd), "cp '%s/tests/unit/measure/libnvidia-ml.so.1' '%s/'", getenv("FACET_TEST_BUILD"), t->root);
    assert_int_equal(system(cmd), 0);
}

static void test_nvml__cards_that_count_and_cards_that_tell_watts(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    put_library(t); /* nvml_fake.c: card 0 counts 2 J a reading, card 1 draws 100 W */
    assert_int_equal(facet__energy_open(&e, t->root, &t->clock), FACET_OK);
    assert_string_equal(facet_energy_source(e), "nvml");
    t->now += 1000000000;
    assert_true(fabs(joules(e) - 102) < 1e-9);
    facet_energy_close(&e);
}

static void test_nvml__a_library_without_cards_is_none(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    put_library(t);
    setenv("NVML_FAKE_CARDS", "0", 1);
    assert_int_equal(facet__energy_open(&e, t->root, &t->clock), FACET_E_UNSUPPORTED);
    unsetenv("NVML_FAKE_CARDS");
}

static void put_stat(struct tree *t, const char *text)
{
    put(t, "/proc", "stat", text);
}

static void test_model__busy_time_costs_watts(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    const struct facet_power_model m = {.idle_watts = 5, .core_watts = 10};
    put_stat(t, "cpu  100 0 100 5000 30 0 0 9 0 0\ncpu0 1 2 3\n");
    assert_int_equal(facet__energy_open_model(&e, t->root, &m, &t->clock), FACET_OK);
    assert_string_equal(facet_energy_source(e), "model");
    put_stat(t, "cpu  250 0 140 6000 90 0 10 99 0 0\n"); /* 200 ticks of 10 ms */
    t->now += 3000000000;
    assert_true(fabs(joules(e) - (2 * 10 + 3 * 5)) < 1e-9);
    facet_energy_close(&e);
}

static void test_model__refuses_what_it_cannot_work_with(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    const struct facet_power_model none = {0}, negative = {.idle_watts = -1}, good = {.core_watts = 1};
    assert_int_equal(facet__energy_open_model(&e, t->root, &none, &t->clock), FACET_E_UNSUPPORTED);
    assert_int_equal(facet__energy_open_model(&e, t->root, &negative, &t->clock), FACET_E_INVALID);
    assert_int_equal(facet__energy_open_model(&e, t->root, &good, &t->clock), FACET_E_NOT_FOUND);
    put_stat(t, "intr 1 2 3\n");
    assert_int_equal(facet__energy_open_model(&e, t->root, &good, &t->clock), FACET_E_FORMAT);
    put_stat(t, "cpu  1 2 3\n");
    assert_int_equal(facet__energy_open_model(&e, t->root, &good, &t->clock), FACET_E_FORMAT);
}

static void test_energy__a_counter_wins_over_the_model(void **state)
{
    struct tree *t = *state;
    struct facet_energy *e;
    const struct facet_power_model m = {.core_watts = 1};
    put_stat(t, "cpu  1 2 3 4 5 6 7\n");
    assert_int_equal(facet_energy_open_or_model(&e, t->root, NULL), FACET_E_UNSUPPORTED);
    assert_int_equal(facet_energy_open_or_model(&e, t->root, &m), FACET_OK);
    assert_string_equal(facet_energy_source(e), "model");
    facet_energy_close(&e);
    put_zone(t, "intel-rapl:0", "package-0\n", "1\n");
    assert_int_equal(facet_energy_open_or_model(&e, t->root, &m), FACET_OK);
    assert_string_equal(facet_energy_source(e), "rapl");
    facet_energy_close(&e);
}

static void test_energy__each_reader_says_what_it_is(void **state)
{
    struct tree *t = *state;
    struct facet_energy_reader r[FACET_ENERGY_READERS];
    const struct facet_power_model m = {.core_watts = 1};
    put_stat(t, "cpu  1 2 3 4 5 6 7\n");
    put_zone(t, "intel-rapl:0", "package-0\n", "1\n");
    assert_int_equal(facet_energy_readers(r, t->root, &m), 5);
    assert_string_equal(r[0].name, "rapl");
    assert_int_equal(r[0].state, FACET_ENERGY_REAL);
    assert_string_equal(r[0].why, "");
    for (int i = 1; i < 4; i++) {
        assert_int_equal(r[i].state, FACET_ENERGY_ABSENT);
        assert_true(r[i].why[0] != '\0');
    }
    assert_string_equal(r[4].name, "model");
    assert_int_equal(r[4].state, FACET_ENERGY_ESTIMATED);
}

#define IN_TREE(t) cmocka_unit_test_setup_teardown(t, tree_open, tree_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TREE(test_rapl__packages_and_dram_count_once),
        IN_TREE(test_rapl__counter_that_wraps_goes_on),
        IN_TREE(test_ina3221__power_is_added_up_over_time),
        IN_TREE(test_ina3221__input_of_the_board_counts_alone),
        IN_TREE(test_battery__counts_while_it_is_emptied),
        IN_TREE(test_battery__volts_and_amperes_do_without_watts),
        IN_TREE(test_battery__one_that_is_full_tells_nothing),
        IN_TREE(test_nvml__cards_that_count_and_cards_that_tell_watts),
        IN_TREE(test_nvml__a_library_without_cards_is_none),
        IN_TREE(test_model__busy_time_costs_watts),
        IN_TREE(test_model__refuses_what_it_cannot_work_with),
        IN_TREE(test_energy__a_counter_wins_over_the_model),
        IN_TREE(test_energy__each_reader_says_what_it_is),
        IN_TREE(test_energy__none_here_is_said),
        IN_TREE(test_energy__nonsense_in_the_tree_is_none),
        IN_TREE(test_energy__counter_that_goes_away_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
