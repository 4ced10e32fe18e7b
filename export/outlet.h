/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ring.h"
#include "export/batch_pool.h"
#include "export/output.h"
#include "export/wakeup.h"

/* Inside the output: what its thread and the workers share, and a worker's end of it. */
struct output_shared {
    struct wakeup wakeup;          /* of the output's thread */
    int64_t batch_age_ns;          /* constant */
    _Atomic bool stop_waiting;     /* any thread sets, workers read */
    _Atomic bool broken;           /* the output's thread writes, any thread reads */
    _Atomic uint64_t write_errors; /* the output's thread writes, workers read */
};

struct outlet {
    struct output_shared *shared;
    struct ring sealed;         /* worker to output; has room for the whole pool */
    struct ring returned;       /* output to worker; likewise */

    /* the worker's */
    struct batch_pool pool;
    struct batch *open;
    struct counters *counters;
    uint64_t in_flight;         /* documents in sealed batches that are not settled */
    uint64_t write_errors_seen; /* the first outlet publishes them */
    bool first;
    bool wake_due;              /* sealed since the output was last woken */
    struct wakeup wakeup;       /* of the worker that waits for a batch */
    _Atomic uint64_t waiting;   /* the worker writes, any thread reads */

    /* the output thread's */
    struct batch *pending;      /* popped, but the sink had no room */
};

/* Returns 0 or -errno. */
int outlet_init(struct outlet *outlet, struct output_shared *shared, const struct config *config);
void outlet_fini(struct outlet *outlet);

/* The output's thread: the next sealed batch, or NULL. */
struct batch *outlet_next(struct outlet *outlet);

/* The output's thread: hands the batch back if it is of this outlet's. */
bool outlet_return(struct outlet *outlet, struct batch *batch);
