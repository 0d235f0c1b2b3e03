#include "base/clock.h"

#include "base/errors.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t system_mono_ns(void *ctx)
{
    struct timespec t;
    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int64_t system_wall_ms(void *ctx)
{
    struct timespec t;
    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const struct facet_clock facet_clock_system = {.mono_ns = system_mono_ns,
                                               .wall_ms = system_wall_ms};

uint64_t facet_now_ns(void)
{
    return system_mono_ns(NULL);
}

void facet_format_time(char out[25], int64_t wall_ms)
{
    char text[64];
    struct tm tm;
    int64_t ms = wall_ms % 1000, s = wall_ms / 1000;
    if (ms < 0) {
        ms += 1000;
        s--;
    }
    time_t t = (time_t)s;
    if (!gmtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099)
        tm = (struct tm){.tm_year = -1900, .tm_mday = 1}; /* a year that four digits cannot hold */
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)ms);
    memcpy(out, text, 24);
    out[24] = '\0';
}

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t days_of(int year, int month, int day)
{
    static const int before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t y = month > 2 ? year : year - 1; /* the leap day counts from March on */
    return (int64_t)(year - 1970) * 365 + (y / 4 - y / 100 + y / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400) +
           before[month - 1] + day - 1;
}

int facet_parse_time(const char *text, int64_t *wall_ms)
{
    int f[7], used = 0;
    char again[25];
    bool ok = strlen(text) == 24 && strspn(text, "0123456789-T:.Z") == 24 &&
              sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &used) == 7 &&
              used == 24 && f[0] >= 1 && f[1] >= 1 && f[1] <= 12;
    if (!ok)
        return facet_fail(FACET_E_FORMAT, "'%.40s' is no time like 2026-01-31T12:00:00.000Z", text);
    int64_t ms = (((days_of(f[0], f[1], f[2]) * 24 + f[3]) * 60 + f[4]) * 60 + f[5]) * 1000 + f[6];
    facet_format_time(again, ms); /* the 31st of February comes out as another day */
    if (strcmp(again, text))
        return facet_fail(FACET_E_FORMAT, "'%.40s' is no time like 2026-01-31T12:00:00.000Z", text);
    *wall_ms = ms;
    return FACET_OK;
}
