/* Between the files of serve/. A handler gets the struct facet_serve as its ctx. */
#ifndef FACET_SERVE_PRIV_H
#define FACET_SERVE_PRIV_H

#include "base/json.h"
#include "serve/serve.h"

/* Route flags: least role, and who else. */
#define FACET__ROLE(r) ((unsigned)(r))             /* bits 0..3 */
#define FACET__ROLE_OF(flags) ((enum facet_role)((flags) & 15u))

struct facet__resource {           /* one per file; routes.c lists them */
    const char *name;
    const struct facet_http_route *routes; size_t n_routes;
    /* CompreFace, OIP and TF-Serving have error shapes of their own; NULL: {"error":{"code","message"},"request_id"} */
    void (*fail)(struct facet_http_request *q, int status, const char *code, const char *message);
};

struct facet_node *facet__serve_node(struct facet_serve *s);
struct facet_engine_room *facet__serve_engine(struct facet_serve *s);

/* Answers. `w` wrote into `text`; takes the text. */
int facet__answer_json(struct facet_http_request *q, int status, struct facet_str *text);
int facet__answer_error(struct facet_http_request *q, int status, const char *code, const char *message);
/* A body that must be a JSON object. */
int facet__body_json(struct facet_http_request *q, struct facet_json **out);
/* A picture from multipart `part`, from a raw image body, or from base64 in the JSON member `part`. RGB24; the caller frees by facet_image_fini. */
struct facet_image;
int facet__body_picture(struct facet_http_request *q, const char *part, struct facet_image *out);

#endif
