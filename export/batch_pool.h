/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/batch.h"

/*
 * One worker's batches of fixed size in one mapping of huge pages where there are some. Pages come with their first
 * touch. The stack of free batches is the worker's alone; the last one given is the next one taken, so that a worker
 * that is not short of batches writes into memory that is in its cache.
 */
struct batch_pool {
    struct batch *batches;
    uint32_t count;
    struct batch **free;
    uint32_t free_count;
    void *memory;
    size_t memory_bytes;
    bool huge_pages;   /* reserved ones; otherwise the kernel was asked for transparent ones */
};

/* batch_bytes is a multiple of BATCH_ALIGN_BYTES; ids: batches have room for them. Returns 0 or -ENOMEM. */
int batch_pool_init(struct batch_pool *pool, uint32_t count, uint32_t batch_bytes, bool ids);
void batch_pool_fini(struct batch_pool *pool);

/* An empty batch, or NULL when all are out. */
struct batch *batch_pool_take(struct batch_pool *pool);
void batch_pool_give(struct batch_pool *pool, struct batch *batch);
