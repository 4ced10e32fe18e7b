/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/element.h"
#include "decode/properties.h"
#include "decode/plans.h"

/*
 * Sections of packets in flow records: RFC 5477 8.4, RFC 7133 and NetFlow v9's layer2packetSectionData. What a packet's
 * headers say is found as in samples of sFlow's (decode/row.h), and stands in fields behind those of the template. So
 * the plan of a template with sections has a second one, plan.sectioned, whose records these become. So has one with
 * ids of common properties, whose values stand between the two.
 */

#define SECTIONS_MOST 4 /* of one template that are looked at */
#define SECTION_NO_FIELD 0xffff

struct section_use {
    uint16_t field;        /* of the plan */
    uint16_t offset_field; /* says from where on the packet is there; SECTION_NO_FIELD: from the begin */
    uint16_t size_field;   /* says how many of the field's bytes are the packet's; SECTION_NO_FIELD: all */
    uint8_t start;         /* enum dissect_start; SECTION_PAYLOAD: what follows the IP header */
};

#define SECTION_PAYLOAD 0xff

/* The sections of a plan's records, what tells most first, and the fields that say something of the packet. */
struct section_layout {
    uint16_t field_count;  /* of the template: those behind are properties, and then those that are computed */
    uint16_t property_count;
    uint16_t id_count;     /* of properties */
    uint16_t id_fields[PROPERTY_IDS_MOST];
    uint16_t frame_type;   /* SECTION_NO_FIELD: Ethernet */
    uint16_t frame_bytes;
    uint16_t section_bytes; /* v9's, of the frame or of its section */
    uint16_t ip_bytes;
    uint16_t protocol;
    uint16_t use_count;
    struct section_use uses[SECTIONS_MOST];
};

struct section_maker;

/* Makes sectioned plans of templates with up to fields_most fields; completes: ids of properties are a reason for one.
   NULL for want of memory. */
struct section_maker *section_maker_new(const struct elements *elements, uint32_t fields_most, bool completes);
void section_maker_free(struct section_maker *maker);

/* Gives a new plan its second one, where it has sections; false for want of memory. */
bool section_maker_attach(struct section_maker *maker, struct plans *plans, struct plan *plan);

/* Can a section of a packet have told this element of sFlow's? Such stand below "netflow.section.". */
bool section_has(const struct element *element);
