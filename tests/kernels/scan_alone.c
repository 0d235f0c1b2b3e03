/* The scan of int8 rows without a test library: run under an emulator by scripts/test-aarch64.sh. */
#include "kernels/scan_cases.h"

#include "base/cpu.h"

#include <stdio.h>

static void say(const char *line)
{
    puts(line);
}

int main(void)
{
    const uint32_t kinds[] = { 0, FACET_CPU_NEON };
    int wrong = 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int n = scan_check(facet_scan_for(kinds[i]), say);
        printf("scan, %s: %d cases differ\n", facet_scan_for(kinds[i])->name, n);
        wrong += n;
    }
    return wrong ? 1 : 0;
}
