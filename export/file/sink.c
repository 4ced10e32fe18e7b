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
#include "export/file/sink.h"
#include "export/file/stream.h"

#define RETRY_FIRST_MS  100
#define RETRY_MOST_MS   5000
#define STUCK_WAIT_MS   1000 /* for a write that is under way when time is up */

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
    if (!file->writing->count && !file_compose(file, file->writing)) {
        if (!file->queue.count)
            return false;
        if (file_over_size(file))
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
                file_compose(file, file->ready);
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
