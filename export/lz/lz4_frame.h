/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/lz/finder.h"

/*
 * LZ4 frames (lz4_Frame_format.md) of independent blocks of 64 KiB, which is what Kafka wants. Level 0 is
 * export/lz/lz4_block.h's, two blocks at a time; the others are liblz4's own, of which those from 3 on look harder.
 */
#define LZ4_FRAME_BLOCK_BYTES 65536
#define LZ4_FRAME_HEAD_BYTES  7
#define LZ4_FRAME_END_BYTES   4

struct lz4_framer {
    struct finder finders[2];
    void *state;     /* liblz4's; NULL at level 0 */
    int level;
    bool checksums;  /* behind each block, of its compressed bytes */
};

/* Room for the blocks of so many bytes, in inputs of 32 KiB each at least but for the last two; head and end apart. */
static inline size_t lz4_frame_bound(size_t size_bytes)
{
    return size_bytes + size_bytes / 255 + (size_bytes / 32768 + 4) * 160;
}

/* Returns 0 or -ENOMEM; lz4_framer_fini() is in order either way. One thread. */
int lz4_framer_init(struct lz4_framer *framer, int level, bool checksums);
void lz4_framer_fini(struct lz4_framer *framer);

/* A frame is a head, any number of blocks, and an end. Each writes to `out` and returns the length. */
size_t lz4_frame_head(const struct lz4_framer *framer, uint8_t *out);
size_t lz4_frame_blocks(struct lz4_framer *framer, const uint8_t *bytes, size_t size_bytes, uint8_t *out);
size_t lz4_frame_end(uint8_t *out);
