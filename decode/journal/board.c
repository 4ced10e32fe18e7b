/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/journal/board.h"

#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"
#include "base/heap.h"
#include "decode/pages.h"

#define BUCKETS (1u << 19) /* four entries each when there are two million; pages come with their first use */

/* When the reader last passed, by the board's epochs. The reader writes, the writer reads. */
struct reader {
    _Alignas(64) _Atomic uint64_t epoch;
};

struct template_board {
    struct heap *heap;
    uint64_t seed;
    _Atomic(struct board_entry *) *buckets;
    uint32_t count;
    struct board_leaving *leaving, **leaving_last; /* oldest first */
    bool open;
    uint32_t reader_count;
    struct reader *readers;
    _Alignas(64) _Atomic uint32_t version; /* the writer writes, readers read; so below */
    _Atomic uint64_t epoch;
};

struct template_board *template_board_new(uint64_t memory_bytes, uint32_t readers)
{
    struct template_board *board = aligned_alloc(64, sizeof *board);
    if (!board)
        return NULL;
    *board = (struct template_board){.reader_count = readers, .epoch = 1};
    board->leaving_last = &board->leaving;
    board->heap = heap_new(memory_bytes);
    board->buckets = pages_take(BUCKETS * sizeof *board->buckets);
    board->readers = aligned_alloc(64, (readers ? readers : 1) * sizeof *board->readers);
    if (board->readers)
        memset(board->readers, 0, readers * sizeof *board->readers);
    if (board->heap && board->buckets && board->readers &&
        getrandom(&board->seed, sizeof board->seed, 0) == sizeof board->seed)
        return board;
    template_board_free(board);
    return NULL;
}

void template_board_free(struct template_board *board)
{
    if (!board)
        return;
    if (board->heap)
        heap_free_all(board->heap);
    pages_give(board->buckets, BUCKETS * sizeof *board->buckets);
    free(board->readers);
    free(board);
}

static _Atomic(struct board_entry *) *bucket_of(const struct template_board *board, const struct session_key *key)
{
    return &board->buckets[XXH3_64bits_withSeed(key, sizeof *key, board->seed) % BUCKETS];
}

/* --- readers --- */

uint32_t template_board_version(const struct template_board *board)
{
    return atomic_load_explicit(&board->version, memory_order_acquire); /* with the release in template_board_put() */
}

/* Pairs with the release in template_board_put(), template_board_take() and template_board_remove(). */
static struct board_entry *entry_load(const _Atomic(struct board_entry *) *place)
{
    return atomic_load_explicit(place, memory_order_acquire);
}

bool board_entry_event(const struct board_entry *entry, struct template_event *event)
{
    const struct board_text *text = atomic_load_explicit(&entry->text, memory_order_acquire);
    *event = (struct template_event){.key = entry->key, .id = entry->id, .change = CHANGE_REMOVED};
    if (!text)
        return false;
    event->time_ns = atomic_load_explicit(&text->time_s, memory_order_relaxed) * NS_PER_S;
    event->stamp = text->stamp;
    event->record = text->record;
    event->record_bytes = text->record_bytes;
    event->source_port = text->source_port;
    event->change = CHANGE_RENEWED;
    event->options = text->options;
    return true;
}

void template_board_visit(const struct template_board *board, const struct session_key *key, board_visitor visitor,
                          void *data)
{
    struct template_event event;
    for (const struct board_entry *entry = entry_load(bucket_of(board, key)); entry; entry = entry_load(&entry->next))
        if (session_key_equal(&entry->key, key) && board_entry_event(entry, &event))
            visitor(&event, data);
}

void template_board_pass(struct template_board *board, uint32_t reader)
{
    /* What the writer took out before it began this epoch is not seen any more from here on. */
    uint64_t epoch = atomic_load_explicit(&board->epoch, memory_order_acquire);
    /* What was looked at before was looked at before it is given back: with readers_passed(). */
    atomic_store_explicit(&board->readers[reader].epoch, epoch, memory_order_release);
}

/* --- leaving --- */

static void leave(struct template_board *board, struct board_leaving *leaving, uint32_t size_bytes)
{
    if (!board->open) {
        heap_give(board->heap, leaving, size_bytes);
        return;
    }
    *leaving = (struct board_leaving){
        .epoch = atomic_load_explicit(&board->epoch, memory_order_relaxed), .size_bytes = size_bytes};
    *board->leaving_last = leaving;
    board->leaving_last = &leaving->next;
}

