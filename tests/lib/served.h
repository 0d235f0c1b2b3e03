/* Our own server in the test's process, over two small seeded networks, a gallery and an events store in a scratch folder. */
#ifndef FACET_TESTS_SERVED_H
#define FACET_TESTS_SERVED_H

#include "lib/http_ask.h"
#include "lib/small_models.h"

#include "base/json.h"
#include "base/thread.h"
#include "deploy/node.h"
#include "deploy/site.h"
#include "serve/serve.h"

#include <stdbool.h>

struct served {
    struct scratch folder;
    struct facet_site site;
    struct facet_node *node;
    struct facet_serve *serve;
    struct facet_thread thread;    /* of the node, when it runs */
    bool runs;
    int port;
    char key[128];                 /* the admin's; "": nobody is asked */
};

/* keys: a key is wanted, `key` is the admin's. Otherwise anybody may do anything. */
void served_open(struct served *s, bool keys);
/* The same with cameras (copied), and the node running. */
void served_open_with(struct served *s, bool keys, const struct facet_camera_conf *cameras, int n);
/* The same folder, site and keys again; the site may be changed before. */
void served_restart(struct served *s);
void served_close(struct served *s);

/* Asks as the admin; the answer must have this status. */
struct http_answer served_ask(const struct served *s, const char *method, const char *path, const char *type, const void *body, size_t len,
                              int status);
struct http_answer served_get(const struct served *s, const char *path, int status);
struct http_answer served_post_json(const struct served *s, const char *path, const char *json, int status);
/* The answer as JSON; facet_json_unref it. Takes the answer. */
struct facet_json *served_json(struct http_answer *a);
/* Asserts that the answer, which it takes, has this text in it. */
void served_has(struct http_answer *a, const char *text);

#endif
