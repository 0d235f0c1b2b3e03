/* A camera's configuration as JSON, both ways: what POST /v1/cameras takes, and what a device sends there (docs/api.md). The
 * members are the keys of a site's file, but for timeout_ms, max_latency_ms and enabled: {"name":"front","url":"rtsp://10.0.0.2/s","fps":10,
 * "zones":[{"name":"door","points":[[0,0],[1,0],[1,1]]}],"schedule":[{"from":"07:00","to":"19:00","days":["mon","tue"]}]}. */
#ifndef FACET_DEPLOY_CAMERA_JSON_H
#define FACET_DEPLOY_CAMERA_JSON_H

#include "stages/ingest/cameras.h"

struct facet_json;
struct facet_jsonw;

/* Members, without the braces. `secrets`: url with its login, username and password, too; otherwise none of them. */
void facet_camera_to_json(struct facet_jsonw *w, const struct facet_camera_conf *c, bool secrets);
/* FACET_E_INVALID names the member and what it should be; unknown members are refused. What is left out has its default. */
int facet_camera_from_json(struct facet_camera_conf *out, const struct facet_json *object);

/* "zones" and "masks" alone, as members. From JSON: both are taken anew, and one that is left out is empty; other members are refused. */
void facet_camera_areas_to_json(struct facet_jsonw *w, const struct facet_camera_conf *c);
int facet_camera_areas_from_json(struct facet_camera_conf *c, const struct facet_json *object);

#endif
