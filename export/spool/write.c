/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/feed.h"
#include "export/spool/state.h"

#define ARENA_LEAST_BYTES (4u << 20) /* as much as makes a disk fast by one write */
#define SEGMENTS_LEAST    4          /* within spool.size: so much stays when the oldest goes */
#define RETRY_FIRST_MS    100
#define CLOSE_WAIT_MS     1000

/* ---- when writing fails ---- */

static void retry_later(struct spool_writer *writer)
{
    writer->retry_wait_ms = writer->retry_wait_ms ? 2 * writer->retry_wait_ms : RETRY_FIRST_MS;
    if (writer->retry_wait_ms > SPOOL_RETRY_MOST_MS)
        writer->retry_wait_ms = SPOOL_RETRY_MOST_MS;
    writer->retry_ns = clock_steady_ns() + writer->retry_wait_ms * NS_PER_MS;
}

static void retry_over(struct spool *spool)
{
    if (spool->writer.retry_wait_ms)
        log_info("spool: writing to %s goes on", spool->folder);
    spool->writer.retry_wait_ms = 0;
    spool->writer.retry_ns = 0;
    spool->writer.full = false;
}

static bool idle(const struct spool_writer *writer)
{
    return !writer->file.busy && !writer->writing->unit.count && !writer->ready->unit.count;
}

/* Nothing is under way. The next frame begins a segment of its own. */
static void segment_end(struct spool *spool)
{
    struct spool_writer *writer = &spool->writer;
    writer->segment->open = false;
    spool->reap |= writer->segment->over == writer->segment->count;
    writer->segment = NULL;
    writer->roll = false;
    spool_sync(spool, writer->file.fd, false);
    writer->file.fd = -1;
}

/* The batches of a unit go back, their documents failed. */
static void unit_refuse(struct spool_writer *writer, struct spool_unit *unit, enum counter reason)
{
    for (uint32_t i = 0; i < unit->unit.count; i++) {
        unit->unit.batches[i]->failed_as = (uint8_t)reason;
        batch_owe(unit->unit.batches[i], OWED_MEMORY);
        batch_list_push(&writer->done, unit->unit.batches[i]);
    }
    unit->unit.count = 0;
    unit->used_bytes = 0;
}

static void refuse_all(struct spool *spool, enum counter reason)
{
    struct spool_writer *writer = &spool->writer;
    unit_refuse(writer, writer->writing, reason);
    unit_refuse(writer, writer->ready, reason);
    spool_segment_resize(spool, writer->segment, writer->position);
    segment_end(spool);
}

/* Returns 0 when there will be room. */
static int disk_full(struct spool *spool)
{
    spool->writer.full = true;
    log_limited(&spool->cause, LOG_LEVEL_ERROR, "spool: the disk of %s is full%s", spool->folder,
                spool->output->spool.when_full == SPOOL_DROP_OLDEST ? "; the oldest documents are dropped" : "");
    if (spool->output->spool.when_full != SPOOL_DROP_OLDEST || spool_drop_oldest(spool) < 0)
        return -ENOSPC;
    /* Where the segment at hand is the oldest, it must end before it can go: what was to follow in it goes back. */
    return spool->dropper.doomed ? 0 : -ENOSPC;
}

/* Counts and says it. Returns whether what is to be written may wait for room. */
static bool write_failed(struct spool *spool, int error)
{
    spool_count(spool, COUNTER_spool_write_errors, 1);
    retry_later(&spool->writer);
    if (error_is_full(error))
        return disk_full(spool) == 0;
    log_limited(&spool->cause, LOG_LEVEL_ERROR, "spool: cannot write to %s: %s; documents wait in memory until it is "
                "possible again", spool->folder, strerror(-error));
    return false;
}

static void unit_failed(struct spool *spool, int error)
{
    struct spool_writer *writer = &spool->writer;
    if (ftruncate(writer->file.fd, (off_t)writer->position) < 0) /* what is torn ends the segment at a start as well */
        log_debug("spool: cannot cut %s: %s", writer->segment->name, strerror(errno));
    if (!writer->writing->unit.batches[0]) { /* the index: a start can do without */
        writer->writing->unit.count = 0;
        writer->writing->used_bytes = 0;
        spool_segment_resize(spool, writer->segment, writer->position);
        segment_end(spool);
        return;
    }
    if (!write_failed(spool, error))
        refuse_all(spool, error_is_full(error) ? COUNTER_records_spool_full : COUNTER_records_failed);
}

