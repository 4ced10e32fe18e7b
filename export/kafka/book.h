/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "export/sink.h"

/*
 * Which batches the Kafka sink holds, which of their documents are to be produced, and how many messages are with
 * librdkafka. It knows nothing of librdkafka. A message is a run of documents of one batch; what stands for it there is
 * kafka_run_pack(): no memory is taken for a message.
 */
struct kafka_run {
    uint32_t slot;  /* of struct kafka_book.held */
    uint32_t first; /* document */
    uint32_t count;
};

#define KAFKA_RUN_BITS 28                           /* of first and of count */
#define KAFKA_RUN_MOST ((1U << KAFKA_RUN_BITS) - 1) /* documents of a batch */

static_assert(SINK_BATCHES_MOST <= 1 << (64 - 2 * KAFKA_RUN_BITS), "a slot fits in what is left of 64 bits");
static_assert(sizeof(void *) == 8, "a run is packed into a pointer");

static inline void *kafka_run_pack(struct kafka_run run)
{
    return (void *)(uintptr_t)((uint64_t)run.slot << 2 * KAFKA_RUN_BITS | (uint64_t)run.first << KAFKA_RUN_BITS |
                               run.count);
}

static inline struct kafka_run kafka_run_unpack(const void *packed)
{
    uint64_t bits = (uintptr_t)packed;
    return (struct kafka_run){.slot = (uint32_t)(bits >> 2 * KAFKA_RUN_BITS),
                              .first = (uint32_t)(bits >> KAFKA_RUN_BITS) & KAFKA_RUN_MOST,
                              .count = (uint32_t)bits & KAFKA_RUN_MOST};
}

enum kafka_outcome {
    KAFKA_DELIVERED,
    KAFKA_REFUSED,
    KAFKA_AGAIN, /* its documents are due again */
};

struct kafka_held {
    struct batch *batch; /* NULL = free */
    uint8_t *state;      /* of each document: due, with librdkafka, or settled */
    uint32_t state_most; /* documents that there is room for */
    uint32_t due_count;
    uint32_t due_from; /* no document before it is due */
    uint32_t out;      /* messages that librdkafka has */
};

struct kafka_book {
    struct kafka_held held[SINK_BATCHES_MOST];
    uint8_t order[SINK_BATCHES_MOST]; /* slots in the order in which their batches came */
    uint32_t count;                   /* batches held */
    uint64_t out;                     /* messages that librdkafka has, of all batches */
    uint64_t out_bytes;               /* their documents' */
    struct batch_list done;
};

/* A zeroed book is an empty one. No batch is held at the end. */
void kafka_book_fini(struct kafka_book *book);

/* Takes the batch, all of its documents due. Returns its slot, or -EAGAIN when the book is full, or -ENOMEM. */
int kafka_book_add(struct kafka_book *book, struct batch *batch);

/* The next run of due documents from `from` on and before `end`, count 0 when there is none. */
struct kafka_run kafka_book_due(const struct kafka_book *book, uint32_t slot, uint32_t from, uint32_t end);

/* librdkafka has taken the run; its documents are due no more. */
void kafka_book_sent(struct kafka_book *book, struct kafka_run run);

/* librdkafka has reported on a run that it had taken. A batch without due documents and messages is done. */
void kafka_book_settle(struct kafka_book *book, struct kafka_run run, enum kafka_outcome outcome);

/* Due documents that librdkafka did not take and that nobody will: refused, or given up. */
void kafka_book_judge(struct kafka_book *book, struct kafka_run run, enum verdict verdict);

/* Gives up everything that is not settled: all batches are done. librdkafka will report on none of them any more. */
void kafka_book_abandon(struct kafka_book *book);

/* Bytes of the run's documents, newlines included. */
uint32_t kafka_book_bytes(const struct kafka_book *book, struct kafka_run run);
