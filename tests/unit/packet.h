/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writes packets header by header. IPv4 addresses are 10.0.0.N, IPv6 ones 2001:db8::N, MAC addresses 02:... */

#include <stdbool.h>

#include "tests/unit/wire.h"

static inline void packet_ethernet(struct wire *packet, uint32_t type)
{
    static const uint8_t addresses[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    memcpy(packet->bytes + packet->size_bytes, addresses, sizeof addresses);
    packet->size_bytes += sizeof addresses;
    wire_16(packet, type);
}

static inline void packet_vlan(struct wire *packet, uint32_t priority, uint32_t id, uint32_t type)
{
    wire_16(packet, priority << 13 | id);
    wire_16(packet, type);
}

static inline void packet_label(struct wire *packet, uint32_t label, bool last)
{
    wire_32(packet, label << 12 | (uint32_t)last << 8 | 63);
}

static inline void packet_ipv4(struct wire *packet, uint32_t protocol, uint32_t source, uint32_t destination)
{
    wire_16(packet, 0x4500);
    wire_16(packet, 1500);
    wire_16(packet, 0x1234);
    wire_16(packet, 0);
    wire_16(packet, 64 << 8 | protocol);
    wire_16(packet, 0);
    wire_32(packet, 10u << 24 | source);
    wire_32(packet, 10u << 24 | destination);
}

static inline void packet_ipv6(struct wire *packet, uint32_t next, uint32_t source, uint32_t destination)
{
    const uint32_t ends[2] = {source, destination};
    wire_32(packet, 0x6b812345);
    wire_16(packet, 1000);
    wire_16(packet, next << 8 | 61);
    for (int i = 0; i < 2; i++) {
        wire_32(packet, 0x20010db8);
        wire_fill(packet, 0, 8);
        wire_32(packet, ends[i]);
    }
}

static inline void packet_tcp(struct wire *packet, uint32_t source, uint32_t destination, uint32_t flags)
{
    wire_16(packet, source);
    wire_16(packet, destination);
    wire_32(packet, 1);
    wire_32(packet, 0);
    wire_16(packet, 0x5000 | flags);
    wire_fill(packet, 0, 6);
}

static inline void packet_udp(struct wire *packet, uint32_t source, uint32_t destination)
{
    wire_16(packet, source);
    wire_16(packet, destination);
    wire_16(packet, 100);
    wire_16(packet, 0);
}

/* In VLAN 77 and VXLAN 5001: TCP over IPv6 from port 50000 to 443. */
static inline void packet_vxlan(struct wire *packet)
{
    packet_ethernet(packet, 0x8100);
    packet_vlan(packet, 3, 77, 0x0800);
    packet_ipv4(packet, 17, 1, 2);
    packet_udp(packet, 40000, 4789);
    wire_32(packet, 0x08000000);
    wire_32(packet, 5001 << 8);
    packet_ethernet(packet, 0x86dd);
    packet_ipv6(packet, 6, 3, 4);
    packet_tcp(packet, 50000, 443, 0x12);
}
