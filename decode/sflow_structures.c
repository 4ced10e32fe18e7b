/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/sflow.h"

/*
 * The structures of flow and counter samples, each written down as its members in the order of the wire. They are those
 * of sFlow v5 and of sflow.org's later ones: discards, host, application, LAG, OpenFlow, Open vSwitch, tunnels, port
 * names, TCP information.
 */

#define PARTS_MOST 21

#define TEXT_MOST 255 /* bytes of a text that are kept */
#define LIST_MOST 64  /* numbers of a list that are kept */

enum form {
    FORM_END,     /* no member */
    FORM_SKIP,
    FORM_NUMBER,
    FORM_COUNTER, /* a number; all ones: the agent does not count that */
    FORM_BYTES,
    FORM_ADDRESS, /* type, then 4 or 16 bytes; the IPv6 field stands behind the one that is named */
    FORM_TEXT,    /* length, bytes, padding to four */
    FORM_NUMBERS, /* count, numbers of 32 bits */
    FORM_PATH,    /* count, segments: type, count, numbers */
};

struct part {
    uint16_t field;
    uint8_t form;
    uint8_t bytes; /* of SKIP, NUMBER, COUNTER and BYTES */
};

struct structure {
    uint16_t format;
    uint8_t optional; /* from which part on it may end; 0: it may not */
    struct part parts[PARTS_MOST]; /* ends with FORM_END */
};

#define SKIP(bytes_)         {0, FORM_SKIP, bytes_}
#define NUMBER(name)         {SFLOW_##name, FORM_NUMBER, 4}
#define COUNTER(name)        {SFLOW_##name, FORM_COUNTER, 4}
#define HYPER(name)          {SFLOW_##name, FORM_COUNTER, 8}
#define BYTES(name, bytes_)  {SFLOW_##name, FORM_BYTES, bytes_}
#define MAC(name)            BYTES(name, 6), SKIP(2)
#define ADDRESS(name)        {SFLOW_##name##_IPV4_ADDRESS, FORM_ADDRESS, 0}
#define TEXT(name)           {SFLOW_##name, FORM_TEXT, 0}
#define NUMBERS(name)        {SFLOW_##name, FORM_NUMBERS, 0}
#define PATH(name)           {SFLOW_##name, FORM_PATH, 0}

