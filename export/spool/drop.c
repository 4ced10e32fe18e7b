/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/feed.h"
#include "export/spool/state.h"

/* Frames that the spool lets go of: all of a segment for size, single ones for age or because they are damaged. */

/* ---- segments ---- */

/* Frames that are out are on disk until they are over: such a segment stays, and the next one goes. */
static bool may_go(const struct segment *segment)
{
    return !segment->open && !segment->out && segment->over < segment->count;
}

int spool_drop_oldest(struct spool *spool)
{
    struct spool_dropper *dropper = &spool->dropper;
    struct segment *segment = spool->segments.first;
    if (dropper->doomed)
        return 0;
    while (segment && !may_go(segment))
        segment = segment->next;
    if (segment) {
        spool_reader_forget(spool, segment);
        segment->doomed = true;
        dropper->doomed = segment;
        log_limited(&spool->cause, LOG_LEVEL_WARNING, "spool: %s is full, its oldest documents are dropped",
                    spool->folder);
        return 0;
    }
    segment = spool->writer.segment;
    if (!segment || segment->out || !segment->count)
        return -ENOSPC;
    spool->writer.roll = true; /* the only one: it may go when it is finished */
    return 0;
}

/* ---- single frames ---- */

bool spool_drop_room(const struct spool *spool)
{
    return spool->dropper.count < SPOOL_DROPS_MOST;
}

bool spool_drop_frame(struct spool *spool, const struct spool_drop *drop)
{
    struct spool_dropper *dropper = &spool->dropper;
    if (!spool_drop_room(spool))
        return false;
    dropper->drops[(dropper->head + dropper->count++) % SPOOL_DROPS_MOST] = *drop;
    return true;
}

/* The oldest frame that nobody has read. */
static struct segment *oldest_unread(const struct spool *spool)
{
    struct segment *segment = spool->segments.first;
    while (segment && (segment->doomed || segment->unread == segment->count))
        segment = segment->next;
    return segment;
}

void spool_drop_expired(struct spool *spool)
{
    struct segment *segment;
    int64_t utc_ns = clock_utc_ns();
    if (!spool->output->spool.age)
        return;
    spool_reader_expire(spool, utc_ns);
    while (!spool->reader.count && (segment = oldest_unread(spool)) && spool_drop_room(spool)) {
        struct segment_frame *frame = &segment->frames[segment->unread];
        if (frame->state == FRAME_WAITING && !frame_is_expired(spool, frame, utc_ns))
            return;
        if (frame->state == FRAME_WAITING) {
            spool_frame_out(segment, segment->unread);
            spool_drop_frame(spool, &(struct spool_drop){segment, segment->unread, COUNTER_records_spool_expired});
        }
        segment->unread++;
    }
}

static int64_t expiry_due(const struct spool *spool)
{
    const struct segment_frame *frame = spool_reader_first(spool);
    const struct segment *segment = spool->reader.count ? NULL : oldest_unread(spool);
    if (segment)
        frame = &segment->frames[segment->unread];
    if (!spool->output->spool.age || !frame || !spool_drop_room(spool))
        return INT64_MAX;
    int64_t left_ns = frame->sealed_ns + (int64_t)spool->output->spool.age - clock_utc_ns();
    return left_ns > 0 ? clock_steady_ns() + left_ns + NS_PER_MS : 0;
}

int64_t spool_drop_due(const struct spool *spool)
{
    const struct spool_dropper *dropper = &spool->dropper;
    const struct segment *doomed = dropper->doomed;
    if (dropper->free_count && (dropper->count || (doomed && doomed->unread < doomed->count)))
        return 0;
    return expiry_due(spool);
}

/* ---- what the output gets of them ---- */

static bool drop_next(struct spool *spool, struct spool_drop *drop)
{
    struct spool_dropper *dropper = &spool->dropper;
    if (dropper->count) {
        *drop = dropper->drops[dropper->head];
        return true;
    }
    struct segment *segment = dropper->doomed;
    while (segment && segment->unread < segment->count && segment->frames[segment->unread].state != FRAME_WAITING)
        segment->unread++;
    if (!segment || segment->unread == segment->count)
        return false;
    *drop = (struct spool_drop){segment, segment->unread, COUNTER_records_spool_full};
    return true;
}

