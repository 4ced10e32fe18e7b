/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "export/encode/connections.h"

#include <string.h>

static uint64_t connection_hash(const struct connection *connection)
{
    const struct message *message = connection->message;
    uint64_t parts[4] = {(uintptr_t)message->exporter, message->domain, connection->number};
    memcpy(&parts[3], connection->flow_id, sizeof parts[3]);
    return XXH3_64bits(parts, sizeof parts) | 1;
}

static uint64_t *row_of(struct connections *connections, uint64_t hash)
{
    return connections->hashes[(hash >> 1) % CONNECTION_ROWS];
}

/* Where the hash stands in its row; CONNECTION_ROW: nowhere. */
static uint32_t place_of(const uint64_t *row, uint64_t hash)
{
    uint32_t place = 0;
    while (place < CONNECTION_ROW && row[place] != hash)
        place++;
    return place;
}

void connections_note(struct connections *connections, const struct connection *connection)
{
    uint64_t hash = connection_hash(connection), *row = row_of(connections, hash);
    uint32_t place = place_of(row, hash);
    if (place == CONNECTION_ROW) {
        place = CONNECTION_ROW - 1;
        connections->forgotten += row[place] != 0;
    }
    memmove(row + 1, row, place * sizeof *row);
    row[0] = hash;
}

bool connections_end(struct connections *connections, const struct connection *connection)
{
    uint64_t hash = connection_hash(connection), *row = row_of(connections, hash);
    uint32_t place = place_of(row, hash);
    if (place == CONNECTION_ROW)
        return false;
    memmove(row + place, row + place + 1, (CONNECTION_ROW - 1 - place) * sizeof *row);
    row[CONNECTION_ROW - 1] = 0;
    return true;
}
