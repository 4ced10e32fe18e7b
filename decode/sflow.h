/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "decode/dissect.h"
#include "decode/sflow_fields.h"
#include "decode/state.h"

/*
 * sFlow's inside, which decode/sflow*.c share. A sample is no record of one layout: it is a list of structures, each
 * with a few values. So its values are gathered in a row, one behind the other, and a row is a record of a built-in
 * plan that has a field for each value there can be; SPAN_ABSENT where the sample has none.
 */

#define SFLOW_ROW_BYTES   2048
#define SFLOW_FIELDS_MOST                                                                                              \
    ((int)SFLOW_FLOW_FIELD_COUNT > (int)SFLOW_COUNTER_FIELD_COUNT ? (int)SFLOW_FLOW_FIELD_COUNT                        \
                                                                  : (int)SFLOW_COUNTER_FIELD_COUNT)

/*
 * Most flow samples have a packet's header and a switch's or router's view of it, and nothing else: so many fields of
 * the plan. They are records of a plan that has these alone, which is the quicker one to write documents of.
 */
#define SFLOW_PLAIN_FIELDS SFLOW_POST_NAT_SOURCE_IPV4_ADDRESS

struct sflow {
    struct plan *plans[SFLOW_PLANS];
    struct plan *plain;
    struct numberings *sources; /* what samples of each data source are missing */
    uint32_t agent;             /* of the datagram at hand: agent and sub-agent as one number */
    bool has_more;              /* a sample of the chunk at hand does */
    struct span spans[CHUNK_RECORDS][SFLOW_FIELDS_MOST];
    uint8_t rows[CHUNK_RECORDS][SFLOW_ROW_BYTES + RECORD_SLACK_BYTES];
};

/*
 * A sample being read. Where it has room the row begins with the sample as it came, and is read from there: what stands
 * on the wire as it is wanted then needs nothing but a span.
 */
struct sflow_row {
    struct decoder *decoder;
    const struct field *fields; /* the plan's */
    struct span *spans;
    uint8_t *bytes;
    uint32_t used;
    uint32_t sampling_rate;     /* of flow samples; else 1 */
    bool has_sample;
    bool has_more;              /* a flow sample with fields beyond the plain ones */
};

#define SFLOW_ROW_COMPUTED 512 /* bytes of a row that are left to values that do not stand in the sample */

static inline void sflow_span(struct sflow_row *row, uint16_t field, uint32_t offset, uint32_t size_bytes)
{
    row->spans[field] = (struct span){.offset = (uint16_t)offset, .length = (uint16_t)size_bytes};
    if (field >= SFLOW_PLAIN_FIELDS)
        row->has_more = true;
}

/* Room for a value of that field; NULL, and counted, when the row is full. */
static inline uint8_t *sflow_room(struct sflow_row *row, uint16_t field, uint32_t size_bytes)
{
    if (size_bytes > SFLOW_ROW_BYTES - row->used) {
        decoder_count(row->decoder, COUNTER_sflow_values_cut, 1);
        return NULL;
    }
    uint32_t offset = row->used;
    sflow_span(row, field, offset, size_bytes);
    row->used = offset + size_bytes;
    return row->bytes + offset;
}

/* Bytes of the sample. */
static inline void sflow_put(struct sflow_row *row, uint16_t field, const uint8_t *bytes, uint32_t size_bytes)
{
    if (row->has_sample) {
        sflow_span(row, field, (uint32_t)(bytes - row->bytes), size_bytes);
        return;
    }
    uint8_t *room = sflow_room(row, field, size_bytes);
    if (room)
        memcpy(room, bytes, size_bytes);
}

/* A number of the sample of so many bytes, at least as many as the plan's field has: the last ones count. */
static inline void sflow_put_wire(struct sflow_row *row, uint16_t field, const uint8_t *bytes, uint32_t size_bytes)
{
    uint32_t length = row->fields[field].length;
    sflow_put(row, field, bytes + size_bytes - length, length);
}

/* A number, of as many bytes as the plan's field has: what it has more is cut off in front. */
static inline void sflow_put_number(struct sflow_row *row, uint16_t field, uint64_t value)
{
    uint32_t size_bytes = row->fields[field].length;
    uint8_t *room = sflow_room(row, field, size_bytes);
    uint64_t be = __builtin_bswap64(value << (64 - 8 * size_bytes));
    if (room)
        memcpy(room, &be, sizeof be); /* behind the row's end is slack */
}

/* --- sflow_header.c --- */

#define SFLOW_HEADER 1 /* its format among structures of flow samples */

/* Reads a sampled header (sFlow v5 5.3, flow_data 0;1) as far as its protocol is known. False: it is cut. */
bool sflow_header_read(struct sflow_row *row, const uint8_t *at, const uint8_t *end);
/* The same of versions 2 and 4; returns where it ends, NULL: it is cut. */
const uint8_t *sflow_old_header_read(struct sflow_row *row, const uint8_t *at, const uint8_t *end);
/* Puts what the packet's headers say into the row, unless another packet's were there before. */
void sflow_packet_read(struct sflow_row *row, enum dissect_start start, const uint8_t *packet, uint32_t size_bytes);

/* --- sflow.c: what samples of all versions have --- */

/* Sampling rate, pool, drops, and then the interfaces: in two words, or expanded in four. */
void sflow_sampling_read(struct sflow_row *row, const uint8_t *at, bool expanded);
/* Puts and follows the sample's number: of all plans, sequence number, type and index stand in this order. */
void sflow_source_read(struct sflow_row *row, enum sflow_plan kind, uint32_t number, uint32_t type, uint32_t index);

/* --- sflow_old.c --- */

/*
 * Reads a sample of version 2 or 4 from behind its type, whose row has no value yet. *next: where it ends, NULL when
 * that cannot be told, for it is cut or has something unknown. False: there is no record of it.
 */
bool sflow_old_sample_read(struct sflow_row *row, enum sflow_plan kind, const uint8_t *at, const uint8_t **next);

/* --- sflow_structures.c --- */

/* Reads a structure of a flow sample or of a counter sample into the row; counts what it cannot read. */
void sflow_flow_structure_read(struct sflow_row *row, uint32_t format, const uint8_t *at, const uint8_t *end);
void sflow_counter_structure_read(struct sflow_row *row, uint32_t format, const uint8_t *at, const uint8_t *end);