static const struct structure flow_structures[] = {
    {2, 0, {NUMBER(FRAME_LENGTH), MAC(SOURCE_MAC_ADDRESS), MAC(DESTINATION_MAC_ADDRESS), NUMBER(ETHER_TYPE)}},
    {3, 0,
     {NUMBER(IP_TOTAL_LENGTH), NUMBER(PROTOCOL_IDENTIFIER), BYTES(SOURCE_IPV4_ADDRESS, 4),
      BYTES(DESTINATION_IPV4_ADDRESS, 4), NUMBER(SOURCE_TRANSPORT_PORT), NUMBER(DESTINATION_TRANSPORT_PORT),
      NUMBER(TCP_CONTROL_BITS), NUMBER(IP_TOS)}},
    {4, 0,
     {NUMBER(IP_TOTAL_LENGTH), NUMBER(PROTOCOL_IDENTIFIER), BYTES(SOURCE_IPV6_ADDRESS, 16),
      BYTES(DESTINATION_IPV6_ADDRESS, 16), NUMBER(SOURCE_TRANSPORT_PORT), NUMBER(DESTINATION_TRANSPORT_PORT),
      NUMBER(TCP_CONTROL_BITS), NUMBER(IP_TOS)}},
    {1001, 0,
     {NUMBER(SOURCE_VLAN), NUMBER(SOURCE_VLAN_PRIORITY), NUMBER(DESTINATION_VLAN), NUMBER(DESTINATION_VLAN_PRIORITY)}},
    {1002, 0, {ADDRESS(NEXT_HOP), NUMBER(SOURCE_PREFIX_LENGTH), NUMBER(DESTINATION_PREFIX_LENGTH)}},
    {1003, 0,
     {ADDRESS(BGP_NEXT_HOP), NUMBER(ROUTER_AS), NUMBER(SOURCE_AS), NUMBER(SOURCE_PEER_AS), PATH(DESTINATION_AS_PATH),
      NUMBERS(BGP_COMMUNITIES), NUMBER(LOCAL_PREFERENCE)}},
    {1004, 0, {SKIP(4), TEXT(SOURCE_USER), SKIP(4), TEXT(DESTINATION_USER)}},
    {1005, 0, {NUMBER(URL_DIRECTION), TEXT(URL), TEXT(URL_HOST)}},
    {1006, 0, {ADDRESS(MPLS_NEXT_HOP), NUMBERS(MPLS_IN_LABELS), NUMBERS(MPLS_OUT_LABELS)}},
    {1007, 0, {ADDRESS(POST_NAT_SOURCE), ADDRESS(POST_NAT_DESTINATION)}},
    {1008, 0, {TEXT(MPLS_TUNNEL_NAME), NUMBER(MPLS_TUNNEL_ID), NUMBER(MPLS_TUNNEL_COS)}},
    {1009, 0, {TEXT(MPLS_VC_NAME), NUMBER(MPLS_VC_ID), NUMBER(MPLS_VC_COS)}},
    {1010, 0, {TEXT(MPLS_FTN_DESCRIPTION), NUMBER(MPLS_FTN_MASK)}},
    {1011, 0, {NUMBER(MPLS_FEC_PREFIX_LENGTH)}},
    {1012, 0, {NUMBERS(VLAN_TUNNEL)}},
    {1020, 0, {NUMBER(POST_NAPT_SOURCE_TRANSPORT_PORT), NUMBER(POST_NAPT_DESTINATION_TRANSPORT_PORT)}},
    {1023, 0,
     {SKIP(8), BYTES(EGRESS_TUNNEL_SOURCE_IPV4_ADDRESS, 4), BYTES(EGRESS_TUNNEL_DESTINATION_IPV4_ADDRESS, 4),
      SKIP(16)}},
    {1024, 0,
     {SKIP(8), BYTES(INGRESS_TUNNEL_SOURCE_IPV4_ADDRESS, 4), BYTES(INGRESS_TUNNEL_DESTINATION_IPV4_ADDRESS, 4),
      SKIP(16)}},
    {1025, 0,
     {SKIP(8), BYTES(EGRESS_TUNNEL_SOURCE_IPV6_ADDRESS, 16), BYTES(EGRESS_TUNNEL_DESTINATION_IPV6_ADDRESS, 16),
      SKIP(16)}},
    {1026, 0,
     {SKIP(8), BYTES(INGRESS_TUNNEL_SOURCE_IPV6_ADDRESS, 16), BYTES(INGRESS_TUNNEL_DESTINATION_IPV6_ADDRESS, 16),
      SKIP(16)}},
    {1027, 0, {NUMBER(EGRESS_DECAPSULATE_OFFSET)}},
    {1028, 0, {NUMBER(INGRESS_DECAPSULATE_OFFSET)}},
    {1029, 0, {NUMBER(EGRESS_VNI)}},
    {1030, 0, {NUMBER(INGRESS_VNI)}},
    {1036, 0, {NUMBER(EGRESS_QUEUE)}},
    {1037, 0, {NUMBER(ACL_NUMBER), TEXT(ACL_NAME), NUMBER(ACL_DIRECTION)}},
    {1038, 0, {TEXT(FUNCTION_NAME)}},
    {2209, 0,
     {NUMBER(TCP_DIRECTION), NUMBER(TCP_SEND_MSS), NUMBER(TCP_RECEIVE_MSS), NUMBER(TCP_UNACKNOWLEDGED),
      NUMBER(TCP_LOST), NUMBER(TCP_RETRANSMITTED), NUMBER(TCP_PATH_MTU), NUMBER(TCP_RTT), NUMBER(TCP_RTT_VARIATION),
      NUMBER(TCP_SEND_WINDOW), NUMBER(TCP_REORDERING), NUMBER(TCP_LEAST_RTT)}},
};

