/* facet doctor: what this machine has, what is wrong with it, and what to do about each fault.
 * A check is one function and one line in `checks`. */
#include "base/cpu.h"
#include "base/errors.h"
#include "base/module.h"
#include "base/str.h"
#include "base/file.h"
#include "base/pool.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "engine/backend.h"
#include "measure/measure.h"
#include "media/video.h"
#include "models/models.h"
#include "net/http/fetch.h"
#include "net/http/server_module.h"
#include "store/gallery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum state { GOOD, NOTE, FAULT };

struct doctor {
    const struct facet_cli *cli;
    struct facet_answer *answer;       /* NULL: text */
    const struct facet_manifest *manifest;
    int notes, faults;
};

static const char *const state_names[] = { "ok", "note", "FAULT" };

/* One finding. `remedy` is what to do, NULL when there is nothing. */
static void tell(struct doctor *d, enum state state, const char *what, const char *finding, const char *remedy)
{
    d->notes += state == NOTE;
    d->faults += state == FAULT;
    if (!d->answer) {
        printf("%-6s %-12s %s\n", state_names[state], what, finding);
        if (remedy)
            printf("%-6s %-12s   -> %s\n", "", "", remedy);
        return;
    }
    struct facet_jsonw *w = &d->answer->w;
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "check", what);
    facet_jsonw_kstr(w, "state", state == FAULT ? "fault" : state_names[state]);
    facet_jsonw_kstr(w, "finding", finding);
    if (remedy)
        facet_jsonw_kstr(w, "remedy", remedy);
    facet_jsonw_end_object(w);
}

static void check_processor(struct doctor *d)
{
    char model[96], text[256];
    const char *why = NULL;
    uint32_t flags = facet_cpu_flags(&why);
    facet_cpu_model(model, sizeof(model));
    snprintf(text, sizeof(text), "%s: %s kernels%s%s, %u threads", model, facet_cpu_kind(flags),
             flags & FACET_CPU_AVX512_VNNI ? ", vnni" : "", flags & FACET_CPU_AVX512_BF16 ? ", bf16" : "",
             facet_cpu_count());
    tell(d, GOOD, "processor", text, NULL);
    if (why)
        tell(d, NOTE, "FACET_CPU", why, "unset FACET_CPU, or set it to c, avx2, avx512 or neon");
    if (flags == 0)
        tell(d, NOTE, "kernels", "plain C: correct, but slow", NULL);
}

/* A file that cannot be there tells whether the module is: without it the refusal comes first. */
static void check_video(struct doctor *d)
{
    struct facet_video *v = NULL;
    struct facet_video_opts o = FACET_VIDEO_OPTS_INIT;
    int err = facet_video_open(&v, "/nonexistent/facet-doctor.mp4", &o);
    facet_video_close(&v);
    if (err == FACET_E_UNSUPPORTED)
        tell(d, FAULT, "video", facet_error_text(), "pictures still work; for videos install FFmpeg's libraries");
    else
        tell(d, GOOD, "video", "FFmpeg module opens", NULL);
}

static void check_downloads(struct doctor *d)
{
    struct facet_fetch *f = NULL;
    struct facet_fetch_opts o = FACET_FETCH_OPTS_INIT;
    int err = facet_fetch_open(&f, &o);
    facet_fetch_close(&f);
    if (err)
        tell(d, FAULT, "downloads", facet_error_text(), "install libcurl4, or set FACET_MIRROR to a folder with the files");
    else
        tell(d, GOOD, "downloads", "curl module opens", NULL);
    const char *mirror = getenv("FACET_MIRROR");
    if (!mirror || !*mirror)
        return;
    if (facet_path_is_dir(mirror))
        tell(d, GOOD, "mirror", mirror, NULL);
    else
        tell(d, FAULT, "mirror", "FACET_MIRROR names no folder", "unset it, or set it to the folder with models/ and data/");
}

