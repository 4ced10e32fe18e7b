/* SPDX-License-Identifier: Apache-2.0 */
#include "export/batch.h"

#include <assert.h>
#include <string.h>

void batch_clear(struct batch *batch)
{
    batch->size_bytes = 0;
    batch->count = 0;
    batch->share_count = 0;
    batch->opened_ns = 0;
    batch->refused = 0;
    batch->failed = 0;
    batch->output_data = NULL;
}

void batch_pad(struct batch *batch)
{
    assert(batch->count && batch->capacity_bytes % BATCH_ALIGN_BYTES == 0);
    uint32_t last = batch->size_bytes - 1;
    uint32_t blanks = -batch->size_bytes & (BATCH_ALIGN_BYTES - 1);
    memset(batch->bytes + last, ' ', blanks);
    batch->bytes[last + blanks] = '\n';
    batch->size_bytes += blanks;
    batch->ends[batch->count - 1] = batch->size_bytes;
}

void batch_refuse(struct batch *batch, uint32_t document)
{
    struct share *share = batch->shares;
    for (uint32_t first = 0; document - first >= share->count; share++)
        first += share->count;
    share->refused++;
    batch->refused++;
}

void batch_fail_from(struct batch *batch, uint32_t first)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < batch->share_count; i++) {
        struct share *share = &batch->shares[i];
        end += share->count;
        if (end <= first)
            continue;
        share->failed = end - first < share->count ? end - first : share->count;
        batch->failed += share->failed;
    }
}
