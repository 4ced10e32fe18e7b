/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/numberings.h"

#include <stdlib.h>
#include <sys/random.h>

#include "decode/exporter.h"
#include "decode/pages.h"

/* So often has a message to follow one of another domain before the domains' numberings are taken for one. */
#define HINTS_ENOUGH 4

struct numberings {
    struct heap *heap;
    struct numbering **buckets;
    struct numbering *free;
    uint64_t seed;
    uint32_t bucket_mask;
    uint32_t count;
    uint32_t most;
    uint32_t each;
};

static size_t buckets_bytes(const struct numberings *numberings)
{
    return ((size_t)numberings->bucket_mask + 1) * sizeof *numberings->buckets;
}

struct numberings *numberings_new(struct heap *heap, uint32_t most, uint32_t each)
{
    struct numberings *numberings = calloc(1, sizeof *numberings);
    if (!numberings)
        return NULL;
    uint32_t buckets = 64;
    while (buckets < most && buckets < 1U << 24)
        buckets *= 2;
    numberings->heap = heap;
    numberings->most = most;
    numberings->each = each;
    numberings->bucket_mask = buckets - 1;
    numberings->buckets = pages_take(buckets_bytes(numberings));
    if (numberings->buckets && getrandom(&numberings->seed, sizeof numberings->seed, 0) == sizeof numberings->seed)
        return numberings;
    numberings_free(numberings);
    return NULL;
}

void numberings_free(struct numberings *numberings)
{
    if (!numberings)
        return;
    for (uint32_t i = 0; numberings->buckets && i <= numberings->bucket_mask; i++) {
        for (struct numbering *next, *numbering = numberings->buckets[i]; numbering; numbering = next) {
            next = numbering->bucket_next;
            heap_give(numberings->heap, numbering, sizeof *numbering);
        }
    }
    for (struct numbering *next, *numbering = numberings->free; numbering; numbering = next) {
        next = numbering->bucket_next;
        heap_give(numberings->heap, numbering, sizeof *numbering);
    }
    pages_give(numberings->buckets, buckets_bytes(numberings));
    free(numberings);
}

/* --- further numberings of an exporter --- */

/* Each bit of the key decides about each of the result (the last steps of splitmix64). */
static uint64_t scatter(uint64_t key)
{
    key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9;
    key = (key ^ key >> 27) * 0x94d049bb133111eb;
    return key ^ key >> 31;
}

/* Slots have 24 bits at most, as limits.exporters has. */
static struct numbering **bucket_of(const struct numberings *numberings, const struct exporter *exporter,
                                    uint32_t domain, uint16_t version)
{
    uint64_t key = (uint64_t)domain << 32 ^ (uint64_t)version << 24 ^ exporter->slot;
    return &numberings->buckets[scatter(key ^ numberings->seed) & numberings->bucket_mask];
}

static bool is_of(const struct numbering *numbering, const struct sequence_message *message)
{
    return numbering->domain == message->domain && numbering->version == message->version;
}

/* Takes it, the oldest of the exporter's list, out of that and of its bucket. */
static void numbering_drop(struct numberings *numberings, const struct exporter *exporter, struct numbering_list *list)
{
    struct numbering *numbering = list->first;
    struct numbering **link = bucket_of(numberings, exporter, numbering->domain, numbering->version);
    while (*link != numbering)
        link = &(*link)->bucket_next;
    *link = numbering->bucket_next;
    list->first = numbering->exporter_next;
    list->count--;
    numbering->bucket_next = numberings->free;
    numberings->free = numbering;
    numberings->count--;
}

static struct numbering_list *list_of(const struct sequence_books *books)
{
    return books->samples ? &books->exporter->sources : &books->exporter->numberings;
}

static struct numbering *numbering_take(struct numberings *numberings)
{
    struct numbering *numbering = numberings->free;
    if (numberings->count == numberings->most)
        return NULL;
    if (numbering)
        numberings->free = numbering->bucket_next;
    else
        numbering = heap_take(numberings->heap, sizeof *numbering);
    numberings->count += numbering != NULL;
    return numbering;
}

static struct numbering *numbering_add(struct numberings *numberings, const struct sequence_message *message,
                                       const struct sequence_books *books)
{
    struct exporter *exporter = books->exporter;
    struct numbering_list *list = list_of(books);
    if (list->count == numberings->each) {
        numbering_close_gaps(list->first, books);
        numbering_drop(numberings, exporter, list);
    }
    struct numbering *numbering = numbering_take(numberings);
    if (!numbering)
        return NULL;
    struct numbering **bucket = bucket_of(numberings, exporter, message->domain, message->version);
    *numbering = (struct numbering){.exporter_slot = exporter->slot, .bucket_next = *bucket};
    *bucket = numbering;
    if (list->first)
        list->last->exporter_next = numbering;
    else
        list->first = numbering;
    list->last = numbering;
    list->count++;
    return numbering;
}

