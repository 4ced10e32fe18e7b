/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/exporter.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL /* the hash of 18 bytes is a few instructions where it is inlined */
#include <xxhash.h>

#include "decode/pages.h"

static_assert(sizeof(struct endpoint) == 18, "an endpoint is hashed as its bytes");

struct exporters {
    struct exporter *items;
    uint32_t *buckets; /* slot + 1 of each chain's first, 0 = none */
    uint64_t seed;
    uint32_t bucket_mask;
    uint32_t most;
    uint32_t free_first;         /* slot + 1 of the free list's first, 0 = none */
    _Atomic uint32_t slots_used; /* its worker writes, readers of the ledger look */
    _Atomic uint32_t count;      /* the same */
};

static size_t items_bytes(const struct exporters *exporters)
{
    return (size_t)exporters->most * sizeof *exporters->items;
}

static size_t buckets_bytes(const struct exporters *exporters)
{
    return ((size_t)exporters->bucket_mask + 1) * sizeof *exporters->buckets;
}

struct exporters *exporters_new(uint32_t most)
{
    struct exporters *exporters = calloc(1, sizeof *exporters);
    if (!exporters)
        return NULL;
    uint32_t buckets = 64;
    while (buckets < most && buckets < 1U << 31)
        buckets *= 2;
    exporters->most = most ? most : 1;
    exporters->bucket_mask = buckets - 1;
    exporters->items = pages_take(items_bytes(exporters));
    exporters->buckets = pages_take(buckets_bytes(exporters));
    if (!exporters->items || !exporters->buckets ||
        getrandom(&exporters->seed, sizeof exporters->seed, 0) != sizeof exporters->seed) {
        exporters_free(exporters);
        return NULL;
    }
    return exporters;
}

void exporters_free(struct exporters *exporters)
{
    if (!exporters)
        return;
    pages_give(exporters->items, items_bytes(exporters));
    pages_give(exporters->buckets, buckets_bytes(exporters));
    free(exporters);
}

uint32_t exporters_most(const struct exporters *exporters)
{
    return exporters->most;
}

uint64_t exporters_hash(const struct exporters *exporters, const struct endpoint *endpoint)
{
    return XXH3_64bits_withSeed(endpoint, sizeof *endpoint, exporters->seed);
}

static uint32_t *bucket_of(const struct exporters *exporters, uint64_t hash)
{
    return &exporters->buckets[hash & exporters->bucket_mask];
}

void exporters_prefetch(const struct exporters *exporters, uint64_t hash)
{
    __builtin_prefetch(bucket_of(exporters, hash));
}

struct exporter *exporters_find(struct exporters *exporters, const struct endpoint *endpoint, uint64_t hash)
{
    for (uint32_t at = *bucket_of(exporters, hash); at;) {
        struct exporter *exporter = &exporters->items[at - 1];
        if (endpoint_equal(&exporter->endpoint, endpoint))
            return exporter;
        at = exporter->next;
    }
    return NULL;
}

/* A slot that nobody has, or NULL at the cap. */
static struct exporter *slot_take(struct exporters *exporters)
{
    if (exporters->free_first) {
        struct exporter *exporter = &exporters->items[exporters->free_first - 1];
        exporters->free_first = exporter->next;
        return exporter;
    }
    uint32_t used = atomic_load_explicit(&exporters->slots_used, memory_order_relaxed);
    if (used == exporters->most)
        return NULL;
    struct exporter *exporter = &exporters->items[used];
    exporter->slot = used;
    /* pairs with the acquire in exporters_slots_used(): the slot number is there before the slot counts */
    atomic_store_explicit(&exporters->slots_used, used + 1, memory_order_release);
    return exporter;
}

static_assert(sizeof(struct endpoint) <= EXPORTER_SHOWN_WORDS * sizeof(uint64_t), "an endpoint is shown as words");

