#include "measure/measure.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t cpu_clock_ns(clockid_t clock)
{
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t facet_process_cpu_ns(void)
{
    return cpu_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t facet_thread_cpu_ns(void)
{
    return cpu_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Read once a frame: no stdio, which would allocate. */
int64_t facet_rss_bytes(void)
{
    char text[128], *end;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    strtoll(text, &end, 10); /* the first number is the address space */
    long long pages = strtoll(end, NULL, 10);
    return pages > 0 ? pages * sysconf(_SC_PAGESIZE) : -1;
}

/* Not getrusage: its figure begins with that of whatever started this program. */
int64_t facet_peak_rss_bytes(void)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    const char *line = strstr(text, "\nVmHWM:");
    long long kb = line ? strtoll(line + 7, NULL, 10) : 0;
    return kb > 0 ? kb * 1024 : -1;
}

void facet_usage_read(struct facet_usage *out)
{
    struct rusage u = {0};
    getrusage(RUSAGE_SELF, &u);
    *out = (struct facet_usage){
        .minor_faults = u.ru_minflt,
        .major_faults = u.ru_majflt,
        .switches = u.ru_nvcsw,
        .preemptions = u.ru_nivcsw,
    };
}
