/* GET /v1/people/{name}/export: all that is held on a person, as one JSON document. */
#include "serve/people.h"

#include "base/base64.h"
#include "base/clock.h"
#include "store/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EXPORT (256u << 20)
#define PAGE 500

static int write_bytes(struct facet_jsonw *w, const char *key, const void *data, size_t len)
{
    char *text = malloc(FACET_BASE64_SIZE(len));
    if (!text)
        return facet_fail_nomem();
    facet_base64_encode(text, data, len);
    facet_jsonw_kstr(w, key, text);
    free(text);
    return FACET_OK;
}

struct templates { struct facet_jsonw *w; int dim; };

static int write_one_template(void *ctx, const struct facet_template *t, const float *embedding)
{
    struct templates *x = ctx;
    facet_jsonw_object(x->w);
    facet__write_template(x->w, t);
    facet_jsonw_kstr(x->w, "source_sha256", t->source_sha256);
    int err = write_bytes(x->w, "embedding_f32le", embedding, (size_t)x->dim * sizeof(*embedding));
    facet_jsonw_end_object(x->w);
    return err;
}

/* ---- what was seen ---- */

struct seen { struct facet_jsonw *w; int64_t last; int n; };

static int write_event(void *ctx, int64_t seq, const struct facet_event *ev)
{
    struct seen *x = ctx;
    struct facet_str text = FACET_STR_INIT;
    x->last = seq;
    x->n++;
    int err = facet_event_to_json(ev, &text);
    if (!err)
        facet_jsonw_raw(x->w, facet_str_text(&text));
    facet_str_fini(&text);
    return err;
}

static int write_events(struct facet_jsonw *w, struct facet_events *e, const char *name)
{
    struct seen x = { .w = w };
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    int err = FACET_OK;
    f.name = name;
    f.limit = PAGE;
    do {
        x.n = 0;
        f.before_seq = x.last;
        err = facet_events_query(e, &f, write_event, &x);
    } while (err >= 0 && x.n == PAGE && !w->out->err);
    return err < 0 ? err : FACET_OK;
}

static int write_snapshot(void *ctx, const char *id, int64_t captured_ms, const void *data, size_t len)
{
    struct facet_jsonw *w = ctx;
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "id", id);
    facet_jsonw_kint(w, "captured_ms", captured_ms);
    int err = write_bytes(w, "data", data, len);
    facet_jsonw_end_object(w);
    return err;
}

static int write_all(struct facet_jsonw *w, struct facet_node *n, struct facet_gallery *g, const struct facet_person *p)
{
    struct facet_events *e = facet_node_events(n);
    struct templates t = { w, facet_gallery_dim(g) };
    facet_jsonw_key(w, "templates");
    facet_jsonw_array(w);
    int err = facet_gallery_templates(g, p->name, write_one_template, &t);
    facet_jsonw_end_array(w);
    facet_jsonw_key(w, "events");
    facet_jsonw_array(w);
    if (!err && e)
        err = write_events(w, e, p->name);
    facet_jsonw_end_array(w);
    facet_jsonw_key(w, "snapshots");
    facet_jsonw_array(w);
    if (!err && e)
        err = facet_events_snapshots(e, p->id, write_snapshot, w);
    facet_jsonw_end_array(w);
    return err;
}

int facet__person_export(void *ctx, struct facet_http_request *q)
{
    struct facet_node *n;
    struct facet_gallery *g;
    struct facet_person p;
    struct facet__answer a;
    int err = facet__need_node(ctx, q, &n);
    if (!err)
        err = facet__need_gallery(ctx, q, &g);
    if (!err)
        err = facet_gallery_person(g, facet_http_param(q, "name"), &p);
    if (err)
        return err;
    facet__answer_begin(&a);
    a.text.max = MAX_EXPORT;
    facet_jsonw_kint(&a.w, "exported_ms", facet_clock_system.wall_ms(facet_clock_system.ctx));
    facet_jsonw_kstr(&a.w, "contract", facet_gallery_contract(g));
    facet_jsonw_key(&a.w, "person");
    facet_jsonw_object(&a.w);
    facet__write_person(&a.w, &p);
    facet_jsonw_end_object(&a.w);
    err = write_all(&a.w, n, g, &p);
    (void)facet_http_set_header(q, "content-disposition", "attachment");
    return facet__answer_end(&a, q, 200, err);
}
