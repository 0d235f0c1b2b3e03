/* facet bench engine: how fast the networks run here, beside the rivals that are here. */
#include "base/errors.h"
#include "bench/bench_engine.h"
#include "cli/bench.h"
#include "cli/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_WORDS 64

/* The words that this process was started with; `text` holds them. */
static int own_words(char *text, size_t cap, char **words)
{
    FILE *f = fopen("/proc/self/cmdline", "rb");
    size_t len = f ? fread(text, 1, cap - 1, f) : 0;
    int n = 0;
    if (f)
        fclose(f);
    text[len] = '\0';
    for (char *at = text; at < text + len && n < MAX_WORDS; at += strlen(at) + 1)
        words[n++] = at;
    words[n] = NULL;
    return n;
}

/* Processors are looked at once and early, by us and by oneDNN: hence this command anew, with its environment set. Returns
 * only when that is so already, or failed. */
static int lower_cpu(const char *kind)
{
    char text[8192], *words[MAX_WORDS + 1];
    const char *isa = !strcmp(kind, "avx2") ? "AVX2" : !strcmp(kind, "avx512") ? "AVX512_CORE_BF16" : NULL, *now = getenv("FACET_CPU");
    if (!isa)
        return facet_fail(FACET_E_INVALID, "cannot race as '%s': avx2 and avx512 are known", kind);
    if (now && !strcmp(now, kind))
        return FACET_OK;
    if (setenv("FACET_CPU", kind, 1) || setenv("ONEDNN_MAX_CPU_ISA", isa, 1))
        return facet_fail_nomem();
    if (own_words(text, sizeof(text), words) > 0)
        execv("/proc/self/exe", words);
    return facet_fail(FACET_E_INTERNAL, "cannot start anew as on a processor of kind '%s'", kind);
}

int facet_bench_engine_main(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct facet_bench_words *o = options;
    struct facet_bench_engine_opts bo = { .threads = (unsigned)o->threads, .rounds = (unsigned)o->rounds, .warmup = (unsigned)o->warmup,
                                          .only = o->only, .rivals = o->rivals, .precision = o->precision, .layers = o->layers,
                                          .scaling = o->scaling, .busy = o->busy, .cpu_time = o->cpu_time, .cancel = cli->cancel };
    struct facet_report r;
    int err = o->cpu ? lower_cpu(o->cpu) : FACET_OK;
    if (err)
        return err;
    err = facet_bench_engine_run(&r, &bo);
    if (err)
        facet_report_fini(&r);
    return err ? err : facet_bench_answer(cli, o, &r);
}
