/* Log lines go to one callback made in main; nothing below cli/ and serve/ prints. */
#ifndef FACET_BASE_LOG_H
#define FACET_BASE_LOG_H

enum facet_log_level { FACET_LOG_ERROR, FACET_LOG_WARN, FACET_LOG_INFO, FACET_LOG_DEBUG };

typedef void facet_log_fn(void *ctx, enum facet_log_level level, const char *topic, const char *text);

/* Set once before threads start; NULL fn silences. `topic` is the room ("engine", "ingest"). */
void facet_log_set(facet_log_fn *fn, void *ctx, enum facet_log_level max_level);
void facet_log(enum facet_log_level level, const char *topic, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What a line is about, for who gathers logs: a member of its own in JSON (base/log_lines.h). NULL: not of that. */
struct facet_log_about { const char *camera, *device, *request; };
void facet_log_of(enum facet_log_level level, const char *topic, const struct facet_log_about *about, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Within the callback: what the line is about; never NULL. */
const struct facet_log_about *facet_log_subject(void);

#endif
