/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/backend_memory.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "dataplane/backend.h"

struct memory_queue {
    struct backend_queue queue;
    struct backend_queue *queues[1];
    struct memory_input *input;
    uint32_t position;
    uint64_t round;
};

static int memory_receive(struct backend_queue *base, struct packet *packets, int most)
{
    struct memory_queue *queue = base->state;
    const struct memory_input *input = queue->input;
    int64_t now_ns = input->received_ns ? input->received_ns : clock_utc_ns();
    int count = 0;
    for (; count < most && queue->round < input->rounds; count++) {
        const struct memory_datagram *datagram = &input->datagrams[queue->position];
        packets[count] = (struct packet){.bytes = datagram->payload,
                                         .size_bytes = datagram->size_bytes,
                                         .kind = PACKET_PAYLOAD,
                                         .received_ns = now_ns,
                                         .source = datagram->source};
        if (++queue->position == input->count) {
            queue->position = 0;
            queue->round++;
        }
    }
    base->ended = queue->round == input->rounds;
    return count;
}

static void memory_release(struct backend_queue *base)
{
    (void)base; /* the datagrams stay the caller's */
}

static void memory_losses(struct backend_queue *base, struct losses *losses)
{
    (void)base;
    *losses = (struct losses){0};
}

static void memory_close(struct backend *backend)
{
    if (backend->queue_count)
        free(backend->queues[0]->state);
    *backend = (struct backend){.ops = backend->ops};
}

static int memory_open(struct backend *backend, const struct config *config, uint32_t queues)
{
    struct memory_input *input = backend->state;
    struct memory_queue *queue = calloc(1, sizeof *queue);
    (void)config;
    (void)queues;
    if (!queue)
        return -ENOMEM;
    queue->input = input;
    queue->round = input->count ? 0 : input->rounds;
    queue->queue = (struct backend_queue){.backend = backend, .fd = -1, .finite = true, .state = queue};
    queue->queues[0] = &queue->queue;
    backend->queues = queue->queues;
    backend->queue_count = 1;
    return 0;
}

const struct backend_ops backend_memory = {
    .name = "memory",
    .open = memory_open,
    .receive = memory_receive,
    .release = memory_release,
    .losses = memory_losses,
    .close = memory_close,
};
