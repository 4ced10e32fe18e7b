/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/derive.h"

#include <string.h>

#include "base/bytes.h"

static uint64_t number_or_zero(const struct record *record, uint16_t field)
{
    return field_is_present(record, field) ? field_number(record, field) : 0;
}

static void slot_set_ipv4(struct slot *slot, const uint8_t *bytes)
{
    uint64_t words[2];
    slot->size_bytes = text_ipv4_words(words, bytes);
    text_words_store(slot->text, words);
    slot->key[0] = __builtin_bswap64(words[0]);
    slot->key[1] = __builtin_bswap64(words[1]);
}

static void slot_set_ipv6(struct slot *slot, const uint8_t *bytes)
{
    memset(slot->text, 0, 16);
    slot->size_bytes = (uint64_t)(text_ipv6(slot->text, bytes) - slot->text);
    slot->key[0] = read_be64((const uint8_t *)slot->text);
    slot->key[1] = read_be64((const uint8_t *)slot->text + 8);
}

void slot_set_address(struct slot *slot, const struct address *address)
{
    slot_set_ipv6(slot, address->bytes);
}

static void slot_fill(struct slot *slot, const uint8_t *bytes, const struct render *render, uint16_t length)
{
    switch (render->format) {
    case FORMAT_IPV4:
        slot_set_ipv4(slot, bytes);
        break;
    case FORMAT_IPV6:
        slot_set_ipv6(slot, bytes);
        break;
    case FORMAT_MAC:
        slot->size_bytes = (uint64_t)(text_mac(slot->text, bytes) - slot->text);
        break;
    default:
        slot->size_bytes = (uint64_t)(text_unsigned(slot->text, read_be(bytes, length)) - slot->text);
    }
}

/* 0.0.0.0 and ::, by their text: exporters put them where they have no address. */
static bool is_unspecified(const struct slot *slot)
{
    const uint64_t ipv4 = 0x302e302e302e3000, ipv6 = 0x3a3a000000000000;
    return slot->key[0] == ipv4 || slot->key[0] == ipv6;
}

/* Renders the texts that the document uses more than once. */
static void slots_render(struct derived *derived, const struct program *program, const struct record *record,
                         const struct derive_context *context)
{
    bool all_related = context->profile->related_unspecified;
    for (uint32_t i = 0; i < program->render_count; i++) {
        const struct render *render = &program->renders[i];
        const struct span span = record->spans[render->field];
        struct slot *slot = &derived->slots[render->slot];
        if (__builtin_expect(span.length == SPAN_ABSENT, 0))
            continue;
        slot_fill(slot, record->bytes + span.offset, render, span.length);
        derived->related[derived->related_count] = slot;
        derived->related_count += render->related && (all_related || !is_unspecified(slot));
    }
}

/* One side of the flow while it is put together. */
struct side {
    struct derive_side hashed;
    bool has_address;
    uint8_t slots[5];   /* of address, port, MAC, bytes, packets */
    uint32_t present;   /* bits by the same numbers */
};

enum side_member { SIDE_IP, SIDE_PORT, SIDE_MAC, SIDE_BYTES, SIDE_PACKETS };

/* The conditions of both sides lie in the order of side_member, so that a side's bits are shifted in place. */
static_assert(WHEN_SOURCE_PACKETS == WHEN_SOURCE_IP + SIDE_PACKETS, "");
static_assert(WHEN_DESTINATION_PACKETS == WHEN_DESTINATION_IP + SIDE_PACKETS, "");
static_assert(DERIVED_DESTINATION_IP == DERIVED_SOURCE_IP + 5, "");

static const uint8_t no_address[16];

static void side_take_address(struct side *side, const struct program *program, const struct record *record,
                              uint16_t field)
{
    side->hashed.address = record->bytes + record->spans[field].offset;
    side->hashed.address_bytes = (uint8_t)record->spans[field].length;
    side->has_address = true;
    side->slots[SIDE_IP] = program->slot_of[field];
    side->present |= 1u << SIDE_IP;
}

