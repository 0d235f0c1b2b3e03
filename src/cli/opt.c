#include "cli/opt.h"

#include "base/errors.h"
#include "cli/cmd.h"
#include "cli/config.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPTIONS 96
#define MAX_GIVEN 256

struct common { bool help, json, quiet, verbose; int log; };

const struct facet_opt facet_opt_common[] = {
    FACET_OPT(struct common, json, "json", 0, FACET_OPT_FLAG, NULL, "answer in JSON on standard output"),
    FACET_OPT(struct common, quiet, "quiet", 'q', FACET_OPT_FLAG, NULL, "no progress, no warnings"),
    FACET_OPT(struct common, verbose, "verbose", 'v', FACET_OPT_FLAG, NULL, "say more; twice for everything"),
    FACET_OPT(struct common, log, "log", 0, FACET_OPT_CHOICE, "text|json", "what is said beside the answer: words, or an object a line"),
    FACET_OPT(struct common, help, "help", 'h', FACET_OPT_FLAG, NULL, "this text"),
    { .name = NULL },
};

struct given { const struct facet_opt *opt; const char *text; };

struct words {                 /* what getopt_long is told, and what it found */
    const struct facet_opt *known[MAX_OPTIONS];
    struct option longs[MAX_OPTIONS + 1];
    char shorts[2 * MAX_OPTIONS + 3];
    int n_known;
    struct given given[MAX_GIVEN];
    int n_given;
};

static void add_table(struct words *w, const struct facet_opt *table)
{
    size_t used = strlen(w->shorts);
    for (; table && table->name && w->n_known < MAX_OPTIONS; table++) {
        int takes = table->kind != FACET_OPT_FLAG;
        w->longs[w->n_known] = (struct option){ table->name, takes, NULL, 256 + w->n_known };
        w->known[w->n_known++] = table;
        if (!table->letter)
            continue;
        w->shorts[used++] = table->letter;
        if (takes)
            w->shorts[used++] = ':';
    }
}

static const struct facet_opt *by_number(const struct words *w, int c)
{
    if (c >= 256)
        return w->known[c - 256];
    for (int i = 0; i < w->n_known; i++)
        if (w->known[i]->letter == c)
            return w->known[i];
    return NULL;
}

static int refuse_unknown(const struct words *w, char **argv)
{
    if (optopt && optopt < 256)
        return facet_fail(FACET_E_INVALID, "unknown option '-%c'", optopt);
    const char *word = argv[optind - 1] + strspn(argv[optind - 1], "-");
    if (optopt >= 256)
        return facet_fail(FACET_E_INVALID, "option '--%s' takes no value", by_number(w, optopt)->name);
    const char *names[MAX_OPTIONS + 1] = { NULL };
    for (int i = 0; i < w->n_known; i++)
        names[i] = w->known[i]->name;
    const char *near = facet_opt_nearest(word, names);
    if (near)
        return facet_fail(FACET_E_INVALID, "unknown option '--%s', did you mean '--%s'?", word, near);
    return facet_fail(FACET_E_INVALID, "unknown option '--%s'", word);
}

static int collect(struct words *w, int argc, char **argv, int *first)
{
    optind = 0; /* GNU: forget an earlier scan */
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, w->shorts, w->longs, NULL)) != -1;) {
        if (c == '?')
            return refuse_unknown(w, argv);
        if (c == ':')
            return facet_fail(FACET_E_INVALID, "option '--%s' needs a value", by_number(w, optopt)->name);
        if (w->n_given == MAX_GIVEN)
            return facet_fail(FACET_E_LIMIT, "more than %d options", MAX_GIVEN);
        w->given[w->n_given++] = (struct given){ by_number(w, c), optarg };
    }
    *first = optind;
    return FACET_OK;
}

static bool is_common(const struct facet_opt *o)
{
    for (const struct facet_opt *c = facet_opt_common; c->name; c++)
        if (c == o)
            return true;
    return false;
}

static int take_common(struct facet_cli *cli, const struct words *w, bool *help)
{
    struct common c = { 0 };
    int err = FACET_OK;
    for (int i = 0; i < w->n_given; i++) {
        const struct facet_opt *o = w->given[i].opt;
        if (!is_common(o))
            continue;
        int set = facet_opt_set(o, &c, w->given[i].text, o->name);
        err = err ? err : set;
        cli->verbose += o->letter == 'v';
    }
    cli->json = c.json;
    cli->log_json = c.log;
    cli->quiet = c.quiet;
    *help = c.help;
    return err;
}

static int set_defaults(const struct facet_cmd *cmd, void *options)
{
    memset(options, 0, cmd->options_size);
    for (const struct facet_opt *o = cmd->options; o && o->name; o++) {
        int err = o->fallback ? facet_opt_set(o, options, o->fallback, o->name) : FACET_OK;
        if (err)
            return err;
    }
    return FACET_OK;
}

static const char *given_text(const struct words *w, const char *name)
{
    for (int i = w->n_given; i-- > 0;)
        if (!strcmp(w->given[i].opt->name, name))
            return w->given[i].text;
    return NULL;
}

/* Flags win over the environment, which wins over the file, which wins over the defaults. */
static int apply_layers(struct facet_cli *cli, const struct facet_cmd *cmd, void *options,
                        const struct words *w)
{
    int err = set_defaults(cmd, options);
    const char *file = cmd->has_config ? given_text(w, "config") : NULL;
    if (!err && file && !(cmd->is_own_config && cmd->is_own_config(file)))
        err = facet_config_apply(&cli->config, cmd, options, file);
    if (!err && cmd->env_prefix)
        err = facet_config_environment(cmd, options);
    for (int i = 0; !err && i < w->n_given; i++) {
        char origin[80];
        snprintf(origin, sizeof(origin), "--%s", w->given[i].opt->name);
        if (!is_common(w->given[i].opt))
            err = facet_opt_set(w->given[i].opt, options, w->given[i].text, origin);
    }
    return err;
}

