/* SPDX-License-Identifier: Apache-2.0 */
#include "export/spool/index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define INDEX_MAGIC 0x646e69006c7377 /* "wsl", NUL, "ind" */

#define LENGTHS_A_BLOCK (BATCH_ALIGN_BYTES / sizeof(uint32_t)) /* a frame has the length of each document */

/* As it lies on disk. */
struct index_frame {
    uint32_t block;
    uint32_t blocks;
    uint32_t documents;
    uint32_t delta;
    int64_t sealed_ns;
};

/* The last bytes of the file; the frames stand in front of it, zeroes in front of those. */
struct index_trailer {
    uint64_t magic;
    uint64_t checksum; /* XXH3-64 of the frames and of what follows */
    uint64_t run;
    uint64_t first_sequence;
    uint32_t count;
    uint32_t reserved;
};

static_assert(sizeof(struct index_frame) == 24 && sizeof(struct index_trailer) == 40, "the layout on disk");

static uint64_t index_content(uint32_t count)
{
    return (uint64_t)count * sizeof(struct index_frame) + sizeof(struct index_trailer);
}

uint64_t segment_index_bytes(const struct segment *segment)
{
    return frame_round_up(index_content(segment->count));
}

static uint64_t index_checksum(const uint8_t *frames, const struct index_trailer *trailer)
{
    size_t from = offsetof(struct index_trailer, run);
    uint64_t seed = XXH3_64bits((const uint8_t *)trailer + from, sizeof *trailer - from);
    return XXH3_64bits_withSeed(frames, trailer->count * sizeof(struct index_frame), seed);
}

void segment_index_write(const struct segment *segment, uint8_t *bytes)
{
    uint64_t size_bytes = segment_index_bytes(segment), content = index_content(segment->count);
    uint8_t *frames = bytes + size_bytes - content;
    memset(bytes, 0, size_bytes - content);
    for (uint32_t i = 0; i < segment->count; i++) {
        const struct segment_frame *frame = &segment->frames[i];
        struct index_frame out = {frame->block, frame->blocks, frame->documents, frame->delta, frame->sealed_ns};
        memcpy(frames + i * sizeof out, &out, sizeof out);
    }
    struct index_trailer trailer = {.magic = INDEX_MAGIC,
                                    .run = segment->run,
                                    .first_sequence = segment->first_sequence,
                                    .count = segment->count};
    trailer.checksum = index_checksum(frames, &trailer);
    memcpy(bytes + size_bytes - sizeof trailer, &trailer, sizeof trailer);
}

/* Frames follow each other without a gap from the beginning of the file to the index. */
static bool index_fill(struct segment *segment, const uint8_t *frames, const struct index_trailer *trailer,
                       uint64_t index_offset)
{
    uint64_t block = 0;
    segment->first_sequence = trailer->first_sequence;
    for (uint32_t i = 0; i < trailer->count; i++) {
        struct index_frame in;
        memcpy(&in, frames + i * sizeof in, sizeof in);
        uint32_t before = i ? segment->frames[i - 1].delta : 0;
        if (in.block != block || !in.blocks || !in.documents || in.documents / LENGTHS_A_BLOCK >= in.blocks ||
            (i ? in.delta <= before : in.delta != 0))
            return false;
        block += in.blocks;
        segment->frames[segment->count++] =
            (struct segment_frame){.block = in.block, .blocks = in.blocks, .delta = in.delta,
                                   .documents = in.documents & (FRAME_RAW_MOST - 1), .sealed_ns = in.sealed_ns};
    }
    return block * BATCH_ALIGN_BYTES == index_offset;
}

bool segment_index_read(struct segment *segment, int fd)
{
    struct index_trailer trailer;
    if (segment->bytes < BATCH_ALIGN_BYTES || segment->bytes % BATCH_ALIGN_BYTES ||
        pread(fd, &trailer, sizeof trailer, (off_t)(segment->bytes - sizeof trailer)) != sizeof trailer)
        return false;
    uint64_t content = index_content(trailer.count), index_bytes = frame_round_up(content);
    if (trailer.magic != INDEX_MAGIC || trailer.run != segment->run || !trailer.count || index_bytes > segment->bytes)
        return false;
    uint8_t *frames = malloc(content);
    bool whole = frames && segment_reserve(segment, trailer.count) &&
                 pread(fd, frames, content, (off_t)(segment->bytes - content)) == (ssize_t)content &&
                 index_checksum(frames, &trailer) == trailer.checksum &&
                 index_fill(segment, frames, &trailer, segment->bytes - index_bytes);
    free(frames);
    if (!whole)
        segment->count = 0;
    return whole;
}
