/* SPDX-License-Identifier: Apache-2.0 */
#include "export/outlet.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#define WAIT_MOST_MS 100 /* a worker that waits for a batch looks this often whether it still should */

int outlet_init(struct outlet *outlet, struct output_shared *shared, const struct config *config)
{
    *outlet = (struct outlet){.shared = shared};
    int error = wakeup_open(&outlet->wakeup);
    if (!error)
        error = batch_pool_init(&outlet->pool, config->output.batches, (uint32_t)config->output.batch_size);
    if (!error)
        error = ring_init(&outlet->sealed, config->output.batches);
    if (!error)
        error = ring_init(&outlet->returned, config->output.batches);
    return error;
}

void outlet_fini(struct outlet *outlet)
{
    batch_pool_fini(&outlet->pool);
    ring_fini(&outlet->sealed);
    ring_fini(&outlet->returned);
    wakeup_close(&outlet->wakeup);
}

struct batch *outlet_next(struct outlet *outlet)
{
    struct batch *batch = outlet->pending ? outlet->pending : ring_pop(&outlet->sealed);
    outlet->pending = NULL;
    return batch;
}

bool outlet_return(struct outlet *outlet, struct batch *batch)
{
    if (batch < outlet->pool.batches || batch >= outlet->pool.batches + outlet->pool.count)
        return false;
    bool pushed = ring_push(&outlet->returned, batch);
    assert(pushed);
    wakeup_signal(&outlet->wakeup);
    return pushed;
}

static void publish_waiting(struct outlet *outlet)
{
    uint64_t documents = outlet->in_flight + (outlet->open ? outlet->open->count : 0);
    /* Relaxed: a number to look at, which orders nothing. */
    atomic_store_explicit(&outlet->waiting, documents, memory_order_relaxed);
}

static void settle(struct outlet *outlet, const struct batch *batch)
{
    struct counters *counters = outlet->counters;
    for (uint32_t i = 0; i < batch->share_count; i++) {
        const struct share *share = &batch->shares[i];
        _Atomic uint64_t *exporter = share->exporter->counters.value;
        counter_bump(&exporter[COUNTER_records_delivered], share->count - share->refused - share->failed);
        if (share->refused)
            counter_bump(&exporter[COUNTER_records_refused], share->refused);
        if (share->failed)
            counter_bump(&exporter[COUNTER_records_failed], share->failed);
        share->exporter->records_in_flight -= share->count;
    }
    counter_add(counters, COUNTER_records_delivered, batch->count - batch->refused - batch->failed);
    counter_add(counters, COUNTER_records_refused, batch->refused);
    counter_add(counters, COUNTER_records_failed, batch->failed);
    outlet->in_flight -= batch->count;
}

static void publish_write_errors(struct outlet *outlet)
{
    uint64_t errors = atomic_load_explicit(&outlet->shared->write_errors, memory_order_relaxed);
    if (!outlet->first || !outlet->counters || errors == outlet->write_errors_seen)
        return;
    counter_add(outlet->counters, COUNTER_output_write_errors, errors - outlet->write_errors_seen);
    outlet->write_errors_seen = errors;
}

void outlet_collect(struct outlet *outlet)
{
    struct batch *batch;
    while ((batch = ring_pop(&outlet->returned))) {
        settle(outlet, batch);
        batch_pool_give(&outlet->pool, batch);
    }
    publish_write_errors(outlet);
    publish_waiting(outlet);
}

void outlet_seal(struct outlet *outlet)
{
    struct batch *batch = outlet->open;
    if (!batch || !batch->count)
        return;
    outlet->open = NULL;
    outlet->in_flight += batch->count;
    bool pushed = ring_push(&outlet->sealed, batch);
    assert(pushed);
    (void)pushed;
    outlet->wake_due = true;
}

static void wake_output(struct outlet *outlet)
{
    if (!outlet->wake_due)
        return;
    outlet->wake_due = false;
    wakeup_signal(&outlet->shared->wakeup);
}

static struct batch *collect_and_take(struct outlet *outlet)
{
    outlet_collect(outlet);
    return batch_pool_take(&outlet->pool);
}

static struct batch *wait_for_batch(struct outlet *outlet)
{
    struct pollfd entry = {.fd = outlet->wakeup.fd, .events = POLLIN};
    struct batch *batch = NULL;
    wake_output(outlet);
    while (!batch && !atomic_load_explicit(&outlet->shared->stop_waiting, memory_order_relaxed)) {
        wakeup_raise(&outlet->wakeup);
        batch = collect_and_take(outlet);
        if (!batch)
            poll(&entry, 1, WAIT_MOST_MS);
        wakeup_lower(&outlet->wakeup);
    }
    return batch;
}

struct batch *outlet_batch(struct outlet *outlet, bool wait)
{
    struct batch *batch = outlet->open;
    if (batch && batch->count < batch->most && batch->share_count < batch->share_most)
        return batch;
    outlet_seal(outlet);
    batch = batch_pool_take(&outlet->pool);
    if (!batch)
        batch = collect_and_take(outlet);
    if (!batch && wait)
        batch = wait_for_batch(outlet);
    outlet->open = batch;
    return batch;
}

void outlet_housekeep(struct outlet *outlet, int64_t steady_ns)
{
    struct batch *batch = outlet->open;
    if (batch && batch->count) {
        if (!batch->opened_ns)
            batch->opened_ns = steady_ns;
        else if (steady_ns - batch->opened_ns >= outlet->shared->batch_age_ns)
            outlet_seal(outlet);
    }
    wake_output(outlet);
    outlet_collect(outlet);
}

uint64_t outlet_waiting(const struct outlet *outlet)
{
    return atomic_load_explicit(&outlet->waiting, memory_order_relaxed);
}