/*
 * Makes the slot a new exporter's for those who look. Whoever reads one of the values stored here, or a later one, by
 * an acquire sees the new generation, too: see exporters_look().
 */
static void slot_show(struct exporter *exporter, const struct endpoint *endpoint, enum transport transport)
{
    uint64_t words[EXPORTER_SHOWN_WORDS] = {0};
    memcpy(words, endpoint, sizeof *endpoint);
    uint32_t generation = atomic_load_explicit(&exporter->generation, memory_order_relaxed);
    atomic_store_explicit(&exporter->generation, generation + 1, memory_order_release);
    for (unsigned i = 0; i < EXPORTER_SHOWN_WORDS; i++)
        atomic_store_explicit(&exporter->shown[i], words[i], memory_order_release);
    for (unsigned counter = 0; counter < COUNTER_EXPORTER_COUNT; counter++)
        atomic_store_explicit(&exporter->counters.value[counter], 0, memory_order_release);
    atomic_store_explicit(&exporter->first_ns, 0, memory_order_release);
    atomic_store_explicit(&exporter->seen_ns, 0, memory_order_release);
    atomic_store_explicit(&exporter->versions, 0, memory_order_release);
    atomic_store_explicit(&exporter->template_count, 0, memory_order_release);
    atomic_store_explicit(&exporter->records_in_flight, 0, memory_order_release);
    atomic_store_explicit(&exporter->transport, transport, memory_order_release);
    atomic_store_explicit(&exporter->ended_ns, 0, memory_order_release);
    atomic_store_explicit(&exporter->clock_skew_ms, SKEW_UNKNOWN, memory_order_release);
    atomic_store_explicit(&exporter->clock_off, false, memory_order_release);
    atomic_store_explicit(&exporter->live, true, memory_order_release);
}

static void count_change(struct exporters *exporters, uint32_t change)
{
    uint32_t count = atomic_load_explicit(&exporters->count, memory_order_relaxed);
    atomic_store_explicit(&exporters->count, count + change, memory_order_relaxed);
}

static struct exporter *exporter_make(struct exporters *exporters, const struct endpoint *endpoint)
{
    struct exporter *exporter = slot_take(exporters);
    if (!exporter)
        return NULL;
    exporter->endpoint = *endpoint;
    exporter->endpoint_bytes = (uint8_t)endpoint_format(endpoint, exporter->endpoint_text);
    exporter->address_bytes = (uint8_t)address_format(&endpoint->address, exporter->address_text);
    exporter->session = NULL;
    exporter->sessions = NULL;
    exporter->owner = 0;
    exporter->parked_bytes = 0;
    atomic_store_explicit(&exporter->split_ns, 0, memory_order_relaxed);
    exporter->clock = (struct clock_skew){0};
    exporter->numbering = (struct numbering){.version = 0};
    exporter->numberings = exporter->sources = (struct numbering_list){0};
    exporter->gaps_open = 0;
    exporter->sequence_version = 0;
    exporter->sequence_scope = SEQUENCE_SCOPE_UNKNOWN;
    exporter->sequence_hints = 0;
    return exporter;
}

struct exporter *exporters_add(struct exporters *exporters, const struct endpoint *endpoint, uint64_t hash)
{
    struct exporter *exporter = exporter_make(exporters, endpoint);
    if (!exporter)
        return NULL;
    exporter->hash = hash;
    exporter->stream_number = 0;
    uint32_t *bucket = bucket_of(exporters, hash);
    exporter->next = *bucket;
    *bucket = exporter->slot + 1;
    slot_show(exporter, endpoint, TRANSPORT_UDP);
    count_change(exporters, 1);
    return exporter;
}

struct exporter *exporters_add_stream(struct exporters *exporters, const struct endpoint *endpoint,
                                       enum transport transport, uint16_t stream_number)
{
    struct exporter *exporter = exporter_make(exporters, endpoint);
    if (!exporter)
        return NULL;
    exporter->stream_number = stream_number;
    slot_show(exporter, endpoint, transport);
    count_change(exporters, 1);
    return exporter;
}