static void side_take(struct side *side, const struct program *program, const struct record *record, uint16_t field,
                      enum side_member member)
{
    if (!field_is_present(record, field))
        return;
    side->slots[member] = program->slot_of[field];
    side->present |= 1u << member;
}

static bool is_zero_ipv4(const struct record *record, uint16_t field)
{
    static const uint8_t zeroes[4];
    return memcmp(record->bytes + record->spans[field].offset, zeroes, 4) == 0;
}

/* The IPv4 address where there is one, else the IPv6 address. */
static void side_find_address(struct side *side, const struct program *program, const struct record *record,
                              const uint16_t fields[2], bool zero_hides)
{
    if (field_is_present(record, fields[0]) &&
        (zero_hides || !field_is_present(record, fields[1]) || !is_zero_ipv4(record, fields[0])))
        side_take_address(side, program, record, fields[0]);
    else if (field_is_present(record, fields[1]))
        side_take_address(side, program, record, fields[1]);
}

/* Wireless controllers name the station and the access point instead of source and destination. */
static void sides_of_wlan(struct side *source, struct side *destination, const struct program *program,
                          const struct record *record)
{
    const struct inputs *inputs = &program->inputs;
    if (!field_is_present(record, inputs->flow_direction) || !field_is_present(record, inputs->sta_mac) ||
        !field_is_present(record, inputs->wtp_mac))
        return;
    bool to_station = (uint8_t)field_number(record, inputs->flow_direction) == 1;
    struct side *station = to_station ? destination : source, *access_point = to_station ? source : destination;
    side_take(station, program, record, inputs->sta_mac, SIDE_MAC);
    side_take(access_point, program, record, inputs->wtp_mac, SIDE_MAC);
    if (field_is_present(record, inputs->sta_ipv4))
        side_take_address(station, program, record, inputs->sta_ipv4);
}

static bool is_internal(const struct networks *networks, const struct derive_side *side)
{
    return side->address_bytes == 4 ? networks_internal_ipv4(networks, side->address)
                                    : networks_internal_ipv6(networks, side->address);
}

static void sides_find(struct side *source, struct side *destination, const struct program *program,
                       const struct record *record, const struct derive_context *context)
{
    const struct inputs *inputs = &program->inputs;
    const uint16_t source_fields[2] = {inputs->source_ipv4, inputs->source_ipv6};
    const uint16_t destination_fields[2] = {inputs->destination_ipv4, inputs->destination_ipv6};
    bool zero_hides = context->profile->zero_ipv4_hides_ipv6;
    source->hashed = destination->hashed = (struct derive_side){.address = no_address, .address_bytes = 4};
    if (program->flags & PROGRAM_WLAN)
        sides_of_wlan(source, destination, program, record);
    side_find_address(source, program, record, source_fields, zero_hides);
    side_find_address(destination, program, record, destination_fields, zero_hides);
    source->hashed.internal = !source->has_address || is_internal(context->networks, &source->hashed);
    destination->hashed.internal = !destination->has_address || is_internal(context->networks, &destination->hashed);
}

/* The first of the candidates that the record has; FIELD_NONE. */
static uint16_t counter_field(const struct record *record, const uint16_t candidates[COUNTER_FIELDS])
{
    for (int i = 0; i < COUNTER_FIELDS; i++)
        if (field_is_present(record, candidates[i]))
            return candidates[i];
    return FIELD_NONE;
}

struct counter_pair {
    struct side *sides;
    const uint16_t *forward, *reverse;
    enum side_member member;
    uint8_t sum_slot, when, derived;
    uint8_t scaled_slot, scaled_reverse_slot;
};

static bool fits_long(uint64_t value, const struct derive_context *context)
{
    return context->profile->unmappable_values || value <= INT64_MAX;
}

