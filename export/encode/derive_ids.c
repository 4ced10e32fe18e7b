/* SPDX-License-Identifier: Apache-2.0 */
/* One block of SHA-1 a record: the low-level call is a third of the price of EVP's set-up, and picks SHA-NI itself. */
#define OPENSSL_SUPPRESS_DEPRECATED
#define XXH_INLINE_ALL
#include <openssl/sha.h>
#include <xxhash.h>

#include <string.h>

#include "base/bytes.h"
#include "export/encode/derive.h"

/*
 * Both hashes take IPv4 flows from registers and store whole words: hashing what was put together byte by byte would
 * have to wait for the bytes to leave the store buffer.
 */
static bool both_ipv4(const struct derive_flow *flow)
{
    return flow->source.address_bytes == 4 && flow->destination.address_bytes == 4;
}

static uint64_t ipv4_raw(const struct derive_side *side)
{
    uint32_t raw;
    memcpy(&raw, side->address, sizeof raw);
    return raw;
}

static uint64_t port_raw(uint16_t port)
{
    return __builtin_bswap16(port);
}

/* An end of the flow as it stands in memory, that is in network order. */
struct raw_end {
    uint64_t address, port;
};

static uint64_t flow_hash_ipv4(const struct derive_flow *flow)
{
    struct raw_end source = {ipv4_raw(&flow->source), port_raw(flow->source_port)};
    struct raw_end destination = {ipv4_raw(&flow->destination), port_raw(flow->destination_port)};
    bool keep = flow->source_port >= flow->destination_port;
    struct raw_end first = keep ? source : destination, second = keep ? destination : source;
    const uint64_t words[2] = {first.address | first.port << 32 | second.address << 48,
                               second.address >> 16 | second.port << 16 | (uint64_t)flow->protocol << 32};
    return XXH64(words, 4 + 2 + 4 + 2 + 1, 0);
}

/* Copies 16 bytes whatever the address has: what is too much is overwritten, and a copy of fixed size is a move. */
static uint8_t *endpoint_put(uint8_t *out, const struct derive_side *side, uint16_t port)
{
    memcpy(out, side->address, 16);
    out += side->address_bytes;
    *out++ = (uint8_t)(port >> 8);
    *out++ = (uint8_t)port;
    return out;
}

static uint64_t flow_hash(const struct derive_flow *flow)
{
    uint8_t bytes[2 * (16 + 2) + 1 + 16], *out = bytes;
    if (flow->source_port >= flow->destination_port) {
        out = endpoint_put(out, &flow->source, flow->source_port);
        out = endpoint_put(out, &flow->destination, flow->destination_port);
    } else {
        out = endpoint_put(out, &flow->destination, flow->destination_port);
        out = endpoint_put(out, &flow->source, flow->source_port);
    }
    *out++ = flow->protocol;
    return XXH64(bytes, (size_t)(out - bytes), 0);
}

void derive_flow_id(char *text, const struct derive_flow *flow)
{
    text_base64_8(text, both_ipv4(flow) ? flow_hash_ipv4(flow) : flow_hash(flow));
}

/* ICMP messages that answer one another: their types stand for the two ports (Community ID v1, ICMP). */
static int icmp_counterpart(uint8_t protocol, uint8_t type)
{
    static const uint8_t pairs4[][2] = {{0, 8}, {13, 14}, {15, 16}, {10, 9}, {17, 18}};
    static const uint8_t pairs6[][2] = {{128, 129}, {130, 131}, {133, 134}, {135, 136}, {139, 140}, {144, 145}};
    const uint8_t(*pairs)[2] = protocol == 1 ? pairs4 : pairs6;
    size_t count = protocol == 1 ? sizeof pairs4 / 2 : sizeof pairs6 / 2;
    for (size_t i = 0; i < count; i++) {
        if (pairs[i][0] == type)
            return pairs[i][1];
        if (pairs[i][1] == type)
            return pairs[i][0];
    }
    return -1;
}

/* The ports to hash; returns whether the flow has one direction only, so that its sides keep their places. */
static bool effective_ports(const struct derive_flow *flow, uint16_t *source, uint16_t *destination)
{
    *source = flow->source_port;
    *destination = flow->destination_port;
    if (flow->protocol != 1 && flow->protocol != 58)
        return false;
    if (flow->icmp_known) {
        int counterpart = icmp_counterpart(flow->protocol, flow->icmp_type);
        *source = flow->icmp_type;
        *destination = counterpart < 0 ? flow->icmp_code : (uint16_t)counterpart;
        return counterpart < 0;
    }
    *source = 0;
    *destination = flow->protocol == 1 ? 8 : 0;
    return flow->protocol == 58;
}

