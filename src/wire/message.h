/* Messages between the parts of a site: bytes of an Envelope (facet.proto) to plain structs and back. What is unpacked is
 * whole: texts are UTF-8 without hidden characters and fit, numbers are in their ranges, words are known. docs/mqtt.md. */
#ifndef FACET_WIRE_MESSAGE_H
#define FACET_WIRE_MESSAGE_H

#include "wire/event.h"

struct facet_str;

enum facet_message_kind {
    FACET_MESSAGE_CHIP, FACET_MESSAGE_TRACK_END, FACET_MESSAGE_ANSWER, FACET_MESSAGE_CLOCK, FACET_MESSAGE_GALLERY_NOTICE,
    FACET_MESSAGE_GALLERY_REQUEST, FACET_MESSAGE_GALLERY_CHUNK, FACET_MESSAGE_DEVICE_STATUS, FACET_MESSAGE_STORED,
    FACET_MESSAGE_KINDS
};
extern const char *const facet_message_words[FACET_MESSAGE_KINDS];      /* "chip" ... */

#define FACET_MAX_STORED 256       /* ids in one message */
#define FACET_MAX_GALLERY_CHUNKS (1u << 16)

struct facet_wire_track { char site[64], device[64], run[64], camera[1024]; int64_t number; };

enum facet_chip_format { FACET_CHIP_PNG, FACET_CHIP_JPEG };

struct facet_wire_chip {
    char id[FACET_EVENT_ID];
    struct facet_wire_track track;
    unsigned number;               /* of the track's chips, from 1 */
    char contract[FACET_MAX_NAME];
    int64_t frame; double pts_ms;
    int64_t captured_ms, expires_ms;
    int width, height;             /* of the frame */
    struct facet_box box;
    bool has_points; struct facet_landmarks points;
    float score, quality;
    enum facet_chip_format format;
    const uint8_t *data; size_t len;       /* borrowed when packing; the message's when unpacked */
};

struct facet_wire_track_end {
    char id[FACET_EVENT_ID];
    struct facet_wire_track track;
    int64_t frames; double first_ms, last_ms;
    int64_t captured_ms;
};

struct facet_wire_answer {
    char id[FACET_EVENT_ID], chip[FACET_EVENT_ID];
    struct facet_wire_track track;
    struct facet_identity identity;
    int64_t gallery_version;
};

struct facet_wire_clock { char device[64]; unsigned number; int64_t sent_us, received_us, answered_us; };
struct facet_wire_gallery_notice { int64_t version; };
struct facet_wire_gallery_request { char device[64]; int64_t have; };
struct facet_wire_gallery_chunk {
    int64_t version; unsigned number, count; uint64_t size;
    char sha256[65];
    const uint8_t *data; size_t len;       /* as a chip's */
};
struct facet_wire_device_status {
    char device[64], strategy[16], version[32];
    bool is_online;
    int64_t time_ms, gallery_version;
    int cameras;
    int64_t outbox_items, outbox_bytes, outbox_dropped;
    int64_t clock_offset_us;       /* server's clock minus the device's; 0: not measured yet */
};
struct facet_wire_stored { int n; char ids[FACET_MAX_STORED][FACET_EVENT_ID]; };

struct facet_message {
    enum facet_message_kind kind;
    union {
        struct facet_wire_chip chip;
        struct facet_wire_track_end track_end;
        struct facet_wire_answer answer;
        struct facet_wire_clock clock;
        struct facet_wire_gallery_notice gallery_notice;
        struct facet_wire_gallery_request gallery_request;
        struct facet_wire_gallery_chunk gallery_chunk;
        struct facet_wire_device_status device_status;
        struct facet_wire_stored stored;
    };
    void *memory;                  /* facet_message_fini's; NULL in what one makes oneself */
};

/* Appended. FACET_E_INVALID names what would be refused by unpack; FACET_E_LIMIT over FACET_MAX_WIRE_MESSAGE. */
int facet_message_pack(const struct facet_message *m, struct facet_str *out);
/* FACET_E_FORMAT or FACET_E_LIMIT with what is wrong; *out is to be given back by fini, on failure it is empty. */
int facet_message_unpack(struct facet_message *out, const void *data, size_t len);
void facet_message_fini(struct facet_message *m);

#endif
