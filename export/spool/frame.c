/* SPDX-License-Identifier: Apache-2.0 */
#include "export/spool/frame.h"

#include <assert.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "export/lz/lz4_block.h"

#define ZSTD_LEVEL 1 /* the spool is written when documents come faster than they go: speed is what counts */

static_assert(sizeof(struct frame_header) == 128, "the layout on disk");
static_assert(sizeof(struct frame_share) == 24, "the layout on disk");
static_assert(sizeof(struct document_id) == 16, "the layout on disk");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the layout on disk");
static_assert(FRAME_RAW_MOST <= LZ4_MAX_INPUT_SIZE, "one block a frame");

struct frame_codec {
    enum compression method;
    struct finder *lz4;
    ZSTD_CCtx *zstd;
    ZSTD_DCtx *unzstd;     /* made when the first such frame is read: an earlier run may have compressed otherwise */
    uint8_t *gathered;     /* the failed documents of a batch, one behind the other */
    size_t gathered_bytes;
};

struct frame_codec *frame_codec_new(enum compression method)
{
    struct frame_codec *codec = calloc(1, sizeof *codec);
    if (!codec)
        return NULL;
    codec->method = method;
    if (method == COMPRESSION_LZ4)
        codec->lz4 = malloc(sizeof *codec->lz4);
    if (method == COMPRESSION_ZSTD)
        codec->zstd = ZSTD_createCCtx();
    if ((method == COMPRESSION_LZ4 && !codec->lz4) || (method == COMPRESSION_ZSTD && !codec->zstd)) {
        frame_codec_free(codec);
        return NULL;
    }
    if (codec->lz4)
        finder_init(codec->lz4, LZ4_BLOCK_DISTANCE_MOST);
    return codec;
}

void frame_codec_free(struct frame_codec *codec)
{
    if (!codec)
        return;
    free(codec->lz4);
    ZSTD_freeCCtx(codec->zstd);
    ZSTD_freeDCtx(codec->unzstd);
    free(codec->gathered);
    free(codec);
}

/* ---- writing ---- */

static uint32_t document_bytes(const struct batch *batch, uint32_t document)
{
    return batch->ends[document] - (document ? batch->ends[document - 1] : 0);
}

static uint64_t frame_bytes(const struct frame_header *header)
{
    uint64_t each = sizeof(uint32_t) + (header->has_ids ? sizeof(struct document_id) : 0);
    return frame_round_up(frame_shares_end(header) + header->count * each + header->stored_bytes);
}

bool frame_measure(const struct batch *batch, struct frame_measure *measure)
{
    uint32_t document = 0;
    uint64_t raw_bytes = 0;
    *measure = (struct frame_measure){.count = batch->failed};
    for (uint32_t i = 0; i < batch->share_count; i++) {
        const struct share *share = &batch->shares[i];
        measure->share_count += share->failed > 0;
        for (uint32_t end = document + share->count; document < end; document++)
            if (batch_verdict(batch, document) == VERDICT_FAILED)
                raw_bytes += document_bytes(batch, document);
    }
    struct frame_header most = {.count = measure->count,
                                .share_count = measure->share_count,
                                .has_ids = batch->ids != NULL,
                                .stored_bytes = (uint32_t)raw_bytes};
    if (raw_bytes > FRAME_RAW_MOST || frame_bytes(&most) > UINT32_MAX)
        return false;
    measure->raw_bytes = (uint32_t)raw_bytes;
    measure->room_bytes = (uint32_t)frame_bytes(&most);
    return true;
}

static void shares_write(const struct batch *batch, uint8_t *to)
{
    for (uint32_t i = 0; i < batch->share_count; i++) {
        const struct share *share = &batch->shares[i];
        if (!share->failed)
            continue;
        struct frame_share out = {.port = share->endpoint->port, .count = share->failed};
        memcpy(out.address, share->endpoint->address.bytes, sizeof out.address);
        memcpy(to, &out, sizeof out);
        to += sizeof out;
    }
}

/* Lengths and ids of the failed documents. Returns what is behind them. */
static uint8_t *lists_write(const struct batch *batch, uint32_t count, uint8_t *to)
{
    uint8_t *ids = to + count * sizeof(uint32_t), *end = ids;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch_verdict(batch, i) != VERDICT_FAILED)
            continue;
        uint32_t length = document_bytes(batch, i);
        memcpy(to, &length, sizeof length);
        to += sizeof length;
        if (!batch->ids)
            continue;
        memcpy(ids, &batch->ids[i], sizeof *batch->ids);
        ids += sizeof *batch->ids;
    }
    assert(to == end); /* the batch's sums are those of its verdicts */
    return ids;
}

