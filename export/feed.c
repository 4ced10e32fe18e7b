/* SPDX-License-Identifier: Apache-2.0 */
#include "export/feed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPOOL_BATCHES_MOST 64 /* batches of the spool that are on their way to be settled, in all rings of an output */

static int view_init(struct feed *feed, struct batch *view, const struct batch *model)
{
    view->feed = feed;
    view->share_most = model->share_most;
    view->shares = malloc(model->share_most * sizeof *view->shares);
    view->verdicts = malloc(model->most);
    return view->shares && view->verdicts ? 0 : -ENOMEM;
}

int feed_init(struct feed *feed, uint32_t views, const struct batch *model)
{
    int error = ring_init(&feed->sealed, views);
    if (!error)
        error = ring_init(&feed->returned, views + SPOOL_BATCHES_MOST);
    if (!error)
        error = ring_init(&feed->settled, SPOOL_BATCHES_MOST);
    feed->view_count = views;
    feed->views = calloc(views, sizeof *feed->views);
    feed->free = calloc(views, sizeof *feed->free);
    if (!feed->views || !feed->free)
        return -ENOMEM;
    for (uint32_t i = views; i-- > 0 && !error;) {
        error = view_init(feed, &feed->views[i], model);
        feed->free[feed->free_count++] = &feed->views[i];
    }
    return error;
}

void feed_fini(struct feed *feed)
{
    for (uint32_t i = 0; feed->views && i < feed->view_count; i++) {
        free(feed->views[i].shares);
        free(feed->views[i].verdicts);
    }
    free(feed->views);
    free(feed->free);
    ring_fini(&feed->sealed);
    ring_fini(&feed->returned);
    ring_fini(&feed->settled);
}

struct batch *feed_take(struct feed *feed)
{
    return feed->free_count ? feed->free[--feed->free_count] : NULL;
}

void feed_give(struct feed *feed, struct batch *view)
{
    view->body = NULL;
    feed->free[feed->free_count++] = view;
}

void feed_send(struct feed *feed, struct batch *view, struct batch *body)
{
    assert(body->share_count <= view->share_most);
    struct batch kept = *view;
    *view = *body;
    view->shares = kept.shares;
    view->share_most = kept.share_most;
    view->verdicts = kept.verdicts;
    view->feed = feed;
    view->body = body;
    view->owed = &body->mark->owed[feed->output_number];
    memcpy(view->shares, body->shares, body->share_count * sizeof *body->shares);
    body->views++;
    feed->in_flight += body->count;
    counter_add(feed->counters, COUNTER_records_received, body->count);
    bool pushed = ring_push(&feed->sealed, view);
    assert(pushed);
    (void)pushed;
    feed->wake_due = true;
}

void feed_wake(struct feed *feed)
{
    if (!feed->wake_due)
        return;
    feed->wake_due = false;
    wakeup_signal(feed->output_wakeup);
}

struct batch *feed_collect(struct feed *feed)
{
    return ring_pop(&feed->returned);
}

void feed_settled(struct feed *feed, struct batch *batch)
{
    bool pushed = ring_push(&feed->settled, batch);
    assert(pushed);
    (void)pushed;
    wakeup_signal(feed->output_wakeup); /* it may wait for the batch to read more into */
}

void feed_publish(struct feed *feed)
{
    /* Relaxed: a number to look at, which orders nothing. */
    atomic_store_explicit(&feed->waiting, feed->in_flight, memory_order_relaxed);
}

struct batch *feed_next(struct feed *feed)
{
    struct batch *batch = feed->pending;
    if (!batch)
        return ring_pop(&feed->sealed);
    feed->pending = batch->output_data;
    feed->pending_count--;
    batch->output_data = NULL;
    return batch;
}

void feed_put_back(struct feed *feed, struct batch *batch)
{
    batch->output_data = feed->pending;
    feed->pending = batch;
    feed->pending_count++;
}

uint32_t feed_depth(const struct feed *feed)
{
    /* Relaxed: the worker may push more meanwhile; head is this thread's own. */
    uint32_t tail = atomic_load_explicit(&feed->sealed.tail, memory_order_relaxed);
    return tail - atomic_load_explicit(&feed->sealed.head, memory_order_relaxed) + feed->pending_count;
}

void feed_return(struct feed *feed, struct batch *batch)
{
    bool pushed = ring_push(&feed->returned, batch);
    assert(pushed);
    (void)pushed;
    wakeup_signal(feed->worker_wakeup);
}

struct batch *feed_next_settled(struct feed *feed)
{
    return ring_pop(&feed->settled);
}
