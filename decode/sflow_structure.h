/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decode/sflow.h"

/*
 * How structures of sFlow's samples are written down: their members in the order of the wire. Which is read by
 * sflow_structures.c.
 */

#define PARTS_MOST 32

enum form {
    FORM_END,     /* no member */
    FORM_SKIP,
    FORM_NUMBER,
    FORM_COUNTER, /* a number; all ones: the agent does not count that */
    FORM_BYTES,
    FORM_ADDRESS, /* type, then 4 or 16 bytes; the IPv6 field stands behind the one that is named */
    FORM_TEXT,    /* length, bytes, padding to four */
    FORM_NUMBERS, /* count, numbers of 32 bits */
    FORM_LABELS,  /* the same of a label stack's entries (RFC 3032 2.1): the labels are kept */
    FORM_PATH,    /* count, segments: type, count, numbers */
    FORM_ASES,    /* the same of one segment, without its type: version 2 */
    FORM_LANES,   /* count, rows of LANE_NUMBERS numbers: as many lists, from the field that is named on */
    FORM_ADAPTERS, /* count, each an index, a count and MAC addresses: two lists, from the field that is named on */
    FORM_PAYLOAD, /* length, the begin of a packet from its LLC header on */
};

#define LANE_NUMBERS 10

struct part {
    uint16_t field;
    uint8_t form;
    uint8_t bytes; /* of SKIP, NUMBER, COUNTER and BYTES */
};

struct structure {
    uint32_t format;  /* enterprise << 12 | format; in versions 2 and 4: their own types */
    uint8_t optional; /* from which part on it may end; 0: it may not */
    struct part parts[PARTS_MOST]; /* ends with FORM_END */
};

struct structure_table {
    const struct structure *rows;
    uint32_t count;
};

extern const struct structure_table sflow_flow_structures;
extern const struct structure_table sflow_counter_structures;

/* Where the structure ended; NULL: behind `end`. What was before is in the row. */
const uint8_t *structure_read(struct row *row, const struct structure *structure, const uint8_t *at,
                              const uint8_t *end);
const struct structure *structure_find(const struct structure_table *table, uint32_t format);

#define SKIP(bytes_)         {0, FORM_SKIP, bytes_}
#define NUMBER(name)         {SFLOW_##name, FORM_NUMBER, 4}
#define NUMBER8(name)        {SFLOW_##name, FORM_NUMBER, 8}
#define COUNTER(name)        {SFLOW_##name, FORM_COUNTER, 4}
#define HYPER(name)          {SFLOW_##name, FORM_COUNTER, 8}
#define BYTES(name, bytes_)  {SFLOW_##name, FORM_BYTES, bytes_}
#define MAC(name)            BYTES(name, 6), SKIP(2)
#define ADDRESS(name)        {SFLOW_##name##_IPV4_ADDRESS, FORM_ADDRESS, 0}
#define TEXT(name)           {SFLOW_##name, FORM_TEXT, 0}
#define NUMBERS(name)        {SFLOW_##name, FORM_NUMBERS, 0}
#define LABELS(name)         {SFLOW_##name, FORM_LABELS, 0}
#define PATH(name)           {SFLOW_##name, FORM_PATH, 0}
#define LANES(name)          {SFLOW_##name, FORM_LANES, 0}
#define ADAPTERS(name)       {SFLOW_##name, FORM_ADAPTERS, 0}
#define PAYLOAD              {0, FORM_PAYLOAD, 0}
#define ASES(name)           {SFLOW_##name, FORM_ASES, 0}
