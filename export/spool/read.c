/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/spool/state.h"

/* Frames from the disk into the slots, in their order and ahead of need. */

#define URING_ENTRIES  16
#define PIECE_BYTES    (256u << 10) /* of a read that has to be waited for: some 100 us */
#define RETRY_MS       1000
#define NEWS           2 /* this poll and the next one: by then spool_next() was called if it is going to be */
#define CLOSE_WAIT_MS  1000
#define BATCHES_BYTES  (256u << 20) /* of large batches there are fewer */
#define BATCHES_LEAST  4

/* What the kernel gives back with a result: a slot's address, or (odd) the descriptor of a sync. */
#define TAG_NOTHING 1

static uint64_t tag_descriptor(int fd)
{
    return (uint64_t)(fd + 1) << 1 | TAG_NOTHING;
}

static struct read_slot *slot_at(struct spool_reader *reader, uint32_t position)
{
    return &reader->slots[(reader->head + position) % SPOOL_READ_SLOTS];
}

static bool submit(struct io_uring *ring, struct io_uring_sqe *entry)
{
    if (io_uring_submit(ring) == 1)
        return true;
    io_uring_prep_nop(entry); /* it stays in the ring, and is not to touch memory that is used otherwise by then */
    io_uring_sqe_set_data64(entry, TAG_NOTHING);
    return false;
}

/* ---- syncs ---- */

void spool_sync(struct spool *spool, int fd, bool folder)
{
    struct spool_reader *reader = &spool->reader;
    struct io_uring_sqe *entry = reader->uring ? io_uring_get_sqe(&reader->ring) : NULL;
    if (entry) {
        io_uring_prep_fsync(entry, fd, folder ? 0 : IORING_FSYNC_DATASYNC);
        io_uring_sqe_set_data64(entry, folder ? TAG_NOTHING : tag_descriptor(fd));
        if (submit(&reader->ring, entry))
            return;
    }
    if (folder) {
        fsync(fd);
        return;
    }
    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* only begins it */
    close(fd);
}

/* ---- slots ---- */

void spool_reader_news(struct spool_reader *reader)
{
    if (reader->asked)
        reader->news = NEWS;
}

static void slot_ready(struct spool_reader *reader, struct read_slot *slot, bool failed)
{
    slot->failed = failed;
    slot->state = SLOT_READY;
    spool_reader_news(reader);
}

/* What is missing of the slot, by the kernel. False when that is to be done by pread(). */
static bool slot_submit(struct spool_reader *reader, struct read_slot *slot)
{
    struct io_uring_sqe *entry = reader->uring ? io_uring_get_sqe(&reader->ring) : NULL;
    if (!entry)
        return false;
    const struct segment_frame *frame = &slot->segment->frames[slot->index];
    io_uring_prep_read(entry, slot->fd, slot->bytes + slot->have_bytes, slot->size_bytes - slot->have_bytes,
                       (uint64_t)frame->block * BATCH_ALIGN_BYTES + slot->have_bytes);
    entry->flags |= IOSQE_ASYNC; /* never in this thread */
    io_uring_sqe_set_data64(entry, (uint64_t)(uintptr_t)slot);
    slot->submitted = submit(&reader->ring, entry);
    return slot->submitted;
}

/* A read has ended; result is its length or -errno. */
static void slot_result(struct spool_reader *reader, struct read_slot *slot, int64_t result)
{
    slot->submitted = false;
    if (slot->state == SLOT_CANCELLED)
        return;
    if (result > 0)
        slot->have_bytes += (uint32_t)result;
    bool aligned = slot->have_bytes % BATCH_ALIGN_BYTES == 0;
    if (slot->have_bytes == slot->size_bytes) {
        slot_ready(reader, slot, false);
    } else if (result == -EINVAL && reader->direct) {
        reader->direct = false;
        fcntl(slot->fd, F_SETFL, fcntl(slot->fd, F_GETFL) & ~O_DIRECT);
        slot_submit(reader, slot);
    } else if ((result > 0 && (aligned || !reader->direct)) || result == -EINTR || result == -EAGAIN) {
        slot_submit(reader, slot);
    } else {
        slot_ready(reader, slot, true); /* cut off, or unreadable */
    }
}

