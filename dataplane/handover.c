/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/handover.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * A slot's turn says whose it is: equal to the position, a producer's that claims this position; position + 1, the
 * owner's to read; and after reading it becomes the position one round later.
 */
struct slot {
    _Atomic uint32_t turn;
    uint32_t size_bytes;
    int64_t received_ns;
    struct endpoint source;
    bool cut;
    bool budgeted;
    uint8_t bytes[];
};

struct handover {
    uint32_t mask;
    uint32_t slot_bytes;
    uint32_t datagram_bytes_most;
    uint32_t borrowed; /* the owner's: slots of the last receive */
    uint8_t *slots;
    size_t mapped_bytes;
    struct backend backend;
    struct backend_queue queue;
    struct backend_queue *queues[1];
    _Alignas(64) _Atomic uint32_t tail; /* producers write, all read */
    _Alignas(64) _Atomic uint32_t head; /* the owner writes, all read */
    _Atomic uint32_t dozing;            /* the owner writes; producers read, and clear it when they wake it */
};

static struct slot *slot_at(const struct handover *handover, uint32_t position)
{
    return (struct slot *)(handover->slots + (size_t)(position & handover->mask) * handover->slot_bytes);
}

static int handover_receive(struct backend_queue *queue, struct packet *packets, int most)
{
    struct handover *handover = queue->state;
    uint32_t head = atomic_load_explicit(&handover->head, memory_order_relaxed);
    int count = 0;
    for (; count < most; count++) {
        struct slot *slot = slot_at(handover, head + (uint32_t)count);
        /* pairs with the release in handover_push(): the slot is written before its turn is */
        if (atomic_load_explicit(&slot->turn, memory_order_acquire) != head + (uint32_t)count + 1)
            break;
        packets[count] = (struct packet){.bytes = slot->bytes,
                                         .size_bytes = slot->size_bytes,
                                         .kind = PACKET_PAYLOAD,
                                         .cut = slot->cut,
                                         .budgeted = slot->budgeted,
                                         .received_ns = slot->received_ns,
                                         .source = slot->source};
    }
    handover->borrowed = (uint32_t)count;
    uint32_t left = atomic_load_explicit(&handover->tail, memory_order_relaxed) - head - (uint32_t)count;
    queue->fill = (double)left / (double)(handover->mask + 1);
    return count;
}

static void handover_release(struct backend_queue *queue)
{
    struct handover *handover = queue->state;
    uint32_t head = atomic_load_explicit(&handover->head, memory_order_relaxed);
    for (uint32_t i = 0; i < handover->borrowed; i++, head++)
        /* pairs with the acquire in handover_push(): we have read the slot before it is written again */
        atomic_store_explicit(&slot_at(handover, head)->turn, head + handover->mask + 1, memory_order_release);
    atomic_store_explicit(&handover->head, head, memory_order_relaxed);
    handover->borrowed = 0;
}

static void handover_losses(struct backend_queue *queue, struct losses *losses)
{
    (void)queue;
    *losses = (struct losses){0}; /* a full ring is counted by the worker that finds it full */
}

static const struct backend_ops handover_ops = {
    .name = "handover",
    .sandboxed = true,
    .receive = handover_receive,
    .release = handover_release,
    .losses = handover_losses,
};

struct handover *handover_new(uint32_t datagrams, uint32_t datagram_bytes_most)
{
    struct handover *handover = aligned_alloc(64, (sizeof *handover + 63) & ~(size_t)63);
    if (!handover)
        return NULL;
    uint32_t slots = 2;
    while (slots < datagrams)
        slots *= 2;
    memset(handover, 0, sizeof *handover);
    handover->mask = slots - 1;
    handover->datagram_bytes_most = datagram_bytes_most;
    handover->slot_bytes = (uint32_t)((sizeof(struct slot) + datagram_bytes_most + PACKET_SLACK_BYTES + 63) & ~63ul);
    handover->mapped_bytes = (size_t)slots * handover->slot_bytes;
    handover->slots = mmap(NULL, handover->mapped_bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    handover->queue.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (handover->slots == MAP_FAILED || handover->queue.fd < 0) {
        handover_free(handover);
        return NULL;
    }
    for (uint32_t i = 0; i < slots; i++)
        atomic_init(&slot_at(handover, i)->turn, i);
    handover->queues[0] = &handover->queue;
    handover->backend = (struct backend){.ops = &handover_ops, .queues = handover->queues, .queue_count = 1};
    handover->queue.backend = &handover->backend;
    handover->queue.state = handover;
    handover->queue.tells_fill = true;
    return handover;
}

void handover_free(struct handover *handover)
{
    if (!handover)
        return;
    if (handover->slots != MAP_FAILED)
        munmap(handover->slots, handover->mapped_bytes);
    if (handover->queue.fd >= 0)
        close(handover->queue.fd);
    free(handover);
}

struct backend_queue *handover_queue(struct handover *handover)
{
    return &handover->queue;
}

bool handover_push(struct handover *handover, const struct frame *frame, const struct packet *packet)
{
    assert(frame->size_bytes <= handover->datagram_bytes_most);
    uint32_t position = atomic_load_explicit(&handover->tail, memory_order_relaxed);
    struct slot *slot;
    for (;;) {
        slot = slot_at(handover, position);
        /* pairs with the release in handover_release(): the owner has read the slot before we write it */
        uint32_t turn = atomic_load_explicit(&slot->turn, memory_order_acquire);
        if ((int32_t)(turn - position) < 0)
            return false;
        if (turn != position)
            position = atomic_load_explicit(&handover->tail, memory_order_relaxed);
        else if (atomic_compare_exchange_weak_explicit(&handover->tail, &position, position + 1, memory_order_relaxed,
                                                       memory_order_relaxed))
            break;
    }
    slot->size_bytes = frame->size_bytes;
    slot->received_ns = packet->received_ns;
    slot->source = frame->source;
    slot->cut = packet->cut;
    slot->budgeted = packet->budgeted;
    memcpy(slot->bytes, frame->payload, frame->size_bytes);
    /* pairs with the acquire in handover_receive() */
    atomic_store_explicit(&slot->turn, position + 1, memory_order_release);
    return true;
}

void handover_interrupt(struct handover *handover)
{
    uint64_t one = 1;
    if (write(handover->queue.fd, &one, sizeof one) < 0)
        return; /* only when the counter stands at its end: the owner is being woken already */
}

void handover_wake(struct handover *handover)
{
    /* Pairs with the fence in handover_doze(): either we see that the owner dozes, or it sees what we pushed. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&handover->dozing, memory_order_relaxed) &&
        atomic_exchange_explicit(&handover->dozing, 0, memory_order_relaxed))
        handover_interrupt(handover);
}

bool handover_doze(struct handover *handover)
{
    atomic_store_explicit(&handover->dozing, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst); /* see handover_wake() */
    if (!handover_waiting(handover))
        return true;
    atomic_store_explicit(&handover->dozing, 0, memory_order_relaxed);
    return false;
}

void handover_rouse(struct handover *handover, bool woken)
{
    uint64_t count;
    atomic_store_explicit(&handover->dozing, 0, memory_order_relaxed);
    if (woken && read(handover->queue.fd, &count, sizeof count) < 0)
        return; /* there was nothing to take back after all */
}

uint32_t handover_waiting(const struct handover *handover)
{
    uint32_t head = atomic_load_explicit(&handover->head, memory_order_relaxed);
    return atomic_load_explicit(&handover->tail, memory_order_relaxed) - head;
}
