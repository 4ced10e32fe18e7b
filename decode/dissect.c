/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/dissect_layers.h"

/* More headers than any packet in use has: a walk through what somebody made up ends, too. */
#define HEADERS_MOST 24

/* ---- what follows what ---- */

static const struct follower by_protocol[] = {
    {6, LAYER_TCP},        {17, LAYER_UDP},      {1, LAYER_ICMP},           {58, LAYER_ICMP},
    {132, LAYER_PORTS},    {33, LAYER_PORTS},    {136, LAYER_PORTS},        {4, LAYER_IPV4},
    {41, LAYER_IPV6},      {47, LAYER_GRE},      {143, LAYER_ETHERNET},     {137, LAYER_MPLS},
    {0, LAYER_EXTENSION},  {60, LAYER_EXTENSION}, {135, LAYER_EXTENSION},   {43, LAYER_ROUTING},
    {44, LAYER_FRAGMENT},  {51, LAYER_AUTHENTICATION},
};

static const struct follower by_udp_port[] = {
    {4789, LAYER_VXLAN}, {8472, LAYER_VXLAN}, {6081, LAYER_GENEVE}, {2152, LAYER_GTPU},
};

/* Goes on behind an IP header; what is in there is a tunnel when it is a packet again. */
static enum layer protocol_follow(struct walk_point *point, uint8_t protocol)
{
    struct dissection *dissection = point->dissection;
    point->ip->protocol = protocol;
    enum layer next = FIND(by_protocol, protocol);
    if (next == LAYER_IPV4 || next == LAYER_IPV6 || next == LAYER_ETHERNET) {
        dissection->tunnel_count++;
        if (dissection->tunnel != TUNNEL_SRV6)
            dissection->tunnel = TUNNEL_IPIP;
    }
    return next;
}

static void tunnel_name(struct walk_point *point, uint32_t id)
{
    point->dissection->tunnel_id = id;
    point->dissection->has_tunnel_id = true;
}

/* ---- network ---- */

/* The first IP header is the outer one; each further one takes the place of the inner one. */
static struct dissected_ip *ip_begin(struct walk_point *point, uint8_t version)
{
    struct dissection *dissection = point->dissection;
    point->ip = point->has_outer ? &dissection->inner : &dissection->outer;
    point->has_outer = true;
    *point->ip = (struct dissected_ip){.version = version};
    return point->ip;
}

static enum layer ip_read(struct walk_point *point)
{
    uint8_t version = point->at[0] >> 4;
    return version == 4 ? LAYER_IPV4 : version == 6 ? LAYER_IPV6 : LAYER_END;
}

static enum layer ipv4_read(struct walk_point *point)
{
    const uint8_t *at = point->at;
    uint32_t header_bytes = (at[0] & 15u) * 4;
    if (at[0] >> 4 != 4 || header_bytes < 20)
        return LAYER_END;
    struct dissected_ip *ip = ip_begin(point, 4);
    uint16_t fragment = read_be16(at + 6);
    ip->tos = at[1];
    ip->total_bytes = read_be16(at + 2);
    ip->identification = read_be16(at + 4);
    ip->has_identification = true;
    ip->dont_fragment = fragment & 0x4000;
    ip->more_fragments = fragment & 0x2000;
    ip->fragment_offset = (uint16_t)((fragment & 0x1fff) * 8);
    ip->ttl = at[8];
    ip->source = at + 12;
    ip->destination = at + 16;
    point->header_bytes = header_bytes;
    enum layer next = protocol_follow(point, at[9]);
    bool sixes = next >= LAYER_EXTENSION && next <= LAYER_FRAGMENT; /* extension headers are IPv6's alone */
    return ip->fragment_offset || sixes ? LAYER_END : next;
}

static enum layer ipv6_read(struct walk_point *point)
{
    const uint8_t *at = point->at;
    uint32_t first = read_be32(at), payload_bytes = read_be16(at + 4) + 40u;
    if (at[0] >> 4 != 6)
        return LAYER_END;
    struct dissected_ip *ip = ip_begin(point, 6);
    ip->tos = (uint8_t)(first >> 20);
    ip->flow_label = first & 0xfffff;
    ip->total_bytes = payload_bytes > UINT16_MAX ? UINT16_MAX : (uint16_t)payload_bytes;
    ip->ttl = at[7];
    ip->source = at + 8;
    ip->destination = at + 24;
    point->header_bytes = 40;
    return protocol_follow(point, at[6]);
}

