/* SPDX-License-Identifier: Apache-2.0 */
#include "export/batch_pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE_BYTES      ((size_t)2 << 20)
#define DOCUMENT_LEAST_BYTES 256 /* hardly a document is shorter: a batch runs out of bytes before it does of ends */
#define SHARES_MOST          4096

static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

static int map_memory(struct batch_pool *pool, size_t least_bytes)
{
    pool->memory_bytes = round_up(least_bytes, HUGE_PAGE_BYTES);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    pool->memory = mmap(NULL, pool->memory_bytes, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);
    pool->huge_pages = pool->memory != MAP_FAILED;
    if (pool->huge_pages)
        return 0;
    pool->memory = mmap(NULL, pool->memory_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (pool->memory == MAP_FAILED) {
        pool->memory = NULL;
        return -ENOMEM;
    }
    madvise(pool->memory, pool->memory_bytes, MADV_HUGEPAGE);
    return 0;
}

static int batch_init(struct batch *batch, uint8_t *bytes, uint32_t capacity_bytes, bool ids)
{
    batch->failed_as = COUNTER_records_failed;
    batch->bytes = bytes;
    batch->capacity_bytes = capacity_bytes;
    batch->most = capacity_bytes / DOCUMENT_LEAST_BYTES + 1;
    batch->share_most = batch->most < SHARES_MOST ? batch->most : SHARES_MOST;
    batch->ends = malloc(batch->most * sizeof *batch->ends);
    batch->shares = malloc(batch->share_most * sizeof *batch->shares);
    batch->verdicts = malloc(batch->most);
    batch->ids = ids ? malloc(batch->most * sizeof *batch->ids) : NULL;
    return batch->ends && batch->shares && batch->verdicts && (batch->ids || !ids) ? 0 : -ENOMEM;
}

int batch_pool_init(struct batch_pool *pool, uint32_t count, uint32_t batch_bytes, bool ids)
{
    assert(count && batch_bytes && batch_bytes % BATCH_ALIGN_BYTES == 0);
    *pool = (struct batch_pool){.count = count};
    size_t stride = batch_bytes + round_up(BATCH_SLACK_BYTES, BATCH_ALIGN_BYTES);
    pool->batches = calloc(count, sizeof *pool->batches);
    pool->free = calloc(count, sizeof *pool->free);
    if (!pool->batches || !pool->free || map_memory(pool, count * stride) < 0)
        goto fail;
    for (uint32_t i = count; i-- > 0;) {
        if (batch_init(&pool->batches[i], (uint8_t *)pool->memory + i * stride, batch_bytes, ids) < 0)
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
        free(pool->batches[i].ends);
        free(pool->batches[i].shares);
        free(pool->batches[i].verdicts);
        free(pool->batches[i].ids);
    }
    free(pool->batches);
    free(pool->free);
    if (pool->memory)
        munmap(pool->memory, pool->memory_bytes);
    *pool = (struct batch_pool){0};
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
