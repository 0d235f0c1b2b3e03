/* A processor that we have no kernels for. */
#include "base/cpu.h"
#include "base/cpu_priv.h"

uint32_t facet__cpu_detect(void)
{
    return 0;
}

void facet__cpu_pause(void)
{
}
