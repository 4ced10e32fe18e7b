/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/supply.h"

#include "base/bytes.h"
#include "blast/put.h"

/* Addresses of a prefix that are used: all of a single one, else all but the first, which is the network's. */
static uint64_t prefix_hosts(const struct prefix *prefix)
{
    uint32_t bits = 128u - prefix->length;
    return bits == 0 ? 1 : bits > 32 ? 1ull << 32 : (1ull << bits) - 1;
}

bool sources_suffice(const struct blast_sources *sources, uint32_t exporters)
{
    for (uint32_t i = 0; i < sources->count; i++)
        if (prefix_hosts(&sources->prefixes[i]) < (exporters + sources->count - 1 - i) / sources->count)
            return false;
    return sources->count > 0;
}

struct endpoint sources_endpoint(const struct blast_sources *sources, uint32_t number)
{
    const struct prefix *prefix = &sources->prefixes[number % sources->count];
    struct endpoint endpoint = {.address = prefix->address, .port = sources->port};
    uint8_t *low = endpoint.address.bytes + 8;
    uint64_t offset = number / sources->count + (prefix->length < 128);
    put_be64(low, read_be64(low) + offset);
    return endpoint;
}
