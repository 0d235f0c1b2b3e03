/* Messages to bytes and back, by protobuf-c. Unpacking allocates by what the bytes say, so the number of fields is
 * counted before it begins; what came out is then held against the same rules as what goes in. */
#include "wire/message_priv.h"

#include "base/errors.h"
#include "base/str.h"

#include "facet.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define MAX_FIELDS 600 /* of an envelope and what is in it */

/* ---- packing ---- */

static char *text(const char *s)
{
    return (char *)(uintptr_t)s; /* protobuf-c's structs know no const; it reads only */
}

static Facet__Wire__Track track_out(const struct facet_wire_track *t)
{
    Facet__Wire__Track out = FACET__WIRE__TRACK__INIT;
    out.site = text(t->site);
    out.device = text(t->device);
    out.run = text(t->run);
    out.camera = text(t->camera);
    out.number = t->number;
    return out;
}

static int emit(Facet__Wire__Envelope *e, Facet__Wire__Envelope__BodyCase body, struct facet_str *out)
{
    e->version = VERSION;
    e->body_case = body;
    size_t len = facet__wire__envelope__get_packed_size(e);
    if (len > FACET_MAX_WIRE_MESSAGE)
        return facet_fail(FACET_E_LIMIT, "a message of %zu bytes is larger than the %u allowed", len, FACET_MAX_WIRE_MESSAGE);
    uint8_t *bytes = malloc(len ? len : 1);
    if (!bytes)
        return facet_fail_nomem();
    facet__wire__envelope__pack(e, bytes);
    int err = facet_str_append(out, bytes, len);
    free(bytes);
    return err ? facet_fail(err, "a message cannot be packed: %s", facet_error_name(err)) : FACET_OK;
}

static int chip_out(const struct facet_wire_chip *m, struct facet_str *out)
{
    Facet__Wire__Envelope e = FACET__WIRE__ENVELOPE__INIT;
    Facet__Wire__Chip c = FACET__WIRE__CHIP__INIT;
    Facet__Wire__Track t = track_out(&m->track);
    float box[4] = {m->box.x1, m->box.y1, m->box.x2, m->box.y2}, points[2 * FACET_LANDMARKS];
    for (int i = 0; i < FACET_LANDMARKS; i++) {
        points[2 * i] = m->points.p[i].x;
        points[2 * i + 1] = m->points.p[i].y;
    }
    c.id = text(m->id);
    c.track = &t;
    c.number = m->number;
    c.contract = text(m->contract);
    c.frame = m->frame;
    c.pts_ms = m->pts_ms;
    c.captured_ms = m->captured_ms;
    c.expires_ms = m->expires_ms;
    c.width = (uint32_t)m->width;
    c.height = (uint32_t)m->height;
    c.n_box = 4;
    c.box = box;
    c.n_points = m->has_points ? 2 * FACET_LANDMARKS : 0;
    c.points = points;
    c.score = m->score;
    c.quality = m->quality;
    c.format = m->format == FACET_CHIP_JPEG ? FACET__WIRE__CHIP__FORMAT__JPEG : FACET__WIRE__CHIP__FORMAT__PNG;
    c.data.data = (uint8_t *)(uintptr_t)m->data;
    c.data.len = m->len;
    e.chip = &c;
    return emit(&e, FACET__WIRE__ENVELOPE__BODY_CHIP, out);
}

static int track_end_out(const struct facet_wire_track_end *m, struct facet_str *out)
{
    Facet__Wire__Envelope e = FACET__WIRE__ENVELOPE__INIT;
    Facet__Wire__TrackEnd b = FACET__WIRE__TRACK_END__INIT;
    Facet__Wire__Track t = track_out(&m->track);
    b.id = text(m->id);
    b.track = &t;
    b.frames = m->frames;
    b.first_ms = m->first_ms;
    b.last_ms = m->last_ms;
    b.captured_ms = m->captured_ms;
    e.track_end = &b;
    return emit(&e, FACET__WIRE__ENVELOPE__BODY_TRACK_END, out);
}

