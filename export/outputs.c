/* SPDX-License-Identifier: Apache-2.0 */
#include "export/outputs.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/memory/recover.h"
#include "export/output.h"

#define COLLECT_MS 10 /* between two looks for what outputs give back while they end */

/* The threads of output i are threads[first[i]] up to threads[first[i + 1]]; worker w feeds one of them. */
struct outputs {
    const struct config *config;
    struct memory memory;         /* of batches and counters */
    struct counters lost;         /* with an earlier run, before they came to an output */
    struct output *threads;
    uint32_t thread_count;
    uint32_t first[OUTPUTS_MOST + 1];
    struct outlet *outlets;       /* one a worker */
    uint32_t outlet_count;
    _Atomic bool stop_waiting;    /* any thread sets, workers read */
};

/* ---- opening ---- */

static void *zeroed(size_t alignment, size_t size_bytes)
{
    size_t rounded = (size_bytes + alignment - 1) / alignment * alignment;
    void *memory = aligned_alloc(alignment, rounded);
    if (memory)
        memset(memory, 0, rounded);
    return memory;
}

static int open_thread(struct outputs *outputs, uint32_t number, uint32_t thread)
{
    struct output_setup setup = {
        .config = outputs->config,
        .own = &outputs->config->outputs[number],
        .thread = thread - outputs->first[number],
        .memory = memory_thread_at(&outputs->memory.layout, outputs->memory.base, thread),
    };
    return output_init(&outputs->threads[thread], &setup);
}

static int open_threads(struct outputs *outputs)
{
    const struct config *config = outputs->config;
    uint32_t threads = 0;
    for (uint32_t i = 0; i < config->output_count; i++) {
        outputs->first[i] = threads;
        threads += config->outputs[i].threads ? config->outputs[i].threads : 1;
    }
    outputs->first[config->output_count] = threads;
    outputs->threads = zeroed(_Alignof(struct output), threads * sizeof *outputs->threads);
    if (!outputs->threads)
        return -ENOMEM;
    for (uint32_t i = 0; i < config->output_count; i++)
        for (uint32_t t = outputs->first[i]; t < outputs->first[i + 1]; t++) {
            int error = open_thread(outputs, i, t);
            outputs->thread_count++;
            if (error)
                return error;
        }
    return 0;
}

/* The thread of an output that a worker feeds learns of the feed. */
static int feed_attach(struct outputs *outputs, uint32_t number, uint32_t worker, struct feed *feed)
{
    uint32_t threads = outputs->first[number + 1] - outputs->first[number];
    struct output *output = &outputs->threads[outputs->first[number] + worker % threads];
    struct feed **feeds = realloc(output->feeds, (output->feed_count + 1) * sizeof(struct feed *));
    if (!feeds)
        return -ENOMEM;
    output->feeds = feeds;
    feeds[output->feed_count] = feed;
    feed->output = output;
    feed->output_wakeup = &output->wakeup;
    feed->number = output->feed_count++;
    return 0;
}

static int open_outlets(struct outputs *outputs, uint32_t workers)
{
    outputs->outlets = zeroed(_Alignof(struct outlet), workers * sizeof *outputs->outlets);
    if (!outputs->outlets)
        return -ENOMEM;
    for (uint32_t i = 0; i < workers; i++) {
        struct outlet *outlet = &outputs->outlets[i];
        outputs->outlet_count = i + 1;
        outlet->feed_count = outputs->config->output_count;
        outlet->stop_waiting = &outputs->stop_waiting;
        int error = outlet_init(outlet, outputs->config, &outputs->memory, i);
        for (uint32_t number = 0; number < outlet->feed_count && !error; number++)
            error = feed_attach(outputs, number, i, &outlet->feeds[number]);
        if (error)
            return error;
    }
    return 0;
}

/* What the sinks said at their opening about the batches that they want. */
static void routes_pad(struct outputs *outputs)
{
    for (uint32_t i = 0; i < outputs->outlet_count; i++)
        for (uint32_t kind = 0; kind < DOCUMENT_KINDS; kind++) {
            struct route *route = &outputs->outlets[i].routes[kind];
            for (uint32_t feed = 0; feed < route->feed_count; feed++)
                route->pads |= route->feeds[feed]->output->sink.pads;
        }
}

static int start_threads(struct outputs *outputs)
{
    for (uint32_t i = 0; i < outputs->thread_count; i++) {
        int error = output_start(&outputs->threads[i]);
        if (error)
            return error;
    }
    routes_pad(outputs);
    return 0;
}

static int open_all(struct outputs *outputs, uint32_t workers)
{
    int error = open_threads(outputs);
    if (!error)
        error = open_outlets(outputs, workers);
    if (error)
        log_error("outputs: no memory for the batches of %u workers, %llu bytes each (%s); lower output.batches or "
                  "output.batch_size",
                  workers, (unsigned long long)outputs->config->output.batch_size, strerror(-error));
    return error;
}

/* What an earlier run had, and how it is accounted for: by the first thread of each output. */
static void recovered_count(struct outputs *outputs, const struct memory_recovered *recovered)
{
    for (uint32_t i = 0; i < outputs->config->output_count; i++)
        for (uint32_t counter = 0; counter < COUNTER_COUNT; counter++)
            counter_add(outputs->threads[outputs->first[i]].counters, counter, recovered->counts[i][counter]);
    counter_add(&outputs->lost, COUNTER_records_inherited, recovered->lost);
    counter_add(&outputs->lost, COUNTER_records_lost_by_kill, recovered->lost);
}

