#include "engine/format/wire.h"

#include "base/errors.h"

struct reader {
    const uint8_t *at, *end;
};

struct walk {
    const char *origin;
    unsigned parts;
};

static int damaged(const struct walk *w)
{
    return facet_fail(FACET_E_FORMAT, "cannot read '%s': it is damaged, cut short or no such model", w->origin);
}

static int read_varint(struct reader *r, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        uint8_t b = *r->at++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) {
            *out = v;
            return FACET_OK;
        }
    }
    return FACET_E_FORMAT;
}

static int check_message(struct walk *w, const ProtobufCMessageDescriptor *kind, struct reader r, int depth);

static int check_delimited(struct walk *w, const ProtobufCFieldDescriptor *field, struct reader *r, int depth)
{
    uint64_t len;
    if (read_varint(r, &len) || len > (uint64_t)(r->end - r->at))
        return damaged(w);
    struct reader part = {r->at, r->at + len};
    r->at += len;
    if (++w->parts > FACET_WIRE_MAX_PARTS)
        return facet_fail(FACET_E_LIMIT, "cannot read '%s': more than %u parts", w->origin, FACET_WIRE_MAX_PARTS);
    if (field && field->type == PROTOBUF_C_TYPE_MESSAGE)
        return check_message(w, field->descriptor, part, depth + 1);
    return FACET_OK;
}

static int skip_fixed(const struct walk *w, struct reader *r, size_t bytes)
{
    if ((size_t)(r->end - r->at) < bytes)
        return damaged(w);
    r->at += bytes;
    return FACET_OK;
}

static int check_message(struct walk *w, const ProtobufCMessageDescriptor *kind, struct reader r, int depth)
{
    if (depth > FACET_WIRE_MAX_DEPTH)
        return facet_fail(FACET_E_LIMIT, "cannot read '%s': nested deeper than %d", w->origin, FACET_WIRE_MAX_DEPTH);
    int err = FACET_OK;
    while (!err && r.at < r.end) {
        uint64_t key, skipped;
        if (read_varint(&r, &key) || key >> 3 == 0 || key >> 3 > 0x1fffffff)
            return damaged(w);
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(kind, (unsigned)(key >> 3));
        if (!field && ++w->parts > FACET_WIRE_MAX_PARTS) /* unknown fields are kept by protobuf-c */
            return facet_fail(FACET_E_LIMIT, "cannot read '%s': more than %u parts", w->origin, FACET_WIRE_MAX_PARTS);
        switch (key & 7) {
        case 0: err = read_varint(&r, &skipped) ? damaged(w) : FACET_OK; break;
        case 1: err = skip_fixed(w, &r, 8); break;
        case 2: err = check_delimited(w, field, &r, depth); break;
        case 5: err = skip_fixed(w, &r, 4); break;
        default: err = damaged(w); break;
        }
    }
    return err;
}

int facet_wire_check(const ProtobufCMessageDescriptor *kind, const uint8_t *data, size_t len, const char *origin)
{
    struct walk w = {.origin = origin};
    if (len == 0)
        return facet_fail(FACET_E_FORMAT, "cannot read '%s': it is empty", origin);
    return check_message(&w, kind, (struct reader){data, data + len}, 0);
}
