/* facet enroll: pictures of a person become templates, or are refused with the reason. */
#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/commands.h"
#include "cli/people.h"
#include "deploy/enrol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct enroll_options {
    const char *gallery, *detector, *recogniser, *backend, *dir;
    int64_t min_face;
    double min_quality, threshold;
    bool largest, force;
};

#define ROW(...) FACET_OPT(struct enroll_options, __VA_ARGS__)
#define RANGED(...) FACET_OPT_RANGE(struct enroll_options, __VA_ARGS__)

static const struct facet_opt options[] = {
    ROW(gallery, "gallery", 'g', FACET_OPT_PATH, "FILE", "the gallery, made when it is not there; without it the default one"),
    ROW(dir, "dir", 0, FACET_OPT_PATH, "DIR", "everybody of a folder that holds one folder of pictures for each person"),
    ROW(largest, "largest", 0, FACET_OPT_FLAG, NULL, "of several faces take the largest"),
    ROW(force, "force", 0, FACET_OPT_FLAG, NULL, "although the face is another person's"),
    { .name = "min-quality", .kind = FACET_OPT_NUM, .value = "Q", .min = 0, .max = 1, .fallback = "0.2",
      .offset = offsetof(struct enroll_options, min_quality), .help = "worse faces are refused" },
    RANGED(threshold, "threshold", 't', FACET_OPT_NUM, "COSINE", -1, 1, "another person's face at or above; 0: the model's own"),
    RANGED(min_face, "min-face", 0, FACET_OPT_INT, "PIXELS", 0, 10000, "smallest face looked for; 0: the detector's own"),
    ROW(detector, "detector", 'd', FACET_OPT_STR, "MODEL", "what finds faces"),
    ROW(recogniser, "recogniser", 'r', FACET_OPT_STR, "MODEL", "what tells faces apart; the gallery's unless given"),
    ROW(backend, "backend", 0, FACET_OPT_STR, "NAME", FACET_BACKEND_HELP),
    { .name = NULL },
};

struct enroll {
    struct facet_cli *cli;
    const struct enroll_options *o;
    struct facet_known known;
    struct facet_answer answer;
    int enrolled, there, refused;
};

static void answer_begin(struct enroll *e, const char *state, const char *name, const char *path)
{
    struct facet_jsonw *w = &e->answer.w;
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "file", path);
    facet_jsonw_kstr(w, "name", name);
    facet_jsonw_kstr(w, "state", state);
}

static void tell_enrolled(struct enroll *e, const char *name, const char *path, const struct facet_enrolled *r)
{
    struct facet_jsonw *w = &e->answer.w;
    e->enrolled++;
    facet_say(e->cli, "%s: enrolled as %s, quality %.2f%s\n", path, name, (double)r->quality.score,
              r->was_padded ? " (found with a border around the picture)" : "");
    answer_begin(e, "enrolled", name, path);
    facet_jsonw_kint(w, "template", r->template_id);
    facet_jsonw_knum(w, "quality", (double)r->quality.score, 4);
    facet_jsonw_kint(w, "faces", r->faces);
    facet_jsonw_kbool(w, "padded", r->was_padded);
    facet_say_box(w, r->box);
    facet_jsonw_end_object(w);
}

static void tell_refused(struct enroll *e, const char *name, const char *path, int err)
{
    e->refused++;
    facet_complain("%s", facet_error_text());
    answer_begin(e, "refused", name, path);
    facet_jsonw_kstr(&e->answer.w, "error", facet_error_name(err));
    facet_jsonw_kstr(&e->answer.w, "message", facet_error_text());
    facet_jsonw_end_object(&e->answer.w);
}

static void tell_there(struct enroll *e, const char *name, const char *path)
{
    e->there++;
    facet_say(e->cli, "%s: %s has it already\n", path, name);
    answer_begin(e, "there already", name, path);
    facet_jsonw_end_object(&e->answer.w);
}

/* Which option takes it all the same. */
static int with_hint(const struct enroll *e, int err, const struct facet_enrolled *r)
{
    char why[1024];
    const char *hint = err == FACET_E_MANY_FACES                                         ? "--largest takes the largest"
                       : err == FACET_E_EXISTS && *r->other.name && !e->o->force ? "--force enrols it all the same" : NULL;
    if (!hint)
        return err;
    snprintf(why, sizeof(why), "%s", facet_error_text());
    return facet_fail(err, "%s (%s)", why, hint);
}

static int enrol_image(struct enroll *e, const char *name, const char *path, const struct facet_image *img,
                       struct facet_template *about)
{
    struct facet_enrolled result;
    struct facet_enrol_opts o = {
        .threshold = e->o->threshold,
        .min_quality = e->o->min_quality > 0 ? (float)e->o->min_quality : -1,
        .largest = e->o->largest,
        .force = e->o->force,
        .file = path,
    };
    int err = facet_enrol(e->known.recogniser, e->known.gallery, name, img, about, &o, &result);
    if (!err)
        tell_enrolled(e, name, path, &result);
    return with_hint(e, err, &result);
}

