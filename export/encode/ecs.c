/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/ecs.h"

#include <string.h>

#include "decode/plan.h"

#define MESSAGE(path_, value_, when_, type_, help_)                                                                    \
    {.path = path_, .level = LEVEL_MESSAGE, .value = value_, .when = when_, .es_type = type_, .help = help_}
#define CONSTANT(path_, text_, when_, type_, help_)                                                                    \
    {.path = path_, .level = LEVEL_MESSAGE, .value = VALUE_TEXT, .when = when_, .text = text_, .es_type = type_,       \
     .help = help_}
#define RECORD(path_, value_, when_, type_, help_)                                                                     \
    {.path = path_, .level = LEVEL_RECORD, .value = value_, .when = when_, .es_type = type_, .help = help_}
#define FROM(path_, when_, type_, help_, ...)                                                                          \
    {.path = path_, .level = LEVEL_RECORD, .value = VALUE_ELEMENT, .when = when_, .elements = {__VA_ARGS__},           \
     .es_type = type_, .help = help_}

#define NETFLOW (ECS_ALL | ECS_NETFLOW)
#define SFLOW   (ECS_ALL | ECS_SFLOW)
#define FACT(path_, value_, help_) RECORD(path_, value_, ECS_FLOWS | ECS_WEIR | ECS_EXPLAINED, "keyword", help_)

#define PACKET(path_, value_, type_, help_)                                                                           \
    RECORD(path_, value_, ECS_FLOWS | ECS_WEIR | ECS_PACKET, type_, help_)
#define NAMED(path_, value_, help_) RECORD(path_, value_, ECS_FLOWS | ECS_WEIR, "keyword", help_)

#define USERS "userName", "username", "User-ID", "USER_NAME", "FLOW_USER_NAME", "netscalerAaaUsername"
#define SIDED (ECS_FLOWS | ECS_WEIR | ECS_NONZERO | ECS_UNSWAPPED)

