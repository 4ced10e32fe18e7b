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

struct template_event {
    struct session_key key;
    int64_t time_ns;       /* UTC, when it happened */
    const uint8_t *record; /* the template record (RFC 3954 5.2 and 6.1, RFC 7011 3.4.1 and 3.4.2.2), from its id on */
    uint16_t record_bytes; /* 0: removed */
    uint16_t id;
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
