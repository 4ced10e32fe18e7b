/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/values.h"

#include <string.h>

#include "base/text.h"

/* Formats by type; lengths and conditions are added in values_format() and values_field(). */
static const struct piece type_pieces[TYPE_COUNT] = {
    [TYPE_UNSIGNED] = {.format = FORMAT_UNSIGNED, .most_bytes = TEXT_UNSIGNED_MOST},
    [TYPE_SIGNED] = {.format = FORMAT_SIGNED, .most_bytes = TEXT_SIGNED_MOST},
    [TYPE_FLOAT] = {.format = FORMAT_FLOAT, .most_bytes = TEXT_DOUBLE_MOST},
    [TYPE_BOOLEAN] = {.format = FORMAT_BOOLEAN, .most_bytes = 5},
    [TYPE_MAC] = {.format = FORMAT_MAC, .most_bytes = TEXT_MAC_MOST, .quoted = true},
    [TYPE_OCTETS] = {.format = FORMAT_OCTETS, .most_bytes = 2},
    [TYPE_STRING] = {.format = FORMAT_STRING, .quoted = true},
    [TYPE_SECONDS] = {.format = FORMAT_SECONDS, .most_bytes = TEXT_TIME_MOST, .quoted = true},
    [TYPE_MILLISECONDS] = {.format = FORMAT_MILLISECONDS, .most_bytes = TEXT_TIME_MOST, .quoted = true},
    [TYPE_NTP] = {.format = FORMAT_NTP, .most_bytes = TEXT_TIME_MOST, .quoted = true},
    [TYPE_IPV4] = {.format = FORMAT_IPV4, .most_bytes = TEXT_IPV4_MOST, .quoted = true},
    [TYPE_IPV6] = {.format = FORMAT_IPV6, .most_bytes = TEXT_IPV6_MOST, .quoted = true},
    [TYPE_ACL] = {.format = FORMAT_ACL, .most_bytes = 26, .quoted = true},
    [TYPE_UNKNOWN_OCTETS] = {.format = FORMAT_HEX, .quoted = true},
    [TYPE_NUMBERS] = {.format = FORMAT_NUMBERS, .most_bytes = 2},
    [TYPE_COMMUNITIES] = {.format = FORMAT_COMMUNITIES, .most_bytes = 2},
    [TYPE_MACS] = {.format = FORMAT_MACS, .most_bytes = 2},
};

/* As long as the field's values are: of variable length LENGTH_VARIABLE. */
static uint16_t value_bytes(const struct compilation *compilation, const struct field *field)
{
    if (!(field->flags & FIELD_LONG))
        return field->length;
    return elements_at(compilation->compiler->elements, field->element)->value_bytes;
}

struct piece values_format(const struct compilation *compilation, uint16_t field)
{
    const struct field *of = &compilation->plan->fields[field];
    struct piece piece = type_pieces[of->type];
    piece.value = field;
    if (of->type == TYPE_UNSIGNED) {
        uint16_t length = value_bytes(compilation, of);
        if (length == 1)
            piece.format = FORMAT_UNSIGNED8, piece.most_bytes = 3;
        else if (length == 2)
            piece.format = FORMAT_UNSIGNED16, piece.most_bytes = 5;
        else if (length == 4)
            piece.format = FORMAT_UNSIGNED32, piece.most_bytes = 10;
        else if (length == 8)
            piece.format = FORMAT_UNSIGNED64;
    }
    if (of->type == TYPE_NTP && !compilation->compiler->profile->ntp_era_zero_only)
        piece.format = FORMAT_NTP_ERAS;
    return piece;
}

/* The format that copies a slot whose text was made by piece. */
static struct piece slot_piece(const struct piece *piece, uint16_t slot)
{
    uint8_t format = piece->most_bytes <= 8    ? FORMAT_SLOT8
                     : piece->most_bytes <= 16 ? FORMAT_SLOT16
                     : piece->most_bytes <= 32 ? FORMAT_SLOT32
                                               : FORMAT_SLOT48;
    return (struct piece){.format = format, .value = slot, .most_bytes = piece->most_bytes, .quoted = piece->quoted};
}