static int answer_out(const struct facet_wire_answer *m, struct facet_str *out)
{
    Facet__Wire__Envelope e = FACET__WIRE__ENVELOPE__INIT;
    Facet__Wire__Answer b = FACET__WIRE__ANSWER__INIT;
    Facet__Wire__Track t = track_out(&m->track);
    b.id = text(m->id);
    b.track = &t;
    b.decision = (Facet__Wire__Answer__Decision)m->identity.decision;
    b.person = m->identity.person;
    b.name = text(m->identity.name);
    b.cosine = m->identity.cosine;
    b.score = m->identity.score;
    b.gallery_version = m->gallery_version;
    b.chip = text(m->chip);
    e.answer = &b;
    return emit(&e, FACET__WIRE__ENVELOPE__BODY_ANSWER, out);
}

static int clock_out(const struct facet_wire_clock *m, struct facet_str *out)
{
    Facet__Wire__Envelope e = FACET__WIRE__ENVELOPE__INIT;
    Facet__Wire__Clock b = FACET__WIRE__CLOCK__INIT;
    b.device = text(m->device);
    b.number = m->number;
    b.sent_us = m->sent_us;
    b.received_us = m->received_us;
    b.answered_us = m->answered_us;
    e.clock = &b;
    return emit(&e, FACET__WIRE__ENVELOPE__BODY_CLOCK, out);
}

static int gallery_notice_out(const struct facet_wire_gallery_notice *m, struct facet_str *out)
{
    Facet__Wire__Envelope e = FACET__WIRE__ENVELOPE__INIT;
    Facet__Wire__GalleryNotice b = FACET__WIRE__GALLERY_NOTICE__INIT;
    b.version = m->version;
    e.gallery_notice = &b;
    return emit(&e, FACET__WIRE__ENVELOPE__BODY_GALLERY_NOTICE, out);
}

static int gallery_request_out(const struct facet_wire_gallery_request *m, struct facet_str *out)
{
    Facet__Wire__Envelope e = FACET__WIRE__ENVELOPE__INIT;
    Facet__Wire__GalleryRequest b = FACET__WIRE__GALLERY_REQUEST__INIT;
    b.device = text(m->device);
    b.have = m->have;
    e.gallery_request = &b;
    return emit(&e, FACET__WIRE__ENVELOPE__BODY_GALLERY_REQUEST, out);
}

static int gallery_chunk_out(const struct facet_wire_gallery_chunk *m, struct facet_str *out)
{
    Facet__Wire__Envelope e = FACET__WIRE__ENVELOPE__INIT;
    Facet__Wire__GalleryChunk b = FACET__WIRE__GALLERY_CHUNK__INIT;
    b.version = m->version;
    b.number = m->number;
    b.count = m->count;
    b.size = m->size;
    b.sha256 = text(m->sha256);
    b.data.data = (uint8_t *)(uintptr_t)m->data;
    b.data.len = m->len;
    e.gallery_chunk = &b;
    return emit(&e, FACET__WIRE__ENVELOPE__BODY_GALLERY_CHUNK, out);
}

static int device_status_out(const struct facet_wire_device_status *m, struct facet_str *out)
{
    Facet__Wire__Envelope e = FACET__WIRE__ENVELOPE__INIT;
    Facet__Wire__DeviceStatus b = FACET__WIRE__DEVICE_STATUS__INIT;
    b.device = text(m->device);
    b.strategy = text(m->strategy);
    b.online = m->is_online;
    b.time_ms = m->time_ms;
    b.gallery_version = m->gallery_version;
    b.cameras = (uint32_t)m->cameras;
    b.version = text(m->version);
    b.outbox_items = m->outbox_items;
    b.outbox_bytes = m->outbox_bytes;
    b.outbox_dropped = m->outbox_dropped;
    b.clock_offset_us = m->clock_offset_us;
    e.device_status = &b;
    return emit(&e, FACET__WIRE__ENVELOPE__BODY_DEVICE_STATUS, out);
}

static int stored_out(const struct facet_wire_stored *m, struct facet_str *out)
{
    Facet__Wire__Envelope e = FACET__WIRE__ENVELOPE__INIT;
    Facet__Wire__Stored b = FACET__WIRE__STORED__INIT;
    char *ids[FACET_MAX_STORED];
    for (int i = 0; i < m->n; i++)
        ids[i] = text(m->ids[i]);
    b.n_ids = (size_t)m->n;
    b.ids = ids;
    e.stored = &b;
    return emit(&e, FACET__WIRE__ENVELOPE__BODY_STORED, out);
}

