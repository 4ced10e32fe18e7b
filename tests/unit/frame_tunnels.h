/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "config/config.h"
#include "dataplane/frame.h"
#include "tests/unit/frame_build.h"

/*
 * What load balancers make of a datagram of 48 bytes: from the balancer 203.0.113.3 or 2001:db8:b::1 to this machine,
 * and within it from 192.0.2.7:40000 or [2001:db8:707:...]:40000 to the port 2055 of an address that is the balancer's.
 */

#define GUE_PORT 6080

static const uint8_t balancer_ipv4[] = {203, 0, 113, 3}, balancer_ipv6[16] = {0x20, 1, 0xd, 0xb8, 0, 0xb, [15] = 1};

/* The source of an IP header that was put last. */
static inline void put_balancer(struct build *build, uint32_t header_at)
{
    if (build->bytes[header_at] >> 4 == 4)
        memcpy(build->bytes + header_at + 12, balancer_ipv4, sizeof balancer_ipv4);
    else
        memcpy(build->bytes + header_at + 8, balancer_ipv6, sizeof balancer_ipv6);
}

/* Ethernet and an IP header of the balancer's in front of so many bytes. */
static inline void put_outer(struct build *build, bool ipv6, uint8_t protocol, uint32_t inner_bytes)
{
    put_ethernet(build, ipv6 ? 0x86dd : 0x0800);
    uint32_t at = build->size_bytes;
    if (ipv6)
        put_ipv6(build, inner_bytes, protocol);
    else
        put_ipv4(build, inner_bytes, 0, 0);
    if (!ipv6)
        build->bytes[at + 9] = protocol;
    put_balancer(build, at);
}

#define INNER_BYTES(ipv6) ((ipv6) ? 40u + 8 + 48 : 20u + 8 + 48)

/* To an address that this machine has not. */
static inline void put_inner(struct build *build, bool ipv6)
{
    uint32_t at = build->size_bytes;
    if (ipv6)
        put_ipv6(build, 56, 17);
    else
        put_ipv4(build, 56, 0, 0);
    build->bytes[at + (ipv6 ? 39 : 19)] ^= 0x55;
    put_udp(build, 48);
}

static inline struct build frame_ipip(bool outer_ipv6, bool ipv6)
{
    struct build build = {.size_bytes = 0};
    put_outer(&build, outer_ipv6, ipv6 ? 41 : 4, INNER_BYTES(ipv6));
    put_inner(&build, ipv6);
    return build;
}

/* flags: those of GRE, 0x8000 checksum, 0x2000 key, 0x1000 sequence; bridging: Ethernet with a tag within. */
static inline struct build frame_gre(bool outer_ipv6, bool ipv6, uint32_t flags, bool bridging)
{
    struct build build = {.size_bytes = 0};
    uint32_t options = 4u * (!!(flags & 0x8000) + !!(flags & 0x2000) + !!(flags & 0x1000));
    put_outer(&build, outer_ipv6, 47, 4 + options + (bridging ? 18 : 0) + INNER_BYTES(ipv6));
    put_16(&build, flags);
    put_16(&build, bridging ? 0x6558 : ipv6 ? 0x86dd : 0x0800);
    put_fill(&build, 0x33, options);
    if (bridging) {
        put_ethernet(&build, 0x8100);
        put_tag(&build, ipv6 ? 0x86dd : 0x0800);
    }
    put_inner(&build, ipv6);
    return build;
}

static inline void put_udp_header(struct build *build, uint32_t port, uint32_t payload_bytes)
{
    put_16(build, 31000);
    put_16(build, port);
    put_16(build, 8 + payload_bytes);
    put_16(build, 0);
}

/* optional_words: of variant 0; variant 1 has no header. */
static inline struct build frame_gue(bool outer_ipv6, bool ipv6, uint32_t variant, uint32_t optional_words)
{
    struct build build = {.size_bytes = 0};
    uint32_t header_bytes = variant ? 0 : 4 + optional_words * 4;
    put_outer(&build, outer_ipv6, 17, 8 + header_bytes + INNER_BYTES(ipv6));
    put_udp_header(&build, GUE_PORT, header_bytes + INNER_BYTES(ipv6));
    if (!variant) {
        put_16(&build, optional_words << 8 | (ipv6 ? 41 : 4));
        put_16(&build, 0);
        put_fill(&build, 0x44, optional_words * 4);
    }
    put_inner(&build, ipv6);
    return build;
}