static const struct structure counter_structures[] = {
    {1, 0,
     {NUMBER(IF_INDEX), NUMBER(IF_TYPE), HYPER(IF_SPEED), NUMBER(IF_DIRECTION), NUMBER(IF_STATUS), HYPER(IF_IN_OCTETS),
      COUNTER(IF_IN_UNICAST_PACKETS), COUNTER(IF_IN_MULTICAST_PACKETS), COUNTER(IF_IN_BROADCAST_PACKETS),
      COUNTER(IF_IN_DISCARDS), COUNTER(IF_IN_ERRORS), COUNTER(IF_IN_UNKNOWN_PROTOCOLS), HYPER(IF_OUT_OCTETS),
      COUNTER(IF_OUT_UNICAST_PACKETS), COUNTER(IF_OUT_MULTICAST_PACKETS), COUNTER(IF_OUT_BROADCAST_PACKETS),
      COUNTER(IF_OUT_DISCARDS), COUNTER(IF_OUT_ERRORS), COUNTER(IF_PROMISCUOUS_MODE)}},
    {2, 0,
     {COUNTER(DOT3_ALIGNMENT_ERRORS), COUNTER(DOT3_FCS_ERRORS), COUNTER(DOT3_SINGLE_COLLISION_FRAMES),
      COUNTER(DOT3_MULTIPLE_COLLISION_FRAMES), COUNTER(DOT3_SQE_TEST_ERRORS), COUNTER(DOT3_DEFERRED_TRANSMISSIONS),
      COUNTER(DOT3_LATE_COLLISIONS), COUNTER(DOT3_EXCESSIVE_COLLISIONS), COUNTER(DOT3_INTERNAL_MAC_TRANSMIT_ERRORS),
      COUNTER(DOT3_CARRIER_SENSE_ERRORS), COUNTER(DOT3_FRAME_TOO_LONGS), COUNTER(DOT3_INTERNAL_MAC_RECEIVE_ERRORS),
      COUNTER(DOT3_SYMBOL_ERRORS)}},
    {5, 0,
     {NUMBER(VLAN_NUMBER), HYPER(VLAN_OCTETS), COUNTER(VLAN_UNICAST_PACKETS), COUNTER(VLAN_MULTICAST_PACKETS),
      COUNTER(VLAN_BROADCAST_PACKETS), COUNTER(VLAN_DISCARDS)}},
    {7, 0,
     {MAC(LAG_ACTOR_SYSTEM_ID), MAC(LAG_PARTNER_SYSTEM_ID), NUMBER(LAG_ATTACHED_ID), BYTES(LAG_PORT_STATE, 4),
      COUNTER(LAG_LACP_PACKETS_RECEIVED), COUNTER(LAG_MARKERS_RECEIVED), COUNTER(LAG_MARKER_RESPONSES_RECEIVED),
      COUNTER(LAG_UNKNOWN_RECEIVED), COUNTER(LAG_ILLEGAL_RECEIVED), COUNTER(LAG_LACP_PACKETS_SENT),
      COUNTER(LAG_MARKERS_SENT), COUNTER(LAG_MARKER_RESPONSES_SENT)}},
    {1001, 0,
     {COUNTER(PROCESSOR_CPU5S), COUNTER(PROCESSOR_CPU1M), COUNTER(PROCESSOR_CPU5M), HYPER(PROCESSOR_MEMORY_TOTAL),
      HYPER(PROCESSOR_MEMORY_FREE)}},
    {1004, 0, {BYTES(OPENFLOW_DATAPATH_ID, 8), NUMBER(OPENFLOW_PORT)}},
    {1005, 0, {TEXT(IF_NAME)}},
    {2000, 0,
     {TEXT(HOST_NAME), BYTES(HOST_UUID, 16), NUMBER(HOST_MACHINE_TYPE), NUMBER(HOST_OS_NAME), TEXT(HOST_OS_RELEASE)}},
    {2002, 0, {NUMBER(HOST_PARENT_TYPE), NUMBER(HOST_PARENT_INDEX)}},
    {2003, 17, /* the last three are younger */
     {COUNTER(HOST_LOAD1M), COUNTER(HOST_LOAD5M), COUNTER(HOST_LOAD15M), COUNTER(HOST_PROCESSES_RUNNING),
      COUNTER(HOST_PROCESSES), COUNTER(HOST_CPUS), COUNTER(HOST_CPU_SPEED), COUNTER(HOST_UPTIME),
      COUNTER(HOST_CPU_USER), COUNTER(HOST_CPU_NICE), COUNTER(HOST_CPU_SYSTEM), COUNTER(HOST_CPU_IDLE),
      COUNTER(HOST_CPU_WAIT), COUNTER(HOST_CPU_INTERRUPT), COUNTER(HOST_CPU_SOFT_INTERRUPT), COUNTER(HOST_INTERRUPTS),
      COUNTER(HOST_CONTEXT_SWITCHES), COUNTER(HOST_CPU_STEAL), COUNTER(HOST_CPU_GUEST), COUNTER(HOST_CPU_GUEST_NICE)}},
    {2004, 0,
     {HYPER(HOST_MEMORY_TOTAL), HYPER(HOST_MEMORY_FREE), HYPER(HOST_MEMORY_SHARED), HYPER(HOST_MEMORY_BUFFERS),
      HYPER(HOST_MEMORY_CACHED), HYPER(HOST_SWAP_TOTAL), HYPER(HOST_SWAP_FREE), COUNTER(HOST_PAGES_IN),
      COUNTER(HOST_PAGES_OUT), COUNTER(HOST_SWAP_IN), COUNTER(HOST_SWAP_OUT)}},
    {2005, 0,
     {HYPER(HOST_DISK_TOTAL), HYPER(HOST_DISK_FREE), COUNTER(HOST_DISK_MOST_USED), COUNTER(HOST_DISK_READS),
      HYPER(HOST_DISK_READ_BYTES), COUNTER(HOST_DISK_READ_TIME), COUNTER(HOST_DISK_WRITES),
      HYPER(HOST_DISK_WRITTEN_BYTES), COUNTER(HOST_DISK_WRITE_TIME)}},
    {2006, 0,
     {HYPER(HOST_NET_IN_OCTETS), COUNTER(HOST_NET_IN_PACKETS), COUNTER(HOST_NET_IN_ERRORS), COUNTER(HOST_NET_IN_DROPS),
      HYPER(HOST_NET_OUT_OCTETS), COUNTER(HOST_NET_OUT_PACKETS), COUNTER(HOST_NET_OUT_ERRORS),
      COUNTER(HOST_NET_OUT_DROPS)}},
    {2203, 0,
     {COUNTER(APP_CPU_USER), COUNTER(APP_CPU_SYSTEM), HYPER(APP_MEMORY_USED), HYPER(APP_MEMORY_MOST),
      COUNTER(APP_FILES_OPEN), COUNTER(APP_FILES_MOST), COUNTER(APP_CONNECTIONS_OPEN), COUNTER(APP_CONNECTIONS_MOST)}},
    {2207, 0,
     {COUNTER(OVS_HITS), COUNTER(OVS_MISSES), COUNTER(OVS_LOST), COUNTER(OVS_MASK_HITS), COUNTER(OVS_FLOWS),
      COUNTER(OVS_MASKS)}},
};

