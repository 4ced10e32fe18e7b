/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "export/batch.h"

#define FILE_UNIT_BATCHES 16

/* Batches that go to the file in one write, one behind the other. A batch is whole in the file or not in it. */
struct file_unit {
    struct batch *batches[FILE_UNIT_BATCHES];
    struct iovec pieces[FILE_UNIT_BATCHES]; /* a batch's bytes, or its frame with what alignment puts around it */
    uint64_t ends[FILE_UNIT_BATCHES];       /* where the file's content ends when the piece is written */
    uint32_t count;
    uint64_t offset;                        /* of the first piece */
};

void file_unit_add(struct file_unit *unit, struct batch *batch, struct iovec piece, uint64_t end);

/* The first `written` bytes are in the file: takes the pieces that are whole off. Returns their number. */
uint32_t file_unit_advance(struct file_unit *unit, uint64_t written, uint64_t *end);

/*
 * Writes to one file at a time, by io_uring where the kernel allows it, so that the next batches can be prepared while
 * the disk works, else by pwritev(). One unit is under way at a time: it may hold many batches, and a file that only
 * ever grows at its end by one write has no holes, whenever the process is killed.
 */
struct file_writer {
    int fd;          /* -1 = no file */
    bool direct;     /* past the page cache: offset and pieces are multiples of BATCH_ALIGN_BYTES */
    bool uring;
    bool busy;
    int64_t result;  /* of a write that is done without io_uring */
    struct io_uring ring;
};

void file_writer_init(struct file_writer *writer);
void file_writer_fini(struct file_writer *writer);

/* Takes the file; tries to write past the page cache if direct is wanted, and says in writer->direct whether it may. */
void file_writer_begin(struct file_writer *writer, int fd, bool direct);

/* Back to the page cache: the file system accepted the flag and then refused the write. */
void file_writer_buffer(struct file_writer *writer);

/* Starts writing; unit stays unchanged until file_writer_finish() says true. */
void file_writer_start(struct file_writer *writer, const struct file_unit *unit);

/* True when the write is done: *result is its length, perhaps short, or -errno. */
bool file_writer_finish(struct file_writer *writer, int64_t *result);

/* Readable when a write by io_uring is done; -1 when none is under way. */
int file_writer_wait_fd(const struct file_writer *writer);
