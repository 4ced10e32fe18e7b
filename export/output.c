/* SPDX-License-Identifier: Apache-2.0 */
#include "export/output.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/outlet.h"
#include "export/sink.h"

struct output {
    const struct config *config;
    struct outlet *outlets;
    uint32_t outlet_count;
    pthread_t thread;
    bool running;

    /* the thread's */
    struct sink sink;
    uint32_t turn;                /* outlet to look at first */
    uint64_t held;                /* batches that the sink has */
    int open_error;               /* read by output_open() after `opened` */
    bool gave_up;                 /* read by output_close() after the join */

    /* shared */
    struct output_shared shared;  /* with the workers */
    sem_t opened;
    _Atomic bool reopen;          /* any thread sets, the thread clears */
    _Atomic int64_t close_by_ns;  /* output_close() sets the deadline (steady clock), the thread reads; 0 = go on */
};

/* ---- the output's thread ---- */

static void give_back(struct output *output, struct batch *batch)
{
    uint32_t i = 0;
    while (!outlet_return(&output->outlets[i], batch))
        i++;
}

/* Hands sealed batches to the sink, one of each outlet in turn, until there are none or the sink has no room. */
static bool submit_batches(struct output *output)
{
    bool any = false;
    for (uint32_t empty = 0; empty < output->outlet_count;) {
        struct outlet *outlet = &output->outlets[output->turn];
        struct batch *batch = outlet_next(outlet);
        if (batch && output->sink.ops->submit(&output->sink, batch) < 0) {
            outlet->pending = batch;
            break;
        }
        empty = batch ? 0 : empty + 1;
        output->held += batch != NULL;
        any |= batch != NULL;
        output->turn = (output->turn + 1) % output->outlet_count;
    }
    return any;
}

static bool fetch_completions(struct output *output)
{
    struct completion completions[SINK_BATCHES_MOST];
    int count = output->sink.ops->poll(&output->sink, completions, SINK_BATCHES_MOST, 0);
    for (int i = 0; i < count; i++)
        give_back(output, completions[i].batch);
    output->held -= (uint64_t)count;
    /* Relaxed, both: they say something of themselves alone. */
    atomic_store_explicit(&output->shared.broken, output->sink.broken, memory_order_relaxed);
    atomic_store_explicit(&output->shared.write_errors, output->sink.write_errors, memory_order_relaxed);
    return count > 0;
}

/* Everything that can be done without waiting. False when there was nothing to do. */
static bool serve(struct output *output)
{
    if (atomic_exchange_explicit(&output->reopen, false, memory_order_relaxed) && output->sink.ops->reopen)
        output->sink.ops->reopen(&output->sink);
    bool submitted = submit_batches(output);
    return fetch_completions(output) || submitted;
}

/* pairs with the release in output_close(): the workers' last batches are in the rings */
static int64_t closing(struct output *output)
{
    return atomic_load_explicit(&output->close_by_ns, memory_order_acquire);
}

/* Sleeps until a worker, the sink's descriptor or the sink's time wakes it, but not longer than by_ns (steady clock).
 */
