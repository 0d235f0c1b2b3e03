#include "base/clock.h"
#include "cli/out.h"

#include <stdio.h>
#include <string.h>

#define SECOND 1000000000ull

void facet_progress_init(struct facet_progress *p, const struct facet_cli *cli, const char *what, const char *unit)
{
    uint64_t now = facet_now_ns();
    *p = (struct facet_progress){
        .off = cli->quiet, .terminal = cli->terminal, .unit = unit,
        .begun_ns = now, .drawn_ns = now, .pause_ns = 10 * SECOND,
    };
    snprintf(p->what, sizeof(p->what), "%s", what);
}

static void format_count(const struct facet_progress *p, char *out, size_t cap, double n)
{
    if (strcmp(p->unit, "B"))
        snprintf(out, cap, n < 9.95 && n != (double)(int64_t)n ? "%.1f %s" : "%.0f %s", n, p->unit);
    else if (n < 1e6)
        snprintf(out, cap, "%.0f kB", n / 1e3);
    else
        snprintf(out, cap, "%.1f MB", n / 1e6);
}

static void format_left(char *out, size_t cap, double seconds)
{
    long s = (long)(seconds + 0.5);
    if (s < 3600)
        snprintf(out, cap, ", %ld:%02ld left", s / 60, s % 60);
    else
        snprintf(out, cap, ", %ld:%02ld:%02ld left", s / 3600, s / 60 % 60, s % 60);
}

static void draw(struct facet_progress *p, int64_t done, int64_t total, uint64_t now)
{
    char count[48], of[48] = "", rate[48], left[48] = "";
    double seconds = (double)(now - p->begun_ns) / 1e9;
    double speed = seconds > 0 ? (double)done / seconds : 0;
    format_count(p, count, sizeof(count), (double)done);
    if (total > 0)
        snprintf(of, sizeof(of), " (%d %%)", (int)(done >= total ? 100 : done * 100 / total));
    format_count(p, rate, sizeof(rate), speed);
    if (total > done && speed > 0)
        format_left(left, sizeof(left), (double)(total - done) / speed);
    fprintf(stderr, "%s%s: %s%s, %s/s%s%s", p->terminal ? "\r\033[K" : "facet: ", p->what, count, of,
            rate, left, p->terminal ? "" : "\n");
    fflush(stderr);
    p->drawn = true;
    p->drawn_ns = now;
}

void facet_progress_step(struct facet_progress *p, int64_t done, int64_t total)
{
    uint64_t now = facet_now_ns();
    if (p->off || now - p->drawn_ns < (p->terminal ? SECOND / 10 : p->pause_ns))
        return;
    draw(p, done, total, now);
    p->pause_ns = p->pause_ns * 2 > 60 * SECOND ? 60 * SECOND : p->pause_ns * 2;
}

void facet_progress_fini(struct facet_progress *p)
{
    if (p->drawn && p->terminal)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}

void facet_progress_pull(void *ctx, const char *what, int64_t done, int64_t total)
{
    struct facet_progress *p = ctx;
    if (strcmp(what, p->what)) {
        snprintf(p->what, sizeof(p->what), "%s", what);
        p->begun_ns = facet_now_ns();
    }
    facet_progress_step(p, done, total);
}
