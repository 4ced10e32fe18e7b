/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/compress.h"
#include "export/file_name.h"
#include "export/file_writer.h"
#include "export/sink.h"
#include "export/stream.h"

#define STAGING_COUNT   2 /* one frame is written while the next one is made */
#define RETRY_FIRST_MS  100
#define RETRY_MOST_MS   5000
#define STUCK_WAIT_MS   1000 /* for a write that is under way when time is up */

/*
 * Files of whole documents. What a unit (export/file_writer.h) could not write stays and is tried again; the file is
 * cut back to its last whole batch first, so that its readers never see a torn line.
 */
struct file_sink {
    struct sink *sink;
    struct file_names names;
    struct file_writer writer;
    struct batch_list queue; /* submitted, in no unit yet */
    struct batch_list done;
    uint32_t held;           /* batches that the output has not fetched back */

    struct file_unit units[2];
    struct file_unit *writing;
    struct file_unit *ready; /* compressed while the other one is written */

    struct compressor *compressor;
    uint8_t *staging[STAGING_COUNT];
    uint32_t staging_next;
    uint64_t frame_bytes;    /* of the last frame: the guess for the next one */

    /* the file at hand; writer.fd is -1 when there is none */
    struct file_name name;
    uint64_t position;       /* end of the last whole batch on disk */
    uint64_t composed;       /* end of the last batch in a unit */
    uint8_t tail[BATCH_ALIGN_BYTES]; /* direct and compressed: content from the last aligned position to `composed` */
    int64_t opened_ns;
    bool torn;               /* there may be bytes behind position */
    bool finish_due;
    bool open_due;

    int64_t retry_ns;        /* steady clock; 0 = nothing is to be tried again */
    int64_t retry_wait_ms;
    bool direct;             /* try to write past the page cache */
    bool said_how;
    struct log_cause cause;
};

static void retry_later(struct file_sink *file, int error, const char *what)
{
    file->retry_wait_ms = file->retry_wait_ms ? 2 * file->retry_wait_ms : RETRY_FIRST_MS;
    if (file->retry_wait_ms > RETRY_MOST_MS)
        file->retry_wait_ms = RETRY_MOST_MS;
    file->retry_ns = clock_steady_ns() + file->retry_wait_ms * NS_PER_MS;
    counter_add(file->sink->counters, COUNTER_output_write_errors, 1);
    log_limited(&file->cause, LOG_LEVEL_ERROR, "output: cannot %s %s: %s; documents wait until it is possible again",
                what, file->name.partial, strerror(error));
}

static void retry_over(struct file_sink *file)
{
    if (file->retry_wait_ms)
        log_info("output: writing to %s goes on", file->name.partial);
    file->retry_wait_ms = 0;
    file->retry_ns = 0;
}

static void say_how(struct file_sink *file)
{
    if (file->said_how)
        return;
    file->said_how = true;
    const char *how = !file->writer.direct  ? "through the page cache"
                      : file->writer.uring ? "past the page cache (O_DIRECT, io_uring)"
                                           : "past the page cache (O_DIRECT; the kernel refuses io_uring)";
    log_info("output: writing %s, %s", file->name.partial, how);
}

static int open_file(struct file_sink *file)
{
    int fd = file_names_create(&file->names, &file->name);
    if (fd < 0)
        return fd;
    file_writer_begin(&file->writer, fd, file->direct);
    file->position = 0;
    file->composed = 0;
    file->torn = false;
    file->open_due = false;
    file->opened_ns = clock_steady_ns();
    say_how(file);
    return 0;
}

/* Cuts off whatever stands behind the last whole batch: part of one, or a frame's filler. */
static int cut_file(struct file_sink *file)
{
    struct stat status;
    if (fstat(file->writer.fd, &status) < 0)
        return -errno;
    if ((uint64_t)status.st_size > file->position && ftruncate(file->writer.fd, (off_t)file->position) < 0)
        return -errno;
    file->torn = false;
    return 0;
}

/* The file gets its final name, or goes when nothing was written to it. No write is under way. */
static void finish_file(struct file_sink *file)
{
    file->finish_due = false;
    if (file->writer.fd < 0)
        return;
    int error = 0;
    if (!file->position)
        error = unlink(file->name.partial) < 0 ? -errno : 0;
    else if ((error = cut_file(file)) == 0)
        error = file_name_finish(&file->name);
    if (error)
        log_error("output: cannot finish %s: %s; the next start tries again", file->name.partial, strerror(-error));
    close(file->writer.fd);
    file->writer.fd = -1;
    file->composed = 0;
}

/* Batches of units that are not under way go back to the queue, in their order. */
static void unwind_units(struct file_sink *file)
{
    struct file_unit *units[] = {file->ready, file->writing};
    for (int i = 0; i < 2; i++) {
        while (units[i]->count) {
            file->queue.head = (file->queue.head + SINK_BATCHES_MOST - 1) % SINK_BATCHES_MOST;
            file->queue.items[file->queue.head] = units[i]->batches[--units[i]->count];
            file->queue.count++;
        }
    }
    file->composed = file->position;
}