/* ---- units ---- */

static uint8_t *arena_of(struct spool_writer *writer, struct spool_unit *unit)
{
    if (!unit->arena)
        unit->arena = aligned_alloc(BATCH_ALIGN_BYTES, writer->arena_bytes);
    return unit->arena;
}

static void frame_written(struct spool *spool, struct batch *batch, const struct iovec *piece)
{
    struct spool_writer *writer = &spool->writer;
    struct frame_header header;
    memcpy(&header, piece->iov_base, sizeof header);
    segment_frame_add(writer->segment, &header); /* spool_put() reserved the room */
    spool->end_sequence = header.sequence + 1;
    batch_owe(batch, OWED_NOTHING); /* before it is counted as waiting: a next start relies on it */
    spool_waiting_add(spool, header.count);
    spool_count(spool, COUNTER_spool_frames_written, 1);
    spool_count(spool, COUNTER_spool_bytes_written, header.frame_bytes);
    batch_rejudge(batch, VERDICT_FAILED, VERDICT_SPOOLED);
    batch_list_push(&writer->done, batch);
}

/* Why a write was short, which only the next one would say: the file system is full, or there is another limit. */
static int short_error(const struct spool_writer *writer)
{
    struct statvfs status;
    uint64_t left = 0;
    for (uint32_t i = 0; i < writer->writing->unit.count; i++)
        left += writer->writing->unit.pieces[i].iov_len;
    bool room = fstatvfs(writer->file.fd, &status) == 0 && (uint64_t)status.f_bavail * status.f_frsize > left;
    return room ? -EIO : -ENOSPC;
}

static void write_settle(struct spool *spool, int64_t result)
{
    struct spool_writer *writer = &spool->writer;
    struct file_unit *unit = &writer->writing->unit, before = *unit;
    uint32_t whole = file_unit_advance(unit, result > 0 ? (uint64_t)result : 0, &writer->position);
    for (uint32_t i = 0; i < whole; i++)
        if (before.batches[i])
            frame_written(spool, before.batches[i], &before.pieces[i]);
    if (whole)
        retry_over(spool);
    if (!unit->count) {
        writer->writing->used_bytes = 0;
        if (!before.batches[0])
            segment_end(spool);
    } else if (result == -EINVAL && writer->file.direct) {
        file_writer_buffer(&writer->file);
        spool->reader.direct = false;
        log_info("spool: %s cannot be written past the page cache after all", spool->folder);
    } else if (!whole) {
        unit_failed(spool, result < 0 ? (int)result : short_error(writer));
    }
}

/* The index goes behind the last frame, if there is room for it. False when there is none. */
static bool index_compose(struct spool *spool)
{
    struct spool_writer *writer = &spool->writer;
    uint64_t bytes = segment_index_bytes(writer->segment);
    uint8_t *arena = arena_of(writer, writer->writing);
    if (!writer->segment->count || !arena || bytes > writer->arena_bytes ||
        spool_bytes(spool) + bytes > spool->size_most)
        return false;
    segment_index_write(writer->segment, arena);
    writer->writing->unit.offset = writer->position;
    file_unit_add(&writer->writing->unit, NULL, (struct iovec){.iov_base = arena, .iov_len = bytes},
                  writer->position + bytes);
    spool_segment_resize(spool, writer->segment, writer->position + bytes);
    return true;
}

/* Starts the next write. False when there is nothing to write. */
static bool write_start(struct spool *spool)
{
    struct spool_writer *writer = &spool->writer;
    writer->retry_ns = 0;
    if (!writer->writing->unit.count) {
        struct spool_unit *empty = writer->writing;
        writer->writing = writer->ready;
        writer->ready = empty;
    }
    if (!writer->writing->unit.count && writer->segment && writer->roll && !index_compose(spool))
        segment_end(spool);
    if (!writer->writing->unit.count)
        return false;
    file_writer_start(&writer->file, &writer->writing->unit);
    return true;
}