struct outputs *outputs_open(const struct config *config, uint32_t workers)
{
    struct memory_recovered recovered = {0};
    assert(config->output_count && config->output_count <= OUTPUTS_MOST);
    struct outputs *outputs = calloc(1, sizeof *outputs);
    if (!outputs)
        return NULL;
    outputs->config = config;
    if (memory_recover(config, &recovered) == 0 && memory_open(&outputs->memory, config, workers) == 0 &&
        open_all(outputs, workers) == 0) {
        recovered_count(outputs, &recovered);
        if (start_threads(outputs) == 0)
            return outputs;
    }
    outputs_close(outputs);
    outputs_free(outputs);
    return NULL;
}

struct counters *outputs_counters(struct outputs *outputs, uint32_t worker)
{
    assert(worker < outputs->outlet_count);
    return &outputs->outlets[worker].memory->counters;
}

struct outlet *outputs_outlet(struct outputs *outputs, uint32_t worker, struct counters *counters,
                              struct exporters *exporters)
{
    assert(worker < outputs->outlet_count);
    struct outlet *outlet = &outputs->outlets[worker];
    outlet->counters = counters;
    outlet->exporters = exporters;
    return outlet;
}

/* ---- running ---- */

void outputs_reopen(struct outputs *outputs)
{
    for (uint32_t i = 0; i < outputs->thread_count; i++)
        output_reopen(&outputs->threads[i]);
}

bool outputs_broken(const struct outputs *outputs)
{
    bool broken = false;
    for (uint32_t i = 0; i < outputs->thread_count; i++)
        broken |= atomic_load_explicit(&outputs->threads[i].broken, memory_order_relaxed);
    return broken;
}

void outputs_stop_waiting(struct outputs *outputs)
{
    /* Relaxed: the wake-up makes it visible, and a worker looks again every now and then anyway. */
    atomic_store_explicit(&outputs->stop_waiting, true, memory_order_relaxed);
    for (uint32_t i = 0; i < outputs->outlet_count; i++)
        wakeup_signal(&outputs->outlets[i].wakeup);
}

/* ---- closing ---- */

static void collect_all(struct outputs *outputs)
{
    for (uint32_t i = 0; i < outputs->outlet_count; i++)
        if (outputs->outlets[i].counters)
            outlet_collect(&outputs->outlets[i]);
}

/* Stands in for the workers, which have ended: a spool that lets go of documents waits until they are settled. */
static int join(struct outputs *outputs, struct output *output)
{
    while (!output_ended(output)) {
        collect_all(outputs);
        poll(NULL, 0, COLLECT_MS);
    }
    return output_join(output);
}

int outputs_close(struct outputs *outputs)
{
    int result = 0;
    for (uint32_t i = 0; i < outputs->outlet_count; i++)
        if (outputs->outlets[i].counters)
            outlet_seal_all(&outputs->outlets[i]);
    for (uint32_t i = 0; i < outputs->thread_count; i++) {
        struct output *output = &outputs->threads[i];
        if (output->running)
            output_close_by(output, clock_steady_ns() + (int64_t)output->config->flush_timeout);
    }
    for (uint32_t i = 0; i < outputs->thread_count; i++)
        if (outputs->threads[i].running && join(outputs, &outputs->threads[i]) < 0)
            result = -ETIMEDOUT;
    collect_all(outputs);
    for (uint32_t i = 0; i < outputs->thread_count; i++)
        output_settle(&outputs->threads[i]);
    return result;
}

void outputs_free(struct outputs *outputs)
{
    if (!outputs)
        return;
    for (uint32_t i = 0; i < outputs->thread_count; i++) {
        output_end(&outputs->threads[i]);
        free(outputs->threads[i].feeds);
    }
    for (uint32_t i = 0; i < outputs->outlet_count; i++)
        outlet_fini(&outputs->outlets[i]);
    free(outputs->threads);
    free(outputs->outlets);
    memory_close(&outputs->memory);
    free(outputs);
}

/* ---- the ledger ---- */

static void counters_sum(const struct counters *counters, uint64_t counts[COUNTER_COUNT])
{
    for (uint32_t i = 0; i < COUNTER_COUNT; i++)
        counts[i] += counter_read(&counters->value[i]);
}

void outputs_add_counters(const struct outputs *outputs, uint64_t counts[COUNTER_COUNT])
{
    counters_sum(&outputs->lost, counts);
    for (uint32_t i = 0; i < outputs->thread_count; i++)
        counters_sum(outputs->threads[i].counters, counts);
}

void outputs_add_lost(const struct outputs *outputs, uint64_t counts[COUNTER_COUNT])
{
    counters_sum(&outputs->lost, counts);
}

uint64_t outputs_spooled(const struct outputs *outputs)
{
    uint64_t documents = 0;
    for (uint32_t i = 0; i < outputs->thread_count; i++)
        documents += outputs->threads[i].spool ? spool_waiting(outputs->threads[i].spool) : 0;
    return documents;
}

uint32_t outputs_count(const struct outputs *outputs)
{
    return outputs->config->output_count;
}

void outputs_account(const struct outputs *outputs, uint32_t number, struct output_account *account)
{
    *account = (struct output_account){.config = &outputs->config->outputs[number]};
    for (uint32_t i = outputs->first[number]; i < outputs->first[number + 1]; i++) {
        const struct output *output = &outputs->threads[i];
        counters_sum(output->counters, account->counts);
        latency_add(&account->latency, &output->latency);
        account->spooled += output->spool ? spool_waiting(output->spool) : 0;
        account->spool_bytes += output->spool ? spool_bytes(output->spool) : 0;
        for (uint32_t feed = 0; feed < output->feed_count; feed++) {
            counters_sum(output->feeds[feed]->counters, account->counts);
            /* Relaxed: a number to look at. */
            account->waiting += atomic_load_explicit(&output->feeds[feed]->waiting, memory_order_relaxed);
        }
    }
}
