/* SPDX-License-Identifier: Apache-2.0 */
#include "export/spool/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/spool/index.h"

struct segment *segments_add(struct segments *segments, uint64_t number, uint64_t run)
{
    struct segment *segment = calloc(1, sizeof *segment);
    if (!segment)
        return NULL;
    segment->number = number;
    segment->run = run;
    segment->fd = -1;
    snprintf(segment->name, sizeof segment->name, SEGMENT_NAME_FORMAT, number, run);
    if (segments->last)
        segments->last->next = segment;
    else
        segments->first = segment;
    segments->last = segment;
    return segment;
}

static void segment_free(struct segment *segment)
{
    segment_close(segment);
    free(segment->frames);
    free(segment);
}

void segments_remove(struct segments *segments, struct segment *segment)
{
    struct segment *before = NULL;
    for (struct segment *at = segments->first; at != segment; at = at->next)
        before = at;
    if (before)
        before->next = segment->next;
    else
        segments->first = segment->next;
    if (segments->last == segment)
        segments->last = before;
    segment_free(segment);
}

void segments_free(struct segments *segments)
{
    while (segments->first) {
        struct segment *segment = segments->first;
        segments->first = segment->next;
        segment_free(segment);
    }
    segments->last = NULL;
}

bool segment_reserve(struct segment *segment, uint32_t more)
{
    if (segment->room - segment->count >= more)
        return true;
    uint32_t room = 2 * segment->count + more;
    struct segment_frame *frames = realloc(segment->frames, room * sizeof *frames);
    if (!frames)
        return false;
    segment->frames = frames;
    segment->room = room;
    return true;
}

bool segment_frame_add(struct segment *segment, const struct frame_header *header)
{
    if (!segment_reserve(segment, 1))
        return false;
    if (!segment->count)
        segment->first_sequence = header->sequence;
    segment->frames[segment->count] = (struct segment_frame){
        .block = (uint32_t)(header->offset / BATCH_ALIGN_BYTES),
        .blocks = header->frame_bytes / BATCH_ALIGN_BYTES,
        .documents = header->count & (FRAME_RAW_MOST - 1),
        .delta = (uint32_t)(header->sequence - segment->first_sequence),
        .sealed_ns = header->sealed_ns,
    };
    segment->count++;
    return true;
}

int segment_open(struct segments *segments, struct segment *segment, bool direct)
{
    if (segment->fd >= 0)
        return 0;
    int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
    segment->fd = direct ? openat(segments->folder_fd, segment->name, flags | O_DIRECT) : -1;
    if (segment->fd < 0)
        segment->fd = openat(segments->folder_fd, segment->name, flags);
    return segment->fd < 0 ? -errno : 0;
}

void segment_close(struct segment *segment)
{
    if (segment->fd >= 0)
        close(segment->fd);
    segment->fd = -1;
}
