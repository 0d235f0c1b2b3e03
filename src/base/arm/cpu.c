/* 64-bit ARM: NEON is part of the architecture. */
#include "base/cpu.h"
#include "base/cpu_priv.h"

uint32_t facet__cpu_detect(void)
{
    return FACET_CPU_NEON;
}

void facet__cpu_pause(void)
{
    __asm__ volatile("yield");
}
