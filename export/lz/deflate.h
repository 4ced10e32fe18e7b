/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <isa-l.h>

#include "export/lz/finder.h"

/*
 * Lines as deflate (RFC 1951), by export/lz/finder.h: one block with Huffman codes of its own, which ISA-L makes from
 * what the first 64 KiB or so of the input consist of. The rest has codes for everything, and as documents are alike
 * they fit.
 */
#define DEFLATE_DISTANCE_MOST 32768
#define DEFLATE_LENGTH_MOST   258
#define DEFLATE_LENGTH_LEAST  3

struct deflater {
    struct finder finders[2];
    struct isal_hufftables tables;
    struct isal_huff_histogram histogram;
    uint32_t literals[256];   /* code and, from bit 24 on, its length */
    uint16_t length_symbols[DEFLATE_LENGTH_MOST + 1]; /* by the length of a match */
    bool has_codes;           /* the block has begun */
    uint64_t bits;            /* that are not written yet, the first one lowest */
    uint32_t bit_count;
    uint8_t *out;
    uint8_t *begin;
};

/* Room for the deflated form of so many bytes. Codes have at most 15 bits: so even noise takes less than that. */
static inline size_t deflate_bound(size_t size_bytes)
{
    return 2 * size_bytes + 1024;
}

void deflater_init(struct deflater *deflater);

/* A new output, which has deflate_bound() bytes for all parts together. */
void deflate_begin(struct deflater *deflater, uint8_t *out);

/* Appends a part: lines, at most 2 GiB. before: matches may reach into so many bytes right before it, the end of the
   part before, see deflate_lines_before(); 0 = that is not there any more. */
void deflate_part(struct deflater *deflater, const uint8_t *bytes, size_t size_bytes, size_t before);

/* How many bytes before `end`, but not before `bytes`, are the lines that help most with those to come. */
size_t deflate_lines_before(const uint8_t *bytes, const uint8_t *end);

/* Ends it, after one part at least; returns the length of the output. */
size_t deflate_end(struct deflater *deflater);
