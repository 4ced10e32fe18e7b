/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/park.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define BUCKETS 4096

/* Sets of one bucket stand in it in the order in which they came. */
struct bucket {
    struct parked *first, **last;
};

struct park {
    struct heap *heap;
    const struct config *config;
    uint64_t seed;
    uint64_t bytes;
    uint64_t number; /* of the last set */
    struct parked *oldest, *newest;
    _Atomic uint32_t count; /* its worker writes, readers of the ledger look */
    struct bucket buckets[BUCKETS];
};

struct park *park_new(struct heap *heap, const struct config *config)
{
    struct park *park = calloc(1, sizeof *park);
    if (!park)
        return NULL;
    park->heap = heap;
    park->config = config;
    for (uint32_t i = 0; i < BUCKETS; i++)
        park->buckets[i].last = &park->buckets[i].first;
    if (getrandom(&park->seed, sizeof park->seed, 0) == sizeof park->seed)
        return park;
    free(park);
    return NULL;
}

void park_free(struct park *park)
{
    if (!park)
        return;
    while (park->oldest)
        park_give_back(park, park_take_oldest(park));
    free(park);
}

static struct bucket *bucket_of(struct park *park, const struct session_key *key, uint16_t id)
{
    return &park->buckets[XXH3_64bits_withSeed(key, sizeof *key, park->seed + id) % BUCKETS];
}

static uint32_t memory_bytes(const struct parked *parked)
{
    return (uint32_t)sizeof *parked + parked->size_bytes + RECORD_SLACK_BYTES;
}

/* --- in and out of the lists --- */

static void count_change(struct park *park, struct parked *parked, int change)
{
    uint32_t bytes = (uint32_t)change * memory_bytes(parked);
    park->bytes += (uint64_t)((int64_t)change * memory_bytes(parked));
    parked->message.exporter->parked_bytes += bytes;
    uint32_t count = atomic_load_explicit(&park->count, memory_order_relaxed);
    atomic_store_explicit(&park->count, count + (uint32_t)change, memory_order_relaxed); /* a number to look at */
}

static void bucket_in(struct park *park, struct parked *parked)
{
    struct bucket *bucket = bucket_of(park, &parked->key, parked->id);
    parked->next = NULL;
    parked->link = bucket->last;
    *bucket->last = parked;
    bucket->last = &parked->next;
}

static void bucket_out(struct park *park, struct parked *parked)
{
    *parked->link = parked->next;
    if (parked->next)
        parked->next->link = parked->link;
    else
        bucket_of(park, &parked->key, parked->id)->last = parked->link;
}

static void link_in(struct park *park, struct parked *parked)
{
    bucket_in(park, parked);
    parked->older = park->newest;
    *(park->newest ? &park->newest->newer : &park->oldest) = parked;
    park->newest = parked;
    count_change(park, parked, 1);
}

/* NULL stays NULL. */
static struct parked *link_out(struct park *park, struct parked *parked)
{
    if (!parked)
        return NULL;
    bucket_out(park, parked);
    *(parked->older ? &parked->older->newer : &park->oldest) = parked->newer;
    *(parked->newer ? &parked->newer->older : &park->newest) = parked->older;
    count_change(park, parked, -1);
    return parked;
}

/* --- the decoder's calls --- */

bool park_put(struct park *park, const struct parked *like, const uint8_t *body, uint32_t size_bytes)
{
    uint64_t bytes = sizeof *like + size_bytes + RECORD_SLACK_BYTES;
    if (park->bytes + bytes > park->config->templates.park_size ||
        like->message.exporter->parked_bytes + bytes > park->config->templates.park_exporter_size)
        return false;
    struct parked *parked = heap_take(park->heap, bytes);
    if (!parked)
        return false;
    *parked = (struct parked){.key = like->key,
                              .id = like->id,
                              .message = like->message,
                              .position = like->position,
                              .size_bytes = size_bytes,
                              .number = ++park->number};
    memcpy(parked->body, body, size_bytes);
    memset(parked->body + size_bytes, 0, RECORD_SLACK_BYTES);
    link_in(park, parked);
    return true;
}

struct parked *park_find(struct park *park, struct parked *after, const struct session_key *key, uint16_t id)
{
    if (!park->oldest)
        return NULL;
    struct parked *parked = after ? after->next : bucket_of(park, key, id)->first;
    while (parked && (parked->id != id || !session_key_equal(&parked->key, key)))
        parked = parked->next;
    return parked;
}

void park_remove(struct park *park, struct parked *parked)
{
    link_out(park, parked);
}

void park_rekey(struct park *park, const struct session_key *key)
{
    for (struct parked *parked = park->oldest; parked; parked = parked->newer) {
        if (!session_key_equal(&parked->key, key))
            continue;
        bucket_out(park, parked);
        parked->key.port = exporter_port(parked->message.exporter);
        bucket_in(park, parked);
    }
}

struct parked *park_take_oldest(struct park *park)
{
    return link_out(park, park->oldest);
}

struct parked *park_take_expired(struct park *park, int64_t now_ns)
{
    int64_t time_ns = (int64_t)park->config->templates.park_time;
    if (!time_ns || !park->oldest || now_ns - park->oldest->message.received_ns <= time_ns)
        return NULL;
    return park_take_oldest(park);
}

struct parked *park_take_of(struct park *park, const struct exporter *exporter)
{
    if (!exporter->parked_bytes)
        return NULL;
    struct parked *parked = park->oldest;
    while (parked->message.exporter != exporter)
        parked = parked->newer;
    return link_out(park, parked);
}

void park_give_back(struct park *park, struct parked *parked)
{
    if (parked)
        heap_give(park->heap, parked, memory_bytes(parked));
}

const struct parked *park_after(const struct park *park, uint64_t number)
{
    const struct parked *parked = park->oldest;
    while (parked && parked->number <= number)
        parked = parked->newer;
    return parked;
}

uint32_t park_count(const struct park *park)
{
    return atomic_load_explicit(&park->count, memory_order_relaxed); /* a number to look at */
}
