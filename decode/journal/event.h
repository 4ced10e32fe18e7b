/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/session_key.h"

/*
 * What happened to a template of a session. Everything that a collector needs to know it: the last event of a key and
 * id says all, earlier ones may be forgotten.
 */
enum template_change {
    CHANGE_LEARNED,
    CHANGE_REPLACED, /* by another definition of the same id */
    CHANGE_RENEWED,  /* the same, still in use: only the time is new */
    CHANGE_SPLIT,    /* no template, and id 0: the session's templates go by port from here on */
    CHANGE_REMOVED,  /* expired, thrown away, or replaced by one that a limit keeps out: no record */
    CHANGE_COUNT
};

/*
 * The announcement that a definition was last seen in, told apart from others by the exporter's own clock and count:
 * two collectors that share an exporter agree on them, whatever their clocks say. All zero: not known.
 */
struct template_stamp {
    uint32_t export_s;   /* of the message's header: UTC in seconds, by the exporter's clock */
    uint32_t sequence;   /* of the message's header */
    uint32_t received_s; /* UTC in seconds, by the clock of the collector that received it */
};

/*
 * Is one the later announcement of the two, both of one session? The exporter's clock decides, and within a second its
 * sequence numbers. now_export_s, of the session's message at hand (UINT32_MAX: there is none), and the collectors'
 * clocks tell where that clock was wrong or was set: then the collectors' decide.
 */
bool template_stamp_later(const struct template_stamp *one, const struct template_stamp *other, uint32_t now_export_s);

struct template_event {
    struct session_key key;
    int64_t time_ns;       /* UTC, when it happened */
    struct template_stamp stamp;
    const uint8_t *record; /* the template record (RFC 3954 5.2 and 6.1, RFC 7011 3.4.1 and 3.4.2.2), from its id on */
    uint16_t record_bytes; /* 0: removed */
    uint16_t id;           /* below 256: a page of facts (decode/facts.h), and so is the record */
    uint16_t source_port;  /* that it came from; key.port is 0 where sessions do not go by port */
    uint8_t change;        /* enum template_change */
    bool options;          /* an options template record */
};

/* As a template in use is said to be renewed once a timeout, nothing that is in use is ever that old. 0: never. */
static inline bool template_event_expired(const struct template_event *event, uint64_t timeout_ns, int64_t now_ns)
{
    return timeout_ns && now_ns - event->time_ns > 2 * (int64_t)timeout_ns;
}

#define TEMPLATE_RECORD_MOST UINT16_MAX /* bytes: no set is longer */
