/* SPDX-License-Identifier: Apache-2.0 */
#include "export/output.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define SPOOL_FLUSH_MS 10000 /* for the disk, at the end: the documents are nowhere else */

/* ---- batches back ---- */

/* The batch goes to the worker whose it is; one that an earlier run had spooled is settled here. */
static void give_back(struct output *output, struct batch *batch)
{
    batch_owe(batch, OWED_NOTHING);
    if (batch->feed) {
        feed_return(batch->feed, batch);
        return;
    }
    uint32_t delivered = batch->count - batch->refused - batch->failed - batch->spooled;
    counter_add(output->counters, COUNTER_records_delivered, delivered);
    counter_add(output->counters, COUNTER_records_refused, batch->refused);
    counter_add(output->counters, batch->failed_as, batch->failed);
    spool_give_back(output->spool, batch);
}

static void take_settled(struct output *output)
{
    struct batch *batch;
    for (uint32_t i = 0; i < output->feed_count; i++)
        while ((batch = feed_next_settled(output->feeds[i])))
            spool_give_back(output->spool, batch);
}

/*
 * A frame of the spool is over when the sink is done with all of it. Given up in part, it stays: the next start sends
 * all of it again, rather than to lose some.
 */
static void settle_frame(struct output *output, struct batch *batch)
{
    if (!output->spool || !spool_owns(output->spool, batch))
        return;
    if (!batch->failed)
        spool_frame_over(output->spool, batch);
    else
        batch_judge_from(batch, 0, VERDICT_SPOOLED);
}

/* A batch that the sink is done with. */
static void let_go(struct output *output, struct batch *batch)
{
    output->held--;
    if (batch->body)
        batch->feed->held--;
    settle_frame(output, batch);
    latency_count(&output->latency, batch);
}

/* What a sink gives up before the end (it had no memory for a request) is the spool's, if that takes it. */
static bool keep_failed(struct output *output, struct batch *batch)
{
    bool kept = batch->failed && batch->body && output->spool && spool_put(output->spool, batch) == 0;
    output->spooling += kept;
    return kept;
}

static bool fetch_completions(struct output *output)
{
    struct completion completions[SINK_BATCHES_MOST];
    int count = output->sink.ops->poll(&output->sink, completions, SINK_BATCHES_MOST, 0);
    for (int i = 0; i < count; i++) {
        let_go(output, completions[i].batch);
        if (!keep_failed(output, completions[i].batch))
            give_back(output, completions[i].batch);
    }
    /* Relaxed: it says something of itself alone. */
    atomic_store_explicit(&output->broken, output->sink.broken, memory_order_relaxed);
    return count > 0;
}

/* ---- batches to the sink ---- */

static bool sink_takes(struct output *output, struct batch *batch)
{
    bool taken = output->sink.ops->submit(&output->sink, batch) == 0;
    output->held += taken;
    return taken;
}

/* A sink gets half of a worker's batches at most: one that is gone must leave some to spool and to fill. */
static bool sink_takes_sealed(struct output *output, struct feed *feed, struct batch *batch)
{
    bool taken = feed->held < (feed->view_count + 1) / 2 && sink_takes(output, batch);
    feed->held += taken;
    return taken;
}

/* Hands sealed batches to the sink, one of each feed in turn, until there are none or the sink has no room. */
static bool submit_sealed(struct output *output)
{
    bool any = false, refused = false;
    for (uint32_t idle = 0; idle < output->feed_count;) {
        struct feed *feed = output->feeds[output->turn];
        struct batch *batch = feed_next(feed);
        bool taken = batch && sink_takes_sealed(output, feed, batch);
        if (batch && !taken)
            feed_put_back(feed, batch);
        refused |= batch && !taken;
        any |= taken;
        idle = taken ? 0 : idle + 1;
        output->turn = (output->turn + 1) % output->feed_count;
    }
    if (!refused)
        output->blocked_ns = 0;
    else if (!output->blocked_ns || any)
        output->blocked_ns = clock_steady_ns();
    return any;
}

