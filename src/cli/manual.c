#include "cli/manual.h"

#include "cli/cmd.h"

#include <string.h>

/* scdoc reads '_', '*' and '\' as markup, '|' at a line's start as a table. */
static void put_escaped(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (strchr("_*\\`|[]#<>", *text))
            fputc('\\', to);
        fputc(*text, to);
    }
}

static void put_option(FILE *to, const struct facet_opt *o)
{
    fputc('*', to);
    if (o->letter)
        fprintf(to, "-%c*, *", o->letter);
    fprintf(to, "--%s*", o->name);
    if (o->value) {
        fputs(" ", to);
        put_escaped(to, o->value);
    }
    fputs("\n\t", to);
    put_escaped(to, o->help);
    if (o->fallback) {
        fputs(" (default ", to);
        put_escaped(to, o->fallback);
        fputc(')', to);
    }
    fputs(".\n\n", to);
}

static void put_synopsis(FILE *to, const struct facet_cmd *cmd)
{
    fputs("# SYNOPSIS\n\n", to);
    for (const struct facet_sub *s = cmd->subs; s && s->name; s++) {
        fprintf(to, "*facet %s %s* ", cmd->name, s->name);
        put_escaped(to, s->usage);
        fputs(s[1].name ? "++\n" : "", to);      /* a break may not end the paragraph */
    }
    if (!cmd->subs) {
        fprintf(to, "*facet %s* ", cmd->name);
        put_escaped(to, cmd->usage);
    }
    fputs("\n\n", to);
}

static void put_description(FILE *to, const struct facet_cmd *cmd)
{
    fputs("# DESCRIPTION\n\n", to);
    put_escaped(to, cmd->details ? cmd->details : cmd->summary);
    fputs("\n\n", to);
    for (const struct facet_sub *s = cmd->subs; s && s->name; s++) {
        fprintf(to, "*%s*\n\t", s->name);
        put_escaped(to, s->summary);
        fputs("\n\n", to);
    }
}

static void put_examples(FILE *to, const struct facet_cmd *cmd)
{
    fputs("# EXAMPLES\n\n```\n", to);
    fputs(cmd->examples, to);
    fputs("```\n\n", to);
}

void facet_manual_print(FILE *to, const struct facet_cmd *cmd)
{
    fprintf(to, "facet-%s(1)\n\n# NAME\n\nfacet-%s - ", cmd->name, cmd->name);
    put_escaped(to, cmd->summary);
    fputs("\n\n", to);
    put_synopsis(to, cmd);
    put_description(to, cmd);
    fputs("# OPTIONS\n\n", to);
    for (const struct facet_opt *o = cmd->options; o && o->name; o++)
        put_option(to, o);
    for (const struct facet_opt *o = facet_opt_common; o->name; o++)
        put_option(to, o);
    if (cmd->env_prefix) {
        fputs("# ENVIRONMENT\n\nEach option may be set as *", to);
        put_escaped(to, cmd->env_prefix);
        fputs("NAME*, in capitals, with an underscore for each dash. Options given as words win over the "
              "environment, which wins over the file named by *--config*.\n\n", to);
    }
    if (cmd->examples)
        put_examples(to, cmd);
    fputs("# EXIT STATUS\n\n0 yes or done, 1 no, different or unknown, 2 wrong words, 3 bad input, 4 an error "
          "of facet itself, 130 interrupted.\n\n# SEE ALSO\n\n*facet*(1)\n", to);
}
