#include "deploy/tuning.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/str.h"
#include "base/yaml.h"
#include "flow/stage.h"
#include "models/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY 256

void facet_tuning_here(struct facet_tuning *out)
{
    *out = (struct facet_tuning){ .cpus = facet_cpu_count(), .flags = facet_cpu_flags(NULL) };
    facet_cpu_model(out->cpu, sizeof(out->cpu));
    facet_copy_text(out->kernels, sizeof(out->kernels), facet_cpu_kind(out->flags));
}

int facet_tuning_path(char *out, size_t cap)
{
    char dir[2048];
    const char *own = getenv("FACET_TUNING");
    if (own && *own)
        return facet_copy_text(out, cap, own);
    int err = facet_config_dir(dir, sizeof(dir));
    return err ? err : facet_path_join(out, cap, dir, "tune.yaml");
}

/* ---- reading ---- */

static int whole(const struct facet_yaml *y, const char *key, int least, int most, int *out)
{
    double v = 0;
    const struct facet_yaml *member = facet_yaml_get(y, key);
    int err = facet_yaml_num(y, key, 0, &v);
    if (!err && member && (v < least || v > most || v != (double)(int)v))
        err = facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: '%s' is no whole number from %d to %d", member->origin,
                         member->line, key, least, most);
    *out = err ? 0 : (int)v;
    return err;
}

static int text(const struct facet_yaml *y, const char *key, char *out, size_t cap)
{
    const char *v = facet_yaml_str(y, key, "");
    const struct facet_yaml *member = facet_yaml_get(y, key);
    if (strlen(v) >= cap || (member && member->kind != FACET_YAML_SCALAR))
        return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: '%s' is no short text", member->origin, member->line, key);
    return facet_copy_text(out, cap, v);
}

static int read_members(struct facet_tuning *t, const struct facet_yaml *y, const char *path)
{
    static const char *const known[] = { "tuning", "facet", "made", "cpu", "kernels", "flags", "cpus", "detector_threads",
                                         "recogniser_threads", "batch", "recogniser", "together", "scan_every", "scan_detector", NULL };
    int cpus = 0, flags = 0;
    int err = facet_yaml_only(y, known, path);
    if (!err && strcmp(facet_yaml_str(y, "tuning", ""), "1"))
        err = facet_fail(FACET_E_FORMAT, "cannot read '%s': it does not say 'tuning: 1'", path);
    if (!err)
        err = text(y, "cpu", t->cpu, sizeof(t->cpu));
    if (!err)
        err = text(y, "kernels", t->kernels, sizeof(t->kernels));
    if (!err)
        err = text(y, "recogniser", t->recogniser, sizeof(t->recogniser));
    if (!err)
        err = whole(y, "cpus", 1, 1 << 16, &cpus);
    if (!err)
        err = whole(y, "flags", 0, 1 << 20, &flags);
    if (!err)
        err = whole(y, "detector_threads", 1, 256, &t->detector_threads);
    if (!err)
        err = whole(y, "recogniser_threads", 1, 256, &t->recogniser_threads);
    if (!err)
        err = whole(y, "batch", 1, 256, &t->batch);
    if (!err)
        err = whole(y, "together", 1, FACET_FLOW_TOGETHER, &t->together);
    if (!err)
        err = whole(y, "scan_every", 1, 10000, &t->scan_every);
    if (!err)
        err = text(y, "scan_detector", t->scan_detector, sizeof(t->scan_detector));
    t->cpus = (unsigned)cpus;
    t->flags = (unsigned)flags;
    return err;
}

/* Says in `why` what differs. */
static bool fits_here(const struct facet_tuning *t, const struct facet_yaml *y, char why[WHY], const char *path)
{
    struct facet_tuning here;
    facet_tuning_here(&here);
    const char *what = NULL;
    if (strcmp(facet_yaml_str(y, "facet", ""), FACET_VERSION))
        what = "another release of facet";
    else if (strcmp(t->cpu, here.cpu) || t->flags != here.flags)
        what = "another processor";
    else if (t->cpus != here.cpus)
        what = "another number of processors";
    if (what)
        snprintf(why, WHY, "'%.160s' is of %s and not used: run facet tune", path, what);
    return !what;
}

int facet_tuning_load(struct facet_tuning *out, const char *path, char *why)
{
    char found[4096], unused[WHY];
    struct facet_yaml *y = NULL;
    why = why ? why : unused;
    *why = '\0';
    *out = (struct facet_tuning){ .is_there = false };
    if (!path && facet_tuning_path(found, sizeof(found)))
        return FACET_OK;
    path = path ? path : found;
    if (!facet_path_exists(path))
        return FACET_OK;
    int err = facet_yaml_load(&y, path);
    if (!err)
        err = read_members(out, y, path);
    if (!err)
        out->is_there = fits_here(out, y, why, path);
    facet_yaml_free(&y);
    if (err || !out->is_there)
        *out = (struct facet_tuning){ .is_there = false };
    return err && err != FACET_E_NOMEM ? facet_fail_prefix(err, "the tuning file is damaged (remove it, or run facet tune)") : err;
}

const char *facet_tuning_recogniser(const struct facet_tuning *t, const struct facet_manifest *m)
{
    const struct facet_model_spec *s = t && *t->recogniser ? facet_manifest_find(m, t->recogniser) : NULL;
    return s && !strcmp(s->task, "embed") && facet_model_present(s) ? t->recogniser : NULL;
}

int facet_tuning_scan_every(const struct facet_tuning *t, const char *detector)
{
    return t->is_there && !strcmp(t->scan_detector, detector) ? t->scan_every : 0;
}

/* ---- writing ---- */

static void quote(struct facet_str *s, const char *key, const char *value)
{
    facet_str_printf(s, "%s: '", key);
    for (const char *c = value; *c; c++)
        facet_str_printf(s, *c == '\'' ? "''" : "%c", *c);
    facet_str_puts(s, "'\n");
}

int facet_tuning_save(const struct facet_tuning *t, const char *path)
{
    struct facet_str s = FACET_STR_INIT;
    char made[25], dir[4096];
    facet_format_time(made, facet_clock_system.wall_ms(NULL));
    facet_str_puts(&s, "# Made by facet tune; flags and configuration files say more than this.\ntuning: 1\n");
    quote(&s, "facet", FACET_VERSION);
    quote(&s, "made", made);
    quote(&s, "cpu", t->cpu);
    quote(&s, "kernels", t->kernels);
    facet_str_printf(&s, "flags: %u\ncpus: %u\n", t->flags, t->cpus);
    if (t->detector_threads)
        facet_str_printf(&s, "detector_threads: %d\n", t->detector_threads);
    if (t->recogniser_threads)
        facet_str_printf(&s, "recogniser_threads: %d\n", t->recogniser_threads);
    if (t->batch)
        facet_str_printf(&s, "batch: %d\n", t->batch);
    if (*t->recogniser)
        quote(&s, "recogniser", t->recogniser);
    if (t->together)
        facet_str_printf(&s, "together: %d\n", t->together);
    if (t->scan_every) {
        facet_str_printf(&s, "scan_every: %d\n", t->scan_every);
        quote(&s, "scan_detector", t->scan_detector);
    }
    int err = s.err ? facet_fail_nomem() : facet_copy_text(dir, sizeof(dir), path);
    char *slash = err ? NULL : strrchr(dir, '/');
    if (slash && slash != dir) {
        *slash = '\0';
        err = facet_mkdirs(dir);
    }
    if (!err)
        err = facet_file_write_atomic(path, s.data, s.len);
    facet_str_fini(&s);
    return err;
}