/* Hands what the spool reads back to the sink, after the live batches. */
static bool submit_replay(struct output *output)
{
    bool any = false;
    while (output->spool && !output->blocked_ns) {
        struct batch *batch = output->replay ? output->replay : spool_next(output->spool, clock_steady_ns());
        output->replay = batch;
        if (!batch)
            break;
        if (output->sink.pads)
            batch_pad(batch);
        if (!sink_takes(output, batch))
            break;
        output->replay = NULL;
        any = true;
    }
    return any;
}

/* ---- batches to the spool ---- */

static void overflow_say(struct output *output, bool overflowing)
{
    if (overflowing == output->overflowing)
        return;
    output->overflowing = overflowing;
    if (overflowing)
        log_warning("output %s takes too little: documents go to the spool %s", output->config->name,
                    output->config->spool.path);
    else
        log_info("output %s has taken everything that was in the spool", output->config->name);
}

/* Batches wait in memory for spool.after at most, and not beyond a quarter of what the worker has. */
static bool feed_overflows(const struct output *output, const struct feed *feed, int64_t now_ns)
{
    return feed_depth(feed) && (now_ns - output->blocked_ns >= (int64_t)output->config->spool.after ||
                             feed_depth(feed) > feed->view_count / 4);
}

/* Moves a feed's waiting batches to the spool, as long as it takes them. */
static bool feed_spill(struct output *output, struct feed *feed, int64_t now_ns)
{
    bool any = false;
    while (feed_overflows(output, feed, now_ns)) {
        struct batch *batch = feed_next(feed);
        batch_judge_from(batch, 0, VERDICT_FAILED);
        if (spool_put(output->spool, batch) < 0) {
            batch_judge_from(batch, 0, VERDICT_DELIVERED);
            feed_put_back(feed, batch);
            break;
        }
        output->spooling++;
        any = true;
    }
    return any;
}

static bool spill(struct output *output)
{
    bool any = false;
    if (!output->spool || !output->blocked_ns)
        return false;
    int64_t now_ns = clock_steady_ns();
    for (uint32_t i = 0; i < output->feed_count; i++)
        any |= feed_spill(output, output->feeds[i], now_ns);
    if (any)
        overflow_say(output, true);
    return any;
}

/* What the disk refused waits in its feed again, in front; at the end there is no other try. */
static void spool_refused(struct output *output, struct batch *batch, bool last)
{
    if (last) {
        give_back(output, batch);
        output->gave_up = true;
        return;
    }
    batch_rejudge(batch, VERDICT_FAILED, VERDICT_DELIVERED);
    feed_put_back(batch->feed, batch);
}

static bool fetch_spooled(struct output *output, bool last)
{
    struct batch *batches[SINK_BATCHES_MOST], *batch;
    if (!output->spool)
        return false;
    take_settled(output);
    int count = spool_poll(output->spool, batches, SINK_BATCHES_MOST);
    for (int i = 0; i < count; i++) {
        output->spooling--;
        if (batches[i]->failed)
            spool_refused(output, batches[i], last);
        else
            give_back(output, batches[i]);
    }
    bool any = count > 0;
    while ((batch = spool_next_dropped(output->spool))) {
        give_back(output, batch);
        any = true;
    }
    if (!spool_waiting(output->spool) && !output->spooling)
        overflow_say(output, false);
    return any;
}

/* ---- the thread ---- */

/* Everything that can be done without waiting. False when there was nothing to do. */
static bool serve(struct output *output, bool replaying)
{
    if (atomic_exchange_explicit(&output->reopen, false, memory_order_relaxed) && output->sink.ops->reopen)
        output->sink.ops->reopen(&output->sink);
    bool any = submit_sealed(output);
    if (replaying)
        any |= submit_replay(output);
    any |= fetch_completions(output);
    any |= fetch_spooled(output, false);
    return spill(output) || any;
}

/* pairs with the release in output_close_by(): the workers' last batches are in the rings */
static int64_t closing(struct output *output)
{
    return atomic_load_explicit(&output->close_by_ns, memory_order_acquire);
}