static void exporter_unlink(struct exporters *exporters, const struct exporter *exporter)
{
    uint32_t *link = bucket_of(exporters, exporter->hash);
    while (*link != exporter->slot + 1)
        link = &exporters->items[*link - 1].next;
    *link = exporter->next;
}

void exporters_remove(struct exporters *exporters, struct exporter *exporter)
{
    /* before the next generation, whose store releases it */
    atomic_store_explicit(&exporter->live, false, memory_order_relaxed);
    count_change(exporters, -1u);
    if (!exporter->stream_number)
        exporter_unlink(exporters, exporter);
    exporter->next = exporters->free_first;
    exporters->free_first = exporter->slot + 1;
}

struct exporter *exporters_at(struct exporters *exporters, uint32_t slot)
{
    struct exporter *exporter = &exporters->items[slot];
    return atomic_load_explicit(&exporter->live, memory_order_relaxed) ? exporter : NULL;
}

uint32_t exporters_slots_used(const struct exporters *exporters)
{
    return atomic_load_explicit(&exporters->slots_used, memory_order_acquire); /* see slot_take() */
}

uint32_t exporters_count(const struct exporters *exporters)
{
    return atomic_load_explicit(&exporters->count, memory_order_relaxed); /* a number to look at */
}

/*
 * All loads are acquires: a value of the next exporter in this slot brings the next generation along (C11 5.1.2.4: what
 * the worker stores later continues the release sequence that slot_show() heads), so that the last load tells. They are
 * plain loads on x86.
 */
bool exporters_look(const struct exporters *exporters, uint32_t slot, struct exporter_view *view)
{
    const struct exporter *exporter = &exporters->items[slot];
    uint64_t words[EXPORTER_SHOWN_WORDS];
    uint32_t generation = atomic_load_explicit(&exporter->generation, memory_order_acquire);
    if (!atomic_load_explicit(&exporter->live, memory_order_acquire))
        return false;
    for (unsigned i = 0; i < EXPORTER_SHOWN_WORDS; i++)
        words[i] = atomic_load_explicit(&exporter->shown[i], memory_order_acquire);
    for (unsigned i = 0; i < COUNTER_EXPORTER_COUNT; i++)
        view->counts[i] = atomic_load_explicit(&exporter->counters.value[i], memory_order_acquire);
    view->first_ns = atomic_load_explicit(&exporter->first_ns, memory_order_acquire);
    view->seen_ns = atomic_load_explicit(&exporter->seen_ns, memory_order_acquire);
    view->versions = atomic_load_explicit(&exporter->versions, memory_order_acquire);
    view->template_count = atomic_load_explicit(&exporter->template_count, memory_order_acquire);
    view->transport = atomic_load_explicit(&exporter->transport, memory_order_acquire);
    view->ended_ns = atomic_load_explicit(&exporter->ended_ns, memory_order_acquire);
    view->clock_skew_ms = atomic_load_explicit(&exporter->clock_skew_ms, memory_order_acquire);
    view->clock_off = atomic_load_explicit(&exporter->clock_off, memory_order_acquire);
    view->records_in_flight = atomic_load_explicit(&exporter->records_in_flight, memory_order_acquire);
    view->slot = slot;
    view->generation = generation;
    memcpy(&view->endpoint, words, sizeof view->endpoint);
    return atomic_load_explicit(&exporter->generation, memory_order_relaxed) == generation;
}

size_t exporter_view_name(const struct exporter_view *view, char *text)
{
    size_t length = endpoint_format(&view->endpoint, text);
    if (view->transport == TRANSPORT_UDP)
        return length;
    size_t room = EXPORTER_NAME_MOST - length;
    return length + (size_t)snprintf(text + length, room, "/%s", transport_name(view->transport));
}