static uint64_t scaled_render(struct derived *derived, const struct record *record, uint16_t field, uint8_t slot_number)
{
    uint64_t scaled = rate_scale(&derived->explanation.rate, field_number(record, field));
    struct slot *slot = &derived->slots[slot_number];
    slot->size_bytes = (uint64_t)(text_unsigned(slot->text, scaled) - slot->text);
    return scaled;
}

static void scaled_take(struct side *side, enum side_member member, uint8_t slot)
{
    side->slots[member] = slot;
    side->present |= 1u << member;
}

/* As counters_find(), with each counter times the rate. Seldom, so it is not to grow the usual way. */
static __attribute__((noinline)) void counters_scale(struct derived *derived, const struct record *record,
                                                     const struct counter_pair *pair,
                                                     const struct derive_context *context)
{
    uint16_t forward = counter_field(record, pair->forward), reverse = counter_field(record, pair->reverse);
    uint64_t there = 0, back = 0, sum;
    if (reverse != FIELD_NONE) {
        back = scaled_render(derived, record, reverse, pair->scaled_reverse_slot);
        if (fits_long(back, context))
            scaled_take(&pair->sides[1], pair->member, pair->scaled_reverse_slot);
    }
    if (forward == FIELD_NONE)
        return;
    there = scaled_render(derived, record, forward, pair->scaled_slot);
    if (fits_long(there, context))
        scaled_take(&pair->sides[0], pair->member, pair->scaled_slot);
    derived->slot_of[pair->derived] = pair->scaled_slot;
    if (__builtin_add_overflow(there, back, &sum) || !fits_long(sum, context))
        return;
    if (reverse != FIELD_NONE) {
        struct slot *slot = &derived->slots[pair->sum_slot];
        slot->size_bytes = (uint64_t)(text_unsigned(slot->text, sum) - slot->text);
        derived->slot_of[pair->derived] = pair->sum_slot;
    }
    derived->conditions |= 1ull << pair->when;
}

/* source., destination. and network.bytes, or the same of packets. */
static void counters_find(struct derived *derived, const struct program *program, const struct record *record,
                          const struct counter_pair *pair, const struct derive_context *context)
{
    if (program->flags & PROGRAM_EXPLAINED && derived->explanation.rate.population) {
        counters_scale(derived, record, pair, context);
        return;
    }
    uint16_t forward = counter_field(record, pair->forward), reverse = counter_field(record, pair->reverse);
    uint64_t there = 0, back = 0;
    if (reverse != FIELD_NONE) {
        back = field_number(record, reverse);
        if (fits_long(back, context))
            side_take(&pair->sides[1], program, record, reverse, pair->member);
    }
    if (forward == FIELD_NONE)
        return;
    there = field_number(record, forward);
    if (fits_long(there, context))
        side_take(&pair->sides[0], program, record, forward, pair->member);
    derived->slot_of[pair->derived] = program->slot_of[forward];
    if (reverse != FIELD_NONE) {
        struct slot *slot = &derived->slots[pair->sum_slot];
        slot->size_bytes = (uint64_t)(text_unsigned(slot->text, there + back) - slot->text);
        derived->slot_of[pair->derived] = pair->sum_slot;
    }
    /* each of them and the sum: two that are too large may wrap to one that is not */
    if (fits_long(there | back | (there + back), context))
        derived->conditions |= 1ull << pair->when;
}

/* Which slot holds what, and whether it is there: for programs in which that differs from record to record. */
static void sides_publish(struct derived *derived, const struct side *source, const struct side *destination)
{
    memcpy(derived->slot_of + DERIVED_SOURCE_IP, source->slots, sizeof source->slots);
    memcpy(derived->slot_of + DERIVED_DESTINATION_IP, destination->slots, sizeof destination->slots);
}

