/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "export/spool/state.h"

#define DOCUMENT_LEAST_BYTES 256 /* as in the workers' batches: what fits one of them fits one of these */
#define SHARES_MOST          4096

void spool_batch_free(struct spool_batch *own)
{
    free(own->batch.bytes);
    free(own->batch.ends);
    free(own->batch.shares);
    free(own->batch.verdicts);
    free(own->endpoints);
    free(own->ids);
    *own = (struct spool_batch){0};
}

bool spool_batch_make(struct spool_batch *own, uint32_t bytes, uint32_t documents, uint32_t shares)
{
    spool_batch_free(own);
    own->batch = (struct batch){
        .bytes = bytes ? aligned_alloc(BATCH_ALIGN_BYTES, frame_round_up(bytes) + BATCH_ALIGN_BYTES) : NULL,
        .capacity_bytes = (uint32_t)frame_round_up(bytes),
        .ends = bytes ? malloc(documents * sizeof *own->batch.ends) : NULL,
        .verdicts = malloc(documents),
        .most = documents,
        .shares = malloc(shares * sizeof *own->batch.shares),
        .share_most = shares,
    };
    own->endpoints = malloc(shares * sizeof *own->endpoints);
    own->ids = bytes ? malloc(documents * sizeof *own->ids) : NULL;
    bool made = own->batch.verdicts && own->batch.shares && own->endpoints &&
                (!bytes || (own->batch.bytes && own->batch.ends && own->ids));
    if (!made)
        spool_batch_free(own);
    return made;
}

static struct spool_batch *batch_begin(struct spool_batch *own)
{
    batch_clear(&own->batch);
    own->batch.feed = NULL;
    own->batch.ids = NULL;
    return own;
}

struct spool_batch *spool_batch_take(struct spool *spool)
{
    struct spool_reader *reader = &spool->reader;
    if (reader->free_count)
        return batch_begin(reader->free[--reader->free_count]);
    if (reader->made_count == reader->most_count)
        return NULL;
    struct spool_batch *own = &reader->batches[reader->made_count];
    uint32_t bytes = (uint32_t)spool->output->batch_size, documents = bytes / DOCUMENT_LEAST_BYTES + 1;
    if (!spool_batch_make(own, bytes, documents, documents < SHARES_MOST ? documents : SHARES_MOST))
        return NULL;
    reader->made_count++;
    return batch_begin(own);
}

struct spool_batch *spool_batch_take_dropped(struct spool *spool, uint32_t documents, uint32_t shares)
{
    struct spool_dropper *dropper = &spool->dropper;
    if (!dropper->free_count)
        return NULL;
    struct spool_batch *own = dropper->free[dropper->free_count - 1];
    if ((own->batch.most < documents || own->batch.share_most < shares) && !spool_batch_make(own, 0, documents, shares))
        return NULL;
    dropper->free_count--;
    own->dropped = true;
    return batch_begin(own);
}

void spool_batch_give(struct spool *spool, struct spool_batch *own)
{
    if (own->dropped)
        spool->dropper.free[spool->dropper.free_count++] = own;
    else
        spool->reader.free[spool->reader.free_count++] = own;
}
