/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "export/lz/lz4_frame.h"

#include <errno.h>
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>
#include <string.h>

#include "export/lz/lz4_block.h"

#define MAGIC             0x184d2204U
#define FLAGS             0x60 /* version 1, independent blocks */
#define FLAG_CHECKSUMS    0x10
#define BLOCK_64_KIB      0x40
#define STORED            0x80000000U /* flag in a block's size: its bytes are as they were */
#define BLOCK_HEAD_BYTES  4
#define CHECKSUM_BYTES    4

static void store_le32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

int lz4_framer_init(struct lz4_framer *framer, int level, bool checksums)
{
    framer->level = level;
    framer->checksums = checksums;
    framer->state = NULL;
    finder_init(&framer->finders[0], LZ4_BLOCK_DISTANCE_MOST);
    finder_init(&framer->finders[1], LZ4_BLOCK_DISTANCE_MOST);
    if (level <= 0)
        return 0;
    framer->state = malloc((size_t)(level < LZ4HC_CLEVEL_MIN ? LZ4_sizeofState() : LZ4_sizeofStateHC()));
    return framer->state ? 0 : -ENOMEM;
}

void lz4_framer_fini(struct lz4_framer *framer)
{
    free(framer->state);
    framer->state = NULL;
}

size_t lz4_frame_head(const struct lz4_framer *framer, uint8_t *out)
{
    store_le32(out, MAGIC);
    out[4] = FLAGS | (framer->checksums ? FLAG_CHECKSUMS : 0);
    out[5] = BLOCK_64_KIB;
    out[6] = (uint8_t)(XXH32(out + 4, 2, 0) >> 8);
    return LZ4_FRAME_HEAD_BYTES;
}

size_t lz4_frame_end(uint8_t *out)
{
    store_le32(out, 0);
    return LZ4_FRAME_END_BYTES;
}

/* Head and checksum around a block that was written behind where its head goes; or what it was made of, where that is
   no longer. */
static uint8_t *block_finish(const struct lz4_framer *framer, const uint8_t *bytes, size_t size_bytes, uint8_t *out,
                             size_t packed_bytes)
{
    bool stored = !packed_bytes || packed_bytes >= size_bytes;
    size_t block_bytes = stored ? size_bytes : packed_bytes;
    if (stored)
        memcpy(out + BLOCK_HEAD_BYTES, bytes, size_bytes);
    store_le32(out, (uint32_t)block_bytes | (stored ? STORED : 0));
    out += BLOCK_HEAD_BYTES;
    if (framer->checksums)
        store_le32(out + block_bytes, XXH32(out, block_bytes, 0));
    return out + block_bytes + (framer->checksums ? CHECKSUM_BYTES : 0);
}

/* A block by liblz4; 0 when it failed. */
static size_t block_by_library(const struct lz4_framer *framer, const uint8_t *bytes, size_t size_bytes, uint8_t *out)
{
    const char *from = (const char *)bytes;
    int size = (int)size_bytes, bound = LZ4_compressBound(size);
    int packed = framer->level < LZ4HC_CLEVEL_MIN
                     ? LZ4_compress_fast_extState(framer->state, from, (char *)out, size, bound, 1)
                     : LZ4_compress_HC_extStateHC(framer->state, from, (char *)out, size, bound, framer->level);
    return packed > 0 ? (size_t)packed : 0;
}

static uint8_t *one_block(struct lz4_framer *framer, const uint8_t *bytes, size_t size_bytes, uint8_t *out)
{
    uint8_t *block = out + BLOCK_HEAD_BYTES;
    size_t packed_bytes = framer->state ? block_by_library(framer, bytes, size_bytes, block)
                                        : lz4_block_write(&framer->finders[0], bytes, size_bytes, block,
                                                          lz4_block_bound(size_bytes));
    return block_finish(framer, bytes, size_bytes, out, packed_bytes);
}

/* The block behind its head, by a finder that has begun. */
static size_t block_put(struct finder *finder, const uint8_t *bytes, size_t size_bytes, uint32_t count, uint8_t *out)
{
    return lz4_block_put(finder, bytes, count, out + BLOCK_HEAD_BYTES, lz4_block_bound(size_bytes));
}

static uint8_t *two_blocks(struct lz4_framer *framer, const uint8_t *bytes, size_t size_bytes, uint8_t *out)
{
    struct finder *finder = &framer->finders[0], *other = &framer->finders[1];
    size_t first_bytes = LZ4_FRAME_BLOCK_BYTES, second_bytes = size_bytes - first_bytes;
    const uint8_t *second = bytes + first_bytes;
    uint32_t count, other_count;
    finder_begin(finder, bytes, first_bytes, 0);
    finder_begin(other, second, second_bytes, 0);
    finder_run_two(finder, other, &count, &other_count);
    out = block_finish(framer, bytes, first_bytes, out, block_put(finder, bytes, first_bytes, count, out));
    return block_finish(framer, second, second_bytes, out, block_put(other, second, second_bytes, other_count, out));
}

size_t lz4_frame_blocks(struct lz4_framer *framer, const uint8_t *bytes, size_t size_bytes, uint8_t *out)
{
    uint8_t *begin = out;
    size_t most = (framer->state ? 1 : 2) * (size_t)LZ4_FRAME_BLOCK_BYTES;
    while (size_bytes) {
        size_t part = size_bytes < most ? size_bytes : most;
        out = part > LZ4_FRAME_BLOCK_BYTES ? two_blocks(framer, bytes, part, out)
                                           : one_block(framer, bytes, part, out);
        bytes += part;
        size_bytes -= part;
    }
    return (size_t)(out - begin);
}
