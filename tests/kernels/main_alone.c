/* The kernel tests without a test library, for processors where there is none: run under an
 * emulator by scripts/test-aarch64.sh. */
#include "kernels/cases.h"
#include "kernels/pnet_u8.h"
#include "kernels/stored.h"

#include "base/cpu.h"

#include <stdio.h>

static void say(const char *line)
{
    puts(line);
}

int main(void)
{
#if defined(FACET_KERNELS_ARM)
    const uint32_t kinds[] = { 0, FACET_CPU_NEON };
#else
    const uint32_t kinds[] = { 0, FACET_CPU_AVX2, FACET_CPU_AVX2 | FACET_CPU_AVX512 };
#endif
    int wrong = 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct facet_kernels k;
        facet_kernels_init(&k, kinds[i]);
        int n = kernels_check(&k, say) + stored_check(&k, say) + pnet_u8_check(&k, say);
        printf("%s: %d kernels differ\n", k.kind, n);
        wrong += n;
    }
    return wrong ? 1 : 0;
}
