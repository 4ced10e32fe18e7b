/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/names.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "decode/plan.h"

/* Which element's number is named where; of a place's rows the first that the plan has counts. */
static const struct named_row {
    uint8_t place, table, shift;
    uint32_t mask;
    const char *element;
} named_rows[] = {
    {NAMED_FIREWALL_EVENT, NAMES_FIREWALL_EVENT, 0, UINT32_MAX, "firewallEvent"},
    {NAMED_FIREWALL_EVENT, NAMES_FIREWALL_EVENT, 0, UINT32_MAX, "FirewallEvent"}, /* 40005, of older ASAs */
    {NAMED_NAT_EVENT, NAMES_NAT_EVENT, 0, UINT32_MAX, "natEvent"},
    {NAMED_FORWARDING_REASON, NAMES_FORWARDING_REASON, 0, UINT32_MAX, "forwardingStatus"},
    {NAMED_FORWARDING_STATUS, NAMES_FORWARDING_STATUS, 6, UINT32_MAX, "forwardingStatus"},
    {NAMED_FIREWALL_REASON, NAMES_FIREWALL_REASON, 0, UINT32_MAX, "fwExtEvent"},
    {NAMED_NAT_REASON, NAMES_NAT_QUOTA, 0, UINT32_MAX, "natQuotaExceededEvent"},
    {NAMED_NAT_REASON, NAMES_NAT_THRESHOLD, 0, UINT32_MAX, "natThresholdEvent"},
    {NAMED_END_REASON, NAMES_END_REASON, 0, UINT32_MAX, "flowEndReason"},
    {NAMED_DSCP, NAMES_DSCP, 2, 0x3f, "ipClassOfService"},
    {NAMED_DSCP, NAMES_DSCP, 0, 0x3f, "ipDiffServCodePoint"},
    {NAMED_ECN, NAMES_ECN, 0, 0x3, "ipClassOfService"},
};