/* RFC 8200 4.3, 4.6: the length counts eight bytes, without the first eight. */
static enum layer extension_read(struct walk_point *point)
{
    point->header_bytes = (point->at[1] + 1u) * 8;
    return protocol_follow(point, point->at[0]);
}

static enum layer routing_read(struct walk_point *point)
{
    if (point->at[2] == 4) /* the segment routing header, RFC 8754 2 */
        point->dissection->tunnel = TUNNEL_SRV6;
    return extension_read(point);
}

static enum layer fragment_read(struct walk_point *point)
{
    struct dissected_ip *ip = point->ip;
    uint16_t fragment = read_be16(point->at + 2);
    point->header_bytes = 8;
    ip->identification = read_be32(point->at + 4);
    ip->has_identification = true;
    ip->fragment_offset = fragment & 0xfff8;
    ip->more_fragments = fragment & 1;
    enum layer next = protocol_follow(point, point->at[0]);
    return ip->fragment_offset ? LAYER_END : next;
}

/* RFC 4302 2.2: the length counts four bytes, without the first eight. */
static enum layer authentication_read(struct walk_point *point)
{
    point->header_bytes = (point->at[1] + 2u) * 4;
    return protocol_follow(point, point->at[0]);
}

/* ---- transport ---- */

static enum layer ports_read(struct walk_point *point)
{
    point->ip->has_ports = true;
    point->ip->source_port = read_be16(point->at);
    point->ip->destination_port = read_be16(point->at + 2);
    return LAYER_END;
}

static enum layer tcp_read(struct walk_point *point)
{
    ports_read(point);
    point->ip->has_flags = point->left >= 14;
    if (point->ip->has_flags)
        point->ip->tcp_flags = point->at[13];
    return LAYER_END;
}

static enum layer udp_read(struct walk_point *point)
{
    ports_read(point);
    point->header_bytes = 8;
    return point->left > 8 ? FIND(by_udp_port, point->ip->destination_port) : LAYER_END;
}

static enum layer icmp_read(struct walk_point *point)
{
    point->ip->has_icmp = true;
    point->ip->icmp_type = point->at[0];
    point->ip->icmp_code = point->at[1];
    return LAYER_END;
}

/* ---- tunnels ---- */

/* RFC 2784 2.1, RFC 2890 2: checksum, key and sequence number are there as the flags say. Version 1 is PPTP's. */
static enum layer gre_read(struct walk_point *point)
{
    uint16_t flags = read_be16(point->at), type = read_be16(point->at + 2);
    uint32_t key_at = flags & 0x8000 ? 8 : 4;
    tunnel_enter(point, TUNNEL_GRE);
    if (flags & 7)
        return LAYER_END;
    point->header_bytes = key_at + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0);
    if (flags & 0x2000 && point->left >= key_at + 4)
        tunnel_name(point, read_be32(point->at + key_at));
    return ether_type_follow(type);
}

static enum layer vxlan_read(struct walk_point *point)
{
    point->header_bytes = 8;
    if (!(point->at[0] & 0x08)) /* the I flag: without it there is no valid VNI */
        return LAYER_END;
    tunnel_enter(point, TUNNEL_VXLAN);
    tunnel_name(point, read_be32(point->at + 4) >> 8);
    return LAYER_ETHERNET;
}

static enum layer geneve_read(struct walk_point *point)
{
    if (point->at[0] >> 6) /* version */
        return LAYER_END;
    point->header_bytes = 8 + (point->at[0] & 0x3fu) * 4;
    tunnel_enter(point, TUNNEL_GENEVE);
    tunnel_name(point, read_be32(point->at + 4) >> 8);
    return ether_type_follow(read_be16(point->at + 2));
}

/* The bytes of the extension headers of a G-PDU, each as long as it says in units of four (5.2.1). */
static bool gtpu_pass_extensions(struct walk_point *point)
{
    uint8_t type = point->at[11];
    while (type) {
        if (point->left <= point->header_bytes)
            return false;
        uint32_t extension_bytes = point->at[point->header_bytes] * 4u;
        if (!extension_bytes || point->left < point->header_bytes + extension_bytes)
            return false;
        point->header_bytes += extension_bytes;
        type = point->at[point->header_bytes - 1];
    }
    return true;
}

