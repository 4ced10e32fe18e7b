/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "blast/sender.h"

extern const struct sender_ops sender_udp;    /* sender_udp.c */
extern const struct sender_ops sender_gso;    /* the same */
extern const struct sender_ops sender_tcp;    /* sender_tcp.c */
extern const struct sender_ops sender_tls;    /* sender_tls.c */
extern const struct sender_ops sender_packet; /* sender_packet.c */
extern const struct sender_ops sender_xdp;    /* sender_xdp.c */
extern const struct sender_ops sender_dpdk;   /* sender_dpdk.c */
extern const struct sender_ops sender_pcap;   /* sender_pcap.c */
extern const struct sender_ops sender_none;   /* sender_none.c */
