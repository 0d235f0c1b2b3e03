/* Writes a completion script from the tables: words of commands, sub-commands, options, choices. */
#include "cli/commands.h"
#include "cli/out.h"

#include <string.h>

struct completion_options { bool unused; };

static void print_options(const struct facet_opt *table)
{
    for (; table && table->name; table++)
        printf(" --%s", table->name);
}

static void print_words(const struct facet_cmd *c)
{
    printf("    %s) words=\"", c->name);
    for (const struct facet_sub *s = c->subs; s && s->name; s++)
        printf("%s%s", s == c->subs ? "" : " ", s->name);
    printf("\" options=\"");
    print_options(c->options);
    print_options(facet_opt_common);
    puts("\" ;;");
}

static void print_choices(const struct facet_cmd *c)
{
    for (const struct facet_opt *o = c->options; o && o->name; o++) {
        if (o->kind != FACET_OPT_CHOICE)
            continue;
        printf("    %s:--%s) choices=\"", c->name, o->name);
        for (const char *p = o->value; *p; p++)
            putchar(*p == '|' ? ' ' : *p);
        puts("\" ;;");
    }
}

static void print_bash(void)
{
    puts("# bash completion for facet; made by `facet completion bash`\n"
         "_facet()\n{\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
         "    local cmd=${COMP_WORDS[1]} words= options= choices= commands=");
    printf("    commands=\"");
    for (const struct facet_cmd *const *c = facet_commands; *c; c++)
        if (!(*c)->is_hidden)
            printf("%s%s", c == facet_commands ? "" : " ", (*c)->name);
    puts("\"\n"
         "    COMPREPLY=()\n"
         "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "        mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$cur\")\n"
         "        return\n"
         "    fi\n"
         "    case $cmd in");
    for (const struct facet_cmd *const *c = facet_commands; *c; c++)
        print_words(*c);
    puts("    esac\n    case $cmd:$prev in");
    for (const struct facet_cmd *const *c = facet_commands; *c; c++)
        print_choices(*c);
    puts("    esac\n"
         "    if [ -n \"$choices\" ]; then\n"
         "        mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$cur\")\n"
         "    elif [ \"${cur#-}\" != \"$cur\" ]; then\n"
         "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
         "    elif [ \"$COMP_CWORD\" -eq 2 ] && [ -n \"$words\" ]; then\n"
         "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
         "    elif [ \"$cmd\" = help ]; then\n"
         "        mapfile -t COMPREPLY < <(compgen -W \"$commands\" -- \"$cur\")\n"
         "    fi\n"
         "}\n"
         "complete -o default -F _facet facet");
}

static int completion_run(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    if (strcmp(argv[0], "bash"))
        return facet_usage(cli, "there is completion for bash only, not for '%s'", argv[0]);
    print_bash();
    return FACET_EXIT_OK;
}

const struct facet_cmd facet_cmd_completion = {
    .name = "completion",
    .group = "Help",
    .summary = "write a completion script for a shell",
    .usage = "bash",
    .options_size = sizeof(struct completion_options),
    .min_args = 1,
    .max_args = 1,
    .examples = "  facet completion bash > ~/.local/share/bash-completion/completions/facet\n",
    .run = completion_run,
};
