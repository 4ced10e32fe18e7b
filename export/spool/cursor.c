/* SPDX-License-Identifier: Apache-2.0 */
#include "export/spool/cursor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define CURSOR_MAGIC 0x727563006c7377 /* "wsl", NUL, "cur" */
#define COPY_BYTES   4096             /* a page, so that a copy is written whole or not at all */

/* A copy as it lies on disk. */
struct cursor_copy {
    uint64_t magic;
    uint64_t checksum; /* XXH3-64 of what follows */
    uint64_t generation;
    uint64_t base;
    uint64_t end;
    uint8_t over[COPY_BYTES - 40];
};

#define OVER_BITS (8 * sizeof((struct cursor_copy *)0)->over)

static_assert(sizeof(struct cursor_copy) == COPY_BYTES, "the layout on disk");

static uint64_t copy_checksum(const struct cursor_copy *copy)
{
    size_t from = offsetof(struct cursor_copy, generation);
    return XXH3_64bits((const uint8_t *)copy + from, sizeof *copy - from);
}

static void copy_read(struct spool_cursor *cursor, int number)
{
    struct cursor_copy copy;
    if (pread(cursor->fd, &copy, sizeof copy, number * COPY_BYTES) != sizeof copy || copy.magic != CURSOR_MAGIC ||
        copy.checksum != copy_checksum(&copy) || copy.generation < cursor->generation || copy.base > copy.end)
        return;
    cursor->generation = copy.generation;
    cursor->base = copy.base;
    cursor->end = copy.end;
    memcpy(cursor->over, copy.over, sizeof copy.over);
}

int spool_cursor_open(struct spool_cursor *cursor, int folder_fd)
{
    *cursor = (struct spool_cursor){.over = calloc(1, OVER_BITS / 8)};
    cursor->fd = openat(folder_fd, "cursor", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (cursor->fd < 0 || !cursor->over)
        return cursor->fd < 0 ? -errno : -ENOMEM;
    copy_read(cursor, 0);
    copy_read(cursor, 1);
    return 0;
}

void spool_cursor_close(struct spool_cursor *cursor)
{
    if (cursor->fd >= 0)
        close(cursor->fd);
    free(cursor->over);
    *cursor = (struct spool_cursor){.fd = -1};
}

bool spool_cursor_over(const struct spool_cursor *cursor, uint64_t sequence)
{
    if (sequence < cursor->base)
        return true;
    uint64_t bit = sequence - cursor->base;
    return sequence < cursor->end && bit < OVER_BITS && (cursor->over[bit / 8] >> bit % 8 & 1);
}

/* The lowest sequence of a frame that is not over. */
static uint64_t base_find(const struct segments *segments, uint64_t end)
{
    for (const struct segment *segment = segments->first; segment; segment = segment->next) {
        for (uint32_t i = 0; segment->over < segment->count && i < segment->count; i++)
            if (segment->frames[i].state != FRAME_OVER)
                return segment_sequence(segment, i);
    }
    return end;
}

static void bits_set(const struct segments *segments, uint64_t base, uint8_t *over)
{
    for (const struct segment *segment = segments->first; segment; segment = segment->next) {
        if (segment->count && segment->first_sequence > base && segment->first_sequence - base >= OVER_BITS)
            return;
        for (uint32_t i = 0; segment->over && i < segment->count; i++) {
            uint64_t bit = segment_sequence(segment, i) - base; /* of what is below: beyond all */
            if (segment->frames[i].state == FRAME_OVER && bit < OVER_BITS)
                over[bit / 8] |= (uint8_t)(1 << bit % 8);
        }
    }
}

int spool_cursor_write(struct spool_cursor *cursor, const struct segments *segments, uint64_t end)
{
    struct cursor_copy copy = {.magic = CURSOR_MAGIC, .generation = cursor->generation + 1, .end = end};
    copy.base = base_find(segments, end);
    bits_set(segments, copy.base, copy.over);
    copy.checksum = copy_checksum(&copy);
    ssize_t written = pwrite(cursor->fd, &copy, sizeof copy, (off_t)(copy.generation % 2) * COPY_BYTES);
    if (written != sizeof copy)
        return written < 0 ? -errno : -ENOSPC;
    cursor->generation = copy.generation;
    return 0;
}