static void check_server(struct doctor *d)
{
    const void *table = NULL;
    if (facet_module_open(&table, "facet-http", FACET_HTTP_MODULE_SYMBOL, "libnghttp2-14 libssl3"))
        tell(d, NOTE, "server", facet_error_text(), "facet serve still answers on this machine, without TLS and HTTP/2");
    else
        tell(d, GOOD, "server", "TLS and HTTP/2 module opens", NULL);
}

static void check_model(struct doctor *d, const struct facet_model_spec *s)
{
    char text[512], remedy[160];
    snprintf(text, sizeof(text), "%s (%s%s%s)", s->name, s->licence ? s->licence : "no licence stated",
             s->licence_note && *s->licence_note ? "; " : "", s->licence_note ? s->licence_note : "");
    if (!facet_model_present(s)) {
        if (!s->is_default)
            return;
        snprintf(remedy, sizeof(remedy), "facet models pull %s", s->name);
        snprintf(text, sizeof(text), "%s, a default, is not here", s->name);
        tell(d, FAULT, "model", text, remedy);
        return;
    }
    int err = facet_model_check(s);
    snprintf(remedy, sizeof(remedy), "facet models pull --force %s", s->name);
    if (err)
        tell(d, FAULT, "model", facet_error_text(), remedy);
    else
        tell(d, GOOD, "model", text, NULL);
}

static void check_models(struct doctor *d)
{
    if (!d->manifest) {
        tell(d, FAULT, "manifest", facet_error_text(), "set FACET_MANIFEST to models/manifest.yaml, or install again");
        return;
    }
    for (size_t i = 0; i < facet_manifest_count(d->manifest); i++)
        check_model(d, facet_manifest_at(d->manifest, i));
}

static void check_folder(struct doctor *d, const char *what, const char *variable,
                         int (*find)(char *out, size_t cap))
{
    char path[1024], text[1200], remedy[160];
    struct statvfs fs;
    snprintf(remedy, sizeof(remedy), "set %s to a folder that you may write", variable);
    if (find(path, sizeof(path))) {
        tell(d, FAULT, what, facet_error_text(), remedy);
        return;
    }
    if (access(path, W_OK) && facet_path_exists(path)) {
        snprintf(text, sizeof(text), "%s cannot be written", path);
        tell(d, FAULT, what, text, remedy);
        return;
    }
    double free_mb = statvfs(path, &fs) ? -1 : (double)fs.f_bavail * (double)fs.f_frsize / 1e6;
    bool is_tight = free_mb >= 0 && free_mb < 500;
    snprintf(text, sizeof(text), free_mb >= 0 ? "%s, %.0f MB free" : "%s", path, free_mb);
    tell(d, is_tight ? NOTE : GOOD, what, text, is_tight ? "models and packed weights want about 500 MB" : NULL);
}

static void check_folders(struct doctor *d)
{
    check_folder(d, "data", "FACET_DATA", facet_data_dir);
    check_folder(d, "models", "FACET_MODELS", facet_models_dir);
    check_folder(d, "cache", "FACET_CACHE", facet_cache_dir);
}

static void check_gallery(struct doctor *d)
{
    struct facet_gallery *g = NULL;
    struct facet_gallery_opts o = FACET_GALLERY_OPTS_INIT;
    struct facet_gallery_info info;
    char text[256];
    o.read_only = true;
    int err = facet_gallery_open(&g, &o);
    if (err == FACET_E_NOT_FOUND) {
        tell(d, NOTE, "gallery", "there is no default gallery: nobody is known", "facet enroll NAME PICTURE...");
        return;
    }
    if (!err)
        err = facet_gallery_check(g);
    if (!err)
        err = facet_gallery_info(g, &info);
    if (err) {
        tell(d, FAULT, "gallery", facet_error_text(), "facet gallery check tells more; restore it from an export");
    } else {
        snprintf(text, sizeof(text), "%lld people, %lld templates of %s", (long long)info.people,
                 (long long)info.templates, info.model);
        tell(d, GOOD, "gallery", text, NULL);
    }
    facet_gallery_close(&g);
}

