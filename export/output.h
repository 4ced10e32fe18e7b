/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "config/config.h"
#include "export/feed.h"
#include "export/latency.h"
#include "export/memory/memory.h"
#include "export/sink.h"
#include "export/spool/spool.h"
#include "export/wakeup.h"

/*
 * One thread of an output: a sink, the feeds of the workers that it serves, and a spool for what the sink does not take
 * in time. Made, closed and freed by export/outputs.c.
 */
struct output {
    const struct output_config *config;
    struct feed **feeds;
    uint32_t feed_count;
    pthread_t thread;
    bool running;

    /* the thread's */
    struct sink sink;
    struct spool *spool;          /* NULL: none is configured */
    struct batch *replay;         /* of the spool: the sink had no room */
    struct memory_thread *memory; /* the thread's part of it */
    struct counters *counters;    /* the thread writes, any thread reads */
    struct latency latency;       /* the same */
    uint32_t turn;                /* feed to look at first */
    uint64_t held;                /* batches that the sink has */
    uint64_t spooling;            /* batches that the spool writes */
    int64_t blocked_ns;           /* steady clock: since when the sink takes nothing; 0 = it does */
    bool overflowing;             /* said that batches go to the spool */
    int open_error;               /* read by output_start() after `opened` */
    bool gave_up;                 /* read by output_join() after the join */
    _Atomic bool ended;           /* the thread sets it at its very end, who joins reads */

    /* shared */
    struct wakeup wakeup;
    sem_t opened;
    _Atomic bool broken;          /* the thread writes */
    _Atomic bool reopen;          /* any thread sets, the thread clears */
    _Atomic int64_t close_by_ns;  /* output_close_by() sets the deadline (steady clock), the thread reads; 0 = go on */
};

struct output_setup {
    const struct config *config;
    const struct output_config *own;
    uint32_t thread;              /* of the output's: 0 is the first */
    struct memory_thread *memory;
};

/* All of the setup and the feeds outlive the output. Returns 0 or -errno. */
int output_init(struct output *output, const struct output_setup *setup);
void output_end(struct output *output);

/* All feeds are there: opens sink and spool on a new thread. Returns 0, or -errno logged. */
int output_start(struct output *output);

/* SIGHUP. Any thread. */
void output_reopen(struct output *output);

/* The workers have ended and sealed all they had: finish until the deadline on the steady clock. */
void output_close_by(struct output *output, int64_t steady_ns);

/* Waits for the thread's end. Returns 0, or -ETIMEDOUT when documents had to be given up (records_failed). */
int output_join(struct output *output);

/* Whether output_join() would return at once. */
bool output_ended(struct output *output);

/* The thread has ended: what was settled since then is the spool's again. */
void output_settle(struct output *output);