int facet_message_pack(const struct facet_message *m, struct facet_str *out)
{
    int err = facet__message_check(m);
    if (err)
        return err;
    switch (m->kind) {
    case FACET_MESSAGE_CHIP: return chip_out(&m->chip, out);
    case FACET_MESSAGE_TRACK_END: return track_end_out(&m->track_end, out);
    case FACET_MESSAGE_ANSWER: return answer_out(&m->answer, out);
    case FACET_MESSAGE_CLOCK: return clock_out(&m->clock, out);
    case FACET_MESSAGE_GALLERY_NOTICE: return gallery_notice_out(&m->gallery_notice, out);
    case FACET_MESSAGE_GALLERY_REQUEST: return gallery_request_out(&m->gallery_request, out);
    case FACET_MESSAGE_GALLERY_CHUNK: return gallery_chunk_out(&m->gallery_chunk, out);
    case FACET_MESSAGE_DEVICE_STATUS: return device_status_out(&m->device_status, out);
    case FACET_MESSAGE_STORED: return stored_out(&m->stored, out);
    case FACET_MESSAGE_KINDS: break;
    }
    return facet_fail(FACET_E_INVALID, "a message is of no kind");
}

/* ---- unpacking ---- */

/* The first refusal stays. */
struct taking {
    int err;
};

static void take_text(struct taking *t, char *out, size_t cap, const char *in, const char *what)
{
    size_t len = in ? strlen(in) : 0;
    if (len >= cap && !t->err)
        t->err = facet_fail(FACET_E_FORMAT, "a message's %s is too long", what);
    if (!t->err && in)
        memcpy(out, in, len + 1);
}
#define TAKE_TEXT(t, to, from, field) take_text(t, (to)->field, sizeof((to)->field), (from)->field, #field)

static void take_track(struct taking *t, struct facet_wire_track *out, const Facet__Wire__Track *in)
{
    if (!in) {
        if (!t->err)
            t->err = facet_fail(FACET_E_FORMAT, "a message lacks its track");
        return;
    }
    TAKE_TEXT(t, out, in, site);
    TAKE_TEXT(t, out, in, device);
    TAKE_TEXT(t, out, in, run);
    TAKE_TEXT(t, out, in, camera);
    out->number = in->number;
}

static void take_points(struct taking *t, struct facet_wire_chip *out, const Facet__Wire__Chip *in)
{
    if (in->n_box != 4 || (in->n_points != 0 && in->n_points != 2 * FACET_LANDMARKS)) {
        if (!t->err)
            t->err = facet_fail(FACET_E_FORMAT, "a chip's box is not four numbers, or its points are not five");
        return;
    }
    out->box = (struct facet_box){in->box[0], in->box[1], in->box[2], in->box[3]};
    out->has_points = in->n_points > 0;
    for (int i = 0; out->has_points && i < FACET_LANDMARKS; i++)
        out->points.p[i] = (struct facet_point){in->points[2 * i], in->points[2 * i + 1]};
}

static int side(uint32_t v)
{
    return v > FACET_MAX_IMAGE_SIDE ? 0 : (int)v; /* 0 is refused later */
}

static void take_chip(struct taking *t, struct facet_wire_chip *out, const Facet__Wire__Chip *in)
{
    TAKE_TEXT(t, out, in, id);
    take_track(t, &out->track, in->track);
    out->number = in->number;
    TAKE_TEXT(t, out, in, contract);
    out->frame = in->frame;
    out->pts_ms = in->pts_ms;
    out->captured_ms = in->captured_ms;
    out->expires_ms = in->expires_ms;
    out->width = side(in->width);
    out->height = side(in->height);
    take_points(t, out, in);
    out->score = in->score;
    out->quality = in->quality;
    out->format = (enum facet_chip_format)in->format;
    out->data = in->data.data;
    out->len = in->data.len;
}

