/* facet: a table of commands (commands.c) and a dispatch. */
#include "base/clock.h"
#include "base/cpu.h"
#include "base/errors.h"
#include "base/log_lines.h"
#include "base/yaml.h"
#include "cli/cmd.h"
#include "cli/out.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A signal handler has no argument to be given, hence the one global. The first signal asks for a
 * clean end, the second ends at once. */
static atomic_int cancelled;

static void on_signal(int number)
{
    if (cancelled)
        _exit(128 + number);
    cancelled = 1;
}

static void catch_signals(void)
{
    struct sigaction a = { .sa_handler = on_signal };
    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int print_error(const struct facet_cli *cli, int err)
{
    facet_complain("%s", *facet_error_text() ? facet_error_text() : facet_error_name(err));
    if (!cli->json)
        return facet_exit_of(err);
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "error", facet_error_name(err));
    facet_jsonw_kstr(&a.w, "message", facet_error_text());
    (void)facet_answer_end(&a);
    return facet_exit_of(err);
}

/* A value of FACET_CPU that cannot be had must not pass for one that was; doctor says it itself. */
static void warn_of_cpu(const struct facet_cli *cli)
{
    const char *why = NULL;
    facet_cpu_flags(&why);
    if (why && !cli->quiet && strcmp(cli->cmd->name, "doctor"))
        facet_complain("%s (facet doctor says what there is)", why);
}

static int check_count(const struct facet_cli *cli, int n, int least, int most, const char *usage)
{
    if (n < least)
        return facet_usage(cli, n ? "more words are needed: %s" : "words are missing: %s", usage);
    if (most >= 0 && n > most)
        return facet_usage(cli, "too many words: %s", *usage ? usage : "none are taken");
    return FACET_EXIT_OK;
}

static const struct facet_sub *find_sub(const struct facet_cli *cli, const char *word)
{
    const struct facet_sub *subs = cli->cmd->subs;
    for (const struct facet_sub *s = subs; s->name; s++)
        if (word && !strcmp(s->name, word))
            return s;
    char list[256] = "";
    size_t used = 0;
    for (const struct facet_sub *s = subs; s->name && used < sizeof(list); s++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", s->name);
    facet_usage(cli, word ? "'%s' is none of %s" : "%.0sone of these is needed: %s", word ? word : "", list);
    return NULL;
}

static int run_words(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct facet_cmd *cmd = cli->cmd;
    int least = cmd->min_args, most = cmd->max_args;
    const char *usage = cmd->usage;
    facet_cmd_fn *run = cmd->run;
    if (cmd->subs) {
        const struct facet_sub *s = find_sub(cli, argc ? argv[0] : NULL);
        if (!s)
            return FACET_EXIT_USAGE;
        least = s->min_args, most = s->max_args, usage = s->usage, run = s->run;
        argc--, argv++;
    }
    int code = check_count(cli, argc, least, most, usage);
    return code ? code : run(cli, options, argc, argv);
}

/* Log lines go to standard error; a progress line there makes room. */
static int open_log(const struct facet_cli *cli, struct facet_log_lines *lines)
{
    enum facet_log_level level = cli->quiet ? FACET_LOG_ERROR : FACET_LOG_WARN + (unsigned)cli->verbose;
    int err = facet_log_lines_init(lines, STDERR_FILENO, cli->log_json, NULL);
    if (err)
        return err;
    lines->before = cli->terminal ? "\r\033[Kfacet: " : "facet: ";
    facet_log_set(facet_log_lines_write, lines, level > FACET_LOG_DEBUG ? FACET_LOG_DEBUG : level);
    return FACET_OK;
}

static void close_log(struct facet_log_lines *lines)
{
    facet_log_set(NULL, NULL, FACET_LOG_ERROR);
    facet_log_lines_fini(lines);
}

static int dispatch(struct facet_cli *cli, int argc, char **argv)
{
    struct facet_log_lines lines;
    bool has_log;
    void *options = calloc(1, cli->cmd->options_size ? cli->cmd->options_size : 1);
    int first = 1, code;
    bool help = false;
    int err = options ? facet_opt_parse(cli, cli->cmd, options, argc, argv, &first, &help) : facet_fail_nomem();
    has_log = open_log(cli, &lines) == FACET_OK;
    warn_of_cpu(cli);
    if (help)
        facet_help_print(stdout, cli->cmd);
    if (err == FACET_E_INVALID)
        code = facet_usage(cli, "%s", facet_error_text());
    else
        code = err || help ? err : run_words(cli, options, argc - first, argv + first);
    if (code < 0)
        code = print_error(cli, code);
    if (has_log)
        close_log(&lines);
    facet_yaml_free(&cli->config);
    free(options);
    return code;
}

static int unknown_command(const char *word)
{
    const char *names[64] = { NULL };
    for (size_t i = 0; i + 1 < sizeof(names) / sizeof(names[0]) && facet_commands[i]; i++)
        names[i] = facet_commands[i]->name;
    const char *near = facet_opt_nearest(word, names);
    facet_complain(near ? "there is no command '%s', did you mean '%s'?" : "there is no command '%s'%.0s",
                   word, near ? near : "");
    fputs("facet: see: facet --help\n", stderr);
    return FACET_EXIT_USAGE;
}

/* A reader that has seen enough, as in `facet ... | head`. */
static bool is_reader_gone(void)
{
    struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
    return poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

/* Output that could not be written (a full disk) is a failure, never silence. */
static int finish(int code)
{
    bool lost = fflush(stdout) != 0 || ferror(stdout);
    if (!lost || is_reader_gone())
        return code;
    facet_complain("cannot write to standard output");
    return code == FACET_EXIT_OK ? FACET_EXIT_INPUT : code;
}

int main(int argc, char **argv)
{
    const uint64_t main_ns = facet_now_ns();
    const char *word = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        facet_help_overview(stderr);
        return FACET_EXIT_USAGE;
    }
    if (!strcmp(word, "--help") || !strcmp(word, "-h"))
        word = "help";
    else if (!strcmp(word, "--version"))
        word = "version";
    struct facet_cli cli = {
        .cmd = facet_cmd_find(word),
        .main_ns = main_ns,
        .terminal = isatty(STDERR_FILENO) == 1,
        .cancel = &cancelled,
    };
    if (!cli.cmd)
        return unknown_command(word);
    catch_signals();
    return finish(dispatch(&cli, argc - 1, argv + 1));
}