static void drop_taken(struct spool *spool, const struct spool_drop *drop)
{
    struct spool_dropper *dropper = &spool->dropper;
    if (dropper->count) {
        dropper->head = (dropper->head + 1) % SPOOL_DROPS_MOST;
        dropper->count--;
        return;
    }
    spool_frame_out(drop->segment, drop->index);
    drop->segment->unread++;
}

static bool read_at(struct spool *spool, const struct spool_drop *drop, size_t size_bytes)
{
    struct spool_dropper *dropper = &spool->dropper;
    const struct segment_frame *frame = &drop->segment->frames[drop->index];
    size_bytes = frame_round_up(size_bytes);
    if (size_bytes > dropper->room_bytes) {
        free(dropper->bytes);
        dropper->bytes = aligned_alloc(BATCH_ALIGN_BYTES, size_bytes);
        dropper->room_bytes = dropper->bytes ? (uint32_t)size_bytes : 0;
    }
    return dropper->bytes && segment_open(&spool->segments, drop->segment, spool->reader.direct) == 0 &&
           pread(drop->segment->fd, dropper->bytes, size_bytes, (off_t)frame->block * BATCH_ALIGN_BYTES) ==
               (ssize_t)size_bytes;
}

/* The header of a frame, which says the same as when it was counted. */
static bool header_read(struct spool *spool, const struct spool_drop *drop, struct frame_header *header)
{
    const struct segment_frame *frame = &drop->segment->frames[drop->index];
    if (!read_at(spool, drop, sizeof *header) || !frame_header_read(header, spool->dropper.bytes, sizeof *header) ||
        header->run != drop->segment->run || header->count != frame->documents ||
        header->frame_bytes / BATCH_ALIGN_BYTES != frame->blocks)
        return false;
    return frame_shares_end(header) <= BATCH_ALIGN_BYTES || read_at(spool, drop, frame_shares_end(header));
}

/* Whose the documents were cannot be read any more: they are counted all the same. */
static void shares_unknown(struct spool_batch *own, uint32_t documents)
{
    own->endpoints[0] = (struct endpoint){0};
    own->batch.count = documents;
    own->batch.share_count = 1;
    own->batch.shares[0] = (struct share){.endpoint = &own->endpoints[0], .count = documents};
}

static void shares_fail(struct batch *batch, enum counter reason)
{
    for (uint32_t i = 0; i < batch->share_count; i++)
        batch->shares[i].failed = batch->shares[i].count;
    memset(batch->verdicts, VERDICT_FAILED, batch->count);
    batch->failed = batch->count;
    batch->failed_as = (uint8_t)reason;
}

struct batch *spool_next_dropped(struct spool *spool)
{
    struct spool_drop drop;
    struct frame_header header;
    if (!spool->dropper.free_count || !drop_next(spool, &drop))
        return NULL;
    uint32_t documents = drop.segment->frames[drop.index].documents;
    bool known = header_read(spool, &drop, &header);
    struct spool_batch *own = spool_batch_take_dropped(spool, documents, known ? header.share_count : 1);
    if (!own)
        return NULL;
    drop_taken(spool, &drop);
    struct frame_target target = spool_batch_target(own);
    if (!known || !frame_shares_read(&header, spool->dropper.bytes, &target))
        shares_unknown(own, documents);
    if (known)
        own->batch.feed = spool_feed_of(spool, &header);
    shares_fail(&own->batch, drop.reason);
    own->segment = drop.segment;
    own->index = drop.index;
    return &own->batch;
}

void spool_dropper_init(struct spool *spool)
{
    struct spool_dropper *dropper = &spool->dropper;
    for (uint32_t i = SPOOL_DROP_BATCHES; i-- > 0;)
        dropper->free[dropper->free_count++] = &dropper->batches[i];
}

void spool_dropper_fini(struct spool *spool)
{
    for (uint32_t i = 0; i < SPOOL_DROP_BATCHES; i++)
        spool_batch_free(&spool->dropper.batches[i]);
    free(spool->dropper.bytes);
}
