/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "export/encode/values.h"

/* Where a role's field goes in struct inputs, and which types it must have to count. */
struct input_row {
    uint8_t role;
    uint16_t offset;
    uint32_t types; /* bits by enum value_type */
};

#define NUMBER (1u << TYPE_UNSIGNED)
#define ADDRESS (1u << TYPE_IPV4 | 1u << TYPE_IPV6)
#define HARDWARE (1u << TYPE_MAC)
#define INPUT(role_, member_, types_) {ROLE_##role_, offsetof(struct inputs, member_), types_}

static const struct input_row input_rows[] = {
    INPUT(source_ipv4, source_ipv4, ADDRESS),
    INPUT(source_ipv6, source_ipv6, ADDRESS),
    INPUT(destination_ipv4, destination_ipv4, ADDRESS),
    INPUT(destination_ipv6, destination_ipv6, ADDRESS),
    INPUT(source_port, source_port, NUMBER),
    INPUT(destination_port, destination_port, NUMBER),
    INPUT(source_mac, source_mac, HARDWARE),
    INPUT(destination_mac, destination_mac, HARDWARE),
    INPUT(protocol, protocol, NUMBER),
    INPUT(flow_direction, flow_direction, NUMBER),
    INPUT(biflow_direction, biflow_direction, NUMBER),
    INPUT(tcp_control_bits, tcp_control_bits, NUMBER),
    INPUT(sta_mac, sta_mac, HARDWARE),
    INPUT(sta_ipv4, sta_ipv4, ADDRESS),
    INPUT(wtp_mac, wtp_mac, HARDWARE),
    INPUT(start_uptime, start_uptime, NUMBER),
    INPUT(end_uptime, end_uptime, NUMBER),
    INPUT(init_time, init_time, NUMBER | 1u << TYPE_MILLISECONDS),
    INPUT(duration_milliseconds, duration, NUMBER),
    INPUT(duration_microseconds, duration_us, NUMBER),
    INPUT(icmp_type_code_ipv4, icmp_type_code, NUMBER),
    INPUT(icmp_type_ipv4, icmp_type, NUMBER),
    INPUT(icmp_code_ipv4, icmp_code, NUMBER),
    INPUT(icmp_type_code_ipv6, icmp6_type_code, NUMBER),
    INPUT(icmp_type_ipv6, icmp6_type, NUMBER),
    INPUT(icmp_code_ipv6, icmp6_code, NUMBER),
    INPUT(octets_delta, octets[0], NUMBER),
    INPUT(octets_total, octets[1], NUMBER),
    INPUT(octets_initiator, octets[2], NUMBER),
    INPUT(firewall_event, firewall_event, NUMBER),
    INPUT(flow_number, flow_number, NUMBER),
    INPUT(packets_delta, packets[0], NUMBER),
    INPUT(packets_total, packets[1], NUMBER),
    INPUT(packets_initiator, packets[2], NUMBER),
    INPUT(reverse_octets_delta, reverse_octets[0], NUMBER),
    INPUT(reverse_octets_total, reverse_octets[1], NUMBER),
    INPUT(reverse_octets_responder, reverse_octets[2], NUMBER),
    INPUT(reverse_packets_delta, reverse_packets[0], NUMBER),
    INPUT(reverse_packets_total, reverse_packets[1], NUMBER),
    INPUT(reverse_packets_responder, reverse_packets[2], NUMBER),
};

/* Times of a flow that need no uptime, the finest first. */
static const struct time_role {
    uint8_t start, end, type;
} time_roles[] = {
    {ROLE_start_nanoseconds, ROLE_end_nanoseconds, TYPE_NTP},
    {ROLE_start_microseconds, ROLE_end_microseconds, TYPE_NTP},
    {ROLE_start_milliseconds, ROLE_end_milliseconds, TYPE_MILLISECONDS},
    {ROLE_start_delta, ROLE_end_delta, TYPE_UNSIGNED},
    {ROLE_start_seconds, ROLE_end_seconds, TYPE_SECONDS},
};

/* The last field of each role, as Elastic's map of names keeps the last. */
static void roles_find(const struct compilation *compilation, uint16_t fields[ROLE_COUNT])
{
    for (int role = 0; role < ROLE_COUNT; role++)
        fields[role] = FIELD_NONE;
    for (uint16_t i = 0; i < compilation->plan->field_count; i++) {
        const struct field *field = &compilation->plan->fields[i];
        if (field->element && field->type != TYPE_NONE)
            fields[elements_at(compilation->compiler->elements, field->element)->role] = i;
    }
}

static uint16_t field_if(const struct plan *plan, uint16_t field, uint32_t types)
{
    return field != FIELD_NONE && (1u << plan->fields[field].type & types) ? field : FIELD_NONE;
}

