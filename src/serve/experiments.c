/* /v1/experiments: the runs of `facet bench run` in the folder that serve.experiments names, and what the page draws of them. A
 * request names a run; only what the folder holds is opened, so that no path of a request is ever a path of the disk. */
#include "serve/routes.h"

#include "base/file.h"
#include "base/share.h"
#include "report/page.h"
#include "report/runs.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_RUNS 256
#define MAX_REPORT (32u << 20)     /* bytes of JSON: more is for `facet report` */

struct run { char name[256]; int64_t changed_ms; };
struct found { struct run run[MAX_RUNS]; int n; };

static const char *folder_of(struct facet_serve *s)
{
    return facet__serve_site(s)->serve.experiments;
}

/* --- what there is --- */

/* Names that stand in a comma-separated list, and in a page. */
static bool is_plain(const char *name)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == ',' || *c == 0x7f)
            return false;
    return *name && *name != '.';
}

static void take_run(struct found *f, const char *dir, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s/%s/summary.csv", dir, name);
    if (f->n == MAX_RUNS || !is_plain(name) || n < 0 || (size_t)n >= sizeof(path) || stat(path, &st) || !S_ISREG(st.st_mode))
        return;
    struct run *r = &f->run[f->n];
    if (facet_copy_text(r->name, sizeof(r->name), name))
        return;
    r->changed_ms = (int64_t)st.st_mtime * 1000;
    f->n++;
}

static int newest_first(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    int by_time = (y->changed_ms > x->changed_ms) - (y->changed_ms < x->changed_ms);
    return by_time ? by_time : strcmp(x->name, y->name);
}

static int find_runs(struct facet_serve *s, struct found **out)
{
    const char *dir = folder_of(s);
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return facet_fail_nomem();
    DIR *d = *dir ? opendir(dir) : NULL;
    for (const struct dirent *e; d && (e = readdir(d)) != NULL;)
        take_run(*out, dir, e->d_name);
    if (d)
        closedir(d);
    qsort((*out)->run, (size_t)(*out)->n, sizeof((*out)->run[0]), newest_first);
    return FACET_OK;
}

static int list(void *ctx, struct facet_http_request *q)
{
    struct found *f;
    struct facet__answer a;
    int err = find_runs(ctx, &f);
    if (err)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_kbool(&a.w, "configured", *folder_of(ctx) != '\0');
    facet_jsonw_key(&a.w, "items");
    facet_jsonw_array(&a.w);
    for (int i = 0; i < f->n; i++) {
        facet_jsonw_object(&a.w);
        facet_jsonw_kstr(&a.w, "name", f->run[i].name);
        facet_jsonw_kint(&a.w, "changed_ms", f->run[i].changed_ms);
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    facet_jsonw_kstr(&a.w, "next", NULL);
    free(f);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

/* --- a report of some of them --- */

static const struct run *run_of(const struct found *f, const char *name, size_t len)
{
    for (int i = 0; i < f->n; i++)
        if (strlen(f->run[i].name) == len && strncmp(f->run[i].name, name, len) == 0)
            return &f->run[i];
    return NULL;
}

struct chosen { char path[FACET_REPORT_MAX_DIRS][PATH_MAX]; const char *dir[FACET_REPORT_MAX_DIRS]; int n; };

/* "a,b" */
static int choose(struct chosen *c, struct facet_http_request *q, const struct found *f, const char *dir, const char *names)
{
    for (const char *at = names; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");
        const struct run *r = run_of(f, at, len);
        if (!r)
            return facet__refused(q, 404, facet_fail(FACET_E_NOT_FOUND, "there is no run '%.*s'", (int)(len < 100 ? len : 100), at));
        if (c->n == FACET_REPORT_MAX_DIRS)
            return facet__refused(q, 400, facet_fail(FACET_E_LIMIT, "a report is made of %d runs at most", FACET_REPORT_MAX_DIRS));
        snprintf(c->path[c->n], sizeof(c->path[c->n]), "%s/%s", dir, r->name);
        c->dir[c->n] = c->path[c->n];
        c->n++;
        at += len;
    }
    return c->n ? FACET_OK : facet__refused(q, 400, facet_fail(FACET_E_INVALID, "'runs' must name a run, or several with commas"));
}

static int send_report(struct facet_http_request *q, const struct chosen *c, const char *dir)
{
    char prices[PATH_MAX], published[PATH_MAX];
    struct facet_report_page_opts o = { .dirs = c->dir, .n_dirs = c->n };
    struct facet_str json = { .max = MAX_REPORT };
    if (!facet_path_join(prices, sizeof(prices), dir, "prices.yaml") && facet_path_exists(prices))
        o.prices = prices;
    if ((!facet_path_join(published, sizeof(published), dir, "published") && facet_path_exists(published)) ||
        facet_share_find(published, sizeof(published), "published") == FACET_OK)
        o.published = published;
    int err = facet_report_data(&json, &o);
    if (!err) {
        facet_http_status(q, 200);
        (void)facet_http_set_header(q, "cache-control", "no-store");
        err = facet_http_send_str(q, "application/json", &json);
    } else if (err == FACET_E_FORMAT)
        err = facet__refused(q, 422, err);
    facet_str_fini(&json);
    return err;
}

static int report(void *ctx, struct facet_http_request *q)
{
    const char *names = facet_http_query(q, "runs");
    struct chosen *c = calloc(1, sizeof(*c));
    struct found *f = NULL;
    int err = c ? find_runs(ctx, &f) : facet_fail_nomem();
    if (!err)
        err = choose(c, q, f, folder_of(ctx), names ? names : "");
    if (!err)
        err = send_report(q, c, folder_of(ctx));
    free(f);
    free(c);
    return err;
}

static const struct facet_http_route routes[] = {
    { .method = FACET_HTTP_GET, .path = "/v1/experiments", .handler = list, .flags = FACET__ROLE(FACET_ROLE_VIEWER) },
    { .method = FACET_HTTP_GET, .path = "/v1/experiments/report", .handler = report, .flags = FACET__ROLE(FACET_ROLE_VIEWER) },
};

const struct facet__resource facet__resource_experiments = {
    .name = "experiments", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
};
