/* SPDX-License-Identifier: Apache-2.0 */
#include "export/spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/spool/state.h"

#define LOCK_WAIT_MS   2000 /* a run killed a moment ago holds its lock until the kernel has ended its last write */
#define LOCK_PAUSE_MS  20
#define CURSOR_WAIT_MS 100
#define REAP_WAIT_MS   1000

/* ---- what is on disk ---- */

void spool_waiting_add(struct spool *spool, int64_t documents)
{
    uint64_t before = atomic_load_explicit(&spool->setup.memory->waiting, memory_order_relaxed);
    /* Relaxed: one writer, and a number to look at. */
    atomic_store_explicit(&spool->setup.memory->waiting, before + (uint64_t)documents, memory_order_relaxed);
}

void spool_segment_resize(struct spool *spool, struct segment *segment, uint64_t bytes)
{
    uint64_t before = atomic_load_explicit(&spool->bytes, memory_order_relaxed);
    atomic_store_explicit(&spool->bytes, before - segment->bytes + bytes, memory_order_relaxed); /* as above */
    segment->bytes = bytes;
}

void spool_frame_out(struct segment *segment, uint32_t index)
{
    segment->frames[index].state = FRAME_OUT;
    segment->out++;
}

static void cursor_save(struct spool *spool)
{
    spool->cursor_ns = clock_steady_ns();
    int error = spool_cursor_write(&spool->cursor, &spool->segments, spool->end_sequence);
    if (!error) {
        spool->cursor_dirty = false;
        atomic_store_explicit(&spool->setup.memory->over_count, 0, memory_order_release);
        return;
    }
    spool_count(spool, COUNTER_spool_write_errors, 1);
    log_limited(&spool->cause, LOG_LEVEL_WARNING, "spool: cannot write %s/cursor: %s; a start sends again what is over",
                spool->folder, strerror(-error));
}

/* The frame is over, whatever becomes of the process. The count goes last: a release store keeps it there. */
static void over_note(struct spool *spool, uint64_t sequence)
{
    struct spool_memory *memory = spool->setup.memory;
    uint32_t count = atomic_load_explicit(&memory->over_count, memory_order_relaxed);
    if (count == SPOOL_OVER_MOST) { /* all of them are written down now */
        cursor_save(spool);
        return;
    }
    memory->over[count] = sequence;
    atomic_store_explicit(&memory->over_count, count + 1, memory_order_release);
}

void spool_frame_settle(struct spool *spool, struct segment *segment, uint32_t index)
{
    segment->frames[index].state = FRAME_OVER;
    segment->out--;
    segment->over++;
    spool->reap |= segment->over == segment->count;
    spool->cursor_dirty = true;
    over_note(spool, segment_sequence(segment, index));
}

void spool_reap(struct spool *spool)
{
    if (!spool->reap || (spool->reap_ns && clock_steady_ns() < spool->reap_ns))
        return;
    spool->reap = false;
    spool->reap_ns = 0;
    for (struct segment *segment = spool->segments.first, *next; segment; segment = next) {
        next = segment->next;
        if (segment->open || segment->over < segment->count || segment->slots)
            continue;
        if (unlinkat(spool->segments.folder_fd, segment->name, 0) < 0 && errno != ENOENT) {
            log_limited(&spool->cause, LOG_LEVEL_WARNING, "spool: cannot remove %s/%s: %s", spool->folder,
                        segment->name, strerror(errno));
            spool->reap_ns = clock_steady_ns() + REAP_WAIT_MS * NS_PER_MS;
            spool->reap = true;
            return;
        }
        if (spool->dropper.doomed == segment)
            spool->dropper.doomed = NULL;
        if (spool->writer.full && segment->bytes)
            spool->writer.retry_ns = 0; /* there is room again */
        spool_segment_resize(spool, segment, 0);
        segments_remove(&spool->segments, segment);
    }
}

/* ---- opening ---- */

static int folder_make(const char *path)
{
    char part[PATH_MAX];
    for (const char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        size_t length = slash ? (size_t)(slash - path) : strlen(path);
        memcpy(part, path, length);
        part[length] = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return -errno;
        if (!slash)
            return 0;
    }
}

static int folder_name(struct spool *spool)
{
    const struct output_config *output = spool->output;
    int length = snprintf(spool->folder, sizeof spool->folder, "%s/%s-%u", output->spool.path, output->name,
                          spool->setup.thread);
    if (length < 0 || (size_t)length >= sizeof spool->folder)
        return -ENAMETOOLONG;
    return strchr(output->name, '/') ? -EINVAL : 0;
}

static int folder_lock(int fd)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * NS_PER_MS};
    int64_t by_ns = clock_steady_ns() + LOCK_WAIT_MS * NS_PER_MS;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return -errno;
        if (clock_steady_ns() >= by_ns)
            return -EBUSY;
        nanosleep(&pause, NULL);
    }
    return 0;
}

