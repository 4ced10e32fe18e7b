/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/reassembly.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/bytes.h"
#include "dataplane/frame.h"

#define DATAGRAMS_MOST  16 /* under way at once; what lies longer has lost a fragment */
#define UNIT_BYTES      8  /* fragments begin at multiples of it */
#define DATA_MOST       65535u
#define UNITS_MOST      (DATA_MOST / UNIT_BYTES + 1)
#define ETHERNET_BYTES  14
#define IPV4_BYTES      20
#define IPV6_BYTES      40
#define FRAGMENT_BYTES  8  /* the extension header of IPv6 */
#define FRAGMENT_HEADER 44 /* its number */

/* What tells one fragmented datagram from another, and what its new header is made of. No padding: it is compared as
 * bytes. */
struct fragment_key {
    struct address source;
    struct address destination;
    uint32_t identification;
    uint32_t version;
    uint32_t protocol; /* of the data */
};

struct fragment {
    struct fragment_key key;
    const uint8_t *data;
    uint32_t offset; /* of data in the datagram */
    uint32_t size_bytes;
    bool last;
};

struct partial {
    struct fragment_key key;
    uint64_t begun;       /* 0: free */
    uint32_t total_bytes; /* 0: the last fragment has not come */
    uint32_t units_seen;
    uint8_t seen[UNITS_MOST]; /* one a unit: overlapping fragments count once */
    uint8_t data[DATA_MOST];
};

struct reassembly {
    uint64_t begun; /* datagrams so far */
    struct partial partials[DATAGRAMS_MOST];
};

struct reassembly *reassembly_new(void)
{
    return calloc(1, sizeof(struct reassembly));
}

void reassembly_free(struct reassembly *reassembly)
{
    free(reassembly);
}

static bool ipv4_fragment_read(const uint8_t *ip, uint32_t size_bytes, struct fragment *fragment)
{
    if (size_bytes < IPV4_BYTES)
        return false;
    uint32_t header_bytes = (ip[0] & 15u) * 4, total_bytes = read_be16(ip + 2), position = read_be16(ip + 6);
    bool more = position & 0x2000;
    if (header_bytes < IPV4_BYTES || total_bytes <= header_bytes || total_bytes > size_bytes)
        return false;
    fragment->key = (struct fragment_key){.source = address_from_ipv4(ip + 12),
                                          .destination = address_from_ipv4(ip + 16),
                                          .identification = read_be16(ip + 4),
                                          .version = 4,
                                          .protocol = ip[9]};
    fragment->data = ip + header_bytes;
    fragment->size_bytes = total_bytes - header_bytes;
    fragment->offset = (position & 0x1fff) * UNIT_BYTES;
    fragment->last = !more;
    return more || fragment->offset;
}

/* The fragment header right behind the fixed one, as senders of flow export have it. */
static bool ipv6_fragment_read(const uint8_t *ip, uint32_t size_bytes, struct fragment *fragment)
{
    if (size_bytes < IPV6_BYTES + FRAGMENT_BYTES || ip[6] != FRAGMENT_HEADER)
        return false;
    uint32_t payload_bytes = read_be16(ip + 4);
    if (payload_bytes <= FRAGMENT_BYTES || payload_bytes > size_bytes - IPV6_BYTES)
        return false;
    const uint8_t *header = ip + IPV6_BYTES;
    uint32_t position = read_be16(header + 2);
    fragment->key = (struct fragment_key){.source = address_from_ipv6(ip + 8),
                                          .destination = address_from_ipv6(ip + 24),
                                          .identification = read_be32(header + 4),
                                          .version = 6,
                                          .protocol = header[0]};
    fragment->data = header + FRAGMENT_BYTES;
    fragment->size_bytes = payload_bytes - FRAGMENT_BYTES;
    fragment->offset = position & 0xfff8;
    fragment->last = !(position & 1);
    return position & 0xfff9;
}

