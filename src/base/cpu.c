#include "base/cpu.h"

#include "base/cpu_priv.h"
#include "base/pool.h"

#include <ctype.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define CPU_ALL_AVX512 (FACET_CPU_AVX512 | FACET_CPU_AVX512_VNNI | FACET_CPU_AVX512_BF16)

static const struct cpu_kind {
    const char *name;
    uint32_t needs, keeps;
} cpu_kinds[] = {
    {"c", 0, 0},
    {"avx2", FACET_CPU_AVX2, FACET_CPU_AVX2},
    {"avx512", FACET_CPU_AVX512, FACET_CPU_AVX2 | CPU_ALL_AVX512},
    {"neon", FACET_CPU_NEON, FACET_CPU_NEON},
};

uint32_t facet__cpu_lower(uint32_t have, const char *value, const char **why)
{
    *why = NULL;
    if (!value || !value[0])
        return have;
    for (size_t i = 0; i < sizeof(cpu_kinds) / sizeof(cpu_kinds[0]); i++) {
        const struct cpu_kind *k = &cpu_kinds[i];
        if (strcmp(value, k->name) != 0)
            continue;
        if ((have & k->needs) == k->needs)
            return have & k->keeps;
        *why = "FACET_CPU asks for a kind that this processor lacks, so it is ignored";
        return have;
    }
    *why = "FACET_CPU is none of c, avx2, avx512, neon, so it is ignored";
    return have;
}

/* CPUID takes tens of microseconds in a virtual machine. The answer never changes, so threads that
 * find it at the same time store the same. */
static uint32_t detect_once(void)
{
    static atomic_uint cached; /* flags + 1 */
    uint32_t seen = atomic_load_explicit(&cached, memory_order_relaxed);
    if (!seen) {
        seen = facet__cpu_detect() + 1;
        atomic_store_explicit(&cached, seen, memory_order_relaxed);
    }
    return seen - 1;
}

uint32_t facet_cpu_flags(const char **why)
{
    const char *ignored;
    return facet__cpu_lower(detect_once(), getenv("FACET_CPU"), why ? why : &ignored);
}

const char *facet_cpu_kind(uint32_t flags)
{
    if (flags & FACET_CPU_AVX512)
        return "avx512";
    if (flags & FACET_CPU_AVX2)
        return "avx2";
    return flags & FACET_CPU_NEON ? "neon" : "c";
}

static void copy_trimmed(char *out, unsigned cap, const char *text)
{
    text += strspn(text, " \t:");
    unsigned len = (unsigned)strcspn(text, "\n");
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    len = len < cap - 1 ? len : cap - 1;
    memcpy(out, text, len);
    out[len] = '\0';
}

void facet_cpu_model(char *out, unsigned cap)
{
    static const char *const keys[] = {"model name", "Model", "Hardware"};
    char line[512];
    struct utsname u;
    if (cap == 0)
        return;
    out[0] = '\0';
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f && !out[0] && fgets(line, sizeof(line), f)) {
        for (size_t i = 0; i < 3 && !out[0]; i++) {
            size_t len = strlen(keys[i]);
            if (strncmp(line, keys[i], len) == 0 && strchr(" \t:", line[len]))
                copy_trimmed(out, cap, line + len);
        }
    }
    if (f)
        fclose(f);
    if (!out[0])
        copy_trimmed(out, cap, uname(&u) == 0 ? u.machine : "unknown");
}

static unsigned affinity_count(void)
{
    for (int cpus = 1024; cpus <= 1 << 16; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        if (!set)
            return 1;
        size_t size = CPU_ALLOC_SIZE((size_t)cpus);
        int n = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (n > 0)
            return (unsigned)n;
    }
    return 1;
}

unsigned facet_cpu_count(void)
{
    unsigned n = affinity_count(), quota = facet__cgroup_cpus("");
    return quota && quota < n ? quota : n;
}
