/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <assert.h>
#include <stdint.h>

#include "base/address.h"
#include "decode/element.h"
#include "decode/record.h"

/*
 * Who talks most, of one worker: bounded counters by source, destination, service and exporter, made from a sample of
 * the flow records. Each record is counted while few come; the more come, the rarer is the one that is, and it counts
 * for as many as were passed over: so the cost is bounded, too. The sums are estimates then.
 *
 * A table is Space-Saving (Metwally et al. 2005) in sets of a cache: a key has a place among the eight of its set, and
 * where none is free takes that of the least, whose sum it inherits as its possible error.
 *
 * The time is cut into epochs. What an epoch brought is a book; it goes to the reader by a mailbox that always holds
 * one: the writer, the mailbox and the reader have a book each, and only whole ones change hands. No lock, no waiting.
 */

#define TALKERS_EPOCH_NS (10 * NS_PER_S)
#define TALKERS_SETS     32 /* by hash */
#define TALKERS_WAYS     8
#define TALKERS_PLACES   (TALKERS_SETS * TALKERS_WAYS)

enum talker_kind { TALKER_SOURCE, TALKER_DESTINATION, TALKER_SERVICE, TALKER_EXPORTER, TALKER_KINDS };
enum talker_measure { TALKER_BYTES, TALKER_PACKETS, TALKER_MEASURES };

/* Who: an address, or a service. Unused members are 0. */
struct talker_key {
    struct address address;
    uint16_t port;    /* of a service: the lower of the two, for that is mostly the server's */
    uint8_t protocol; /* of a service */
    uint8_t used;     /* 0: the place is free */
};

struct talker {
    struct talker_key key;
    uint32_t reserved;
    uint64_t counts[TALKER_MEASURES]; /* bytes and packets, of both directions */
    uint64_t records;
    uint64_t over; /* the sum that the table is by may be so much too high */
};

static_assert(sizeof(struct talker_key) == 20 && sizeof(struct talker) == 56, "a set lies in seven cache lines");

/* One epoch. Tables by bytes and by packets: what is first by the one need not be kept by the other. */
struct talkers_book {
    uint64_t epoch;    /* steady clock / TALKERS_EPOCH_NS; 0: nothing in it */
    uint32_t interval; /* the most records that one stood for */
    uint64_t counts[TALKER_MEASURES];
    uint64_t records;
    struct talker tables[TALKER_KINDS][TALKER_MEASURES][TALKERS_PLACES];
};

struct talkers;

/* plans_most: decoder_plans_most(). NULL for want of memory. Nothing is allocated later. */
struct talkers *talkers_new(const struct elements *elements, uint32_t plans_most);
void talkers_free(struct talkers *talkers);

/* The worker: counts the chunk's records, those of the sample. The chunk is of flow records. */
void talkers_count(struct talkers *talkers, const struct chunk *chunk);

/* The worker, every few milliseconds: adapts the sample, ends the epoch. */
void talkers_housekeep(struct talkers *talkers, int64_t steady_ns);

/*
 * One other thread: the book of an epoch that ended since the last call, or NULL. It is the caller's until the next
 * call. Who asks less often than once an epoch misses some.
 */
const struct talkers_book *talkers_take(struct talkers *talkers);

/* A sum that stays at its highest value, as hostile records may want it higher. */
static inline uint64_t talkers_sum(uint64_t one, uint64_t other)
{
    uint64_t sum;
    return __builtin_add_overflow(one, other, &sum) ? UINT64_MAX : sum;
}
