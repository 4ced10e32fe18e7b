/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "export/batch.h"

/*
 * What an output must be able to do. All calls come from the output's own thread, never from a worker; a sink never
 * sees a record, and a worker never sees a server. Adding a sink is one file and one line in export/sink.c.
 */
struct sink {
    const struct sink_ops *ops;
    const struct config *config;         /* all of it: what the documents have in common */
    const struct output_config *output;  /* this output's options */
    uint32_t thread;                     /* of output->threads: 0 is the first */
    struct counters *counters;           /* the output thread's own: for the COUNTER_output_* rows */
    void *state;

    /* The sink sets these for the thread that sleeps: poll is to be called when wait_fd has one of wait_events, and not
       later than due_ns. */
    int wait_fd;            /* -1 = none */
    short wait_events;      /* POLLIN, POLLOUT */
    int64_t due_ns;         /* steady clock; INT64_MAX = never */

    bool broken;            /* nothing will ever be delivered again (the reader of a pipe is gone) */
    bool pads;              /* open() says so: batches are to come with batch_pad() done */
};

#define SINK_BATCHES_MOST 64 /* batches that a sink holds; more would not make a disk or a server faster */

/* A first-in first-out list of the batches that a sink holds. */
struct batch_list {
    struct batch *items[SINK_BATCHES_MOST];
    uint32_t head;
    uint32_t count;
};

static inline bool batch_list_push(struct batch_list *list, struct batch *batch)
{
    if (list->count == SINK_BATCHES_MOST)
        return false;
    list->items[(list->head + list->count++) % SINK_BATCHES_MOST] = batch;
    return true;
}

static inline struct batch *batch_list_first(const struct batch_list *list)
{
    return list->count ? list->items[list->head] : NULL;
}

static inline struct batch *batch_list_pop(struct batch_list *list)
{
    struct batch *batch = batch_list_first(list);
    if (batch) {
        list->head = (list->head + 1) % SINK_BATCHES_MOST;
        list->count--;
    }
    return batch;
}

/* A batch that the sink is done with: its verdicts say what of it was not delivered. */
struct completion {
    struct batch *batch;
};

struct sink_ops {
    const char *name;
    /* Returns 0 or -errno, having logged what to do about it. wait_fd is -1 and due_ns INT64_MAX when it is called. */
    int (*open)(struct sink *sink);
    /* Takes ownership and returns 0; or -EAGAIN: the batch is still the caller's, poll first. */
    int (*submit)(struct sink *sink, struct batch *batch);
    /* Goes on with the work; returns the number of completions (at most `most`); waits up to timeout_ms for the
       first when some are under way. */
    int (*poll)(struct sink *sink, struct completion *completions, int most, int timeout_ms);
    /* Everything that was submitted is delivered, refused or (after the time-out) given up as VERDICT_FAILED;
       completions are then fetched by poll. Returns 0 or -ETIMEDOUT. */
    int (*flush)(struct sink *sink, int timeout_ms);
    /* SIGHUP: finish the file at hand and open a new one. May be NULL. */
    int (*reopen)(struct sink *sink);
    void (*close)(struct sink *sink);
};

const struct sink_ops *sink_of(enum output_kind kind);

/* Waits until the sink's poll is due, or timeout_ms. For the sinks' own waiting. */
void sink_wait(const struct sink *sink, int timeout_ms);

extern const struct sink_ops sink_kafka;
extern const struct sink_ops sink_elastic; /* Elasticsearch and OpenSearch */
extern const struct sink_ops sink_file;   /* files with rotation; pipes and character devices */
extern const struct sink_ops sink_stdout; /* standard output: never compressed, never tried again */
