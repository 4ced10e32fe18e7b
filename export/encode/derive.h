/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/text.h"
#include "decode/record.h"
#include "enrich/networks.h"
#include "export/encode/connections.h"
#include "export/encode/program.h"
#include "export/encode/words.h"

/* Has the record a value there? field: of the plan, or FIELD_NONE. */
static inline bool field_is_present(const struct record *record, uint16_t field)
{
    return field != FIELD_NONE && record->spans[field].length != SPAN_ABSENT;
}

/* The unsigned integer of a field that is present. */
static inline uint64_t field_number(const struct record *record, uint16_t field)
{
    return read_be(record->bytes + record->spans[field].offset, record->spans[field].length);
}

/* What explained programs have looked up of a record. */
struct explanation {
    struct rate rate;           /* that counters are scaled by; population 0: none, or 1 */
    struct rate rendered;       /* that the slot of the rate has the text of */
    uint64_t scaled, unknown;   /* records whose counters were scaled; whose sampler's rate nobody told */
};

/* What is put right about the times of records: profile weir. Each has a counter. */
enum time_repair {
    REPAIR_WRAPPED,     /* counted back over a wrap of the uptime */
    REPAIR_AHEAD,       /* later than the uptime of the header */
    REPAIR_EXCHANGED,   /* the end was before the start */
    REPAIR_NO_DURATION, /* ... by too much to say how long the flow took */
    TIME_REPAIRS
};

/* What is computed of a record before its document is written; scratch of an encoder. */
struct derived {
    uint64_t conditions;                        /* bit n: enum when n holds */
    const struct word *words[DERIVED_WORDS];
    int64_t times_ms[2];                        /* start and end, since 1970 */
    uint8_t slot_of[DERIVED_SLOTS];
    const struct fact *facts[FACT_PLACES];
    struct explanation explanation;
    uint64_t repairs[TIME_REPAIRS];             /* records of the chunk */
    char flow_id[11 + TEXT_OVERRUN];
    char community_id[30 + TEXT_OVERRUN];
    uint32_t related_count;
    const struct slot *related[SLOTS_MOST + 1]; /* unsorted until derive_related() */
    _Alignas(64) struct slot slots[SLOTS_MOST];
};

/* What deriving needs beside the record; constant while a message lasts. */
struct derive_context {
    const struct profile *profile;
    const struct networks *networks;
    const struct words *words;
    const struct slot *observer;  /* the exporter's address */
    struct text_day *day;
    const struct known *known;    /* explained programs: of the exporter */
    struct connections *connections; /* NULL until a program has PROGRAM_CONNECTIONS, or for want of memory */
};

/* A side of the flow as hashes and localities see it. */
struct derive_side {
    const uint8_t *address; /* zeroes when there is none; 16 bytes are readable in any case */
    uint8_t address_bytes;  /* 4 or 16 */
    bool internal;
};

/* Fills derived for a record of a flow plan; a plan for options gets its related.ip alone. */
void derive_record(struct derived *derived, const struct program *program, const struct record *record,
                   const struct message *message, const struct derive_context *context);

/* Looks up the facts that the record's values name, and the sampling rate. For explained programs, before all else. */
void derive_facts(struct derived *derived, const struct program *program, const struct record *record,
                  const struct message *message, const struct derive_context *context);

/* event.start, .end and .duration, by header uptime (RFC 3954 8) or by the record's own times. */
void derive_times(struct derived *derived, const struct program *program, const struct record *record,
                  const struct message *message, const struct derive_context *context);

/* The names of numbers, and what kind of event the record is. */
void derive_names(struct derived *derived, const struct program *program, const struct record *record,
                  const struct words *words);

/* Leaves out counters that a connection's update events have counted already; once all else is derived. */
void derive_connection(struct derived *derived, const struct program *program, const struct record *record,
                       const struct message *message, struct connections *connections);

/* An address as text, with the key that related.ip sorts by. */
void slot_set_address(struct slot *slot, const struct address *address);

struct derive_flow {
    struct derive_side source, destination;
    uint16_t source_port, destination_port;
    uint8_t protocol;
    bool icmp_known;             /* type and code below are known: Community ID v1 hashes them */
    uint8_t icmp_type, icmp_code;
    bool mapped_sorts_as_ipv6;   /* community id: as in struct profile */
};

/* flow.id: XXH64 over the sides, the one with the larger port first. Eleven characters. */
void derive_flow_id(char *text, const struct derive_flow *flow);

/* Community ID v1 with seed 0. Thirty characters. */
void derive_community_id(char *text, const struct derive_flow *flow);

/* ICMP's type and code, which are known, with their names. */
void derive_icmp(struct derived *derived, const struct derive_flow *flow, const struct words *words);

/* Puts derived.related in the order of their texts, each once. */
void derive_related(struct derived *derived);
