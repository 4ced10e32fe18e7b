/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "export/batch.h"
#include "export/memory/memory.h"

/*
 * One worker's batches, which lie in its part of the run's memory. The stack of free batches is the worker's alone; the
 * last one given is the next one taken, so that a worker that is not short of batches writes into memory that is in its
 * cache.
 */
struct batch_pool {
    struct batch *batches;
    uint32_t count;
    struct batch **free;
    uint32_t free_count;
};

/* The memory outlives the pool. Returns 0 or -ENOMEM. */
int batch_pool_init(struct batch_pool *pool, const struct memory *memory, uint32_t worker);
void batch_pool_fini(struct batch_pool *pool);

/* Takes all pages of the batches' bytes now, and for the node that the calling thread runs on, not in some burst. */
void batch_pool_touch(const struct batch_pool *pool);

/* An empty batch, or NULL when all are out. */
struct batch *batch_pool_take(struct batch_pool *pool);
void batch_pool_give(struct batch_pool *pool, struct batch *batch);
