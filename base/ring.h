/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A ring of pointers from one producer thread to one consumer thread. Pushing hands over ownership. The storage is the
 * caller's and its size a power of two.
 */
struct ring {
    void **slots;
    uint32_t mask;
    _Alignas(64) _Atomic uint32_t head; /* the consumer writes, the producer reads */
    uint32_t tail_seen;                 /* the consumer's */
    _Alignas(64) _Atomic uint32_t tail; /* the producer writes, the consumer reads */
    uint32_t head_seen;                 /* the producer's */
};

/* Returns 0 or -ENOMEM. count is rounded up to a power of two. */
int ring_init(struct ring *ring, uint32_t count);
void ring_fini(struct ring *ring);

/* False when the ring is full: the item is still the caller's. Producer only. */
static inline bool ring_push(struct ring *ring, void *item)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail - ring->head_seen > ring->mask) {
        /* pairs with the release in ring_pop(): the slot's old item was read before we write it */
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail - ring->head_seen > ring->mask)
            return false;
    }
    ring->slots[tail & ring->mask] = item;
    /* pairs with the acquire in ring_pop(): the slot and what it points at are written before they are seen */
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

/* NULL when the ring is empty. Consumer only. */
static inline void *ring_pop(struct ring *ring)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head == ring->tail_seen) {
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire); /* see ring_push() */
        if (head == ring->tail_seen)
            return NULL;
    }
    void *item = ring->slots[head & ring->mask];
    atomic_store_explicit(&ring->head, head + 1, memory_order_release); /* see ring_push() */
    return item;
}