/* A PROXY header (version 2); length: of what follows its 16 bytes, of which the addresses are a part. */
static inline void put_proxy(struct build *build, uint8_t command, uint8_t family, uint32_t length)
{
    static const uint8_t signature[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};
    static const uint8_t ipv4[] = {192, 0, 2, 7, 198, 51, 100, 9, 40000 >> 8, 40000 & 255, 2055 >> 8, 2055 & 255};
    uint8_t ipv6[36] = {0x20, 1, 0xd, 0xb8};
    memset(ipv6 + 4, 7, 12);
    memcpy(ipv6 + 32, ipv4 + 8, 4);
    put(build, signature, sizeof signature);
    put_16(build, (uint32_t)command << 8 | family);
    put_16(build, length);
    uint32_t addresses = family == 0x12 ? 12 : family == 0x22 ? 36 : 0;
    if (addresses)
        put(build, family == 0x12 ? ipv4 : ipv6, addresses < length ? addresses : length);
    if (length > addresses)
        put_fill(build, 4, length - addresses); /* further information */
}

static inline struct build frame_proxy(bool outer_ipv6, uint8_t command, uint8_t family, uint32_t length)
{
    struct build build = {.size_bytes = 0};
    put_outer(&build, outer_ipv6, 17, 8 + 16 + length + 48);
    put_udp_header(&build, 2055, 16 + length + 48);
    put_proxy(&build, command, family, length);
    put_fill(&build, 0xaa, 48);
    return build;
}

/* A PROXY header within a tunnel: the source of the tunnelled datagram is a proxy, and believed if it is a balancer. */
static inline struct build frame_proxy_in_ipip(void)
{
    struct build build = {.size_bytes = 0};
    uint32_t payload = 16 + 12 + 48;
    put_outer(&build, false, 4, 28 + payload);
    uint32_t at = build.size_bytes;
    put_ipv4(&build, 8 + payload, 0, 0);
    put_balancer(&build, at);
    put_udp_header(&build, 2055, payload);
    put_proxy(&build, 0x21, 0x12, 12);
    put_fill(&build, 0xaa, 48);
    return build;
}

#define TUNNELS_MOST 64

/* One of everything that is unpacked; ipv6 says whether the exporter's address is. */
struct tunnelled {
    struct build build;
    uint32_t kind; /* enum unpack_bit, or-ed */
    bool ipv6;
};

static inline uint32_t tunnelled_make(struct tunnelled frames[TUNNELS_MOST])
{
    static const uint32_t flags[] = {0, 0x8000, 0x2000, 0x1000, 0xb000};
    uint32_t count = 0;
    for (int outer = 0; outer < 2; outer++) {
        for (int inner = 0; inner < 2; inner++) {
            frames[count++] = (struct tunnelled){frame_ipip(outer, inner), UNPACK_IPIP, inner};
            for (int i = 0; i < 5; i++)
                frames[count++] = (struct tunnelled){frame_gre(outer, inner, flags[i], i % 2), UNPACK_GRE, inner};
            frames[count++] = (struct tunnelled){frame_gue(outer, inner, 0, 0), UNPACK_GUE, inner};
            frames[count++] = (struct tunnelled){frame_gue(outer, inner, 0, 3), UNPACK_GUE, inner};
            frames[count++] = (struct tunnelled){frame_gue(outer, inner, 1, 0), UNPACK_GUE, inner};
        }
        frames[count++] = (struct tunnelled){frame_proxy(outer, 0x21, 0x12, 12), UNPACK_PROXY, false};
        frames[count++] = (struct tunnelled){frame_proxy(outer, 0x21, 0x22, 36), UNPACK_PROXY, true};
        frames[count++] = (struct tunnelled){frame_proxy(outer, 0x21, 0x22, 57), UNPACK_PROXY, true};
    }
    frames[count++] = (struct tunnelled){frame_proxy_in_ipip(), UNPACK_PROXY | UNPACK_IPIP, false};
    return count;
}

#define EXPORTER_IPV4 "192.0.2.7"
#define EXPORTER_IPV6 "2001:db8:707:707:707:707:707:707"
#define BALANCERS     "203.0.113.0/24,2001:db8:b::/48"