static int64_t earlier(int64_t one_ns, int64_t other_ns)
{
    return one_ns < other_ns ? one_ns : other_ns;
}

/* When something is to be done even if nothing happens. */
static int64_t due_ns(const struct output *output)
{
    int64_t due = output->sink.due_ns;
    if (!output->spool)
        return due;
    due = earlier(due, spool_due_ns(output->spool));
    int64_t spill_ns = output->blocked_ns + (int64_t)output->config->spool.after;
    /* Past it, the spool is what does not take them: it says itself when to come again. */
    return output->blocked_ns && spill_ns > clock_steady_ns() ? earlier(due, spill_ns) : due;
}

/* Sleeps until a worker, a descriptor or the time wakes it, but not longer than by_ns (steady clock). */
static void sleep_until(struct output *output, int64_t by_ns)
{
    struct pollfd entries[] = {
        {.fd = output->wakeup.fd, .events = POLLIN},
        {.fd = output->sink.wait_fd, .events = output->sink.wait_events},
        {.fd = output->spool ? spool_wait_fd(output->spool) : -1, .events = POLLIN},
    };
    by_ns = earlier(by_ns, due_ns(output));
    int64_t left_ns = by_ns == INT64_MAX ? INT64_MAX : by_ns - clock_steady_ns();
    if (left_ns < 0)
        left_ns = 0;
    struct timespec left = {.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
    ppoll(entries, sizeof entries / sizeof *entries, by_ns == INT64_MAX ? NULL : &left, NULL);
}

static void rest(struct output *output)
{
    int64_t close_by_ns = closing(output);
    wakeup_raise(&output->wakeup);
    if (!serve(output, !close_by_ns) && closing(output) == close_by_ns)
        sleep_until(output, close_by_ns ? close_by_ns : INT64_MAX);
    wakeup_lower(&output->wakeup);
}

static bool all_submitted(struct output *output)
{
    for (uint32_t i = 0; i < output->feed_count; i++)
        if (feed_depth(output->feeds[i]))
            return false;
    return true;
}

/* The spool takes a batch that is given up, if it has to be waited for. */
static bool spool_takes(struct output *output, struct batch *batch)
{
    int64_t by_ns = clock_steady_ns() + SPOOL_FLUSH_MS * NS_PER_MS;
    int error = spool_put(output->spool, batch);
    while (error == -EAGAIN && clock_steady_ns() < by_ns) {
        spool_flush(output->spool, 100);
        fetch_spooled(output, true);
        error = spool_put(output->spool, batch);
    }
    output->spooling += !error;
    return !error;
}

/* A batch whose documents the output did not deliver in time: to the spool, or lost. */
static void give_up(struct output *output, struct batch *batch)
{
    if (batch->failed && output->spool && spool_takes(output, batch))
        return;
    output->gave_up |= batch->failed > 0;
    give_back(output, batch);
}

static void give_up_held(struct output *output)
{
    struct completion completions[SINK_BATCHES_MOST];
    int count = 1;
    while (output->held && count > 0) {
        count = output->sink.ops->poll(&output->sink, completions, SINK_BATCHES_MOST, 0);
        for (int i = 0; i < count; i++) {
            let_go(output, completions[i].batch);
            give_up(output, completions[i].batch);
        }
    }
    assert(!output->held);
}

static void give_up_sealed(struct output *output)
{
    for (uint32_t i = 0; i < output->feed_count; i++) {
        struct batch *batch;
        while ((batch = feed_next(output->feeds[i]))) {
            batch_judge_from(batch, 0, VERDICT_FAILED);
            give_up(output, batch);
        }
    }
}

/* A frame that was read but not submitted stays on disk, as do those that nobody has read. */
static void close_spool(struct output *output)
{
    if (!output->spool)
        return;
    if (output->replay) {
        batch_judge_from(output->replay, 0, VERDICT_SPOOLED);
        give_back(output, output->replay);
        output->replay = NULL;
    }
    if (spool_flush(output->spool, SPOOL_FLUSH_MS) < 0)
        log_error("output %s: the disk of the spool does not answer", output->config->name);
    fetch_spooled(output, true);
}

/* Delivers what is there until the deadline, then gives up the rest. The workers have ended. */
static void finish(struct output *output)
{
    int64_t by_ns = closing(output);
    while (!all_submitted(output) && clock_steady_ns() < by_ns)
        rest(output);
    int64_t left_ms = (by_ns - clock_steady_ns()) / NS_PER_MS;
    output->sink.ops->flush(&output->sink, left_ms > 0 ? (int)left_ms : 0);
    give_up_held(output);
    give_up_sealed(output);
    close_spool(output);
}

static int open_all(struct output *output)
{
    int error = output->sink.ops->open(&output->sink);
    if (error || !output->config->spool.path || !*output->config->spool.path)
        return error;
    error = spool_open(&output->spool, &(struct spool_setup){.output = output->config,
                                                             .thread = output->sink.thread,
                                                             .counters = output->counters,
                                                             .memory = &output->memory->spool,
                                                             .feeds = output->feeds,
                                                             .feed_count = output->feed_count});
    if (error)
        output->sink.ops->close(&output->sink);
    return error;
}

static void *output_run(void *argument)
{
    struct output *output = argument;
    char name[16];
    snprintf(name, sizeof name, "weir-out-%s", output->config->name); /* cut to fit, which is good enough to look at */
    pthread_setname_np(pthread_self(), name);
    int error = output->open_error = open_all(output);
    sem_post(&output->opened);
    if (error)
        return NULL;
    while (!closing(output)) {
        if (!serve(output, true))
            rest(output);
    }
    finish(output);
    output->sink.ops->close(&output->sink);
    atomic_store_explicit(&output->ended, true, memory_order_relaxed); /* see output_ended() */
    return NULL;
}

/* ---- opening and closing ---- */

int output_init(struct output *output, const struct output_setup *setup)
{
    output->config = setup->own;
    output->memory = setup->memory;
    output->counters = &setup->memory->counters;
    output->sink = (struct sink){.ops = sink_of(setup->own->kind),
                                 .config = setup->config,
                                 .output = setup->own,
                                 .thread = setup->thread,
                                 .counters = output->counters,
                                 .wait_fd = -1,
                                 .due_ns = INT64_MAX};
    sem_init(&output->opened, 0, 0);
    return wakeup_open(&output->wakeup);
}

void output_end(struct output *output)
{
    assert(!output->running);
    if (output->spool) {
        output_settle(output);
        spool_close(output->spool);
    }
    wakeup_close(&output->wakeup);
    sem_destroy(&output->opened);
}

/* The thread takes no signals: they are the main thread's, and a broken pipe is an error code here. */
int output_start(struct output *output)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&output->thread, NULL, output_run, output);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        log_error("output %s: cannot start a thread: %s", output->config->name, strerror(error));
        return -error;
    }
    while (sem_wait(&output->opened) < 0 && errno == EINTR)
        ;
    output->running = !output->open_error;
    if (output->open_error)
        pthread_join(output->thread, NULL);
    return output->open_error;
}

void output_reopen(struct output *output)
{
    atomic_store_explicit(&output->reopen, true, memory_order_relaxed); /* the wake-up makes it visible */
    wakeup_signal(&output->wakeup);
}

void output_close_by(struct output *output, int64_t steady_ns)
{
    atomic_store_explicit(&output->close_by_ns, steady_ns, memory_order_release); /* see closing() */
    wakeup_signal(&output->wakeup);
}

void output_settle(struct output *output)
{
    if (output->spool)
        take_settled(output);
}

bool output_ended(struct output *output)
{
    return atomic_load_explicit(&output->ended, memory_order_relaxed); /* the join makes the rest visible */
}

int output_join(struct output *output)
{
    pthread_join(output->thread, NULL);
    output->running = false;
    return output->gave_up ? -ETIMEDOUT : 0;
}
