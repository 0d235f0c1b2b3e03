/* What a message must be like, before it is sent and after it came. */
#include "wire/message_priv.h"

#include "base/errors.h"
#include "base/utf8.h"

#include <math.h>
#include <string.h>

#define LARGEST 1e12

const char *const facet_message_words[FACET_MESSAGE_KINDS] = {
    "chip", "track_end", "answer", "clock", "gallery_notice", "gallery_request", "gallery_chunk", "device_status", "stored",
};

struct check {
    const char *kind;
    int err;
};

static void hold(struct check *c, bool ok, const char *what)
{
    if (!c->err && !ok)
        c->err = facet_fail(FACET_E_INVALID, "a message '%s' has a wrong %s", c->kind, what);
}

static void hold_text(struct check *c, const char *text, const char *what)
{
    hold(c, facet_utf8_is_plain(text), what);
}

static void hold_name(struct check *c, const char *text, const char *what)
{
    hold(c, text[0] && facet_utf8_is_plain(text), what);
}

static void hold_num(struct check *c, double v, double least, double most, const char *what)
{
    hold(c, v >= least && v <= most, what);
}

static void hold_count(struct check *c, int64_t v, const char *what)
{
    hold(c, v >= 0, what);
}

static void check_track(struct check *c, const struct facet_wire_track *t)
{
    hold_text(c, t->site, "site");
    hold_name(c, t->device, "device");
    hold_name(c, t->run, "run");
    hold(c, facet_utf8_is_valid(t->camera, strlen(t->camera)), "camera");
    hold(c, t->number > 0, "track");
}

static void check_picture(struct check *c, const struct facet_wire_chip *m)
{
    hold(c, m->width > 0 && m->width <= FACET_MAX_IMAGE_SIDE, "width");
    hold(c, m->height > 0 && m->height <= FACET_MAX_IMAGE_SIDE, "height");
    const float sides[4] = {m->box.x1, m->box.y1, m->box.x2, m->box.y2};
    for (int i = 0; i < 4; i++)
        hold_num(c, (double)sides[i], -1e7, 1e7, "box");
    hold(c, m->box.x2 >= m->box.x1 && m->box.y2 >= m->box.y1, "box");
    for (int i = 0; m->has_points && i < FACET_LANDMARKS; i++) {
        hold_num(c, (double)m->points.p[i].x, -1e7, 1e7, "points");
        hold_num(c, (double)m->points.p[i].y, -1e7, 1e7, "points");
    }
}

static void check_chip(struct check *c, const struct facet_wire_chip *m)
{
    hold_name(c, m->id, "id");
    check_track(c, &m->track);
    hold(c, m->number > 0, "number");
    hold_name(c, m->contract, "contract");
    hold(c, m->frame >= 0, "frame");
    hold_num(c, m->pts_ms, -LARGEST, LARGEST, "pts_ms");
    hold_count(c, m->captured_ms, "captured_ms");
    hold_count(c, m->expires_ms, "expires_ms");
    check_picture(c, m);
    hold_num(c, (double)m->score, 0, 1, "score");
    hold_num(c, (double)m->quality, 0, 1, "quality");
    hold(c, m->format == FACET_CHIP_PNG || m->format == FACET_CHIP_JPEG, "format");
    hold(c, m->data && m->len > 0, "picture");
}

static void check_track_end(struct check *c, const struct facet_wire_track_end *m)
{
    hold_name(c, m->id, "id");
    check_track(c, &m->track);
    hold_count(c, m->frames, "frames");
    hold_num(c, m->first_ms, -LARGEST, LARGEST, "first_ms");
    hold_num(c, m->last_ms, -LARGEST, LARGEST, "last_ms");
    hold_count(c, m->captured_ms, "captured_ms");
}

static void check_answer(struct check *c, const struct facet_wire_answer *m)
{
    const struct facet_identity *id = &m->identity;
    bool is_known = id->decision == FACET_KNOWN;
    hold_name(c, m->id, "id");
    hold_text(c, m->chip, "chip");
    check_track(c, &m->track);
    hold(c, id->decision == FACET_UNDECIDED || id->decision == FACET_UNKNOWN || is_known, "decision");
    hold(c, is_known ? id->person > 0 : id->person == 0, "person");
    hold_text(c, id->name, "name");
    hold(c, is_known == (id->name[0] != '\0'), "name");
    hold_num(c, (double)id->cosine, -1.01, 1.01, "cosine");
    hold_num(c, (double)id->score, 0, 1, "score");
    hold_count(c, m->gallery_version, "gallery_version");
}

static void check_clock(struct check *c, const struct facet_wire_clock *m)
{
    hold_name(c, m->device, "device");
    hold_count(c, m->sent_us, "sent_us");
    hold_count(c, m->received_us, "received_us");
    hold_count(c, m->answered_us, "answered_us");
}

static void check_gallery_chunk(struct check *c, const struct facet_wire_gallery_chunk *m)
{
    hold_count(c, m->version, "version");
    hold(c, m->count > 0 && m->count <= FACET_MAX_GALLERY_CHUNKS && m->number < m->count, "number");
    hold(c, m->data && m->len > 0 && m->len <= m->size, "size");
    hold(c, strlen(m->sha256) == 64 && strspn(m->sha256, "0123456789abcdef") == 64, "sha256");
}

static void check_device_status(struct check *c, const struct facet_wire_device_status *m)
{
    hold_name(c, m->device, "device");
    hold_text(c, m->strategy, "strategy");
    hold_text(c, m->version, "version");
    hold_count(c, m->time_ms, "time_ms");
    hold_count(c, m->gallery_version, "gallery_version");
    hold(c, m->cameras >= 0 && m->cameras <= 4096, "cameras");
    hold_count(c, m->outbox_items, "outbox_items");
    hold_count(c, m->outbox_bytes, "outbox_bytes");
    hold_count(c, m->outbox_dropped, "outbox_dropped");
}

static void check_stored(struct check *c, const struct facet_wire_stored *m)
{
    hold(c, m->n > 0 && m->n <= FACET_MAX_STORED, "number of ids");
    for (int i = 0; !c->err && i < m->n; i++)
        hold_name(c, m->ids[i], "id");
}

int facet__message_check(const struct facet_message *m)
{
    if ((unsigned)m->kind >= FACET_MESSAGE_KINDS)
        return facet_fail(FACET_E_INVALID, "a message is of no kind");
    struct check c = {facet_message_words[m->kind], FACET_OK};
    switch (m->kind) {
    case FACET_MESSAGE_CHIP: check_chip(&c, &m->chip); break;
    case FACET_MESSAGE_TRACK_END: check_track_end(&c, &m->track_end); break;
    case FACET_MESSAGE_ANSWER: check_answer(&c, &m->answer); break;
    case FACET_MESSAGE_CLOCK: check_clock(&c, &m->clock); break;
    case FACET_MESSAGE_GALLERY_NOTICE: hold_count(&c, m->gallery_notice.version, "version"); break;
    case FACET_MESSAGE_GALLERY_REQUEST:
        hold_name(&c, m->gallery_request.device, "device");
        hold_count(&c, m->gallery_request.have, "version");
        break;
    case FACET_MESSAGE_GALLERY_CHUNK: check_gallery_chunk(&c, &m->gallery_chunk); break;
    case FACET_MESSAGE_DEVICE_STATUS: check_device_status(&c, &m->device_status); break;
    case FACET_MESSAGE_STORED: check_stored(&c, &m->stored); break;
    case FACET_MESSAGE_KINDS: break;
    }
    return c.err;
}
