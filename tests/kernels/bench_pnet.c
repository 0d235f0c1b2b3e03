/* P-Net at 640x360 in floats and in 8 bits, in turns: the fastest of many. Run by `meson test --benchmark`, or by
 * hand with the name of a CPU kind (avx2, avx512). */
#include "kernels/cases.h"
#include "kernels/pnet_u8.h"

#include "base/clock.h"
#include "base/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 40

static double once(const struct facet_kernels *k, const struct facet_pnet *p, void *scratch, bool is_u8)
{
    int oh, ow;
    facet_pnet_size(p->h, p->w, &oh, &ow);
    uint64_t t = facet_now_ns();
    (is_u8 ? k->pnet_u8 : k->pnet_f32)(p, 0, 0, oh, scratch);
    return (double)(facet_now_ns() - t) * 1e-6;
}

int main(int argc, char **argv)
{
    struct facet_kernels k;
    struct pnet_u8_data d;
    uint32_t flags = facet_cpu_flags(NULL);
    if (argc > 1 && !strcmp(argv[1], "avx2"))
        flags &= FACET_CPU_AVX2;
    facet_kernels_init(&k, flags);
    pnet_u8_data_open(&d, 1, 360, 640, 0.1f);
    d.p.softmax = true;
    float *pack = random_floats(facet_pnet_pack_floats(), 2);
    d.p.pack = pack;
    double f32 = 1e9, u8 = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        double a = once(&k, &d.p, d.scratch, false), b = once(&k, &d.p, d.scratch, true);
        f32 = a < f32 ? a : f32;
        u8 = b < u8 ? b : u8;
    }
    printf("%-8s P-Net 640x360: f32 %.2f ms, u8 %.2f ms, %.2f times as fast\n", k.kind, f32, u8, f32 / u8);
    free(pack);
    pnet_u8_data_close(&d);
    return 0;
}
