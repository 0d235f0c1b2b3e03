/* Between the files of a node: node.c opens and runs it, node_path.c is its pipeline, node_broker.c its broker and outbox,
 * node_events.c what happens to an event, node_look.c what others see of it, node_reload.c what may change while it runs.
 *
 * What a node does besides its pipeline are parts: each is one file with one struct facet__part, and one line in
 * node_parts.c. A part says itself whether a node wants it, so no other file asks for role or strategy. */
#ifndef FACET_DEPLOY_NODE_PRIV_H
#define FACET_DEPLOY_NODE_PRIV_H

#include "base/lock.h"
#include "base/str.h"
#include "base/thread.h"
#include "deploy/node.h"
#include "deploy/pipeline.h"
#include "net/mqtt/mqtt.h"
#include "store/spool.h"
#include "wire/message.h"

#include <stdatomic.h>

struct facet_manifest;
struct facet_model_spec;
struct facet_node;
struct facet_outbox;

#define FACET__NODE_LISTENERS 64
#define FACET__NODE_FACES 64       /* of a camera that are kept for drawing */
#define FACET__NODE_PARTS 24

/* How a message is sent through the outbox: it comes again until the other side has it. `replaces`: it takes the place of what
 * waits by this id (facet_outbox_replace). */
struct facet__wire_how { const char *id; enum facet_spool_class class; int64_t expires_ms; const char *person; bool replaces; };

struct facet__part {
    const char *name;
    size_t state_size;
    bool (*wanted)(const struct facet_node *n);
    int (*open)(void *state, struct facet_node *n);
    /* What its stages need, before a pipeline is opened; NULL: it has none. */
    void (*place)(void *state, struct facet_pipeline_opts *o);
    /* What it takes of what sites say to each other, "<prefix>/wire/<device>/<word>": its words, NULL-ended; NULL: none.
     * A server hears every device, a device what is for it or for ".all". */
    const char *const *words;
    /* On the broker's thread. What it returned FACET_OK for is safe: the broker forgets it then. */
    int (*message)(void *state, const char *device, const struct facet_message *m, const void *payload, size_t len);
    /* Further topics below the prefix, and what comes there; FACET_E_NOT_FOUND: it is for another part. NULL: none. */
    const char *const *topics;
    int (*topic)(void *state, const struct facet_mqtt_message *m);
    void (*online)(void *state);   /* the broker was reached, again; NULL: nothing to do */
    void (*tick)(void *state, int64_t now_ms);     /* about every 100 ms, on the node's thread; NULL */
    void (*event)(void *state, const struct facet_event *e, bool is_own);      /* each new one; NULL */
    void (*gallery)(void *state);  /* people or templates changed; NULL */
    int (*erase)(void *state, const char *person, int64_t *removed);           /* forgets who is named in what waits with it; NULL */
    bool (*is_done)(void *state);  /* its work has an end, and it is reached; NULL: it has none */
    void (*count)(void *state, struct facet_node_stats *s);    /* adds its own figures; NULL */
    int (*devices)(void *state, struct facet_device *out, int max);            /* NULL */
    void (*stop)(void *state);     /* its threads end; before anything is closed; NULL */
    void (*close)(void *state);    /* accepts any prefix of open */
};
extern const struct facet__part facet__part_events_out, facet__part_events_in, facet__part_server_known, facet__part_server_told,
    facet__part_clock_device, facet__part_clock_server, facet__part_status, facet__part_devices, facet__part_hybrid_device,
    facet__part_hybrid_server, facet__part_gallery_server, facet__part_gallery_device, facet__part_cloud_device, facet__part_webhook,
    facet__part_world, facet__part_keep;
extern const struct facet__part *const facet__parts[];     /* NULL-ended, in the order of opening */

struct facet__listener { facet_node_listener *fn; void *ctx; int handle; };

