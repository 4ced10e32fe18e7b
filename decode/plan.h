/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "decode/element.h"

/* Where a field of a record lies. */
struct span {
    uint16_t offset; /* from the first byte of the record */
    uint16_t length; /* SPAN_ABSENT: this record has no readable value here */
};

#define SPAN_ABSENT 0xffff
#define LENGTH_VARIABLE 0xffff /* a template's field length: RFC 7011 7 */

/* One field of a template, as announced and as understood. */
struct field {
    uint32_t enterprise;
    uint16_t id;
    uint16_t length;  /* as announced; LENGTH_VARIABLE */
    uint16_t element; /* index in the registry; 0 = unknown */
    uint8_t type;     /* enum value_type: TYPE_NONE when nothing is to be read here */
    uint8_t flags;    /* enum field_flag */
};

enum field_flag {
    FIELD_SCOPE = 1 << 0,    /* a scope field of an options template */
    FIELD_OPTIONAL = 1 << 1, /* variable length of a fixed type: SPAN_ABSENT in records where it is wrong */
    /* 1 << 2: FIELD_WIDE of decode/plans.h */
    FIELD_ENTERPRISE = 1 << 3, /* announced with an enterprise number, be it 0 */
    FIELD_NAMED = 1 << 5,      /* no table has its element, but the plan has a name for it: decode/element_names.h */
    FIELD_LONG = 1 << 6,       /* a number longer than its type, so FIELD_OPTIONAL, too: the value may not fit that */
    FIELD_COMPUTED = 1 << 4,   /* no template has it: made of a section of a packet (decode/sections.h) */
};

static_assert(sizeof(struct field) == 12, "fields are read in order, five a cache line");

/* sFlow numbers its versions itself, from 2 to 5: here all of them are this one. */
#define VERSION_SFLOW 11
#define VERSION_COUNT 12

/* Their plans by the kind of sample: plan.aggregation. */
enum sflow_plan { SFLOW_PLAN_FLOW = 1, SFLOW_PLAN_DISCARD, SFLOW_PLAN_COUNTERS, SFLOW_PLANS };

struct fact_use;       /* decode/fact_rows.h */
struct section_layout; /* decode/sections.h */
struct field_names;    /* decode/element_names.h */

#define PLAN_COMPUTED_MOST 104 /* fields that a plan has more than its template */

/* The version of a plan's message: 1, 5, 6, 7, 8, 9, 10 or VERSION_SFLOW. */
enum plan_kind { PLAN_FLOW, PLAN_OPTIONS, PLAN_COUNTERS };

struct elements;
struct plan;

/*
 * Of a value that the field's type may refuse, for only the record tells its length or whether the type can have it:
 * the span of what counts, or an absent one. at: its bytes. span: where these are in the record.
 */
struct span span_checked(const struct elements *elements, const struct field *field, const uint8_t *at,
                         struct span span);

/*
 * Finds the fields of the record of the plan at `at` (RFC 7011 7); returns its end, NULL when that is behind `end`.
 * spans: one a field.
 */
const uint8_t *plan_resolve(const struct plan *plan, const struct elements *elements, const uint8_t *at,
                            const uint8_t *end, struct span *spans);

/*
 * A template compiled once: constant, and interned by content (version, kind, fields, names) within its worker, so all
 * exporters that announce the same template share it. Lives while a template of any session uses it; what keeps
 * something by plan index must compare the serial, for indexes are used again.
 */
struct plan {
    uint32_t index;         /* dense: below decoder_plans_most() */
    uint16_t field_count;
    uint16_t record_bytes;  /* of every record; with variable: of the shortest possible one */
    uint8_t version;
    uint8_t kind;           /* enum plan_kind */
    bool nameable;          /* no table has the element of some field, or one names properties: facts may change it */
    bool variable;          /* some field has LENGTH_VARIABLE or FIELD_LONG: spans differ from record to record */
    uint8_t aggregation;    /* v8: the scheme; sFlow: enum sflow_plan; else 0 */
    uint64_t serial;        /* never used twice in a worker; never 0 */
    const struct span *spans;   /* field_count spans; with variable, those before the first variable field hold */
    const struct field *fields; /* field_count fields */
    struct plan *sectioned; /* that its records become, for they have sections of packets, or properties elsewhere;
                               NULL: they stay its own */
    const struct fact_use *facts; /* fact_count: what is to be learned of the records of an options template */
    uint32_t fact_count;
    const struct field_names *names; /* of the fields with FIELD_NAMED; NULL: there are none */
    const struct field *properties; /* property_count: that its records have by an id (decode/properties.h) */
    uint32_t property_count;
    const struct section_layout *sections; /* of a sectioned plan; else NULL */

    /* cold: the intern table's */
    uint64_t hash;
    uint32_t uses;
    uint32_t size_bytes;
    struct plan *next;
};