void spool_writer_advance(struct spool *spool)
{
    struct spool_writer *writer = &spool->writer;
    int64_t result;
    for (;;) {
        if (writer->file.busy) {
            if (!file_writer_finish(&writer->file, &result))
                return;
            write_settle(spool, result);
        } else if (clock_steady_ns() < writer->retry_ns || !write_start(spool)) {
            return;
        }
    }
}

int64_t spool_writer_due(const struct spool *spool)
{
    const struct spool_writer *writer = &spool->writer;
    if (writer->done.count)
        return 0;
    if (writer->file.busy)
        return file_writer_wait_fd(&writer->file) < 0 ? 0 : INT64_MAX;
    if (writer->retry_ns)
        return writer->retry_ns;
    return idle(writer) && !writer->roll ? INT64_MAX : 0;
}

/* ---- taking batches ---- */

static void say_how(struct spool *spool, bool direct)
{
    log_info("spool: writing to %s, %s", spool->folder,
             !direct                    ? "through the page cache"
             : spool->writer.file.uring ? "past the page cache (O_DIRECT, io_uring)"
                                        : "past the page cache (O_DIRECT; the kernel refuses io_uring)");
}

static int segment_begin(struct spool *spool)
{
    struct spool_writer *writer = &spool->writer;
    struct segment *segment = segments_add(&spool->segments, spool->next_number, spool->run);
    if (!segment)
        return -ENOMEM;
    int fd = openat(spool->segments.folder_fd, segment->name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0640);
    if (fd < 0) {
        int error = -errno;
        segments_remove(&spool->segments, segment);
        return error;
    }
    file_writer_begin(&writer->file, fd, spool->reader.direct);
    if (!writer->said_how)
        say_how(spool, writer->file.direct);
    writer->said_how = true;
    spool->next_number++;
    spool->reader.direct = writer->file.direct;
    spool_sync(spool, spool->sync_fd, true);
    segment->open = true;
    writer->segment = segment;
    writer->position = 0;
    writer->composed = 0;
    return 0;
}

/* Bounded by spool.size. Begins to let go of the oldest a little before it must, so that writing need not wait. */
static int room_make(struct spool *spool, uint64_t bytes)
{
    uint64_t used = spool_bytes(spool), most = spool->size_most;
    bool oldest = spool->output->spool.when_full == SPOOL_DROP_OLDEST;
    int error = 0;
    if (oldest && used + bytes + spool->writer.segment_most / 4 > most)
        error = spool_drop_oldest(spool);
    if (used + bytes <= most)
        return 0;
    return oldest && !error ? -EAGAIN : -ENOSPC;
}

/* A segment that has room for the frame is open. */
static int segment_prepare(struct spool *spool, uint64_t bytes)
{
    struct spool_writer *writer = &spool->writer;
    if (writer->segment && writer->composed && writer->composed + bytes > writer->segment_most) {
        writer->roll = true;
        spool_writer_advance(spool);
    }
    if (writer->segment && (writer->roll || !segment_reserve(writer->segment, 2 * FILE_UNIT_BATCHES)))
        return -EAGAIN;
    if (writer->segment)
        return 0;
    int error = segment_begin(spool);
    if (!error && !segment_reserve(writer->segment, 2 * FILE_UNIT_BATCHES))
        error = -EAGAIN;
    if (error && error != -EAGAIN)
        error = write_failed(spool, error) || !error_is_full(error) ? -EAGAIN : -ENOSPC;
    return error;
}

