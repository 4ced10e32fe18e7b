/* SPDX-License-Identifier: Apache-2.0 */
#include "export/kafka/book.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What struct kafka_held.state says of a document. */
enum { SETTLED, DUE, OUT };

void kafka_book_fini(struct kafka_book *book)
{
    assert(!book->count && !book->out);
    for (uint32_t i = 0; i < SINK_BATCHES_MOST; i++)
        free(book->held[i].state);
}

static int make_room(struct kafka_held *held, uint32_t documents)
{
    if (documents <= held->state_most)
        return 0;
    uint8_t *state = realloc(held->state, documents);
    if (!state)
        return -ENOMEM;
    held->state = state;
    held->state_most = documents;
    return 0;
}

static void finish_if_done(struct kafka_book *book, uint32_t slot)
{
    struct kafka_held *held = &book->held[slot];
    if (held->due_count || held->out)
        return;
    uint32_t at = 0;
    while (book->order[at] != slot)
        at++;
    book->count--;
    memmove(book->order + at, book->order + at + 1, book->count - at);
    batch_list_push(&book->done, held->batch);
    held->batch = NULL;
}

int kafka_book_add(struct kafka_book *book, struct batch *batch)
{
    assert(batch->count <= KAFKA_RUN_MOST);
    if (book->count + book->done.count == SINK_BATCHES_MOST)
        return -EAGAIN;
    uint32_t slot = 0;
    while (book->held[slot].batch)
        slot++;
    struct kafka_held *held = &book->held[slot];
    int error = make_room(held, batch->count);
    if (error)
        return error;
    memset(held->state, DUE, batch->count);
    held->batch = batch;
    held->due_count = batch->count;
    held->due_from = 0;
    held->out = 0;
    book->order[book->count++] = (uint8_t)slot;
    finish_if_done(book, slot); /* a batch without documents */
    return (int)slot;
}

struct kafka_run kafka_book_due(const struct kafka_book *book, uint32_t slot, uint32_t from, uint32_t end)
{
    const struct kafka_held *held = &book->held[slot];
    struct kafka_run run = {.slot = slot};
    if (from < held->due_from)
        from = held->due_from;
    if (!held->due_count || from >= end)
        return run;
    const uint8_t *first = memchr(held->state + from, DUE, end - from);
    if (!first)
        return run;
    run.first = (uint32_t)(first - held->state);
    while (run.first + run.count < end && held->state[run.first + run.count] == DUE)
        run.count++;
    return run;
}

/* The run's documents are due no more. */
static struct kafka_held *take_due(struct kafka_book *book, struct kafka_run run, uint8_t state)
{
    struct kafka_held *held = &book->held[run.slot];
    memset(held->state + run.first, state, run.count);
    held->due_count -= run.count;
    if (held->due_from == run.first)
        held->due_from = run.first + run.count;
    return held;
}

void kafka_book_sent(struct kafka_book *book, struct kafka_run run)
{
    take_due(book, run, OUT)->out++;
    book->out++;
    book->out_bytes += kafka_book_bytes(book, run);
}

static void judge(struct batch *batch, struct kafka_run run, enum verdict verdict)
{
    for (uint32_t i = 0; i < run.count; i++)
        batch_judge(batch, run.first + i, verdict);
}

void kafka_book_settle(struct kafka_book *book, struct kafka_run run, enum kafka_outcome outcome)
{
    struct kafka_held *held = &book->held[run.slot];
    assert(held->batch && held->out);
    held->out--;
    book->out--;
    book->out_bytes -= kafka_book_bytes(book, run);
    if (outcome == KAFKA_REFUSED)
        judge(held->batch, run, VERDICT_REFUSED);
    memset(held->state + run.first, outcome == KAFKA_AGAIN ? DUE : SETTLED, run.count);
    if (outcome == KAFKA_AGAIN) {
        held->due_count += run.count;
        if (held->due_from > run.first)
            held->due_from = run.first;
        return;
    }
    finish_if_done(book, run.slot);
}

void kafka_book_judge(struct kafka_book *book, struct kafka_run run, enum verdict verdict)
{
    judge(take_due(book, run, SETTLED)->batch, run, verdict);
    finish_if_done(book, run.slot);
}

/* Fails the documents of a batch that nobody has settled. */
static void abandon(struct kafka_book *book, uint32_t slot)
{
    struct kafka_held *held = &book->held[slot];
    for (uint32_t i = 0; i < held->batch->count; i++) {
        if (held->state[i] != SETTLED)
            batch_judge(held->batch, i, VERDICT_FAILED);
    }
    book->out -= held->out;
    held->out = 0;
    held->due_count = 0;
    finish_if_done(book, slot);
}

void kafka_book_abandon(struct kafka_book *book)
{
    while (book->count)
        abandon(book, book->order[0]);
    book->out_bytes = 0;
}

uint32_t kafka_book_bytes(const struct kafka_book *book, struct kafka_run run)
{
    const struct batch *batch = book->held[run.slot].batch;
    return batch->ends[run.first + run.count - 1] - (run.first ? batch->ends[run.first - 1] : 0);
}
