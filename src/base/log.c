#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* Written once before threads start; what must exist once for the process, as errors.c's text is
 * for the thread. */
static struct {
    facet_log_fn *fn;
    void *ctx;
    enum facet_log_level max_level;
} log_sink;

/* Of the line that this thread hands to the callback now. */
static _Thread_local const struct facet_log_about *subject;

void facet_log_set(facet_log_fn *fn, void *ctx, enum facet_log_level max_level)
{
    log_sink.fn = fn;
    log_sink.ctx = ctx;
    log_sink.max_level = max_level;
}

static void log_args(enum facet_log_level level, const char *topic, const struct facet_log_about *about, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

static void log_args(enum facet_log_level level, const char *topic, const struct facet_log_about *about, const char *fmt, va_list ap)
{
    char text[1024];
    if (!log_sink.fn || level > log_sink.max_level)
        return;
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    subject = about;
    log_sink.fn(log_sink.ctx, level, topic, text);
    subject = NULL;
}

void facet_log(enum facet_log_level level, const char *topic, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    log_args(level, topic, NULL, fmt, ap);
    va_end(ap);
}

void facet_log_of(enum facet_log_level level, const char *topic, const struct facet_log_about *about, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    log_args(level, topic, about, fmt, ap);
    va_end(ap);
}

const struct facet_log_about *facet_log_subject(void)
{
    static const struct facet_log_about nothing = {NULL, NULL, NULL};
    return subject ? subject : &nothing;
}
