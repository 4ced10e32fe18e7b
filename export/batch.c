/* SPDX-License-Identifier: Apache-2.0 */
#include "export/batch.h"

#include <assert.h>
#include <string.h>

#include "base/counter.h"

void batch_clear(struct batch *batch)
{
    batch->size_bytes = 0;
    batch->count = 0;
    batch->share_count = 0;
    batch->published = 0;
    batch->opened_ns = 0;
    batch->refused = 0;
    batch->failed = 0;
    batch->spooled = 0;
    batch->failed_as = COUNTER_records_failed;
    batch->output_data = NULL;
}

void batch_pad(struct batch *batch)
{
    assert(batch->count && batch->capacity_bytes % BATCH_ALIGN_BYTES == 0);
    uint32_t last = batch->size_bytes - 1;
    uint32_t blanks = -batch->size_bytes & (BATCH_ALIGN_BYTES - 1);
    if (!blanks)
        return;
    /* From the end to the front: wherever a kill comes in between, a next start finds a line with its end. */
    batch->bytes[last + blanks] = '\n';
    memset(batch->bytes + last + 1, ' ', blanks - 1);
    atomic_signal_fence(memory_order_release);
    batch->size_bytes += blanks;
    batch->ends[batch->count - 1] = batch->size_bytes;
    atomic_signal_fence(memory_order_release);
    batch->bytes[last] = ' ';
}

/* Counts a document of a share under a verdict, or (by -1) no longer. */
static void verdict_count(struct batch *batch, struct share *share, enum verdict verdict, int one)
{
    switch (verdict) {
    case VERDICT_DELIVERED:
        return;
    case VERDICT_REFUSED:
        share->refused += (uint32_t)one;
        batch->refused += (uint32_t)one;
        return;
    case VERDICT_FAILED:
        share->failed += (uint32_t)one;
        batch->failed += (uint32_t)one;
        return;
    case VERDICT_SPOOLED:
        share->spooled += (uint32_t)one;
        batch->spooled += (uint32_t)one;
        return;
    }
}

/* The first verdict that is set: the bytes are those of the use before. */
static void verdicts_begin(struct batch *batch)
{
    if (!batch->refused && !batch->failed && !batch->spooled)
        memset(batch->verdicts, VERDICT_DELIVERED, batch->count);
}

static void document_judge(struct batch *batch, struct share *share, uint32_t document, enum verdict verdict)
{
    verdict_count(batch, share, batch_verdict(batch, document), -1);
    verdict_count(batch, share, verdict, 1);
    batch->verdicts[document] = (uint8_t)verdict;
}

void batch_judge(struct batch *batch, uint32_t document, enum verdict verdict)
{
    struct share *share = batch->shares;
    for (uint32_t first = 0; document - first >= share->count; share++)
        first += share->count;
    verdicts_begin(batch);
    document_judge(batch, share, document, verdict);
}

void batch_judge_from(struct batch *batch, uint32_t first, enum verdict verdict)
{
    uint32_t document = 0;
    verdicts_begin(batch);
    for (uint32_t i = 0; i < batch->share_count; i++) {
        struct share *share = &batch->shares[i];
        for (uint32_t end = document + share->count; document < end; document++)
            if (document >= first)
                document_judge(batch, share, document, verdict);
    }
}

void batch_rejudge(struct batch *batch, enum verdict from, enum verdict to)
{
    uint32_t document = 0;
    verdicts_begin(batch);
    for (uint32_t i = 0; i < batch->share_count; i++) {
        struct share *share = &batch->shares[i];
        for (uint32_t end = document + share->count; document < end; document++)
            if (batch_verdict(batch, document) == from)
                document_judge(batch, share, document, to);
    }
}
