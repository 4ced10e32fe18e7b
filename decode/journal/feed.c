/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/journal/feed.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "decode/pages.h"

#define ALIGN_BYTES 8u

/* An entry: an event, then its record. It never goes over the end of the ring: there, a gap stands for the rest. */
struct entry {
    uint32_t size_bytes; /* of all, a multiple of ALIGN_BYTES */
    bool gap;
    struct template_event event;
};

static_assert(sizeof(struct entry) % ALIGN_BYTES == 0, "records begin aligned, and so do entries");

struct template_feed {
    uint8_t *bytes;
    uint32_t mask;
    _Alignas(64) _Atomic uint32_t head; /* the consumer writes, the producer reads */
    _Alignas(64) _Atomic uint32_t tail; /* the producer writes, the consumer reads */
};

struct template_feed *template_feed_new(uint32_t size_bytes)
{
    assert((size_bytes & (size_bytes - 1)) == 0 && size_bytes >= 4u * TEMPLATE_RECORD_MOST);
    struct template_feed *feed = aligned_alloc(64, sizeof *feed);
    if (!feed)
        return NULL;
    *feed = (struct template_feed){.bytes = pages_take(size_bytes), .mask = size_bytes - 1};
    if (feed->bytes)
        return feed;
    free(feed);
    return NULL;
}

void template_feed_free(struct template_feed *feed)
{
    if (!feed)
        return;
    pages_give(feed->bytes, (size_t)feed->mask + 1);
    free(feed);
}

static struct entry *entry_at(const struct template_feed *feed, uint32_t place)
{
    return (struct entry *)(feed->bytes + (place & feed->mask));
}

bool template_feed_push(struct template_feed *feed, const struct template_event *event)
{
    uint32_t tail = atomic_load_explicit(&feed->tail, memory_order_relaxed);
    /* pairs with the release in template_feed_pop(): what stood there was read before it is overwritten */
    uint32_t used = tail - atomic_load_explicit(&feed->head, memory_order_acquire);
    uint32_t size_bytes =
        (uint32_t)(sizeof(struct entry) + event->record_bytes + ALIGN_BYTES - 1) & ~(ALIGN_BYTES - 1);
    uint32_t to_end = feed->mask + 1 - (tail & feed->mask);
    uint32_t gap_bytes = to_end < size_bytes ? to_end : 0;
    if (feed->mask + 1 - used < gap_bytes + size_bytes)
        return false;
    if (gap_bytes) {
        /* at least ALIGN_BYTES are left there: room for the two members that a gap has */
        entry_at(feed, tail)->size_bytes = gap_bytes;
        entry_at(feed, tail)->gap = true;
        tail += gap_bytes;
    }
    struct entry *entry = entry_at(feed, tail);
    *entry = (struct entry){.size_bytes = size_bytes, .event = *event};
    memcpy(entry + 1, event->record, event->record_bytes);
    /* pairs with the acquire in template_feed_peek(): the entry is written before it is seen */
    atomic_store_explicit(&feed->tail, tail + size_bytes, memory_order_release);
    return true;
}

bool template_feed_peek(struct template_feed *feed, struct template_event *event)
{
    uint32_t head = atomic_load_explicit(&feed->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&feed->tail, memory_order_acquire)) /* see template_feed_push() */
        return false;
    const struct entry *entry = entry_at(feed, head);
    if (entry->gap) { /* never the last one: an entry follows */
        head += entry->size_bytes;
        atomic_store_explicit(&feed->head, head, memory_order_release);
        entry = entry_at(feed, head);
    }
    *event = entry->event;
    event->record = (const uint8_t *)(entry + 1);
    return true;
}

void template_feed_pop(struct template_feed *feed)
{
    uint32_t head = atomic_load_explicit(&feed->head, memory_order_relaxed);
    atomic_store_explicit(&feed->head, head + entry_at(feed, head)->size_bytes,
                          memory_order_release); /* see template_feed_push() */
}
