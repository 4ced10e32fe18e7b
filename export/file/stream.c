/* SPDX-License-Identifier: Apache-2.0 */
#include "export/file/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/compress.h"

#define PIPE_BYTES (1 << 20) /* fewer turns between us and the reader than the usual 64 KiB */
#define RETRY_MS   500       /* a device that refuses to write gets another try */
#define NOT_BEGUN  ((void *)UINTPTR_MAX)
#define READ_MS    10        /* nothing tells when a named pipe was read */

struct stream {
    struct sink *sink;
    int fd;
    bool try_again;
    bool waiting;              /* the descriptor takes no more for now */
    int64_t retry_ns;          /* steady clock; 0 = nothing is to be tried again */
    bool is_fifo;              /* a named pipe: what its reader has not taken is not delivered */
    uint64_t out_bytes;        /* written in all */
    struct batch_list queue;   /* output_data is NOT_BEGUN, then what out_bytes will be when it is written */
    struct batch_list unread;  /* written to a named pipe */
    struct batch_list done;
    uint32_t held;
    const uint8_t *bytes;      /* of the queue's first batch, or of its frame; NULL before its first write */
    size_t size_bytes;
    size_t written_bytes;
    struct compressor *compressor;
    uint8_t *frame;
    const char *name;
    struct log_cause cause;
};

