/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/counter.h"
#include "decode/clock_skew.h"
#include "decode/sequence.h"
#include "decode/transport.h"

struct session;

#define EXPORTER_SHOWN_WORDS 3 /* an endpoint's 18 bytes */

/*
 * A source of datagrams, by address and UDP port, or a session of another transport: all that lives longer than a
 * datagram. Private to one worker; other
 * threads look by exporters_look(), which reads the atomic members alone. The worker writes those as plain memory
 * (relaxed): to be looked at costs it nothing.
 */
struct exporter {
    /* hot: touched for every datagram */
    struct endpoint endpoint;
    uint32_t slot;             /* below exporters_most() */
    _Atomic uint32_t generation; /* changes when the slot goes to another exporter */
    struct session *session;   /* of the datagram before: most exporters have one observation domain */
    _Atomic int64_t seen_ns;   /* received_ns of the last datagram */
    _Atomic uint32_t versions; /* 1 << N for each version N that it sent and that was decoded */
    uint32_t admitted;         /* generation of the rules that its worker let it in by */
    uint32_t counted_window;   /* its worker's: when its address was counted last (dataplane/fairness.h) */
    int64_t paid_ns;           /* its worker's: until when its packets are paid for (input.exporter_rate) */
    uint16_t owner;            /* worker that decodes this exporter's datagrams */
    uint16_t stream_number;   /* from 1 on, of no other live session; 0: UDP, which has none */
    uint8_t endpoint_bytes;    /* lengths of the texts below, without NUL */
    uint8_t address_bytes;
    char endpoint_text[ENDPOINT_TEXT_MOST]; /* "192.0.2.1:2055", "[2001:db8::1]:2055" */
    char address_text[ADDRESS_TEXT_MOST];
    struct exporter_counters counters;
    struct clock_skew clock;       /* its messages' times; not of sFlow, which says none */
    struct numbering numbering;    /* the first one, of the first datagram's domain, engine or source id */
    struct numbering_list numberings; /* further ones: decode/numberings.c has all of these */
    uint32_t gaps_open;            /* of all numberings */

    /* cold */
    struct numbering_list sources; /* sFlow: those of samples, one for each data source */
    struct sequence_mark sequence_newest; /* of the last message, whatever its domain, where there are several */
    uint32_t sequence_domain;
    uint16_t sequence_version;
    uint8_t sequence_scope;        /* enum sequence_scope */
    uint8_t sequence_hints;        /* messages that followed one of another domain */
    uint64_t hash;
    _Atomic uint64_t records_in_flight; /* documents in batches that the output has not returned: counter_bump() */
    _Atomic uint32_t template_count;    /* of all sessions that this endpoint opened */
    uint32_t parked_bytes;              /* of data sets that wait for their templates */
    _Atomic int64_t first_ns;           /* received_ns of the first datagram; 0 = not known */
    _Atomic int64_t clock_skew_ms;      /* of clock, for other threads: SKEW_UNKNOWN, or its estimate */
    _Atomic bool clock_off;             /* the same: it is clock.tolerance or more */
    _Atomic int64_t split_ns;           /* UTC, since when its port tells it from others of its address; 0: no */
    _Atomic uint64_t shown[EXPORTER_SHOWN_WORDS]; /* endpoint, for other threads */
    struct session *sessions;   /* those sessions; the decoder's */
    _Atomic uint8_t transport;  /* enum transport */
    _Atomic int64_t ended_ns;   /* UTC, when its session ended; 0: it has not */
    struct exporter_rates *rates; /* the decoder's: sampling.rates, as far as they are this exporter's; NULL: none */
    bool rates_known;           /* that was looked up */
    _Atomic bool live;
    uint32_t next;              /* of the hash chain or the free list: slot + 1, 0 = end */
};

/* The enum transport that its messages come by. */
static inline enum transport exporter_transport(const struct exporter *exporter)
{
    return (enum transport)atomic_load_explicit(&exporter->transport, memory_order_relaxed);
}

/* The port that templates are told apart by: never 0, which stands for none. Who sends from port 0 is 65535 here. */
static inline uint16_t exporter_port(const struct exporter *exporter)
{
    return exporter->endpoint.port ? exporter->endpoint.port : UINT16_MAX;
}

/*
 * One worker's exporters, at most `most` of them, in an array that never moves. `share` of the array is touched only as
 * far as exporters came.
 */
struct exporters;

struct exporters *exporters_new(uint32_t most);
void exporters_free(struct exporters *exporters);
uint32_t exporters_most(const struct exporters *exporters);

/* The hash to find and prefetch by: keyed by a random secret, so that senders cannot make chains long. */
uint64_t exporters_hash(const struct exporters *exporters, const struct endpoint *endpoint);
void exporters_prefetch(const struct exporters *exporters, uint64_t hash);

/* The exporter, or NULL when it is not known. */
struct exporter *exporters_find(struct exporters *exporters, const struct endpoint *endpoint, uint64_t hash);

/* A new exporter with its texts rendered and counters at zero, or NULL at the cap. */
struct exporter *exporters_add(struct exporters *exporters, const struct endpoint *endpoint, uint64_t hash);

/*
 * The same for a session of another transport than UDP. It has no hash and is not found: whoever has the session has
 * its exporter. stream_number as in struct exporter.
 */
struct exporter *exporters_add_stream(struct exporters *exporters, const struct endpoint *endpoint,
                                       enum transport transport, uint16_t stream_number);

/* Forgets the exporter; records_in_flight is 0 and no session refers to it (decoder_forget() first). */
void exporters_remove(struct exporters *exporters, struct exporter *exporter);

/* Slot by slot, for expiry: NULL where none is live. */
struct exporter *exporters_at(struct exporters *exporters, uint32_t slot);

/* --- any thread --- */

uint32_t exporters_slots_used(const struct exporters *exporters); /* slots above were never live */
uint32_t exporters_count(const struct exporters *exporters);      /* live ones */

/* An exporter as another thread sees it: a copy. */
struct exporter_view {
    struct endpoint endpoint;
    uint32_t slot;       /* the exporter's for as long as it is known */
    uint32_t generation;
    int64_t first_ns;    /* UTC; 0 = not known */
    int64_t seen_ns;     /* UTC */
    uint32_t versions;   /* 1 << N */
    uint32_t template_count;
    enum transport transport;
    int64_t ended_ns;    /* UTC, when its session ended; 0: it has not */
    int64_t clock_skew_ms; /* its clock less ours, by estimate; SKEW_UNKNOWN */
    bool clock_off;      /* by clock.tolerance or more */
    uint64_t records_in_flight;
    uint64_t counts[COUNTER_EXPORTER_COUNT];
};

#define EXPORTER_NAME_MOST (ENDPOINT_TEXT_MOST + 5) /* longest name with its NUL */

/* Writes "192.0.2.1:2055", of another transport than UDP "192.0.2.1:50000/tcp", and a NUL; returns its length. */
size_t exporter_view_name(const struct exporter_view *view, char *text);

/*
 * Copies the exporter of a slot, without its worker noticing: no lock, no store. False where none is live. The numbers
 * belong to one exporter, but while datagrams come each is read at its own moment.
 */
bool exporters_look(const struct exporters *exporters, uint32_t slot, struct exporter_view *view);
