/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/journal/circle.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "decode/journal/share.h"

#define FEED_BYTES (1u << 20) /* some ten thousand templates */
#define TURN_NS    NS_PER_MS  /* what is learned here is known there soon after that */
#define TIDY_NS    (100 * NS_PER_MS)

struct template_circle {
    struct template_board *board;
    struct template_share share;
    struct template_feed **feeds; /* of the workers, or one from the journal */
    uint32_t feed_count;
    int64_t tidy_ns;              /* steady: when expiry is due */
    struct counters counters;     /* nobody is told of anything beyond this process: not in the ledger */
    bool started;
    _Atomic bool stopping;        /* template_circle_finish() sets, the thread reads */
    pthread_t thread;
};

static void feeds_drain(struct template_circle *circle)
{
    struct template_event event;
    for (uint32_t i = 0; i < circle->feed_count; i++)
        for (; template_feed_peek(circle->feeds[i], &event); template_feed_pop(circle->feeds[i]))
            template_share_say(&circle->share, &event, clock_utc_ns());
}

/* The board is all that there is to tell: what is due has got there. */
static void due_settle(struct template_circle *circle)
{
    struct board_entry *entry;
    while ((entry = template_share_next(&circle->share)))
        template_share_sent(&circle->share, entry, true);
}

static void turn(struct template_circle *circle)
{
    int64_t now_ns = clock_steady_ns();
    feeds_drain(circle);
    due_settle(circle);
    if (now_ns < circle->tidy_ns)
        return;
    circle->tidy_ns = now_ns + TIDY_NS;
    template_share_sweep(&circle->share, clock_utc_ns());
    due_settle(circle);
    template_board_collect(circle->board);
}

static void *thread_run(void *argument)
{
    struct template_circle *circle = argument;
    const struct timespec pause = {.tv_nsec = TURN_NS};
    while (!atomic_load_explicit(&circle->stopping, memory_order_relaxed)) {
        turn(circle);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

int template_circle_start(struct template_circle *circle)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    int error = pthread_create(&circle->thread, NULL, thread_run, circle);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        log_error("cannot start the thread of input.rss=source-port: %s; raise the limit of threads (ulimit -u)",
                  strerror(error));
        return -error;
    }
    pthread_setname_np(circle->thread, "weir-circle");
    circle->started = true;
    return 0;
}

void template_circle_finish(struct template_circle *circle)
{
    if (!circle || !circle->started)
        return;
    atomic_store_explicit(&circle->stopping, true, memory_order_relaxed);
    pthread_join(circle->thread, NULL);
    circle->started = false;
}

static int feeds_make(struct template_circle *circle, uint32_t count)
{
    circle->feeds = calloc(count, sizeof(*circle->feeds));
    if (!circle->feeds)
        return -ENOMEM;
    for (; circle->feed_count < count; circle->feed_count++) {
        circle->feeds[circle->feed_count] = template_feed_new(FEED_BYTES);
        if (!circle->feeds[circle->feed_count])
            return -ENOMEM;
    }
    return 0;
}

int template_circle_open(struct template_circle **opened, const struct config *config, uint32_t workers,
                         struct journal *journal)
{
    struct template_circle *circle = calloc(1, sizeof *circle);
    if (circle)
        circle->board = template_board_new(config->templates.memory, workers);
    if (!circle || !circle->board || feeds_make(circle, journal ? 1 : workers)) {
        log_error("input.rss=source-port: no memory; set templates.kafka.memory lower");
        template_circle_free(circle);
        return -ENOMEM;
    }
    template_share_init(&circle->share, circle->board, config->expiration_timeout, &circle->counters);
    circle->share.tells_workers = true;
    if (journal)
        journal_tap(journal, circle->feeds[0]);
    template_board_open(circle->board);
    *opened = circle;
    return 0;
}

void template_circle_free(struct template_circle *circle)
{
    if (!circle)
        return;
    for (uint32_t i = 0; i < circle->feed_count; i++)
        template_feed_free(circle->feeds[i]);
    free(circle->feeds);
    template_board_free(circle->board);
    free(circle);
}

struct template_feed *template_circle_feed(struct template_circle *circle, uint32_t worker)
{
    return circle->feeds[worker];
}

struct template_board *template_circle_board(struct template_circle *circle)
{
    return circle->board;
}