static bool over_size(const struct file_sink *file, uint64_t more_bytes)
{
    uint64_t most = file->sink->output->rotate_size;
    return most && file->composed && file->composed + more_bytes > most;
}

/* What the queue's first batch will take; a frame's length is a guess, so compressed files are a little off
 * rotate_size. */
static uint64_t next_bytes(const struct file_sink *file)
{
    return file->compressor ? file->frame_bytes : batch_list_first(&file->queue)->size_bytes;
}

/* Plain text: the batches themselves are written, as many as there are. */
static void compose_plain(struct file_sink *file, struct file_unit *unit)
{
    unit->offset = file->composed;
    while (file->queue.count && unit->count < FILE_UNIT_BATCHES) {
        struct batch *batch = batch_list_first(&file->queue);
        if (over_size(file, next_bytes(file)))
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
    if (!file->queue.count || over_size(file, next_bytes(file)))
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

/* Fills the unit from the queue. False when there is nothing for it now. */
static bool compose(struct file_sink *file, struct file_unit *unit)
{
    unit->count = 0;
    if (file->compressor)
        compose_frame(file, unit);
    else
        compose_plain(file, unit);
    return unit->count;
}

/* A write is done: what is whole in the file is delivered; the rest is written again, at once or later. */
static void settle_write(struct file_sink *file, int64_t result)
{
    struct file_unit *unit = file->writing;
    struct batch *batches[FILE_UNIT_BATCHES];
    memcpy(batches, unit->batches, sizeof batches);
    uint32_t whole = file_unit_advance(unit, result > 0 ? (uint64_t)result : 0, &file->position);
    for (uint32_t i = 0; i < whole; i++) {
        counter_add(file->sink->counters, COUNTER_output_bytes, batches[i]->size_bytes);
        batch_list_push(&file->done, batches[i]);
    }
    counter_add(file->sink->counters, COUNTER_output_requests, 1);
    counter_add(file->sink->counters, COUNTER_output_sent_bytes, result > 0 ? (uint64_t)result : 0);
    if (whole)
        retry_over(file);
    if (!unit->count) {
        file->writing = file->ready;
        file->ready = unit;
        return;
    }
    file->torn = true;
    cut_file(file); /* at once, for the readers; should that fail too, it is done before the next write */
    if (result == -EINVAL && file->writer.direct) {
        file_writer_buffer(&file->writer);
        file->direct = false;
        log_info("output: %s cannot be written past the page cache after all", file->name.partial);
    } else if (!whole) {
        retry_later(file, result < 0 ? (int)-result : ENOSPC, "write to");
    }
}

/* The file that the queue's first batch goes to is open. False when it must wait. No write is under way. */
static bool prepare_file(struct file_sink *file)
{
    int error;
    if (file->torn && file->writer.fd >= 0 && (error = cut_file(file)) < 0) {
        retry_later(file, -error, "cut off the torn end of");
        return false;
    }
    if (file->finish_due) {
        unwind_units(file);
        finish_file(file);
    }
    if (file->writer.fd < 0 && (file->queue.count || file->open_due) && (error = open_file(file)) < 0) {
        retry_later(file, -error, "create");
        return false;
    }
    return true;
}

/* Starts the next write if there is something to write. */
static bool start_write(struct file_sink *file)
{
    file->retry_ns = 0;
    if (!prepare_file(file))
        return false;
    if (!file->writing->count && !compose(file, file->writing)) {
        if (!file->queue.count)
            return false;
        if (over_size(file, next_bytes(file)))
            finish_file(file);
        return true;
    }
    file_writer_start(&file->writer, file->writing);
    return true;
}

/* Everything that can be done without waiting. */
static void advance(struct file_sink *file)
{
    const struct output_config *output = file->sink->output;
    int64_t result;
    for (;;) {
        int64_t now = clock_steady_ns();
        if (output->rotate_age && file->writer.fd >= 0 && file->composed &&
            now - file->opened_ns >= (int64_t)output->rotate_age)
            file->finish_due = true;
        if (file->writer.busy) {
            if (file->compressor && !file->finish_due && !file->ready->count)
                compose(file, file->ready);
            if (!file_writer_finish(&file->writer, &result))
                return;
            settle_write(file, result);
        } else if (now < file->retry_ns && !file->finish_due) {
            return;
        } else if (!start_write(file)) {
            return;
        }
    }
}

/* Tells the output's thread when to call again. */
static void set_due(struct file_sink *file)
{
    struct sink *sink = file->sink;
    sink->wait_fd = file_writer_wait_fd(&file->writer);
    sink->wait_events = POLLIN;
    sink->due_ns = INT64_MAX;
    if (file->writer.busy)
        return;
    if (file->retry_ns)
        sink->due_ns = file->retry_ns;
    int64_t age = (int64_t)sink->output->rotate_age;
    if (age && file->writer.fd >= 0 && file->composed && file->opened_ns + age < sink->due_ns)
        sink->due_ns = file->opened_ns + age;
}

static void free_state(struct file_sink *file)
{
    file_writer_fini(&file->writer);
    compressor_free(file->compressor);
    for (int i = 0; i < STAGING_COUNT; i++)
        free(file->staging[i]);
    free(file);
}

static int make_staging(struct file_sink *file)
{
    const struct output_config *output = file->sink->output;
    if (output->compression == COMPRESSION_NONE)
        return 0;
    file->compressor =
        compressor_new(output->compression, output->compression_level, (uint32_t)output->batch_size);
    if (!file->compressor)
        return -ENOMEM;
    /* The tail in front and the filler behind are below two blocks each. */
    size_t blocks = compressor_bound(file->compressor) / BATCH_ALIGN_BYTES + 4;
    for (int i = 0; i < STAGING_COUNT; i++) {
        file->staging[i] = aligned_alloc(BATCH_ALIGN_BYTES, blocks * BATCH_ALIGN_BYTES);
        if (!file->staging[i])
            return -ENOMEM;
    }
    return 0;
}

static int open_regular(struct sink *sink)
{
    struct file_sink *file = calloc(1, sizeof *file);
    if (!file)
        return -ENOMEM;
    file->sink = sink;
    file->writing = &file->units[0];
    file->ready = &file->units[1];
    file->direct = sink->output->direct == DIRECT_IO_AUTO;
    file_writer_init(&file->writer);
    const char *path = sink->output->path;
    int error = make_staging(file);
    if (!error)
        error = file_names_init(&file->names, path, sink->output->compression);
    if (!error) {
        file_names_recover(&file->names);
        error = open_file(file);
    }
    if (!error && !file->compressor)
        file->direct = sink->pads = file->writer.direct; /* from now on all batches come aligned, or none does */
    if (error) {
        log_error("output: cannot create a file for output.path %s: %s; see that its folder can be written to", path,
                  strerror(-error));
        free_state(file);
        return error;
    }
    sink->state = file;
    set_due(file);
    return 0;
}

static int file_open(struct sink *sink)
{
    return stream_wanted(sink->output->path) ? stream_open_path(sink) : open_regular(sink);
}

static int file_submit(struct sink *sink, struct batch *batch)
{
    struct file_sink *file = sink->state;
    if (file->held == SINK_BATCHES_MOST)
        return -EAGAIN;
    file->held++;
    batch_list_push(&file->queue, batch);
    return 0;
}

static int file_poll(struct sink *sink, struct completion *completions, int most, int timeout_ms)
{
    struct file_sink *file = sink->state;
    advance(file);
    set_due(file);
    if (timeout_ms > 0 && file->held && !file->done.count) {
        sink_wait(sink, timeout_ms);
        advance(file);
        set_due(file);
    }
    int count = 0;
    while (count < most && file->done.count)
        completions[count++].batch = batch_list_pop(&file->done);
    file->held -= (uint32_t)count;
    return count;
}

/* Works until everything is written or the time is over. */
static bool drain(struct file_sink *file, int timeout_ms)
{
    int64_t deadline = clock_steady_ns() + timeout_ms * NS_PER_MS;
    for (;;) {
        advance(file);
        set_due(file);
        if (file->held == file->done.count)
            return true;
        int64_t left_ns = deadline - clock_steady_ns();
        if (left_ns <= 0)
            return false;
        sink_wait(file->sink, (int)(left_ns / NS_PER_MS) + 1);
    }
}

/* Time is up. A write that is under way is waited for a little longer: then at least its outcome is known. */
static void give_up(struct file_sink *file)
{
    int64_t result;
    if (file->writer.busy) {
        struct pollfd entry = {.fd = file_writer_wait_fd(&file->writer), .events = POLLIN};
        poll(&entry, 1, STUCK_WAIT_MS);
        if (file_writer_finish(&file->writer, &result))
            settle_write(file, result);
    }
    unwind_units(file);
    while (file->queue.count) {
        struct batch *batch = batch_list_pop(&file->queue);
        batch_judge_from(batch, 0, VERDICT_FAILED);
        batch_list_push(&file->done, batch);
    }
}

static int file_flush(struct sink *sink, int timeout_ms)
{
    struct file_sink *file = sink->state;
    file->retry_ns = 0; /* what waits for its next try gets one now */
    if (drain(file, timeout_ms))
        return 0;
    give_up(file);
    return -ETIMEDOUT;
}

static int file_reopen(struct sink *sink)
{
    struct file_sink *file = sink->state;
    file->finish_due = true;
    file->open_due = true;
    return 0;
}

static void file_close(struct sink *sink)
{
    struct file_sink *file = sink->state;
    if (file->writer.busy)
        log_error("output: the disk does not answer; the next start finishes %s", file->name.partial);
    else
        finish_file(file);
    free_state(file);
    sink->state = NULL;
}

const struct sink_ops sink_file = {
    .name = "file",
    .open = file_open,
    .submit = file_submit,
    .poll = file_poll,
    .flush = file_flush,
    .reopen = file_reopen,
    .close = file_close,
};
