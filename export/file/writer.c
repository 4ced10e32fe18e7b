/* SPDX-License-Identifier: Apache-2.0 */
#include "export/file/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define URING_ENTRIES 4 /* one write at a time */

void file_unit_add(struct file_unit *unit, struct batch *batch, struct iovec piece, uint64_t end)
{
    unit->batches[unit->count] = batch;
    unit->pieces[unit->count] = piece;
    unit->ends[unit->count] = end;
    unit->count++;
}

uint32_t file_unit_advance(struct file_unit *unit, uint64_t written, uint64_t *end)
{
    uint32_t whole = 0;
    for (; whole < unit->count && written >= unit->pieces[whole].iov_len; whole++) {
        written -= unit->pieces[whole].iov_len;
        unit->offset += unit->pieces[whole].iov_len;
        *end = unit->ends[whole];
    }
    unit->count -= whole;
    memmove(unit->batches, unit->batches + whole, unit->count * sizeof *unit->batches);
    memmove(unit->pieces, unit->pieces + whole, unit->count * sizeof *unit->pieces);
    memmove(unit->ends, unit->ends + whole, unit->count * sizeof *unit->ends);
    return whole;
}

void file_writer_init(struct file_writer *writer)
{
    writer->fd = -1;
    writer->busy = false;
    writer->uring = io_uring_queue_init(URING_ENTRIES, &writer->ring, 0) == 0; /* containers often forbid it */
}

void file_writer_fini(struct file_writer *writer)
{
    if (writer->uring)
        io_uring_queue_exit(&writer->ring);
    writer->uring = false;
}

/* What the file system says about O_DIRECT; where it says nothing, the first write will tell. */
static bool alignment_suffices(int fd)
{
    struct statx status = {0};
    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) < 0 || !(status.stx_mask & STATX_DIOALIGN))
        return true;
    return status.stx_dio_offset_align && status.stx_dio_offset_align <= BATCH_ALIGN_BYTES &&
           status.stx_dio_mem_align <= BATCH_ALIGN_BYTES;
}

void file_writer_begin(struct file_writer *writer, int fd, bool direct)
{
    writer->fd = fd;
    writer->direct =
        direct && alignment_suffices(fd) && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_DIRECT) == 0;
}

void file_writer_buffer(struct file_writer *writer)
{
    fcntl(writer->fd, F_SETFL, fcntl(writer->fd, F_GETFL) & ~O_DIRECT);
    writer->direct = false;
}

static bool submit(struct file_writer *writer, const struct file_unit *unit)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&writer->ring);
    io_uring_prep_writev(entry, writer->fd, unit->pieces, unit->count, unit->offset);
    /* A growing file's direct write would block: without this flag the kernel finds out by trying first. */
    entry->flags |= IOSQE_ASYNC;
    return io_uring_submit(&writer->ring) == 1;
}

void file_writer_start(struct file_writer *writer, const struct file_unit *unit)
{
    writer->busy = true;
    /* Into the page cache a write is a copy, and done sooner than it is handed to another thread. */
    if (writer->uring && writer->direct) {
        if (submit(writer, unit))
            return;
        file_writer_fini(writer); /* takes the unsubmitted entry with it: from now on by pwritev() */
    }
    ssize_t written = pwritev(writer->fd, unit->pieces, (int)unit->count, (off_t)unit->offset);
    writer->result = written < 0 ? -errno : written;
}

bool file_writer_finish(struct file_writer *writer, int64_t *result)
{
    struct io_uring_cqe *entry;
    if (writer->uring && writer->direct) {
        if (io_uring_peek_cqe(&writer->ring, &entry) < 0)
            return false;
        writer->result = entry->res;
        io_uring_cqe_seen(&writer->ring, entry);
    }
    *result = writer->result;
    writer->busy = false;
    return true;
}

int file_writer_wait_fd(const struct file_writer *writer)
{
    return writer->busy && writer->uring && writer->direct ? writer->ring.ring_fd : -1;
}