/* The epoch that all readers have seen. */
static uint64_t readers_passed(const struct template_board *board)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < board->reader_count; i++) {
        uint64_t epoch = atomic_load_explicit(&board->readers[i].epoch, memory_order_acquire);
        least = epoch < least ? epoch : least;
    }
    return least;
}

void template_board_collect(struct template_board *board)
{
    if (!board->leaving)
        return;
    uint64_t passed = readers_passed(board);
    while (board->leaving && board->leaving->epoch < passed) {
        struct board_leaving *leaving = board->leaving;
        board->leaving = leaving->next;
        heap_give(board->heap, leaving, leaving->size_bytes);
    }
    if (!board->leaving)
        board->leaving_last = &board->leaving;
    /* Pairs with the acquire in template_board_pass(). */
    atomic_store_explicit(&board->epoch, atomic_load_explicit(&board->epoch, memory_order_relaxed) + 1,
                          memory_order_release);
}

void template_board_open(struct template_board *board)
{
    board->open = true;
}

/* --- the writer --- */

struct board_entry *template_board_find(struct template_board *board, const struct session_key *key, uint16_t id)
{
    struct board_entry *entry = entry_load(bucket_of(board, key));
    while (entry && (entry->id != id || !session_key_equal(&entry->key, key)))
        entry = entry_load(&entry->next);
    return entry;
}

struct board_entry *template_board_take(struct template_board *board, const struct session_key *key, uint16_t id)
{
    struct board_entry *entry = template_board_find(board, key, id);
    if (entry)
        return entry;
    entry = heap_take(board->heap, sizeof *entry);
    if (!entry)
        return NULL;
    _Atomic(struct board_entry *) *bucket = bucket_of(board, key);
    *entry = (struct board_entry){.key = *key, .id = id, .next = entry_load(bucket)};
    atomic_store_explicit(bucket, entry, memory_order_release);
    board->count++;
    return entry;
}

static uint32_t text_bytes(uint32_t record_bytes)
{
    return (uint32_t)sizeof(struct board_text) + record_bytes;
}

/* Another text, or none, in the place of the one that there is. */
static void text_exchange(struct template_board *board, struct board_entry *entry, struct board_text *text)
{
    struct board_text *old = atomic_load_explicit(&entry->text, memory_order_relaxed);
    atomic_store_explicit(&entry->text, text, memory_order_release);
    if (old)
        leave(board, &old->leaving, text_bytes(old->record_bytes));
}

static bool text_same(const struct board_text *text, const struct template_event *event)
{
    return text && memcmp(&text->stamp, &event->stamp, sizeof text->stamp) == 0 &&
           text->record_bytes == event->record_bytes && text->options == event->options &&
           memcmp(text->record, event->record, text->record_bytes) == 0;
}

bool template_board_put(struct template_board *board, struct board_entry *entry, const struct template_event *event,
                        bool tell)
{
    struct board_text *text = atomic_load_explicit(&entry->text, memory_order_relaxed);
    if (text_same(text, event)) {
        atomic_store_explicit(&text->time_s, (uint32_t)(event->time_ns / NS_PER_S), memory_order_relaxed);
        return true;
    }
    text = heap_take(board->heap, text_bytes(event->record_bytes));
    if (!text)
        return false;
    *text = (struct board_text){.stamp = event->stamp,
                                .time_s = (uint32_t)(event->time_ns / NS_PER_S),
                                .source_port = event->source_port,
                                .record_bytes = event->record_bytes,
                                .options = event->options};
    memcpy(text->record, event->record, event->record_bytes);
    text_exchange(board, entry, text);
    if (tell)
        atomic_store_explicit(&board->version, atomic_load_explicit(&board->version, memory_order_relaxed) + 1,
                              memory_order_release);
    return true;
}

void template_board_clear(struct template_board *board, struct board_entry *entry)
{
    text_exchange(board, entry, NULL);
}

void template_board_remove(struct template_board *board, struct board_entry *entry)
{
    _Atomic(struct board_entry *) *place = bucket_of(board, &entry->key);
    while (entry_load(place) != entry)
        place = &entry_load(place)->next;
    template_board_clear(board, entry);
    atomic_store_explicit(place, entry_load(&entry->next), memory_order_release);
    board->count--;
    leave(board, &entry->leaving, sizeof *entry);
}

uint32_t template_board_buckets(const struct template_board *board)
{
    (void)board;
    return BUCKETS;
}

struct board_entry *template_board_bucket(const struct template_board *board, uint32_t bucket)
{
    return entry_load(&board->buckets[bucket]);
}

uint32_t template_board_count(const struct template_board *board)
{
    return board->count;
}
