/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "config/config.h"
#include "decode/record.h"
#include "decode/session_key.h"

/*
 * Data sets whose template has not come yet, copied with the header of their message, to be decoded as if it had been
 * there. One worker's; bounded in bytes, in bytes of an exporter, and in time.
 */
struct park;

/* A data set that waits, or that is being decoded after it did. */
struct parked {
    struct session_key key;
    uint16_t id;           /* of its template */
    struct message message;
    uint32_t position;     /* records that its message had before it */
    uint32_t size_bytes;   /* of the set's body */
    uint64_t number;       /* the park's: rises from set to set, never 0 */
    /* in all of them, oldest first, and in its bucket: the park's */
    struct parked *older, *newer;
    struct parked *next, **link;
    uint8_t body[];        /* with RECORD_SLACK_BYTES behind it */
};

/* NULL for want of memory. */
struct park *park_new(struct heap *heap, const struct config *config);
void park_free(struct park *park); /* with all that waits */

/* A set is parked with key, id, message and position of `like`. False when it finds no room. */
bool park_put(struct park *park, const struct parked *like, const uint8_t *body, uint32_t size_bytes);

/* The oldest set that waits for a template, or the next one after a set that does; NULL: there is none. */
struct parked *park_find(struct park *park, struct parked *after, const struct session_key *key, uint16_t id);
/* It waits no more, and is given back when it was decoded. */
void park_remove(struct park *park, struct parked *parked);
/* Sets of a session by address go to those of their exporters' ports. */
void park_rekey(struct park *park, const struct session_key *key);

/* The oldest set of all, if it has waited for too long at that time; or whatever its age is. */
struct parked *park_take_expired(struct park *park, int64_t now_ns);
struct parked *park_take_oldest(struct park *park);
/* The oldest set of an exporter. */
struct parked *park_take_of(struct park *park, const struct exporter *exporter);
void park_give_back(struct park *park, struct parked *parked); /* parked may be NULL */

/* The oldest set that was parked after that number, or NULL; it waits on. */
const struct parked *park_after(const struct park *park, uint64_t number);

/* Sets that wait. Any thread. */
uint32_t park_count(const struct park *park);
