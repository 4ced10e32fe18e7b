/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "decode/dissect.h"

/* The dissector's own: the layers, which decode/dissect.c has a table of, and where a walk through them stands. */

enum layer {
    LAYER_END, /* nothing that is read follows */
    LAYER_ETHERNET,
    LAYER_VLAN,
    LAYER_LLC,
    LAYER_WLAN,
    LAYER_AGGREGATED,
    LAYER_PPP,
    LAYER_PPPOE,
    LAYER_MPLS,
    LAYER_MPLS_PAYLOAD,
    LAYER_PSEUDOWIRE,
    LAYER_IP,
    LAYER_IPV4,
    LAYER_IPV6,
    LAYER_EXTENSION,
    LAYER_ROUTING,
    LAYER_FRAGMENT,
    LAYER_AUTHENTICATION,
    LAYER_GRE,
    LAYER_TCP,
    LAYER_UDP,
    LAYER_PORTS,
    LAYER_ICMP,
    LAYER_VXLAN,
    LAYER_GENEVE,
    LAYER_GTPU,
    LAYERS
};

/* Where the walk stands: `left` bytes at `at`, at least the layer's least. */
struct walk_point {
    struct dissection *dissection;
    struct dissected_ip *ip; /* the header that ports belong to */
    bool has_outer;          /* there was one, be it before the first byte */
    const uint8_t *at;
    uint32_t left;
    uint32_t header_bytes;   /* how many the layer takes; set by its function */
};

/*
 * Reads the header at the point, and says what follows it. Where that is not LAYER_END, header_bytes may be more than
 * there are left: then the header is cut, and the walk ends.
 */
typedef enum layer layer_read(struct walk_point *point);

/* What follows what. */
struct follower {
    uint16_t number;
    uint8_t layer;
};

#define FIND(table, number) follower_find(table, sizeof(table) / sizeof *(table), number)

static inline enum layer follower_find(const struct follower *table, size_t count, uint16_t number)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].number == number)
            return table[i].layer;
    return LAYER_END;
}

static inline void tunnel_enter(struct walk_point *point, enum dissect_tunnel tunnel)
{
    point->dissection->tunnel = tunnel;
    point->dissection->tunnel_count++;
    point->dissection->has_tunnel_id = false;
}

/* Where an ether type leads; LAYER_END: nowhere. */
enum layer ether_type_follow(uint16_t type);

/* --- dissect_link.c: what stands before the first IP header --- */

layer_read ethernet_read, vlan_read, llc_read, ppp_read, pppoe_read, mpls_read, mpls_payload_read, pseudowire_read;

/* --- dissect_wlan.c --- */

layer_read wlan_read, aggregated_read;
