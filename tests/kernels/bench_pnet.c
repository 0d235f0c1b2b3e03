/* P-Net at 640x360 in floats and in 8 bits, in turns: the fastest of many. Run by `meson test --benchmark`, or by
 * hand with the name of a CPU kind (avx2, avx512). */
#include "kernels/cases.h"
#include "kernels/pnet_u8.h"

#include "base/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 40

/* Of this thread's own time: neighbours that take the core do not count. */
static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double once(const struct facet_kernels *k, const struct facet_pnet *p, void *scratch, bool is_u8)
{
    int oh, ow;
    facet_pnet_size(p->h, p->w, &oh, &ow);
    double t = cpu_ms();
    (is_u8 ? k->pnet_u8 : k->pnet_f32)(p, 0, 0, oh, scratch);
    return cpu_ms() - t;
}

int main(int argc, char **argv)
{
    struct facet_kernels k;
    struct pnet_u8_data d;
    uint32_t flags = facet_cpu_flags(NULL);
    if (argc > 1 && !strcmp(argv[1], "avx2"))
        flags &= FACET_CPU_AVX2;
    facet_kernels_init(&k, flags);
    struct pnet_u8_data real;
    pnet_u8_data_open(&d, 1, 360, 640, 0.1f, false);
    pnet_u8_data_open(&real, 1, 360, 640, 0.1f, true);
    real.p.softmax = true;
    d.p.softmax = true;
    float *pack = random_floats(facet_pnet_pack_floats(), 2);
    d.p.pack = pack;
    double f32 = 1e9, u8 = 1e9, mixed = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        double a = once(&k, &d.p, d.scratch, false), b = once(&k, &d.p, d.scratch, true);
        double c = once(&k, &real.p, real.scratch, true);
        mixed = c < mixed ? c : mixed;
        f32 = a < f32 ? a : f32;
        u8 = b < u8 ? b : u8;
    }
    printf("%-8s P-Net 640x360: f32 %.2f ms, u8 %.2f ms (%.2f times as fast), u8 with the first layer in float %.2f ms (%.2f)\n",
           k.kind, f32, u8, f32 / u8, mixed, f32 / mixed);
    free(pack);
    pnet_u8_data_close(&d);
    pnet_u8_data_close(&real);
    return 0;
}
