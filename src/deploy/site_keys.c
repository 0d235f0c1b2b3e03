/* Every key of a site's file: one row each. */
#include "deploy/site_priv.h"
#include "engine/plan.h"

#include "flow/stage.h"

#include <string.h>

#define SIZE(field) sizeof(((struct facet_site *)0)->field)
#define CAMERA_SIZE(field) sizeof(((struct facet_camera_conf *)0)->field)
#define KEY(section_, name_, kind_, field, ...) \
    { .section = (section_), .name = (name_), .kind = FACET__SITE_##kind_, .offset = offsetof(struct facet_site, field), \
      .size = SIZE(field), __VA_ARGS__ }
#define CAMERA(name_, kind_, field, ...) \
    { .section = "cameras", .name = (name_), .kind = FACET__SITE_##kind_, .offset = offsetof(struct facet_camera_conf, field), \
      .size = CAMERA_SIZE(field), __VA_ARGS__ }
#define DAY_MS 86400000.0
#define AGE .max = 36500 * DAY_MS

const struct facet__site_section facet__site_sections[] = {
    { NULL, "" },
    { "models", "which networks, and how they are run" },
    { "gallery", "who is known, and when a face is believed" },
    { "track", "which faces of a track are worth the recogniser" },
    { "mqtt", "the broker: events to the world, and how device and server talk in hybrid" },
    { "server", "where a device reaches its server by HTTPS (cloud)" },
    { "outbox", "what waits on this device's disk while broker or server is away" },
    { "hybrid", "chips from the device to the server" },
    { "serve", "the server's own API and page (facet serve)" },
    { "store", "what is kept, where, and for how long" },
    { "webhook", "events to a web address" },
};
_Static_assert(sizeof(facet__site_sections) / sizeof(facet__site_sections[0]) == FACET__SITE_SECTIONS, "count the sections");

