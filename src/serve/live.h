/* Live views: one thread encodes each watched camera's newest picture once for all who watch it, and tells the boxes of faces
 * apart. Nothing runs while nobody watches. */
#ifndef FACET_SERVE_LIVE_H
#define FACET_SERVE_LIVE_H

#include "serve/routes.h"

struct facet_image;

struct facet__live;
int facet__live_open(struct facet__live **out, struct facet_node *node);
void facet__live_stop(struct facet__live *l);          /* ends the streams */
void facet__live_close(struct facet__live **l);
/* Answers with motion JPEG ("multipart/x-mixed-replace"), at most `fps` pictures a second; `boxes`: drawn into them. */
int facet__live_watch(struct facet__live *l, struct facet_http_request *q, const char *camera, double fps, bool boxes);
/* Answers with server-sent events: the boxes of each new frame. */
int facet__live_boxes(struct facet__live *l, struct facet_http_request *q, const char *camera);
/* Bytes of pictures and boxes sent so far, those of devices too; 0 where there is no live view. */
int64_t facet__live_bytes(struct facet_serve *s);

/* Draws boxes and names of a camera's faces. */
void facet__draw_faces(struct facet_image *img, const struct facet_face *faces, int n);

#endif
