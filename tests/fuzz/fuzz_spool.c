/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame of the spool. The first byte says whether its header is made to fit: then magic, version, length and
 * checksums are set right, so that what is behind them is reached. The rest is the frame.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "export/spool/frame.h"

#define BATCH_BYTES    (64u << 10)
#define DOCUMENTS_MOST (BATCH_BYTES / 256 + 1)
#define SHARES_MOST    64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False when the lists do not fit what is there. */
static bool frame_fit(uint8_t *frame, size_t size)
{
    struct frame_header header;
    memcpy(&header, frame, sizeof header);
    header.magic = FRAME_MAGIC;
    header.version = FRAME_VERSION;
    header.has_ids &= 1;
    uint64_t each = sizeof(uint32_t) + (header.has_ids ? sizeof(struct document_id) : 0);
    uint64_t content = frame_shares_end(&header) + header.count * each + header.stored_bytes;
    if (frame_round_up(content) > size)
        return false;
    header.frame_bytes = (uint32_t)frame_round_up(content);
    frame_seal(frame, &header);
    return true;
}

static void batch_check(const struct batch *batch)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < batch->share_count; i++)
        sum += batch->shares[i].count;
    assert(sum == batch->count && batch->count);
    for (uint32_t i = 0; i < batch->count; i++) {
        assert(batch->ends[i] > (i ? batch->ends[i - 1] : 0));
        assert(batch->bytes[batch->ends[i] - 1] == '\n');
    }
    assert(batch->ends[batch->count - 1] == batch->size_bytes && batch->size_bytes <= batch->capacity_bytes);
}

static void frame_read(struct frame_codec *codec, const uint8_t *frame, size_t size)
{
    struct frame_header header;
    struct share shares[SHARES_MOST];
    struct endpoint endpoints[SHARES_MOST];
    uint32_t ends[DOCUMENTS_MOST];
    uint8_t verdicts[DOCUMENTS_MOST];
    struct document_id ids[DOCUMENTS_MOST];
    if (!frame_header_read(&header, frame, size) || header.frame_bytes > size)
        return;
    frame_intact(&header, frame);
    if (header.count > DOCUMENTS_MOST || header.share_count > SHARES_MOST || header.raw_bytes > BATCH_BYTES)
        return;
    struct batch batch = {.bytes = malloc(BATCH_BYTES),
                          .capacity_bytes = BATCH_BYTES,
                          .ends = ends,
                          .verdicts = verdicts,
                          .most = DOCUMENTS_MOST,
                          .shares = shares,
                          .share_most = SHARES_MOST};
    struct frame_target target = {.batch = &batch, .endpoints = endpoints, .ids = ids};
    if (frame_shares_read(&header, frame, &target) && frame_documents_read(codec, &header, frame, &target))
        batch_check(&batch);
    free(batch.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct frame_codec *codec;
    if (!codec)
        codec = frame_codec_new(COMPRESSION_NONE);
    if (size < 1 + sizeof(struct frame_header))
        return 0;
    size_t frame_size = frame_round_up(size - 1); /* as it is read from the disk */
    uint8_t *frame = aligned_alloc(BATCH_ALIGN_BYTES, frame_size);
    memset(frame, 0, frame_size);
    memcpy(frame, data + 1, size - 1);
    if (!(data[0] & 1) || frame_fit(frame, frame_size))
        frame_read(codec, frame, frame_size);
    free(frame);
    return 0;
}
