/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "decode/element_rows.h"
#include "decode/row.h"
#include "decode/sections.h"

static_assert(ROW_PACKET_FIELDS + PROPERTIES_MOST <= PLAN_COMPUTED_MOST, "encoders have room for them");

/* Of sFlow's elements, those that a packet's headers tell. */
#define PACKET_ELEMENT_FIRST 16 /* etherType */
#define PACKET_ELEMENT_LAST  48 /* innerDestinationMacAddress */

struct section_maker {
    const struct elements *elements;
    uint32_t fields_most;
    bool completes;
    struct field computed[ROW_PACKET_FIELDS];
    struct field *fields; /* scratch */
    struct span *spans;
};

/* ---- what is computed ---- */

struct field_row {
    uint32_t enterprise;
    uint16_t id, length;
};

#define FIELD_ROW(name, enterprise, id, length) {enterprise, id, length},
static const struct field_row field_rows[] = {SFLOW_FLOW_FIELDS(FIELD_ROW)};
#undef FIELD_ROW

/* Elements that say the same: what the record has itself counts. */
static const struct owner_row {
    uint16_t first, last; /* fields of sflow_flow_fields.h */
    uint8_t roles[12];
} owner_rows[] = {
    {SFLOW_SOURCE_IPV4_ADDRESS, SFLOW_SOURCE_IPV6_ADDRESS, {ROLE_source_ipv4, ROLE_source_ipv6}},
    {SFLOW_DESTINATION_IPV4_ADDRESS, SFLOW_DESTINATION_IPV6_ADDRESS, {ROLE_destination_ipv4, ROLE_destination_ipv6}},
    {SFLOW_SOURCE_TRANSPORT_PORT, SFLOW_SOURCE_TRANSPORT_PORT, {ROLE_source_port}},
    {SFLOW_DESTINATION_TRANSPORT_PORT, SFLOW_DESTINATION_TRANSPORT_PORT, {ROLE_destination_port}},
    {SFLOW_PROTOCOL_IDENTIFIER, SFLOW_PROTOCOL_IDENTIFIER, {ROLE_protocol}},
    {SFLOW_SOURCE_MAC_ADDRESS, SFLOW_SOURCE_MAC_ADDRESS, {ROLE_source_mac}},
    {SFLOW_DESTINATION_MAC_ADDRESS, SFLOW_DESTINATION_MAC_ADDRESS, {ROLE_destination_mac}},
    /* a record that counts is no single packet */
    {SFLOW_OCTET_DELTA_COUNT, SFLOW_PACKET_DELTA_COUNT,
     {ROLE_octets_delta, ROLE_octets_total, ROLE_octets_initiator, ROLE_packets_delta, ROLE_packets_total,
      ROLE_packets_initiator, ROLE_reverse_octets_delta, ROLE_reverse_octets_total, ROLE_reverse_octets_responder,
      ROLE_reverse_packets_delta, ROLE_reverse_packets_total, ROLE_reverse_packets_responder}},
    {SFLOW_TCP_CONTROL_BITS, SFLOW_TCP_CONTROL_BITS, {ROLE_tcp_control_bits}},
    {SFLOW_ICMP_TYPE_IPV4, SFLOW_ICMP_CODE_IPV4,
     {ROLE_icmp_type_code_ipv4, ROLE_icmp_type_ipv4, ROLE_icmp_code_ipv4}},
    {SFLOW_ICMP_TYPE_IPV6, SFLOW_ICMP_CODE_IPV6,
     {ROLE_icmp_type_code_ipv6, ROLE_icmp_type_ipv6, ROLE_icmp_code_ipv6}},
};

#define VLAN_ID      58
#define DOT1Q_VLAN_ID 243

static bool is_packet_element(uint32_t enterprise, uint16_t id)
{
    return enterprise == ENTERPRISE_SFLOW && id >= PACKET_ELEMENT_FIRST && id <= PACKET_ELEMENT_LAST;
}

bool section_has(const struct element *element)
{
    return is_packet_element(element->enterprise, element->id);
}