static int folder_open(struct spool *spool)
{
    int error = folder_name(spool);
    if (!error)
        error = folder_make(spool->folder);
    if (error)
        return error;
    spool->folder_fd = open(spool->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->folder_fd < 0)
        return -errno;
    spool->segments.folder_fd = spool->folder_fd;
    error = folder_lock(spool->folder_fd);
    if (error)
        return error;
    spool->sync_fd = openat(spool->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return spool->sync_fd < 0 ? -errno : spool_cursor_open(&spool->cursor, spool->folder_fd);
}

/* Whether the frame is over: by the cursor, or by what the run before had not come to write down. */
static bool frame_was_over(const struct spool *spool, uint64_t sequence)
{
    const struct spool_memory *before = spool->setup.before;
    uint32_t count = before ? atomic_load_explicit(&before->over_count, memory_order_relaxed) : 0;
    for (uint32_t i = 0; i < count && i < SPOOL_OVER_MOST; i++)
        if (before->over[i] == sequence)
            return true;
    return spool_cursor_over(&spool->cursor, sequence);
}

/* What an earlier run had sent is over; the rest waits. Returns its documents. */
static uint64_t segment_recover(struct spool *spool, struct segment *segment)
{
    uint64_t documents = 0, bytes = segment->bytes;
    for (uint32_t i = 0; i < segment->count; i++) {
        bool over = frame_was_over(spool, segment_sequence(segment, i));
        segment->frames[i].state = over ? FRAME_OVER : FRAME_WAITING;
        segment->over += over;
        documents += over ? 0 : segment->frames[i].documents;
    }
    segment->bytes = 0;
    spool_segment_resize(spool, segment, bytes);
    return documents;
}

static int recover(struct spool *spool)
{
    struct segments_found found = {0};
    int error = segments_scan(&spool->segments, &found);
    if (error)
        return error;
    uint64_t documents = 0;
    for (struct segment *segment = spool->segments.first; segment; segment = segment->next)
        documents += segment_recover(spool, segment);
    spool->next_number = found.last_number + 1;
    spool->next_sequence = found.last_sequence + 1;
    if (spool->next_sequence < spool->cursor.end)
        spool->next_sequence = spool->cursor.end;
    spool->end_sequence = spool->next_sequence;
    spool_waiting_add(spool, (int64_t)documents);
    spool_count(spool, COUNTER_records_recovered, documents);
    spool_count(spool, COUNTER_spool_frames_damaged, found.damaged);
    if (documents)
        log_info("spool: %s has %llu documents of an earlier run, which are sent now", spool->folder,
                 (unsigned long long)documents);
    if (found.damaged)
        log_warning("spool: %s is damaged in %llu places; what is whole around them is sent", spool->folder,
                    (unsigned long long)found.damaged);
    spool->reap = true;
    spool_reap(spool);
    cursor_save(spool); /* on a full disk the old one stays: it says nothing of frames that are still to come */
    return 0;
}

/* More threads before: what lies in their folders is nobody's now. */
static void strays_say(const struct spool *spool)
{
    char folder[PATH_MAX];
    uint32_t threads = spool->output->threads ? spool->output->threads : 1;
    int length = snprintf(folder, sizeof folder, "%s/%s-%u", spool->output->spool.path, spool->output->name, threads);
    if (spool->setup.thread || length < 0 || (size_t)length >= sizeof folder || access(folder, F_OK) < 0)
        return;
    log_warning("spool: %s is of a run with more threads; set output.threads as it was to have its documents sent, or "
                "remove it", folder);
}

static int open_all(struct spool *spool)
{
    int error = folder_open(spool);
    if (error)
        return error;
    if (getrandom(&spool->run, sizeof spool->run, 0) != sizeof spool->run)
        return -EIO;
    spool->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (spool->epoll_fd < 0)
        return -errno;
    error = recover(spool);
    if (!error)
        error = spool_writer_init(spool);
    if (!error)
        error = spool_reader_init(spool);
    return error;
}

static void free_all(struct spool *spool)
{
    spool_reader_fini(spool);
    spool_dropper_fini(spool);
    segments_free(&spool->segments);
    spool_cursor_close(&spool->cursor);
    int descriptors[] = {spool->epoll_fd, spool->sync_fd, spool->folder_fd};
    for (int i = 0; i < 3; i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    free(spool);
}

/* What the options bound is the output: each of its threads has an equal part. */
static void bounds_share(struct spool *spool)
{
    uint64_t threads = spool->output->threads ? spool->output->threads : 1;
    spool->size_most = spool->output->spool.size / threads;
    spool->replay_rate = (spool->output->spool.replay_rate + threads - 1) / threads;
}

int spool_open(struct spool **spool, const struct spool_setup *setup)
{
    struct spool *made = calloc(1, sizeof *made);
    if (!made)
        return -ENOMEM;
    made->setup = *setup;
    atomic_store_explicit(&setup->memory->waiting, 0, memory_order_relaxed); /* nobody looks yet */
    atomic_store_explicit(&setup->memory->over_count, 0, memory_order_relaxed);
    made->output = setup->output;
    bounds_share(made);
    spool_dropper_init(made);
    made->folder_fd = made->sync_fd = made->epoll_fd = made->cursor.fd = made->writer.file.fd = -1;
    int error = open_all(made);
    if (error == -EBUSY)
        log_error("spool: %s is in use by another process; give each a spool.path of its own", made->folder);
    else if (error)
        log_error("spool: cannot use %s: %s; see that spool.path is a folder that can be written to", made->folder,
                  strerror(-error));
    if (error) {
        spool_writer_fini(made);
        free_all(made);
        return error;
    }
    strays_say(made);
    *spool = made;
    return 0;
}

void spool_close(struct spool *spool)
{
    spool_writer_fini(spool);
    spool->reap = true;
    spool_reap(spool);
    cursor_save(spool);
    free_all(spool);
}

/* ---- the output's calls ---- */

int spool_poll(struct spool *spool, struct batch **batches, int most)
{
    spool_reap(spool);
    spool_writer_advance(spool);
    spool_reap(spool); /* a segment that has ended may have been over before */
    spool_drop_expired(spool);
    spool_reader_advance(spool);
    if (spool->cursor_dirty && clock_steady_ns() >= spool->cursor_ns + CURSOR_WAIT_MS * NS_PER_MS)
        cursor_save(spool);
    int count = 0;
    while (count < most && spool->writer.done.count)
        batches[count++] = batch_list_pop(&spool->writer.done);
    spool->writer.held -= (uint32_t)count;
    return count;
}

void spool_frame_over(struct spool *spool, struct batch *batch)
{
    struct spool_batch *own = spool_batch_of(batch);
    if (!own->segment)
        return;
    spool_waiting_add(spool, -(int64_t)batch->count);
    if (own->parts && (--own->parts->out || !own->parts->complete)) {
        own->segment = NULL;
        return;
    }
    spool_frame_settle(spool, own->segment, own->index);
    own->segment = NULL;
    spool_reap(spool);
}

void spool_give_back(struct spool *spool, struct batch *batch)
{
    struct spool_batch *own = spool_batch_of(batch);
    if (own->dropped)
        spool_frame_over(spool, batch);
    if (own->parts && !--own->parts->held && own->parts->complete)
        free(own->parts);
    own->parts = NULL;
    own->segment = NULL;
    spool_batch_give(spool, own);
    spool_reader_news(&spool->reader);
}

bool spool_owns(const struct spool *spool, const struct batch *batch)
{
    const struct spool_batch *own = (const struct spool_batch *)batch;
    return (own >= spool->reader.batches && own < spool->reader.batches + SPOOL_READ_BATCHES) ||
           (own >= spool->dropper.batches && own < spool->dropper.batches + SPOOL_DROP_BATCHES);
}

uint64_t spool_waiting(const struct spool *spool)
{
    return atomic_load_explicit(&spool->setup.memory->waiting, memory_order_relaxed); /* a number to look at */
}

uint64_t spool_bytes(const struct spool *spool)
{
    return atomic_load_explicit(&spool->bytes, memory_order_relaxed); /* a number to look at */
}

bool spool_has(const struct spool *spool, uint64_t sequence)
{
    for (const struct segment *segment = spool->segments.first; segment; segment = segment->next)
        for (uint32_t i = 0; i < segment->count; i++)
            if (segment_sequence(segment, i) == sequence)
                return true;
    return false;
}

int spool_wait_fd(const struct spool *spool)
{
    return spool->epoll_fd;
}

int64_t spool_due_ns(const struct spool *spool)
{
    int64_t dues[] = {
        spool_writer_due(spool),
        spool_reader_due(spool),
        spool_drop_due(spool),
        spool->cursor_dirty ? spool->cursor_ns + CURSOR_WAIT_MS * NS_PER_MS : INT64_MAX,
        spool->reap_ns ? spool->reap_ns : INT64_MAX,
    };
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < sizeof dues / sizeof *dues; i++)
        due = dues[i] < due ? dues[i] : due;
    return due;
}

static bool is_written(const struct spool *spool)
{
    const struct spool_writer *writer = &spool->writer;
    return !writer->file.busy && !writer->writing->unit.count && !writer->ready->unit.count;
}

int spool_flush(struct spool *spool, int timeout_ms)
{
    int64_t by_ns = clock_steady_ns() + timeout_ms * NS_PER_MS;
    for (;;) {
        spool_writer_advance(spool);
        if (is_written(spool))
            return 0;
        int64_t now_ns = clock_steady_ns(), until_ns = spool_writer_due(spool);
        if (now_ns >= by_ns)
            return -ETIMEDOUT;
        until_ns = until_ns < by_ns ? until_ns : by_ns;
        struct pollfd entry = {.fd = file_writer_wait_fd(&spool->writer.file), .events = POLLIN};
        if (until_ns > now_ns)
            poll(&entry, 1, (int)((until_ns - now_ns) / NS_PER_MS) + 1);
    }
}
