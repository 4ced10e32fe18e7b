/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/explain.h"

#include <stddef.h>
#include <string.h>

/* ---- what values are derived from: export/encode/derive*.c; tests change fields and see what changes ---- */

enum part {
    PART_SOURCE_ADDRESS = 1 << 0,
    PART_DESTINATION_ADDRESS = 1 << 1,
    PART_SOURCE_PORT = 1 << 2,
    PART_DESTINATION_PORT = 1 << 3,
    PART_SOURCE_MAC = 1 << 4,
    PART_DESTINATION_MAC = 1 << 5,
    PART_BYTES = 1 << 6,
    PART_REVERSE_BYTES = 1 << 7,
    PART_PACKETS = 1 << 8,
    PART_REVERSE_PACKETS = 1 << 9,
    PART_PROTOCOL = 1 << 10,
    PART_FLOW_DIRECTION = 1 << 11,
    PART_TCP_FLAGS = 1 << 12,
    PART_TIMES = 1 << 13,
    PART_ICMP = 1 << 14,
    PART_WLAN = 1 << 15,
    PART_BIFLOW = 1 << 16,
    PART_RELATED = 1 << 17, /* the addresses that related.ip lists */
    PART_RATE = 1 << 18,    /* what tells the sampling rate */
    PART_CONNECTION = 1 << 19, /* what tells that a firewall's counters were counted before */

    PART_COUNTERS = PART_BYTES | PART_REVERSE_BYTES | PART_PACKETS | PART_REVERSE_PACKETS,
    PART_ADDRESSES = PART_SOURCE_ADDRESS | PART_DESTINATION_ADDRESS,
    PART_TUPLE = PART_ADDRESSES | PART_SOURCE_PORT | PART_DESTINATION_PORT | PART_PROTOCOL,
    /* what changes places when the sides do */
    PART_SIDES = PART_ADDRESSES | PART_SOURCE_PORT | PART_DESTINATION_PORT | PART_SOURCE_MAC | PART_DESTINATION_MAC |
                 PART_BYTES | PART_REVERSE_BYTES | PART_PACKETS | PART_REVERSE_PACKETS,
};

#define PAIRS_EVEN 0x155u /* PART_SIDES come in pairs, one bit beside the other */

struct part_row {
    uint32_t part;
    uint16_t offset; /* of struct inputs */
};

#define INPUT(part_, member_) {PART_##part_, offsetof(struct inputs, member_)}
#define INPUTS(part_, member_) INPUT(part_, member_[0]), INPUT(part_, member_[1]), INPUT(part_, member_[2])

static const struct part_row part_rows[] = {
    INPUT(SOURCE_ADDRESS, source_ipv4),
    INPUT(SOURCE_ADDRESS, source_ipv6),
    INPUT(DESTINATION_ADDRESS, destination_ipv4),
    INPUT(DESTINATION_ADDRESS, destination_ipv6),
    INPUT(SOURCE_PORT, source_port),
    INPUT(DESTINATION_PORT, destination_port),
    INPUT(SOURCE_MAC, source_mac),
    INPUT(DESTINATION_MAC, destination_mac),
    INPUT(PROTOCOL, protocol),
    INPUT(FLOW_DIRECTION, flow_direction),
    INPUT(TCP_FLAGS, tcp_control_bits),
    INPUT(BIFLOW, biflow_direction),
    INPUT(WLAN, sta_mac),
    INPUT(WLAN, sta_ipv4),
    INPUT(WLAN, wtp_mac),
    INPUT(WLAN, flow_direction),
    INPUT(TIMES, start_uptime),
    INPUT(TIMES, end_uptime),
    INPUT(TIMES, init_time),
    INPUT(TIMES, duration),
    INPUT(TIMES, start_time),
    INPUT(TIMES, end_time),
    INPUT(TIMES, duration_us),
    INPUT(CONNECTION, firewall_event),
    INPUT(CONNECTION, flow_number),
    INPUT(ICMP, icmp_type_code),
    INPUT(ICMP, icmp_type),
    INPUT(ICMP, icmp_code),
    INPUT(ICMP, icmp6_type_code),
    INPUT(ICMP, icmp6_type),
    INPUT(ICMP, icmp6_code),
    INPUTS(BYTES, octets),
    INPUTS(REVERSE_BYTES, reverse_octets),
    INPUTS(PACKETS, packets),
    INPUTS(REVERSE_PACKETS, reverse_packets),
};

