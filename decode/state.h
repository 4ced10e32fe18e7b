/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "decode/datagram.h"
#include "decode/decoder.h"
#include "decode/plans.h"
#include "decode/numberings.h"
#include "decode/session.h"

/* The decoder's inside, which the .c files of decode/ share: fixed.c, message.c, templates.c, records.c, decoder.c. */

/* What v9 and IPFIX differ in. */
struct dialect {
    uint8_t header_bytes;
    uint8_t template_set;    /* set ids: RFC 3954 5.2 and 6.1, RFC 7011 3.3.2 */
    uint8_t options_set;
    bool enterprises;        /* the top bit of a field's id announces an enterprise number (RFC 7011 3.2) */
    bool withdrawals;        /* a template without fields is a withdrawal (RFC 7011 8.1) */
    bool scope_in_bytes;     /* options templates give bytes of scopes and options, not their numbers */
};

extern const struct dialect dialect_v9;
extern const struct dialect dialect_ipfix;

#define V9_FIELD_BYTES 4
#define SET_HEADER_BYTES 4

/* A set that ends the documents of its datagram (bad_set_drops_datagram): where it is, and the names of why. */
struct fault {
    const uint8_t *set; /* NULL: no fault */
    enum counter set_counter;
    enum counter datagram_counter;
};

/* Where the walk through the datagram stands. */
struct walk {
    /* the records at hand, all of one set and one plan */
    const struct plan *plan;
    const uint8_t *record;
    const uint8_t *record_end; /* of the set */
    uint32_t records_left;     /* 0: go on with the next set */
    uint32_t records_taken;    /* of the message */
    uint32_t sets_left;
    const struct dialect *dialect; /* NULL: a fixed format, which is one run of records */
    const uint8_t *next;       /* set */
    const uint8_t *end;        /* of the message */
    struct session *session;   /* of the message; NULL until there is one */
    struct session_key key;
    struct sequence_counts counts; /* of the message so far */
    struct fault fault;
    bool open;                 /* the datagram has no verdict yet */
};

struct decoder {
    struct datagram datagram;
    struct message message;
    struct walk walk;
    /* constant from here, but for what the pointers lead to */
    const struct config *config;
    const struct profile *profile;
    const struct elements *elements;
    struct exporters *exporters;
    struct counters *counters;
    struct heap *heap;
    struct plans *plans;
    struct sessions *sessions;
    struct numberings *numberings;
    struct span *spans;        /* CHUNK_RECORDS records of fields_most fields */
    struct field *fields;      /* fields_most: the template at hand */
    uint32_t fields_most;
    uint8_t *ids_defined;      /* one a template id, for judging a datagram: see message.c */
    struct plan *fixed_plans[8 + 15]; /* by version, and v8's schemes from FIXED_V8 on */
    /* expiry */
    int64_t sweep_due_ns;      /* 0: not set yet */
    uint32_t sweep_bucket;     /* next one of the sweep that is under way */
    bool sweeping;
    uint32_t gaps_slot;        /* next exporter whose open gaps are looked at */
};

#define FIXED_V8 8 /* of fixed_plans: scheme 0, which does not exist */

/* Counts for the worker and for the datagram's exporter. */
static inline void decoder_count(struct decoder *decoder, enum counter counter, uint64_t amount)
{
    counter_add(decoder->counters, counter, amount);
    counter_bump(&decoder->datagram.exporter->counters.value[counter], amount);
}

/* UTC in seconds, as far as 2106, when the datagram at hand came. */
static inline uint32_t decoder_now_s(const struct decoder *decoder)
{
    return (uint32_t)(decoder->datagram.received_ns / NS_PER_S);
}

/* Ends the datagram with its verdict. */
static inline void decoder_settle(struct decoder *decoder, enum counter verdict)
{
    decoder_count(decoder, verdict, 1);
    decoder->walk.open = false;
    decoder->walk.records_left = 0;
}

/* Follows the sequence number of the message at hand, whose walk->counts are complete. domain: of its numbering. */
void decoder_follow(struct decoder *decoder, uint32_t domain);

/* --- fixed.c: v1, v5, v6, v7, v8 --- */

/* Makes the built-in plans; false for want of memory. */
bool fixed_init(struct decoder *decoder);
/* Reads the header of a datagram of that version, at least fixed_header_bytes(version) long; begins its records. */
void fixed_begin(struct decoder *decoder, uint8_t version);
uint32_t fixed_header_bytes(uint8_t version);

/* --- message.c: v9 and IPFIX --- */

void v9_begin(struct decoder *decoder);
void ipfix_begin(struct decoder *decoder);
/* Goes on to the next data set with records; false at the end of the datagram, which then has its verdict. */
bool message_advance(struct decoder *decoder);

/* --- templates.c --- */

struct set {
    const uint8_t *start;
    const uint8_t *body;
    const uint8_t *end;
    uint16_t id;
};

/* A template as it stands in its set. */
struct template_view {
    const uint8_t *fields;
    const uint8_t *fields_end;
    uint16_t id;
    uint16_t field_count; /* scopes included */
    uint16_t scope_count;
    bool options;
};

enum template_verdict {
    TEMPLATE_WHOLE,
    TEMPLATE_WITHDRAWN,
    TEMPLATE_NOTHING, /* no fields: ignored */
    TEMPLATE_END,     /* the rest of the set is padding */
    TEMPLATE_CUT,     /* the set ends inside it: it is lost, those before it are not */
    TEMPLATE_BAD,
};

/* Reads the template at *at, and moves *at behind it. strict: as Elastic does. */
struct template_reader {
    const struct dialect *dialect;
    const uint8_t *at;
    const uint8_t *end;
    uint16_t set_id;
    bool strict;
};

enum template_verdict template_read(struct template_reader *reader, struct template_view *view);
/* Have the records of this template no bytes at all? */
bool template_is_empty(const struct dialect *dialect, const struct template_view *view);

/* Learns the templates of a set, and counts the set. */
void templates_learn(struct decoder *decoder, const struct set *set);

/* --- records.c --- */

/* Hands out the next records of the set at hand: 0 when what is left of it holds none. */
uint32_t records_take(struct decoder *decoder, struct chunk *chunk);
/* Begins the records of a data set. */
void records_begin(struct decoder *decoder, const struct plan *plan, const struct set *set);