static void inputs_fill(struct compilation *compilation)
{
    uint16_t fields[ROLE_COUNT];
    roles_find(compilation, fields);
    const struct plan *plan = compilation->plan;
    struct inputs *inputs = &compilation->inputs;
    memset(inputs, 0xff, sizeof *inputs); /* FIELD_NONE everywhere */
    for (size_t i = 0; i < sizeof input_rows / sizeof *input_rows; i++) {
        uint16_t field = field_if(plan, fields[input_rows[i].role], input_rows[i].types);
        memcpy((char *)inputs + input_rows[i].offset, &field, sizeof field);
    }
    if (compilation->compiler->profile->times_from_uptime_only)
        return;
    for (size_t i = 0; i < sizeof time_roles / sizeof *time_roles; i++) {
        const struct time_role *role = &time_roles[i];
        if (inputs->start_time == FIELD_NONE)
            inputs->start_time = field_if(plan, fields[role->start], 1u << role->type);
        if (inputs->end_time == FIELD_NONE)
            inputs->end_time = field_if(plan, fields[role->end], 1u << role->type);
    }
    /* firewalls say when the connection began, and when what they tell of it happened */
    if (inputs->firewall_event != FIELD_NONE && inputs->start_time != FIELD_NONE && inputs->end_time == FIELD_NONE)
        inputs->end_time = field_if(plan, fields[ROLE_observation_milliseconds], 1u << TYPE_MILLISECONDS);
}

static bool has(uint16_t field)
{
    return field != FIELD_NONE;
}

static bool any_optional(const struct compilation *compilation)
{
    const uint16_t *fields = (const uint16_t *)&compilation->inputs;
    for (size_t i = 0; i < sizeof compilation->inputs / sizeof *fields; i++)
        if (has(fields[i]) && compilation->plan->fields[fields[i]].flags & FIELD_OPTIONAL)
            return true;
    return false;
}

static bool any_reverse(const struct inputs *inputs)
{
    for (int i = 0; i < COUNTER_FIELDS; i++)
        if (has(inputs->reverse_octets[i]) || has(inputs->reverse_packets[i]))
            return true;
    return false;
}

static bool has_any(const uint16_t candidates[COUNTER_FIELDS])
{
    return has(candidates[0]) || has(candidates[1]) || has(candidates[2]);
}

static bool source_certain(const struct inputs *inputs)
{
    return has(inputs->source_ipv4) || has(inputs->source_ipv6) || has(inputs->source_port) ||
           has(inputs->source_mac) || has_any(inputs->octets) || has_any(inputs->packets);
}

static bool destination_certain(const struct inputs *inputs)
{
    return has(inputs->destination_ipv4) || has(inputs->destination_ipv6) || has(inputs->destination_port) ||
           has(inputs->destination_mac) || has_any(inputs->reverse_octets) || has_any(inputs->reverse_packets);
}

static uint32_t biflow_flags(const struct compilation *compilation, bool dynamic)
{
    const struct inputs *inputs = &compilation->inputs;
    bool by_counters = !compilation->compiler->profile->biflow_needs_direction && any_reverse(inputs);
    if (!has(inputs->biflow_direction) && !by_counters)
        return 0;
    uint32_t flags = PROGRAM_BIFLOW;
    if (has(inputs->biflow_direction))
        flags |= PROGRAM_SWAP;
    if (!dynamic && !(flags & PROGRAM_SWAP) && source_certain(inputs) && destination_certain(inputs))
        return flags | PROGRAM_CERTAIN_BIFLOW;
    return flags | PROGRAM_DYNAMIC;
}

/* A firewall's events whose counters may say again what earlier ones have said: no deltas by RFC 7012. */
static bool counts_connections(const struct inputs *inputs)
{
    bool total = has(inputs->octets[1]) || has(inputs->packets[1]);
    bool initiator = has(inputs->octets[2]) || has(inputs->packets[2]);
    return has(inputs->firewall_event) && !has(inputs->octets[0]) && !has(inputs->packets[0]) &&
           (total || (initiator && has(inputs->flow_number)));
}

static uint32_t event_flags(const struct compilation *compilation)
{
    uint32_t flags = 0;
    for (uint32_t i = 0; i < compilation->name_count; i++)
        if (named_place_tells_event(compilation->names[i].place))
            flags = PROGRAM_EVENTS;
    if (compilation->compiler->profile->extra_fields && counts_connections(&compilation->inputs))
        flags |= PROGRAM_CONNECTIONS | PROGRAM_DYNAMIC;
    return flags;
}

