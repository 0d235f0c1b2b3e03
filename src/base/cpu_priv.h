/* What each platform's cpu.c gives to cpu.c and pool.c. */
#ifndef FACET_BASE_CPU_PRIV_H
#define FACET_BASE_CPU_PRIV_H

#include <stdint.h>

uint32_t facet__cpu_detect(void);      /* flags of the hardware that the system lets us use; slow */
void facet__cpu_pause(void);           /* tells the core that we spin */

/* Flags that a value of FACET_CPU leaves of `have`; sets *why to a static text when it says nothing
 * usable, and leaves all. */
uint32_t facet__cpu_lower(uint32_t have, const char *value, const char **why);

/* Processors that the control group of this process may use, rounded up; 0: no limit. `root` is ""
 * but in tests. */
unsigned facet__cgroup_cpus(const char *root);

#endif
