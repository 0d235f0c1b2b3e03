/* A walk over protobuf bytes before protobuf-c unpacks them: it recurses and allocates by what the
 * bytes say, so nesting and the number of parts are checked first. */
#ifndef FACET_ENGINE_FORMAT_WIRE_H
#define FACET_ENGINE_FORMAT_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#define FACET_WIRE_MAX_DEPTH 24
#define FACET_WIRE_MAX_PARTS (1u << 20)    /* messages, strings and byte fields */

/* FACET_E_FORMAT or FACET_E_LIMIT with "cannot read 'origin': why". */
int facet_wire_check(const ProtobufCMessageDescriptor *kind, const uint8_t *data, size_t len, const char *origin);

#endif
