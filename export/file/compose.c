/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "export/file/sink.h"

/* What the queue's first batch will take; a frame's length is a guess, so compressed files are a little off
 * rotate_size. */
static uint64_t next_bytes(const struct file_sink *file)
{
    return file->compressor ? file->frame_bytes : batch_list_first(&file->queue)->size_bytes;
}

bool file_over_size(const struct file_sink *file)
{
    uint64_t most = file->sink->output->rotate_size;
    return most && file->composed && file->composed + next_bytes(file) > most;
}

/* Plain text: the batches themselves are written, as many as there are. */
static void compose_plain(struct file_sink *file, struct file_unit *unit)
{
    unit->offset = file->composed;
    while (file->queue.count && unit->count < FILE_UNIT_BATCHES) {
        struct batch *batch = batch_list_first(&file->queue);
        if (file_over_size(file))
            return;
        file->composed += batch->size_bytes;
        struct iovec piece = {.iov_base = batch->bytes, .iov_len = batch->size_bytes};
        file_unit_add(unit, batch_list_pop(&file->queue), piece, file->composed);
    }
}

/*
 * The piece of a frame that stands at staging + BATCH_ALIGN_BYTES. A direct write begins at a multiple of
 * BATCH_ALIGN_BYTES, so the last bytes of the frames before are in front and written again; behind stands a filler that
 * decompressors skip, which the next write, or finish_file(), removes.
 */
static struct iovec align_frame(struct file_sink *file, uint8_t *staging, size_t frame_bytes)
{
    uint8_t *frame = staging + BATCH_ALIGN_BYTES;
    if (!file->writer.direct)
        return (struct iovec){.iov_base = frame, .iov_len = frame_bytes};
    size_t tail_bytes = file->composed % BATCH_ALIGN_BYTES;
    size_t used = tail_bytes + frame_bytes;
    memmove(staging + tail_bytes, frame, frame_bytes);
    memcpy(staging, file->tail, tail_bytes);
    size_t aligned = (used + BATCH_ALIGN_BYTES - 1) / BATCH_ALIGN_BYTES * BATCH_ALIGN_BYTES;
    if (aligned != used && aligned - used < COMPRESS_FILLER_LEAST)
        aligned += BATCH_ALIGN_BYTES;
    if (aligned != used)
        compress_filler(file->sink->output->compression, staging + used, aligned - used);
    size_t kept = used % BATCH_ALIGN_BYTES;
    memcpy(file->tail, staging + used - kept, kept);
    return (struct iovec){.iov_base = staging, .iov_len = aligned};
}

static void compose_frame(struct file_sink *file, struct file_unit *unit)
{
    if (!file->queue.count || file_over_size(file))
        return;
    struct batch *batch = batch_list_pop(&file->queue);
    uint8_t *staging = file->staging[file->staging_next];
    file->staging_next = (file->staging_next + 1) % STAGING_COUNT;
    size_t frame = compressor_frame(file->compressor, batch->bytes, batch->size_bytes, staging + BATCH_ALIGN_BYTES);
    if (!frame) {
        log_limited(&file->cause, LOG_LEVEL_ERROR, "output: the compression library failed on a batch of %u documents",
                    batch->count);
        batch_judge_from(batch, 0, VERDICT_FAILED);
        batch_list_push(&file->done, batch);
        return;
    }
    unit->offset = file->composed - (file->writer.direct ? file->composed % BATCH_ALIGN_BYTES : 0);
    struct iovec piece = align_frame(file, staging, frame);
    file->composed += frame;
    file->frame_bytes = frame;
    file_unit_add(unit, batch, piece, file->composed);
}

bool file_compose(struct file_sink *file, struct file_unit *unit)
{
    unit->count = 0;
    if (file->compressor)
        compose_frame(file, unit);
    else
        compose_plain(file, unit);
    return unit->count;
}
