/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "export/spool/frame.h"

/* The segments of one folder, and of each frame where it lies and how far it has come. One thread. */

#define SEGMENT_NAME_MOST 48

enum frame_state {
    FRAME_WAITING,
    FRAME_OUT,   /* with the output, or on its way to be dropped */
    FRAME_OVER,
};

struct segment_frame {
    uint32_t block;          /* where it begins, in units of BATCH_ALIGN_BYTES */
    uint32_t blocks;
    uint32_t documents : 30;
    uint32_t state : 2;      /* enum frame_state */
    uint32_t delta;          /* sequence - segment.first_sequence */
    int64_t sealed_ns;
};

struct segment {
    struct segment *next;
    uint64_t number;
    uint64_t run;
    uint64_t bytes;          /* on disk */
    uint64_t first_sequence;
    struct segment_frame *frames;
    uint32_t count;
    uint32_t room;
    uint32_t unread;         /* the first frame that was not given to be read or dropped */
    uint32_t out;            /* frames that are FRAME_OUT */
    uint32_t over;           /* frames that are FRAME_OVER */
    uint32_t slots;          /* read slots that have a frame of it */
    int fd;                  /* to read it; -1 = not open */
    bool open;               /* is being written */
    bool doomed;             /* dropped: its unread frames are on their way out */
    char name[SEGMENT_NAME_MOST];
};

struct segments {
    struct segment *first;   /* the oldest */
    struct segment *last;
    int folder_fd;
};

/* A new segment at the end of the list, without a file; or NULL. */
struct segment *segments_add(struct segments *segments, uint64_t number, uint64_t run);

/* Takes the segment off the list and forgets it; its file stays. */
void segments_remove(struct segments *segments, struct segment *segment);
void segments_free(struct segments *segments);

/* Room for so many frames more. False when there is no memory. */
bool segment_reserve(struct segment *segment, uint32_t more);

/* Adds a frame behind the others; false when there is no memory and none was reserved. */
bool segment_frame_add(struct segment *segment, const struct frame_header *header);

static inline uint64_t segment_sequence(const struct segment *segment, uint32_t index)
{
    return segment->first_sequence + segment->frames[index].delta;
}

/* Opens the segment to be read, past the page cache if that is wanted and possible. Returns 0 or -errno. */
int segment_open(struct segments *segments, struct segment *segment, bool direct);
void segment_close(struct segment *segment);

/*
 * What is behind the frames of a finished segment: where each begins, so that a start need not visit them all. Its
 * length in bytes, a multiple of BATCH_ALIGN_BYTES, and itself.
 */
uint64_t segment_index_bytes(const struct segment *segment);
void segment_index_write(const struct segment *segment, uint8_t *bytes);

/* What a start finds. */
struct segments_found {
    uint64_t damaged;        /* places */
    uint64_t last_number;
    uint64_t last_sequence;  /* 0 = none */
};

/*
 * Fills the list from the folder: from the index of a segment, or else from its frames' headers. Ends a segment that
 * has no index at its last frame that is whole: what is behind it may have been under way when the run was killed.
 * Returns 0 or -errno, logged.
 */
int segments_scan(struct segments *segments, struct segments_found *found);