const struct facet__site_key facet__site_keys[] = {
    KEY(NULL, "site", NAME, name, .fallback = "home", .help = "the place; stands in every event"),
    KEY(NULL, "device", NAME, device, .sample = "frontdoor", .help = "this machine's name at the broker and the server; the host's name unless given"),
    KEY(NULL, "strategy", WORD, strategy, .words = "edge|cloud|hybrid", .fallback = "edge", .help = "where each step runs (docs/strategies.md)"),
    KEY(NULL, "event_expires", TIME, event_expires_ms, AGE, .fallback = "10m", .help = "after this nobody acts on an event any more; 0: never"),

    KEY("models", "detector", TEXT, models.detector, .sample = "mtcnn", .help = "what finds faces (facet models list); the default one unless given"),
    KEY("models", "recogniser", TEXT, models.recogniser, .sample = "facenet-20180402", .help = "what tells faces apart; the gallery's unless given"),
    KEY("models", "backend", TEXT, models.backend, .fallback = "cpu", .help = "what runs the networks: " FACET_BACKEND_WORDS),
    KEY("models", "detect_backend", TEXT, models.detect_backend, .sample = "cpu", .help = "what runs the detector; models.backend's unless given"),
    KEY("models", "threads", INT, models.threads, .max = 1024, .fallback = "0", .help = "0: as many as there are; 1: no thread at all but the cameras' own"),
    KEY("models", "min_face", INT, models.min_face, .max = 10000, .fallback = "0", .help = "smallest face looked for, pixels; 0: the detector's own"),
    KEY("models", "max_face", INT, models.max_face, .max = 100000, .fallback = "0", .help = "largest face looked for, pixels; 0: any"),
    KEY("models", "scan_every", INT, models.scan_every, .max = 10000, .fallback = "0",
        .help = "look over the whole picture in each N-th frame and around known faces in between; 0: always"),
    KEY("models", "together", INT, models.together, .max = FACET_FLOW_TOGETHER, .fallback = "1",
        .help = "pictures that wait, of all cameras, are looked at and their faces embedded so many at once; 1: one by one"),
    KEY("models", "together_wait", TIME, models.together_ms, .max = 1000, .fallback = "0", .help = "and wait so long for more that are on their way"),
    KEY("models", "antispoof", TEXT, models.antispoof, .sample = "antispoof-minifasnet", .help = "refuses faces that are pictures of faces; none unless given"),

    KEY("gallery", "path", TEXT, gallery.path, .sample = "/var/lib/facet/gallery.db", .help = "the file of people; the default one unless given"),
    KEY("gallery", "threshold", NUM, gallery.threshold, .min = -1, .max = 1, .fallback = "0",
        .help = "cosine from which two faces are one person; 0: the model's own"),
    KEY("gallery", "far", NUM, gallery.far, .max = 1, .fallback = "0", .help = "instead of threshold: the false-accept rate that is wanted; 0: not asked"),
    KEY("gallery", "margin", FLOAT, gallery.margin, .max = 1, .fallback = "0", .help = "lead of the best person over the second; 0: 0.02"),
    KEY("gallery", "confirm_frames", INT, gallery.confirm_frames, .max = 1000, .fallback = "0",
        .help = "answers that must agree before a track is named; 0: 2"),
    KEY("gallery", "cooldown", TIME, gallery.cooldown_ms, .max = DAY_MS, .fallback = "10s", .help = "the same person is not announced again sooner"),
    KEY("gallery", "absence", TIME, gallery.absence_ms, .max = DAY_MS, .fallback = "30s", .help = "a person not seen for so long is no longer present"),
    KEY("gallery", "sync", BOOL, gallery.sync, .fallback = "false", .help = "devices: keep a sealed copy of the server's gallery here (mqtt, store.key)"),

    KEY("track", "every_frame", BOOL, track.every_frame, .fallback = "false", .help = "embed each face of each frame, not only the best of a track"),
    KEY("track", "min_quality", FLOAT, track.min_quality, .max = 1, .fallback = "0", .help = "faces below are not sent to the recogniser"),
    KEY("track", "refresh", TIME, track.refresh_ms, .max = DAY_MS, .fallback = "2s", .help = "a track's face is embedded again after so long"),
    KEY("track", "eager", INT, track.eager, .min = -1, .max = 1000, .fallback = "0", .help = "faces embedded in a track's first moments; 0: 5, -1: none"),
    KEY("track", "rejoin", NUM, track.rejoin, .min = -1, .max = 1, .fallback = "0",
        .help = "cosine from which a new track continues a lost one; 0: 0.6, negative: off"),

    KEY("mqtt", "host", TEXT, mqtt.host, .sample = "broker.example", .help = "without it there is no broker"),
    KEY("mqtt", "port", INT, mqtt.port, .max = 65535, .fallback = "0", .help = "0: 1883, with TLS 8883"),
    KEY("mqtt", "username", SECRET, mqtt.username, .sample = "frontdoor", .help = "name at the broker"),
    KEY("mqtt", "password", SECRET, mqtt.password, .sample = "file:/etc/facet/mqtt.password", .help = "password at the broker"),
    KEY("mqtt", "tls", BOOL, mqtt.tls, .fallback = "false", .help = "encrypt, and check who the broker is"),
    KEY("mqtt", "ca", TEXT, mqtt.ca, .sample = "/etc/facet/ca.pem", .help = "certificates that are believed; the system's unless given"),
    KEY("mqtt", "cert", TEXT, mqtt.cert, .sample = "/etc/facet/device.pem", .help = "this device's certificate, for mutual TLS"),
    KEY("mqtt", "key", TEXT, mqtt.key, .sample = "/etc/facet/device.key", .help = "its private key's file"),
    KEY("mqtt", "insecure", BOOL, mqtt.insecure, .fallback = "false", .help = "do not check the broker's certificate; send a password or chips without TLS"),
    KEY("mqtt", "prefix", TEXT, mqtt.prefix, .fallback = "facet", .help = "first part of every topic"),
    KEY("mqtt", "commands", BOOL, mqtt.commands, .fallback = "true", .help = "cameras may be switched off and on, and asked for a snapshot, by the broker"),
    KEY("mqtt", "discovery", BOOL, mqtt.discovery, .fallback = "false", .help = "tell Home Assistant which entities there are"),
    KEY("mqtt", "discovery_prefix", TEXT, mqtt.discovery_prefix, .fallback = "homeassistant", .help = "where Home Assistant looks for them"),

    KEY("server", "url", TEXT, server.url, .sample = "https://server.example:8443", .help = "the server's address"),
    KEY("server", "key", SECRET, server.key, .sample = "file:/etc/facet/device.apikey", .help = "this device's API key there (role device)"),
    KEY("server", "ca", TEXT, server.ca, .sample = "/etc/facet/ca.pem", .help = "certificates that are believed; the system's unless given"),
    KEY("server", "insecure", BOOL, server.insecure, .fallback = "false", .help = "allow http:, and certificates that cannot be checked"),

    KEY("outbox", "path", TEXT, outbox.path, .sample = "/var/lib/facet/outbox.db", .help = "its file; outbox.db in the data folder unless given"),
    KEY("outbox", "max_bytes", BYTES, outbox.max_bytes, .min = 65536, .max = 1e15, .fallback = "256MiB",
        .help = "more: what is over its time goes, then chips, the oldest events last"),
    KEY("outbox", "max_age", TIME64, outbox.max_age_ms, .min = 1000, AGE, .fallback = "7d", .help = "what is older goes, and is counted"),
    KEY("outbox", "confirm", WORD, outbox.confirm, .words = "auto|broker|server", .fallback = "auto",
        .help = "whose word lets an event go; auto: the server's where there is one (docs/strategies.md); chips always wait for it"),

    KEY("hybrid", "chip", WORD, hybrid.chip, .words = "png|jpeg", .fallback = "png", .help = "png loses nothing; jpeg is smaller"),
    KEY("hybrid", "quality", INT, hybrid.quality, .min = 1, .max = 100, .fallback = "90", .help = "of jpeg chips"),
    KEY("hybrid", "chips_per_track", INT, hybrid.chips_per_track, .min = 0, .max = 10000, .fallback = "8",
        .help = "at most so many of one track; 0: any number"),
    KEY("hybrid", "fallback", BOOL, hybrid.fallback, .fallback = "false", .help = "recognise here while the server is away"),
    KEY("hybrid", "fallback_after", TIME, hybrid.fallback_ms, .max = DAY_MS, .fallback = "10s", .help = "so long without the server before fallback begins"),
    KEY("hybrid", "expires", TIME, hybrid.expires_ms, AGE, .fallback = "1d", .help = "after this a chip is not worth sending any more; 0: never"),
    KEY("hybrid", "inbox", TEXT, hybrid.inbox, .sample = "/var/lib/facet/inbox.db",
        .help = "server: chips that wait; inbox.db in the data folder unless given"),
    KEY("hybrid", "batch", INT, hybrid.batch, .max = 256, .fallback = "0",
        .help = "server: embed so many chips at once, in batches off line; 0: each as it comes"),
    KEY("hybrid", "batch_time", TIME, hybrid.batch_ms, .max = DAY_MS, .fallback = "0",
        .help = "server: with batch, a smaller batch is embedded after so long; 0: 60s"),

    KEY("serve", "listen", TEXT, serve.listen, .fallback = "127.0.0.1", .help = "address that is listened on"),
    KEY("serve", "port", INT, serve.port, .max = 65535, .fallback = "8080", .help = "0: any free one"),
    KEY("serve", "cert", TEXT, serve.cert, .sample = "/etc/facet/server.pem", .help = "certificate chain: turns TLS on"),
    KEY("serve", "key", TEXT, serve.key, .sample = "/etc/facet/server.key", .help = "its private key's file"),
    KEY("serve", "insecure", BOOL, serve.insecure, .fallback = "false", .help = "listen to other machines without TLS all the same"),
    KEY("serve", "keys", TEXT, serve.keys, .sample = "/var/lib/facet/keys.json",
        .help = "file of API keys and users; keys.json in the data folder unless given"),
    KEY("serve", "workers", UINT, serve.workers, .max = 256, .fallback = "0", .help = "requests worked on at once; 0: 8"),
    KEY("serve", "live_view", BOOL, serve.live_view, .fallback = "true", .help = "let live pictures be watched"),
    KEY("serve", "experiments", TEXT, serve.experiments, .sample = "/var/lib/facet/experiments",
        .help = "folder of what `facet bench run --out` made, for the page; none: no experiments are shown"),

    KEY("store", "events", TEXT, store.events, .sample = "/var/lib/facet/events.db",
        .help = "file or postgresql:// address; servers: events.db in the data folder unless given, devices: none"),
    KEY("store", "snapshots", BOOL, store.snapshots, .fallback = "false", .help = "keep a picture with each event"),
    KEY("store", "crops", BOOL, store.crops, .fallback = "false", .help = "keep the cut-out face with each event"),
    KEY("store", "blur_others", BOOL, store.blur_others, .fallback = "true", .help = "blur all other faces of a snapshot"),
    KEY("store", "keep_events", TIME64, store.retention.events_ms, AGE, .fallback = "30d", .help = "events older than this go; 0: kept"),
    KEY("store", "keep_snapshots", TIME64, store.retention.snapshots_ms, AGE, .fallback = "7d", .help = "snapshots older than this go; 0: kept"),
    KEY("store", "keep_unknown", TIME64, store.retention.unknown_ms, AGE, .fallback = "1d",
        .help = "pictures of faces nobody knows older than this go; 0: kept"),
    KEY("store", "key", TEXT, store.key, .sample = "file:/etc/facet/site.key",
        .help = "the site key: file:PATH, env:NAME or credential:NAME (docs/privacy.md)"),

    KEY("webhook", "url", TEXT, webhook.url, .sample = "https://hooks.example/facet", .help = "each event is posted there"),
    KEY("webhook", "secret", SECRET, webhook.secret, .sample = "file:/etc/facet/webhook.secret", .help = "what posts are signed with"),
    { .name = NULL },
};