struct facet__last_faces {         /* what a camera showed last, and how long its frames took */
    struct facet_camera_times times;           /* its name stands there */
    int64_t captured_ms;
    int n;
    struct facet_face face[FACET__NODE_FACES];
};

struct facet__uploaded { char name[FACET_MAX_NAME]; struct facet_upload *upload; };    /* NULL: free */

struct facet_node {
    struct facet_node_opts o;
    const struct facet_site *_Atomic site;     /* another after a reload; the one before lives on */
    const struct facet_strategy *strategy;     /* of its own pipeline */
    char run[64];                  /* of the pipeline at hand, in every event */
    uint64_t started_ns;
    atomic_int stop;               /* 1: everything ends */
    struct facet_manifest *manifest;
    const struct facet_model_spec *detector, *recogniser, *antispoof;      /* antispoof NULL: not asked for */
    struct facet_vault *vault;     /* NULL: nothing is sealed */
    struct facet_gallery *gallery; /* NULL: nobody is known */
    uint64_t gallery_seen;         /* version at the last look */
    struct facet_identify_opts identify;
    struct facet_events *events;   /* NULL: none are kept here */
    struct facet_energy *energy;   /* NULL: no counter here */
    struct facet_engine_room *engine;          /* NULL: not wanted yet; under engine_lock */
    struct facet_lock engine_lock;

    struct facet_lock path_lock;   /* held by whoever opens, starts or ends the path */
    struct facet_stage *source;    /* cameras; NULL: they are looked at elsewhere */
    struct facet_pipeline *path;   /* NULL: not yet, or not here */
    struct facet_thread path_thread;
    bool path_runs;
    atomic_bool path_ended;
    atomic_int end_path;
    int path_err; char path_text[512];
    uint64_t path_retry_ns;

    struct facet_mqtt *_Atomic mqtt;           /* NULL: no broker, or not yet */
    const struct facet_mqtt_message *will;     /* of the part that has one; NULL: none */
    struct facet_outbox *outbox;   /* NULL: no broker */
    void *part[FACET__NODE_PARTS]; /* states, NULL: not wanted */

    struct facet_lock listen_lock; /* held while listeners are told */
    bool has_listen_lock, has_lock, has_path_lock, has_engine_lock;
    struct facet__listener listeners[FACET__NODE_LISTENERS];
    int n_listeners, last_handle;

    struct facet_lock lock;        /* below */
    struct facet__last_faces *faces[FACET_MAX_CAMERAS];
    int n_faces;
    struct facet__uploaded uploads[FACET_MAX_CAMERAS];
    struct facet_node_stats stats;
    int64_t told_sent, told_received;  /* bytes that rows of the CSV have told */
    unsigned next_id;
    void *registry;                /* servers: of devices (part_devices.c) */
    _Atomic int64_t copy_version;  /* devices: of the server's gallery that is here; 0: none */
    _Atomic uint64_t server_heard_ns;          /* devices: when the server was last heard; 0: never */
    _Atomic int64_t server_seen_ms;            /* the same over restarts, by the wall clock */
    _Atomic int64_t clock_offset_us;           /* devices: server's clock minus ours */
};

/* Keeps a picture with an event, where the site's file asks for it (facet_publish_opts.picture). */
void facet__node_picture(void *ctx, struct facet_event *e, const struct facet_packet *p, const struct facet_face *f);

/* Steps of opening, each closed by node.c. */
int facet__node_open_vault(struct facet_node *n);
int facet__node_open_models(struct facet_node *n);
int facet__node_open_gallery(struct facet_node *n);
int facet__node_open_store(struct facet_node *n);
int facet__node_open_broker(struct facet_node *n);
int facet__node_open_parts(struct facet_node *n);
int facet__node_connect(struct facet_node *n);
int facet__node_open_cameras(struct facet_node *n);
int facet__node_open_path(struct facet_node *n);
int facet__node_start_path(struct facet_node *n);
int facet__node_end_path(struct facet_node *n);            /* the pipeline's error, once */
int64_t facet__node_owes(struct facet_node *n);            /* items of the outbox that could go now: 0 while there is no broker */
void facet__node_close_broker(struct facet_node *n);
int facet__node_plan_identify(const struct facet_node *n, const struct facet_site *s, struct facet_identify_opts *out);
void facet__node_use_identify(struct facet_node *n, const struct facet_identify_opts *o);
struct facet_identify_opts facet__node_identify(struct facet_node *n);     /* as they are now */

