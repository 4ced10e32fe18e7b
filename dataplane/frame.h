/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "dataplane/allow.h"
#include "dataplane/backend.h"

/* A UDP datagram found in a packet: views into it, dead when the packet is released. */
struct frame {
    const uint8_t *payload;
    uint32_t size_bytes;
    uint16_t destination_port; /* 0 for PACKET_PAYLOAD: its backend has looked */
    bool unpacked;             /* a load balancer's tunnel or header was around it */
    struct endpoint source;    /* the exporter's own */
};

/* What is to be unpacked, and whom to believe. */
struct unpack {
    uint32_t kinds; /* enum unpack_bit, or-ed */
    uint16_t gue_port;
    const struct allow *balancers; /* NULL: nobody */
};

enum frame_verdict {
    FRAME_DATAGRAM,
    FRAME_MALFORMED, /* a header is impossible, or the packet ends before it says it does */
    FRAME_NOT_UDP,   /* another protocol, or a fragment of a datagram */
    FRAME_NOT_BALANCER,    /* a tunnel or PROXY header from somebody who is not to be believed */
    FRAME_TUNNEL_FRAGMENT, /* a tunnel with a fragment of a datagram */
    FRAME_TUNNEL_OTHER,    /* a tunnel or PROXY header with something else than IP and UDP */
};

/*
 * Finds the UDP payload: Ethernet with up to two tags (IEEE 802.1Q, 802.1ad), IPv4 with options (RFC 791), IPv6 with
 * extension headers (RFC 8200 4; an atomic fragment is whole, RFC 6946), UDP (RFC 768). Every length is checked against
 * the packet, whatever a filter has promised. Checksums are not: the NIC or the kernel has verified them, and a capture
 * made on the sender has none yet.
 *
 * What unpack names is taken off, one tunnel at most, and then one PROXY header: IPv4 and IPv6 in either (RFC 2003,
 * 2473, 4213), GRE with checksum, key and sequence number (RFC 2784, 2890) around IP or Ethernet, GUE of both variants
 * (draft-ietf-intarea-gue) and PROXY protocol version 2. The frame's source is then the one within.
 */
enum frame_verdict frame_parse(const struct packet *packet, const struct unpack *unpack, struct frame *frame);

/* Is the payload all of the datagram, and at most bytes_most long? One that is longer is cut. */
bool frame_fit(struct frame *frame, const struct packet *packet, uint32_t bytes_most);

/* EtherTypes (host order). */
#define ETHERTYPE_IPV4  0x0800
#define ETHERTYPE_IPV6  0x86dd
#define ETHERTYPE_VLAN  0x8100
#define ETHERTYPE_QINQ  0x88a8
#define ETHERTYPE_BRIDGING 0x6558 /* of GRE: an Ethernet frame */

/*
 * Steps over up to two VLAN tags that begin at *offset; *type is the EtherType before and after. False when the bytes
 * end inside a tag.
 */
bool frame_skip_tags(const uint8_t *bytes, uint32_t size_bytes, uint32_t *offset, uint16_t *type);
