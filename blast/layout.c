/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/layout.h"

#include <string.h>

/* --- without templates: as Cisco writes them down --- */

#define FIXED(length, content) {0, 0, length, CONTENT_##content}
/* v1 to v7 begin alike, up to the ports. */
#define BEGINNING                                                                                                      \
    FIXED(4, SOURCE4), FIXED(4, DESTINATION4), FIXED(4, NEXT_HOP), FIXED(2, INPUT), FIXED(2, OUTPUT),                  \
        FIXED(4, PACKETS), FIXED(4, OCTETS), FIXED(4, FIRST_UPTIME), FIXED(4, LAST_UPTIME), FIXED(2, SOURCE_PORT),     \
        FIXED(2, DESTINATION_PORT)
/* What v5, v6 and v7 go on with. */
#define MIDDLE                                                                                                         \
    FIXED(1, ZERO), FIXED(1, TCP_FLAGS), FIXED(1, PROTOCOL), FIXED(1, TOS), FIXED(2, SOURCE_AS),                       \
        FIXED(2, DESTINATION_AS), FIXED(1, SOURCE_BITS), FIXED(1, DESTINATION_BITS)
/* v8's schemes begin so, or have the second somewhere. */
#define COUNTS                                                                                                         \
    FIXED(4, FLOWS), FIXED(4, PACKETS), FIXED(4, OCTETS), FIXED(4, FIRST_UPTIME), FIXED(4, LAST_UPTIME)
#define TRAFFIC FIXED(4, PACKETS), FIXED(4, OCTETS), FIXED(4, FIRST_UPTIME), FIXED(4, LAST_UPTIME)
#define AS_PAIR    FIXED(2, SOURCE_AS), FIXED(2, DESTINATION_AS)
#define PORT_PAIR  FIXED(2, SOURCE_PORT), FIXED(2, DESTINATION_PORT)
#define INTERFACES FIXED(2, INPUT), FIXED(2, OUTPUT)
#define PREFIXES   FIXED(4, SOURCE_PREFIX), FIXED(4, DESTINATION_PREFIX)
#define BITS       FIXED(1, DESTINATION_BITS), FIXED(1, SOURCE_BITS)
#define FROM(bits_first)                                                                                               \
    FIXED(4, SOURCE_PREFIX), FIXED(1, SOURCE_BITS), FIXED(1, bits_first), FIXED(2, SOURCE_AS), FIXED(2, INPUT),        \
        FIXED(2, ZERO)
#define TO(bits_first)                                                                                                 \
    FIXED(4, DESTINATION_PREFIX), FIXED(1, DESTINATION_BITS), FIXED(1, bits_first), FIXED(2, DESTINATION_AS),          \
        FIXED(2, OUTPUT), FIXED(2, ZERO)

static const struct layout_field v1[] = {BEGINNING, FIXED(2, ZERO), FIXED(1, PROTOCOL), FIXED(1, TOS),
                                         FIXED(1, TCP_FLAGS), FIXED(7, ZERO)};
static const struct layout_field v5[] = {BEGINNING, MIDDLE, FIXED(2, ZERO)};
static const struct layout_field v6[] = {BEGINNING, MIDDLE, FIXED(6, ZERO)};
static const struct layout_field v7[] = {BEGINNING, MIDDLE, FIXED(2, ZERO), FIXED(4, NEXT_HOP)};

static const struct layout_field v8_as[] = {COUNTS, AS_PAIR, INTERFACES};
static const struct layout_field v8_protocol_port[] = {COUNTS, FIXED(1, PROTOCOL), FIXED(3, ZERO), PORT_PAIR};
static const struct layout_field v8_source[] = {COUNTS, FROM(ZERO)};
static const struct layout_field v8_destination[] = {COUNTS, TO(ZERO)};
static const struct layout_field v8_prefix[] = {COUNTS, PREFIXES, BITS, FIXED(2, ZERO), AS_PAIR, INTERFACES};
static const struct layout_field v8_to[] = {FIXED(4, DESTINATION4), TRAFFIC, FIXED(2, OUTPUT), FIXED(1, TOS),
                                            FIXED(1, TOS), FIXED(4, ZERO), FIXED(4, NEXT_HOP)};
static const struct layout_field v8_pair[] = {FIXED(4, DESTINATION4), FIXED(4, SOURCE4), TRAFFIC, FIXED(2, OUTPUT),
                                              FIXED(2, INPUT), FIXED(1, TOS), FIXED(1, TOS), FIXED(2, ZERO),
                                              FIXED(4, ZERO), FIXED(4, NEXT_HOP)};
static const struct layout_field v8_flow[] = {
    FIXED(4, DESTINATION4), FIXED(4, SOURCE4), FIXED(2, DESTINATION_PORT), FIXED(2, SOURCE_PORT), TRAFFIC,
    FIXED(2, OUTPUT), FIXED(2, INPUT), FIXED(1, TOS), FIXED(1, PROTOCOL), FIXED(1, TOS), FIXED(1, ZERO),
    FIXED(4, ZERO), FIXED(4, NEXT_HOP)};