static void take_track_end(struct taking *t, struct facet_wire_track_end *out, const Facet__Wire__TrackEnd *in)
{
    TAKE_TEXT(t, out, in, id);
    take_track(t, &out->track, in->track);
    out->frames = in->frames;
    out->first_ms = in->first_ms;
    out->last_ms = in->last_ms;
    out->captured_ms = in->captured_ms;
}

static void take_answer(struct taking *t, struct facet_wire_answer *out, const Facet__Wire__Answer *in)
{
    TAKE_TEXT(t, out, in, id);
    TAKE_TEXT(t, out, in, chip);
    take_track(t, &out->track, in->track);
    out->identity.decision = (enum facet_decision)in->decision;
    out->identity.person = in->person;
    TAKE_TEXT(t, &out->identity, in, name);
    out->identity.cosine = in->cosine;
    out->identity.score = in->score;
    out->gallery_version = in->gallery_version;
}

static void take_clock(struct taking *t, struct facet_wire_clock *out, const Facet__Wire__Clock *in)
{
    TAKE_TEXT(t, out, in, device);
    out->number = in->number;
    out->sent_us = in->sent_us;
    out->received_us = in->received_us;
    out->answered_us = in->answered_us;
}

static void take_gallery_chunk(struct taking *t, struct facet_wire_gallery_chunk *out, const Facet__Wire__GalleryChunk *in)
{
    out->version = in->version;
    out->number = in->number;
    out->count = in->count;
    out->size = in->size;
    TAKE_TEXT(t, out, in, sha256);
    out->data = in->data.data;
    out->len = in->data.len;
}

static void take_device_status(struct taking *t, struct facet_wire_device_status *out, const Facet__Wire__DeviceStatus *in)
{
    TAKE_TEXT(t, out, in, device);
    TAKE_TEXT(t, out, in, strategy);
    TAKE_TEXT(t, out, in, version);
    out->is_online = in->online;
    out->time_ms = in->time_ms;
    out->gallery_version = in->gallery_version;
    out->cameras = in->cameras > INT32_MAX ? -1 : (int)in->cameras;
    out->outbox_items = in->outbox_items;
    out->outbox_bytes = in->outbox_bytes;
    out->outbox_dropped = in->outbox_dropped;
    out->clock_offset_us = in->clock_offset_us;
}

static void take_stored(struct taking *t, struct facet_wire_stored *out, const Facet__Wire__Stored *in)
{
    if (in->n_ids > FACET_MAX_STORED) {
        t->err = facet_fail(FACET_E_FORMAT, "a message 'stored' has more than %d ids", FACET_MAX_STORED);
        return;
    }
    out->n = (int)in->n_ids;
    for (int i = 0; i < out->n; i++)
        take_text(t, out->ids[i], sizeof(out->ids[i]), in->ids[i], "id");
}

static int take_body(struct facet_message *out, const Facet__Wire__Envelope *e)
{
    struct taking t = {FACET_OK};
    switch (e->body_case) {
    case FACET__WIRE__ENVELOPE__BODY_CHIP:
        out->kind = FACET_MESSAGE_CHIP;
        take_chip(&t, &out->chip, e->chip);
        break;
    case FACET__WIRE__ENVELOPE__BODY_TRACK_END:
        out->kind = FACET_MESSAGE_TRACK_END;
        take_track_end(&t, &out->track_end, e->track_end);
        break;
    case FACET__WIRE__ENVELOPE__BODY_ANSWER:
        out->kind = FACET_MESSAGE_ANSWER;
        take_answer(&t, &out->answer, e->answer);
        break;
    case FACET__WIRE__ENVELOPE__BODY_CLOCK:
        out->kind = FACET_MESSAGE_CLOCK;
        take_clock(&t, &out->clock, e->clock);
        break;
    case FACET__WIRE__ENVELOPE__BODY_GALLERY_NOTICE:
        out->kind = FACET_MESSAGE_GALLERY_NOTICE;
        out->gallery_notice.version = e->gallery_notice->version;
        break;
    case FACET__WIRE__ENVELOPE__BODY_GALLERY_REQUEST:
        out->kind = FACET_MESSAGE_GALLERY_REQUEST;
        TAKE_TEXT(&t, &out->gallery_request, e->gallery_request, device);
        out->gallery_request.have = e->gallery_request->have;
        break;
    case FACET__WIRE__ENVELOPE__BODY_GALLERY_CHUNK:
        out->kind = FACET_MESSAGE_GALLERY_CHUNK;
        take_gallery_chunk(&t, &out->gallery_chunk, e->gallery_chunk);
        break;
    case FACET__WIRE__ENVELOPE__BODY_DEVICE_STATUS:
        out->kind = FACET_MESSAGE_DEVICE_STATUS;
        take_device_status(&t, &out->device_status, e->device_status);
        break;
    case FACET__WIRE__ENVELOPE__BODY_STORED:
        out->kind = FACET_MESSAGE_STORED;
        take_stored(&t, &out->stored, e->stored);
        break;
    default: return facet_fail(FACET_E_FORMAT, "a message is of a kind that is not known here");
    }
    return t.err;
}