struct piece values_piece(const struct compilation *compilation, uint16_t field)
{
    const struct field *of = &compilation->plan->fields[field];
    struct piece piece = values_format(compilation, field);
    bool may_be_refused = !compilation->compiler->profile->unmappable_values;
    if (of->type == TYPE_BOOLEAN)
        piece.when = WHEN_BOOLEAN;
    else if (of->type == TYPE_UNSIGNED && value_bytes(compilation, of) >= 8 && may_be_refused)
        piece.when = WHEN_LONG;
    else if (of->type == TYPE_MILLISECONDS && may_be_refused)
        piece.when = WHEN_DATE;
    else if (of->flags & FIELD_OPTIONAL)
        piece.when = WHEN_PRESENT;
    return piece;
}

struct answer values_field(const struct compilation *compilation, uint16_t field)
{
    struct answer answer = {.presence = ABSENT};
    if (compilation->plan->fields[field].type == TYPE_NONE)
        return answer;
    struct piece piece = values_piece(compilation, field);
    uint8_t slot = compilation->compiler->slot_of[field];
    if (slot != SLOT_NONE && piece.when == WHEN_ALWAYS)
        piece = slot_piece(&piece, slot);
    answer.presence = piece.when == WHEN_ALWAYS ? CERTAIN : SOMETIMES;
    answer.piece = piece;
    return answer;
}

static struct answer certain(struct piece piece)
{
    return (struct answer){.presence = CERTAIN, .piece = piece};
}

static struct answer sometimes(struct piece piece, uint8_t when)
{
    piece.when = when;
    return (struct answer){.presence = SOMETIMES, .piece = piece};
}

static struct answer constant(const char *json)
{
    return (struct answer){.presence = CERTAIN, .constant = json};
}

static const struct answer absent = {.presence = ABSENT};

/* A value that one field of several gives: its slot is known now, or looked up for each record. */
struct chosen {
    const uint16_t *candidates;
    uint32_t count;
    uint16_t derived; /* enum derived_slot */
    uint8_t when;
};

static bool is_number(const struct piece *piece)
{
    return piece->format >= FORMAT_UNSIGNED8 && piece->format <= FORMAT_UNSIGNED;
}

static struct answer chosen_answer(const struct compilation *compilation, const struct chosen *chosen, bool quoted,
                                   uint16_t most_bytes)
{
    if (compilation->flags & PROGRAM_DYNAMIC)
        return sometimes((struct piece){.format = FORMAT_SLOT_OF, .value = chosen->derived, .most_bytes = most_bytes,
                                        .quoted = quoted}, chosen->when);
    for (uint32_t i = 0; i < chosen->count; i++) {
        uint16_t field = chosen->candidates[i];
        if (field == FIELD_NONE)
            continue;
        struct piece piece = values_format(compilation, field);
        bool checked = is_number(&piece) && value_bytes(compilation, &compilation->plan->fields[field]) >= 8 &&
                       !compilation->compiler->profile->unmappable_values;
        struct piece slot = slot_piece(&piece, compilation->compiler->slot_of[field]);
        return checked ? sometimes(slot, chosen->when) : certain(slot);
    }
    return absent;
}

static struct answer address_answer(const struct compilation *compilation, const uint16_t pair[2], bool source)
{
    const struct chosen chosen = {pair, 2, source ? DERIVED_SOURCE_IP : DERIVED_DESTINATION_IP,
                                  source ? WHEN_SOURCE_IP : WHEN_DESTINATION_IP};
    return chosen_answer(compilation, &chosen, true, TEXT_IPV6_MOST);
}

static struct answer word(uint16_t word_index, uint16_t most_bytes, bool quoted)
{
    return certain(
        (struct piece){.format = FORMAT_WORD, .value = word_index, .most_bytes = most_bytes, .quoted = quoted});
}

