/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/counter.h"
#include "decode/sequence.h"

struct session;

/*
 * A source of datagrams, by address and UDP port: all that lives longer than a datagram. Private to one worker, but for
 * its counters and its endpoint, which any thread may read while the slot is live.
 */
struct exporter {
    /* hot: touched for every datagram */
    struct endpoint endpoint;
    uint32_t slot;             /* below exporters_most() */
    uint32_t generation;       /* changes when the slot goes to another exporter */
    struct session *session;   /* of the datagram before: most exporters have one observation domain */
    int64_t seen_ns;           /* received_ns of the last datagram */
    uint16_t owner;            /* worker that decodes this exporter's datagrams */
    uint8_t endpoint_bytes;    /* lengths of the texts below, without NUL */
    uint8_t address_bytes;
    char endpoint_text[ENDPOINT_TEXT_MOST]; /* "192.0.2.1:2055", "[2001:db8::1]:2055" */
    char address_text[ADDRESS_TEXT_MOST];
    struct exporter_counters counters;
    struct numbering numbering;    /* the first one, of the first datagram's domain, engine or source id */
    uint32_t numbering_count;      /* further numberings: decode/numberings.c has all of these */
    uint32_t gaps_open;            /* of all numberings */

    /* cold */
    struct numbering *numberings_first; /* oldest */
    struct numbering *numberings_last;
    struct sequence_mark sequence_newest; /* of the last message, whatever its domain, where there are several */
    uint32_t sequence_domain;
    uint16_t sequence_version;
    uint8_t sequence_scope;        /* enum sequence_scope */
    uint8_t sequence_hints;        /* messages that followed one of another domain */
    uint64_t hash;
    uint64_t records_in_flight; /* documents in batches that the output has not returned */
    uint32_t template_count;    /* of all sessions that this endpoint opened */
    struct session *sessions;   /* those sessions; the decoder's */
    _Atomic bool live;          /* its worker writes, readers of the ledger look */
    uint32_t next;              /* of the hash chain or the free list: slot + 1, 0 = end */
};

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

/* Forgets the exporter; records_in_flight is 0 and no session refers to it (decoder_forget() first). */
void exporters_remove(struct exporters *exporters, struct exporter *exporter);

/* Slot by slot, for readers of the ledger and for expiry: NULL where none is live. Any thread. */
struct exporter *exporters_at(struct exporters *exporters, uint32_t slot);
uint32_t exporters_slots_used(const struct exporters *exporters); /* slots above were never live. Any thread. */
