/* What the files of the CompreFace facade share: its options, its way of writing a face, its ids.
 *
 * Subjects are people, examples ("faces") are templates; an example's image id is its template's number in the form of a UUID.
 * Similarity is the model's calibrated score, 0.5 at its threshold. Pictures of examples are not kept, and a subject is kept
 * from its first example on. The plugins age, gender and mask do not exist here: asking for them is not an error, their
 * members are left out. docs/api.md. */
#ifndef FACET_SERVE_COMPREFACE_H
#define FACET_SERVE_COMPREFACE_H

#include "deploy/engine_room.h"
#include "serve/routes.h"
#include "store/gallery.h"

#define FACET_CF_ID 37             /* a UUID with NUL */
#define FACET_CF_BODY (16u << 20)  /* pictures, base64 counted */
#define FACET_CF_PREDICTIONS 100

struct facet__cf_opts {
    int limit;                     /* faces; 0: all */
    int prediction_count;
    double det_prob;
    bool wants_landmarks, wants_embedding, wants_pose, wants_status, is_face;      /* is_face: the picture is one (detect_faces=false) */
};

/* Reads the query: limit, prediction_count, det_prob_threshold, face_plugins, status, detect_faces. FACET_E_INVALID. */
int facet__cf_opts_read(struct facet__cf_opts *o, const struct facet_http_request *q);
/* The faces of the picture in `part`, within limit and det_prob, embedded when asked for. FACET_E_NO_FACE when there is none. */
int facet__cf_faces(struct facet_serve *s, struct facet_http_request *q, const char *part, const struct facet__cf_opts *o, bool embed,
                    struct facet_face_list *out);
/* Members of an object that the caller has begun, and ends. */
void facet__cf_put_face(struct facet_jsonw *w, const struct facet_face_list *l, int i, const struct facet__cf_opts *o);
/* "plugins_versions" when status was asked for. */
void facet__cf_put_versions(struct facet_jsonw *w, struct facet_serve *s, const struct facet__cf_opts *o);
double facet__cf_similarity(struct facet_serve *s, double cosine);

void facet__cf_id_text(char out[FACET_CF_ID], int64_t template_id);
int facet__cf_id_parse(const char *text, int64_t *template_id);        /* FACET_E_NOT_FOUND */
/* The template of the path's image_id with its person's name; `embedding` (the gallery's dim) may be NULL. FACET_E_NOT_FOUND. */
int facet__cf_example(struct facet_serve *s, const struct facet_http_request *q, char name[FACET_MAX_NAME], int64_t *id, float *embedding);
/* One embedding into `out` (FACET_MAX_EMBEDDING numbers), as below. */
int facet__cf_embedding(struct facet_serve *s, const struct facet_json *j, const char *what, float *out);
/* Rows of numbers, each as long as the gallery's embeddings and made of length 1: *out is malloc'ed. `j` is a list of lists. */
int facet__cf_embeddings(struct facet_serve *s, const struct facet_json *j, const char *what, float **out, size_t *n);

void facet__cf_fail(struct facet_http_request *q, int status, const char *code, const char *message);

extern facet_http_handler facet__cf_subjects_get, facet__cf_subjects_post, facet__cf_subjects_delete, facet__cf_subject_put, facet__cf_subject_delete;
extern facet_http_handler facet__cf_faces_get, facet__cf_faces_post, facet__cf_faces_delete, facet__cf_faces_delete_many, facet__cf_face_delete,
    facet__cf_face_image;
extern facet_http_handler facet__cf_recognize, facet__cf_face_verify, facet__cf_detect, facet__cf_verify;
extern facet_http_handler facet__cf_embeddings_recognize, facet__cf_embeddings_face_verify, facet__cf_embeddings_verify;

#endif
