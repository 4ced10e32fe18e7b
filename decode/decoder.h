/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/heap.h"
#include "config/config.h"
#include "decode/datagram.h"
#include "decode/element.h"
#include "decode/journal/board.h"
#include "decode/journal/feed.h"
#include "decode/journal/store.h"
#include "decode/profile.h"
#include "decode/record.h"

/*
 * One worker's decoder: sessions, templates, plans, and the walk through the datagram at hand. Nothing is shared with
 * other workers but the registry, which is constant. It never calls malloc after decoder_new().
 *
 *     decoder_begin(decoder, &datagram);
 *     while (decoder_next(decoder, &chunk))
 *         ...                                  (the chunk's views are good until the next call)
 *
 * Verdicts on bad input are counters, in the worker's and the exporter's set; there is no error to handle.
 */
struct decoder;

struct decoder_setup {
    const struct config *config;     /* protocols, limits, expiry, detection, sharing */
    const struct profile *profile;
    const struct elements *elements;
    struct exporters *exporters;     /* this worker's */
    struct counters *counters;       /* this worker's */
    struct heap *heap;               /* this worker's: templates, sessions and plans come from it */
    struct template_feed *feed;      /* where this worker says what it learns, or NULL: nowhere */
    struct template_store *known;    /* what earlier runs knew, or NULL; of its exporters it is this worker's */
    struct template_board *board;    /* what other collectors announce, or NULL: there are none */
    uint32_t board_reader;           /* this worker's number there */
};

struct decoder *decoder_new(const struct decoder_setup *setup);
void decoder_free(struct decoder *decoder);

/* Reads the datagram's header. The payload stays readable until decoder_next() has returned 0. */
void decoder_begin(struct decoder *decoder, const struct datagram *datagram);

/* The datagram arrived, but is not decoded: its exporter has had its part of an overloaded worker. */
void decoder_refuse(struct decoder *decoder, const struct datagram *datagram);

/* Fills chunk with the next records; returns their number, 0 at the end of the datagram. */
uint32_t decoder_next(struct decoder *decoder, struct chunk *chunk);

/*
 * The plan of the records that a list in the chunk at hand has by that template (RFC 6313 4.5.2), with the names that
 * its elements have by now; good as long as the chunk. NULL: the chunk's session has no such template.
 */
const struct plan *decoder_list_plan(struct decoder *decoder, uint16_t id);

/*
 * Instead of decoder_begin(): the records of data sets whose template another collector has announced meanwhile, a
 * bounded number of sets a call. False: there are none to look at.
 */
bool decoder_begin_parked(struct decoder *decoder);

/* Number of plan indexes: every plan->index is below. */
uint32_t decoder_plans_most(const struct decoder *decoder);

/*
 * The built-in plan of version 1, 5, 6, 7, or 8 with its aggregation scheme (else 0), or of sFlow with the kind of
 * sample (enum sflow_plan); NULL where there is none.
 * Constant as long as the decoder is there: any thread.
 */
const struct plan *decoder_fixed_plan(const struct decoder *decoder, uint8_t version, uint8_t aggregation);

/* How much the decoder knows. */
struct decoder_sizes {
    uint32_t sessions;
    uint32_t templates; /* of all sessions */
    uint32_t plans;     /* those of the fixed formats included */
    uint32_t clocks_off; /* exporters whose clock is off */
};

struct decoder_sizes decoder_sizes(const struct decoder *decoder);

/*
 * Expiry, of data that waits for its template, too, and what is still to be said to the journal, in slices: call it
 * often with the time (UTC); each call looks at a bounded number of sessions. A template or session goes after one to
 * two expiration_timeouts without use. What is missing by sequence number is counted here, a second after the gap.
 */
void decoder_housekeep(struct decoder *decoder, int64_t now_ns);

/*
 * At an orderly end: drops and counts the data sets that still wait for their templates; what is still waited for by
 * sequence number is counted as missing. Datagrams may follow.
 */
void decoder_finish(struct decoder *decoder);

/* Says to the journal what could not be said yet, as far as there is room. True when all of it is said. */
bool decoder_catch_up(struct decoder *decoder, int64_t now_ns);

/* Data sets that wait for their templates. Any thread. */
uint32_t decoder_parked_sets(const struct decoder *decoder);

/* Drops what the decoder keeps for an exporter that is about to be removed. */
void decoder_forget(struct decoder *decoder, struct exporter *exporter);
