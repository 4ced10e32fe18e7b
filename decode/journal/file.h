/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/journal/event.h"

/*
 * The journal's file in its folder: read once, then appended to, now and then written anew beside the old one and put
 * in its place. One thread. All that fails returns -errno.
 */
struct journal_file {
    char *folder;
    int folder_fd;
    int lock_fd;
    int fd;
    uint64_t size_bytes; /* of what is whole; the buffered records come after it */
    bool unsynced;
    uint8_t *buffer;
    uint32_t buffered_bytes;
};

struct journal_reading {
    uint64_t records;
    uint64_t damaged;  /* places that cannot be read, the torn end among them */
    uint64_t cut_bytes; /* of the torn end */
};

/* What takes the events as they are read, in the order in which they were written; false ends the reading: -ENOMEM. */
typedef bool (*journal_visitor)(const struct template_event *event, void *data);

/*
 * Makes the folder if need be, locks it (-EBUSY: another process has it) and opens the file, which is empty then or as
 * an earlier run left it. -EPROTO: it is of a newer version. After a failure journal_file_close() is in order.
 */
int journal_file_open(struct journal_file *file, const char *folder);
void journal_file_close(struct journal_file *file); /* without writing what is buffered */

/* Reads all records, skips what is damaged, cuts what is torn off at the end. */
int journal_file_read(struct journal_file *file, journal_visitor visitor, void *data, struct journal_reading *reading);

/* Buffers the event's record, writing what was buffered when there is no room. */
int journal_file_append(struct journal_file *file, const struct template_event *event);
/* Writes what is buffered: from here on it outlives the process. After a failure the file ends as it did before. */
int journal_file_flush(struct journal_file *file);
/* Brings what was written to the disk: from here on it outlives the machine. */
int journal_file_sync(struct journal_file *file);

/*
 * Begins a new file, to which journal_file_append() then writes, and which journal_file_replace() puts in the place of
 * the old one; journal_file_drop() gives it up. Both end with one of the two files in `file`.
 */
int journal_file_begin(struct journal_file *file, struct journal_file *next);
int journal_file_replace(struct journal_file *file, struct journal_file *next);
void journal_file_drop(struct journal_file *file, struct journal_file *next);
