/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* One end of a flow. Numbers in host order. */
struct flow_end {
    uint32_t ipv4;
    uint64_t ipv6; /* the lower half; the upper one is 2001:db8:: */
    uint64_t mac;  /* 48 bits */
    uint32_t as;
    uint16_t port;
    uint16_t interface;
    uint8_t prefix_bits;
};

/* What was seen of one flow: what the fields of a record are filled from, whatever its format. */
struct flow {
    struct flow_end source, destination;
    uint32_t next_hop;
    uint32_t octets, packets; /* at least 1 */
    uint32_t reverse_octets, reverse_packets;
    uint32_t began_ms, ended_ms; /* before the export */
    uint16_t packet_bytes;       /* of one packet of it, Ethernet header included */
    uint8_t protocol;
    uint8_t tcp_flags;
    uint8_t tos;
    const char *application;
};

/*
 * The next flow that a network would see: clients of 10.0.0.0/8 with servers elsewhere. Few hosts have most of the
 * flows and few flows most of the bytes; ports go with protocols, flags with TCP, and half of them are the way back.
 */
void flow_make(struct flow *flow, uint64_t *random);
