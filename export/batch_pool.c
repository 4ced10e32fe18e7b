/* SPDX-License-Identifier: Apache-2.0 */
#include "export/batch_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; not in every libc's headers */
#endif

static int batch_init(struct batch *batch, const struct memory_shape *shape, const struct memory_batch *place)
{
    *batch = (struct batch){
        .failed_as = COUNTER_records_failed,
        .bytes = place->bytes,
        .capacity_bytes = shape->batch_bytes,
        .ends = place->ends,
        .ids = place->ids,
        .most = shape->documents,
        .mark = place->mark,
        .owners = place->owners,
        .share_most = shape->owners,
        .shares = malloc(shape->owners * sizeof *batch->shares),
        .verdicts = malloc(shape->documents),
    };
    return batch->shares && batch->verdicts ? 0 : -ENOMEM;
}

int batch_pool_init(struct batch_pool *pool, const struct memory *memory, uint32_t worker)
{
    const struct memory_layout *layout = &memory->layout;
    uint32_t count = layout->shape.batches;
    *pool = (struct batch_pool){.count = count};
    pool->batches = calloc(count, sizeof *pool->batches);
    pool->free = calloc(count, sizeof *pool->free);
    if (!pool->batches || !pool->free)
        goto fail;
    for (uint32_t i = count; i-- > 0;) {
        struct memory_batch place = memory_batch_at(layout, memory_block(layout, memory->base, worker), i);
        if (batch_init(&pool->batches[i], &layout->shape, &place) < 0)
            goto fail;
        pool->free[pool->free_count++] = &pool->batches[i];
    }
    return 0;
fail:
    batch_pool_fini(pool);
    return -ENOMEM;
}

void batch_pool_fini(struct batch_pool *pool)
{
    for (uint32_t i = 0; pool->batches && i < pool->count; i++) {
        free(pool->batches[i].shares);
        free(pool->batches[i].verdicts);
    }
    free(pool->batches);
    free(pool->free);
    *pool = (struct batch_pool){0};
}

void batch_pool_touch(const struct batch_pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++) /* older kernels cannot, and then pages come one by one */
        madvise(pool->batches[i].bytes, pool->batches[i].capacity_bytes, MADV_POPULATE_WRITE);
}

struct batch *batch_pool_take(struct batch_pool *pool)
{
    return pool->free_count ? pool->free[--pool->free_count] : NULL;
}

void batch_pool_give(struct batch_pool *pool, struct batch *batch)
{
    batch_clear(batch);
    pool->free[pool->free_count++] = batch;
}