static const struct layout_field v8_as_tos[] = {COUNTS, AS_PAIR, INTERFACES, FIXED(1, TOS), FIXED(3, ZERO)};
static const struct layout_field v8_protocol_port_tos[] = {COUNTS, FIXED(1, PROTOCOL), FIXED(1, TOS), FIXED(2, ZERO),
                                                           PORT_PAIR, INTERFACES};
static const struct layout_field v8_source_tos[] = {COUNTS, FROM(TOS)};
static const struct layout_field v8_destination_tos[] = {COUNTS, TO(TOS)};
static const struct layout_field v8_prefix_tos[] = {COUNTS, PREFIXES, BITS, FIXED(1, TOS), FIXED(1, ZERO), AS_PAIR,
                                                    INTERFACES};
static const struct layout_field v8_prefix_port_tos[] = {COUNTS, PREFIXES, BITS, FIXED(1, TOS), FIXED(1, PROTOCOL),
                                                         PORT_PAIR, INTERFACES};

#define FIELDS(name) .fields = name, .field_count = sizeof name / sizeof *name

static const struct layout layouts_v1[] = {{FIELDS(v1), .records_most = 24}};
static const struct layout layouts_v5[] = {{FIELDS(v5), .records_most = 30}};
static const struct layout layouts_v6[] = {{FIELDS(v6), .records_most = 27}};
static const struct layout layouts_v7[] = {{FIELDS(v7), .records_most = 27}};
static const struct layout layouts_v8[] = {
    {FIELDS(v8_as), .aggregation = 1, .records_most = 51},
    {FIELDS(v8_protocol_port), .aggregation = 2, .records_most = 51},
    {FIELDS(v8_source), .aggregation = 3, .records_most = 44},
    {FIELDS(v8_destination), .aggregation = 4, .records_most = 44},
    {FIELDS(v8_prefix), .aggregation = 5, .records_most = 35},
    {FIELDS(v8_to), .aggregation = 6, .records_most = 44},
    {FIELDS(v8_pair), .aggregation = 7, .records_most = 35},
    {FIELDS(v8_flow), .aggregation = 8, .records_most = 32},
    {FIELDS(v8_as_tos), .aggregation = 9, .records_most = 44},
    {FIELDS(v8_protocol_port_tos), .aggregation = 10, .records_most = 44},
    {FIELDS(v8_source_tos), .aggregation = 11, .records_most = 44},
    {FIELDS(v8_destination_tos), .aggregation = 12, .records_most = 44},
    {FIELDS(v8_prefix_tos), .aggregation = 13, .records_most = 35},
    {FIELDS(v8_prefix_port_tos), .aggregation = 14, .records_most = 35},
};

/* --- with templates --- */

#define FIELD(id, length, content) {0, id, length, CONTENT_##content}
/* What records of IPv4 and IPv6 have alike, in a width of counters. */
#define COMMON(counter)                                                                                                \
    FIELD(10, 4, INPUT), FIELD(14, 4, OUTPUT), FIELD(2, counter, PACKETS), FIELD(1, counter, OCTETS),                  \
        FIELD(7, 2, SOURCE_PORT), FIELD(11, 2, DESTINATION_PORT), FIELD(6, 1, TCP_FLAGS), FIELD(4, 1, PROTOCOL),       \
        FIELD(5, 1, TOS), FIELD(16, 4, SOURCE_AS), FIELD(17, 4, DESTINATION_AS), FIELD(61, 1, ZERO)
#define UPTIMES FIELD(22, 4, FIRST_UPTIME), FIELD(21, 4, LAST_UPTIME)
#define TIMES   FIELD(152, 8, FIRST_MS), FIELD(153, 8, LAST_MS)
#define PAIR4                                                                                                          \
    FIELD(8, 4, SOURCE4), FIELD(12, 4, DESTINATION4), FIELD(15, 4, NEXT_HOP), FIELD(9, 1, SOURCE_BITS),                \
        FIELD(13, 1, DESTINATION_BITS)
#define PAIR6 FIELD(27, 16, SOURCE6), FIELD(28, 16, DESTINATION6)