static void results_take(struct spool_reader *reader)
{
    struct io_uring_cqe *entry;
    while (reader->uring && io_uring_peek_cqe(&reader->ring, &entry) == 0) {
        uint64_t tag = io_uring_cqe_get_data64(entry);
        int result = entry->res;
        io_uring_cqe_seen(&reader->ring, entry);
        if (!(tag & TAG_NOTHING))
            slot_result(reader, (struct read_slot *)(uintptr_t)tag, result);
        else if (tag != TAG_NOTHING)
            close((int)(tag >> 1) - 1);
    }
}

/* Without io_uring: one piece of the first slot that has none under way. */
static void piece_read(struct spool_reader *reader)
{
    for (uint32_t i = 0; i < reader->count; i++) {
        struct read_slot *slot = slot_at(reader, i);
        if (slot->state != SLOT_READING || slot->submitted)
            continue;
        const struct segment_frame *frame = &slot->segment->frames[slot->index];
        uint32_t left = slot->size_bytes - slot->have_bytes;
        ssize_t length = pread(slot->fd, slot->bytes + slot->have_bytes, left < PIECE_BYTES ? left : PIECE_BYTES,
                               (off_t)frame->block * BATCH_ALIGN_BYTES + slot->have_bytes);
        slot_result(reader, slot, length < 0 ? -errno : length);
        return;
    }
}

static void slots_drop_cancelled(struct spool *spool)
{
    struct spool_reader *reader = &spool->reader;
    while (reader->count && slot_at(reader, 0)->state == SLOT_CANCELLED && !slot_at(reader, 0)->submitted)
        spool_slot_pop(spool);
}

void spool_slot_pop(struct spool *spool)
{
    struct spool_reader *reader = &spool->reader;
    struct read_slot *slot = slot_at(reader, 0);
    struct segment *segment = slot->segment;
    reader->head = (reader->head + 1) % SPOOL_READ_SLOTS;
    reader->count--;
    if (!segment)
        return;
    slot->segment = NULL;
    segment->slots--;
    spool->reap |= segment->over == segment->count;
    if (!segment->slots && !segment->open && segment->unread == segment->count)
        segment_close(segment);
}

static bool slot_room(struct read_slot *slot)
{
    if (slot->room_bytes >= slot->size_bytes)
        return true;
    free(slot->bytes);
    slot->bytes = aligned_alloc(BATCH_ALIGN_BYTES, slot->size_bytes);
    slot->room_bytes = slot->bytes ? slot->size_bytes : 0;
    return slot->bytes != NULL;
}

/* ---- which frame is next ---- */

static struct segment *next_unread(const struct spool *spool)
{
    for (struct segment *segment = spool->segments.first; segment; segment = segment->next) {
        if (segment->doomed)
            continue;
        while (segment->unread < segment->count && segment->frames[segment->unread].state != FRAME_WAITING)
            segment->unread++;
        if (segment->unread < segment->count)
            return segment;
    }
    return NULL;
}

/* Begins to read the next frame. False when there is none, or not now. */
static bool slot_begin(struct spool *spool)
{
    struct spool_reader *reader = &spool->reader;
    struct segment *segment = reader->count < SPOOL_READ_SLOTS ? next_unread(spool) : NULL;
    if (!segment)
        return false;
    struct read_slot *slot = slot_at(reader, reader->count);
    int error = segment_open(&spool->segments, segment, reader->direct);
    slot->size_bytes = segment->frames[segment->unread].blocks * BATCH_ALIGN_BYTES;
    if (!error && !slot_room(slot))
        error = -ENOMEM;
    if (error && error != -ENOENT) {
        reader->retry_ns = clock_steady_ns() + RETRY_MS * NS_PER_MS;
        log_limited(&spool->cause, LOG_LEVEL_ERROR, "spool: cannot read %s/%s: %s; it is tried again", spool->folder,
                    segment->name, strerror(-error));
        return false;
    }
    reader->count++;
    segment->slots++;
    slot->segment = segment;
    slot->index = segment->unread++;
    slot->fd = segment->fd;
    slot->have_bytes = 0;
    slot->state = SLOT_READING;
    slot->submitted = false;
    if (error)
        slot_ready(reader, slot, true); /* someone has removed the file */
    else
        slot_submit(reader, slot);
    return true;
}