int facet_opt_parse(struct facet_cli *cli, const struct facet_cmd *cmd, void *options, int argc,
                    char **argv, int *first, bool *help)
{
    struct words w = { .shorts = ":" };
    add_table(&w, cmd->options);
    add_table(&w, facet_opt_common);
    *help = false;
    int err = collect(&w, argc, argv, first);
    if (err)
        return err;
    err = take_common(cli, &w, help);
    if (err)
        return err;
    return *help ? FACET_OK : apply_layers(cli, cmd, options, &w);
}

static bool in_range(const struct facet_opt *o, double v)
{
    return (o->min == 0 && o->max == 0) || (v >= o->min && v <= o->max);
}

static int refuse_range(const struct facet_opt *o, const char *text, const char *origin)
{
    return facet_fail(FACET_E_INVALID, "%s: '%s' is not between %g and %g", origin, text, o->min, o->max);
}

static int set_int(const struct facet_opt *o, void *field, const char *text, const char *origin)
{
    char *end = NULL;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return facet_fail(FACET_E_INVALID, "%s: '%s' is not a whole number", origin, text);
    if (!in_range(o, (double)v))
        return refuse_range(o, text, origin);
    *(int64_t *)field = v;
    return FACET_OK;
}

static int set_num(const struct facet_opt *o, void *field, const char *text, const char *origin)
{
    char *end = NULL;
    double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v))
        return facet_fail(FACET_E_INVALID, "%s: '%s' is not a number", origin, text);
    if (!in_range(o, v))
        return refuse_range(o, text, origin);
    *(double *)field = v;
    return FACET_OK;
}

static int set_choice(const struct facet_opt *o, void *field, const char *text, const char *origin)
{
    size_t len = strlen(text);
    int number = 0;
    for (const char *at = o->value; at; number++) {
        const char *bar = strchr(at, '|');
        size_t n = bar ? (size_t)(bar - at) : strlen(at);
        if (n == len && !memcmp(at, text, n)) {
            *(int *)field = number;
            return FACET_OK;
        }
        at = bar ? bar + 1 : NULL;
    }
    return facet_fail(FACET_E_INVALID, "%s: '%s' is none of %s", origin, text, o->value);
}

static int set_flag(bool *field, const char *text, const char *origin)
{
    if (!text || !strcmp(text, "true") || !strcmp(text, "yes") || !strcmp(text, "on") || !strcmp(text, "1"))
        *field = true;
    else if (!strcmp(text, "false") || !strcmp(text, "no") || !strcmp(text, "off") || !strcmp(text, "0"))
        *field = false;
    else
        return facet_fail(FACET_E_INVALID, "%s: '%s' is neither true nor false", origin, text);
    return FACET_OK;
}

int facet_opt_set(const struct facet_opt *o, void *options, const char *text, const char *origin)
{
    void *field = (char *)options + o->offset;
    switch (o->kind) {
    case FACET_OPT_FLAG: return set_flag(field, text, origin);
    case FACET_OPT_INT: return set_int(o, field, text, origin);
    case FACET_OPT_NUM: return set_num(o, field, text, origin);
    case FACET_OPT_CHOICE: return set_choice(o, field, text, origin);
    default:
        if (!*text)
            return facet_fail(FACET_E_INVALID, "%s: the value is empty", origin);
        *(const char **)field = text;
        return FACET_OK;
    }
}

static void choice_text(const struct facet_opt *o, int number, char *out, size_t cap)
{
    const char *at = o->value;
    for (; number > 0 && at; number--)
        at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL;
    snprintf(out, cap, "%.*s", at ? (int)strcspn(at, "|") : 0, at ? at : "");
}

void facet_opt_text(const struct facet_opt *o, const void *options, char *out, size_t cap)
{
    const void *field = (const char *)options + o->offset;
    const char *text = NULL;
    switch (o->kind) {
    case FACET_OPT_FLAG: snprintf(out, cap, "%s", *(const bool *)field ? "true" : "false"); break;
    case FACET_OPT_INT: snprintf(out, cap, "%lld", (long long)*(const int64_t *)field); break;
    case FACET_OPT_NUM: snprintf(out, cap, "%g", *(const double *)field); break;
    case FACET_OPT_CHOICE: choice_text(o, *(const int *)field, out, cap); break;
    default:
        text = *(const char *const *)field;
        snprintf(out, cap, "%s", text ? text : "");
    }
}

const struct facet_opt *facet_opt_find(const struct facet_opt *table, const char *name)
{
    for (; table && table->name; table++)
        if (!strcmp(table->name, name))
            return table;
    return NULL;
}

/* Edits (insert, delete, replace) from a to b, words of at most 31 letters. */
static unsigned edits(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b);
    unsigned row[32];
    if (m > 31 || n > 31)
        return 99;
    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= m; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned best = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[n];
}

const char *facet_opt_nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    unsigned least = 1 + (unsigned)strlen(word) / 3;
    for (; *words; words++) {
        unsigned d = edits(word, *words);
        if (d <= least && (!best || d < least)) {
            least = d;
            best = *words;
        }
    }
    return best;
}
