/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct batch;

/*
 * How long documents take from receipt to acknowledgement, as a histogram in documents: a batch's documents all count
 * with the time from its first one's (so none took longer) to the moment when the sink was done with it. What was in a
 * spool counts from the sealing of its batch, in whatever run that was. One output thread writes, any thread reads.
 */

/* 1 ms to 100 s in steps of 1, 2 and 5, and one for all that took longer. */
#define LATENCY_BOUNDS  16
#define LATENCY_BUCKETS (LATENCY_BOUNDS + 1)

extern const int64_t latency_bounds_ns[LATENCY_BOUNDS]; /* upper ones, included */

struct latency {
    _Atomic uint64_t documents[LATENCY_BUCKETS]; /* of each bucket alone */
    _Atomic uint64_t sum_us;                     /* over all documents */
};

/* A reading, or a sum of some. */
struct latency_sum {
    uint64_t documents[LATENCY_BUCKETS];
    uint64_t sum_us;
};

/* Counts the batch's delivered documents, if there are any. */
void latency_count(struct latency *latency, const struct batch *batch);

/* Any thread. */
void latency_add(struct latency_sum *sum, const struct latency *latency);
