/* Help texts, laid out from the tables. */
#include "cli/cmd.h"

#include <string.h>

#define HELP_COLUMN 28
#define HELP_WIDTH 96

/* Writes `text` word by word, starting in column `at`, later lines indented to `column`. */
static void wrap(FILE *to, const char *text, int at, int column)
{
    if (at >= column) {
        fputc('\n', to);
        at = 0;
    }
    fprintf(to, "%*s", column - at, "");
    at = column;
    while (*text) {
        int n = (int)strcspn(text, " \n");
        if (at > column && at + n > HELP_WIDTH) {
            fprintf(to, "\n%*s", column, "");
            at = column;
        }
        at += fprintf(to, "%.*s", n, text);
        text += n;
        if (*text == '\n') {
            fprintf(to, "\n%*s", column, "");
            at = column;
            text++;
        }
        for (; *text == ' '; text++)
            if (at > column)
                at += fputc(' ', to) == ' ';
    }
    fputc('\n', to);
}

static void print_option(FILE *to, const struct facet_opt *o)
{
    char head[96], help[512];
    int n = snprintf(head, sizeof(head), o->letter ? "  -%c, " : "      ", o->letter);
    if (!o->letter)
        n = snprintf(head, sizeof(head), "      ");
    snprintf(head + n, sizeof(head) - (size_t)n, "--%s%s%s", o->name, o->value ? " " : "",
             o->value ? o->value : "");
    if (o->fallback)
        snprintf(help, sizeof(help), "%s (default %s)", o->help, o->fallback);
    else
        snprintf(help, sizeof(help), "%s", o->help);
    wrap(to, help, fprintf(to, "%s", head), HELP_COLUMN);
}

static void print_usage(FILE *to, const struct facet_cmd *cmd)
{
    const char *lead = "usage:";
    for (const struct facet_sub *s = cmd->subs; s && s->name; s++, lead = "      ")
        fprintf(to, "%s facet %s %s%s%s\n", lead, cmd->name, s->name, *s->usage ? " " : "", s->usage);
    if (!cmd->subs)
        fprintf(to, "usage: facet %s%s%s\n", cmd->name, *cmd->usage ? " " : "", cmd->usage);
}

static void print_examples(FILE *to, const char *text)
{
    fputs("\nexamples:\n", to);
    while (*text) {
        text += strspn(text, " ");
        int n = (int)strcspn(text, "\n");
        fprintf(to, "  %.*s\n", n, text);
        text += n + (text[n] == '\n');
    }
}

void facet_help_print(FILE *to, const struct facet_cmd *cmd)
{
    fprintf(to, "facet %s: %s\n\n", cmd->name, cmd->summary);
    print_usage(to, cmd);
    if (cmd->subs)
        fputc('\n', to);
    for (const struct facet_sub *s = cmd->subs; s && s->name; s++)
        wrap(to, s->summary, fprintf(to, "  %s", s->name), 14);
    if (cmd->details) {
        fputc('\n', to);
        wrap(to, cmd->details, 0, 0);
    }
    fputs("\noptions:\n", to);
    for (const struct facet_opt *o = cmd->options; o && o->name; o++)
        print_option(to, o);
    for (const struct facet_opt *o = facet_opt_common; o->name; o++)
        print_option(to, o);
    if (cmd->env_prefix)
        fprintf(to, "\nEach option may also be set in the environment: %sNAME=value.\n", cmd->env_prefix);
    if (cmd->examples)
        print_examples(to, cmd->examples);
}

void facet_help_overview(FILE *to)
{
    fputs("facet " FACET_VERSION ": finds, follows and recognises faces\n\n"
          "usage: facet COMMAND [options] [words]\n", to);
    const char *group = "";
    for (const struct facet_cmd *const *c = facet_commands; *c; c++) {
        if ((*c)->is_hidden)
            continue;
        if (strcmp(group, (*c)->group))
            fprintf(to, "\n%s\n", (*c)->group);
        group = (*c)->group;
        wrap(to, (*c)->summary, fprintf(to, "  %s", (*c)->name), 14);
    }
    fputs("\n`facet help COMMAND` explains one. Exit codes: 0 yes or done, 1 no, different or unknown,\n"
          "2 wrong words, 3 bad input, 4 an error of facet itself, 130 interrupted.\n", to);
}