static const uint32_t value_parts[] = {
    [VALUE_CATEGORY] = PART_BIFLOW,
    [VALUE_START] = PART_TIMES,
    [VALUE_END] = PART_TIMES,
    [VALUE_DURATION] = PART_TIMES,
    [VALUE_SOURCE_IP] = PART_SOURCE_ADDRESS,
    [VALUE_SOURCE_PORT] = PART_SOURCE_PORT,
    [VALUE_SOURCE_MAC] = PART_SOURCE_MAC,
    [VALUE_SOURCE_LOCALITY] = PART_SOURCE_ADDRESS,
    [VALUE_SOURCE_BYTES] = PART_BYTES,
    [VALUE_SOURCE_PACKETS] = PART_PACKETS,
    [VALUE_DESTINATION_IP] = PART_DESTINATION_ADDRESS,
    [VALUE_DESTINATION_PORT] = PART_DESTINATION_PORT,
    [VALUE_DESTINATION_MAC] = PART_DESTINATION_MAC,
    [VALUE_DESTINATION_LOCALITY] = PART_DESTINATION_ADDRESS,
    [VALUE_DESTINATION_BYTES] = PART_REVERSE_BYTES,
    [VALUE_DESTINATION_PACKETS] = PART_REVERSE_PACKETS,
    [VALUE_TRANSPORT] = PART_PROTOCOL,
    [VALUE_IANA_NUMBER] = PART_PROTOCOL,
    [VALUE_NETWORK_BYTES] = PART_BYTES | PART_REVERSE_BYTES,
    [VALUE_NETWORK_PACKETS] = PART_PACKETS | PART_REVERSE_PACKETS,
    [VALUE_NETWORK_TYPE] = PART_ADDRESSES,
    [VALUE_DIRECTION] = PART_ADDRESSES | PART_FLOW_DIRECTION,
    [VALUE_COMMUNITY_ID] = PART_TUPLE,
    [VALUE_FLOW_ID] = PART_TUPLE,
    [VALUE_FLOW_LOCALITY] = PART_ADDRESSES,
    [VALUE_RELATED_IP] = PART_RELATED,
    [VALUE_TCP_FLAGS] = PART_TCP_FLAGS,
    [VALUE_ICMP_TYPE ... VALUE_ICMP_CODE_NAME] = PART_ICMP | PART_PROTOCOL | PART_DESTINATION_PORT,
    [VALUE_RATE] = PART_RATE,
    [VALUE_RATE_SOURCE] = PART_RATE,
    [VALUE_OPTIONS] = 0,
};

static bool is_side(const struct ecs_row *row)
{
    return row->value >= VALUE_SOURCE_IP && row->value <= VALUE_DESTINATION_PACKETS;
}

static uint32_t parts_of(const struct compilation *compilation, const struct ecs_row *row)
{
    uint32_t parts = value_parts[row->value], flags = compilation->flags;
    if (row->value == VALUE_COMMUNITY_ID && flags & PROGRAM_ICMP)
        parts |= PART_ICMP;
    if (parts & PART_COUNTERS && compilation->compiler->profile->facts_kept && plan_tells_sampling(compilation->plan))
        parts |= PART_RATE;
    if (flags & PROGRAM_WLAN && parts & (PART_ADDRESSES | PART_SOURCE_MAC | PART_DESTINATION_MAC))
        parts |= PART_WLAN;
    if (flags & PROGRAM_SWAP && (is_side(row) || row->value == VALUE_DIRECTION))
        parts |= (parts & PART_SIDES & PAIRS_EVEN) << 1 | (parts & PART_SIDES & ~PAIRS_EVEN) >> 1 | PART_BIFLOW;
    return parts;
}

