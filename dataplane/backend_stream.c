/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "dataplane/backend.h"
#include "dataplane/stream/doorman.h"

/* IPFIX by transports with sessions: a doorman, and a queue of sessions for each worker. */
struct stream_backend {
    struct doorman *doorman;
    struct stream_queue **queues;
};

static uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* The first queue's worker counts what the doorman has seen. */
static void doorman_losses(const struct doorman_counts *counts, struct losses *losses)
{
    losses->streams_accepted = counted(&counts->accepted);
    losses->streams_full = counted(&counts->full);
    losses->streams_full_address = counted(&counts->full_address);
    losses->streams_not_allowed += counted(&counts->not_allowed);
    losses->streams_handshake_failed = counted(&counts->handshake_failed);
    losses->streams_handshake_late = counted(&counts->handshake_late);
}

static void stream_losses(struct backend_queue *base, struct losses *losses)
{
    const struct stream_queue *queue = base->state;
    const struct stream_backend *state = base->backend->state;
    *losses = (struct losses){
        .streams_open = atomic_load_explicit(&queue->given, memory_order_relaxed),
        .streams_closed = queue->ends[STREAM_CLOSED],
        .streams_cut = queue->ends[STREAM_CUT],
        .streams_broken = queue->ends[STREAM_BROKEN],
        .streams_bad_message = queue->ends[STREAM_BAD_MESSAGE],
        .streams_stalled = queue->ends[STREAM_STALLED],
        .streams_idle = queue->ends[STREAM_IDLE],
        .streams_not_allowed = queue->ends[STREAM_NOT_ALLOWED],
    };
    if (base->number == 0)
        doorman_losses(doorman_counts(state->doorman), losses);
}

static void stream_close_all(struct backend *backend)
{
    struct stream_backend *state = backend->state;
    if (!state)
        return;
    doorman_close(state->doorman);
    for (uint32_t i = 0; i < backend->queue_count; i++) {
        stream_queue_fini(state->queues[i]);
        free(state->queues[i]);
    }
    free(state->queues);
    free(state);
    free(backend->queues);
    *backend = (struct backend){.ops = backend->ops};
}

static int queue_open(struct backend *backend, uint32_t number)
{
    struct stream_backend *state = backend->state;
    struct stream_queue *queue = calloc(1, sizeof *queue);
    int result = queue ? stream_queue_init(queue, backend, number, doorman_over_fd(state->doorman)) : -ENOMEM;
    if (result) {
        free(queue);
        return result;
    }
    state->queues[number] = queue;
    backend->queues[number] = &queue->queue;
    backend->queue_count = number + 1;
    return 0;
}

static int queues_open(struct backend *backend, uint32_t count)
{
    struct stream_backend *state = backend->state;
    int result = 0;
    backend->queues = calloc(count, sizeof(*backend->queues));
    state->queues = calloc(count, sizeof(*state->queues));
    if (!backend->queues || !state->queues)
        return -ENOMEM;
    for (uint32_t i = 0; i < count && !result; i++)
        result = queue_open(backend, i);
    return result;
}

static int stream_open(struct backend *backend, const struct config *config, uint32_t queues)
{
    struct stream_backend *state = calloc(1, sizeof *state);
    if (!state)
        return -ENOMEM;
    backend->state = state;
    backend->queue_count = 0;
    state->doorman = doorman_open(config);
    int result = state->doorman ? queues_open(backend, queues) : -errno;
    if (result)
        stream_close_all(backend);
    return result;
}

static int stream_start(struct backend *backend)
{
    struct stream_backend *state = backend->state;
    return doorman_start(state->doorman, state->queues, backend->queue_count);
}

static int stream_set_rules(struct backend *backend, const struct config *config)
{
    struct stream_backend *state = backend->state;
    doorman_set_rules(state->doorman, config);
    return 0;
}

const struct backend_ops backend_stream = {
    .name = "stream",
    .sandboxed = true,
    .open = stream_open,
    .start = stream_start,
    .receive = stream_queue_receive,
    .release = stream_queue_release,
    .ended = stream_queue_ended,
    .losses = stream_losses,
    .close = stream_close_all,
    .set_rules = stream_set_rules,
};