static const struct name_row {
    uint8_t table, kind;
    uint16_t number;
    const char *name;
} name_rows[] = {
    /* IANA's registry firewallEvent (233); Cisco ASA NetFlow Implementation Guide */
    {NAMES_FIREWALL_EVENT, EVENT_START, 1, "flow_created"},
    {NAMES_FIREWALL_EVENT, EVENT_END, 2, "flow_deleted"},
    {NAMES_FIREWALL_EVENT, EVENT_DENIED, 3, "flow_denied"},
    {NAMES_FIREWALL_EVENT, EVENT_NOTICE, 4, "flow_alert"},
    {NAMES_FIREWALL_EVENT, EVENT_CONNECTION, 5, "flow_update"},
    /* the guide's extended events; from 2000 on they number reasons of a teardown that it does not name */
    {NAMES_FIREWALL_REASON, 0, 1001, "ingress_acl"},
    {NAMES_FIREWALL_REASON, 0, 1002, "egress_acl"},
    {NAMES_FIREWALL_REASON, 0, 1003, "service_of_device"},
    {NAMES_FIREWALL_REASON, 0, 1004, "first_packet_not_syn"},
    /* RFC 8158 5.2 */
    {NAMES_NAT_EVENT, EVENT_START, 1, "nat_translation_create"},
    {NAMES_NAT_EVENT, EVENT_END, 2, "nat_translation_delete"},
    {NAMES_NAT_EVENT, EVENT_EXHAUSTED, 3, "nat_addresses_exhausted"},
    {NAMES_NAT_EVENT, EVENT_START, 4, "nat44_session_create"},
    {NAMES_NAT_EVENT, EVENT_END, 5, "nat44_session_delete"},
    {NAMES_NAT_EVENT, EVENT_START, 6, "nat64_session_create"},
    {NAMES_NAT_EVENT, EVENT_END, 7, "nat64_session_delete"},
    {NAMES_NAT_EVENT, EVENT_TAKEN, 8, "nat44_bib_create"},
    {NAMES_NAT_EVENT, EVENT_RETURNED, 9, "nat44_bib_delete"},
    {NAMES_NAT_EVENT, EVENT_TAKEN, 10, "nat64_bib_create"},
    {NAMES_NAT_EVENT, EVENT_RETURNED, 11, "nat64_bib_delete"},
    {NAMES_NAT_EVENT, EVENT_EXHAUSTED, 12, "nat_ports_exhausted"},
    {NAMES_NAT_EVENT, EVENT_EXHAUSTED, 13, "quota_exceeded"},
    {NAMES_NAT_EVENT, EVENT_TAKEN, 14, "address_binding_create"},
    {NAMES_NAT_EVENT, EVENT_RETURNED, 15, "address_binding_delete"},
    {NAMES_NAT_EVENT, EVENT_TAKEN, 16, "port_block_allocation"},
    {NAMES_NAT_EVENT, EVENT_RETURNED, 17, "port_block_deallocation"},
    {NAMES_NAT_EVENT, EVENT_THRESHOLD, 18, "threshold_reached"},
    /* RFC 8158 5.3 and 5.4 */
    {NAMES_NAT_QUOTA, 0, 1, "maximum_session_entries"},
    {NAMES_NAT_QUOTA, 0, 2, "maximum_bib_entries"},
    {NAMES_NAT_QUOTA, 0, 3, "maximum_entries_per_user"},
    {NAMES_NAT_QUOTA, 0, 4, "maximum_active_hosts"},
    {NAMES_NAT_QUOTA, 0, 5, "maximum_fragments_pending"},
    {NAMES_NAT_THRESHOLD, 0, 1, "address_pool_high"},
    {NAMES_NAT_THRESHOLD, 0, 2, "address_pool_low"},
    {NAMES_NAT_THRESHOLD, 0, 3, "address_port_mapping_high"},
    {NAMES_NAT_THRESHOLD, 0, 4, "address_port_mapping_per_user_high"},
    {NAMES_NAT_THRESHOLD, 0, 5, "global_address_mapping_high"},
    /* RFC 7270 4.12: the status in the two upper bits of eight, the reason below them */
    {NAMES_FORWARDING_STATUS, 0, 0, "unknown"},
    {NAMES_FORWARDING_STATUS, 0, 1, "forwarded"},
    {NAMES_FORWARDING_STATUS, 0, 2, "dropped"},
    {NAMES_FORWARDING_STATUS, 0, 3, "consumed"},
    {NAMES_FORWARDING_REASON, 0, 65, "fragmented"},
    {NAMES_FORWARDING_REASON, 0, 66, "not_fragmented"},
    {NAMES_FORWARDING_REASON, EVENT_DROPPED, 128, "unknown"},
    {NAMES_FORWARDING_REASON, EVENT_DENIED, 129, "acl_deny"},
    {NAMES_FORWARDING_REASON, EVENT_DENIED, 130, "acl_drop"},
    {NAMES_FORWARDING_REASON, EVENT_FAILED, 131, "unroutable"},
    {NAMES_FORWARDING_REASON, EVENT_FAILED, 132, "adjacency"},
    {NAMES_FORWARDING_REASON, EVENT_FAILED, 133, "fragmentation_and_df_set"},
    {NAMES_FORWARDING_REASON, EVENT_FAILED, 134, "bad_header_checksum"},
    {NAMES_FORWARDING_REASON, EVENT_FAILED, 135, "bad_total_length"},
    {NAMES_FORWARDING_REASON, EVENT_FAILED, 136, "bad_header_length"},
    {NAMES_FORWARDING_REASON, EVENT_FAILED, 137, "bad_ttl"},
    {NAMES_FORWARDING_REASON, EVENT_DENIED, 138, "policer"},
    {NAMES_FORWARDING_REASON, EVENT_FAILED, 139, "wred"},
    {NAMES_FORWARDING_REASON, EVENT_DENIED, 140, "rpf"},
    {NAMES_FORWARDING_REASON, EVENT_FAILED, 141, "for_us"},
    {NAMES_FORWARDING_REASON, EVENT_FAILED, 142, "bad_output_interface"},
    {NAMES_FORWARDING_REASON, EVENT_FAILED, 143, "hardware"},
    {NAMES_FORWARDING_REASON, 0, 193, "punt_adjacency"},
    {NAMES_FORWARDING_REASON, 0, 194, "incomplete_adjacency"},
    {NAMES_FORWARDING_REASON, 0, 195, "for_us"},
    /* RFC 5102 5.11.3 */
    {NAMES_END_REASON, 0, 1, "idle_timeout"},
    {NAMES_END_REASON, 0, 2, "active_timeout"},
    {NAMES_END_REASON, 0, 3, "end_of_flow_detected"},
    {NAMES_END_REASON, 0, 4, "forced_end"},
    {NAMES_END_REASON, 0, 5, "lack_of_resources"},
    /* IANA's registry Differentiated Services Field Codepoints; 0 is what says nothing */
    {NAMES_DSCP, 0, 1, "LE"},
    {NAMES_DSCP, 0, 8, "CS1"},
    {NAMES_DSCP, 0, 10, "AF11"},
    {NAMES_DSCP, 0, 12, "AF12"},
    {NAMES_DSCP, 0, 14, "AF13"},
    {NAMES_DSCP, 0, 16, "CS2"},
    {NAMES_DSCP, 0, 18, "AF21"},
    {NAMES_DSCP, 0, 20, "AF22"},
    {NAMES_DSCP, 0, 22, "AF23"},
    {NAMES_DSCP, 0, 24, "CS3"},
    {NAMES_DSCP, 0, 26, "AF31"},
    {NAMES_DSCP, 0, 28, "AF32"},
    {NAMES_DSCP, 0, 30, "AF33"},
    {NAMES_DSCP, 0, 32, "CS4"},
    {NAMES_DSCP, 0, 34, "AF41"},
    {NAMES_DSCP, 0, 36, "AF42"},
    {NAMES_DSCP, 0, 38, "AF43"},
    {NAMES_DSCP, 0, 40, "CS5"},
    {NAMES_DSCP, 0, 44, "VOICE-ADMIT"},
    {NAMES_DSCP, 0, 45, "NQB"},
    {NAMES_DSCP, 0, 46, "EF"},
    {NAMES_DSCP, 0, 48, "CS6"},
    {NAMES_DSCP, 0, 56, "CS7"},
    /* RFC 3168 5 */
    {NAMES_ECN, 0, 1, "ECT(1)"},
    {NAMES_ECN, 0, 2, "ECT(0)"},
    {NAMES_ECN, 0, 3, "CE"},
    /* IANA's registries ICMP Parameters and ICMPv6 Parameters */
    {NAMES_ICMP_TYPE, 0, 0, "echo_reply"},
    {NAMES_ICMP_TYPE, 0, 3, "destination_unreachable"},
    {NAMES_ICMP_TYPE, 0, 4, "source_quench"},
    {NAMES_ICMP_TYPE, 0, 5, "redirect"},
    {NAMES_ICMP_TYPE, 0, 8, "echo_request"},
    {NAMES_ICMP_TYPE, 0, 9, "router_advertisement"},
    {NAMES_ICMP_TYPE, 0, 10, "router_solicitation"},
    {NAMES_ICMP_TYPE, 0, 11, "time_exceeded"},
    {NAMES_ICMP_TYPE, 0, 12, "parameter_problem"},
    {NAMES_ICMP_TYPE, 0, 13, "timestamp_request"},
    {NAMES_ICMP_TYPE, 0, 14, "timestamp_reply"},
    {NAMES_ICMP_TYPE, 0, 17, "address_mask_request"},
    {NAMES_ICMP_TYPE, 0, 18, "address_mask_reply"},
    {NAMES_ICMP_TYPE, 0, 42, "extended_echo_request"},
    {NAMES_ICMP_TYPE, 0, 43, "extended_echo_reply"},
    {NAMES_ICMP_CODE, 0, 0x0300, "network_unreachable"},
    {NAMES_ICMP_CODE, 0, 0x0301, "host_unreachable"},
    {NAMES_ICMP_CODE, 0, 0x0302, "protocol_unreachable"},
    {NAMES_ICMP_CODE, 0, 0x0303, "port_unreachable"},
    {NAMES_ICMP_CODE, 0, 0x0304, "fragmentation_needed"},
    {NAMES_ICMP_CODE, 0, 0x0305, "source_route_failed"},
    {NAMES_ICMP_CODE, 0, 0x0306, "network_unknown"},
    {NAMES_ICMP_CODE, 0, 0x0307, "host_unknown"},
    {NAMES_ICMP_CODE, 0, 0x0309, "network_prohibited"},
    {NAMES_ICMP_CODE, 0, 0x030a, "host_prohibited"},
    {NAMES_ICMP_CODE, 0, 0x030b, "network_unreachable_for_tos"},
    {NAMES_ICMP_CODE, 0, 0x030c, "host_unreachable_for_tos"},
    {NAMES_ICMP_CODE, 0, 0x030d, "communication_prohibited"},
    {NAMES_ICMP_CODE, 0, 0x030e, "host_precedence_violation"},
    {NAMES_ICMP_CODE, 0, 0x030f, "precedence_cutoff"},
    {NAMES_ICMP_CODE, 0, 0x0500, "for_network"},
    {NAMES_ICMP_CODE, 0, 0x0501, "for_host"},
    {NAMES_ICMP_CODE, 0, 0x0502, "for_tos_and_network"},
    {NAMES_ICMP_CODE, 0, 0x0503, "for_tos_and_host"},
    {NAMES_ICMP_CODE, 0, 0x0b00, "ttl_exceeded"},
    {NAMES_ICMP_CODE, 0, 0x0b01, "reassembly_time_exceeded"},
    {NAMES_ICMP6_TYPE, 0, 1, "destination_unreachable"},
    {NAMES_ICMP6_TYPE, 0, 2, "packet_too_big"},
    {NAMES_ICMP6_TYPE, 0, 3, "time_exceeded"},
    {NAMES_ICMP6_TYPE, 0, 4, "parameter_problem"},
    {NAMES_ICMP6_TYPE, 0, 128, "echo_request"},
    {NAMES_ICMP6_TYPE, 0, 129, "echo_reply"},
    {NAMES_ICMP6_TYPE, 0, 130, "multicast_listener_query"},
    {NAMES_ICMP6_TYPE, 0, 131, "multicast_listener_report"},
    {NAMES_ICMP6_TYPE, 0, 132, "multicast_listener_done"},
    {NAMES_ICMP6_TYPE, 0, 133, "router_solicitation"},
    {NAMES_ICMP6_TYPE, 0, 134, "router_advertisement"},
    {NAMES_ICMP6_TYPE, 0, 135, "neighbor_solicitation"},
    {NAMES_ICMP6_TYPE, 0, 136, "neighbor_advertisement"},
    {NAMES_ICMP6_TYPE, 0, 137, "redirect"},
    {NAMES_ICMP6_TYPE, 0, 143, "multicast_listener_report_v2"},
    {NAMES_ICMP6_TYPE, 0, 160, "extended_echo_request"},
    {NAMES_ICMP6_TYPE, 0, 161, "extended_echo_reply"},
    {NAMES_ICMP6_CODE, 0, 0x0100, "no_route"},
    {NAMES_ICMP6_CODE, 0, 0x0101, "communication_prohibited"},
    {NAMES_ICMP6_CODE, 0, 0x0102, "beyond_scope"},
    {NAMES_ICMP6_CODE, 0, 0x0103, "address_unreachable"},
    {NAMES_ICMP6_CODE, 0, 0x0104, "port_unreachable"},
    {NAMES_ICMP6_CODE, 0, 0x0105, "source_policy_failed"},
    {NAMES_ICMP6_CODE, 0, 0x0106, "route_rejected"},
    {NAMES_ICMP6_CODE, 0, 0x0300, "hop_limit_exceeded"},
    {NAMES_ICMP6_CODE, 0, 0x0301, "reassembly_time_exceeded"},
};