static const struct layout_field v9_ipv4[] = {PAIR4, COMMON(4), UPTIMES};
static const struct layout_field v9_ipv6[] = {PAIR6, COMMON(4), UPTIMES};
static const struct layout_field ipfix_ipv4[] = {PAIR4, COMMON(8), TIMES};
static const struct layout_field ipfix_ipv6[] = {PAIR6, COMMON(8), TIMES};
static const struct layout_field v9_nbar[] = {
    FIELD(8, 4, SOURCE4), FIELD(12, 4, DESTINATION4), COMMON(8), TIMES, FIELD(95, 4, APPLICATION_ID),
    FIELD(96, 24, APPLICATION), FIELD(94, 55, HOST), FIELD(82, 16, SSID), FIELD(56, 6, SOURCE_MAC),
};
static const struct layout_field ipfix_biflow[] = {
    PAIR6, FIELD(7, 2, SOURCE_PORT), FIELD(11, 2, DESTINATION_PORT), FIELD(4, 1, PROTOCOL), FIELD(6, 2, TCP_FLAGS),
    FIELD(1, 8, OCTETS), FIELD(2, 8, PACKETS), {29305, 1, 8, CONTENT_REVERSE_OCTETS},
    {29305, 2, 8, CONTENT_REVERSE_PACKETS}, FIELD(239, 1, ONE), TIMES, FIELD(95, 4, APPLICATION_ID),
    FIELD(96, LENGTH_VARIABLE, APPLICATION), FIELD(460, LENGTH_VARIABLE, HOST), FIELD(136, 1, ONE),
};

/* Names of interfaces. v9 has scope types of its own: 2 is an interface (RFC 3954 6.1). */
static const struct layout_field v9_interfaces[] = {FIELD(2, 4, INTERFACE), FIELD(82, 16, INTERFACE_NAME),
                                                    FIELD(83, 32, INTERFACE_ALIAS)};
static const struct layout_field ipfix_interfaces[] = {FIELD(10, 4, INTERFACE),
                                                       FIELD(82, LENGTH_VARIABLE, INTERFACE_NAME),
                                                       FIELD(83, LENGTH_VARIABLE, INTERFACE_ALIAS)};

static const struct layout layouts_v9[] = {{FIELDS(v9_ipv4), .template_id = 260},
                                           {FIELDS(v9_ipv6), .template_id = 261}};
static const struct layout layouts_ipfix[] = {{FIELDS(ipfix_ipv4), .template_id = 310},
                                              {FIELDS(ipfix_ipv6), .template_id = 311}};
static const struct layout layouts_nbar[] = {{FIELDS(v9_nbar), .template_id = 270}};
static const struct layout layouts_biflow[] = {{FIELDS(ipfix_biflow), .template_id = 280}};
static const struct layout options_v9 = {FIELDS(v9_interfaces), .scope_count = 1, .template_id = 256};
static const struct layout options_ipfix = {FIELDS(ipfix_interfaces), .scope_count = 1, .template_id = 256};

/* --- the formats --- */

#define LAYOUTS(name) .layouts = layouts_##name, .layout_count = sizeof layouts_##name / sizeof *layouts_##name
#define HEADER_FLOWS(size) {size, 4, 8, 12, 16, NUMBERED_BY_RECORDS, 0}
#define HEADER_V9    {20, 4, 8, 0, 12, NUMBERED_BY_MESSAGES, 0}
#define HEADER_IPFIX {16, 0, 4, 0, 8, NUMBERED_BY_RECORDS, 0}

const struct format export_formats[] = {
    {"v1", "NetFlow v1", 1, LAYOUTS(v1), .header = {16, 4, 8, 12, 0, NUMBERED_BY_NOTHING, 0}},
    {"v5", "NetFlow v5", 5, LAYOUTS(v5), .header = HEADER_FLOWS(24)},
    {"v6", "NetFlow v6", 6, LAYOUTS(v6), .header = HEADER_FLOWS(24)},
    {"v7", "NetFlow v7", 7, LAYOUTS(v7), .header = HEADER_FLOWS(24)},
    {"v8", "NetFlow v8: exporters have its 14 aggregations in turn", 8, LAYOUTS(v8), .header = HEADER_FLOWS(28)},
    {"v9", "NetFlow v9: IPv4 and IPv6 flows, names of interfaces as options", 9, LAYOUTS(v9),
     .options = &options_v9, .header = HEADER_V9},
    {"v9-nbar", "NetFlow v9 with applications, hosts and SSIDs", 9, LAYOUTS(nbar), .options = &options_v9,
     .header = HEADER_V9},
    {"ipfix", "IPFIX: IPv4 and IPv6 flows, names of interfaces as options", 10, LAYOUTS(ipfix),
     .options = &options_ipfix, .header = HEADER_IPFIX},
    {"ipfix-biflow", "IPFIX with reverse counters and variable lengths", 10, LAYOUTS(biflow),
     .options = &options_ipfix, .header = HEADER_IPFIX},
    {"sflow", "sFlow v5: sampled packet headers and interface counters", FORMAT_SFLOW,
     .header = {28, 20, 0, 0, 16, NUMBERED_BY_MESSAGES, 8}},
};

const uint32_t export_format_count = sizeof export_formats / sizeof *export_formats;
_Static_assert(sizeof export_formats / sizeof *export_formats <= FORMATS_MOST, "a set of formats fits a mask");

const struct format *format_find(const char *name)
{
    for (uint32_t i = 0; i < export_format_count; i++)
        if (strcmp(export_formats[i].name, name) == 0)
            return &export_formats[i];
    return NULL;
}
