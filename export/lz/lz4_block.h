/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "export/lz/finder.h"

/*
 * Lines as a block of LZ4 (lz4_Block_format.md), by export/lz/finder.h: of weir's documents in less than half of the
 * time of liblz4's fastest level, with about as many bytes.
 */
#define LZ4_BLOCK_DISTANCE_MOST UINT16_MAX /* finder_init() */

/* What lz4_block_write() wants as room so that it never gives up. */
static inline size_t lz4_block_bound(size_t size_bytes)
{
    return size_bytes + size_bytes / 255 + 128;
}

/* Writes a block to `out`; returns its length, or 0 when there is not room enough, for which 64 bytes
   more than it takes always are. */
size_t lz4_block_write(struct finder *finder, const uint8_t *bytes, size_t size_bytes, uint8_t *out, size_t room_bytes);

/* The same where the finder was begun and has found the first sequences already. */
size_t lz4_block_put(struct finder *finder, const uint8_t *bytes, uint32_t count, uint8_t *out, size_t room_bytes);
