/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "dataplane/backend.h"

/*
 * Puts the fragments of IPv4 (RFC 791 3.2) and IPv6 (RFC 8200 4.5) datagrams of a capture together again, as the kernel
 * does for live traffic. A fixed number of datagrams at a time; the one begun first gives way. Belongs to one thread.
 */
struct reassembly;

#define REASSEMBLED_MOST (40 + 65535) /* bytes of the longest datagram with the IP header that it gets */

struct reassembly *reassembly_new(void);
void reassembly_free(struct reassembly *reassembly);

/*
 * Looks at a PACKET_ETHERNET or PACKET_IP packet. When it completes a datagram, that datagram, a PACKET_IP, takes the
 * packet's place: in slot, which has room for REASSEMBLED_MOST and slack, and may hold the packet itself. Every other
 * packet is left as it is.
 */
void reassembly_take(struct reassembly *reassembly, struct packet *packet, uint8_t *slot);