static void flags_decide(struct compilation *compilation)
{
    const struct inputs *inputs = &compilation->inputs;
    const struct profile *profile = compilation->compiler->profile;
    uint32_t flags = PROGRAM_FLOW;
    if (has(inputs->flow_direction) && has(inputs->sta_mac) && has(inputs->wtp_mac))
        flags |= PROGRAM_WLAN | PROGRAM_DYNAMIC;
    if (any_optional(compilation))
        flags |= PROGRAM_DYNAMIC;
    if (!profile->zero_ipv4_hides_ipv6 && ((has(inputs->source_ipv4) && has(inputs->source_ipv6)) ||
                                           (has(inputs->destination_ipv4) && has(inputs->destination_ipv6))))
        flags |= PROGRAM_DYNAMIC;
    flags |= event_flags(compilation);
    flags |= biflow_flags(compilation, flags & PROGRAM_DYNAMIC);
    if (has(inputs->start_uptime) || has(inputs->end_uptime) || has(inputs->duration) || has(inputs->start_time) ||
        has(inputs->end_time) || (has(inputs->duration_us) && !profile->times_from_uptime_only))
        flags |= PROGRAM_TIMES;
    if (has_any(inputs->octets) && has_any(inputs->reverse_octets))
        flags |= PROGRAM_SUM_BYTES;
    if (has_any(inputs->packets) && has_any(inputs->reverse_packets))
        flags |= PROGRAM_SUM_PACKETS;
    if (!profile->icmp_ports_fixed)
        flags |= PROGRAM_ICMP | (compilation->compiler->packet_names ? PROGRAM_ICMP_NAMES : 0);
    if (compilation->explained)
        flags |= PROGRAM_EXPLAINED | PROGRAM_DYNAMIC;
    compilation->flags = flags & PROGRAM_DYNAMIC ? flags & ~(uint32_t)PROGRAM_CERTAIN_BIFLOW : flags;
}

static void slot_give(struct compilation *compilation, uint16_t field, bool related)
{
    uint8_t *slot_of = compilation->compiler->slot_of;
    if (!has(field) || slot_of[field] != SLOT_NONE || compilation->slot_count == SLOTS_MOST - 1)
        return;
    slot_of[field] = (uint8_t)compilation->slot_count++;
    compilation->renders[compilation->render_count++] = (struct render){
        .field = field,
        .slot = slot_of[field],
        .format = values_format(compilation, field).format,
        .related = related,
    };
}

/* related.ip lists every address below netflow whose key ends so, as Elastic's pipeline does. */
static bool is_related(const char *key)
{
    size_t length = strlen(key);
    const size_t ending = sizeof "_ipv4_address" - 1;
    return length >= ending && (strcmp(key + length - ending, "_ipv4_address") == 0 ||
                                strcmp(key + length - ending, "_ipv6_address") == 0);
}

/* A later field of the same key takes this one's place in the document. */
static bool is_replaced(const struct compilation *compilation, uint16_t index, const char *key)
{
    const struct plan *plan = compilation->plan;
    for (uint16_t i = index + 1; i < plan->field_count; i++) {
        const struct field *field = &plan->fields[i];
        if (field->element && field->type != TYPE_NONE &&
            strcmp(elements_at(compilation->compiler->elements, field->element)->key, key) == 0)
            return true;
    }
    return false;
}

static void address_slot_give(struct compilation *compilation, uint16_t field)
{
    if (!has(field))
        return;
    const struct field *of = &compilation->plan->fields[field];
    const char *key = elements_at(compilation->compiler->elements, of->element)->key;
    slot_give(compilation, field, is_related(key) && !is_replaced(compilation, field, key));
}

/* What source, destination and network are made of comes first: a template may have more addresses than slots. */
static void slots_give(struct compilation *compilation)
{
    const struct inputs *inputs = &compilation->inputs;
    const struct plan *plan = compilation->plan;
    const uint16_t addresses[] = {inputs->source_ipv4, inputs->source_ipv6, inputs->destination_ipv4,
                                  inputs->destination_ipv6, inputs->sta_ipv4};
    const uint16_t others[] = {inputs->source_port, inputs->destination_port, inputs->source_mac,
                               inputs->destination_mac, inputs->sta_mac, inputs->wtp_mac};
    const uint16_t *const counters[] = {inputs->octets, inputs->packets, inputs->reverse_octets,
                                        inputs->reverse_packets};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        address_slot_give(compilation, addresses[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        slot_give(compilation, others[i], false);
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        for (int k = 0; k < COUNTER_FIELDS; k++)
            slot_give(compilation, counters[i][k], false);
    for (uint16_t i = 0; i < plan->field_count; i++) {
        const struct field *field = &plan->fields[i];
        if (field->element && (field->type == TYPE_IPV4 || field->type == TYPE_IPV6) &&
            is_related(elements_at(compilation->compiler->elements, field->element)->key))
            address_slot_give(compilation, i);
    }
}

void values_prepare(struct compilation *compilation)
{
    memset(compilation->compiler->slot_of, SLOT_NONE, compilation->plan->field_count);
    compilation->slot_count = FIXED_SLOTS;
    compilation->render_count = 0;
    if (compilation->plan->kind != PLAN_FLOW) {
        memset(&compilation->inputs, 0xff, sizeof compilation->inputs);
        compilation->flags = 0;
        return;
    }
    inputs_fill(compilation);
    if (compilation->compiler->profile->extra_fields)
        compilation->name_count =
            name_uses_find(compilation->plan, compilation->compiler->elements, compilation->compiler->packet_names,
                           compilation->names);
    flags_decide(compilation);
    if (compilation->explained)
        compilation->lookup_count = lookups_find(
            compilation->plan, compilation->flags & (PROGRAM_SWAP | PROGRAM_WLAN), compilation->lookups);
    slots_give(compilation);
}