static struct answer side_answer(const struct compilation *compilation, enum ecs_value value)
{
    const struct inputs *in = &compilation->inputs;
    const uint16_t source[2] = {in->source_ipv4, in->source_ipv6};
    const uint16_t destination[2] = {in->destination_ipv4, in->destination_ipv6};
    const struct {
        enum ecs_value value;
        struct chosen chosen;
        uint16_t most_bytes;
        bool quoted;
    } rows[] = {
        {VALUE_SOURCE_PORT, {&in->source_port, 1, DERIVED_SOURCE_PORT, WHEN_SOURCE_PORT}, 20, false},
        {VALUE_SOURCE_MAC, {&in->source_mac, 1, DERIVED_SOURCE_MAC, WHEN_SOURCE_MAC}, TEXT_MAC_MOST, true},
        {VALUE_SOURCE_BYTES, {in->octets, COUNTER_FIELDS, DERIVED_SOURCE_BYTES, WHEN_SOURCE_BYTES}, 20, false},
        {VALUE_SOURCE_PACKETS, {in->packets, COUNTER_FIELDS, DERIVED_SOURCE_PACKETS, WHEN_SOURCE_PACKETS}, 20, false},
        {VALUE_DESTINATION_PORT,
         {&in->destination_port, 1, DERIVED_DESTINATION_PORT, WHEN_DESTINATION_PORT}, 20, false},
        {VALUE_DESTINATION_MAC, {&in->destination_mac, 1, DERIVED_DESTINATION_MAC, WHEN_DESTINATION_MAC}, TEXT_MAC_MOST,
         true},
        {VALUE_DESTINATION_BYTES,
         {in->reverse_octets, COUNTER_FIELDS, DERIVED_DESTINATION_BYTES, WHEN_DESTINATION_BYTES}, 20, false},
        {VALUE_DESTINATION_PACKETS,
         {in->reverse_packets, COUNTER_FIELDS, DERIVED_DESTINATION_PACKETS, WHEN_DESTINATION_PACKETS}, 20, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].value == value)
            return chosen_answer(compilation, &rows[i].chosen, rows[i].quoted, rows[i].most_bytes);
    bool is_source = value == VALUE_SOURCE_IP || value == VALUE_SOURCE_LOCALITY;
    struct answer answer = address_answer(compilation, is_source ? source : destination, is_source);
    if (value == VALUE_SOURCE_LOCALITY || value == VALUE_DESTINATION_LOCALITY) {
        uint8_t when = answer.piece.when;
        enum presence presence = answer.presence;
        answer = word(is_source ? WORD_SOURCE_LOCALITY : WORD_DESTINATION_LOCALITY, 8, true);
        answer.presence = presence;
        answer.piece.when = when;
    }
    return answer;
}

static struct answer sum_answer(const struct compilation *compilation, bool bytes)
{
    const struct inputs *in = &compilation->inputs;
    const struct chosen forward = {bytes ? in->octets : in->packets, COUNTER_FIELDS,
                                   bytes ? DERIVED_NETWORK_BYTES : DERIVED_NETWORK_PACKETS,
                                   bytes ? WHEN_NETWORK_BYTES : WHEN_NETWORK_PACKETS};
    struct answer answer = chosen_answer(compilation, &forward, false, TEXT_UNSIGNED_MOST);
    if (answer.presence == ABSENT || compilation->flags & PROGRAM_DYNAMIC)
        return answer;
    if (!(compilation->flags & (bytes ? PROGRAM_SUM_BYTES : PROGRAM_SUM_PACKETS)))
        return answer;
    const struct piece sum = {.most_bytes = TEXT_UNSIGNED_MOST};
    return sometimes(slot_piece(&sum, bytes ? SLOT_SUM_BYTES : SLOT_SUM_PACKETS), forward.when);
}

static struct answer time_answer(const struct compilation *compilation, enum ecs_value value)
{
    if (!(compilation->flags & PROGRAM_TIMES))
        return absent;
    struct piece time = {.format = FORMAT_TIME_OF, .most_bytes = TEXT_TIME_MOST, .quoted = true};
    const struct piece number = {.most_bytes = TEXT_SIGNED_MOST};
    if (value != VALUE_DURATION) {
        time.value = value == VALUE_END;
        return sometimes(time, value == VALUE_END ? WHEN_END : WHEN_START);
    }
    return sometimes(slot_piece(&number, SLOT_DURATION), WHEN_DURATION);
}

static struct answer protocol_answer(const struct compilation *compilation, bool name)
{
    if (compilation->inputs.protocol == FIELD_NONE)
        return absent;
    struct answer answer = word(name ? WORD_TRANSPORT : WORD_IANA_NUMBER, name ? 13 : 3, true);
    if (compilation->flags & PROGRAM_DYNAMIC)
        return sometimes(answer.piece, WHEN_PROTOCOL);
    return answer;
}

