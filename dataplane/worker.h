/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "dataplane/backend.h"
#include "decode/exporter.h"

/*
 * All that a core needs, and the loop over it: receive, frames to datagrams, decode, encode, release, housekeeping. A
 * worker belongs to its thread (or to the one thread that calls worker_burst()), but for what is said to be any
 * thread's. Workers are made by their crew (dataplane/crew.h).
 */
struct worker;
struct crew_shared;
struct survey;
struct window;

/* NULL for want of memory. */
struct worker *worker_new(struct crew_shared *shared, uint32_t number);
void worker_free(struct worker *worker);

/* Before the thread starts. Returns 0, or -ENOMEM. */
int worker_add_queue(struct worker *worker, struct backend_queue *queue);

/*
 * One burst of each queue, with the housekeeping that is due. Returns the number of packets. For tests and benchmarks,
 * which drive a worker by hand instead of crew_start().
 */
uint32_t worker_burst(struct worker *worker);

/* True when every queue is a finite one that has ended. */
bool worker_exhausted(const struct worker *worker);

/* The end of a worker driven by hand: takes what other workers handed over, and sends the open batch. */
void worker_finish(struct worker *worker);

/* The thread: bursts until the crew is stopped or the queues are exhausted, then worker_finish(). argument: the worker.
 */
void *worker_run(void *argument);

/* Any thread. */
const struct counters *worker_counters(const struct worker *worker);
struct exporters *worker_exporters(struct worker *worker);
uint64_t worker_waiting_records(const struct worker *worker); /* documents that the output has not acknowledged */
uint32_t worker_waiting_sets(const struct worker *worker);       /* that wait for their templates */
uint64_t worker_waiting_packets(const struct worker *worker); /* datagrams that other workers handed over */
uint32_t worker_rules(const struct worker *worker); /* generation of those that it goes by; it looks at no older ones */
const struct window *worker_window(const struct worker *worker);

/*
 * Has the running worker list its templates, and waits for it. False when it did not within the time: what is there is
 * not whole. One thread at a time; not a worker's.
 */
bool worker_survey(struct worker *worker, struct survey *survey, int64_t timeout_ns);
