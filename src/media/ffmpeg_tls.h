/* A line to a camera behind TLS: its certificate is checked, and FFmpeg speaks with it by a port on loopback. */
#ifndef FACET_MEDIA_FFMPEG_TLS_H
#define FACET_MEDIA_FFMPEG_TLS_H

#include <stdbool.h>

struct facet__tls_line;

struct facet__tls_line_opts {
    const char *name;              /* for errors; all texts live as long as the line */
    char host[256]; int port;
    char ca[512];                  /* file of certificates that are believed; "": the system's */
    char fingerprint[128];         /* SHA-256 of the one certificate that is believed, whoever signed it; "": any that `ca` signed */
    bool insecure;                 /* nothing is checked */
    int timeout_ms;                /* of each step of opening */
    int (*is_over)(void *ctx);     /* asked some times a second while it is opened; non-zero ends that */
    void *ctx;
};

/* Connects, checks, and listens at *port of 127.0.0.1. FACET_E_PERMISSION: it is not who it should be; the text has the
 * fingerprint of what it showed. */
int facet__tls_line_open(struct facet__tls_line **out, const struct facet__tls_line_opts *o, int *port);
void facet__tls_line_close(struct facet__tls_line **line);         /* NULL is fine */
/* What was wrong with a connection after the first, and why as the error's text. NULL is fine. */
int facet__tls_line_error(const struct facet__tls_line *l);

#endif