static struct answer type_answer(const struct compilation *compilation)
{
    const struct inputs *in = &compilation->inputs;
    bool four = in->source_ipv4 != FIELD_NONE || in->destination_ipv4 != FIELD_NONE;
    bool six = in->source_ipv6 != FIELD_NONE || in->destination_ipv6 != FIELD_NONE;
    if (!four && !six)
        return absent;
    if (compilation->flags & PROGRAM_DYNAMIC)
        return sometimes(word(WORD_NETWORK_TYPE, 15, false).piece, WHEN_NETWORK_TYPE);
    return constant(four && six ? "[\"ipv4\",\"ipv6\"]" : four ? "\"ipv4\"" : "\"ipv6\"");
}

static struct answer category_answer(const struct compilation *compilation)
{
    if (compilation->flags & PROGRAM_CERTAIN_BIFLOW)
        return constant("[\"network\",\"session\"]");
    if (compilation->flags & PROGRAM_BIFLOW)
        return word(WORD_CATEGORY, 21, false);
    return constant("[\"network\"]");
}

/* Of plans whose records say what kind of event they are. */
static struct answer event_answer(const struct compilation *compilation, bool outcome)
{
    bool tells = compilation->flags & PROGRAM_EVENTS;
    if (outcome)
        return tells ? sometimes(word(WORD_EVENT_OUTCOME, 7, true).piece, WHEN_OUTCOME) : absent;
    return tells ? word(WORD_EVENT_TYPE, 23, false) : constant("[\"connection\"]");
}

/* ICMP's type and code, of the ICMP elements or the destination port, and their names. */
static struct answer icmp_answer(const struct compilation *compilation, enum ecs_value value)
{
    const struct inputs *in = &compilation->inputs;
    bool told = in->icmp_type_code != FIELD_NONE || in->icmp_type != FIELD_NONE || in->icmp6_type_code != FIELD_NONE ||
                in->icmp6_type != FIELD_NONE || in->destination_port != FIELD_NONE;
    if (!(compilation->flags & PROGRAM_ICMP) || in->protocol == FIELD_NONE || !told)
        return absent;
    const struct piece number = {.most_bytes = 3};
    switch (value) {
    case VALUE_ICMP_TYPE:
        return sometimes(slot_piece(&number, SLOT_ICMP_TYPE), WHEN_ICMP);
    case VALUE_ICMP_CODE:
        return sometimes(slot_piece(&number, SLOT_ICMP_CODE), WHEN_ICMP);
    case VALUE_ICMP_TYPE_NAME:
        return sometimes(word(WORD_ICMP_TYPE, NAME_MOST, false).piece, WHEN_ICMP_TYPE_NAME);
    default:
        return sometimes(word(WORD_ICMP_CODE, NAME_MOST, false).piece, WHEN_ICMP_CODE_NAME);
    }
}

static_assert(VALUE_ECN - VALUE_FIREWALL_EVENT == NAMED_ECN, "values in the order of places");

static struct answer named_answer(const struct compilation *compilation, enum named_place place)
{
    for (uint32_t i = 0; i < compilation->name_count; i++)
        if (compilation->names[i].place == place)
            return sometimes(word((uint16_t)(WORD_NAMED_FIRST + place), NAME_MOST, false).piece,
                             (uint8_t)(WHEN_NAMED_FIRST + place));
    return absent;
}

static struct answer flags_answer(const struct compilation *compilation)
{
    if (compilation->inputs.tcp_control_bits == FIELD_NONE)
        return absent;
    return sometimes(word(WORD_TCP_FLAGS, 49, false).piece, WHEN_TCP_FLAGS);
}

static struct answer direction_answer(const struct compilation *compilation)
{
    if (compilation->plan->kind != PLAN_FLOW)
        return constant("\"unknown\"");
    return word(WORD_DIRECTION, 13, true);
}

/* The field of the last element of that name; the row's names in order. */
static struct answer element_answer(const struct compilation *compilation, const struct ecs_row *row)
{
    if (row->when & ECS_UNSWAPPED && compilation->flags & (PROGRAM_SWAP | PROGRAM_WLAN))
        return absent;
    for (int n = 0; n < ECS_ELEMENTS_MOST && row->elements[n]; n++)
        for (uint16_t i = compilation->plan->field_count; i-- > 0;) {
            const struct field *field = &compilation->plan->fields[i];
            if (!field->element || field->type == TYPE_NONE ||
                strcmp(elements_at(compilation->compiler->elements, field->element)->name, row->elements[n]) != 0)
                continue;
            return row->when & ECS_NONZERO ? sometimes(values_format(compilation, i), WHEN_NONZERO)
                                           : values_field(compilation, i);
        }
    return absent;
}