static bool fields_mark(const uint16_t *fields, size_t count, uint8_t *marks)
{
    bool any = false;
    for (size_t i = 0; i < count; i++)
        if (fields[i] != FIELD_NONE)
            any = (marks[fields[i]] = 1);
    return any;
}

static bool rate_mark(const struct plan *plan, uint8_t *marks)
{
    struct rate_fields rates;
    rate_fields_find(plan, &rates);
    const uint16_t fields[] = {rates.sampler, rates.selector, rates.ingress, rates.egress};
    bool any = fields_mark(fields, sizeof fields / sizeof *fields, marks);
    for (uint32_t i = 0; i < rates.own.count; i++)
        any |= fields_mark(rates.own.ways[i].fields, RATE_FIELDS, marks);
    return any;
}

static bool place_mark(const struct compilation *compilation, enum fact_place place, uint8_t *marks)
{
    bool any = false;
    for (uint32_t i = 0; i < compilation->lookup_count; i++)
        if (compilation->lookups[i].place == place)
            any = (marks[compilation->lookups[i].field] = 1);
    return any;
}

/* Of a name, the number's field; of the kind of event, the fields of all that tell it. */
static bool names_mark(const struct compilation *compilation, enum ecs_value value, uint8_t *marks)
{
    bool event = value == VALUE_EVENT_TYPE || value == VALUE_EVENT_OUTCOME, any = false;
    for (uint32_t i = 0; i < compilation->name_count; i++) {
        enum named_place place = compilation->names[i].place;
        if (event ? named_place_tells_event(place) : value == VALUE_FIREWALL_EVENT + place)
            any = (marks[compilation->names[i].field] = 1);
    }
    return any;
}

/* Whether there was anything to mark. */
static bool parts_mark(const struct compilation *compilation, uint32_t parts, uint8_t *marks)
{
    bool any = false;
    for (size_t i = 0; i < sizeof part_rows / sizeof *part_rows; i++) {
        uint16_t field;
        memcpy(&field, (const char *)&compilation->inputs + part_rows[i].offset, sizeof field);
        if (part_rows[i].part & parts && field != FIELD_NONE)
            any = (marks[field] = 1);
    }
    if (parts & PART_RATE && rate_mark(compilation->plan, marks))
        any = true;
    for (uint32_t i = 0; parts & PART_RELATED && i < compilation->render_count; i++)
        if (compilation->renders[i].related)
            any = (marks[compilation->renders[i].field] = 1);
    return any;
}

/* ---- which way a member goes ---- */

static bool is_slot(uint8_t format)
{
    return format >= FORMAT_SLOT8 && format <= FORMAT_SLOT48;
}

/* The field whose text the piece is; FIELD_NONE where it is made of more. */
static uint16_t field_of(const struct compilation *compilation, const struct piece *piece)
{
    if (piece->format >= FORMAT_UNSIGNED8)
        return piece->value;
    for (uint32_t i = 0; is_slot(piece->format) && i < compilation->render_count; i++)
        if (compilation->renders[i].slot == piece->value)
            return compilation->renders[i].field;
    return FIELD_NONE;
}

static void array_mark(const struct compilation *compilation, uint16_t number, uint8_t *marks)
{
    const struct list_group *group = &compilation->lists[number];
    for (uint32_t i = 0; i < group->count; i++)
        marks[compilation->compiler->list_fields[group->first + i].field] = 1;
}