const struct ecs_row ecs_rows[] = {
    MESSAGE("@timestamp", VALUE_TIMESTAMP, ECS_ALL, "date",
            "export time in the message's header, corrected with clock.correct; sFlow: when the datagram was received"),
    MESSAGE("agent.id", VALUE_AGENT_ID, ECS_ALL | ECS_ENVELOPE, "keyword", "stays the same on one machine"),
    MESSAGE("agent.name", VALUE_AGENT_NAME, ECS_ALL | ECS_ENVELOPE, "keyword", "name of the collector's host"),
    CONSTANT("agent.type", "\"weir\"", ECS_ALL | ECS_ENVELOPE, "keyword", "always weir"),
    CONSTANT("agent.version", "\"" WEIR_VERSION "\"", ECS_ALL | ECS_ENVELOPE, "keyword", "version of weir"),
    CONSTANT("data_stream.type", "\"logs\"", ECS_ALL | ECS_ENVELOPE, "constant_keyword", "always logs"),
    CONSTANT("data_stream.dataset", "\"netflow.log\"", ECS_ALL | ECS_ENVELOPE, "constant_keyword",
             "always netflow.log"),
    MESSAGE("data_stream.namespace", VALUE_NAMESPACE, ECS_ALL | ECS_ENVELOPE, "constant_keyword", "output.namespace"),
    CONSTANT("ecs.version", "\"8.17.0\"", ECS_ALL, "keyword", "version of ECS that the document follows"),
    CONSTANT("input.type", "\"netflow\"", ECS_ALL | ECS_ENVELOPE, "keyword", "always netflow"),
    MESSAGE("tags", VALUE_TAGS, ECS_ALL | ECS_ENVELOPE, "keyword", "option tags"),
    MESSAGE("fields", VALUE_FIELDS, ECS_ALL, "object", "option fields; at the root with fields_under_root"),
    MESSAGE("observer.ip", VALUE_OBSERVER_IP, ECS_ALL | ECS_PLAIN, "ip", "address of the exporter, an array of one"),
    MESSAGE("event.created", VALUE_CREATED, ECS_ALL, "date", "when the datagram was received"),
    CONSTANT("event.dataset", "\"netflow.log\"", ECS_ALL | ECS_ENVELOPE, "keyword", "always netflow.log"),
    CONSTANT("event.kind", "\"event\"", ECS_ALL, "keyword", "always event"),

    RECORD("event.action", VALUE_ACTION, ECS_ALL, "keyword",
           "netflow_flow, netflow_options, sflow_flow, sflow_discard or sflow_counters"),
    RECORD("event.category", VALUE_CATEGORY, ECS_ALL, "keyword", "network; network and session for a biflow"),
    RECORD("event.type", VALUE_EVENT_TYPE, ECS_FLOWS, "keyword",
           "connection; in profile weir with start, end, denied or info where the record is an event of a firewall, of "
           "NAT or was dropped, and start, end or info alone where it is of a pool of addresses or ports"),
    RECORD("event.outcome", VALUE_EVENT_OUTCOME, ECS_FLOWS | ECS_WEIR, "keyword",
           "success: denied by a rule; failure: could not be forwarded, or a pool is exhausted"),
    RECORD("event.start", VALUE_START, ECS_FLOWS, "date", "first packet of the flow"),
    RECORD("event.end", VALUE_END, ECS_FLOWS, "date", "last packet of the flow"),
    RECORD("event.duration", VALUE_DURATION, ECS_FLOWS, "long", "nanoseconds from start to end"),
    RECORD("source.ip", VALUE_SOURCE_IP, ECS_FLOWS, "ip", "source address, IPv4 before IPv6"),
    RECORD("source.locality", VALUE_SOURCE_LOCALITY, ECS_FLOWS, "keyword", "internal or external: internal_networks"),
    RECORD("source.port", VALUE_SOURCE_PORT, ECS_FLOWS, "long", "source port"),
    RECORD("source.mac", VALUE_SOURCE_MAC, ECS_FLOWS, "keyword", "source MAC address"),
    RECORD("source.bytes", VALUE_SOURCE_BYTES, ECS_FLOWS, "long", "octets from source to destination"),
    RECORD("source.packets", VALUE_SOURCE_PACKETS, ECS_FLOWS, "long", "packets from source to destination"),
    FROM("source.nat.ip", SIDED, "ip", "source address after NAT",
         "postNATSourceIPv4Address", "postNATSourceIPv6Address", "XlateSourceAddressIPV4"),
    FROM("source.nat.port", SIDED, "long", "source port after NAPT", "postNAPTSourceTransportPort",
         "XlateSourcePort"),
    FROM("source.user.name", SIDED, "keyword", "user of the connection, as firewalls name him",
         "username", "User-ID"),
    FACT("source.user.name", VALUE_SOURCE_USER, "user of the source address, as options records tell"),
    RECORD("destination.ip", VALUE_DESTINATION_IP, ECS_FLOWS, "ip", "destination address, IPv4 before IPv6"),
    RECORD("destination.locality", VALUE_DESTINATION_LOCALITY, ECS_FLOWS, "keyword",
           "internal or external: internal_networks"),
    RECORD("destination.port", VALUE_DESTINATION_PORT, ECS_FLOWS, "long", "destination port"),
    RECORD("destination.mac", VALUE_DESTINATION_MAC, ECS_FLOWS, "keyword", "destination MAC address"),
    RECORD("destination.bytes", VALUE_DESTINATION_BYTES, ECS_FLOWS, "long", "octets from destination to source"),
    RECORD("destination.packets", VALUE_DESTINATION_PACKETS, ECS_FLOWS, "long", "packets from destination to source"),
    FROM("destination.nat.ip", SIDED, "ip", "destination address after NAT",
         "postNATDestinationIPv4Address", "postNATDestinationIPv6Address", "XlateDestinationAddressIPV4"),
    FROM("destination.nat.port", SIDED, "long", "destination port after NAPT",
         "postNAPTDestinationTransportPort", "XlateDestinationPort"),
    FACT("destination.user.name", VALUE_DESTINATION_USER, "user of the destination address, as options records tell"),
    RECORD("client.ip", VALUE_SOURCE_IP, ECS_FLOWS | ECS_BIFLOW, "ip", "source.ip of a biflow"),
    RECORD("client.locality", VALUE_SOURCE_LOCALITY, ECS_FLOWS | ECS_BIFLOW, "keyword", "source.locality of a biflow"),
    RECORD("client.port", VALUE_SOURCE_PORT, ECS_FLOWS | ECS_BIFLOW, "long", "source.port of a biflow"),
    RECORD("client.mac", VALUE_SOURCE_MAC, ECS_FLOWS | ECS_BIFLOW, "keyword", "source.mac of a biflow"),
    RECORD("client.bytes", VALUE_SOURCE_BYTES, ECS_FLOWS | ECS_BIFLOW, "long", "source.bytes of a biflow"),
    RECORD("client.packets", VALUE_SOURCE_PACKETS, ECS_FLOWS | ECS_BIFLOW, "long", "source.packets of a biflow"),
    RECORD("server.ip", VALUE_DESTINATION_IP, ECS_FLOWS | ECS_BIFLOW, "ip", "destination.ip of a biflow"),
    RECORD("server.locality", VALUE_DESTINATION_LOCALITY, ECS_FLOWS | ECS_BIFLOW, "keyword",
           "destination.locality of a biflow"),
    RECORD("server.port", VALUE_DESTINATION_PORT, ECS_FLOWS | ECS_BIFLOW, "long", "destination.port of a biflow"),
    RECORD("server.mac", VALUE_DESTINATION_MAC, ECS_FLOWS | ECS_BIFLOW, "keyword", "destination.mac of a biflow"),
    RECORD("server.bytes", VALUE_DESTINATION_BYTES, ECS_FLOWS | ECS_BIFLOW, "long", "destination.bytes of a biflow"),
    RECORD("server.packets", VALUE_DESTINATION_PACKETS, ECS_FLOWS | ECS_BIFLOW, "long",
           "destination.packets of a biflow"),
    RECORD("network.direction", VALUE_DIRECTION, ECS_FLOWS | ECS_OPTIONS, "keyword",
           "by the localities: inbound, outbound, internal, external; else by flowDirection; else unknown"),
    RECORD("network.community_id", VALUE_COMMUNITY_ID, ECS_FLOWS, "keyword", "Community ID v1, seed 0"),
    RECORD("network.transport", VALUE_TRANSPORT, ECS_FLOWS, "keyword", "name of the IP protocol"),
    RECORD("network.iana_number", VALUE_IANA_NUMBER, ECS_FLOWS, "keyword", "number of the IP protocol"),
    RECORD("network.bytes", VALUE_NETWORK_BYTES, ECS_FLOWS, "long", "octets of both directions"),
    RECORD("network.packets", VALUE_NETWORK_PACKETS, ECS_FLOWS, "long", "packets of both directions"),
    RECORD("network.type", VALUE_NETWORK_TYPE, ECS_FLOWS, "keyword", "ipv4, ipv6 or both"),
    FROM("network.name", ECS_FLOWS, "keyword", "SSID of the wireless network", "wlanSSID"),
    FROM("network.application", ECS_FLOWS | ECS_WEIR | ECS_NONZERO, "keyword", "name of the application, as exported",
         "applicationName", "App-ID", "L7_PROTO_NAME", "APP_NAME", "appProtocolName", "proceraService",
         "ixiaL7AppName"),
    FACT("network.application", VALUE_APPLICATION, "name of applicationId, as options records tell"),
    FROM("network.vlan.id", ECS_FLOWS | ECS_WEIR | ECS_NONZERO, "keyword", "VLAN of the flow", "vlanId", "dot1qVlanId"),
    RECORD("flow.id", VALUE_FLOW_ID, ECS_FLOWS, "keyword", "XXH64 of addresses, ports and protocol, base64url"),
    RECORD("flow.locality", VALUE_FLOW_LOCALITY, ECS_FLOWS, "keyword", "internal when both addresses are"),
    PACKET("flow.dscp", VALUE_DSCP, "keyword",
           "name of the DSCP of ipClassOfService, else of ipDiffServCodePoint; 0 has none"),
    PACKET("flow.ecn", VALUE_ECN, "keyword", "ECT(0), ECT(1) or CE: the two lower bits of ipClassOfService"),
    NAMED("flow.end_reason", VALUE_END_REASON,
          "flowEndReason: idle_timeout, active_timeout, end_of_flow_detected, forced_end or lack_of_resources"),
    NAMED("flow.firewall.event", VALUE_FIREWALL_EVENT,
          "firewallEvent: flow_created, flow_deleted, flow_denied, flow_alert or flow_update"),
    NAMED("flow.firewall.reason", VALUE_FIREWALL_REASON,
          "fwExtEvent: ingress_acl, egress_acl, service_of_device or first_packet_not_syn"),
    NAMED("flow.forwarding.status", VALUE_FORWARDING_STATUS,
          "forwardingStatus: forwarded, dropped, consumed or unknown"),
    NAMED("flow.forwarding.reason", VALUE_FORWARDING_REASON,
          "forwardingStatus: acl_deny, unroutable, bad_ttl and so on"),
    PACKET("flow.icmp.type", VALUE_ICMP_TYPE, "short",
           "of the ICMP elements, else of the destination port"),
    PACKET("flow.icmp.code", VALUE_ICMP_CODE, "short", "the same"),
    PACKET("flow.icmp.type_name", VALUE_ICMP_TYPE_NAME, "keyword", "echo_request, destination_unreachable and so on"),
    PACKET("flow.icmp.code_name", VALUE_ICMP_CODE_NAME, "keyword", "port_unreachable, ttl_exceeded and so on"),
    NAMED("flow.nat.event", VALUE_NAT_EVENT, "natEvent: nat44_session_create, port_block_allocation and so on"),
    NAMED("flow.nat.reason", VALUE_NAT_REASON, "natQuotaExceededEvent or natThresholdEvent: what was exceeded"),
    FACT("flow.application.description", VALUE_APPLICATION_DESCRIPTION,
         "description of applicationId, as options records tell"),
    FACT("flow.application.category", VALUE_APPLICATION_CATEGORY, "category of applicationId, as options records tell"),
    FACT("flow.application.sub_category", VALUE_APPLICATION_SUB_CATEGORY, "the same: its sub category"),
    FACT("flow.application.group", VALUE_APPLICATION_GROUP, "the same: its group"),
    FACT("flow.ingress.vrf", VALUE_INGRESS_VRF, "name of ingressVRFID, as options records tell"),
    FACT("flow.egress.vrf", VALUE_EGRESS_VRF, "name of egressVRFID, as options records tell"),
    RECORD("flow.sampling.rate", VALUE_RATE, ECS_FLOWS | ECS_WEIR | ECS_EXPLAINED, "double",
           "one of so many packets was seen: bytes and packets of source, destination, client, server and network are "
           "the exporter's counters times this"),
    FACT("flow.sampling.source", VALUE_RATE_SOURCE,
         "whence the rate is known: configuration, record, sampler, selector, interface, template, exporter or header"),
    FROM("user.name", ECS_FLOWS | ECS_WEIR | ECS_NONZERO, "keyword", "name of the user", USERS),
    FACT("user.name", VALUE_USER, "user of the station or the source address, as options records tell"),
    RECORD("related.ip", VALUE_RELATED_IP, ECS_ALL, "ip", "every address of the document once, sorted as text"),
    FROM("related.user", ECS_FLOWS | ECS_WEIR | ECS_NONZERO, "keyword", "as user.name", USERS),
    FACT("related.user", VALUE_USER, "as user.name"),

    MESSAGE("netflow.exporter.address", VALUE_EXPORTER_ADDRESS, NETFLOW, "keyword", "the exporter's address and port"),
    MESSAGE("netflow.exporter.timestamp", VALUE_EXPORT_TIME, NETFLOW, "date",
            "export time in the message's header, by the exporter's clock"),
    MESSAGE("netflow.exporter.clock_skew_millis", VALUE_CLOCK_SKEW, NETFLOW | ECS_WEIR | ECS_SHIFTED, "long",
            "with clock.correct: so far the exporter's clock is ahead of ours, and @timestamp, event.start and "
            "event.end are earlier than it says"),
    MESSAGE("netflow.exporter.uptime_millis", VALUE_UPTIME, NETFLOW, "long", "uptime in the header, 0 for IPFIX"),
    MESSAGE("netflow.exporter.version", VALUE_VERSION, NETFLOW, "integer", "1, 5, 6, 7, 8, 9 or 10"),
    MESSAGE("netflow.exporter.source_id", VALUE_SOURCE_ID, NETFLOW, "long",
            "v9: source id; IPFIX: observation domain id"),
    MESSAGE("netflow.exporter.engine_type", VALUE_ENGINE_TYPE, NETFLOW, "long", "v5, v6, v8"),
    MESSAGE("netflow.exporter.engine_id", VALUE_ENGINE_ID, NETFLOW, "long", "v5, v6, v8"),
    MESSAGE("netflow.exporter.sampling_interval", VALUE_SAMPLING_INTERVAL, NETFLOW, "long", "v5, v6"),
    MESSAGE("netflow.exporter.sampling_mode", VALUE_SAMPLING_MODE, NETFLOW | ECS_WEIR, "long",
            "v5, v6: the two bits above the interval"),
    MESSAGE("netflow.exporter.aggregation", VALUE_AGGREGATION, NETFLOW, "long", "v8: aggregation scheme"),
    MESSAGE("netflow.exporter.aggregation_version", VALUE_AGGREGATION_VERSION, NETFLOW, "long", "v8"),
    MESSAGE("sflow.exporter.address", VALUE_EXPORTER_ADDRESS, SFLOW, "keyword", "the exporter's address and port"),
    MESSAGE("sflow.exporter.agent", VALUE_AGENT_ADDRESS, SFLOW, "ip", "address by which the agent calls itself"),
    MESSAGE("sflow.exporter.sub_agent_id", VALUE_SUB_AGENT, SFLOW, "long",
            "part of the agent that sent the datagram; v2 and v4: 0"),
    MESSAGE("sflow.exporter.sequence_number", VALUE_DATAGRAM_SEQUENCE, SFLOW, "long",
            "number of the datagram"),
    MESSAGE("sflow.exporter.uptime_millis", VALUE_UPTIME, SFLOW, "long", "uptime in the header"),
    MESSAGE("sflow.exporter.version", VALUE_SFLOW_VERSION, SFLOW, "integer", "version of sFlow: 2, 4 or 5"),
    RECORD("netflow.type", VALUE_ACTION, NETFLOW, "keyword", "netflow_flow or netflow_options"),
    RECORD("netflow.tcp_flags", VALUE_TCP_FLAGS, ECS_FLOWS | ECS_NETFLOW, "keyword",
           "names of the bits of tcp_control_bits"),
    RECORD("netflow", VALUE_ELEMENTS, ECS_FLOWS | ECS_NETFLOW, "object",
           "every element of the record, see the elements"),
    RECORD("netflow.section", VALUE_SECTION, ECS_FLOWS | ECS_NETFLOW | ECS_WEIR, "object",
           "what the headers in a section of a packet say (elements 104, 313 to 317): etherType to "
           "innerDestinationMacAddress of table sflow"),
    RECORD("netflow.scope", VALUE_SCOPES, ECS_OPTIONS, "object", "scope fields of an options record"),
    RECORD("netflow.options", VALUE_OPTIONS, ECS_OPTIONS, "object", "option fields of an options record"),
    RECORD("sflow.type", VALUE_ACTION, SFLOW, "keyword", "sflow_flow, sflow_discard or sflow_counters"),
    RECORD("sflow.tcp_flags", VALUE_TCP_FLAGS, ECS_FLOWS | ECS_SFLOW, "keyword", "names of the TCP flags"),
    RECORD("sflow", VALUE_SFLOW, SFLOW, "object",
           "all else that the sample says, see the elements of table sflow"),

    /* observer stands at the end where it has members that differ from record to record */
    MESSAGE("observer.ip", VALUE_OBSERVER_IP, ECS_ALL | ECS_EXPLAINED, "ip", "the same"),
    FACT("observer.ingress.interface.name", VALUE_INGRESS_NAME, "name of ingressInterface, as options records tell"),
    FACT("observer.ingress.interface.alias", VALUE_INGRESS_ALIAS, "its description, as options records tell"),
    FACT("observer.egress.interface.name", VALUE_EGRESS_NAME, "name of egressInterface, as options records tell"),
    FACT("observer.egress.interface.alias", VALUE_EGRESS_ALIAS, "its description, as options records tell"),
};

const uint32_t ecs_row_count = sizeof ecs_rows / sizeof *ecs_rows;

bool ecs_row_is_of(const struct ecs_row *row, uint8_t version)
{
    return !(row->when & (version == VERSION_SFLOW ? ECS_NETFLOW : ECS_SFLOW));
}

void ecs_parent(const struct ecs_row *row, char *parent)
{
    const char *dot = strrchr(row->path, '.');
    size_t length = dot ? (size_t)(dot - row->path) : 0;
    memcpy(parent, row->path, length);
    parent[length] = 0;
}

bool ecs_row_is_repeated(const struct ecs_row *row)
{
    for (const struct ecs_row *before = ecs_rows; before < row; before++)
        if (strcmp(before->path, row->path) == 0)
            return true;
    return false;
}

const char *ecs_key(const struct ecs_row *row)
{
    const char *dot = strrchr(row->path, '.');
    return dot ? dot + 1 : row->path;
}
