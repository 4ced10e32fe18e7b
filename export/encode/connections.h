/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "decode/record.h"

/*
 * Connections of firewalls whose bytes were counted while they lasted. Cisco's ASA says in its update events what was
 * transferred since the last one, and in the event that ends the connection all of it once more, in the same elements;
 * only where no update event came before (the connection was short, or they are not asked for) nobody else says it
 * (Cisco ASA NetFlow Implementation Guide, Templates for Flow Update Events).
 *
 * A set of hashes with a cap, of one worker: in a full row the connection that was updated longest ago gives way.
 */
#define CONNECTION_ROWS 8192
#define CONNECTION_ROW  8 /* a cache line */

struct connections {
    uint64_t hashes[CONNECTION_ROWS][CONNECTION_ROW]; /* the newest first; 0: free */
    /* until the owner counts and clears them */
    uint64_t forgotten; /* connections that gave way */
    uint64_t ended;     /* records whose totals were left out */
};

static_assert(sizeof(struct connections) <= 1 << 20, "what a heap gives at once");

/* What tells one connection from another: the exporter's number for it is used again. */
struct connection {
    const struct message *message;
    uint64_t number;      /* flowId */
    const char *flow_id;  /* the document's: 8 characters of it are looked at */
};

/* An update event was counted. */
void connections_note(struct connections *connections, const struct connection *connection);

/* Were update events of the connection counted? It is forgotten. */
bool connections_end(struct connections *connections, const struct connection *connection);
