#include "cli/config.h"

#include "base/errors.h"
#include "base/yaml.h"
#include "cli/cmd.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_KEYS 96

static int refuse_key(const struct facet_cmd *cmd, const struct facet_yaml *m, const char *path)
{
    const char *names[MAX_KEYS + 1] = { NULL };
    size_t n = 0;
    for (const struct facet_opt *o = cmd->options; o->name && n < MAX_KEYS; o++)
        if (!o->cli_only)
            names[n++] = o->name;
    const char *near = facet_opt_nearest(m->key, names);
    if (near)
        return facet_fail(FACET_E_FORMAT, "cannot use '%s' line %d: unknown key '%s', did you mean '%s'?",
                          path, m->key_line, m->key, near);
    return facet_fail(FACET_E_FORMAT,
                      "cannot use '%s' line %d: unknown key '%s'; `facet %s --print-config` lists all",
                      path, m->key_line, m->key, cmd->name);
}

static int apply_member(const struct facet_cmd *cmd, void *options, const struct facet_yaml *m,
                        const char *path)
{
    const struct facet_opt *o = facet_opt_find(cmd->options, m->key);
    if (!o || o->cli_only)
        return refuse_key(cmd, m, path);
    if (m->kind != FACET_YAML_SCALAR)
        return facet_fail(FACET_E_FORMAT, "cannot use '%s' line %d: '%s' wants one value", path, m->line, m->key);
    char origin[160];
    snprintf(origin, sizeof(origin), "cannot use '%.80s' line %d: %.40s", path, m->line, m->key);
    int err = facet_opt_set(o, options, m->text, origin);
    return err ? FACET_E_FORMAT : FACET_OK;
}

int facet_config_apply(struct facet_yaml **keep, const struct facet_cmd *cmd, void *options,
                       const char *path)
{
    int err = facet_yaml_load(keep, path);
    if (err)
        return err;
    if ((*keep)->kind != FACET_YAML_MAP)
        return facet_fail(FACET_E_FORMAT, "cannot use '%s': it must be `key: value` lines", path);
    for (size_t i = 0; !err && i < (*keep)->count; i++)
        err = apply_member(cmd, options, &(*keep)->children[i], path);
    return err;
}

static void variable_name(char *out, size_t cap, const char *prefix, const char *name)
{
    snprintf(out, cap, "%s%s", prefix, name);
    for (char *c = out + strlen(prefix); *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* A variable with the command's prefix that belongs to no option is a typing error. */
static int refuse_unknown_variables(const struct facet_cmd *cmd)
{
    char known[MAX_KEYS][96];
    const char *names[MAX_KEYS + 1] = { NULL };
    size_t n = 0, prefix = strlen(cmd->env_prefix);
    for (const struct facet_opt *o = cmd->options; o && o->name && n < MAX_KEYS; o++)
        if (!o->cli_only) {
            variable_name(known[n], sizeof(known[n]), cmd->env_prefix, o->name);
            names[n] = known[n];
            n++;
        }
    for (char **v = environ; *v; v++) {
        size_t len = strcspn(*v, "="), i = 0;
        if (strncmp(*v, cmd->env_prefix, prefix) != 0)
            continue;
        while (i < n && (strlen(known[i]) != len || strncmp(*v, known[i], len) != 0))
            i++;
        if (i < n)
            continue;
        char name[96];
        snprintf(name, sizeof(name), "%.*s", (int)len, *v);
        const char *near = facet_opt_nearest(name, names);
        return facet_fail(FACET_E_INVALID, "the environment's %s is no option of `facet %s`%s%s", name, cmd->name,
                          near ? "; did you mean " : "", near ? near : "");
    }
    return FACET_OK;
}

int facet_config_environment(const struct facet_cmd *cmd, void *options)
{
    int err = refuse_unknown_variables(cmd);
    for (const struct facet_opt *o = cmd->options; !err && o && o->name; o++) {
        char name[96];
        variable_name(name, sizeof(name), cmd->env_prefix, o->name);
        const char *text = o->cli_only ? NULL : getenv(name);
        if (text && *text)
            err = facet_opt_set(o, options, text, name);
    }
    return err;
}

void facet_config_print(FILE *to, const struct facet_cmd *cmd, const void *options)
{
    fprintf(to, "# facet %s --config FILE; a line with # in front has no value\n", cmd->name);
    for (const struct facet_opt *o = cmd->options; o && o->name; o++) {
        char text[512];
        if (o->cli_only)
            continue;
        facet_opt_text(o, options, text, sizeof(text));
        fprintf(to, "%s%s: %s%s# %s\n", *text ? "" : "#", o->name, text, *text ? "  " : "", o->help);
    }
}
