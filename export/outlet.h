/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "config/config.h"
#include "decode/exporter.h"
#include "export/batch.h"
#include "export/batch_pool.h"
#include "export/feed.h"
#include "export/memory/memory.h"
#include "export/wakeup.h"

/*
 * A worker's way out: bodies to write documents into, and a feed to each output. Documents of the kinds that go to the
 * same outputs share a route and its open body. All of it is the worker's, but for the feeds' other ends.
 */

/* The outputs that take a kind of documents, and the body that is being filled for them. */
struct route {
    struct feed *feeds[OUTPUTS_MOST];
    uint32_t feed_count;
    struct batch *views[OUTPUTS_MOST]; /* reserved for the open body; NULL: that output will miss it */
    struct batch *open;
    uint64_t documents;                /* placed in bodies before the open one */
    bool pads;                         /* one of the outputs wants batch_pad() */
};

struct outlet {
    struct feed feeds[OUTPUTS_MOST];
    uint32_t feed_count;
    struct route routes[DOCUMENT_KINDS];
    struct route *route_of[DOCUMENT_KINDS]; /* NULL: no output takes this kind */
    struct batch_pool pool;
    struct counters *counters;              /* the worker's */
    struct memory_worker *memory;           /* the worker's part of it */
    struct exporters *exporters;            /* the worker's; NULL where the batches of a spool belong to nobody */
    int64_t batch_age_ns;
    const _Atomic bool *stop_waiting;       /* any thread sets */
    struct wakeup wakeup;                   /* of the worker that waits for a batch */
    _Atomic uint64_t open_documents;        /* in open bodies, as published */
};

/*
 * --- the worker's calls ---
 *
 * One system call an output at most: the wake-up of a sleeping output thread, which outlet_housekeep() makes, and
 * outlet_batch() when it waits. The worker adds to exporter->records_in_flight what it appends to a batch, for each
 * output that will have it (outlet_copies()); outlet_collect() takes it off.
 */

/* How many outputs take this kind of documents: 0 = none, and the records are to be dropped by outlet_drop(). */
static inline uint32_t outlet_copies(const struct outlet *outlet, enum document_kind kind)
{
    return outlet->route_of[kind] ? outlet->route_of[kind]->feed_count : 0;
}

/* The open batch for this kind, with room for at least one more document in ends and shares; NULL when no output takes
   the kind, or all that do hold all of theirs. What is written into it is known to a next start by batch_publish(), or
   when the batch is sealed. With wait, it waits for every output instead, until
   outputs_stop_waiting(). */
struct batch *outlet_batch(struct outlet *outlet, enum document_kind kind, bool wait);

/* Counts records for which outlet_batch() had no batch, for each output that should have had them. */
void outlet_drop(struct outlet *outlet, enum document_kind kind, struct exporter *exporter, uint32_t count);

/* Sends the kind's open batch, or all open ones, if they have documents, to the outputs. */
void outlet_seal(struct outlet *outlet, enum document_kind kind);
void outlet_seal_all(struct outlet *outlet);

/* Takes back what the outputs are done with and settles it with the exporters' and the worker's counters. */
void outlet_collect(struct outlet *outlet);

/* After every burst: collects; seals what is older than batch_age; wakes outputs that sleep. */
void outlet_housekeep(struct outlet *outlet, int64_t steady_ns);

/* Documents in open batches and, once for each output, in batches that have not come back, those in spools left out:
   the ledger's "waiting". As of the last outlet_housekeep() or outlet_collect(): exact at rest. Any thread. */
uint64_t outlet_waiting(const struct outlet *outlet);

/* Before the first burst: so that no burst waits for memory. */
void outlet_touch(const struct outlet *outlet);

/* --- making it: export/outputs.c --- */

/* The feeds are there, feed_count is set; the memory outlives the outlet. Returns 0 or -errno; outlet_fini() is in
   order either way. */
int outlet_init(struct outlet *outlet, const struct config *config, const struct memory *memory, uint32_t worker);
void outlet_fini(struct outlet *outlet);
