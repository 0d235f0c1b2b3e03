#ifndef FACET_WIRE_MESSAGE_PRIV_H
#define FACET_WIRE_MESSAGE_PRIV_H

#include "wire/message.h"

/* FACET_E_INVALID with what is wrong: what both sides hold a message against. */
int facet__message_check(const struct facet_message *m);

#endif