static struct numbering *numbering_find(const struct numberings *numberings, const struct exporter *exporter,
                                        const struct sequence_message *message)
{
    struct numbering *numbering = *bucket_of(numberings, exporter, message->domain, message->version);
    while (numbering && !(numbering->exporter_slot == exporter->slot && is_of(numbering, message)))
        numbering = numbering->bucket_next;
    return numbering;
}

/* --- numberings that domains share --- */

/*
 * Does the message follow the one before it, which was of another domain, and not the one before it in its own? Where
 * it is the other way round, this exporter's domains have numberings of their own, for good.
 */
static bool follows_another(struct exporter *exporter, const struct numbering *numbering,
                            const struct sequence_message *message)
{
    if (exporter->sequence_scope != SEQUENCE_SCOPE_UNKNOWN || !numbering->version ||
        exporter->sequence_version != message->version || exporter->sequence_domain == message->domain)
        return false;
    struct sequence_fits own = sequence_mark_fits(&numbering->newest, &message->mark);
    uint32_t other = sequence_mark_fits(&exporter->sequence_newest, &message->mark).surely & numbering->possible;
    if (own.perhaps >> numbering->unit & 1) {
        if (!other)
            exporter->sequence_scope = SEQUENCE_SCOPE_DOMAIN;
        return false;
    }
    return (other >> numbering->unit & 1) || (other && !(own.surely & numbering->possible));
}

static void numbering_share(struct numbering *numbering, const struct sequence_message *message,
                            const struct sequence_books *books)
{
    struct exporter *exporter = books->exporter;
    if (++exporter->sequence_hints < HINTS_ENOUGH) {
        numbering_skip(numbering, message);
        return;
    }
    exporter->sequence_scope = SEQUENCE_SCOPE_EXPORTER;
    numbering_begin(&exporter->numbering, message, books);
}

/* The numbering of a message where the exporter has several, or NULL at the cap. */
static struct numbering *numbering_choose(struct numberings *numberings, const struct sequence_message *message,
                                          const struct sequence_books *books)
{
    struct exporter *exporter = books->exporter;
    struct numbering *first = &exporter->numbering;
    if (exporter->sequence_scope == SEQUENCE_SCOPE_EXPORTER) {
        if (first->version == message->version && !numbering_is_distrusted(first))
            return first;
        exporter->sequence_scope = SEQUENCE_SCOPE_DOMAIN;
    }
    if (is_of(first, message))
        return first;
    struct numbering *numbering = numbering_find(numberings, exporter, message);
    return numbering ? numbering : numbering_add(numberings, message, books);
}

static void several_observe(struct numberings *numberings, const struct sequence_message *message,
                            const struct sequence_books *books)
{
    struct exporter *exporter = books->exporter;
    struct numbering *numbering = numbering_choose(numberings, message, books);
    if (!numbering) {
        sequence_count(books, SEQUENCE_UNFOLLOWED);
    } else if (follows_another(exporter, numbering, message)) {
        numbering_share(numbering, message, books);
    } else {
        numbering_observe(numbering, message, books);
    }
    exporter->sequence_newest = message->mark;
    exporter->sequence_domain = message->domain;
    exporter->sequence_version = message->version;
}

void numberings_observe(struct numberings *numberings, const struct sequence_message *message,
                        const struct sequence_books *books)
{
    struct exporter *exporter = books->exporter;
    struct numbering *first = &exporter->numbering;
    if (!exporter->numberings.count && (!first->version || is_of(first, message)))
        numbering_observe(first, message, books);
    else
        several_observe(numberings, message, books);
}

/* --- samples --- */

void numberings_observe_sample(struct numberings *numberings, const struct sequence_message *sample,
                               const struct sequence_books *books)
{
    struct numbering *numbering = numbering_find(numberings, books->exporter, sample);
    if (!numbering)
        numbering = numbering_add(numberings, sample, books);
    if (numbering)
        numbering_observe(numbering, sample, books);
    else
        sequence_count(books, SEQUENCE_UNFOLLOWED);
}

/* --- ends --- */

static void gaps_close(struct numbering *numbering, const struct sequence_books *books, int64_t before_ns)
{
    if (numbering->gap_count && numbering->gap_ns < before_ns)
        numbering_close_gaps(numbering, books);
}

static void list_close_gaps(const struct sequence_books *books, int64_t before_ns)
{
    for (struct numbering *numbering = list_of(books)->first; numbering; numbering = numbering->exporter_next)
        gaps_close(numbering, books, before_ns);
}

void numberings_close_gaps(const struct sequence_books *books, int64_t before_ns)
{
    struct sequence_books samples = *books;
    samples.samples = true;
    if (!books->exporter->gaps_open)
        return;
    gaps_close(&books->exporter->numbering, books, before_ns);
    list_close_gaps(books, before_ns);
    list_close_gaps(&samples, before_ns);
}

void numberings_forget(struct numberings *numberings, struct exporter *exporter, struct numbering_list *list)
{
    while (list->count)
        numbering_drop(numberings, exporter, list);
}