static void sleep_until(struct output *output, int64_t by_ns)
{
    struct pollfd entries[] = {
        {.fd = output->shared.wakeup.fd, .events = POLLIN},
        {.fd = output->sink.wait_fd, .events = output->sink.wait_events},
    };
    if (output->sink.due_ns < by_ns)
        by_ns = output->sink.due_ns;
    int64_t left_ns = by_ns == INT64_MAX ? INT64_MAX : by_ns - clock_steady_ns();
    if (left_ns < 0)
        left_ns = 0;
    struct timespec left = {.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
    ppoll(entries, 2, by_ns == INT64_MAX ? NULL : &left, NULL);
}

static void rest(struct output *output)
{
    int64_t close_by_ns = closing(output);
    wakeup_raise(&output->shared.wakeup);
    if (!serve(output) && closing(output) == close_by_ns)
        sleep_until(output, close_by_ns ? close_by_ns : INT64_MAX);
    wakeup_lower(&output->shared.wakeup);
}

static void fail_unsubmitted(struct output *output)
{
    for (uint32_t i = 0; i < output->outlet_count; i++) {
        struct batch *batch;
        while ((batch = outlet_next(&output->outlets[i]))) {
            batch_fail_from(batch, 0);
            give_back(output, batch);
            output->gave_up = true;
        }
    }
}

static bool all_submitted(struct output *output)
{
    for (uint32_t i = 0; i < output->outlet_count; i++) {
        struct outlet *outlet = &output->outlets[i];
        outlet->pending = outlet_next(outlet);
        if (outlet->pending)
            return false;
    }
    return true;
}

/* Delivers what is there until the deadline, then gives up the rest. The workers have ended. */
static void finish(struct output *output)
{
    int64_t by_ns = closing(output);
    while (!all_submitted(output) && clock_steady_ns() < by_ns)
        rest(output);
    int64_t left_ms = (by_ns - clock_steady_ns()) / NS_PER_MS;
    if (output->sink.ops->flush(&output->sink, left_ms > 0 ? (int)left_ms : 0) < 0)
        output->gave_up = true;
    while (output->held && fetch_completions(output))
        ;
    assert(!output->held);
    fail_unsubmitted(output);
}

static void *output_run(void *argument)
{
    struct output *output = argument;
    pthread_setname_np(pthread_self(), "weir-output");
    output->open_error = output->sink.ops->open(&output->sink);
    int error = output->open_error;
    sem_post(&output->opened);
    if (error)
        return NULL;
    while (!closing(output)) {
        if (!serve(output))
            rest(output);
    }
    finish(output);
    output->sink.ops->close(&output->sink);
    return NULL;
}

/* ---- opening and closing ---- */

static int open_outlets(struct output *output, uint32_t workers)
{
    size_t bytes = workers * sizeof *output->outlets;
    output->outlets = aligned_alloc(_Alignof(struct outlet), bytes);
    if (!output->outlets)
        return -ENOMEM;
    memset(output->outlets, 0, bytes);
    for (uint32_t i = 0; i < workers; i++) {
        output->outlet_count = i + 1;
        int error = outlet_init(&output->outlets[i], &output->shared, output->config);
        if (error)
            return error;
    }
    output->outlets[0].first = true;
    return 0;
}

/* The thread takes no signals: they are the main thread's, and a broken pipe is an error code here. */
static int start_thread(struct output *output)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&output->thread, NULL, output_run, output);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        log_error("output: cannot start a thread: %s", strerror(error));
        return -error;
    }
    while (sem_wait(&output->opened) < 0 && errno == EINTR)
        ;
    if (output->open_error)
        pthread_join(output->thread, NULL);
    return output->open_error;
}

struct output *output_open(const struct config *config, uint32_t workers)
{
    struct output *output = calloc(1, sizeof *output);
    if (!output)
        return NULL;
    output->config = config;
    output->sink = (struct sink){
        .ops = sink_of(config->output.kind), .config = config, .wait_fd = -1, .due_ns = INT64_MAX};
    sem_init(&output->opened, 0, 0);
    output->shared.batch_age_ns = (int64_t)config->output.batch_age;
    int error = wakeup_open(&output->shared.wakeup);
    if (!error)
        error = open_outlets(output, workers);
    if (error) {
        log_error(
            "output: no memory for %u times %u batches of %llu bytes (%s); lower output.batches or output.batch_size",
            workers, config->output.batches, (unsigned long long)config->output.batch_size, strerror(-error));
    } else if (start_thread(output) == 0) {
        output->running = true;
        return output;
    }
    output_free(output);
    return NULL;
}

struct outlet *output_outlet(struct output *output, uint32_t worker, struct counters *counters)
{
    assert(worker < output->outlet_count);
    output->outlets[worker].counters = counters;
    return &output->outlets[worker];
}

void output_reopen(struct output *output)
{
    atomic_store_explicit(&output->reopen, true, memory_order_relaxed); /* the wake-up makes it visible */
    wakeup_signal(&output->shared.wakeup);
}

bool output_broken(const struct output *output)
{
    return atomic_load_explicit(&output->shared.broken, memory_order_relaxed);
}

void output_stop_waiting(struct output *output)
{
    /* Relaxed: the wake-up makes it visible, and a worker looks again every now and then anyway. */
    atomic_store_explicit(&output->shared.stop_waiting, true, memory_order_relaxed);
    for (uint32_t i = 0; i < output->outlet_count; i++)
        wakeup_signal(&output->outlets[i].wakeup);
}

int output_close(struct output *output)
{
    for (uint32_t i = 0; i < output->outlet_count; i++)
        outlet_seal(&output->outlets[i]);
    int64_t by_ns = clock_steady_ns() + (int64_t)output->config->output.flush_timeout;
    atomic_store_explicit(&output->close_by_ns, by_ns, memory_order_release); /* see closing() */
    wakeup_signal(&output->shared.wakeup);
    pthread_join(output->thread, NULL);
    output->running = false;
    for (uint32_t i = 0; i < output->outlet_count; i++)
        outlet_collect(&output->outlets[i]);
    return output->gave_up ? -ETIMEDOUT : 0;
}

void output_free(struct output *output)
{
    if (!output)
        return;
    assert(!output->running);
    for (uint32_t i = 0; i < output->outlet_count; i++)
        outlet_fini(&output->outlets[i]);
    free(output->outlets);
    wakeup_close(&output->shared.wakeup);
    sem_destroy(&output->opened);
    free(output);
}
