/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "export/spool/index.h"

static bool name_read(const char *name, uint64_t *number, uint64_t *run)
{
    char again[SEGMENT_NAME_MOST];
    if (sscanf(name, "%" SCNu64 "-%" SCNx64 ".spool", number, run) != 2)
        return false;
    snprintf(again, sizeof again, SEGMENT_NAME_FORMAT, *number, *run);
    return strcmp(again, name) == 0;
}

/* The header of a frame that lies whole at this place; a block that cannot be read has none. */
static bool frame_found(const struct segment *segment, int fd, uint64_t offset, struct frame_header *header)
{
    uint8_t bytes[sizeof *header];
    return pread(fd, bytes, sizeof bytes, (off_t)offset) == sizeof bytes &&
           frame_header_read(header, bytes, sizeof bytes) && header->run == segment->run &&
           header->offset == offset && header->frame_bytes <= segment->bytes - offset;
}

/* Sequences grow within a segment, by less than 32 bits: another one is left over from before. */
static bool sequence_fits(const struct segment *segment, uint64_t sequence)
{
    if (!segment->count)
        return true;
    return sequence > segment_sequence(segment, segment->count - 1) && sequence - segment->first_sequence <= UINT32_MAX;
}

/* From header to header. What is none is skipped to the next place where one is, and counted once. */
static int walk_frames(struct segment *segment, int fd, struct segments_found *found)
{
    struct frame_header header;
    bool damaged = false;
    uint64_t offset = 0;
    while (offset < segment->bytes) {
        if (frame_found(segment, fd, offset, &header) && sequence_fits(segment, header.sequence)) {
            if (!segment_frame_add(segment, &header))
                return -ENOMEM;
            damaged = false;
            offset += header.frame_bytes;
            continue;
        }
        found->damaged += !damaged;
        damaged = true;
        offset += BATCH_ALIGN_BYTES;
    }
    return 0;
}

static bool frame_whole(const struct segment *segment, uint32_t index, int fd)
{
    const struct segment_frame *frame = &segment->frames[index];
    size_t size_bytes = (size_t)frame->blocks * BATCH_ALIGN_BYTES;
    struct frame_header header;
    uint8_t *bytes = malloc(size_bytes);
    bool whole = bytes &&
                 pread(fd, bytes, size_bytes, (off_t)frame->block * BATCH_ALIGN_BYTES) == (ssize_t)size_bytes &&
                 frame_header_read(&header, bytes, size_bytes) && header.frame_bytes == size_bytes &&
                 frame_intact(&header, bytes);
    free(bytes);
    return whole;
}

/* A run that was killed may have left its last write in pieces, whose header is there and whose body is not. */
static void cut_torn(struct segment *segment, int fd, struct segments_found *found)
{
    while (segment->count && !frame_whole(segment, segment->count - 1, fd)) {
        segment->count--;
        found->damaged++;
    }
}

/* The first bytes are a frame's of a version that this program does not know. */
static bool is_foreign(int fd)
{
    struct frame_header header;
    return pread(fd, &header, sizeof header, 0) == sizeof header && header.magic == FRAME_MAGIC &&
           header.version > FRAME_VERSION;
}

static int segment_scan(struct segments *segments, struct segment *segment, struct segments_found *found)
{
    struct stat status;
    int error = segment_open(segments, segment, false);
    if (error)
        return error;
    if (fstat(segment->fd, &status) < 0)
        return -errno;
    posix_fadvise(segment->fd, 0, 0, POSIX_FADV_RANDOM); /* of a frame, the header alone is read */
    segment->bytes = (uint64_t)status.st_size;
    if (is_foreign(segment->fd)) {
        log_error("spool: %s was written by a newer version of weir: let that one send it, or move it away",
                  segment->name);
        return -EPROTONOSUPPORT;
    }
    if (!segment_index_read(segment, segment->fd)) {
        error = walk_frames(segment, segment->fd, found);
        if (!error)
            cut_torn(segment, segment->fd, found);
    }
    if (segment->count && segment_sequence(segment, segment->count - 1) > found->last_sequence)
        found->last_sequence = segment_sequence(segment, segment->count - 1);
    segment_close(segment);
    return error;
}

static int is_segment(const struct dirent *entry)
{
    uint64_t number, run;
    return name_read(entry->d_name, &number, &run);
}

int segments_scan(struct segments *segments, struct segments_found *found)
{
    struct dirent **entries;
    int error = 0, count = scandirat(segments->folder_fd, ".", &entries, is_segment, alphasort);
    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++) {
        uint64_t number, run;
        name_read(entries[i]->d_name, &number, &run);
        struct segment *segment = error ? NULL : segments_add(segments, number, run);
        found->last_number = number > found->last_number ? number : found->last_number;
        if (segment)
            error = segment_scan(segments, segment, found);
        else if (!error)
            error = -ENOMEM;
        if (error)
            log_error("spool: cannot read %s: %s", entries[i]->d_name, strerror(-error));
        free(entries[i]);
    }
    free(entries);
    return error;
}