static void words_choose(struct derived *derived, const struct side *source, const struct side *destination,
                         const struct derive_context *context)
{
    const struct words *words = context->words;
    bool from = source->hashed.internal, to = destination->hashed.internal;
    derived->words[WORD_SOURCE_LOCALITY] = &words->locality[from];
    derived->words[WORD_DESTINATION_LOCALITY] = &words->locality[to];
    derived->words[WORD_FLOW_LOCALITY] = &words->locality[from && to];
    if (source->has_address && destination->has_address)
        derived->words[WORD_DIRECTION] = &words->sides[from][to];
}

static void direction_choose(struct derived *derived, const struct program *program, const struct record *record,
                             const struct derive_context *context)
{
    uint16_t field = program->inputs.flow_direction;
    derived->words[WORD_DIRECTION] = field_is_present(record, field)
                                         ? &context->words->direction[(uint8_t)field_number(record, field)]
                                         : &context->words->unknown;
}

static void icmp_find(struct derive_flow *flow, const struct program *program, const struct record *record)
{
    const struct inputs *inputs = &program->inputs;
    bool six = flow->protocol == 58;
    uint16_t both = six ? inputs->icmp6_type_code : inputs->icmp_type_code;
    uint16_t type = six ? inputs->icmp6_type : inputs->icmp_type;
    uint16_t code = six ? inputs->icmp6_code : inputs->icmp_code;
    uint16_t value = flow->destination_port; /* v5 and many after it put type and code there */
    flow->icmp_known = true;
    if (field_is_present(record, both))
        value = (uint16_t)field_number(record, both);
    else if (field_is_present(record, type))
        value = (uint16_t)(field_number(record, type) << 8 | number_or_zero(record, code));
    else
        flow->icmp_known = field_is_present(record, inputs->destination_port);
    flow->icmp_type = (uint8_t)(value >> 8);
    flow->icmp_code = (uint8_t)value;
}

static void ids_derive(struct derived *derived, const struct program *program, const struct record *record,
                       const struct side sides[2], const struct derive_context *context)
{
    const struct inputs *inputs = &program->inputs;
    struct derive_flow flow = {
        .source = sides[0].hashed,
        .destination = sides[1].hashed,
        .source_port = (uint16_t)number_or_zero(record, inputs->source_port),
        .destination_port = (uint16_t)number_or_zero(record, inputs->destination_port),
        .protocol = (uint8_t)number_or_zero(record, inputs->protocol),
        .mapped_sorts_as_ipv6 = context->profile->mapped_sorts_as_ipv6,
    };
    if (program->flags & PROGRAM_ICMP && (flow.protocol == 1 || flow.protocol == 58)) {
        icmp_find(&flow, program, record);
        if (flow.icmp_known && program->flags & PROGRAM_ICMP_NAMES)
            derive_icmp(derived, &flow, context->words);
    }
    derive_flow_id(derived->flow_id, &flow);
    derive_community_id(derived->community_id, &flow);
}

static void protocol_derive(struct derived *derived, const struct program *program, const struct record *record,
                            const struct derive_context *context)
{
    const struct inputs *inputs = &program->inputs;
    if (field_is_present(record, inputs->protocol)) {
        uint8_t number = (uint8_t)field_number(record, inputs->protocol);
        derived->words[WORD_TRANSPORT] = &context->words->transport[number];
        derived->words[WORD_IANA_NUMBER] = &context->words->iana_number[number];
        derived->conditions |= 1ull << WHEN_PROTOCOL;
    }
    uint8_t bits = (uint8_t)number_or_zero(record, inputs->tcp_control_bits);
    if (bits) {
        derived->words[WORD_TCP_FLAGS] = &context->words->tcp_flags[bits];
        derived->conditions |= 1ull << WHEN_TCP_FLAGS;
    }
}