/* ---- members of variable length: each returns where the next member is, NULL when the structure ends before ---- */

static const uint8_t *address_read(struct sflow_row *row, uint16_t field, const uint8_t *at, const uint8_t *end)
{
    if (end - at < 4)
        return NULL;
    uint32_t type = read_be32(at);
    uint32_t size_bytes = type == 1 ? 4 : type == 2 ? 16 : 0;
    at += 4;
    if (type > 2 || end - at < (ptrdiff_t)size_bytes)
        return NULL;
    if (size_bytes)
        sflow_put(row, (uint16_t)(field + (type == 2)), at, size_bytes);
    return at + size_bytes;
}

static const uint8_t *text_read(struct sflow_row *row, uint16_t field, const uint8_t *at, const uint8_t *end)
{
    if (end - at < 4)
        return NULL;
    uint32_t size_bytes = read_be32(at), left = (uint32_t)(end - at) - 4;
    at += 4;
    if (size_bytes > left)
        return NULL;
    if (size_bytes > TEXT_MOST)
        decoder_count(row->decoder, COUNTER_sflow_values_cut, 1);
    if (size_bytes)
        sflow_put(row, field, at, size_bytes < TEXT_MOST ? size_bytes : TEXT_MOST);
    /* some agents leave out the padding of a structure's last member */
    uint32_t padded = (size_bytes + 3) & ~3u;
    return at + (padded < left ? padded : left);
}

/* Appends to the list that the row ends with, as far as there is room. */
static void list_add(struct sflow_row *row, uint16_t field, const uint8_t *numbers, uint32_t count)
{
    struct span *span = &row->spans[field];
    uint32_t has = span->length == SPAN_ABSENT ? 0 : span->length / 4u;
    uint32_t kept = count < LIST_MOST - has ? count : LIST_MOST - has;
    if (kept < count)
        decoder_count(row->decoder, COUNTER_sflow_values_cut, 1);
    struct span before = *span;
    uint8_t *room = kept ? sflow_room(row, field, kept * 4) : NULL;
    if (!room)
        return;
    memcpy(room, numbers, kept * 4);
    if (has)
        *span = (struct span){.offset = before.offset, .length = (uint16_t)(before.length + kept * 4)};
}