/* Parts. */
void facet__parts_place(struct facet_node *n, struct facet_pipeline_opts *o);
void facet__parts_online(struct facet_node *n);
void facet__parts_tick(struct facet_node *n, int64_t now_ms);
void facet__parts_event(struct facet_node *n, const struct facet_event *e, bool is_own);
void facet__parts_gallery(struct facet_node *n);
int facet__parts_erase(struct facet_node *n, const char *person, int64_t *removed);    /* `removed` is added to */
bool facet__parts_done(struct facet_node *n);  /* some have an end, and all of those reached it */
void facet__parts_count(struct facet_node *n, struct facet_node_stats *s);
int facet__parts_subscribe(struct facet_node *n);
int facet__parts_message(struct facet_node *n, const struct facet_mqtt_message *m);
void facet__parts_stop(struct facet_node *n);
void facet__parts_close(struct facet_node *n);

/* An event of this node's own: kept, sent, told. `offset_ms`: our clock minus that of who captured it. */
void facet__node_event(struct facet_node *n, const struct facet_event *e, int64_t offset_ms);
/* One that arrived: FACET_OK once it is kept. */
int facet__node_arrived(struct facet_node *n, const struct facet_event *e);
/* Fills in what every event of this node has: id, run, site, device, strategy, times. */
void facet__node_make_event(struct facet_node *n, struct facet_event *e);
/* Listeners are told. */
void facet__node_tell(struct facet_node *n, const struct facet_event *e);
/* A frame went through the whole path. */
void facet__node_saw(struct facet_node *n, const struct facet_packet *p, const char *camera);
void facet__node_drop_faces(struct facet_node *n);
/* Payload to and from the broker since the last row of the CSV; ctx is the node, on the last stage's thread alone. */
void facet__node_network(void *ctx, int64_t *sent, int64_t *received);
void facet__node_drop_upload(struct facet_node *n, const char *name);
void facet__node_drop_uploads(struct facet_node *n);

/* Cameras that were added while it ran, in the event store; nothing where there is none. */
int facet__node_keep_camera(struct facet_node *n, const struct facet_camera_conf *conf);
int facet__node_forget_camera(struct facet_node *n, const char *camera);       /* none of them: fine */
int facet__node_kept_areas(struct facet_node *n, const struct facet_camera_conf *areas, bool *is_kept);
int facet__node_kept_is_on(struct facet_node *n, const char *camera, bool on); /* the same */
int facet__node_open_kept(struct facet_node *n);       /* they are looked at again */

/* Sends a message between parts to `device`. `how` NULL: at once and once, FACET_E_AGAIN while there is no broker. */
int facet__wire_send(struct facet_node *n, const char *device, const char *word, const struct facet_message *m, const struct facet__wire_how *how);
int facet__wire_topic(const struct facet_node *n, const char *device, const char *word, char *out, size_t cap);

/* Devices: the server spoke to us just now. */
void facet__server_heard(struct facet_node *n);
/* Server's clock minus the device's, as far as it is known. */
int64_t facet__device_offset_ms(struct facet_node *n, const char *device);
/* Does it know people by a copy of our gallery? */
bool facet__device_has_copy(struct facet_node *n, const char *device);

bool facet__node_is_server(const struct facet_node *n);
bool facet__node_has_broker(const struct facet_node *n);
int64_t facet__wall_ms(void);

#endif
