#include "net/http/post.h"

#include "base/errors.h"
#include "base/module.h"
#include "net/http/post_module.h"

#include <stdlib.h>
#include <string.h>

struct facet_post {
    const struct facet_post_module *module;
    struct facet_post_client *client;
    struct facet_post_opts o;
};

int facet_post_open(struct facet_post **out, const struct facet_post_opts *o)
{
    const void *table = NULL;
    *out = NULL;
    int err = facet_module_open(&table, "facet-curl", FACET_POST_MODULE_SYMBOL, "libcurl4");
    if (err)
        return err;
    const struct facet_post_module *m = table;
    if (m->version != FACET_POST_MODULE_VERSION)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use the module facet-curl: it is of another version of facet");
    struct facet_post *p = calloc(1, sizeof(*p));
    if (!p)
        return facet_fail_nomem();
    *p = (struct facet_post){ .module = m, .o = *o };
    p->o.connect_s = o->connect_s ? o->connect_s : 10;
    p->o.total_s = o->total_s ? o->total_s : 30;
    err = m->open(&p->client) ? facet_fail_nomem() : FACET_OK;
    if (err)
        facet_post_close(&p);
    *out = p;
    return err;
}

void facet_post_close(struct facet_post **p)
{
    if (!*p)
        return;
    (*p)->module->close(&(*p)->client);
    free(*p);
    *p = NULL;
}

int facet_post_send(struct facet_post *p, const struct facet_post_request *q, struct facet_post_answer *out)
{
    char why[256] = "";
    *out = (struct facet_post_answer){ 0 };
    if (strncmp(q->url, "https://", 8) != 0 && strncmp(q->url, "http://", 7) != 0)
        return facet_fail(FACET_E_INVALID, "cannot post: the address begins with neither https:// nor http://");
    int err = p->module->send(p->client, &p->o, q, out, why, sizeof(why));
    return err ? facet_fail(err, "cannot post: %s", why) : FACET_OK;
}