static void gather(const struct batch *batch, uint8_t *to)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch_verdict(batch, i) != VERDICT_FAILED)
            continue;
        uint32_t length = document_bytes(batch, i);
        memcpy(to, batch->bytes + batch->ends[i] - length, length);
        to += length;
    }
}

/* The failed documents in one piece; NULL when there is no memory for it. */
static const uint8_t *documents_whole(struct frame_codec *codec, const struct batch *batch, uint32_t raw_bytes)
{
    if (batch->failed == batch->count)
        return batch->bytes;
    if (codec->gathered_bytes < raw_bytes) {
        free(codec->gathered);
        codec->gathered = malloc(raw_bytes);
        codec->gathered_bytes = codec->gathered ? raw_bytes : 0;
    }
    if (codec->gathered)
        gather(batch, codec->gathered);
    return codec->gathered;
}

/* Returns the length of the compressed documents, or 0 when they are not to be compressed, or do not get smaller. */
static uint32_t compress(struct frame_codec *codec, const uint8_t *from, uint32_t raw_bytes, uint8_t *to)
{
    size_t length = 0;
    if (codec->method == COMPRESSION_LZ4) {
        length = lz4_block_write(codec->lz4, from, raw_bytes, to, raw_bytes - 1);
    } else if (codec->method == COMPRESSION_ZSTD) {
        length = ZSTD_compressCCtx(codec->zstd, to, raw_bytes - 1, from, raw_bytes, ZSTD_LEVEL);
        if (ZSTD_isError(length))
            length = 0;
    }
    return (uint32_t)length;
}

static void documents_write(struct frame_codec *codec, const struct batch *batch, struct frame_header *header,
                            uint8_t *to)
{
    const uint8_t *from = codec->method == COMPRESSION_NONE ? NULL : documents_whole(codec, batch, header->raw_bytes);
    uint32_t compressed = from ? compress(codec, from, header->raw_bytes, to) : 0;
    header->compression = (uint8_t)(compressed ? codec->method : COMPRESSION_NONE);
    header->stored_bytes = compressed ? compressed : header->raw_bytes;
    if (!compressed)
        gather(batch, to);
}

void frame_seal(uint8_t *bytes, struct frame_header *header)
{
    size_t shares_end = frame_shares_end(header);
    size_t body_bytes = header->count * sizeof(uint32_t) + header->stored_bytes +
                        (header->has_ids ? header->count * sizeof(struct document_id) : 0);
    header->shares_checksum = XXH3_64bits(bytes + sizeof *header, shares_end - sizeof *header);
    header->body_checksum = XXH3_64bits(bytes + shares_end, body_bytes);
    size_t from = offsetof(struct frame_header, shares_checksum);
    header->checksum = XXH3_64bits((uint8_t *)header + from, sizeof *header - from);
    memcpy(bytes, header, sizeof *header);
}

uint32_t frame_write(struct frame_codec *codec, const struct batch *batch, const struct frame_measure *measure,
                     const struct frame_place *place, uint8_t *frame)
{
    struct frame_header header = {
        .magic = FRAME_MAGIC,
        .version = FRAME_VERSION,
        .run = place->run,
        .sequence = place->sequence,
        .offset = place->offset,
        .feed = place->feed,
        .sealed_ns = batch->sealed_ns,
        .count = measure->count,
        .share_count = measure->share_count,
        .raw_bytes = measure->raw_bytes,
        .kind = batch->kind,
        .has_ids = batch->ids != NULL,
    };
    size_t shares_end = frame_shares_end(&header);
    shares_write(batch, frame + sizeof header);
    uint8_t *documents = lists_write(batch, header.count, frame + shares_end);
    documents_write(codec, batch, &header, documents);
    header.frame_bytes = (uint32_t)frame_bytes(&header);
    uint8_t *end = documents + header.stored_bytes;
    memset(end, 0, (size_t)(frame + header.frame_bytes - end));
    frame_seal(frame, &header);
    return header.frame_bytes;
}

/* ---- reading ---- */

static bool compression_fits(const struct frame_header *header)
{
    switch (header->compression) {
    case COMPRESSION_NONE:
        return header->stored_bytes == header->raw_bytes;
    case COMPRESSION_LZ4:
    case COMPRESSION_ZSTD:
        return header->stored_bytes < header->raw_bytes;
    }
    return false;
}

