/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/ids.h"

#include <string.h>
#include <xxhash.h>

/* Everything of the message that is the same when it comes again; without holes, for it is hashed as it stands. */
struct message_key {
    uint8_t address[16];
    int64_t export_ns;
    uint32_t domain;
    uint32_t sequence;
    uint32_t uptime_ms;
    uint16_t port;
    uint16_t version;
};

static_assert(sizeof(struct message_key) == 40, "no padding is hashed");

static uint64_t message_hash(const struct message *message)
{
    const struct endpoint *endpoint = &message->exporter->endpoint;
    struct message_key key = {
        .export_ns = message->export_ns,
        .domain = message->domain,
        .sequence = message->sequence,
        .uptime_ms = message->uptime_ms,
        .port = endpoint->port,
        .version = message->version,
    };
    memcpy(key.address, endpoint->address.bytes, sizeof key.address);
    return XXH3_64bits(&key, sizeof key);
}

void ids_write(struct document_id *ids, const struct chunk *chunk, uint32_t first, uint32_t count)
{
    uint64_t message = message_hash(chunk->message);
    for (uint32_t i = 0; i < count; i++) {
        const struct record *record = &chunk->records[first + i];
        uint64_t seed = message + chunk->position + first + i;
        XXH128_hash_t hash = XXH3_128bits_withSeed(record->bytes, record->size_bytes, seed);
        ids[i] = (struct document_id){{hash.low64, hash.high64}};
    }
}
