/* SPDX-License-Identifier: Apache-2.0 */
#include "export/compress.h"

#include <assert.h>
#include <isa-l.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "export/gzip_member.h"
#include "export/lz/deflate.h"
#include "export/lz/lz4_frame.h"

struct compressor {
    enum compression method;
    uint32_t most_bytes;
    size_t bound;
    ZSTD_CCtx *zstd;
    struct lz4_framer *lz4;
    struct deflater *deflater;    /* gzip at level 0 */
    struct isal_zstream *gzip;    /* at the others */
};

static int make_zstd(struct compressor *compressor, uint32_t level)
{
    compressor->zstd = ZSTD_createCCtx();
    if (!compressor->zstd)
        return -1;
    if (level)
        ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_compressionLevel, (int)level);
    ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_checksumFlag, 1);
    compressor->bound = ZSTD_compressBound(compressor->most_bytes);
    return 0;
}

static int make_deflater(struct compressor *compressor)
{
    compressor->deflater = malloc(sizeof *compressor->deflater);
    if (!compressor->deflater)
        return -1;
    deflater_init(compressor->deflater);
    compressor->bound = GZIP_MEMBER_EXTRA_BYTES + deflate_bound(compressor->most_bytes);
    return 0;
}

static int make_gzip(struct compressor *compressor, uint32_t level)
{
    static const uint32_t table_bytes[] = {
        [1] = ISAL_DEF_LVL1_DEFAULT, [2] = ISAL_DEF_LVL2_DEFAULT, [3] = ISAL_DEF_LVL3_DEFAULT};
    if (!level)
        return make_deflater(compressor);
    uint32_t own = level < 3 ? level : 3; /* ISA-L knows three; gzip's 4 to 9 are its strongest */
    struct isal_zstream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return -1;
    compressor->gzip = stream;
    isal_deflate_init(stream);
    stream->level = own;
    stream->level_buf_size = table_bytes[own];
    stream->level_buf = malloc(stream->level_buf_size);
    /* Incompressible input grows by the headers of stored blocks at most; a 16th is plenty. */
    compressor->bound = GZIP_MEMBER_EXTRA_BYTES + compressor->most_bytes + compressor->most_bytes / 16 + 4096;
    return stream->level_buf ? 0 : -1;
}

static int make_lz4(struct compressor *compressor, uint32_t level)
{
    compressor->lz4 = malloc(sizeof *compressor->lz4);
    compressor->bound = LZ4_FRAME_HEAD_BYTES + lz4_frame_bound(compressor->most_bytes) + LZ4_FRAME_END_BYTES;
    /* Checksums over the compressed bytes: those of the content take longer than the compression. */
    return compressor->lz4 ? lz4_framer_init(compressor->lz4, (int)level, true) : -1;
}

struct compressor *compressor_new(enum compression method, uint32_t level, uint32_t most_bytes)
{
    struct compressor *compressor = calloc(1, sizeof *compressor);
    if (!compressor)
        return NULL;
    compressor->method = method;
    compressor->most_bytes = most_bytes;
    int error = -1;
    if (method == COMPRESSION_ZSTD)
        error = make_zstd(compressor, level);
    else if (method == COMPRESSION_GZIP)
        error = make_gzip(compressor, level);
    else if (method == COMPRESSION_LZ4)
        error = make_lz4(compressor, level);
    if (error) {
        compressor_free(compressor);
        return NULL;
    }
    return compressor;
}

void compressor_free(struct compressor *compressor)
{
    if (!compressor)
        return;
    ZSTD_freeCCtx(compressor->zstd);
    if (compressor->lz4)
        lz4_framer_fini(compressor->lz4);
    free(compressor->lz4);
    free(compressor->deflater);
    if (compressor->gzip)
        free(compressor->gzip->level_buf);
    free(compressor->gzip);
    free(compressor);
}

size_t compressor_bound(const struct compressor *compressor)
{
    return compressor->bound;
}

static size_t deflate_by_library(struct compressor *compressor, const void *bytes, size_t size_bytes, uint8_t *output)
{
    struct isal_zstream *stream = compressor->gzip;
    isal_deflate_reset(stream);
    stream->flush = NO_FLUSH;
    stream->end_of_stream = 1;
    stream->gzip_flag = IGZIP_DEFLATE;
    stream->next_in = (uint8_t *)bytes;
    stream->avail_in = (uint32_t)size_bytes;
    stream->next_out = output;
    stream->avail_out = (uint32_t)(compressor->bound - GZIP_MEMBER_EXTRA_BYTES);
    return isal_deflate(stream) == COMP_OK && stream->internal_state.state == ZSTATE_END ? stream->total_out : 0;
}

static size_t deflate_whole(struct deflater *deflater, const void *bytes, size_t size_bytes, uint8_t *output)
{
    deflate_begin(deflater, output);
    deflate_part(deflater, bytes, size_bytes, 0);
    return deflate_end(deflater);
}