/* TS 29.281 5.1: version 1, protocol type GTP, and message 255, which carries a packet. */
static enum layer gtpu_read(struct walk_point *point)
{
    const uint8_t *at = point->at;
    if (at[0] >> 5 != 1 || !(at[0] & 0x10) || at[1] != 255)
        return LAYER_END;
    tunnel_enter(point, TUNNEL_GTPU);
    tunnel_name(point, read_be32(at + 4));
    point->header_bytes = at[0] & 7 ? 12 : 8;
    if (point->left < point->header_bytes || (at[0] & 4 && !gtpu_pass_extensions(point)))
        return LAYER_END;
    if (point->left == point->header_bytes)
        return LAYER_END;
    uint8_t version = at[point->header_bytes] >> 4;
    return version == 4 ? LAYER_IPV4 : version == 6 ? LAYER_IPV6 : LAYER_END;
}

/* ---- the walk ---- */

static const struct {
    uint32_t least_bytes; /* of its header: checked before it is read */
    layer_read *read;
} layers[LAYERS] = {
    [LAYER_ETHERNET] = {14, ethernet_read},
    [LAYER_VLAN] = {4, vlan_read},
    [LAYER_LLC] = {8, llc_read},
    [LAYER_WLAN] = {10, wlan_read},
    [LAYER_AGGREGATED] = {14, aggregated_read},
    [LAYER_PPP] = {4, ppp_read},
    [LAYER_PPPOE] = {6, pppoe_read},
    [LAYER_MPLS] = {4, mpls_read},
    [LAYER_MPLS_PAYLOAD] = {1, mpls_payload_read},
    [LAYER_PSEUDOWIRE] = {4, pseudowire_read},
    [LAYER_IP] = {1, ip_read},
    [LAYER_IPV4] = {20, ipv4_read},
    [LAYER_IPV6] = {40, ipv6_read},
    [LAYER_EXTENSION] = {8, extension_read},
    [LAYER_ROUTING] = {8, routing_read},
    [LAYER_FRAGMENT] = {8, fragment_read},
    [LAYER_AUTHENTICATION] = {12, authentication_read},
    [LAYER_GRE] = {4, gre_read},
    [LAYER_TCP] = {4, tcp_read},
    [LAYER_UDP] = {4, udp_read},
    [LAYER_PORTS] = {4, ports_read},
    [LAYER_ICMP] = {2, icmp_read},
    [LAYER_VXLAN] = {8, vxlan_read},
    [LAYER_GENEVE] = {8, geneve_read},
    [LAYER_GTPU] = {8, gtpu_read},
};

static void walk_on(struct walk_point *point, enum layer layer)
{
    for (int headers = 0; layer != LAYER_END && headers < HEADERS_MOST; headers++) {
        if (point->left < layers[layer].least_bytes) {
            point->dissection->cut = true;
            return;
        }
        point->header_bytes = 0;
        layer = layers[layer].read(point);
        if (layer != LAYER_END && point->header_bytes > point->left) {
            point->dissection->cut = true;
            return;
        }
        point->at += point->header_bytes;
        point->left -= point->header_bytes;
    }
}

void dissect(struct dissection *dissection, enum dissect_start start, const uint8_t *packet, uint32_t size_bytes)
{
    static const uint8_t first[DISSECT_STARTS] = {
        LAYER_ETHERNET, LAYER_IPV4, LAYER_IPV6,         LAYER_MPLS, LAYER_PPP,
        LAYER_LLC,      LAYER_IP,   LAYER_MPLS_PAYLOAD, LAYER_WLAN, LAYER_AGGREGATED,
    };
    *dissection = (struct dissection){0};
    struct walk_point point = {.dissection = dissection, .at = packet, .left = size_bytes};
    walk_on(&point, first[start]);
}

void dissect_payload(struct dissection *dissection, uint8_t protocol, const uint8_t *payload, uint32_t size_bytes)
{
    *dissection = (struct dissection){0};
    struct walk_point point = {
        .dissection = dissection, .ip = &dissection->outer, .has_outer = true, .at = payload, .left = size_bytes};
    walk_on(&point, protocol_follow(&point, protocol));
}

const char *dissect_tunnel_name(enum dissect_tunnel tunnel)
{
    static const char *const names[TUNNELS] = {
        [TUNNEL_IPIP] = "ipip", [TUNNEL_GRE] = "gre",           [TUNNEL_VXLAN] = "vxlan", [TUNNEL_GENEVE] = "geneve",
        [TUNNEL_GTPU] = "gtpu", [TUNNEL_PSEUDOWIRE] = "pseudowire", [TUNNEL_SRV6] = "srv6",
    };
    return names[tunnel];
}