/* The side by the IPv4 address alone where it is an IPv4-mapped one (RFC 4291 2.5.5.2). */
static struct derive_side side_unmapped(const struct derive_side *side)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (side->address_bytes == 4 || memcmp(side->address, mapped, sizeof mapped) != 0)
        return *side;
    return (struct derive_side){.address = side->address + 12, .address_bytes = 4, .internal = side->internal};
}

static int addresses_compare(const struct derive_side *one, const struct derive_side *other)
{
    size_t shared = one->address_bytes < other->address_bytes ? one->address_bytes : other->address_bytes;
    int order = memcmp(one->address, other->address, shared);
    return order ? order : (int)one->address_bytes - (int)other->address_bytes;
}

/* An IPv4-mapped address is hashed as the IPv4 address that it is. */
static uint8_t *address_put(uint8_t *out, const struct derive_side *side)
{
    struct derive_side unmapped = side_unmapped(side);
    if (unmapped.address_bytes == 4)
        memcpy(out, unmapped.address, 4);
    else
        memcpy(out, unmapped.address, 16);
    return out + unmapped.address_bytes;
}

static bool ports_hashed(uint8_t protocol)
{
    return protocol == 6 || protocol == 17 || protocol == 1 || protocol == 58 || protocol == 132;
}

/* One block of SHA-1's input; the length in bits stands in its last eight bytes (FIPS 180-4 5.1.1). */
union sha_block {
    uint8_t bytes[SHA_CBLOCK];
    uint64_t words[SHA_CBLOCK / 8];
};

/* seed, two addresses, protocol, zero, two ports: 16 bytes, or 12 without the ports. */
static void block_fill_ipv4(union sha_block *block, const struct derive_flow *flow)
{
    uint16_t first_port, second_port;
    bool one_way = effective_ports(flow, &first_port, &second_port);
    uint64_t first = ipv4_raw(&flow->source), second = ipv4_raw(&flow->destination);
    uint32_t first_value = __builtin_bswap32((uint32_t)first), second_value = __builtin_bswap32((uint32_t)second);
    bool swap = !one_way && (first_value > second_value || (first_value == second_value && first_port > second_port));
    uint64_t low = swap ? second : first, high = swap ? first : second;
    uint64_t ports = port_raw(swap ? second_port : first_port) | port_raw(swap ? first_port : second_port) << 16;
    bool hashed = ports_hashed(flow->protocol);
    const uint64_t end = 0x80;
    const uint64_t words[2] = {low << 16 | high << 48,
                               high >> 16 | (uint64_t)flow->protocol << 16 | (hashed ? ports : end) << 32};
    memset(block, 0, sizeof *block);
    text_words_store((char *)block->bytes, words);
    block->words[2] = hashed ? end : 0;
    block->words[7] = __builtin_bswap64(hashed ? 128 : 96);
}

static void block_fill(union sha_block *block, const struct derive_flow *flow)
{
    uint16_t first_port, second_port;
    const struct derive_side *first = &flow->source, *second = &flow->destination;
    const struct derive_side unmapped[2] = {side_unmapped(first), side_unmapped(second)};
    bool one_way = effective_ports(flow, &first_port, &second_port);
    int order = flow->mapped_sorts_as_ipv6 ? addresses_compare(first, second)
                                           : addresses_compare(&unmapped[0], &unmapped[1]);
    if (!one_way && (order > 0 || (order == 0 && first_port > second_port))) {
        first = &flow->destination;
        second = &flow->source;
        uint16_t port = first_port;
        first_port = second_port;
        second_port = port;
    }
    memset(block, 0, sizeof *block);
    uint8_t *out = block->bytes + 2; /* the seed, 0 */
    out = address_put(out, first);
    out = address_put(out, second);
    *out++ = flow->protocol;
    out++;
    if (ports_hashed(flow->protocol)) {
        *out++ = (uint8_t)(first_port >> 8);
        *out++ = (uint8_t)first_port;
        *out++ = (uint8_t)(second_port >> 8);
        *out++ = (uint8_t)second_port;
    }
    *out = 0x80; /* at most 42 bytes are before it */
    block->words[7] = __builtin_bswap64(8 * (uint64_t)(out - block->bytes));
}

void derive_community_id(char *text, const struct derive_flow *flow)
{
    union sha_block block;
    if (both_ipv4(flow))
        block_fill_ipv4(&block, flow);
    else
        block_fill(&block, flow);
    SHA_CTX sha = {.h0 = 0x67452301, .h1 = 0xefcdab89, .h2 = 0x98badcfe, .h3 = 0x10325476, .h4 = 0xc3d2e1f0};
    static_assert(offsetof(SHA_CTX, h0) == 0 && offsetof(SHA_CTX, h4) == 16, "the digest is the first five words");
    SHA1_Transform(&sha, block.bytes);
    memcpy(text, "1:", 2);
    text_base64_20(text + 2, (const uint32_t *)(const void *)&sha);
}
