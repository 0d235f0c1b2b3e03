/* Between the files of serve/. A handler gets the struct facet_serve as its ctx. */
#ifndef FACET_SERVE_PRIV_H
#define FACET_SERVE_PRIV_H

#include "base/errors.h"
#include "base/json.h"
#include "base/str.h"
#include "serve/serve.h"

/* Route flags: least role, and who else. Viewer < operator < admin; a device is beside them: it may what is public, and what
 * has FACET__ALSO_DEVICE. FACET__ROLE(FACET_ROLE_DEVICE) is the same as an operator's with FACET__ALSO_DEVICE. */
#define FACET__ROLE(r) ((unsigned)(r))             /* bits 0..3 */
#define FACET__ROLE_OF(flags) ((enum facet_role)((flags) & 15u))
#define FACET__ALSO_DEVICE 16u
#define FACET__NO_CSRF 32u                         /* login: there is no session yet */

#define FACET__MAX_JSON (1u << 20)                 /* bytes of a JSON body */
#define FACET__MAX_PICTURES (32u << 20)            /* bytes of a body with pictures */

struct facet__resource {           /* one per file; routes.c lists them */
    const char *name;
    const struct facet_http_route *routes; size_t n_routes;
    /* CompreFace, OIP and TF-Serving have error shapes of their own; NULL: {"error":{"code","message"},"request_id"} */
    void (*fail)(struct facet_http_request *q, int status, const char *code, const char *message);
    /* What it keeps while the server runs; all three may be NULL. Routes are served between the two; threads of its own end
     * in close, which comes after the last handler. */
    int (*open)(struct facet_serve *s, void **state);
    void (*close)(struct facet_serve *s, void *state);
    /* Before the server waits for answers under way: streams are to be ended. */
    void (*stop)(struct facet_serve *s, void *state);
    /* After each request of any resource: metrics and logs. On the server's loop: quick. */
    void (*done)(struct facet_serve *s, void *state, const struct facet_http_request *q, int status, uint64_t queued_ns,
                 uint64_t worked_ns, size_t bytes_in, size_t bytes_out);
};
/* In the order of routes.c. */
extern const struct facet__resource *const facet__resources[];     /* NULL-ended */
/* Whose route it is; NULL for NULL. */
const struct facet__resource *facet__resource_of(const struct facet_serve *s, const struct facet_http_route *r);
void *facet__serve_state(struct facet_serve *s, const struct facet__resource *r);

struct facet_node *facet__serve_node(struct facet_serve *s);               /* NULL: there is none */
struct facet_engine_room *facet__serve_engine(struct facet_serve *s);
const struct facet_site *facet__serve_site(struct facet_serve *s);
/* FACET_E_UNSUPPORTED with status 503 where there is none. */
int facet__need_node(struct facet_serve *s, struct facet_http_request *q, struct facet_node **out);
int facet__need_gallery(struct facet_serve *s, struct facet_http_request *q, struct facet_gallery **out);
int facet__need_engine(struct facet_serve *s, struct facet_http_request *q, struct facet_engine_room **out);

/* Who asks. */
struct facet__asker {
    enum facet_role role;
    char name[64];                 /* the key's or user's; "" for nobody */
    bool by_session;
};
const struct facet__asker *facet__asker(const struct facet_http_request *q);

/* Answers. `w` wrote into `text`; takes the text. */
int facet__answer_json(struct facet_http_request *q, int status, struct facet_str *text);
/* By the shape of the resource that the route belongs to. */
int facet__answer_error(struct facet_http_request *q, int status, const char *code, const char *message);
/* 204. */
int facet__answer_nothing(struct facet_http_request *q);
/* Sets the status of a refusal and returns err: return facet__refused(q, 422, facet_fail(...)); */
int facet__refused(struct facet_http_request *q, int status, int err);
/* The word of the envelope for an error: "not_found"; the status may say more ("unauthorized"). */
const char *facet__code_of(int status, int err, char *buf, size_t cap);
int facet__status_of_error(int err);

/* {"items":[ ... ],"next":...}: begin, one value after the other, end. */
struct facet__answer { struct facet_str text; struct facet_jsonw w; };
void facet__answer_begin(struct facet__answer *a);                 /* { */
int facet__answer_end(struct facet__answer *a, struct facet_http_request *q, int status, int err);      /* } ; frees on error */

/* A body that must be a JSON object. 415 unless its content-type is application/json; 400. */
int facet__body_json(struct facet_http_request *q, struct facet_json **out);
/* A text member, not empty; 422 names it. */
int facet__json_text(struct facet_http_request *q, const struct facet_json *j, const char *key, const char **out);
/* A number of the query within limits; `fallback` when it is not there; 400. */
int facet__asked_num(struct facet_http_request *q, const char *key, double low, double high, double fallback, double *out);

/* Picture number `i` (from 0): of the multipart parts `part`, or a raw image body (i 0), or base64 in the JSON member `part` (i 0).
 * RGB24; the caller frees by facet_image_fini. FACET_E_NOT_FOUND: there is none of that number. 415, 422. */
struct facet_image;
struct facet__picture_source { const void *data; size_t len; char name[256]; char sha256[65]; void *memory; };
int facet__body_picture_bytes(struct facet_http_request *q, const char *part, int i, struct facet__picture_source *out);
void facet__picture_source_fini(struct facet__picture_source *p);
int facet__body_pictures(struct facet_http_request *q, const char *part, int i, struct facet_image *out);
int facet__body_picture(struct facet_http_request *q, const char *part, struct facet_image *out);
/* Decodes with the right status where it fails. */
int facet__decode_picture(struct facet_http_request *q, const struct facet__picture_source *p, struct facet_image *out);

/* "box": [x1, y1, x2, y2]; each as the members of one object. */
struct facet_box;
struct facet_landmarks;
struct facet_recognised;
struct facet_identity;
void facet__write_box(struct facet_jsonw *w, const struct facet_box *b);
void facet__write_face(struct facet_jsonw *w, const struct facet_recognised *f);
void facet__write_identity(struct facet_jsonw *w, const struct facet_identity *id);
/* The rules by which this site names people. */
struct facet_identify_opts;
int facet__identify_rules(struct facet_serve *s, struct facet_http_request *q, struct facet_identify_opts *out);

#endif
