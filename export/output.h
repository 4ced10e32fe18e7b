/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "config/config.h"
#include "export/batch.h"

/*
 * An output: one sink on a thread of its own, and an outlet for every worker: a pool of batches that go to the sink by
 * one ring and come back by another. A worker never waits for it, unless the input can (a capture).
 */
struct output;
struct outlet;

/* Makes pools and rings, opens the sink and starts its thread. NULL with the reason logged. */
struct output *output_open(const struct config *config, uint32_t workers);

/* The worker's outlet. counters: the worker's own, for records_delivered, _no_batch, _refused and _failed. */
struct outlet *output_outlet(struct output *output, uint32_t worker, struct counters *counters);

/* SIGHUP. Any thread. */
void output_reopen(struct output *output);

/* Nothing will be delivered any more (the reader of standard output is gone): time to end. Any thread. */
bool output_broken(const struct output *output);

/* From now on outlet_batch() waits no more: for a shutdown while the output is stuck. Any thread. */
void output_stop_waiting(struct output *output);

/*
 * After the workers have ended: flushes for at most flush_timeout, stops the thread, closes the sink and settles what
 * came back in the outlets' counters. Returns 0, or -ETIMEDOUT when documents had to be given up (records_failed).
 */
int output_close(struct output *output);
void output_free(struct output *output);

/*
 * --- the worker's side ---
 *
 * One system call at most: the wake-up of a sleeping output, which outlet_housekeep() makes, and outlet_batch() when it
 * waits. The worker adds to exporter->records_in_flight what it appends to a batch; outlet_collect() takes it off.
 */

/* The open batch, with room for at least one more document in ends and shares; NULL when the output holds all of them
   (the worker counts records_no_batch). With wait, it waits for one instead, until output_stop_waiting(). */
struct batch *outlet_batch(struct outlet *outlet, bool wait);

/* Sends the open batch, if it has documents, to the output. */
void outlet_seal(struct outlet *outlet);

/* Takes back what the output is done with and settles it with the exporters' and the worker's counters. */
void outlet_collect(struct outlet *outlet);

/* After every burst: collects; seals when the open batch is older than batch_age; wakes the output if it sleeps. */
void outlet_housekeep(struct outlet *outlet, int64_t steady_ns);

/* Documents in the open batch and in batches that have not come back: the ledger's "waiting". As of the last
   outlet_housekeep() or outlet_collect(): exact at rest. Any thread. */
uint64_t outlet_waiting(const struct outlet *outlet);