static struct answer action_answer(const struct plan *plan)
{
    if (plan->version != VERSION_SFLOW)
        return constant(plan->kind == PLAN_FLOW ? "\"netflow_flow\"" : "\"netflow_options\"");
    if (plan->kind == PLAN_COUNTERS)
        return constant("\"sflow_counters\"");
    return constant(plan->aggregation == SFLOW_PLAN_DISCARD ? "\"sflow_discard\"" : "\"sflow_flow\"");
}

static_assert(VALUE_DESTINATION_USER - VALUE_INGRESS_NAME == PLACE_DESTINATION_USER, "values in the order of places");

static struct answer fact_answer(const struct compilation *compilation, enum fact_place place)
{
    for (uint32_t i = 0; i < compilation->lookup_count; i++)
        if (compilation->lookups[i].place == place)
            return sometimes((struct piece){.format = FORMAT_FACT, .value = place, .most_bytes = FACT_TEXT_MOST,
                                            .quoted = true}, (uint8_t)(WHEN_FACT_FIRST + place));
    return absent;
}

static struct answer rate_answer(bool source)
{
    if (source)
        return sometimes(word(WORD_RATE_SOURCE, 13, true).piece, WHEN_RATE);
    return sometimes(slot_piece(&(struct piece){.most_bytes = TEXT_DOUBLE_MOST}, SLOT_RATE), WHEN_RATE);
}

struct answer values_answer(const struct compilation *compilation, const struct ecs_row *row)
{
    switch (row->value) {
    case VALUE_ACTION:
        return action_answer(compilation->plan);
    case VALUE_CATEGORY:
        return category_answer(compilation);
    case VALUE_EVENT_TYPE:
    case VALUE_EVENT_OUTCOME:
        return event_answer(compilation, row->value == VALUE_EVENT_OUTCOME);
    case VALUE_START:
    case VALUE_END:
    case VALUE_DURATION:
        return time_answer(compilation, row->value);
    case VALUE_SOURCE_IP ... VALUE_DESTINATION_PACKETS:
        return side_answer(compilation, row->value);
    case VALUE_TRANSPORT:
    case VALUE_IANA_NUMBER:
        return protocol_answer(compilation, row->value == VALUE_TRANSPORT);
    case VALUE_NETWORK_BYTES:
    case VALUE_NETWORK_PACKETS:
        return sum_answer(compilation, row->value == VALUE_NETWORK_BYTES);
    case VALUE_NETWORK_TYPE:
        return type_answer(compilation);
    case VALUE_DIRECTION:
        return direction_answer(compilation);
    case VALUE_COMMUNITY_ID:
        return certain((struct piece){.format = FORMAT_COMMUNITY_ID, .most_bytes = 30, .quoted = true});
    case VALUE_FLOW_ID:
        return certain((struct piece){.format = FORMAT_FLOW_ID, .most_bytes = 11, .quoted = true});
    case VALUE_FLOW_LOCALITY:
        return word(WORD_FLOW_LOCALITY, 8, true);
    case VALUE_RELATED_IP:
        return certain((struct piece){.format = FORMAT_RELATED,
                                      .most_bytes = (uint16_t)(2 + 42 * (compilation->render_count + 1))});
    case VALUE_TCP_FLAGS:
        return flags_answer(compilation);
    case VALUE_ICMP_TYPE ... VALUE_ICMP_CODE_NAME:
        return icmp_answer(compilation, row->value);
    case VALUE_FIREWALL_EVENT ... VALUE_ECN:
        return named_answer(compilation, row->value - VALUE_FIREWALL_EVENT);
    case VALUE_RATE:
    case VALUE_RATE_SOURCE:
        return rate_answer(row->value == VALUE_RATE_SOURCE);
    case VALUE_INGRESS_NAME ... VALUE_DESTINATION_USER:
        return fact_answer(compilation, row->value - VALUE_INGRESS_NAME);
    case VALUE_ELEMENT:
        return element_answer(compilation, row);
    default:
        return absent;
    }
}
