/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/journal/record.h"

/*
 * An event as a message of the topic that the collectors of a tier share: a key by which Kafka compacts, and a value
 * that is the journal's record behind a head of its own. A removed template is a key without a value. Little-endian.
 */
struct topic_key {
    struct session_key session;
    uint16_t id;
    uint16_t reserved; /* zero */
};

struct topic_head {
    uint32_t magic;
    uint16_t version;
    uint16_t reserved; /* zero */
    uint64_t origin;   /* drawn by each run of a collector */
};

#define TOPIC_MAGIC      0x1a545457 /* "WTT", and what no text has */
#define TOPIC_VERSION    1
#define TOPIC_VALUE_MOST (sizeof(struct topic_head) + RECORD_MOST)

struct topic_key topic_key_of(const struct session_key *session, uint16_t id);

/* Writes the value of an event that is no removal; `to` has TOPIC_VALUE_MOST bytes. Returns its length. */
uint32_t topic_value_write(uint8_t *to, uint64_t origin, const struct template_event *event);

/* A message as it comes from a broker: of bytes that anybody may have written. */
struct topic_message {
    const void *key;
    size_t key_bytes;
    const void *value; /* NULL: none */
    size_t value_bytes;
};

enum topic_verdict {
    TOPIC_ANNOUNCED, /* the event is whole, with a template that template_read() takes; its record points into value */
    TOPIC_REMOVED,   /* the event has key, id and change */
    TOPIC_OWN,       /* of this origin: nothing else was looked at */
    TOPIC_REFUSED,   /* it is no such message, or of a later version */
};

enum topic_verdict topic_message_read(const struct topic_message *message, uint64_t origin,
                                      struct template_event *event);
