/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/row.h"
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

struct sflow {
    struct plan *plans[SFLOW_PLANS];
    struct plan *plain;
    struct numberings *sources; /* what samples of each data source are missing */
    uint32_t agent;             /* of the datagram at hand: agent and sub-agent as one number */
    bool has_more;              /* a sample of the chunk at hand does */
    struct span spans[CHUNK_RECORDS][SFLOW_FIELDS_MOST];
    uint8_t rows[CHUNK_RECORDS][SFLOW_ROW_BYTES + RECORD_SLACK_BYTES];
};

/* --- sflow_header.c --- */

#define SFLOW_HEADER 1 /* its format among structures of flow samples */

/* Reads a sampled header (sFlow v5 5.3, flow_data 0;1) as far as its protocol is known. False: it is cut. */
bool sflow_header_read(struct row *row, const uint8_t *at, const uint8_t *end);
/* The same of versions 2 and 4; returns where it ends, NULL: it is cut. */
const uint8_t *sflow_old_header_read(struct row *row, const uint8_t *at, const uint8_t *end);

/* --- sflow.c: what samples of all versions have --- */

/* Sampling rate, pool, drops, and then the interfaces: in two words, or expanded in four. */
void sflow_sampling_read(struct row *row, const uint8_t *at, bool expanded);
/* Puts and follows the sample's number: of all plans, sequence number, type and index stand in this order. */
void sflow_source_read(struct row *row, enum sflow_plan kind, uint32_t number, uint32_t type, uint32_t index);

/* --- sflow_old.c --- */

/*
 * Reads a sample of version 2 or 4 from behind its type, whose row has no value yet. *next: where it ends, NULL when
 * that cannot be told, for it is cut or has something unknown. False: there is no record of it.
 */
bool sflow_old_sample_read(struct row *row, enum sflow_plan kind, const uint8_t *at, const uint8_t **next);

/* --- sflow_structures.c --- */

/* Reads a structure of a flow sample or of a counter sample into the row; counts what it cannot read. */
void sflow_flow_structure_read(struct row *row, uint32_t format, const uint8_t *at, const uint8_t *end);
void sflow_counter_structure_read(struct row *row, uint32_t format, const uint8_t *at, const uint8_t *end);
