/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/dissect_layers.h"

/* Links and label stacks. */

static const struct follower by_ether_type[] = {
    {0x0800, LAYER_IPV4}, {0x86dd, LAYER_IPV6}, {0x8100, LAYER_VLAN}, {0x88a8, LAYER_VLAN}, {0x9100, LAYER_VLAN},
    {0x9200, LAYER_VLAN}, {0x8847, LAYER_MPLS}, {0x8848, LAYER_MPLS}, {0x6558, LAYER_ETHERNET},
    {0x8864, LAYER_PPPOE},
};

static const struct follower by_ppp_protocol[] = {
    {0x21, LAYER_IPV4}, {0x57, LAYER_IPV6}, {0x281, LAYER_MPLS}, {0x283, LAYER_MPLS},
};

/* Network layer protocol identifiers: ISO/IEC TR 9577. */
static const struct follower by_nlpid[] = {
    {0xcc, LAYER_IPV4}, {0x8e, LAYER_IPV6}, {0xcf, LAYER_PPP},
};

enum layer ether_type_follow(uint16_t type)
{
    return FIND(by_ether_type, type);
}

/* Values below 1536 are lengths (IEEE 802.3), with LLC behind them. */
#define LENGTHS_BELOW 1536

enum layer ethernet_read(struct walk_point *point)
{
    struct dissection *dissection = point->dissection;
    point->header_bytes = 14;
    uint16_t type = read_be16(point->at + 12);
    if (!dissection->destination_mac) {
        dissection->destination_mac = point->at;
        dissection->source_mac = point->at + 6;
        dissection->ether_type = type < LENGTHS_BELOW ? 0 : type;
    } else {
        dissection->inner_destination_mac = point->at;
        dissection->inner_source_mac = point->at + 6;
    }
    return type < LENGTHS_BELOW ? LAYER_LLC : ether_type_follow(type);
}

/* A frame within LLC, as bridges send over ATM: RFC 2684 5.2, with the frame's check sequence or without. */
static bool is_bridged(const uint8_t *snap)
{
    return read_be32(snap) >> 8 == 0x0080c2 && (read_be16(snap + 3) == 1 || read_be16(snap + 3) == 7);
}

/* IEEE 802.2: with SNAP (RFC 1042) an ether type follows the organization's number. */
enum layer llc_read(struct walk_point *point)
{
    const uint8_t *at = point->at;
    if (read_be32(at) >> 8 == 0xfefe03) { /* RFC 2684 4.1 */
        point->header_bytes = 4;
        return FIND(by_nlpid, at[3]);
    }
    point->header_bytes = 8;
    if (read_be32(at) >> 8 != 0xaaaa03)
        return LAYER_END;
    if (is_bridged(at + 3)) {
        point->header_bytes = 10; /* with the padding before the frame */
        return LAYER_ETHERNET;
    }
    uint16_t type = read_be16(at + 6);
    if (!point->dissection->inner_source_mac)
        point->dissection->ether_type = type;
    return ether_type_follow(type);
}

/* Address and control of RFC 1662 may be left out, and the protocol's first byte when it is zero (RFC 1661 6.5). */
enum layer ppp_read(struct walk_point *point)
{
    const uint8_t *at = point->at;
    uint16_t first = read_be16(at);
    if (first == 0x0f00 || first == 0x8f00) { /* Cisco's HDLC: unicast, multicast */
        point->header_bytes = 4;
        return ether_type_follow(read_be16(at + 2));
    }
    uint32_t skip = first == 0xff03 ? 2 : 0;
    bool whole = !(at[skip] & 1);
    point->header_bytes = skip + (whole ? 2 : 1);
    return FIND(by_ppp_protocol, whole ? read_be16(at + skip) : at[skip]);
}

/* RFC 2516 4: version and type 1, and code 0 in a session. */
enum layer pppoe_read(struct walk_point *point)
{
    point->header_bytes = 6;
    return read_be16(point->at) == 0x1100 ? LAYER_PPP : LAYER_END;
}

enum layer vlan_read(struct walk_point *point)
{
    struct dissection *dissection = point->dissection;
    uint16_t control = read_be16(point->at), type = read_be16(point->at + 2);
    point->header_bytes = 4;
    if (!dissection->inner_source_mac) {
        if (dissection->vlan_count == 0)
            dissection->vlan_priority = (uint8_t)(control >> 13);
        if (dissection->vlan_count < DISSECT_VLANS_MOST)
            dissection->vlans[dissection->vlan_count++] = control & 0x0fff;
        dissection->ether_type = type;
    }
    return ether_type_follow(type);
}

/* What follows the stack shows itself by its first four bits: RFC 4928. */
static enum layer mpls_follower(uint8_t first)
{
    uint8_t version = first >> 4;
    return version == 4 ? LAYER_IPV4 : version == 6 ? LAYER_IPV6 : version == 1 ? LAYER_END : LAYER_PSEUDOWIRE;
}

enum layer mpls_payload_read(struct walk_point *point)
{
    return mpls_follower(point->at[0]);
}

/* RFC 3032. */
enum layer mpls_read(struct walk_point *point)
{
    struct dissection *dissection = point->dissection;
    uint32_t entry = read_be32(point->at);
    point->header_bytes = 4;
    if (!point->has_outer) {
        if (dissection->label_count == 0)
            dissection->mpls_ttl = (uint8_t)entry;
        if (dissection->label_count < DISSECT_LABELS_MOST)
            dissection->labels[dissection->label_count++] = entry >> 12;
    }
    if (!(entry & 0x100))
        return LAYER_MPLS;
    return point->left < 5 ? LAYER_END : mpls_follower(point->at[4]);
}

/* With a control word its first four bits are zeroes (RFC 4385 3), else a MAC address is there. */
enum layer pseudowire_read(struct walk_point *point)
{
    point->header_bytes = point->at[0] >> 4 == 0 ? 4 : 0;
    tunnel_enter(point, TUNNEL_PSEUDOWIRE);
    return LAYER_ETHERNET;
}
