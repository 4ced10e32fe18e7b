/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/address.h"
#include "dataplane/backend.h"

/* A UDP datagram found in a packet: views into it, dead when the packet is released. */
struct frame {
    const uint8_t *payload;
    uint32_t size_bytes;
    uint16_t destination_port; /* 0 for PACKET_PAYLOAD: its backend has looked */
    struct endpoint source;
};

enum frame_verdict {
    FRAME_DATAGRAM,
    FRAME_MALFORMED, /* a header is impossible, or the packet ends before it says it does */
    FRAME_NOT_UDP,   /* another protocol, or a fragment of a datagram */
};

/*
 * Finds the UDP payload: Ethernet with up to two tags (IEEE 802.1Q, 802.1ad), IPv4 with options (RFC 791), IPv6 with
 * extension headers (RFC 8200 4; an atomic fragment is whole, RFC 6946), UDP (RFC 768). Every length is checked against
 * the packet, whatever a filter has promised. Checksums are not: the NIC or the kernel has verified them, and a capture
 * made on the sender has none yet.
 */
enum frame_verdict frame_parse(const struct packet *packet, struct frame *frame);

/* Is the payload all of the datagram, and at most bytes_most long? One that is longer is cut. */
bool frame_fit(struct frame *frame, const struct packet *packet, uint32_t bytes_most);

/* EtherTypes (host order). */
#define ETHERTYPE_IPV4  0x0800
#define ETHERTYPE_IPV6  0x86dd
#define ETHERTYPE_VLAN  0x8100
#define ETHERTYPE_QINQ  0x88a8

/*
 * Steps over up to two VLAN tags that begin at *offset; *type is the EtherType before and after. False when the bytes
 * end inside a tag.
 */
bool frame_skip_tags(const uint8_t *bytes, uint32_t size_bytes, uint32_t *offset, uint16_t *type);
