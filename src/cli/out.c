#include "cli/out.h"

#include "base/errors.h"

#include <stdarg.h>
#include <stdio.h>

void facet_say(const struct facet_cli *cli, const char *fmt, ...)
{
    if (cli->json)
        return;
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
}

static void complain(const char *command, const char *fmt, va_list ap)
{
    char text[1400];
    vsnprintf(text, sizeof(text), fmt, ap);
    fprintf(stderr, "facet: %s%s%s\n", command, *command ? ": " : "", text);
}

void facet_complain(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain("", fmt, ap);
    va_end(ap);
}

int facet_usage(const struct facet_cli *cli, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(cli->cmd->name, fmt, ap);
    va_end(ap);
    fprintf(stderr, "facet: see: facet help %s\n", cli->cmd->name);
    return FACET_EXIT_USAGE;
}

void facet_answer_begin(struct facet_answer *a)
{
    *a = (struct facet_answer){ .text = FACET_STR_INIT };
    facet_jsonw_init(&a->w, &a->text, true);
    facet_jsonw_object(&a->w);
}

int facet_answer_end(struct facet_answer *a)
{
    facet_jsonw_end_object(&a->w);
    int err = a->text.err;
    if (!err)
        printf("%s\n", facet_str_text(&a->text));
    facet_str_fini(&a->text);
    return err ? facet_fail(err, "cannot write the answer as JSON") : FACET_OK;
}

int facet_exit_of(int err)
{
    switch (err) {
    case FACET_OK: return FACET_EXIT_OK;
    case FACET_E_NOMEM:
    case FACET_E_INTERNAL: return FACET_EXIT_INTERNAL;
    case FACET_E_CANCELLED: return FACET_EXIT_INTERRUPTED;
    default: return err < 0 ? FACET_EXIT_INPUT : err;
    }
}
