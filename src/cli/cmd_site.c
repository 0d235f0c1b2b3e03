/* facet site: the file that devices and servers run by. */
#include "base/errors.h"
#include "base/str.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "deploy/site.h"

#include <stdio.h>
#include <stdlib.h>

struct site_options { bool device; };

static const struct facet_opt options[] = {
    FACET_OPT(struct site_options, device, "device", 0, FACET_OPT_FLAG, NULL, "check, too, whether a device can run by it"),
    { .name = NULL },
};

static int tell(struct facet_str *s, int err)
{
    if (!err && fputs(facet_str_text(s), stdout) < 0)
        err = facet_fail(FACET_E_IO, "cannot write the answer");
    facet_str_fini(s);
    return err;
}

static int site_example(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct facet_str s = FACET_STR_INIT;
    (void)cli, (void)opts, (void)argc, (void)argv;
    return tell(&s, facet_site_example(&s));
}

static int site_keys(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct facet_str s = FACET_STR_INIT;
    (void)cli, (void)opts, (void)argc, (void)argv;
    return tell(&s, facet_site_table(&s));
}

static int load(struct facet_site **out, const char *path, bool is_device)
{
    struct facet_site *s = calloc(1, sizeof(*s));
    int err = s ? facet_site_load(s, path) : facet_fail_nomem();
    if (!err && is_device)
        err = facet_site_check_device(s);
    if (err) {
        if (s)
            facet_site_fini(s);
        free(s);
        s = NULL;
    }
    *out = s;
    return err;
}

static void drop(struct facet_site *s)
{
    facet_site_fini(s);
    free(s);
}

static int site_check(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct site_options *o = opts;
    struct facet_site *s;
    (void)argc;
    int err = load(&s, argv[0], o->device);
    if (err)
        return err;
    facet_say(cli, "'%s' is right: site %s, device %s, strategy %s, %d camera%s\n", argv[0], s->name, s->device, s->strategy,
              s->n_cameras, s->n_cameras == 1 ? "" : "s");
    drop(s);
    return FACET_EXIT_OK;
}

static int site_show(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct site_options *o = opts;
    struct facet_str text = FACET_STR_INIT;
    struct facet_site *s;
    (void)cli, (void)argc;
    int err = load(&s, argv[0], o->device);
    if (err)
        return err;
    err = facet_site_print(s, &text);
    drop(s);
    return tell(&text, err);
}

static const struct facet_sub subs[] = {
    { "example", "", "write a file with every key, its default and what it means", 0, 0, site_example },
    { "check", "FILE", "say whether a file is right, and what is wrong", 1, 1, site_check },
    { "show", "FILE", "every key as it is after file and environment, without secrets", 1, 1, site_show },
    { "keys", "", "every key as a table (Markdown)", 0, 0, site_keys },
    { NULL },
};

const struct facet_cmd facet_cmd_site = {
    .name = "site",
    .group = "Look",
    .summary = "the file that devices and servers run by: example, check, show",
    .usage = "example|check|show|keys [FILE]",
    .details = "One YAML file describes a device or a server: cameras, models, gallery, broker, what is kept. "
               "facet run --config FILE runs a device by it. Each key can be overridden by the environment, "
               "FACET_SITE_MQTT_HOST for mqtt.host; secrets can be file:PATH, env:NAME or credential:NAME.",
    .options = options,
    .options_size = sizeof(struct site_options),
    .max_args = -1,
    .subs = subs,
    .examples = "  facet site example > site.yaml\n"
                "  facet site check --device site.yaml\n",
};
