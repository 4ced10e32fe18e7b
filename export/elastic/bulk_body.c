/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/bulk_body.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l.h>

#include "base/text.h"
#include "export/lz/deflate.h"

/* Stays in a core's own cache between copying and compressing; below 64 KiB the calls begin to cost. */
#define STAGE_BYTES 131072
#define CARRY_BYTES 16384  /* in front of it: the lines before, and what a part left over of a line */

#define PLAIN_BYTES (sizeof BULK_ACTION_PLAIN - 1)
#define HEAD_BYTES  (sizeof BULK_ACTION_HEAD - 1)
#define TAIL_BYTES  (sizeof BULK_ACTION_TAIL - 1)
#define IDS_BYTES   (HEAD_BYTES + BULK_ID_BYTES + TAIL_BYTES)

static_assert(HEAD_BYTES + BULK_ID_BYTES + TEXT_OVERRUN <= BULK_ACTION_MOST, "ids are written with an overrun");

/* By ISA-L, or at level 0 by export/lz/deflate.h. */
struct bulk_packer {
    struct isal_zstream stream;
    uint32_t level;
    uint32_t table_bytes;
    uint8_t *table;
    struct deflater *deflater; /* NULL: by ISA-L */
    uint8_t stage[CARRY_BYTES + STAGE_BYTES];
};

uint64_t bulk_document_bytes(const struct batch *batch, uint32_t document, bool ids)
{
    uint32_t begin = document ? batch->ends[document - 1] : 0;
    return batch->ends[document] - begin + (ids ? IDS_BYTES : PLAIN_BYTES);
}

uint64_t bulk_run_bytes(const struct bulk_run *run, bool ids)
{
    const struct batch *batch = run->batch;
    uint32_t begin = run->first ? batch->ends[run->first - 1] : 0;
    return batch->ends[run->first + run->count - 1] - begin + (uint64_t)run->count * (ids ? IDS_BYTES : PLAIN_BYTES);
}

/* ---- reading ---- */

static void action_begin(struct bulk_reader *reader)
{
    reader->in_action = true;
    reader->offset = 0;
    reader->piece = (const uint8_t *)reader->action;
    if (!reader->ids || reader->run == reader->run_count)
        return;
    const struct bulk_run *run = &reader->runs[reader->run];
    const struct document_id *id = &run->batch->ids[run->first + reader->document];
    char *at = text_base64_8(reader->action + HEAD_BYTES, id->words[0]);
    at = text_base64_8(at, id->words[1]);
    memcpy(at, BULK_ACTION_TAIL, TAIL_BYTES);
}

static void document_begin(struct bulk_reader *reader)
{
    const struct bulk_run *run = &reader->runs[reader->run];
    uint32_t index = run->first + reader->document;
    uint32_t begin = index ? run->batch->ends[index - 1] : 0;
    reader->in_action = false;
    reader->offset = 0;
    reader->piece = run->batch->bytes + begin;
    reader->piece_bytes = run->batch->ends[index] - begin;
}

static void piece_next(struct bulk_reader *reader)
{
    if (reader->in_action) {
        document_begin(reader);
        return;
    }
    if (++reader->document == reader->runs[reader->run].count) {
        reader->document = 0;
        reader->run++;
    }
    reader->piece_bytes = reader->ids ? IDS_BYTES : PLAIN_BYTES;
    action_begin(reader);
}

void bulk_reader_begin(struct bulk_reader *reader, const struct bulk_run *runs, uint32_t run_count, bool ids)
{
    reader->runs = runs;
    reader->run_count = run_count;
    reader->ids = ids;
    reader->run = 0;
    reader->document = 0;
    reader->piece_bytes = ids ? IDS_BYTES : PLAIN_BYTES;
    if (ids)
        memcpy(reader->action, BULK_ACTION_HEAD, HEAD_BYTES);
    else
        memcpy(reader->action, BULK_ACTION_PLAIN, PLAIN_BYTES);
    action_begin(reader);
}

size_t bulk_reader_read(struct bulk_reader *reader, void *out, size_t room_bytes)
{
    uint8_t *at = out, *end = at + room_bytes;
    while (at < end && reader->run < reader->run_count) {
        size_t left = reader->piece_bytes - reader->offset, room = (size_t)(end - at);
        size_t part = left < room ? left : room;
        memcpy(at, reader->piece + reader->offset, part);
        at += part;
        reader->offset += (uint32_t)part;
        if (part == left)
            piece_next(reader);
    }
    return (size_t)(at - (uint8_t *)out);
}

/* ---- compressing ---- */

/* Deflate, no flags, no time, no hints, Unix (RFC 1952 2.3); and room for that with the trailer. */
static const uint8_t gzip_head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
#define GZIP_EXTRA_BYTES 32

/* Larger tables mean longer blocks, whose Huffman codes are made less often. */
static uint32_t table_bytes_of(uint32_t level)
{
    static const uint32_t bytes[] = {
        [1] = ISAL_DEF_LVL1_EXTRA_LARGE, [2] = ISAL_DEF_LVL2_EXTRA_LARGE, [3] = ISAL_DEF_LVL3_EXTRA_LARGE};
    return bytes[level];
}

