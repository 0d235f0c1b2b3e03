#include "test.h"

#include "base/cpu.h"
#include "base/cpu_priv.h"
#include "base/file.h"
#include "base/pool.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t everything =
    FACET_CPU_AVX2 | FACET_CPU_AVX512 | FACET_CPU_AVX512_VNNI | FACET_CPU_AVX512_BF16;

static void test_cpu__lowered_by_name(void **state)
{
    const char *why;
    assert_int_equal(facet__cpu_lower(everything, NULL, &why), everything);
    assert_int_equal(facet__cpu_lower(everything, "", &why), everything);
    assert_int_equal(facet__cpu_lower(everything, "avx512", &why), everything);
    assert_int_equal(facet__cpu_lower(everything, "avx2", &why), FACET_CPU_AVX2);
    assert_int_equal(facet__cpu_lower(everything, "c", &why), 0);
    assert_int_equal(facet__cpu_lower(FACET_CPU_NEON, "neon", &why), FACET_CPU_NEON);
    assert_null(why);
}

static void test_cpu__what_is_lacking_or_unknown_is_ignored_and_said(void **state)
{
    const char *why;
    assert_int_equal(facet__cpu_lower(FACET_CPU_AVX2, "avx512", &why), FACET_CPU_AVX2);
    assert_non_null(strstr(why, "lacks"));
    assert_int_equal(facet__cpu_lower(everything, "sse", &why), everything);
    assert_non_null(strstr(why, "none of"));
    assert_int_equal(facet__cpu_lower(everything, "neon", &why), everything);
    assert_non_null(why);
}

static void test_cpu__environment_is_obeyed(void **state)
{
    setenv("FACET_CPU", "c", 1);
    assert_int_equal(facet_cpu_flags(NULL), 0);
    unsetenv("FACET_CPU");
    assert_int_equal(facet_cpu_flags(NULL), facet__cpu_detect());
}

static void test_cpu__kind_and_model_have_names(void **state)
{
    char model[128], tiny[2];
    assert_string_equal(facet_cpu_kind(everything), "avx512");
    assert_string_equal(facet_cpu_kind(FACET_CPU_AVX2), "avx2");
    assert_string_equal(facet_cpu_kind(FACET_CPU_NEON), "neon");
    assert_string_equal(facet_cpu_kind(0), "c");
    facet_cpu_model(model, sizeof(model));
    assert_true(strlen(model) > 0);
    facet_cpu_model(tiny, sizeof(tiny));
    assert_int_equal(strlen(tiny), 1);
}

/* A tree like the parts of /proc and /sys that are read. */
static void make_tree(char root[64], const char *const (*files)[2])
{
    char path[PATH_MAX], dir[PATH_MAX];
    snprintf(root, 64, "%s", "/tmp/facet-test-XXXXXX");
    assert_non_null(mkdtemp(root));
    for (; (*files)[0]; files++) {
        assert_int_equal(facet_path_join(path, sizeof(path), root, (*files)[0]), 0);
        snprintf(dir, sizeof(dir), "%s", path);
        *strrchr(dir, '/') = '\0';
        assert_int_equal(facet_mkdirs(dir), 0);
        assert_int_equal(facet_file_write_atomic(path, (*files)[1], strlen((*files)[1])), 0);
    }
}

static unsigned cpus_of(const char *const (*files)[2])
{
    char root[64], cmd[128];
    make_tree(root, files);
    unsigned n = facet__cgroup_cpus(root);
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
    assert_int_equal(system(cmd), 0);
    return n;
}

static void test_cgroup__version_2_least_of_the_ancestors(void **state)
{
    static const char *const files[][2] = {
        {"proc/self/cgroup", "0::/a/b\n"},
        {"sys/fs/cgroup/a/b/cpu.max", "max 100000\n"},
        {"sys/fs/cgroup/a/cpu.max", "150000 100000\n"},
        {"sys/fs/cgroup/cpu.max", "400000 100000\n"},
        {NULL, NULL},
    };
    assert_int_equal(cpus_of(files), 2);
}

static void test_cgroup__version_1_quota(void **state)
{
    static const char *const files[][2] = {
        {"proc/self/cgroup", "5:memory:/x\n4:cpuset:/x\n3:cpuacct,cpu:/x\n"},
        {"sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "300000\n"},
        {"sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"},
        {NULL, NULL},
    };
    assert_int_equal(cpus_of(files), 3);
}

static void test_cgroup__unreadable_or_odd_means_no_limit(void **state)
{
    static const char *const odd[][2] = {
        {"proc/self/cgroup", "no colon\n0:\n0::/gone\n7:cpuset:/x\n"},
        {"sys/fs/cgroup/cpu.max", "many few\n"},
        {NULL, NULL},
    };
    static const char *const zero[][2] = {
        {"proc/self/cgroup", "0::/\n"},
        {"sys/fs/cgroup/cpu.max", "100000 0\n"},
        {NULL, NULL},
    };
    assert_int_equal(facet__cgroup_cpus("/nowhere"), 0);
    assert_int_equal(cpus_of(odd), 0);
    assert_int_equal(cpus_of(zero), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu__lowered_by_name),
        cmocka_unit_test(test_cpu__what_is_lacking_or_unknown_is_ignored_and_said),
        cmocka_unit_test(test_cpu__environment_is_obeyed),
        cmocka_unit_test(test_cpu__kind_and_model_have_names),
        cmocka_unit_test(test_cgroup__version_2_least_of_the_ancestors),
        cmocka_unit_test(test_cgroup__version_1_quota),
        cmocka_unit_test(test_cgroup__unreadable_or_odd_means_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
