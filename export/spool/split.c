/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "export/spool/state.h"

/* Frames that are larger than a batch of this run: they are given out in parts. */

static uint32_t document_bytes(const struct batch *batch, uint32_t document)
{
    return batch->ends[document] - (document ? batch->ends[document - 1] : 0);
}

static bool documents_fit(const struct batch *whole, uint64_t batch_size)
{
    for (uint32_t i = 0; i < whole->count; i++)
        if (document_bytes(whole, i) > batch_size)
            return false;
    return true;
}

bool spool_split_begin(struct spool *spool, const struct frame_header *header, const struct read_slot *slot)
{
    struct spool_split *split = &spool->reader.split;
    *split = (struct spool_split){0};
    struct frame_target target;
    bool read = spool_batch_make(&split->whole, header->raw_bytes, header->count, header->share_count);
    target = spool_batch_target(&split->whole);
    read = read && frame_shares_read(header, slot->bytes, &target) &&
           frame_documents_read(spool->writer.codec, header, slot->bytes, &target) &&
           documents_fit(&split->whole.batch, spool->output->batch_size);
    if (read)
        split->parts = calloc(1, sizeof *split->parts);
    if (!split->parts) {
        spool_batch_free(&split->whole);
        return false;
    }
    split->whole.batch.feed = spool_feed_of(spool, header);
    split->whole.segment = slot->segment;
    split->whole.index = slot->index;
    split->share_left = split->whole.batch.shares[0].count;
    return true;
}

bool spool_split_active(const struct spool *spool)
{
    return spool->reader.split.parts != NULL;
}

/* The document's share in the part; false when it has no room for another one. */
static bool share_take(struct spool_split *split, struct spool_batch *to, bool first)
{
    struct batch *part = &to->batch;
    if (first || split->share_left == split->whole.batch.shares[split->share].count) {
        if (part->share_count == part->share_most)
            return false;
        struct endpoint *endpoint = &to->endpoints[part->share_count];
        *endpoint = *split->whole.batch.shares[split->share].endpoint;
        part->shares[part->share_count++] = (struct share){.endpoint = endpoint};
    }
    part->shares[part->share_count - 1].count++;
    if (!--split->share_left && ++split->share < split->whole.batch.share_count)
        split->share_left = split->whole.batch.shares[split->share].count;
    return true;
}

static void fill(struct spool_split *split, struct spool_batch *to)
{
    const struct batch *whole = &split->whole.batch;
    struct batch *part = &to->batch;
    for (; split->next < whole->count && part->count < part->most; split->next++) {
        uint32_t length = document_bytes(whole, split->next);
        if (length > part->capacity_bytes - part->size_bytes || !share_take(split, to, part->count == 0))
            return;
        memcpy(part->bytes + part->size_bytes, whole->bytes + whole->ends[split->next] - length, length);
        part->size_bytes += length;
        if (part->ids)
            part->ids[part->count] = whole->ids[split->next];
        part->ends[part->count++] = part->size_bytes;
    }
}

void spool_split_next(struct spool *spool, struct spool_batch *to)
{
    struct spool_split *split = &spool->reader.split;
    to->batch.ids = split->whole.batch.ids ? to->ids : NULL;
    to->batch.kind = split->whole.batch.kind;
    to->batch.sealed_ns = split->whole.batch.sealed_ns;
    to->batch.feed = split->whole.batch.feed;
    to->segment = split->whole.segment;
    to->index = split->whole.index;
    to->parts = split->parts;
    fill(split, to);
    memset(to->batch.verdicts, VERDICT_DELIVERED, to->batch.count);
    split->parts->out++;
    split->parts->held++;
    if (split->next < split->whole.batch.count)
        return;
    split->parts->complete = true;
    split->parts = NULL;
    spool_batch_free(&split->whole);
}

void spool_split_end(struct spool *spool)
{
    struct spool_split *split = &spool->reader.split;
    if (!split->parts)
        return;
    split->parts->complete = true;
    if (!split->parts->held)
        free(split->parts);
    split->parts = NULL;
    spool_batch_free(&split->whole);
}
