/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "decode/dissect.h"
#include "decode/sflow_fields.h"
#include "decode/state.h"

/*
 * A record whose values do not all stand on the wire as documents want them: a sample of sFlow's, or a flow record with
 * a section of a packet. Where it has room the row begins with the record as it came, and is read from there: what
 * stands there as it is wanted needs nothing but a span. What is computed lies behind.
 */
struct row {
    struct decoder *decoder;
    const struct field *fields; /* of the plan: those of sflow_fields.h, from the first on */
    struct span *spans;         /* of these */
    uint8_t *bytes;             /* most_bytes, and RECORD_SLACK_BYTES behind them */
    uint32_t most_bytes;
    uint32_t used;
    uint32_t sampling_rate;     /* of sFlow's flow samples; else 1 */
    bool has_record;            /* the row begins with the record as it came */
    bool has_more;              /* a flow sample with fields beyond the plain ones */
};

#define ROW_COMPUTED_BYTES 512 /* of a row that are left to values that do not stand in the record */

/* Fields of sflow_flow_fields.h that the headers of a packet fill are among the first so many. */
#define ROW_PACKET_FIELDS (SFLOW_INNER_DESTINATION_MAC_ADDRESS + 1)

/*
 * Most flow samples have a packet's header and a switch's or router's view of it, and nothing else: so many fields of
 * the plan. They are records of a plan that has these alone, which is the quicker one to write documents of.
 */
#define SFLOW_PLAIN_FIELDS SFLOW_POST_NAT_SOURCE_IPV4_ADDRESS

static inline void row_span(struct row *row, uint16_t field, uint32_t offset, uint32_t size_bytes)
{
    row->spans[field] = (struct span){.offset = (uint16_t)offset, .length = (uint16_t)size_bytes};
    if (field >= SFLOW_PLAIN_FIELDS)
        row->has_more = true;
}

/* Room for a value of that field; NULL, and counted, when the row is full. */
static inline uint8_t *row_room(struct row *row, uint16_t field, uint32_t size_bytes)
{
    if (size_bytes > row->most_bytes - row->used) {
        decoder_count(row->decoder, COUNTER_sflow_values_cut, 1);
        return NULL;
    }
    uint32_t offset = row->used;
    row_span(row, field, offset, size_bytes);
    row->used = offset + size_bytes;
    return row->bytes + offset;
}

/* Bytes of the record. */
static inline void row_put(struct row *row, uint16_t field, const uint8_t *bytes, uint32_t size_bytes)
{
    if (row->has_record) {
        row_span(row, field, (uint32_t)(bytes - row->bytes), size_bytes);
        return;
    }
    uint8_t *room = row_room(row, field, size_bytes);
    if (room)
        memcpy(room, bytes, size_bytes);
}

/* A number of the record of so many bytes, at least as many as the plan's field has: the last ones count. */
static inline void row_put_wire(struct row *row, uint16_t field, const uint8_t *bytes, uint32_t size_bytes)
{
    uint32_t length = row->fields[field].length;
    row_put(row, field, bytes + size_bytes - length, length);
}

/* A number, of as many bytes as the plan's field has: what it has more is cut off in front. */
static inline void row_put_number(struct row *row, uint16_t field, uint64_t value)
{
    uint32_t size_bytes = row->fields[field].length;
    uint8_t *room = row_room(row, field, size_bytes);
    uint64_t be = __builtin_bswap64(value << (64 - 8 * size_bytes));
    if (room)
        memcpy(room, &be, sizeof be); /* behind the row's end is slack */
}

/* --- row_packet.c --- */

/* Puts what the packet's headers say into the row, unless another packet's were there before. */
void row_put_packet(struct row *row, enum dissect_start start, const uint8_t *packet, uint32_t size_bytes);

/* The same of what stands behind the IP header of a packet of that protocol. */
void row_put_payload(struct row *row, uint8_t protocol, const uint8_t *payload, uint32_t size_bytes);

/* The number of a field; 0: the row has none. */
static inline uint32_t row_number(const struct row *row, uint16_t field)
{
    struct span span = row->spans[field];
    return span.length == SPAN_ABSENT ? 0 : (uint32_t)read_be(row->bytes + span.offset, span.length);
}
