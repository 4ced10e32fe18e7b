/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/element.h"

/*
 * The ECS table: which fields a document has, from what, in this order. A row is a path and a value; what a value is
 * and when it is there, export/encode/values.c says. Encode programs, docs/fields.md and the index template come from
 * it.
 */

/* When a value is known. Rows of one level stand together where they can: each change costs the program a step. */
enum ecs_level {
    LEVEL_MESSAGE, /* rendered once a message, copied into each of its documents */
    LEVEL_RECORD,  /* a constant of the plan, or a value of the record */
};

enum ecs_value {
    /* constants */
    VALUE_TEXT,       /* the row's text, JSON as it stands */
    VALUE_AGENT_ID,
    VALUE_AGENT_NAME,
    VALUE_NAMESPACE,
    VALUE_TAGS,
    VALUE_FIELDS,     /* the option fields: members, under "fields" or at the root */
    /* of the message */
    VALUE_TIMESTAMP,  /* of the event: by our clock, where the exporter's is corrected */
    VALUE_EXPORT_TIME, /* by the exporter's clock */
    VALUE_CREATED,
    VALUE_OBSERVER_IP,
    VALUE_EXPORTER_ADDRESS,
    VALUE_CLOCK_SKEW, /* numbers from here on */
    VALUE_UPTIME,
    VALUE_VERSION,
    VALUE_SOURCE_ID,
    VALUE_ENGINE_TYPE,
    VALUE_ENGINE_ID,
    VALUE_SAMPLING_INTERVAL,
    VALUE_SAMPLING_MODE,
    VALUE_AGGREGATION,
    VALUE_AGGREGATION_VERSION,
    VALUE_SFLOW_VERSION,
    VALUE_SUB_AGENT,
    VALUE_DATAGRAM_SEQUENCE,
    VALUE_AGENT_ADDRESS,
    /* of the plan */
    VALUE_ACTION,
    VALUE_CATEGORY,
    VALUE_EVENT_TYPE,
    VALUE_EVENT_OUTCOME,
    /* of the record */
    VALUE_START,
    VALUE_END,
    VALUE_DURATION,
    VALUE_SOURCE_IP,
    VALUE_SOURCE_PORT,
    VALUE_SOURCE_MAC,
    VALUE_SOURCE_LOCALITY,
    VALUE_SOURCE_BYTES,
    VALUE_SOURCE_PACKETS,
    VALUE_DESTINATION_IP,
    VALUE_DESTINATION_PORT,
    VALUE_DESTINATION_MAC,
    VALUE_DESTINATION_LOCALITY,
    VALUE_DESTINATION_BYTES,
    VALUE_DESTINATION_PACKETS,
    VALUE_TRANSPORT,
    VALUE_IANA_NUMBER,
    VALUE_NETWORK_BYTES,
    VALUE_NETWORK_PACKETS,
    VALUE_NETWORK_TYPE,
    VALUE_DIRECTION,
    VALUE_COMMUNITY_ID,
    VALUE_FLOW_ID,
    VALUE_FLOW_LOCALITY,
    VALUE_RELATED_IP,
    VALUE_TCP_FLAGS,
    VALUE_ICMP_TYPE,
    VALUE_ICMP_CODE,
    VALUE_ICMP_TYPE_NAME,
    VALUE_ICMP_CODE_NAME,
    VALUE_FIREWALL_EVENT, /* from here on by enum named_place */
    VALUE_NAT_EVENT,
    VALUE_FORWARDING_REASON,
    VALUE_FORWARDING_STATUS,
    VALUE_FIREWALL_REASON,
    VALUE_NAT_REASON,
    VALUE_END_REASON,
    VALUE_DSCP,
    VALUE_ECN,
    VALUE_RATE,       /* the sampling rate that the counters were scaled by */
    VALUE_RATE_SOURCE,
    VALUE_INGRESS_NAME, /* from here on by enum fact_place */
    VALUE_INGRESS_ALIAS,
    VALUE_EGRESS_NAME,
    VALUE_EGRESS_ALIAS,
    VALUE_INGRESS_VRF,
    VALUE_EGRESS_VRF,
    VALUE_APPLICATION,
    VALUE_APPLICATION_DESCRIPTION,
    VALUE_APPLICATION_CATEGORY,
    VALUE_APPLICATION_SUB_CATEGORY,
    VALUE_APPLICATION_GROUP,
    VALUE_USER,
    VALUE_SOURCE_USER,
    VALUE_DESTINATION_USER,
    VALUE_ELEMENT,    /* the first of the row's elements that the plan has */
    VALUE_ELEMENTS,   /* every element of the plan that no scope or option holds */
    VALUE_SCOPES,     /* every scope field */
    VALUE_OPTIONS,    /* every option field */
    VALUE_SFLOW,      /* every field of sFlow's own */
    VALUE_SECTION,    /* the same of what a section of a packet says */
};

/* Conditions under which a row applies at all. */
enum ecs_when {
    ECS_FLOWS = 1 << 0,      /* in documents of flows */
    ECS_OPTIONS = 1 << 1,    /* in documents of options records */
    ECS_ENVELOPE = 1 << 2,   /* only with output.envelope */
    ECS_BIFLOW = 1 << 3,     /* only when the record is a biflow */
    ECS_WEIR = 1 << 4,       /* only in profile weir */
    ECS_NONZERO = 1 << 6,    /* not where the value is empty or zero: VLAN 0 is none, and 0.0.0.0 no address */
    ECS_UNSWAPPED = 1 << 5,  /* not where biflowDirection can make source and destination change places */
    ECS_COUNTERS = 1 << 7,   /* in documents of sFlow's counter samples */
    ECS_NETFLOW = 1 << 8,    /* not in documents of sFlow */
    ECS_SFLOW = 1 << 9,      /* only in documents of sFlow */
    ECS_EXPLAINED = 1 << 10, /* only where something is known of the exporter; and where no row before has the path */
    ECS_PACKET = 1 << 13,    /* only with output.packet_names */
    ECS_PLAIN = 1 << 11,     /* only where nothing is: another row has the path else */
    ECS_SHIFTED = 1 << 12,   /* only where the exporter's clock is corrected: of messages */
    ECS_ALL = ECS_FLOWS | ECS_OPTIONS | ECS_COUNTERS,
};

#define ECS_ELEMENTS_MOST 8

struct ecs_row {
    const char *path;
    enum ecs_level level;
    enum ecs_value value;
    uint32_t when;           /* enum ecs_when, or-ed */
    const char *text;        /* VALUE_TEXT */
    const char *elements[ECS_ELEMENTS_MOST]; /* VALUE_ELEMENT: names in order of preference */
    const char *es_type;     /* Elasticsearch's field type */
    const char *help;
};

/* Does the row stand in documents of messages of that version? */
bool ecs_row_is_of(const struct ecs_row *row, uint8_t version);

extern const struct ecs_row ecs_rows[];
extern const uint32_t ecs_row_count;

#define ECS_PATH_MOST 128 /* longest path of a row, or key of an element, with its NUL */

/* The row's path up to its last dot, "" for the document. parent has ECS_PATH_MOST bytes. */
void ecs_parent(const struct ecs_row *row, char *parent);

/* Has a row before this one the same path? Pages and mappings have each path once. */
bool ecs_row_is_repeated(const struct ecs_row *row);

/* What follows the last dot. */
const char *ecs_key(const struct ecs_row *row);