bool frame_header_read(struct frame_header *header, const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes < sizeof *header)
        return false;
    memcpy(header, bytes, sizeof *header);
    size_t from = offsetof(struct frame_header, shares_checksum);
    return header->magic == FRAME_MAGIC && header->version == FRAME_VERSION &&
           header->checksum == XXH3_64bits(bytes + from, sizeof *header - from) &&
           header->raw_bytes <= FRAME_RAW_MOST && header->count && header->count <= header->raw_bytes &&
           header->share_count && header->share_count <= header->count && header->kind < DOCUMENT_KINDS &&
           header->has_ids <= 1 && compression_fits(header) && header->frame_bytes == frame_bytes(header);
}

bool frame_intact(const struct frame_header *header, const uint8_t *bytes)
{
    size_t shares_end = frame_shares_end(header);
    size_t body_bytes = header->count * sizeof(uint32_t) + header->stored_bytes +
                        (header->has_ids ? header->count * sizeof(struct document_id) : 0);
    return header->shares_checksum == XXH3_64bits(bytes + sizeof *header, shares_end - sizeof *header) &&
           header->body_checksum == XXH3_64bits(bytes + shares_end, body_bytes);
}

bool frame_shares_read(const struct frame_header *header, const uint8_t *bytes, struct frame_target *target)
{
    struct batch *batch = target->batch;
    const uint8_t *from = bytes + sizeof *header;
    assert(header->share_count <= batch->share_most && header->count <= batch->most);
    if (header->shares_checksum != XXH3_64bits(from, frame_shares_end(header) - sizeof *header))
        return false;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < header->share_count; i++, from += sizeof(struct frame_share)) {
        struct frame_share in;
        memcpy(&in, from, sizeof in);
        struct endpoint *endpoint = &target->endpoints[i];
        memcpy(endpoint->address.bytes, in.address, sizeof in.address);
        endpoint->port = in.port;
        batch->shares[i] = (struct share){.endpoint = endpoint, .count = in.count};
        sum += in.count;
        if (!in.count)
            return false;
    }
    batch->kind = header->kind;
    batch->sealed_ns = header->sealed_ns;
    batch->count = header->count;
    batch->share_count = header->share_count;
    return sum == header->count;
}

static bool decompress(struct frame_codec *codec, const struct frame_header *header, const uint8_t *from, uint8_t *to)
{
    size_t length = 0;
    switch (header->compression) {
    case COMPRESSION_NONE:
        memcpy(to, from, header->raw_bytes);
        return true;
    case COMPRESSION_LZ4: {
        int result = LZ4_decompress_safe((const char *)from, (char *)to, (int)header->stored_bytes,
                                         (int)header->raw_bytes);
        return result >= 0 && (uint32_t)result == header->raw_bytes;
    }
    case COMPRESSION_ZSTD:
        if (!codec->unzstd)
            codec->unzstd = ZSTD_createDCtx();
        if (codec->unzstd)
            length = ZSTD_decompressDCtx(codec->unzstd, to, header->raw_bytes, from, header->stored_bytes);
        return length == header->raw_bytes; /* an error is a huge number */
    }
    return false;
}

/* Each document has its length and ends as one. */
static bool ends_read(const struct frame_header *header, const uint8_t *from, struct batch *batch)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < header->count; i++) {
        uint32_t length;
        memcpy(&length, from + i * sizeof length, sizeof length);
        end += length;
        if (!length || end > header->raw_bytes || batch->bytes[end - 1] != '\n')
            return false;
        batch->ends[i] = (uint32_t)end;
    }
    return end == header->raw_bytes;
}

bool frame_documents_read(struct frame_codec *codec, const struct frame_header *header, const uint8_t *bytes,
                          struct frame_target *target)
{
    struct batch *batch = target->batch;
    assert(header->raw_bytes <= batch->capacity_bytes && header->count <= batch->most);
    if (!frame_intact(header, bytes))
        return false;
    const uint8_t *lengths = bytes + frame_shares_end(header);
    const uint8_t *ids = lengths + header->count * sizeof(uint32_t);
    size_t ids_bytes = header->has_ids ? header->count * sizeof(struct document_id) : 0;
    if (!decompress(codec, header, ids + ids_bytes, batch->bytes) || !ends_read(header, lengths, batch))
        return false;
    batch->ids = header->has_ids ? target->ids : NULL;
    if (batch->ids)
        memcpy(batch->ids, ids, ids_bytes);
    batch->size_bytes = header->raw_bytes;
    memset(batch->verdicts, VERDICT_DELIVERED, batch->count);
    return true;
}
