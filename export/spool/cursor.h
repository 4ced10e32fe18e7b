/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "export/spool/segment.h"

/*
 * Which frames are over, in a small file beside the segments: two copies, written in turn, so that one is whole when
 * the process is killed. What it does not know comes twice after a kill; it never knows of a frame that is not over.
 */
struct spool_cursor {
    int fd;               /* -1 = no file */
    uint64_t generation;  /* of the copy that was written last */
    uint64_t base;        /* frames of a lower sequence are over */
    uint64_t end;         /* frames of this sequence or a higher one are not */
    uint8_t *over;        /* a bit for each frame from base on */
};

/* Opens or makes the file, and reads what an earlier run left. Returns 0 or -errno. */
int spool_cursor_open(struct spool_cursor *cursor, int folder_fd);
void spool_cursor_close(struct spool_cursor *cursor);

/* Of a frame that a start finds. */
bool spool_cursor_over(const struct spool_cursor *cursor, uint64_t sequence);

/* Writes what the segments say. end: the sequence of the next frame that is not on disk yet. Returns 0 or -errno. */
int spool_cursor_write(struct spool_cursor *cursor, const struct segments *segments, uint64_t end);