enum explain_way explain_sources(const struct compile_member *member, uint8_t *marks)
{
    const struct compilation *compilation = member->compilation;
    uint16_t field = member->answer->constant ? FIELD_NONE : field_of(compilation, &member->answer->piece);
    if (field != FIELD_NONE) {
        marks[field] = 1;
        return EXPLAIN_FIELD;
    }
    if (member->answer->piece.format == FORMAT_LIST && !member->answer->constant) {
        array_mark(compilation, member->answer->piece.value, marks);
        return EXPLAIN_FIELD;
    }
    if (member->answer->constant && member->row->value != VALUE_NETWORK_TYPE)
        return EXPLAIN_CONSTANT;
    if (member->answer->piece.format == FORMAT_FACT && !member->answer->constant) {
        place_mark(compilation, member->answer->piece.value, marks);
        return EXPLAIN_DERIVED;
    }
    if (names_mark(compilation, member->row->value, marks))
        return EXPLAIN_DERIVED;
    uint32_t parts = parts_of(compilation, member->row);
    bool any = parts_mark(compilation, parts & ~PART_BIFLOW, marks);
    if (is_side(member->row) && !any)
        return EXPLAIN_NEVER; /* a side may change its place, but it has no such field here or there */
    parts_mark(compilation, parts & PART_BIFLOW, marks);
    if (compilation->flags & PROGRAM_CONNECTIONS && parts & PART_COUNTERS)
        parts_mark(compilation, PART_CONNECTION | PART_TUPLE, marks);
    return member->answer->constant ? EXPLAIN_CONSTANT : EXPLAIN_DERIVED;
}

/* ---- conditions ---- */

#define HAS_ONE  "the record has one"
#define HAS_LONG "the record has one below 2^63"

static const char *const when_texts[] = {
    [WHEN_SOURCE_IP] = HAS_ONE,
    [WHEN_SOURCE_PORT] = HAS_ONE,
    [WHEN_SOURCE_MAC] = HAS_ONE,
    [WHEN_SOURCE_BYTES] = HAS_LONG,
    [WHEN_SOURCE_PACKETS] = HAS_LONG,
    [WHEN_DESTINATION_IP] = HAS_ONE,
    [WHEN_DESTINATION_PORT] = HAS_ONE,
    [WHEN_DESTINATION_MAC] = HAS_ONE,
    [WHEN_DESTINATION_BYTES] = HAS_LONG,
    [WHEN_DESTINATION_PACKETS] = HAS_LONG,
    [WHEN_NETWORK_BYTES] = HAS_LONG,
    [WHEN_NETWORK_PACKETS] = HAS_LONG,
    [WHEN_PROTOCOL] = HAS_ONE,
    [WHEN_NETWORK_TYPE] = "the record has an address",
    [WHEN_TCP_FLAGS] = "any bit is set",
    [WHEN_START] = "it can be told, before the year 10000",
    [WHEN_END] = "it can be told, before the year 10000",
    [WHEN_DURATION] = "it can be told",
    [WHEN_BIFLOW] = "the record is a biflow",
    [WHEN_RATE] = "the sampling rate is known",
    [WHEN_OUTCOME] = "the event is a success or a failure",
    [WHEN_ICMP] = "the protocol is ICMP",
    [WHEN_ICMP_TYPE_NAME] = "it has a name",
    [WHEN_ICMP_CODE_NAME] = "it has a name",
    [WHEN_NAMED_FIRST ... WHEN_NAMED_LAST] = "the number has a name",
    [WHEN_FACT_FIRST ... WHEN_FACT_LAST] = "options records have told it",
    [WHEN_PRESENT] = "the record's value fits the type",
    [WHEN_BOOLEAN] = "it is 1 or 2",
    [WHEN_LONG] = "it is below 2^63",
    [WHEN_DATE] = "it is before the year 10000",
    [WHEN_NONZERO] = "it is not empty or zero",
};

const char *explain_when(const struct compile_member *member)
{
    const struct answer *answer = member->answer;
    if (member->row->when & ECS_BIFLOW && !(member->compilation->flags & PROGRAM_CERTAIN_BIFLOW))
        return when_texts[WHEN_BIFLOW];
    if (answer->constant)
        return NULL;
    const char *text = when_texts[answer->piece.when];
    bool any_number = member->compilation->compiler->profile->unmappable_values;
    return text && strcmp(text, HAS_LONG) == 0 && any_number ? HAS_ONE : text;
}

const char *explain_help(const struct compile_member *member)
{
    return member->key ? "" : member->row->help;
}
