/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/log.h"
#include "export/spool/state.h"

/* From a slot to a batch, at a bounded rate. */

#define BURST_NS (NS_PER_S / 10) /* of documents that may go out at once after a pause */

/* ---- the rate ---- */

static bool tokens_have(struct spool *spool, int64_t steady_ns)
{
    struct spool_reader *reader = &spool->reader;
    double rate = (double)spool->replay_rate;
    if (!spool->replay_rate)
        return true;
    double most = rate * BURST_NS / NS_PER_S;
    if (steady_ns > reader->tokens_ns) {
        reader->tokens += rate * (double)(steady_ns - reader->tokens_ns) / NS_PER_S;
        reader->tokens_ns = steady_ns;
    }
    if (reader->tokens > most)
        reader->tokens = most;
    reader->starved = reader->tokens <= 0;
    return !reader->starved;
}

int64_t spool_tokens_due(const struct spool *spool)
{
    double missing = 1 - spool->reader.tokens;
    return spool->reader.tokens_ns + (int64_t)(missing * NS_PER_S / (double)spool->replay_rate) + 1;
}

/* ---- frames ---- */

static void slot_drop(struct spool *spool, const struct read_slot *slot, enum counter reason)
{
    spool_frame_out(slot->segment, slot->index);
    spool_drop_frame(spool, &(struct spool_drop){slot->segment, slot->index, reason});
}

void spool_reader_expire(struct spool *spool, int64_t utc_ns)
{
    struct spool_reader *reader = &spool->reader;
    const struct segment_frame *frame;
    while ((frame = spool_reader_first(spool)) && frame_is_expired(spool, frame, utc_ns) && spool_drop_room(spool)) {
        slot_drop(spool, &reader->slots[reader->head], COUNTER_records_spool_expired);
        spool_slot_pop(spool);
    }
}

/* The frame is the one that was counted. */
static bool slot_header(const struct read_slot *slot, struct frame_header *header)
{
    const struct segment_frame *frame = &slot->segment->frames[slot->index];
    return !slot->failed && frame_header_read(header, slot->bytes, slot->size_bytes) &&
           header->frame_bytes == slot->size_bytes && header->run == slot->segment->run &&
           header->offset == (uint64_t)frame->block * BATCH_ALIGN_BYTES && header->count == frame->documents &&
           header->sequence == segment_sequence(slot->segment, slot->index);
}

static bool slot_decode(struct spool *spool, const struct read_slot *slot, struct spool_batch *own)
{
    struct frame_header header;
    if (!slot_header(slot, &header))
        return false;
    own->batch.feed = spool_feed_of(spool, &header);
    if (header.raw_bytes > own->batch.capacity_bytes || header.count > own->batch.most ||
        header.share_count > own->batch.share_most) {
        if (!spool_split_begin(spool, &header, slot))
            return false;
        spool_split_next(spool, own);
        return true;
    }
    struct frame_target target = spool_batch_target(own);
    own->segment = slot->segment;
    own->index = slot->index;
    return frame_shares_read(&header, slot->bytes, &target) &&
           frame_documents_read(spool->writer.codec, &header, slot->bytes, &target);
}

/* The first slot's frame as a batch; NULL when it is damaged. */
static struct batch *slot_take(struct spool *spool, struct spool_batch *own)
{
    struct spool_reader *reader = &spool->reader;
    struct read_slot *slot = &reader->slots[reader->head];
    bool whole = slot_decode(spool, slot, own);
    if (whole) {
        spool_frame_out(slot->segment, slot->index);
        spool_count(spool, COUNTER_spool_frames_read, 1);
    } else {
        spool_count(spool, COUNTER_spool_frames_damaged, 1);
        log_limited(&spool->cause, LOG_LEVEL_ERROR, "spool: %s/%s is damaged: its documents there are lost",
                    spool->folder, slot->segment->name);
        slot_drop(spool, slot, COUNTER_records_failed);
        own->segment = NULL;
        spool_batch_give(spool, own);
    }
    spool_slot_pop(spool);
    return whole ? &own->batch : NULL;
}

static struct batch *part_take(struct spool *spool)
{
    struct spool_batch *own = spool_batch_take(spool);
    if (!own)
        return NULL;
    spool_split_next(spool, own);
    return &own->batch;
}

static struct batch *next_take(struct spool *spool)
{
    struct batch *batch = NULL;
    while (!batch) {
        spool_reader_advance(spool);
        spool_reader_expire(spool, clock_utc_ns());
        if (!spool_reader_first(spool) || !spool_drop_room(spool))
            return NULL;
        struct spool_batch *own = spool_batch_take(spool);
        if (!own)
            return NULL;
        batch = slot_take(spool, own);
    }
    return batch;
}

struct batch *spool_next(struct spool *spool, int64_t steady_ns)
{
    struct spool_reader *reader = &spool->reader;
    reader->wanted = true;
    reader->asked = false;
    reader->news = 0;
    if (!tokens_have(spool, steady_ns))
        return NULL;
    struct batch *batch = spool_split_active(spool) ? part_take(spool) : next_take(spool);
    if (batch)
        reader->tokens -= batch->size_bytes;
    reader->asked = !batch;
    return batch;
}