static void frame_compose(struct spool *spool, struct batch *batch, const struct frame_measure *measure)
{
    struct spool_writer *writer = &spool->writer;
    struct spool_unit *unit = writer->ready;
    if (!unit->unit.count)
        unit->unit.offset = writer->composed;
    struct frame_place place = {
        .run = spool->run,
        .sequence = spool->next_sequence,
        .offset = writer->composed,
        .feed = batch->feed ? batch->feed->number : FRAME_NO_FEED,
    };
    batch_owe(batch, OWED_SPOOLING + spool->next_sequence++); /* from here on it may be on disk */
    uint8_t *frame = unit->arena + unit->used_bytes;
    uint32_t bytes = frame_write(writer->codec, batch, measure, &place, frame);
    unit->used_bytes += bytes;
    writer->composed += bytes;
    spool_segment_resize(spool, writer->segment, writer->composed);
    file_unit_add(&unit->unit, batch, (struct iovec){.iov_base = frame, .iov_len = bytes}, writer->composed);
}

int spool_put(struct spool *spool, struct batch *batch)
{
    struct spool_writer *writer = &spool->writer;
    struct frame_measure measure;
    if (writer->held == SINK_BATCHES_MOST)
        return -EAGAIN;
    spool_writer_advance(spool);
    if (writer->retry_ns)
        return writer->full && idle(writer) ? -ENOSPC : -EAGAIN;
    if (!frame_measure(batch, &measure) || measure.room_bytes > writer->arena_bytes)
        return -ENOSPC;
    int error = batch->failed ? room_make(spool, measure.room_bytes) : 0;
    if (!error && batch->failed)
        error = segment_prepare(spool, measure.room_bytes);
    if (error)
        return error;
    struct spool_unit *unit = writer->ready;
    if (unit->unit.count == FILE_UNIT_BATCHES || writer->arena_bytes - unit->used_bytes < measure.room_bytes ||
        !arena_of(writer, unit))
        return -EAGAIN;
    writer->held++;
    batch->failed_as = COUNTER_records_failed;
    if (batch->failed)
        frame_compose(spool, batch, &measure);
    else
        batch_list_push(&writer->done, batch);
    spool_writer_advance(spool);
    return 0;
}

/* ---- opening and closing ---- */

int spool_writer_init(struct spool *spool)
{
    struct spool_writer *writer = &spool->writer;
    const struct output_config *output = spool->output;
    writer->writing = &writer->units[0];
    writer->ready = &writer->units[1];
    /* Lengths and ids of the shortest documents that a batch has room for, and shares. */
    uint64_t frame_most = frame_round_up(output->batch_size + output->batch_size / 8 + (256 << 10));
    writer->arena_bytes = frame_most > ARENA_LEAST_BYTES ? (uint32_t)frame_most : ARENA_LEAST_BYTES;
    writer->segment_most = output->spool.segment_size;
    if (writer->segment_most > spool->size_most / SEGMENTS_LEAST)
        writer->segment_most = spool->size_most / SEGMENTS_LEAST;
    spool->reader.direct = output->direct == DIRECT_IO_AUTO;
    file_writer_init(&writer->file);
    writer->codec = frame_codec_new((enum compression)output->spool.compression);
    if (!writer->codec)
        return -ENOMEM;
    struct epoll_event event = {.events = EPOLLIN};
    if (writer->file.uring && epoll_ctl(spool->epoll_fd, EPOLL_CTL_ADD, writer->file.ring.ring_fd, &event) < 0)
        return -errno;
    return 0;
}

/* The last segment gets its index and is on disk before the process ends. */
static void segment_finish(struct spool *spool)
{
    struct spool_writer *writer = &spool->writer;
    writer->retry_ns = 0;
    writer->roll = true;
    if (!writer->file.busy)
        fdatasync(writer->file.fd);
    spool_flush(spool, CLOSE_WAIT_MS);
    if (writer->file.busy)
        log_error("spool: the disk of %s does not answer; the next start finds what it has", spool->folder);
    else if (writer->segment)
        segment_end(spool);
    fsync(spool->sync_fd);
}

void spool_writer_fini(struct spool *spool)
{
    struct spool_writer *writer = &spool->writer;
    if (writer->segment)
        segment_finish(spool);
    if (writer->file.fd >= 0)
        close(writer->file.fd);
    file_writer_fini(&writer->file);
    frame_codec_free(writer->codec);
    writer->codec = NULL;
    free(writer->units[0].arena);
    free(writer->units[1].arena);
    writer->units[0].arena = writer->units[1].arena = NULL;
}
