/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/dissect.h"
#include "decode/sflow.h"

/* enum header_protocol of sFlow v5 5.3, as far as the dissector begins so. */
static bool start_of(uint32_t protocol, enum dissect_start *start)
{
    static const struct {
        uint32_t protocol;
        enum dissect_start start;
    } rows[] = {{1, DISSECT_ETHERNET}, {7, DISSECT_PPP},   {11, DISSECT_IPV4},
                {12, DISSECT_IPV6},    {13, DISSECT_MPLS}, {14, DISSECT_PPP}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].protocol == protocol) {
            *start = rows[i].start;
            return true;
        }
    return false;
}

static void numbers_put(struct sflow_row *row, uint16_t field, const uint32_t *numbers, uint32_t count)
{
    uint8_t *room = sflow_room(row, field, count * 4);
    for (uint32_t i = 0; room && i < count; i++) {
        uint32_t be = __builtin_bswap32(numbers[i]);
        memcpy(room + 4 * i, &be, sizeof be);
    }
}

static void link_put(struct sflow_row *row, const struct dissection *packet)
{
    if (packet->destination_mac) {
        sflow_put(row, SFLOW_SOURCE_MAC_ADDRESS, packet->source_mac, 6);
        sflow_put(row, SFLOW_DESTINATION_MAC_ADDRESS, packet->destination_mac, 6);
    }
    if (packet->ether_type)
        sflow_put_number(row, SFLOW_ETHER_TYPE, packet->ether_type);
    if (packet->vlan_count) {
        uint32_t vlans[DISSECT_VLANS_MOST];
        for (uint32_t i = 0; i < packet->vlan_count; i++)
            vlans[i] = packet->vlans[i];
        numbers_put(row, SFLOW_VLAN_IDS, vlans, packet->vlan_count);
        sflow_put_number(row, SFLOW_VLAN_ID, packet->vlans[0]);
        sflow_put_number(row, SFLOW_VLAN_PRIORITY, packet->vlan_priority);
    }
    if (packet->label_count) {
        numbers_put(row, SFLOW_MPLS_LABELS, packet->labels, packet->label_count);
        sflow_put_number(row, SFLOW_MPLS_TTL, packet->mpls_ttl);
    }
}

static void address_put(struct sflow_row *row, uint16_t field, uint8_t version, const uint8_t *address)
{
    if (version == 4)
        sflow_put(row, field, address, 4);
    else
        sflow_put(row, field + 1, address, 16);
}

static void transport_put(struct sflow_row *row, const struct dissected_ip *ip)
{
    if (ip->has_ports) {
        sflow_put_number(row, SFLOW_SOURCE_TRANSPORT_PORT, ip->source_port);
        sflow_put_number(row, SFLOW_DESTINATION_TRANSPORT_PORT, ip->destination_port);
    }
    if (ip->has_flags)
        sflow_put_number(row, SFLOW_TCP_CONTROL_BITS, ip->tcp_flags);
    if (ip->has_icmp) {
        bool six = ip->protocol == 58;
        sflow_put_number(row, six ? SFLOW_ICMP_TYPE_IPV6 : SFLOW_ICMP_TYPE_IPV4, ip->icmp_type);
        sflow_put_number(row, six ? SFLOW_ICMP_CODE_IPV6 : SFLOW_ICMP_CODE_IPV4, ip->icmp_code);
        sflow_put_number(row, SFLOW_ICMP_TYPE, ip->icmp_type);
        sflow_put_number(row, SFLOW_ICMP_CODE, ip->icmp_code);
    }
}

static void outer_put(struct sflow_row *row, const struct dissected_ip *ip)
{
    address_put(row, SFLOW_SOURCE_IPV4_ADDRESS, ip->version, ip->source);
    address_put(row, SFLOW_DESTINATION_IPV4_ADDRESS, ip->version, ip->destination);
    sflow_put_number(row, SFLOW_PROTOCOL_IDENTIFIER, ip->protocol);
    sflow_put_number(row, SFLOW_IP_VERSION, ip->version);
    sflow_put_number(row, SFLOW_IP_TOS, ip->tos);
    sflow_put_number(row, SFLOW_IP_TTL, ip->ttl);
    sflow_put_number(row, SFLOW_IP_TOTAL_LENGTH, ip->total_bytes);
    if (ip->has_identification)
        sflow_put_number(row, SFLOW_IP_IDENTIFICATION, ip->identification);
    if (ip->fragment_offset || ip->more_fragments)
        sflow_put_number(row, SFLOW_IP_FRAGMENT_OFFSET, ip->fragment_offset);
    if (ip->version == 6)
        sflow_put_number(row, SFLOW_IPV6_FLOW_LABEL, ip->flow_label);
    transport_put(row, ip);
}

