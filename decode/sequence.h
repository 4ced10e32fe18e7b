/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct counters;
struct exporter;

/*
 * What an exporter sent and what never arrived, by its sequence numbers. A numbering is that of an exporter's source id
 * (v9), observation domain (IPFIX), engine (v5, v6), engine and aggregation (v8), sub-agent (sFlow), or of all of it
 * (v7). The samples of each of sFlow's data sources have numberings of their own.
 *
 * Exporters do not agree on what they count, so that is found out: a step from one message to the next fits those units
 * by which nothing is missing between them; a unit that fails where the others fit is not the exporter's. See
 * docs/architecture.md, "Sequence numbers".
 *
 * Everything here belongs to the exporter's worker; the counters may be read by any thread.
 */

/* The units. Where several fit, the version's own goes first, then in this order. */
enum sequence_unit {
    SEQUENCE_RECORDS,           /* data records before the message: RFC 7011 3.1; flows of v5 to v8 */
    SEQUENCE_FLOWS,             /* the same, options records left out */
    SEQUENCE_RECORDS_WITH_OWN,  /* data records, the message's own among them */
    SEQUENCE_FLOWS_WITH_OWN,
    SEQUENCE_RECORDS_TEMPLATES, /* data records and templates before the message */
    SEQUENCE_DATAGRAMS,         /* messages: RFC 3954 5.1 */
    SEQUENCE_UNITS
};

/* What a message holds. */
struct sequence_counts {
    uint16_t records;   /* data records, those of options templates included */
    uint16_t options;   /* data records of options templates */
    uint16_t templates;
    uint16_t unread;    /* bytes of sets that hold records nobody can count: of each byte one, at most */
};

/* A message's place in the numbering. */
struct sequence_mark {
    uint32_t number;
    struct sequence_counts counts;
};

struct sequence_message {
    struct sequence_mark mark;
    uint32_t domain;
    uint16_t version;
    uint32_t uptime_ms;
    int64_t export_ns;
    int64_t received_ns;
};

/* Numbers from start up to but not including end, modulo 2^32. */
struct sequence_range {
    uint32_t start;
    uint32_t end;
};

#define SEQUENCE_GAPS 8 /* open ones; another one closes the oldest */

struct numbering {
    /* hot: a step that fits reads and writes these */
    uint32_t domain;
    uint16_t version;            /* 0: no message yet */
    uint8_t unit;
    bool calm;                   /* trusted, and no suspect */
    bool agreed;                 /* all units that are possible agree on messages without options and templates */
    bool repeated;               /* the newest message holds as much as the one before, and was looked at with that */
    uint32_t next;               /* end of the newest message */
    struct sequence_mark newest;
    uint32_t uptime_ms;          /* of the newest message */
    int64_t export_ns;
    int64_t seen_ns;
    uint64_t covered;            /* units that came */
    uint8_t trust;
    /* cold */
    uint8_t possible;            /* units that no step has ruled out, a bit each */
    uint8_t state;
    uint8_t gap_count;
    bool floor_moved;            /* below the floor there was a gap */
    bool suspicious;             /* suspect is a message that fits nothing, unless the next one follows it */
    uint32_t floor;              /* what came below is not known any more */
    struct sequence_mark suspect;
    int64_t began_ns;
    int64_t gap_ns;              /* received_ns, when the newest gap was opened */
    struct sequence_range gaps[SEQUENCE_GAPS]; /* oldest first */
    /* numberings.c's */
    struct numbering *bucket_next;
    struct numbering *exporter_next;
    uint32_t exporter_slot;
};

struct numbering_list {
    struct numbering *first; /* oldest */
    struct numbering *last;
    uint32_t count;
};

/* Of what an exporter has a numbering of its own. */
enum sequence_scope {
    SEQUENCE_SCOPE_UNKNOWN, /* taken for SCOPE_DOMAIN until then */
    SEQUENCE_SCOPE_DOMAIN,  /* each source id, domain or engine, as it should be */
    SEQUENCE_SCOPE_EXPORTER /* all of it */
};

/* Whose counters are written, the worker's and the exporter's, and which: those of datagrams or of sFlow's samples. */
struct sequence_books {
    struct counters *counters;
    struct exporter *exporter;
    bool samples;
};

/* What is counted beside what is missing. */
enum sequence_event {
    SEQUENCE_LATE,
    SEQUENCE_DUPLICATE,
    SEQUENCE_STRAY,
    SEQUENCE_UNFOLLOWED,
    SEQUENCE_RESET,
    SEQUENCE_DISTRUSTED,
    SEQUENCE_EVENTS
};

void sequence_count(const struct sequence_books *books, enum sequence_event event);

/* Takes the next message of this numbering, the first one included (version is 0 then). */
void numbering_observe(struct numbering *numbering, const struct sequence_message *message,
                       const struct sequence_books *books);

/* Goes on with this message, whatever may lie before it; or begins with it as if there had been none. */
void numbering_skip(struct numbering *numbering, const struct sequence_message *message);
void numbering_begin(struct numbering *numbering, const struct sequence_message *message,
                     const struct sequence_books *books);

bool numbering_is_distrusted(const struct numbering *numbering);

/* Counts what the open gaps still miss: it will not be waited for any longer. */
void numbering_close_gaps(struct numbering *numbering, const struct sequence_books *books);

/*
 * The units, a bit each, by which `to` follows `from` with nothing between them: surely, or as far as can be told where
 * one of them has unread bytes.
 */
struct sequence_fits {
    uint8_t surely;
    uint8_t perhaps; /* those that surely do, too */
};
struct sequence_fits sequence_mark_fits(const struct sequence_mark *from, const struct sequence_mark *to);
