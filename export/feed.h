/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/ring.h"
#include "export/batch.h"
#include "export/wakeup.h"

struct output;

/*
 * From one worker to one output: a ring of views there, a ring of finished batches back, and the part of the ledger
 * that the worker keeps of this output. The batches that the output's spool read back go to the worker, too, to be
 * settled with its exporters, and return by a third ring.
 */
struct feed {
    struct output *output;
    struct wakeup *output_wakeup;  /* of the output's thread */
    struct wakeup *worker_wakeup;  /* of a worker that waits for a batch */
    uint32_t number;               /* in the output: of struct spool_setup.feeds */
    uint32_t output_number;        /* of the configuration */
    struct counters *counters;     /* the rows of records, of this output alone; the worker writes, any thread reads */
    struct ring sealed;            /* worker to output */
    struct ring returned;          /* output to worker: views, and batches of the spool to be settled */
    struct ring settled;           /* worker to output: the spool's batches */

    /* the worker's */
    struct batch *views;
    struct batch **free;
    uint32_t view_count, free_count;
    uint64_t in_flight;            /* documents that are with the output and not settled, those on disk left out */
    bool wake_due;                 /* sealed since the output was last woken */
    _Atomic uint64_t waiting;      /* in_flight, published; any thread reads */

    /* the output thread's */
    struct batch *pending;         /* popped, but neither sink nor spool took them: the next ones, linked */
    uint32_t pending_count;
    uint32_t held;                 /* views that the sink has */
};

/* views: batches that the output may hold. model: a body, for its sizes. Returns 0 or -ENOMEM; feed_fini() is in order
   either way. */
int feed_init(struct feed *feed, uint32_t views, const struct batch *model);
void feed_fini(struct feed *feed);

/* --- the worker's side --- */

/* A view to be sent later, or NULL when all are out; and back when it is not needed, or settled. */
struct batch *feed_take(struct feed *feed);
void feed_give(struct feed *feed, struct batch *view);

/* Makes the view one of the body and hands it over. */
void feed_send(struct feed *feed, struct batch *view, struct batch *body);

/* Wakes the output's thread if something was sent since the last time. */
void feed_wake(struct feed *feed);

/* The next batch that came back, or NULL; one of the spool goes on by feed_settled(). */
struct batch *feed_collect(struct feed *feed);
void feed_settled(struct feed *feed, struct batch *batch);

/* Makes in_flight known to other threads. */
void feed_publish(struct feed *feed);

/* --- the output thread's side --- */

/* The next sealed batch, or NULL; and back to the front of the others when nobody takes it. */
struct batch *feed_next(struct feed *feed);
void feed_put_back(struct feed *feed, struct batch *batch);

/* Batches that wait for feed_next(). */
uint32_t feed_depth(const struct feed *feed);

/* Hands the batch to the worker, who settles it. */
void feed_return(struct feed *feed, struct batch *batch);

/* The next of the spool's batches that the worker has settled, or NULL. */
struct batch *feed_next_settled(struct feed *feed);