/* Of those that a sample can have, a packet's headers fill some; the others stay empty, and no document has them. */
static void computed_fill(struct section_maker *maker)
{
    for (uint16_t i = 0; i < ROW_PACKET_FIELDS; i++) {
        const struct field_row *row = &field_rows[i];
        struct field *field = &maker->computed[i];
        *field = (struct field){.enterprise = row->enterprise,
                                .id = row->id,
                                .length = row->length,
                                .flags = FIELD_OPTIONAL | FIELD_COMPUTED};
        const struct element *element = i <= SFLOW_VLAN_ID || is_packet_element(row->enterprise, row->id)
                                            ? elements_find_builtin(maker->elements, row->enterprise, row->id)
                                            : NULL;
        if (!element)
            continue;
        field->element = elements_index(maker->elements, element);
        field->type = element->type;
    }
}

struct section_maker *section_maker_new(const struct elements *elements, uint32_t fields_most, bool completes)
{
    struct section_maker *maker = calloc(1, sizeof *maker);
    if (!maker)
        return NULL;
    maker->elements = elements;
    maker->fields_most = fields_most;
    maker->completes = completes;
    maker->fields = calloc(fields_most + PLAN_COMPUTED_MOST, sizeof *maker->fields);
    maker->spans = calloc(fields_most + PLAN_COMPUTED_MOST, sizeof *maker->spans);
    if (maker->fields && maker->spans) {
        computed_fill(maker);
        return maker;
    }
    section_maker_free(maker);
    return NULL;
}

void section_maker_free(struct section_maker *maker)
{
    if (!maker)
        return;
    free(maker->fields);
    free(maker->spans);
    free(maker);
}

static void computed_drop(struct field *computed, uint16_t first, uint16_t last)
{
    for (uint16_t i = first; i <= last; i++) {
        computed[i].type = TYPE_NONE;
        computed[i].element = 0;
    }
}

static bool has_any_role(const struct owner_row *row, const bool *roles)
{
    for (size_t i = 0; i < sizeof row->roles && row->roles[i]; i++)
        if (roles[row->roles[i]])
            return true;
    return false;
}

/* Drops those of the computed fields that these, the template's or its properties', say themselves. */
static void owners_drop(const struct section_maker *maker, const struct field *fields, uint32_t count,
                        struct field *computed)
{
    bool roles[ROLE_COUNT] = {false};
    for (uint32_t i = 0; i < count; i++) {
        const struct field *field = &fields[i];
        if (!field->element || field->type == TYPE_NONE)
            continue;
        roles[elements_at(maker->elements, field->element)->role] = true;
        if (field->enterprise == 0 && (field->id == VLAN_ID || field->id == DOT1Q_VLAN_ID))
            computed_drop(computed, SFLOW_VLAN_ID, SFLOW_VLAN_ID);
    }
    for (size_t i = 0; i < sizeof owner_rows / sizeof *owner_rows; i++)
        if (has_any_role(&owner_rows[i], roles))
            computed_drop(computed, owner_rows[i].first, owner_rows[i].last);
}

/* ---- where the packets are ---- */

/* What tells most stands first. */
static const struct section_row {
    uint16_t id; /* IANA's */
    uint8_t start;
} section_rows[] = {
    {315, DISSECT_ETHERNET},     /* dataLinkFrameSection */
    {104, DISSECT_ETHERNET},     /* layer2packetSectionData */
    {316, DISSECT_MPLS},         /* mplsLabelStackSection */
    {317, DISSECT_MPLS_PAYLOAD}, /* mplsPayloadPacketSection */
    {313, DISSECT_IP},           /* ipHeaderPacketSection */
    {314, SECTION_PAYLOAD},      /* ipPayloadPacketSection */
};

#define SECTION_FIRST     313
#define SECTION_LAST      317
#define SECTION_OFFSET    409
#define SECTION_EXPORTED  410
#define FRAME_TYPE        408
#define FRAME_BYTES       312
#define IP_TOTAL_LENGTH   224
#define PROTOCOL          4
#define LAYER2_SECTION    104
#define LAYER2_OFFSET     102
#define LAYER2_BYTES      103

/* The field of that element, the one after `skip` others; SECTION_NO_FIELD. */
static uint16_t number_field(const struct plan *plan, uint16_t id, uint32_t skip)
{
    for (uint16_t i = 0; i < plan->field_count; i++) {
        const struct field *field = &plan->fields[i];
        if (field->enterprise == 0 && field->id == id && field->type == TYPE_UNSIGNED && skip-- == 0)
            return i;
    }
    return SECTION_NO_FIELD;
}

static bool is_section(const struct field *field, uint16_t id)
{
    return field->enterprise == 0 && field->id == id && field->type == TYPE_OCTETS;
}

