/* Everything that is held on a person, for the person: one JSON file, and the pictures beside it. */
#include "base/base64.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "cli/kept.h"
#include "media/picture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PAGE 500
#define LARGEST ((size_t)1 << 30)

struct export { struct facet_kept *k; const char *folder; struct facet_str text; struct facet_jsonw w; int events, pictures; int64_t last; };

static int write_template(void *ctx, const struct facet_template *t, const float *embedding)
{
    struct export *x = ctx;
    size_t len = (size_t)facet_gallery_dim(x->k->gallery) * sizeof(*embedding);
    char text[FACET_BASE64_SIZE(FACET_MAX_EMBEDDING * sizeof(float))];
    facet_base64_encode(text, embedding, len);
    facet_jsonw_object(&x->w);
    facet_jsonw_kint(&x->w, "id", t->id);
    facet_jsonw_knum(&x->w, "quality", (double)t->quality, 9);
    facet_jsonw_kint(&x->w, "created_ms", t->created_ms);
    facet_jsonw_kstr(&x->w, "source", t->source);
    facet_jsonw_kstr(&x->w, "source_sha256", t->source_sha256);
    facet_jsonw_kstr(&x->w, "embedding", text);
    facet_jsonw_end_object(&x->w);
    explicit_bzero(text, sizeof(text));
    return x->text.err;
}

static int write_event(void *ctx, int64_t seq, const struct facet_event *ev)
{
    struct export *x = ctx;
    struct facet_str text = FACET_STR_INIT;
    x->last = seq;
    x->events++;
    int err = facet_event_to_json(ev, &text);
    if (!err)
        facet_jsonw_raw(&x->w, facet_str_text(&text));
    facet_str_fini(&text);
    return err ? err : x->text.err;
}

static int write_events(struct export *x, const char *name)
{
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    int err = FACET_OK, before = -1;
    f.name = name;
    f.limit = PAGE;
    while (!err && x->events > before) {
        before = x->events;
        f.before_seq = x->last;
        err = facet_events_query(x->k->events, &f, write_event, x);
    }
    return err;
}

/* Named by a number: an id comes from outside. */
static int write_picture(void *ctx, const char *id, int64_t captured_ms, const void *data, size_t len)
{
    struct export *x = ctx;
    char name[64], path[4096];
    const char *kind = facet_picture_kind(data, len);
    snprintf(name, sizeof(name), "picture-%04d.%s", ++x->pictures, kind && !strcmp(kind, "png") ? "png" : "jpg");
    int err = facet_path_join(path, sizeof(path), x->folder, name);
    if (!err)
        err = facet_file_write_own(path, data, len, NULL);
    facet_jsonw_object(&x->w);
    facet_jsonw_kstr(&x->w, "id", id);
    facet_jsonw_kstr(&x->w, "file", name);
    facet_jsonw_kint(&x->w, "captured_ms", captured_ms);
    facet_jsonw_end_object(&x->w);
    return err;
}

static int write_all(struct export *x, const struct facet_person *p)
{
    struct facet_gallery_info info;
    int err = facet_gallery_info(x->k->gallery, &info);
    if (err)
        return err;
    facet_jsonw_kstr(&x->w, "name", p->name);
    facet_jsonw_kint(&x->w, "id", p->id);
    facet_jsonw_kstr(&x->w, "note", p->note);
    facet_jsonw_kint(&x->w, "created_ms", p->created_ms);
    facet_jsonw_kstr(&x->w, "recogniser", info.model);
    facet_jsonw_kstr(&x->w, "contract", info.contract);
    facet_jsonw_key(&x->w, "templates");
    facet_jsonw_array(&x->w);
    err = facet_gallery_templates(x->k->gallery, p->name, write_template, x);
    facet_jsonw_end_array(&x->w);
    facet_jsonw_key(&x->w, "events");
    facet_jsonw_array(&x->w);
    if (!err && x->k->events)
        err = write_events(x, p->name);
    facet_jsonw_end_array(&x->w);
    facet_jsonw_key(&x->w, "pictures");
    facet_jsonw_array(&x->w);
    if (!err && x->k->events)
        err = facet_events_snapshots(x->k->events, p->id, write_picture, x);
    facet_jsonw_end_array(&x->w);
    return err;
}

static int make_folder(const char *folder)
{
    if (!mkdir(folder, 0700))
        return FACET_OK;
    return errno == EEXIST ? facet_fail(FACET_E_EXISTS, "'%s' is there already: an export goes into a folder of its own", folder)
                           : facet_fail_errno("make folder", folder);
}

int facet_kept_export(struct facet_kept *k, const char *name, const char *folder, int *events, int *pictures)
{
    struct export x = { .k = k, .folder = folder, .text = { .max = LARGEST } };
    struct facet_person p;
    char path[4096];
    int err = facet_gallery_person(k->gallery, name, &p);
    if (!err)
        err = make_folder(folder);
    if (err)
        return err;
    facet_jsonw_init(&x.w, &x.text, true);
    facet_jsonw_object(&x.w);
    err = write_all(&x, &p);
    facet_jsonw_end_object(&x.w);
    if (!err)
        err = x.text.err ? facet_fail(x.text.err, "cannot write what is held on '%s': it is too much", name) : FACET_OK;
    if (!err)
        err = facet_path_join(path, sizeof(path), folder, "person.json");
    if (!err)
        err = facet_file_write_own(path, x.text.data, x.text.len, NULL);
    if (x.text.data)
        explicit_bzero(x.text.data, x.text.cap);
    facet_str_fini(&x.text);
    *events = x.events;
    *pictures = x.pictures;
    return err;
}
