/* Between world.c, which tells and is told, and world_ha.c, which describes the same to Home Assistant. */
#ifndef FACET_DEPLOY_WORLD_PRIV_H
#define FACET_DEPLOY_WORLD_PRIV_H

#include "deploy/board.h"
#include "deploy/node_priv.h"
#include "deploy/presence.h"

#define FACET__WORLD_COMMANDS 32
#define FACET__WORLD_STALE_MAX 256
#define FACET__WORLD_PEOPLE 500    /* who are described to Home Assistant */

enum { FACET__WORLD_NODE, FACET__WORLD_CAMERA, FACET__WORLD_CAMERA_HA, FACET__WORLD_PERSON, FACET__WORLD_PERSON_HA, FACET__WORLD_STALE };

enum facet__world_order { FACET__WORLD_ENABLE, FACET__WORLD_DISABLE, FACET__WORLD_PICTURE };
struct facet__world_command { enum facet__world_order order; char camera[FACET_MAX_NAME]; };

/* The broker's thread only notes what came; cameras are looked at and commands obeyed in the node's tick, so that they are
 * there. */
struct world {
    struct facet_node *node;
    struct facet_mqtt_message will;
    char available[256];           /* topic of this node's availability */
    char id[128];                  /* of this node at Home Assistant: "facet_<device>" */
    struct facet_lock lock;        /* below */
    bool has_lock;
    struct facet_board board;
    struct facet_presence *presence;
    int64_t cameras_at, stats_at;  /* milliseconds of facet_now_ns; when they are due again */
    int64_t complained_at;
    struct facet__world_command commands[FACET__WORLD_COMMANDS];
    int n_commands;
    char *stale[FACET__WORLD_STALE_MAX];       /* topics that Home Assistant knows of us, to be looked at */
    int n_stale;
    bool listens_to_ha;            /* the node's thread alone looks */
};

/* With the lock. Topic "<prefix>/<words>". */
void facet__world_topic(const struct world *w, char out[256], const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void facet__world_set(struct world *w, int group, const char *topic, const char *payload, bool retain);

/* What Home Assistant is to know of a camera, and of a person. */
void facet__world_describe_camera(struct world *w, const char *camera);
void facet__world_describe_person(struct world *w, int64_t id, const char *name);
/* What is subscribed to below the discovery prefix; each 256 bytes. */
void facet__world_ha_filters(const struct world *w, char status[256], char configs[256]);
/* A message from there; FACET_E_NOT_FOUND: it is none of them. */
int facet__world_ha_message(struct world *w, const struct facet_mqtt_message *m);
/* Takes back what was described in an earlier life of this node and is not on the board. */
void facet__world_ha_clean(struct world *w);

#endif