/* Count and numbers; *first is where they are. */
static const uint8_t *list_find(const uint8_t *at, const uint8_t *end, const uint8_t **first, uint32_t *count)
{
    if (end - at < 4)
        return NULL;
    *count = read_be32(at);
    *first = at + 4;
    return *count <= (uint32_t)(end - *first) / 4 ? *first + 4 * (size_t)*count : NULL;
}

static const uint8_t *numbers_read(struct sflow_row *row, uint16_t field, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *first;
    uint32_t count;
    at = list_find(at, end, &first, &count);
    row->spans[field].length = SPAN_ABSENT; /* a structure that comes twice */
    if (at && count)
        list_add(row, field, first, count);
    return at;
}

/* The AS path: its first number is the neighbour, its last one the origin of the destination. */
static const uint8_t *path_read(struct sflow_row *row, uint16_t field, const uint8_t *at, const uint8_t *end)
{
    if (end - at < 4)
        return NULL;
    uint32_t segments = read_be32(at);
    const uint8_t *neighbour = NULL, *origin = NULL;
    at += 4;
    row->spans[field].length = SPAN_ABSENT;
    for (; segments && at; segments--) {
        const uint8_t *first;
        uint32_t count;
        if (end - at < 4)
            return NULL;
        at = list_find(at + 4, end, &first, &count);
        if (!at || !count)
            continue;
        list_add(row, field, first, count);
        neighbour = neighbour ? neighbour : first;
        origin = at - 4;
    }
    if (at && origin) {
        sflow_put(row, SFLOW_DESTINATION_PEER_AS, neighbour, 4);
        sflow_put(row, SFLOW_DESTINATION_AS, origin, 4);
    }
    return at;
}

/* ---- structures ---- */

static const uint8_t *fixed_read(struct sflow_row *row, const struct part *part, const uint8_t *at, const uint8_t *end)
{
    if (end - at < part->bytes)
        return NULL;
    if (part->form == FORM_BYTES) {
        sflow_put(row, part->field, at, part->bytes);
    } else if (part->form != FORM_SKIP) {
        uint64_t value = read_be(at, part->bytes), unknown = part->bytes == 4 ? UINT32_MAX : UINT64_MAX;
        if (part->form == FORM_NUMBER || value != unknown)
            sflow_put_number(row, part->field, value);
    }
    return at + part->bytes;
}

static const uint8_t *part_read(struct sflow_row *row, const struct part *part, const uint8_t *at, const uint8_t *end)
{
    switch (part->form) {
    case FORM_ADDRESS:
        return address_read(row, part->field, at, end);
    case FORM_TEXT:
        return text_read(row, part->field, at, end);
    case FORM_NUMBERS:
        return numbers_read(row, part->field, at, end);
    case FORM_PATH:
        return path_read(row, part->field, at, end);
    default:
        return fixed_read(row, part, at, end);
    }
}

/* What stands behind the members that are known is a newer revision's, and passed over. */
static bool structure_read(struct sflow_row *row, const struct structure *structure, const uint8_t *at,
                           const uint8_t *end)
{
    for (uint32_t i = 0; i < PARTS_MOST && structure->parts[i].form != FORM_END; i++) {
        if (at == end && structure->optional && i >= structure->optional)
            return true;
        at = part_read(row, &structure->parts[i], at, end);
        if (!at)
            return false;
    }
    return true;
}

static const struct structure *structure_find(const struct structure *table, size_t count, uint32_t format)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].format == format)
            return &table[i];
    return NULL;
}

static void structure_count(struct sflow_row *row, bool good)
{
    if (!good)
        decoder_count(row->decoder, COUNTER_sflow_structures_short, 1);
}

void sflow_flow_structure_read(struct sflow_row *row, uint32_t format, const uint8_t *at, const uint8_t *end)
{
    if (format == 1) {
        structure_count(row, sflow_header_read(row, at, end));
        return;
    }
    const struct structure *structure =
        structure_find(flow_structures, sizeof flow_structures / sizeof *flow_structures, format);
    if (structure)
        structure_count(row, structure_read(row, structure, at, end));
    else
        decoder_count(row->decoder, COUNTER_sflow_structures_unknown, 1);
}

void sflow_counter_structure_read(struct sflow_row *row, uint32_t format, const uint8_t *at, const uint8_t *end)
{
    const struct structure *structure =
        structure_find(counter_structures, sizeof counter_structures / sizeof *counter_structures, format);
    if (structure)
        structure_count(row, structure_read(row, structure, at, end));
    else
        decoder_count(row->decoder, COUNTER_sflow_structures_unknown, 1);
}
