#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* Written once before threads start: what must exist once for the process, as errors.c's text is
 * for the thread. */
static struct {
    facet_log_fn *fn;
    void *ctx;
    enum facet_log_level max_level;
} log_sink;

void facet_log_set(facet_log_fn *fn, void *ctx, enum facet_log_level max_level)
{
    log_sink.fn = fn;
    log_sink.ctx = ctx;
    log_sink.max_level = max_level;
}

void facet_log(enum facet_log_level level, const char *topic, const char *fmt, ...)
{
    char text[1024];
    if (!log_sink.fn || level > log_sink.max_level)
        return;
    va_list ap;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    log_sink.fn(log_sink.ctx, level, topic, text);
}