/* ---- before unpacking ---- */

struct bytes {
    const uint8_t *at, *end;
};

static bool skip_varint(struct bytes *b, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; b->at < b->end && shift < 64; shift += 7) {
        uint8_t c = *b->at++;
        *out |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return true;
    }
    return false;
}

/* Passes one field; `inner` is what a field with a length holds. */
static bool skip_field(struct bytes *b, struct bytes *inner, uint64_t *number)
{
    uint64_t tag, len = 0;
    *inner = (struct bytes){NULL, NULL};
    if (!skip_varint(b, &tag))
        return false;
    *number = tag >> 3;
    switch (tag & 7) {
    case 0: return skip_varint(b, &len);
    case 1: len = 8; break;
    case 5: len = 4; break;
    case 2:
        if (!skip_varint(b, &len))
            return false;
        break;
    default: return false;
    }
    if (len > (uint64_t)(b->end - b->at))
        return false;
    if ((tag & 7) == 2)
        *inner = (struct bytes){b->at, b->at + len};
    b->at += len;
    return true;
}

/* Of the envelope, its body and the body's track, which is field 2 wherever there is one. What is no message is counted as
 * far as it goes; protobuf-c judges it. */
static size_t count_fields(struct bytes b, int level)
{
    size_t n = 0;
    uint64_t number;
    for (struct bytes inner; n <= MAX_FIELDS && b.at < b.end && skip_field(&b, &inner, &number); n++)
        if (inner.at && (level == 0 || (level == 1 && number == 2)))
            n += count_fields(inner, level + 1);
    return n;
}

/* ---- allocation that tells when memory is out ---- */

static void *allocate(void *ctx, size_t size)
{
    void *p = malloc(size);
    if (!p)
        *(bool *)ctx = true;
    return p;
}

static void release(void *ctx, void *p)
{
    free(p);
}

int facet_message_unpack(struct facet_message *out, const void *data, size_t len)
{
    bool is_out = false;
    ProtobufCAllocator a = {allocate, release, &is_out};
    memset(out, 0, sizeof(*out));
    if (len > FACET_MAX_WIRE_MESSAGE)
        return facet_fail(FACET_E_LIMIT, "a message of %zu bytes is larger than the %u allowed", len, FACET_MAX_WIRE_MESSAGE);
    struct bytes all = {data, (const uint8_t *)data + len};
    if (count_fields(all, 0) > MAX_FIELDS)
        return facet_fail(FACET_E_LIMIT, "a message has more than %d fields", MAX_FIELDS);
    Facet__Wire__Envelope *e = facet__wire__envelope__unpack(&a, len, data);
    if (!e && is_out)
        return facet_fail_nomem();
    if (!e)
        return facet_fail(FACET_E_FORMAT, "%zu bytes are no message", len);
    int err = e->version == VERSION ? take_body(out, e) : facet_fail(FACET_E_FORMAT, "a message is of version %u, not %d",
                                                                     e->version, VERSION);
    if (!err && facet__message_check(out))
        err = FACET_E_FORMAT; /* with the text that is there */
    out->memory = e;
    if (err)
        facet_message_fini(out);
    return err;
}

void facet_message_fini(struct facet_message *m)
{
    ProtobufCAllocator a = {allocate, release, NULL};
    if (m->memory)
        facet__wire__envelope__free_unpacked(m->memory, &a);
    memset(m, 0, sizeof(*m));
}