bool stream_wanted(const char *path)
{
    struct stat status;
    if (strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/self/fd/", 14) == 0)
        return strncmp(path, "/dev/shm/", 9) != 0;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

/* Takes the queue's first batch in hand. False when its compression failed: it is done then. */
static bool begin_batch(struct stream *stream)
{
    struct batch *batch = batch_list_first(&stream->queue);
    stream->written_bytes = 0;
    stream->bytes = batch->bytes;
    stream->size_bytes = batch->size_bytes;
    batch->output_data = (void *)(uintptr_t)(stream->out_bytes + stream->size_bytes);
    if (!stream->compressor)
        return true;
    stream->bytes = stream->frame;
    stream->size_bytes = compressor_frame(stream->compressor, batch->bytes, batch->size_bytes, stream->frame);
    batch->output_data = (void *)(uintptr_t)(stream->out_bytes + stream->size_bytes);
    if (stream->size_bytes)
        return true;
    log_limited(&stream->cause, LOG_LEVEL_ERROR, "output: the compression library failed on a batch of %u documents",
                batch->count);
    batch_judge_from(batch, 0, VERDICT_FAILED);
    return false;
}

static void batch_is_done(struct stream *stream, struct batch *batch)
{
    counter_add(stream->sink->counters, COUNTER_output_bytes, batch->failed ? 0 : batch->size_bytes);
    batch_list_push(&stream->done, batch);
}

/* The queue's first batch is written, or has failed. */
static void end_batch(struct stream *stream)
{
    struct batch *batch = batch_list_pop(&stream->queue);
    stream->bytes = NULL;
    if (stream->is_fifo && !batch->failed)
        batch_list_push(&stream->unread, batch);
    else
        batch_is_done(stream, batch);
}

/* What a named pipe's reader has taken is out for good. */
static void settle_read(struct stream *stream)
{
    const struct batch *first = batch_list_first(&stream->unread);
    int left = 0;
    if (!first || ioctl(stream->fd, FIONREAD, &left) < 0)
        return;
    uint64_t read_bytes = stream->out_bytes - (uint64_t)left;
    for (; first && (uintptr_t)first->output_data <= read_bytes; first = batch_list_first(&stream->unread))
        batch_is_done(stream, batch_list_pop(&stream->unread));
}

/* From a named pipe: what nobody has read. Its number of bytes. */
static uint64_t take_back(struct stream *stream)
{
    uint8_t bytes[4096];
    uint64_t taken_bytes = 0;
    ssize_t count;
    while (stream->is_fifo && (count = read(stream->fd, bytes, sizeof bytes)) > 0)
        taken_bytes += (uint64_t)count;
    return taken_bytes;
}

/* Those of its lines that are out as a whole count as delivered. */
static void fail_rest(struct stream *stream, struct batch *batch)
{
    uint64_t begin = (uintptr_t)batch->output_data - batch->size_bytes;
    uint32_t whole = 0;
    while (!stream->compressor && whole < batch->count && begin + batch->ends[whole] <= stream->out_bytes)
        whole++;
    batch_judge_from(batch, whole, VERDICT_FAILED);
    batch_is_done(stream, batch);
}

/* Nothing will be written any more, nor read. */
static void fail_all(struct stream *stream)
{
    struct batch *batch;
    stream->out_bytes -= take_back(stream);
    stream->bytes = NULL;
    while ((batch = batch_list_pop(&stream->unread)) || (batch = batch_list_pop(&stream->queue)))
        fail_rest(stream, batch);
}

static void settle_error(struct stream *stream, int error)
{
    if (error == EINTR)
        return;
    if (error == EAGAIN) {
        stream->waiting = true;
        return;
    }
    if (stream->try_again && error != EPIPE) {
        counter_add(stream->sink->counters, COUNTER_output_write_errors, 1);
        stream->retry_ns = clock_steady_ns() + RETRY_MS * NS_PER_MS;
        log_limited(&stream->cause, LOG_LEVEL_ERROR,
                    "output: cannot write to %s: %s; documents wait until it is possible again", stream->name,
                    strerror(error));
        return;
    }
    /* A reader that has seen enough (head) is no error; a full disk is. */
    if (error != EPIPE)
        log_error("output: cannot write to %s: %s", stream->name, strerror(error));
    stream->sink->broken = true;
}

static void advance(struct stream *stream)
{
    stream->waiting = false;
    settle_read(stream);
    if (stream->retry_ns && clock_steady_ns() < stream->retry_ns)
        return;
    stream->retry_ns = 0;
    while (stream->queue.count && !stream->sink->broken && !stream->waiting && !stream->retry_ns) {
        if (!stream->bytes && !begin_batch(stream)) {
            end_batch(stream);
            continue;
        }
        ssize_t count =
            write(stream->fd, stream->bytes + stream->written_bytes, stream->size_bytes - stream->written_bytes);
        if (count < 0)
            settle_error(stream, errno);
        stream->written_bytes += count > 0 ? (size_t)count : 0;
        stream->out_bytes += count > 0 ? (size_t)count : 0;
        if (stream->written_bytes == stream->size_bytes)
            end_batch(stream);
    }
    if (stream->sink->broken)
        fail_all(stream);
}

static void set_due(struct stream *stream)
{
    stream->sink->wait_fd = stream->waiting ? stream->fd : -1;
    stream->sink->wait_events = POLLOUT;
    stream->sink->due_ns = stream->retry_ns ? stream->retry_ns : INT64_MAX;
    int64_t look_ns = clock_steady_ns() + READ_MS * NS_PER_MS;
    if (stream->unread.count && look_ns < stream->sink->due_ns)
        stream->sink->due_ns = look_ns;
}

static int stream_submit(struct sink *sink, struct batch *batch)
{
    struct stream *stream = sink->state;
    if (stream->held == SINK_BATCHES_MOST)
        return -EAGAIN;
    stream->held++;
    batch->output_data = NOT_BEGUN;
    batch_list_push(&stream->queue, batch);
    return 0;
}

static int stream_poll(struct sink *sink, struct completion *completions, int most, int timeout_ms)
{
    struct stream *stream = sink->state;
    advance(stream);
    set_due(stream);
    if (timeout_ms > 0 && stream->held && !stream->done.count) {
        sink_wait(sink, timeout_ms);
        advance(stream);
        set_due(stream);
    }
    int count = 0;
    while (count < most && stream->done.count)
        completions[count++].batch = batch_list_pop(&stream->done);
    stream->held -= (uint32_t)count;
    return count;
}

static int stream_flush(struct sink *sink, int timeout_ms)
{
    struct stream *stream = sink->state;
    int64_t deadline = clock_steady_ns() + timeout_ms * NS_PER_MS;
    stream->retry_ns = 0;
    for (;;) {
        advance(stream);
        set_due(stream);
        if (!stream->queue.count && !stream->unread.count)
            return 0;
        int64_t left_ns = deadline - clock_steady_ns();
        if (left_ns <= 0)
            break;
        sink_wait(sink, (int)(left_ns / NS_PER_MS) + 1);
    }
    fail_all(stream);
    return -ETIMEDOUT;
}

static void free_state(struct stream *stream)
{
    compressor_free(stream->compressor);
    free(stream->frame);
    free(stream);
}

static void stream_close(struct sink *sink)
{
    struct stream *stream = sink->state;
    close(stream->fd);
    free_state(stream);
    sink->state = NULL;
}

static const struct sink_ops stream_ops = {
    .name = "stream",
    .submit = stream_submit,
    .poll = stream_poll,
    .flush = stream_flush,
    .close = stream_close,
};

/*
 * Our own way to standard output. A pipe is opened anew, because waiting for its reader must not keep us from ending,
 * and O_NONBLOCK on the descriptor itself would reach the other processes that share it.
 */
static int open_stdout(void)
{
    struct stat status;
    int fd = -1;
    if (fstat(STDOUT_FILENO, &status) == 0 && S_ISFIFO(status.st_mode))
        fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : fd;
}

static bool is_stdout(const char *path)
{
    return strcmp(path, "/dev/stdout") == 0 || strcmp(path, "/proc/self/fd/1") == 0;
}

static bool is_fifo(const char *path)
{
    struct stat status;
    return !is_stdout(path) && stat(path, &status) == 0 && S_ISFIFO(status.st_mode);
}

static int open_path(const char *path)
{
    if (is_stdout(path))
        return open_stdout();
    /* With a reading end of our own, a named pipe opens before its reader comes and stays open when it goes. */
    int fd = open(path, (is_fifo(path) ? O_RDWR : O_WRONLY | O_APPEND) | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

static int stream_begin(struct sink *sink, int fd, const char *name, bool try_again)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream) {
        close(fd);
        return -ENOMEM;
    }
    fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* fails on what is no pipe */
    *stream = (struct stream){.sink = sink, .fd = fd, .name = name, .try_again = try_again};
    sink->state = stream;
    sink->ops = &stream_ops;
    return 0;
}

static int make_compressor(struct stream *stream)
{
    const struct output_config *output = stream->sink->output;
    if (output->compression == COMPRESSION_NONE)
        return 0;
    stream->compressor =
        compressor_new(output->compression, output->compression_level, (uint32_t)output->batch_size);
    if (!stream->compressor)
        return -ENOMEM;
    stream->frame = malloc(compressor_bound(stream->compressor));
    return stream->frame ? 0 : -ENOMEM;
}

int stream_open_path(struct sink *sink)
{
    const char *path = sink->output->path;
    int fd = open_path(path);
    int error = fd < 0 ? fd : stream_begin(sink, fd, path, true);
    if (!error && (error = make_compressor(sink->state)) < 0)
        stream_close(sink);
    if (!error)
        ((struct stream *)sink->state)->is_fifo = is_fifo(path);
    if (error)
        log_error("output: cannot open output.path %s: %s", path, strerror(-error));
    else
        log_info("output: writing to %s as it is: no rotation, no renaming", path);
    return error;
}

int stream_open_stdout(struct sink *sink)
{
    int fd = open_stdout();
    int error = fd < 0 ? fd : stream_begin(sink, fd, "standard output", false);
    if (error)
        log_error("output: cannot write to standard output: %s", strerror(-error));
    return error;
}
