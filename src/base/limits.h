/* Ceilings of everything that is filled from outside. One list, so that they can be reviewed. */
#ifndef FACET_BASE_LIMITS_H
#define FACET_BASE_LIMITS_H

#define FACET_MAX_FACES 256                       /* faces in one frame */
#define FACET_MAX_LIVE_SOURCES 64                 /* sources whose pictures come mixed: cameras of a node */
#define FACET_MAX_DIMS 6                          /* dimensions of a tensor */
#define FACET_MAX_EMBEDDING 2048                  /* numbers in an embedding */
#define FACET_MAX_NAME 128                        /* bytes of a person's or model's name, with NUL */
#define FACET_MAX_IMAGE_SIDE 32768                /* pixels */
#define FACET_MAX_IMAGE_PIXELS (100u * 1000 * 1000)
#define FACET_MAX_IMAGE_FILE (256u << 20)         /* bytes of one picture file */
#define FACET_MAX_MODEL_FILE (2047u << 20)        /* bytes of one model file (protobuf's own limit) */
#define FACET_MAX_MODEL_NODES 65536
#define FACET_MAX_SOURCES (1u << 20)               /* files in one run */
#define FACET_MAX_TEXT_FILE (16u << 20)           /* bytes of a configuration, pairs or manifest file */
#define FACET_MAX_YAML_DEPTH 16
#define FACET_MAX_YAML_NODES (1u << 18)
#define FACET_MAX_JSON_DEPTH 64
#define FACET_MAX_EVENT_JSON (64 << 10)           /* bytes of one event */
#define FACET_MAX_WIRE_MESSAGE (8u << 20)         /* bytes of one message by the broker */
#define FACET_MAX_PEOPLE (10u * 1000 * 1000)
#define FACET_MAX_INDEX_ROWS (1u << 30)           /* templates in a search index file */
#define FACET_MAX_SNAPSHOT (16u << 20)             /* bytes of one kept picture */
#define FACET_MAX_NETSIM_LINKS 256                /* connections, or UDP peers, of a relay */
#define FACET_MAX_HTTP_HEAD (16u << 10)           /* bytes of a request's first line and headers */
#define FACET_MAX_HTTP_FIELDS 96                  /* headers of a request */
#define FACET_MAX_HTTP_SEGMENTS 32                /* parts of a path between slashes */
#define FACET_MAX_HTTP_QUERY 32                   /* pairs after the question mark */
#define FACET_MAX_HTTP_PARTS 64                   /* of a multipart body */
#define FACET_MAX_HTTP_UPLOADS 64                 /* bodies taken in pieces, at once */

#endif