/* What only programs with PROGRAM_DYNAMIC ask for; the sides change places here and not before. */
static void dynamics_derive(struct derived *derived, const struct program *program, const struct record *record,
                            struct side sides[2], const struct derive_context *context)
{
    const struct inputs *inputs = &program->inputs;
    unsigned type =
        (field_is_present(record, inputs->source_ipv4) || field_is_present(record, inputs->destination_ipv4) ? 1 : 0) |
        (field_is_present(record, inputs->source_ipv6) || field_is_present(record, inputs->destination_ipv6) ? 2 : 0);
    derived->words[WORD_NETWORK_TYPE] = &context->words->network_type[type];
    if (type)
        derived->conditions |= 1ull << WHEN_NETWORK_TYPE;
    bool biflow = program->flags & PROGRAM_BIFLOW && sides[0].present && sides[1].present;
    if (context->profile->biflow_needs_direction || !(sides[1].present & (1u << SIDE_BYTES | 1u << SIDE_PACKETS)))
        biflow = biflow && field_is_present(record, inputs->biflow_direction);
    derived->words[WORD_CATEGORY] = &context->words->category[biflow];
    if (biflow)
        derived->conditions |= 1ull << WHEN_BIFLOW;
    if (biflow && field_is_present(record, inputs->biflow_direction) &&
        field_number(record, inputs->biflow_direction) == 2) {
        struct side source = sides[0];
        sides[0] = sides[1];
        sides[1] = source;
    }
    sides_publish(derived, &sides[0], &sides[1]);
}

static void flow_derive(struct derived *derived, const struct program *program, const struct record *record,
                        const struct derive_context *context)
{
    const struct inputs *inputs = &program->inputs;
    struct side sides[2] = {0};
    sides_find(&sides[0], &sides[1], program, record, context);
    side_take(&sides[0], program, record, inputs->source_port, SIDE_PORT);
    side_take(&sides[0], program, record, inputs->source_mac, SIDE_MAC);
    side_take(&sides[1], program, record, inputs->destination_port, SIDE_PORT);
    side_take(&sides[1], program, record, inputs->destination_mac, SIDE_MAC);
    const struct counter_pair bytes = {
        sides,          inputs->octets,     inputs->reverse_octets, SIDE_BYTES,
        SLOT_SUM_BYTES, WHEN_NETWORK_BYTES, DERIVED_NETWORK_BYTES,  SLOT_SCALED_BYTES, SLOT_SCALED_REVERSE_BYTES};
    const struct counter_pair packets = {
        sides,            inputs->packets,      inputs->reverse_packets, SIDE_PACKETS,
        SLOT_SUM_PACKETS, WHEN_NETWORK_PACKETS, DERIVED_NETWORK_PACKETS, SLOT_SCALED_PACKETS,
        SLOT_SCALED_REVERSE_PACKETS};
    counters_find(derived, program, record, &bytes, context);
    counters_find(derived, program, record, &packets, context);
    ids_derive(derived, program, record, sides, context);
    direction_choose(derived, program, record, context);
    if (program->flags & PROGRAM_DYNAMIC)
        dynamics_derive(derived, program, record, sides, context);
    words_choose(derived, &sides[0], &sides[1], context);
    derived->conditions |= (uint64_t)sides[0].present << WHEN_SOURCE_IP;
    derived->conditions |= (uint64_t)sides[1].present << WHEN_DESTINATION_IP;
}

void derive_record(struct derived *derived, const struct program *program, const struct record *record,
                   const struct message *message, const struct derive_context *context)
{
    derived->conditions = 0;
    derived->related[0] = context->observer;
    derived->related_count = 1;
    if (!(program->flags & PROGRAM_FLOW))
        return;
    slots_render(derived, program, record, context);
    if (program->flags & PROGRAM_EXPLAINED)
        derive_facts(derived, program, record, message, context);
    flow_derive(derived, program, record, context);
    protocol_derive(derived, program, record, context);
    if (program->name_count)
        derive_names(derived, program, record, context->words);
    if (program->flags & PROGRAM_CONNECTIONS)
        derive_connection(derived, program, record, message, context->connections);
    if (program->flags & PROGRAM_TIMES)
        derive_times(derived, program, record, message, context);
    derive_related(derived);
}