/* Offsets and sizes belong to sections in their order: IANA, sectionOffset. */
static uint32_t sections_before(const struct plan *plan, uint16_t field)
{
    uint32_t count = 0;
    for (uint16_t i = 0; i < field; i++)
        count += plan->fields[i].enterprise == 0 && plan->fields[i].id >= SECTION_FIRST &&
                 plan->fields[i].id <= SECTION_LAST;
    return count;
}

static void use_add(struct section_layout *layout, const struct plan *plan, uint16_t field, uint8_t start)
{
    if (layout->use_count == SECTIONS_MOST)
        return;
    bool layer2 = plan->fields[field].id == LAYER2_SECTION;
    uint32_t before = layer2 ? 0 : sections_before(plan, field);
    layout->uses[layout->use_count++] = (struct section_use){
        .field = field,
        .offset_field = number_field(plan, layer2 ? LAYER2_OFFSET : SECTION_OFFSET, before),
        .size_field = number_field(plan, layer2 ? LAYER2_BYTES : SECTION_EXPORTED, before),
        .start = start,
    };
}

static void uses_find(struct section_layout *layout, const struct plan *plan)
{
    for (size_t row = 0; row < sizeof section_rows / sizeof *section_rows; row++)
        for (uint16_t i = 0; i < plan->field_count; i++)
            if (is_section(&plan->fields[i], section_rows[row].id))
                use_add(layout, plan, i, section_rows[row].start);
}

static void ids_find(struct section_layout *layout, const struct plan *plan)
{
    for (uint16_t i = 0; i < plan->field_count && layout->id_count < PROPERTY_IDS_MOST; i++)
        if (field_is_properties_id(&plan->fields[i]))
            layout->id_fields[layout->id_count++] = i;
}

static struct section_layout layout_of(const struct section_maker *maker, const struct plan *plan)
{
    struct section_layout layout = {.field_count = plan->field_count, .property_count = (uint16_t)plan->property_count};
    if (maker->completes)
        ids_find(&layout, plan);
    uses_find(&layout, plan);
    if (!layout.use_count)
        return layout;
    layout.frame_type = number_field(plan, FRAME_TYPE, 0);
    layout.frame_bytes = number_field(plan, FRAME_BYTES, 0);
    layout.section_bytes = number_field(plan, LAYER2_BYTES, 0);
    layout.ip_bytes = number_field(plan, IP_TOTAL_LENGTH, 0);
    layout.protocol = number_field(plan, PROTOCOL, 0);
    return layout;
}

/* ---- the plan ---- */

/* The fields of the sectioned plan, and where they lie as far as all records have that alike; returns their number. */
static uint32_t fields_lay(struct section_maker *maker, const struct plan *plan, const struct section_layout *layout)
{
    uint32_t own = plan->field_count, count = own + plan->property_count;
    memcpy(maker->fields, plan->fields, own * sizeof *maker->fields);
    if (plan->property_count)
        memcpy(maker->fields + own, plan->properties, plan->property_count * sizeof *maker->fields);
    if (layout->use_count) {
        memcpy(maker->fields + count, maker->computed, sizeof maker->computed);
        owners_drop(maker, maker->fields, count, maker->fields + count);
        count += ROW_PACKET_FIELDS;
    }
    memcpy(maker->spans, plan->spans, own * sizeof *maker->spans);
    for (uint32_t i = own; i < count; i++)
        maker->spans[i] = (struct span){.length = SPAN_ABSENT}; /* each record has its own */
    return count;
}

bool section_maker_attach(struct section_maker *maker, struct plans *plans, struct plan *plan)
{
    if (plan->kind != PLAN_FLOW || plan->field_count > maker->fields_most ||
        plan->field_count + PLAN_COMPUTED_MOST > UINT16_MAX)
        return true;
    struct section_layout layout = layout_of(maker, plan);
    if (!layout.use_count && !layout.id_count)
        return true;
    const struct plan_draft draft = {
        .field_count = fields_lay(maker, plan, &layout),
        .fields = maker->fields,
        .spans = maker->spans,
        .record_bytes = plan->record_bytes,
        .version = plan->version,
        .kind = plan->kind,
        .names = plan->names,
        .properties = plan->properties,
        .property_count = plan->property_count,
        .sections = &layout,
    };
    plan->sectioned = plans_intern(plans, &draft);
    return plan->sectioned != NULL;
}
