/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/row.h"

/* What the headers of a packet say, as values of a row. */

static void numbers_put(struct row *row, uint16_t field, const uint32_t *numbers, uint32_t count)
{
    uint8_t *room = row_room(row, field, count * 4);
    for (uint32_t i = 0; room && i < count; i++) {
        uint32_t be = __builtin_bswap32(numbers[i]);
        memcpy(room + 4 * i, &be, sizeof be);
    }
}

static void link_put(struct row *row, const struct dissection *packet)
{
    if (packet->destination_mac) {
        row_put(row, SFLOW_SOURCE_MAC_ADDRESS, packet->source_mac, 6);
        row_put(row, SFLOW_DESTINATION_MAC_ADDRESS, packet->destination_mac, 6);
    }
    if (packet->ether_type)
        row_put_number(row, SFLOW_ETHER_TYPE, packet->ether_type);
    if (packet->vlan_count) {
        uint32_t vlans[DISSECT_VLANS_MOST];
        for (uint32_t i = 0; i < packet->vlan_count; i++)
            vlans[i] = packet->vlans[i];
        numbers_put(row, SFLOW_VLAN_IDS, vlans, packet->vlan_count);
        row_put_number(row, SFLOW_VLAN_ID, packet->vlans[0]);
        row_put_number(row, SFLOW_VLAN_PRIORITY, packet->vlan_priority);
    }
    if (packet->label_count) {
        numbers_put(row, SFLOW_MPLS_LABELS, packet->labels, packet->label_count);
        row_put_number(row, SFLOW_MPLS_TTL, packet->mpls_ttl);
    }
}

static void address_put(struct row *row, uint16_t field, uint8_t version, const uint8_t *address)
{
    if (version == 4)
        row_put(row, field, address, 4);
    else
        row_put(row, field + 1, address, 16);
}

static void transport_put(struct row *row, const struct dissected_ip *ip)
{
    if (ip->has_ports) {
        row_put_number(row, SFLOW_SOURCE_TRANSPORT_PORT, ip->source_port);
        row_put_number(row, SFLOW_DESTINATION_TRANSPORT_PORT, ip->destination_port);
    }
    if (ip->has_flags)
        row_put_number(row, SFLOW_TCP_CONTROL_BITS, ip->tcp_flags);
    if (ip->has_icmp) {
        bool six = ip->protocol == 58;
        row_put_number(row, six ? SFLOW_ICMP_TYPE_IPV6 : SFLOW_ICMP_TYPE_IPV4, ip->icmp_type);
        row_put_number(row, six ? SFLOW_ICMP_CODE_IPV6 : SFLOW_ICMP_CODE_IPV4, ip->icmp_code);
        row_put_number(row, SFLOW_ICMP_TYPE, ip->icmp_type);
        row_put_number(row, SFLOW_ICMP_CODE, ip->icmp_code);
    }
}

static void outer_put(struct row *row, const struct dissected_ip *ip)
{
    address_put(row, SFLOW_SOURCE_IPV4_ADDRESS, ip->version, ip->source);
    address_put(row, SFLOW_DESTINATION_IPV4_ADDRESS, ip->version, ip->destination);
    row_put_number(row, SFLOW_PROTOCOL_IDENTIFIER, ip->protocol);
    row_put_number(row, SFLOW_IP_VERSION, ip->version);
    row_put_number(row, SFLOW_IP_TOS, ip->tos);
    row_put_number(row, SFLOW_IP_TTL, ip->ttl);
    row_put_number(row, SFLOW_IP_TOTAL_LENGTH, ip->total_bytes);
    if (ip->has_identification)
        row_put_number(row, SFLOW_IP_IDENTIFICATION, ip->identification);
    if (ip->fragment_offset || ip->more_fragments)
        row_put_number(row, SFLOW_IP_FRAGMENT_OFFSET, ip->fragment_offset);
    if (ip->version == 6)
        row_put_number(row, SFLOW_IPV6_FLOW_LABEL, ip->flow_label);
    transport_put(row, ip);
}

static void inner_put(struct row *row, const struct dissected_ip *ip)
{
    address_put(row, SFLOW_INNER_SOURCE_IPV4_ADDRESS, ip->version, ip->source);
    address_put(row, SFLOW_INNER_DESTINATION_IPV4_ADDRESS, ip->version, ip->destination);
    row_put_number(row, SFLOW_INNER_PROTOCOL, ip->protocol);
    row_put_number(row, SFLOW_INNER_IP_TTL, ip->ttl);
    row_put_number(row, SFLOW_INNER_IP_TOS, ip->tos);
    if (ip->has_ports) {
        row_put_number(row, SFLOW_INNER_SOURCE_PORT, ip->source_port);
        row_put_number(row, SFLOW_INNER_DESTINATION_PORT, ip->destination_port);
    }
    if (ip->has_flags)
        row_put_number(row, SFLOW_INNER_TCP_CONTROL_BITS, ip->tcp_flags);
    if (ip->has_icmp) {
        row_put_number(row, SFLOW_INNER_ICMP_TYPE, ip->icmp_type);
        row_put_number(row, SFLOW_INNER_ICMP_CODE, ip->icmp_code);
    }
}

static void tunnel_put(struct row *row, const struct dissection *packet)
{
    static const uint16_t id_fields[TUNNELS] = {
        [TUNNEL_VXLAN] = SFLOW_TUNNEL_VNI, [TUNNEL_GENEVE] = SFLOW_TUNNEL_VNI,
        [TUNNEL_GTPU] = SFLOW_TUNNEL_TEID, [TUNNEL_GRE] = SFLOW_TUNNEL_GRE_KEY,
    };
    const char *name = dissect_tunnel_name(packet->tunnel);
    if (!name)
        return;
    uint32_t name_bytes = (uint32_t)strlen(name);
    uint8_t *room = row_room(row, SFLOW_TUNNEL_TYPE, name_bytes);
    if (room)
        memcpy(room, name, name_bytes);
    row_put_number(row, SFLOW_TUNNEL_DEPTH, packet->tunnel_count);
    if (packet->has_tunnel_id && id_fields[packet->tunnel])
        row_put_number(row, id_fields[packet->tunnel], packet->tunnel_id);
    if (packet->inner_source_mac) {
        row_put(row, SFLOW_INNER_SOURCE_MAC_ADDRESS, packet->inner_source_mac, 6);
        row_put(row, SFLOW_INNER_DESTINATION_MAC_ADDRESS, packet->inner_destination_mac, 6);
    }
    if (packet->inner.version)
        inner_put(row, &packet->inner);
}

void row_put_packet(struct row *row, enum dissect_start start, const uint8_t *packet, uint32_t size_bytes)
{
    struct dissection seen;
    if (row->spans[SFLOW_IP_VERSION].length != SPAN_ABSENT)
        return;
    dissect(&seen, start, packet, size_bytes);
    if (seen.encrypted)
        decoder_count(row->decoder, COUNTER_frames_encrypted, 1);
    link_put(row, &seen);
    if (seen.outer.version)
        outer_put(row, &seen.outer);
    tunnel_put(row, &seen);
}

void row_put_payload(struct row *row, uint8_t protocol, const uint8_t *payload, uint32_t size_bytes)
{
    struct dissection seen;
    dissect_payload(&seen, protocol, payload, size_bytes);
    transport_put(row, &seen.outer);
    tunnel_put(row, &seen);
}