/* False for everything that is not a fragment, or an impossible one. */
static bool fragment_read(const struct packet *packet, struct fragment *fragment)
{
    const uint8_t *bytes = packet->bytes;
    uint32_t size_bytes = packet->size_bytes, offset = 0;
    if (packet->kind == PACKET_ETHERNET) {
        if (size_bytes < ETHERNET_BYTES)
            return false;
        offset = ETHERNET_BYTES;
        uint16_t type = read_be16(bytes + ETHERNET_BYTES - 2);
        if (!frame_skip_tags(bytes, size_bytes, &offset, &type) || (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6))
            return false;
    }
    if (packet->kind > PACKET_IP || offset >= size_bytes)
        return false;
    bool found = bytes[offset] >> 4 == 4 ? ipv4_fragment_read(bytes + offset, size_bytes - offset, fragment)
                                         : ipv6_fragment_read(bytes + offset, size_bytes - offset, fragment);
    return found && fragment->offset + fragment->size_bytes <= DATA_MOST &&
           (fragment->last || fragment->size_bytes % UNIT_BYTES == 0);
}

/* The datagram that the fragment belongs to: known, or begun in a free place or that of the oldest. */
static struct partial *partial_find(struct reassembly *reassembly, const struct fragment_key *key)
{
    struct partial *oldest = &reassembly->partials[0];
    for (int i = 0; i < DATAGRAMS_MOST; i++) {
        struct partial *partial = &reassembly->partials[i];
        if (partial->begun && memcmp(&partial->key, key, sizeof *key) == 0)
            return partial;
        if (partial->begun < oldest->begun)
            oldest = partial;
    }
    oldest->key = *key;
    oldest->begun = ++reassembly->begun;
    oldest->total_bytes = oldest->units_seen = 0;
    memset(oldest->seen, 0, sizeof oldest->seen);
    return oldest;
}

/* True when nothing is missing any more. */
static bool partial_add(struct partial *partial, const struct fragment *fragment)
{
    uint32_t end = fragment->offset + fragment->size_bytes;
    memcpy(partial->data + fragment->offset, fragment->data, fragment->size_bytes);
    for (uint32_t unit = fragment->offset / UNIT_BYTES; unit * UNIT_BYTES < end; unit++) {
        partial->units_seen += !partial->seen[unit];
        partial->seen[unit] = 1;
    }
    if (fragment->last)
        partial->total_bytes = end;
    return partial->total_bytes && partial->units_seen >= (partial->total_bytes + UNIT_BYTES - 1) / UNIT_BYTES;
}

static void write_be16(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

/* Writes a header and the data; the packet becomes that. */
static void partial_finish(struct partial *partial, struct packet *packet, uint8_t *slot)
{
    const struct fragment_key *key = &partial->key;
    uint32_t header_bytes = key->version == 4 ? IPV4_BYTES : IPV6_BYTES;
    uint32_t data_bytes = partial->total_bytes;
    partial->begun = 0;
    if (key->version == 4 && data_bytes > DATA_MOST - IPV4_BYTES)
        return; /* longer than IPv4 allows: the packet stays the fragment that it is */
    memset(slot, 0, header_bytes);
    slot[0] = (uint8_t)(key->version << 4);
    if (key->version == 4) {
        slot[0] |= IPV4_BYTES / 4;
        slot[9] = (uint8_t)key->protocol;
        write_be16(slot + 2, header_bytes + data_bytes);
        memcpy(slot + 12, key->source.bytes + 12, 4);
        memcpy(slot + 16, key->destination.bytes + 12, 4);
    } else {
        slot[6] = (uint8_t)key->protocol;
        write_be16(slot + 4, data_bytes);
        memcpy(slot + 8, key->source.bytes, 16);
        memcpy(slot + 24, key->destination.bytes, 16);
    }
    memcpy(slot + header_bytes, partial->data, data_bytes);
    packet->bytes = slot;
    packet->size_bytes = header_bytes + data_bytes;
    packet->kind = PACKET_IP;
    packet->cut = false;
}

void reassembly_take(struct reassembly *reassembly, struct packet *packet, uint8_t *slot)
{
    struct fragment fragment;
    if (!fragment_read(packet, &fragment))
        return;
    struct partial *partial = partial_find(reassembly, &fragment.key);
    if (partial_add(partial, &fragment))
        partial_finish(partial, packet, slot);
}