static size_t frame_gzip(struct compressor *compressor, const void *bytes, size_t size_bytes, uint8_t *output)
{
    uint8_t *body = output + GZIP_MEMBER_HEAD_BYTES;
    size_t deflated_bytes = compressor->deflater ? deflate_whole(compressor->deflater, bytes, size_bytes, body)
                                                 : deflate_by_library(compressor, bytes, size_bytes, body);
    uint32_t checksum = crc32_gzip_refl(0, bytes, size_bytes);
    return deflated_bytes ? gzip_member_wrap(output, deflated_bytes, checksum, (uint32_t)size_bytes) : 0;
}

static size_t frame_lz4(struct compressor *compressor, const void *bytes, size_t size_bytes, uint8_t *output)
{
    size_t done = lz4_frame_head(compressor->lz4, output);
    done += lz4_frame_blocks(compressor->lz4, bytes, size_bytes, output + done);
    return done + lz4_frame_end(output + done);
}

size_t compressor_frame(struct compressor *compressor, const void *bytes, size_t size_bytes, void *output)
{
    assert(size_bytes <= compressor->most_bytes);
    if (compressor->method == COMPRESSION_GZIP)
        return frame_gzip(compressor, bytes, size_bytes, output);
    if (compressor->method == COMPRESSION_LZ4)
        return frame_lz4(compressor, bytes, size_bytes, output);
    size_t done = ZSTD_compress2(compressor->zstd, output, compressor->bound, bytes, size_bytes);
    return ZSTD_isError(done) ? 0 : done;
}

/* zstd took the skippable frame from LZ4, magic numbers included (RFC 8878 3.1.2). */
#define SKIPPABLE_MAGIC      0x184D2A50u
#define SKIPPABLE_MASK       0xFFFFFFF0u
#define SKIPPABLE_HEAD_BYTES 8

void compress_filler(enum compression method, void *output, size_t size_bytes)
{
    assert(size_bytes >= COMPRESS_FILLER_LEAST && size_bytes < 65536);
    if (method == COMPRESSION_GZIP) {
        gzip_filler(output, size_bytes);
        return;
    }
    uint32_t head[2] = {SKIPPABLE_MAGIC, (uint32_t)(size_bytes - SKIPPABLE_HEAD_BYTES)}; /* little-endian */
    memset(output, 0, size_bytes);
    memcpy(output, head, sizeof head);
}

static const char *const extensions[] = {
    [COMPRESSION_NONE] = "", [COMPRESSION_ZSTD] = ".zst", [COMPRESSION_GZIP] = ".gz", [COMPRESSION_LZ4] = ".lz4"};

const char *compression_extension(enum compression method)
{
    return extensions[method];
}

enum compression compression_of_name(const char *name)
{
    size_t length = strlen(name);
    for (size_t method = COMPRESSION_ZSTD; method < sizeof extensions / sizeof *extensions; method++) {
        size_t own = strlen(extensions[method]);
        if (length > own && strcmp(name + length - own, extensions[method]) == 0)
            return (enum compression)method;
    }
    return COMPRESSION_NONE;
}

static uint32_t read_le32(const uint8_t *bytes)
{
    return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Length of the LZ4 frame at bytes, 0 when it is not whole (lz4_Frame_format.md). */
static size_t whole_lz4(const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes < 7 || read_le32(bytes) != 0x184D2204u)
        return 0;
    uint8_t flags = bytes[4];
    size_t at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0); /* content size, dictionary id */
    size_t block_trailer = flags & 0x10 ? 4 : 0;
    for (;;) {
        if (size_bytes < at + 4)
            return 0;
        uint32_t block_bytes = read_le32(bytes + at) & 0x7FFFFFFFu;
        at += 4;
        if (!block_bytes)
            break;
        if (size_bytes - at < block_bytes + block_trailer)
            return 0;
        at += block_bytes + block_trailer;
    }
    at += flags & 0x04 ? 4 : 0; /* content checksum */
    return at <= size_bytes ? at : 0;
}

static size_t whole_skippable(const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes < SKIPPABLE_HEAD_BYTES || (read_le32(bytes) & SKIPPABLE_MASK) != SKIPPABLE_MAGIC)
        return 0;
    size_t all = SKIPPABLE_HEAD_BYTES + (size_t)read_le32(bytes + 4);
    return all <= size_bytes ? all : 0;
}

static size_t whole_frame(enum compression method, const uint8_t *bytes, size_t size_bytes)
{
    if (method == COMPRESSION_GZIP)
        return gzip_member_whole(bytes, size_bytes);
    size_t skippable = whole_skippable(bytes, size_bytes);
    if (skippable)
        return skippable;
    if (method == COMPRESSION_LZ4)
        return whole_lz4(bytes, size_bytes);
    size_t frame = ZSTD_findFrameCompressedSize(bytes, size_bytes);
    return ZSTD_isError(frame) ? 0 : frame;
}

size_t compression_whole(enum compression method, const uint8_t *bytes, size_t size_bytes)
{
    size_t at = 0;
    while (at < size_bytes) {
        size_t frame = whole_frame(method, bytes + at, size_bytes - at);
        if (!frame)
            break;
        at += frame;
    }
    return at;
}
