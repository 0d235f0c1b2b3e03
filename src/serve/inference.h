/* What the two ways of running networks share: Open Inference Protocol (oip.c) and TensorFlow Serving's form (tfserving.c). */
#ifndef FACET_SERVE_INFERENCE_H
#define FACET_SERVE_INFERENCE_H

#include "deploy/nets.h"
#include "serve/routes.h"

struct facet_nets *facet__serve_nets(struct facet_serve *s);
/* Around the parsing of a request with so much JSON. */
void facet__begin_reading(struct facet_serve *s, size_t json_len);
void facet__end_reading(struct facet_serve *s, size_t json_len);
/* The manifest's version, or "1", for those who count. */
bool facet__net_has_version(const struct facet_net_info *info, const char *version);
/* {"error":"..."}, with 400 for what does not fit. */
void facet__infer_fail(struct facet_http_request *q, int status, const char *code, const char *message);
/* For metrics (metrics.c). */
void facet__count_infer(struct facet_serve *s, const char *net, uint64_t queued_ns, uint64_t worked_ns);
/* "model_version_status": [...] as TensorFlow Serving tells it. */
void facet__tf_version_status(struct facet_jsonw *w, bool is_present);

#endif
