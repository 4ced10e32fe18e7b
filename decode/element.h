/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "decode/profile.h"

/* How the bytes of a field are read: RFC 7011 6.1's abstract data types, and what vendors add. */
enum value_type {
    TYPE_NONE,         /* unknown, in profile elastic a list, or of a length that the type cannot have: skipped */
    TYPE_UNSIGNED,     /* 1..8 bytes */
    TYPE_SIGNED,       /* 1..8 bytes */
    TYPE_FLOAT,        /* 4 or 8 bytes */
    TYPE_BOOLEAN,
    TYPE_MAC,
    TYPE_OCTETS,
    TYPE_STRING,
    TYPE_SECONDS,      /* dateTimeSeconds */
    TYPE_MILLISECONDS, /* dateTimeMilliseconds */
    TYPE_NTP,          /* dateTimeMicroseconds and dateTimeNanoseconds */
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_ACL,          /* Cisco ASA's ACL id, 12 bytes */
    TYPE_BASIC_LIST,   /* RFC 6313; profile weir */
    TYPE_SUB_TEMPLATE_LIST,
    TYPE_SUB_TEMPLATE_MULTI_LIST,
    TYPE_UNKNOWN_OCTETS, /* profile weir: an unknown element, kept as octets under a name made of its number */
    TYPE_NUMBERS,      /* a list of numbers of 32 bits */
    TYPE_COMMUNITIES,  /* a list of BGP communities (RFC 1997) */
    TYPE_MACS,         /* a list of MAC addresses */
    TYPE_COUNT
};

/*
 * What an element means to the values that documents derive. Given by name, as Elastic looks them up: a vendor's or a
 * custom element of that name has the role too.
 */
#define ROLE_TABLE(X)                                                                                                 \
    X(source_ipv4, "sourceIPv4Address") X(source_ipv6, "sourceIPv6Address")                                           \
    X(destination_ipv4, "destinationIPv4Address") X(destination_ipv6, "destinationIPv6Address")                       \
    X(source_port, "sourceTransportPort") X(destination_port, "destinationTransportPort")                             \
    X(source_mac, "sourceMacAddress") X(destination_mac, "destinationMacAddress")                                     \
    X(protocol, "protocolIdentifier") X(flow_direction, "flowDirection") X(biflow_direction, "biflowDirection")       \
    X(octets_delta, "octetDeltaCount") X(octets_total, "octetTotalCount") X(octets_initiator, "initiatorOctets")      \
    X(packets_delta, "packetDeltaCount") X(packets_total, "packetTotalCount")                                         \
    X(packets_initiator, "initiatorPackets")                                                                          \
    X(reverse_octets_delta, "reverseOctetDeltaCount") X(reverse_octets_total, "reverseOctetTotalCount")               \
    X(reverse_octets_responder, "responderOctets")                                                                    \
    X(reverse_packets_delta, "reversePacketDeltaCount") X(reverse_packets_total, "reversePacketTotalCount")           \
    X(reverse_packets_responder, "responderPackets")                                                                  \
    X(start_uptime, "flowStartSysUpTime") X(end_uptime, "flowEndSysUpTime")                                           \
    X(duration_milliseconds, "flowDurationMilliseconds") X(duration_microseconds, "flowDurationMicroseconds")         \
    X(init_time, "systemInitTimeMilliseconds")                                                                        \
    X(start_seconds, "flowStartSeconds") X(end_seconds, "flowEndSeconds")                                             \
    X(start_milliseconds, "flowStartMilliseconds") X(end_milliseconds, "flowEndMilliseconds")                         \
    X(start_microseconds, "flowStartMicroseconds") X(end_microseconds, "flowEndMicroseconds")                         \
    X(start_nanoseconds, "flowStartNanoseconds") X(end_nanoseconds, "flowEndNanoseconds")                             \
    X(start_delta, "flowStartDeltaMicroseconds") X(end_delta, "flowEndDeltaMicroseconds")                             \
    X(tcp_control_bits, "tcpControlBits")                                                                             \
    X(firewall_event, "firewallEvent") X(flow_number, "flowId")                                                       \
    X(observation_milliseconds, "observationTimeMilliseconds")                                                        \
    X(icmp_type_code_ipv4, "icmpTypeCodeIPv4") X(icmp_type_ipv4, "icmpTypeIPv4") X(icmp_code_ipv4, "icmpCodeIPv4")    \
    X(icmp_type_code_ipv6, "icmpTypeCodeIPv6") X(icmp_type_ipv6, "icmpTypeIPv6") X(icmp_code_ipv6, "icmpCodeIPv6")    \
    X(wlan_ssid, "wlanSSID") X(sta_mac, "staMacAddress") X(sta_ipv4, "staIPv4Address") X(wtp_mac, "wtpMacAddress")

enum role {
    ROLE_NONE,
#define ROLE_ENUM(name, element) ROLE_##name,
    ROLE_TABLE(ROLE_ENUM)
#undef ROLE_ENUM
        ROLE_COUNT
};

/* One information element. Constant once the registry is built. */
struct element {
    uint32_t enterprise; /* private enterprise number; 0 = IANA (and v9) */
    uint16_t id;
    uint8_t type;        /* enum value_type */
    uint8_t least_bytes; /* shortest length that a template may give it, see length_most */
    uint16_t most_bytes; /* longest; 65535 for strings and octets */
    uint8_t value_bytes; /* of what may have longer fields than its type: those that count; 0: all */
    uint8_t role;        /* enum role */
    bool rare;           /* a vendor's, and not in Elastic's tables: few indices ever have its field */
    const char *name;    /* IANA's or the vendor's */
    const char *key;     /* below netflow., as spec'd by Elastic's conversion */
    const char *data_type; /* "unsigned32" and so on */
    const char *es_type; /* Elasticsearch's field type */
    const char *source;  /* a key of decode/element_sources.csv, or custom */
};

/* Enterprise number under which v9's scope types (RFC 3954 6.1) stand in the registry. No such PEN can be assigned. */
#define ENTERPRISE_V9_SCOPE 0xffffffffu

/* The same for what sFlow alone has: decode/sflow_fields.h. */
#define ENTERPRISE_SFLOW 0xfffffffeu

/*
 * The registry: the built-in tables as the profile wants them, then the files of custom_definitions over them, the
 * later definition winning. Built once at start, read by all workers.
 */
struct elements;

/* NULL with the reasons in problems. */
struct elements *elements_new(const struct profile *profile, const struct text_list *custom_definitions,
                              struct config_problems *problems);
void elements_free(struct elements *elements);

/* NULL when the element is not known. One hash look-up. Index: a small number that stays; 0 is never used. */
const struct element *elements_find(const struct elements *elements, uint32_t enterprise, uint16_t id);
uint16_t elements_index(const struct elements *elements, const struct element *element);
const struct element *elements_at(const struct elements *elements, uint16_t index);
uint32_t elements_count(const struct elements *elements); /* indexes run from 1 to count */

/* Has an element of the tables this key below netflow? One hash look-up. */
bool elements_have_key(const struct elements *elements, const char *key);

/* Elastic's conversion of an element's name to its key. key has at least 2 * strlen(name) + 2 bytes. */
void element_key(const char *name, char *key);

/* The role of an element of that name, ROLE_NONE if it has none. */
enum role role_of_name(const char *name);
