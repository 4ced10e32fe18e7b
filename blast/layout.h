/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "decode/plan.h"

/* What a field of a record is filled from. */
enum content {
    CONTENT_ZERO,
    CONTENT_ONE,
    CONTENT_SOURCE4,
    CONTENT_DESTINATION4,
    CONTENT_SOURCE6,
    CONTENT_DESTINATION6,
    CONTENT_SOURCE_PREFIX,
    CONTENT_DESTINATION_PREFIX,
    CONTENT_SOURCE_BITS,
    CONTENT_DESTINATION_BITS,
    CONTENT_SOURCE_AS,
    CONTENT_DESTINATION_AS,
    CONTENT_SOURCE_PORT,
    CONTENT_DESTINATION_PORT,
    CONTENT_SOURCE_MAC,
    CONTENT_NEXT_HOP,
    CONTENT_INPUT,
    CONTENT_OUTPUT,
    CONTENT_OCTETS,
    CONTENT_PACKETS,
    CONTENT_REVERSE_OCTETS,
    CONTENT_REVERSE_PACKETS,
    CONTENT_FLOWS,       /* of v8's aggregations */
    CONTENT_FIRST_UPTIME, /* milliseconds of the exporter's uptime */
    CONTENT_LAST_UPTIME,
    CONTENT_FIRST_MS,    /* dateTimeMilliseconds */
    CONTENT_LAST_MS,
    CONTENT_PROTOCOL,
    CONTENT_TCP_FLAGS,
    CONTENT_TOS,
    CONTENT_APPLICATION_ID,
    CONTENT_APPLICATION, /* its name, padded to the field's length where that is fixed */
    CONTENT_HOST,        /* a server's name */
    CONTENT_SSID,
    CONTENT_INTERFACE,   /* number of the record, from 1 on */
    CONTENT_INTERFACE_NAME,
    CONTENT_INTERFACE_ALIAS,
};

struct layout_field {
    uint32_t enterprise;
    uint16_t id;     /* information element; 0 in formats without templates */
    uint16_t length; /* bytes, or LENGTH_VARIABLE */
    uint8_t content; /* enum content */
};

/* One kind of record. */
struct layout {
    const struct layout_field *fields;
    uint8_t field_count;
    uint8_t aggregation;  /* v8: the scheme */
    uint8_t scope_count;  /* of options: the first fields are the scope */
    uint8_t records_most; /* what the format allows in a datagram; 0: no bound but its size */
    uint16_t template_id;
};

/* How an exporter counts what it has sent, in its header. */
enum numbered_by { NUMBERED_BY_NOTHING, NUMBERED_BY_RECORDS, NUMBERED_BY_MESSAGES };

/* Where the members of the header lie that each datagram has its own value of; 0: there is none. */
struct header {
    uint8_t bytes;
    uint8_t uptime;
    uint8_t seconds;
    uint8_t nanoseconds;
    uint8_t sequence;
    uint8_t numbered_by; /* enum numbered_by */
    uint8_t agent;         /* sFlow: the exporter's address, 4 bytes */
};

/* Exporters of a format send records of its layouts. */
struct format {
    const char *name;
    const char *help;
    uint8_t version; /* of NetFlow; 10 is IPFIX, FORMAT_SFLOW sFlow version 5 */
    uint8_t layout_count;
    const struct layout *layouts; /* an exporter has templates of all; of v8 it sends one */
    const struct layout *options; /* NULL: there are none */
    struct header header;
};

#define FORMAT_SFLOW 105
#define FORMATS_MOST 16

extern const struct format export_formats[];
extern const uint32_t export_format_count;

/* NULL: there is no such format. */
const struct format *format_find(const char *name);
