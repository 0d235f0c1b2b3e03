/* What people.c, enrolment.c and person_export.c share. */
#ifndef FACET_SERVE_PEOPLE_H
#define FACET_SERVE_PEOPLE_H

#include "serve/serve_priv.h"

#include "store/gallery.h"

/* Members of an object. */
void facet__write_person(struct facet_jsonw *w, const struct facet_person *p);
void facet__write_template(struct facet_jsonw *w, const struct facet_template *t);
/* enrolment.c: the pictures of the request become templates of `name`. */
int facet__enrol_request(struct facet_serve *s, struct facet_http_request *q, const char *name);
/* person_export.c */
facet_http_handler facet__person_export;

#endif