void spool_reader_advance(struct spool *spool)
{
    struct spool_reader *reader = &spool->reader;
    const struct spool_writer *writer = &spool->writer;
    int64_t now_ns = clock_steady_ns();
    reader->news -= reader->news > 0; /* whoever polls has asked by now, or has no use for it */
    results_take(reader);
    slots_drop_cancelled(spool);
    if (reader->starved && now_ns >= spool_tokens_due(spool)) {
        reader->starved = false;
        reader->news = NEWS; /* it may have become due since spool_next() was called */
    }
    if (now_ns >= reader->retry_ns)
        reader->retry_ns = 0;
    bool writing = writer->file.busy && writer->ready->unit.count; /* which goes first */
    while (reader->wanted && !reader->retry_ns && !writing && slot_begin(spool))
        ;
    piece_read(reader);
}

void spool_reader_forget(struct spool *spool, struct segment *segment)
{
    struct spool_reader *reader = &spool->reader;
    for (uint32_t i = 0; i < reader->count; i++) {
        struct read_slot *slot = slot_at(reader, i);
        if (slot->segment != segment)
            continue;
        if (slot->index < segment->unread)
            segment->unread = slot->index;
        slot->state = SLOT_CANCELLED;
        slot->segment = NULL;
        segment->slots--;
    }
    slots_drop_cancelled(spool);
}

const struct segment_frame *spool_reader_first(const struct spool *spool)
{
    const struct spool_reader *reader = &spool->reader;
    const struct read_slot *slot = &reader->slots[reader->head];
    return reader->count && slot->state == SLOT_READY ? &slot->segment->frames[slot->index] : NULL;
}

int64_t spool_reader_due(const struct spool *spool)
{
    const struct spool_reader *reader = &spool->reader;
    if (reader->news)
        return 0;
    for (uint32_t i = 0; i < reader->count; i++) {
        const struct read_slot *slot = &reader->slots[(reader->head + i) % SPOOL_READ_SLOTS];
        if (slot->state == SLOT_READING && !slot->submitted)
            return 0;
    }
    int64_t due = reader->retry_ns ? reader->retry_ns : INT64_MAX;
    int64_t tokens_ns = reader->starved ? spool_tokens_due(spool) : INT64_MAX;
    return tokens_ns < due ? tokens_ns : due;
}

/* ---- opening and closing ---- */

int spool_reader_init(struct spool *spool)
{
    struct spool_reader *reader = &spool->reader;
    reader->most_count = BATCHES_BYTES / (uint32_t)spool->output->batch_size;
    if (reader->most_count > SPOOL_READ_BATCHES)
        reader->most_count = SPOOL_READ_BATCHES;
    if (reader->most_count < BATCHES_LEAST)
        reader->most_count = BATCHES_LEAST;
    reader->tokens_ns = clock_steady_ns();
    reader->uring = io_uring_queue_init(URING_ENTRIES, &reader->ring, 0) == 0;
    struct epoll_event event = {.events = EPOLLIN};
    if (reader->uring && epoll_ctl(spool->epoll_fd, EPOLL_CTL_ADD, reader->ring.ring_fd, &event) < 0)
        return -errno;
    return 0;
}

static bool reads_under_way(const struct spool_reader *reader)
{
    for (uint32_t i = 0; i < SPOOL_READ_SLOTS; i++)
        if (reader->slots[i].submitted)
            return true;
    return false;
}

void spool_reader_fini(struct spool *spool)
{
    struct spool_reader *reader = &spool->reader;
    int64_t by_ns = clock_steady_ns() + CLOSE_WAIT_MS * NS_PER_MS;
    for (uint32_t i = 0; i < reader->count; i++)
        slot_at(reader, i)->state = SLOT_CANCELLED;
    struct __kernel_timespec wait = {.tv_nsec = 10 * NS_PER_MS};
    struct io_uring_cqe *entry;
    while (reads_under_way(reader) && clock_steady_ns() < by_ns) {
        io_uring_wait_cqe_timeout(&reader->ring, &entry, &wait);
        results_take(reader);
    }
    results_take(reader);
    for (uint32_t i = 0; i < SPOOL_READ_SLOTS; i++)
        if (!reader->slots[i].submitted) /* otherwise the disk may yet write there */
            free(reader->slots[i].bytes);
    if (reader->uring)
        io_uring_queue_exit(&reader->ring);
    spool_split_end(spool);
    for (uint32_t i = 0; i < SPOOL_READ_BATCHES; i++)
        spool_batch_free(&reader->batches[i]);
}
