/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/*
 * Batches as frames that stand for themselves: zstd frames (RFC 8878), gzip members (RFC 1952) or LZ4 frames. One after
 * the other they are one valid file in all three formats, so that a crash costs the last frame at most. Contexts and
 * tables are made once; one thread.
 */
struct compressor;

/* most_bytes: longest input of a frame. level 0 is the method's own default. NULL when there is no memory. */
struct compressor *compressor_new(enum compression method, uint32_t level, uint32_t most_bytes);
void compressor_free(struct compressor *compressor);

/* Room that any frame of at most most_bytes fits in. */
size_t compressor_bound(const struct compressor *compressor);

/* Writes one frame to output, which has compressor_bound() bytes; returns its length, 0 when the library failed. */
size_t compressor_frame(struct compressor *compressor, const void *bytes, size_t size_bytes, void *output);

/* Writes exactly size_bytes that a decompressor skips; size_bytes is at least COMPRESS_FILLER_LEAST, below 64 KiB. */
void compress_filler(enum compression method, void *output, size_t size_bytes);
#define COMPRESS_FILLER_LEAST 34 /* of gzip, the longest: header, our two extra fields, an empty block, trailer */

/* ".zst", ".gz", ".lz4"; "" for none. */
const char *compression_extension(enum compression method);

/* The method that a file name's extension stands for. */
enum compression compression_of_name(const char *name);

/* Length of the whole frames at the beginning of what compressor_frame() and compress_filler() wrote. */
size_t compression_whole(enum compression method, const uint8_t *bytes, size_t size_bytes);
