/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "config/config.h"
#include "decode/exporter.h"
#include "export/latency.h"
#include "export/outlet.h"

/*
 * All outputs: for each its threads (export/output.h), and an outlet for every worker. A worker never waits for an
 * output, unless the input can (a capture).
 */
struct outputs;

/* Makes pools and rings, opens sinks and spools, starts the threads. NULL with the reason logged. */
struct outputs *outputs_open(const struct config *config, uint32_t workers);

/* Counters for a worker that outlive the process as its batches do. Until outputs_free(). */
struct counters *outputs_counters(struct outputs *outputs, uint32_t worker);

/* The worker's outlet. counters: the worker's own, for the rows of records; exporters: the worker's own, or NULL. */
struct outlet *outputs_outlet(struct outputs *outputs, uint32_t worker, struct counters *counters,
                              struct exporters *exporters);

/* SIGHUP. Any thread. */
void outputs_reopen(struct outputs *outputs);

/* Some output will never deliver again (the reader of standard output is gone): time to end. Any thread. */
bool outputs_broken(const struct outputs *outputs);

/* From now on outlet_batch() waits no more: for a shutdown while an output is stuck. Any thread. */
void outputs_stop_waiting(struct outputs *outputs);

/*
 * After the workers have ended: flushes for at most flush_timeout of each, stops the threads, closes the sinks and
 * settles what came back in the outlets' counters. Returns 0, or -ETIMEDOUT when documents had to be given up
 * (records_failed); those that went to a spool are not.
 */
int outputs_close(struct outputs *outputs);
void outputs_free(struct outputs *outputs);

/* --- for the ledger: any thread --- */

/* Adds what the outputs' threads counted themselves. */
void outputs_add_counters(const struct outputs *outputs, uint64_t counts[COUNTER_COUNT]);

/* The part of that which belongs to no output: what was lost with an earlier run before it came to one. */
void outputs_add_lost(const struct outputs *outputs, uint64_t counts[COUNTER_COUNT]);

/* Documents in spools: they wait, too. */
uint64_t outputs_spooled(const struct outputs *outputs);

/* One output's own account: every document that was routed to it. */
struct output_account {
    const struct output_config *config;
    uint64_t counts[COUNTER_COUNT]; /* of the feeds and of its threads */
    uint64_t waiting;               /* documents in memory */
    uint64_t spooled;               /* documents on disk, waiting as well */
    uint64_t spool_bytes;           /* on disk */
    struct latency_sum latency;     /* from receipt to acknowledgement */
};

uint32_t outputs_count(const struct outputs *outputs);
void outputs_account(const struct outputs *outputs, uint32_t number, struct output_account *account);
