/* Two graphics cards that are not there: one counts energy, the other tells its power. */
#include <stdlib.h>

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **card);
int nvmlDeviceGetTotalEnergyConsumption(void *card, unsigned long long *mj);
int nvmlDeviceGetPowerUsage(void *card, unsigned *mw);

#define SHOWN __attribute__((visibility("default")))
static char cards[2];
static unsigned long long counted = 5000;

SHOWN int nvmlInit_v2(void)
{
    return 0;
}

SHOWN int nvmlShutdown(void)
{
    return 0;
}

SHOWN int nvmlDeviceGetCount_v2(unsigned *count)
{
    const char *text = getenv("NVML_FAKE_CARDS");
    *count = text ? (unsigned)strtoul(text, NULL, 10) : 2;
    return 0;
}

SHOWN int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **card)
{
    *card = &cards[index];
    return 0;
}

SHOWN int nvmlDeviceGetTotalEnergyConsumption(void *card, unsigned long long *mj)
{
    if (card != &cards[0])
        return 3; /* not supported */
    *mj = counted;
    counted += 2000;
    return 0;
}

SHOWN int nvmlDeviceGetPowerUsage(void *card, unsigned *mw)
{
    *mw = 100000;
    return 0;
}