/* What is wrong with one picture does not keep the others out; what is wrong with us does. */
static bool is_the_pictures_fault(int err)
{
    return err != FACET_E_NOMEM && err != FACET_E_STORE && err != FACET_E_INTERNAL && err != FACET_E_CONTRACT &&
           err != FACET_E_CANCELLED;
}

static int enrol_file(struct enroll *e, const char *name, const char *path)
{
    struct facet_image img = { .data = NULL };
    struct facet_template about = { .quality = 0 };
    bool has = false;
    if (*e->cli->cancel)
        return facet_fail(FACET_E_CANCELLED, "interrupted");
    snprintf(about.source, sizeof(about.source), "%s", facet_path_base(path));
    int err = facet_known_picture(&img, path, about.source_sha256);
    if (!err)
        err = facet_gallery_has_source(e->known.gallery, name, about.source_sha256, &has);
    if (!err && has)
        tell_there(e, name, path);
    else if (!err)
        err = enrol_image(e, name, path, &img, &about);
    facet_image_fini(&img);
    if (!err || !is_the_pictures_fault(err))
        return err;
    tell_refused(e, name, path, err);
    return FACET_OK;
}

/* DIR/NAME/picture: the folder above the file is the person. */
static int enrol_found(void *ctx, const char *path)
{
    struct enroll *e = ctx;
    const char *file = facet_path_base(path), *above = path + strlen(e->o->dir);
    above += strspn(above, "/");
    size_t len = strcspn(above, "/");
    char name[FACET_MAX_NAME];
    if (above + len + 1 != file)
        return FACET_OK; /* beside the folders, or deeper */
    if (len >= sizeof(name))
        return facet_fail(FACET_E_INVALID, "the folder's name '%.40s...' is too long for a person's", above);
    memcpy(name, above, len);
    name[len] = '\0';
    return enrol_file(e, name, path);
}

static int enrol_all(struct enroll *e, int argc, char **argv)
{
    int err = FACET_OK;
    if (e->o->dir)
        return facet_walk(e->o->dir, 2, enrol_found, e);
    for (int i = 1; !err && i < argc; i++)
        err = enrol_file(e, argv[0], argv[i]);
    return err;
}

static int finish(struct enroll *e)
{
    if (!e->enrolled && !e->there && !e->refused)
        return facet_fail(FACET_E_NOT_FOUND, "there is no picture in a folder in '%s'", e->o->dir);
    if (e->enrolled + e->there + e->refused > 1)
        facet_say(e->cli, "%d enrolled, %d there already, %d refused\n", e->enrolled, e->there, e->refused);
    struct facet_jsonw *w = &e->answer.w;
    facet_jsonw_end_array(w);
    facet_jsonw_kstr(w, "gallery", facet_gallery_path(e->known.gallery));
    facet_jsonw_kint(w, "enrolled", e->enrolled);
    facet_jsonw_kint(w, "there_already", e->there);
    facet_jsonw_kint(w, "refused", e->refused);
    int err = e->cli->json ? facet_answer_end(&e->answer) : FACET_OK;
    return err ? err : e->refused ? FACET_EXIT_INPUT : FACET_EXIT_OK;
}

static int enroll_run(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct enroll e = { .cli = cli, .o = opts };
    if (e.o->dir ? argc != 0 : argc < 2)
        return facet_usage(cli, e.o->dir ? "--dir takes names from the folders, no words besides"
                                         : "words are missing: NAME PICTURE...");
    struct facet_known_opts k = { e.o->gallery, e.o->detector, e.o->recogniser, e.o->min_face, .cli = cli, .backend = e.o->backend, .create = true };
    int code = facet_known_open(&e.known, &k);
    facet_answer_begin(&e.answer);
    facet_jsonw_key(&e.answer.w, "pictures");
    facet_jsonw_array(&e.answer.w);
    if (!code)
        code = enrol_all(&e, argc, argv);
    if (!code)
        code = finish(&e);
    facet_known_close(&e.known);
    facet_str_fini(&e.answer.text);
    return code;
}

const struct facet_cmd facet_cmd_enroll = {
    .name = "enroll",
    .group = "People",
    .summary = "make people known from pictures",
    .usage = "[options] NAME PICTURE... | --dir DIR",
    .details = "Refused are pictures without a face, with several, with a poor one, and with one that is another person's. "
               "Where no face is found, a border around the picture is tried: a face that fills it is found then. "
               "A picture that a person has already is skipped.",
    .options = options,
    .options_size = sizeof(struct enroll_options),
    .max_args = -1,
    .examples = "  facet enroll 'Ada Lovelace' ada1.jpg ada2.jpg\n"
                "  facet enroll --gallery staff.db --dir photos/\n",
    .env_prefix = "FACET_ENROLL_",
    .run = enroll_run,
};