const struct facet__site_key facet__site_camera_keys[] = {
    CAMERA("name", NAME, name, .sample = "front", .help = "unique in the file"),
    CAMERA("url", SECRET, url, .sample = "rtsp://192.168.1.20/stream1",
        .help = "rtsp:, rtsps:, http: and https: (MJPEG), /dev/video0, or a file's path; env:NAME takes it from the environment"),
    CAMERA("username", SECRET, username, .sample = "viewer", .help = "instead of in the url"),
    CAMERA("password", SECRET, password, .sample = "file:/etc/facet/front.password", .help = "instead of in the url"),
    CAMERA("ca", TEXT, ca, .sample = "/etc/facet/cameras.pem", .help = "of rtsps and https: certificates that are believed; the system's unless given"),
    CAMERA("fingerprint", TEXT, fingerprint, .sample = "22:F0:9C:...",
           .help = "of rtsps and https: SHA-256 of the one certificate that is believed, whoever signed it"),
    CAMERA("insecure", BOOL, insecure, .fallback = "false", .help = "of rtsps and https: do not check the certificate"),
    CAMERA("transport", WORD, transport, .words = "tcp|udp", .fallback = "tcp", .help = "of RTSP"),
    CAMERA("fps", NUM, fps, .max = 1000, .fallback = "0", .help = "at most so many frames a second are looked at; 0: all"),
    CAMERA("every_frame", BOOL, every_frame, .fallback = "false", .help = "drop nothing, let the source wait: files"),
    CAMERA("native_rate", BOOL, native_rate, .fallback = "false", .help = "files: at their own rate, as a camera would"),
    CAMERA("loop", BOOL, loop, .fallback = "false", .help = "files: from the start again"),
    CAMERA("hardware", BOOL, hardware, .fallback = "false", .help = "decode by hardware where FFmpeg offers it"),
    CAMERA("sender_time", BOOL, sender_time, .fallback = "false",
        .help = "RTSP: frames are dated by the camera's clock (RTCP), which must be set by NTP, not by their arrival"),
    CAMERA("timeout", INT, timeout_ms, .max = 600000, .fallback = "0", .help = "ms without data after which the camera counts as lost; 0: 5000"),
    CAMERA("max_latency", TIME, max_latency_ms, .max = DAY_MS, .fallback = "0", .help = "frames that waited longer are dropped; 0: any"),
    CAMERA("disabled", BOOL, disabled, .fallback = "false", .help = "known, but not opened until it is enabled"),
    CAMERA("min_face", INT, min_face, .max = 10000, .fallback = "0", .help = "pixels; 0: as models.min_face says"),
    CAMERA("max_face", INT, max_face, .max = 100000, .fallback = "0", .help = "pixels; 0: as models.max_face says"),
    { .name = NULL },
};

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

const struct facet__site_key *facet__site_key(const struct facet__site_key *table, const char *section, const char *name)
{
    for (const struct facet__site_key *k = table; k->name; k++)
        if (same(k->section, section) && !strcmp(k->name, name))
            return k;
    return NULL;
}