static bool packer_init(struct bulk_packer *packer, uint32_t level)
{
    if (!level) {
        packer->deflater = malloc(sizeof *packer->deflater);
        if (packer->deflater)
            deflater_init(packer->deflater);
        return packer->deflater;
    }
    packer->level = level < 3 ? level : 3;
    packer->table_bytes = table_bytes_of(packer->level);
    packer->table = malloc(packer->table_bytes);
    isal_deflate_init(&packer->stream);
    return packer->table;
}

struct bulk_packer *bulk_packer_new(uint32_t level)
{
    struct bulk_packer *packer = calloc(1, sizeof *packer);
    if (packer && packer_init(packer, level))
        return packer;
    bulk_packer_free(packer);
    return NULL;
}

void bulk_packer_free(struct bulk_packer *packer)
{
    if (!packer)
        return;
    free(packer->table);
    free(packer->deflater);
    free(packer);
}

static void stream_begin(struct bulk_packer *packer, uint8_t *out, size_t room_bytes)
{
    struct isal_zstream *stream = &packer->stream;
    isal_deflate_reset(stream);
    stream->level = packer->level;
    stream->level_buf = packer->table;
    stream->level_buf_size = packer->table_bytes;
    stream->gzip_flag = IGZIP_GZIP;
    stream->flush = NO_FLUSH;
    stream->end_of_stream = 0;
    stream->next_out = out;
    stream->avail_out = (uint32_t)room_bytes;
}

static bool room_make(uint64_t bound, uint8_t **out, size_t *room_bytes)
{
    if (bound > UINT32_MAX)
        return false;
    if (*room_bytes >= bound)
        return true;
    uint8_t *larger = malloc(bound);
    if (!larger)
        return false;
    free(*out);
    *out = larger;
    *room_bytes = bound;
    return true;
}

static size_t pack_by_library(struct bulk_packer *packer, struct bulk_reader *reader, uint8_t *out, size_t room_bytes)
{
    struct isal_zstream *stream = &packer->stream;
    stream_begin(packer, out, room_bytes);
    while (!stream->end_of_stream) {
        size_t part = bulk_reader_read(reader, packer->stage, STAGE_BYTES);
        stream->end_of_stream = part < STAGE_BYTES;
        stream->next_in = packer->stage;
        stream->avail_in = (uint32_t)part;
        if (isal_deflate(stream) != COMP_OK || stream->avail_in)
            return 0;
    }
    return stream->internal_state.state == ZSTATE_END ? stream->total_out : 0;
}

/* Moves what the next part needs of this one in front of the stage: the lines before it, and the line that it ends in
   the middle of. */
static uint8_t *carry(uint8_t *stage, uint8_t *begin, uint8_t *lines_end, uint8_t *end, size_t *before)
{
    size_t rest = (size_t)(end - lines_end);
    *before = deflate_lines_before(begin, lines_end);
    if (*before + rest > CARRY_BYTES)
        *before = 0;
    memmove(stage - rest - *before, lines_end - *before, *before + rest);
    return stage - rest;
}

/* Where the last whole line of a part ends; the part's end where there is none, or a long one has to be cut. */
static uint8_t *lines_end_of(uint8_t *begin, uint8_t *end)
{
    uint8_t *newline = memrchr(begin, '\n', (size_t)(end - begin));
    return newline && end - newline <= CARRY_BYTES ? newline + 1 : end;
}

static size_t pack_by_deflater(struct bulk_packer *packer, struct bulk_reader *reader, uint8_t *out)
{
    uint8_t *stage = packer->stage + CARRY_BYTES, *begin = stage, *end;
    size_t before = 0, all_bytes = 0;
    uint32_t checksum = 0;
    deflate_begin(packer->deflater, out + sizeof gzip_head);
    memcpy(out, gzip_head, sizeof gzip_head);
    do {
        end = stage + bulk_reader_read(reader, stage, STAGE_BYTES);
        bool last = end < stage + STAGE_BYTES;
        uint8_t *lines_end = last ? end : lines_end_of(begin, end);
        deflate_part(packer->deflater, begin, (size_t)(lines_end - begin), before);
        checksum = crc32_gzip_refl(checksum, begin, (uint64_t)(lines_end - begin));
        all_bytes += (size_t)(lines_end - begin);
        begin = carry(stage, begin, lines_end, end, &before);
    } while (end == stage + STAGE_BYTES);
    uint8_t *tail = out + sizeof gzip_head + deflate_end(packer->deflater);
    uint32_t numbers[2] = {checksum, (uint32_t)all_bytes}; /* little-endian */
    memcpy(tail, numbers, sizeof numbers);
    return (size_t)(tail - out) + sizeof numbers;
}

size_t bulk_pack(struct bulk_packer *packer, struct bulk_reader *reader, uint64_t body_bytes, uint8_t **out,
                 size_t *room_bytes)
{
    /* Incompressible input grows by the headers of stored blocks at most; a 16th is plenty. */
    uint64_t bound = packer->deflater ? deflate_bound(body_bytes) + GZIP_EXTRA_BYTES
                                      : body_bytes + body_bytes / 16 + 4096;
    if (!room_make(bound, out, room_bytes))
        return 0;
    return packer->deflater ? pack_by_deflater(packer, reader, *out)
                            : pack_by_library(packer, reader, *out, *room_bytes);
}