#define NAME_ROWS (sizeof name_rows / sizeof *name_rows)

static_assert(NAME_ROWS <= NAMES_MOST, "a row's number fits a byte, and 0 is none");

void names_init(struct names *names)
{
    memset(names, 0, sizeof *names);
    for (size_t i = 0; i < NAME_ROWS; i++) {
        const struct name_row *row = &name_rows[i];
        uint8_t number = (uint8_t)(i + 1);
        struct word *word = &names->words[number];
        word->size_bytes = (uint8_t)snprintf(word->text, sizeof word->text, "\"%s\"", row->name);
        names->kinds[number] = row->kind;
        names->numbers[number] = row->number;
        names->first[row->table] = names->first[row->table] ? names->first[row->table] : number;
        names->last[row->table] = (uint8_t)(number + 1);
        if (row->number < 256)
            names->below_256[row->table][row->number] = number;
    }
}

uint8_t names_find_large(const struct names *names, enum name_table table, uint64_t number)
{
    for (uint8_t row = names->first[table]; row < names->last[table]; row++)
        if (names->numbers[row] == number)
            return row;
    return 0;
}

/* The last field of that name, as everywhere; what is no number has no names. */
static bool field_find(const struct plan *plan, const struct elements *elements, const char *name, uint16_t *field)
{
    for (uint16_t i = plan->field_count; i-- > 0;)
        if (plan->fields[i].element && plan->fields[i].type == TYPE_UNSIGNED &&
            strcmp(elements_at(elements, plan->fields[i].element)->name, name) == 0) {
            *field = i;
            return true;
        }
    return false;
}

uint32_t name_uses_find(const struct plan *plan, const struct elements *elements, bool packet_names,
                        struct name_use uses[NAMED_PLACES])
{
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof named_rows / sizeof *named_rows; i++) {
        const struct named_row *row = &named_rows[i];
        uint16_t field;
        if (row->place >= NAMED_DSCP && !packet_names)
            break; /* these are the last */
        if ((count && uses[count - 1].place == row->place) || !field_find(plan, elements, row->element, &field))
            continue;
        uses[count++] = (struct name_use){
            .field = field, .place = row->place, .table = row->table, .shift = row->shift, .mask = row->mask};
    }
    return count;
}

bool named_place_tells_event(enum named_place place)
{
    return place <= NAMED_FORWARDING_REASON;
}