static void inner_put(struct sflow_row *row, const struct dissected_ip *ip)
{
    address_put(row, SFLOW_INNER_SOURCE_IPV4_ADDRESS, ip->version, ip->source);
    address_put(row, SFLOW_INNER_DESTINATION_IPV4_ADDRESS, ip->version, ip->destination);
    sflow_put_number(row, SFLOW_INNER_PROTOCOL, ip->protocol);
    sflow_put_number(row, SFLOW_INNER_IP_TTL, ip->ttl);
    sflow_put_number(row, SFLOW_INNER_IP_TOS, ip->tos);
    if (ip->has_ports) {
        sflow_put_number(row, SFLOW_INNER_SOURCE_PORT, ip->source_port);
        sflow_put_number(row, SFLOW_INNER_DESTINATION_PORT, ip->destination_port);
    }
    if (ip->has_flags)
        sflow_put_number(row, SFLOW_INNER_TCP_CONTROL_BITS, ip->tcp_flags);
    if (ip->has_icmp) {
        sflow_put_number(row, SFLOW_INNER_ICMP_TYPE, ip->icmp_type);
        sflow_put_number(row, SFLOW_INNER_ICMP_CODE, ip->icmp_code);
    }
}

static void tunnel_put(struct sflow_row *row, const struct dissection *packet)
{
    static const uint16_t id_fields[TUNNELS] = {
        [TUNNEL_VXLAN] = SFLOW_TUNNEL_VNI, [TUNNEL_GENEVE] = SFLOW_TUNNEL_VNI,
        [TUNNEL_GTPU] = SFLOW_TUNNEL_TEID, [TUNNEL_GRE] = SFLOW_TUNNEL_GRE_KEY,
    };
    const char *name = dissect_tunnel_name(packet->tunnel);
    if (!name)
        return;
    uint32_t name_bytes = (uint32_t)strlen(name);
    uint8_t *room = sflow_room(row, SFLOW_TUNNEL_TYPE, name_bytes);
    if (room)
        memcpy(room, name, name_bytes);
    sflow_put_number(row, SFLOW_TUNNEL_DEPTH, packet->tunnel_count);
    if (packet->has_tunnel_id && id_fields[packet->tunnel])
        sflow_put_number(row, id_fields[packet->tunnel], packet->tunnel_id);
    if (packet->inner_source_mac) {
        sflow_put(row, SFLOW_INNER_SOURCE_MAC_ADDRESS, packet->inner_source_mac, 6);
        sflow_put(row, SFLOW_INNER_DESTINATION_MAC_ADDRESS, packet->inner_destination_mac, 6);
    }
    if (packet->inner.version)
        inner_put(row, &packet->inner);
}

void sflow_packet_read(struct sflow_row *row, enum dissect_start start, const uint8_t *packet, uint32_t size_bytes)
{
    struct dissection seen;
    if (row->spans[SFLOW_IP_VERSION].length != SPAN_ABSENT)
        return;
    dissect(&seen, start, packet, size_bytes);
    link_put(row, &seen);
    if (seen.outer.version)
        outer_put(row, &seen.outer);
    tunnel_put(row, &seen);
}

/* Protocol and length of the frame stand at `at`. */
static void header_put(struct sflow_row *row, const uint8_t *at, const uint8_t *packet, uint32_t size_bytes)
{
    enum dissect_start start;
    sflow_put_wire(row, SFLOW_HEADER_PROTOCOL, at, 4);
    sflow_put_wire(row, SFLOW_FRAME_LENGTH, at + 4, 4);
    if (start_of(read_be32(at), &start))
        sflow_packet_read(row, start, packet, size_bytes);
    else
        decoder_count(row->decoder, COUNTER_sflow_headers_unknown, 1);
}

bool sflow_header_read(struct sflow_row *row, const uint8_t *at, const uint8_t *end)
{
    if (end - at < 16)
        return false;
    uint32_t header_bytes = read_be32(at + 12);
    if ((size_t)(end - at) - 16 < header_bytes)
        return false;
    sflow_put_wire(row, SFLOW_STRIPPED_BYTES, at + 8, 4);
    sflow_put_wire(row, SFLOW_HEADER_LENGTH, at + 12, 4);
    header_put(row, at, at + 16, header_bytes);
    return true;
}

const uint8_t *sflow_old_header_read(struct sflow_row *row, const uint8_t *at, const uint8_t *end)
{
    if (end - at < 12)
        return NULL;
    size_t header_bytes = read_be32(at + 8), padded = (header_bytes + 3) & ~(size_t)3;
    if ((size_t)(end - at) - 12 < padded)
        return NULL;
    sflow_put_wire(row, SFLOW_HEADER_LENGTH, at + 8, 4);
    header_put(row, at, at + 12, (uint32_t)header_bytes);
    return at + 12 + padded;
}
