/* A site's configuration: one YAML file for devices and servers, checked as a whole before anything starts. Every key is one
 * row of one table, from which reader, `facet help site`, docs/site.md and examples/site.yaml come. Secrets may be given as
 * "file:/path" or "env:NAME" wherever a key holds one. Unknown keys are refused with their line. */
#ifndef FACET_DEPLOY_SITE_H
#define FACET_DEPLOY_SITE_H

#include "stages/ingest/cameras.h"
#include "store/events.h"

struct facet_str;

struct facet_site {
    char path[1024];               /* of the file */
    char name[64], device[64];     /* site: ..., device: ... (host name by default) */
    char strategy[16];             /* "edge", "cloud", "hybrid" */
    struct { char detector[FACET_MAX_NAME], recogniser[FACET_MAX_NAME], backend[32], detect_backend[32]; int threads, min_face, max_face, scan_every,
             together; double together_ms; char antispoof[FACET_MAX_NAME]; } models;
    struct { char path[1024]; double threshold, far; float margin; int confirm_frames; double cooldown_ms, absence_ms; bool sync; } gallery;
    struct facet_camera_conf *cameras; int n_cameras;
    struct { bool every_frame; float min_quality; double refresh_ms; int eager; double rejoin; } track;    /* rejoin: cosine; negative: off */
    struct { char host[256]; int port; char username[128], password[256], ca[1024], cert[1024], key[1024]; bool tls, insecure;
             char prefix[64]; bool commands, discovery; char discovery_prefix[64]; } mqtt;      /* host "": no broker */
    struct { char url[512], key[256], ca[1024]; bool insecure; } server;              /* a device's server; url "": none */
    struct { char path[1024]; int64_t max_bytes, max_age_ms; char confirm[8]; } outbox;
    struct { char chip[8]; int quality, chips_per_track; bool fallback; double fallback_ms, expires_ms;
             char inbox[1024]; int batch; double batch_ms; } hybrid;                                      /* chip: "png" or "jpeg" */
    struct { char listen[128]; int port; char cert[1024], key[1024]; bool insecure; char keys[1024]; unsigned workers; bool live_view;
             char experiments[1024]; } serve;        /* a folder of folders that `facet bench run` made; "": none is shown */
    struct { char events[1024]; bool snapshots, crops, blur_others; struct facet_retention retention; char key[1024]; } store;
    struct { char url[512], secret[256]; } webhook;
    double event_expires_ms;
};

/* FACET_E_FORMAT with file and line; FACET_E_INVALID names both keys of a contradiction. */
int facet_site_load(struct facet_site *out, const char *path);
void facet_site_fini(struct facet_site *s);
/* Every key's default; no camera. For tests, and for servers without a file. */
int facet_site_defaults(struct facet_site *out);
/* What goes together and what does not; load does this. */
int facet_site_check(const struct facet_site *s);
/* What a device needs besides: cameras, and a broker or server where its strategy wants one. */
int facet_site_check_device(const struct facet_site *s);
/* Does the file name `site:` or `cameras:`? Otherwise it holds the options of facet run. */
bool facet_site_is_site(const char *path);
/* The documented file with every key, its default and what it means. */
int facet_site_example(struct facet_str *out);
/* Every key as a row of a Markdown table. */
int facet_site_table(struct facet_str *out);
/* A site as it is, after file and environment; secrets as "(set)". */
int facet_site_print(const struct facet_site *s, struct facet_str *out);
/* "localhost", 127.x and ::1. */
bool facet_host_is_local(const char *host);

#endif