static void check_gpu(struct doctor *d)
{
    if (access("/proc/driver/nvidia/version", R_OK) == 0)
        tell(d, NOTE, "gpu", "an NVIDIA driver is loaded; this version has no back end for it", NULL);
    else if (access("/dev/dri", F_OK) == 0 || access("/dev/kfd", F_OK) == 0)
        tell(d, NOTE, "gpu", "a graphics device is there; this version has no back end for it", NULL);
    else
        tell(d, GOOD, "gpu", "none; none is needed", NULL);
}

/* Other people's engines are never needed: one that is absent is no fault. */
static void check_backends(struct doctor *d)
{
    for (int i = 0; facet_backend_names[i]; i++) {
        const struct facet_backend_ops *ops = NULL;
        char version[64] = "", text[160];
        bool is_ours = !strcmp(facet_backend_names[i], "cpu") || !strcmp(facet_backend_names[i], "ref");
        if (is_ours)
            continue;
        if (facet_backend_find(&ops, facet_backend_names[i])) {
            tell(d, GOOD, "back end", facet_error_text(), NULL);
            continue;
        }
        if (ops->available)
            ops->available(version, sizeof(version));
        snprintf(text, sizeof(text), "%s %s: --backend %s", ops->name, version, ops->name);
        tell(d, GOOD, "back end", text, NULL);
    }
}

/* Each reader by its name: what is here, and why the others are not. */
static void check_energy(struct doctor *d)
{
    static const char *const words[] = { "absent", "estimated", "real" };
    struct facet_energy_reader r[FACET_ENERGY_READERS];
    struct facet_str text = FACET_STR_INIT;
    bool is_any = false;
    int n = facet_energy_readers(r, "", NULL);
    for (int i = 0; i < n; i++) {
        (void)facet_str_printf(&text, "%s%s %s", i ? ", " : "", r[i].name, words[r[i].state]);
        is_any = is_any || r[i].state == FACET_ENERGY_REAL;
    }
    tell(d, is_any ? GOOD : NOTE, "energy", facet_str_text(&text),
         is_any ? NULL : access("/sys/class/powercap/intel-rapl:0", F_OK) ? "facet run --idle-watts W --core-watts W estimates it"
                                                                        : "let your user read /sys/class/powercap/*/energy_uj");
    facet_str_fini(&text);
}

static void (*const checks[])(struct doctor *d) = {
    check_processor, check_video, check_downloads, check_server, check_models, check_folders, check_gallery, check_gpu, check_backends, check_energy,
};

static int doctor_run(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct facet_answer a;
    struct facet_manifest *manifest = NULL;
    struct doctor d = { .cli = cli, .answer = cli->json ? &a : NULL };
    if (d.answer) {
        facet_answer_begin(&a);
        facet_jsonw_kstr(&a.w, "version", FACET_VERSION);
        facet_jsonw_key(&a.w, "checks");
        facet_jsonw_array(&a.w);
    }
    if (facet_manifest_open(&manifest, NULL) == FACET_OK)
        d.manifest = manifest;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        checks[i](&d);
    facet_manifest_close(&manifest);
    facet_say(cli, "%d fault%s, %d note%s\n", d.faults, d.faults == 1 ? "" : "s", d.notes, d.notes == 1 ? "" : "s");
    int code = d.faults ? FACET_EXIT_NO : FACET_EXIT_OK;
    if (!d.answer)
        return code;
    facet_jsonw_end_array(&a.w);
    facet_jsonw_kint(&a.w, "faults", d.faults);
    int err = facet_answer_end(&a);
    return err ? err : code;
}

const struct facet_cmd facet_cmd_doctor = {
    .name = "doctor",
    .group = "Help",
    .summary = "look over processor, libraries, models, folders, gallery; say what to do",
    .usage = "",
    .details = "Exit code 1 when there is a fault. A note is worth knowing and needs nothing.",
    .run = doctor_run,
};
