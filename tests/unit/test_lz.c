/* SPDX-License-Identifier: Apache-2.0 */
/* LZ4 and deflate by export/lz/, read back by liblz4 and ISA-L. Built once for each width of vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <isa-l.h>
#include <lz4.h>
#include <lz4frame.h>

#include "export/kafka/lz4_codec.h"
#include "export/lz/deflate.h"
#include "export/lz/lz4_block.h"
#include "export/lz/lz4_frame.h"
#include "tests/unit/random.h"

#define TEXT_MOST 300000

static uint64_t seed;

/* ---- inputs ---- */

static size_t put_line(char *out, unsigned number)
{
    size_t length = (size_t)sprintf(out, "{\"@timestamp\":\"2026-01-01T00:00:%02u.%03uZ\",\"source\":{", number % 60,
                                    random_below(&seed, 1000));
    length += (size_t)sprintf(out + length, "\"ip\":\"10.%u.%u.%u\",", random_below(&seed, 256),
                              random_below(&seed, 256), random_below(&seed, 256));
    length += (size_t)sprintf(out + length, "\"port\":%u,\"bytes\":%u},\"tags\":[", random_below(&seed, 65536),
                              random_below(&seed, 100000000));
    for (unsigned i = random_below(&seed, 4); i-- > 0;)
        length += (size_t)sprintf(out + length, "\"tag-%u\"%s", random_below(&seed, 20), i ? "," : "");
    length += (size_t)sprintf(out + length, "],\"netflow\":{\"type\":\"netflow_flow\"");
    if (random_below(&seed, 3))
        length += (size_t)sprintf(out + length, ",\"application_name\":\"%.*s\"", random_below(&seed, 60),
                                  "a long name of an application \\\"in quotes\\\" and more of it.");
    return length + (size_t)sprintf(out + length, "}}\n");
}

static size_t documents(uint8_t *out)
{
    size_t length = 0;
    for (unsigned i = 0; length + 1000 < TEXT_MOST; i++)
        length += put_line((char *)out + length, i);
    return length;
}

static size_t noise(uint8_t *out)
{
    random_fill(&seed, out, TEXT_MOST);
    return TEXT_MOST;
}

static size_t only_ends(uint8_t *out)
{
    for (size_t i = 0; i < TEXT_MOST; i++)
        out[i] = (uint8_t)"\",]}"[random_below(&seed, 4)];
    return TEXT_MOST;
}

static size_t no_ends(uint8_t *out)
{
    for (size_t i = 0; i < TEXT_MOST; i++)
        out[i] = (uint8_t)('a' + random_below(&seed, 20));
    return TEXT_MOST;
}

static size_t one_byte(uint8_t *out)
{
    memset(out, 'x', TEXT_MOST);
    return TEXT_MOST;
}

/* Long and short repetitions, and lists that grow: the cursors come close to one another. */
static size_t patches(uint8_t *out)
{
    size_t length = 0;
    while (length < TEXT_MOST) {
        size_t period = 1 + random_below(&seed, length ? 300 : 1), run = 1 + random_below(&seed, 3000);
        bool fresh = !length || random_below(&seed, 3) == 0;
        for (size_t i = 0; i < run && length < TEXT_MOST; i++, length++)
            out[length] = fresh || length < period ? (uint8_t)" \",]}abc0123456"[random_below(&seed, 15)]
                                                   : out[length - period];
    }
    return length;
}

static size_t (*const inputs[])(uint8_t *) = {documents, noise, only_ends, no_ends, one_byte, patches};
#define INPUTS (sizeof inputs / sizeof *inputs)

/* The input's first bytes in memory of just that length, so that a sanitizer sees what is read beyond. */
static uint8_t *cut(const uint8_t *text, size_t size_bytes)
{
    uint8_t *bytes = malloc(size_bytes ? size_bytes : 1);
    memcpy(bytes, text, size_bytes);
    return bytes;
}

/* Calls check() for inputs of all kinds, in many lengths. */
static void each_input(void (*check)(const uint8_t *bytes, size_t size_bytes))
{
    uint8_t *text = malloc(TEXT_MOST);
    for (size_t kind = 0; kind < INPUTS; kind++) {
        seed = 1 + kind;
        size_t whole = inputs[kind](text);
        for (size_t length = 0; length <= whole; length += length < 300 ? 1 : length < 5000 ? 977 : 58111) {
            uint8_t *bytes = cut(text, length);
            check(bytes, length);
            free(bytes);
        }
    }
    free(text);
}

/* ---- LZ4 ---- */

static struct finder finder;

static void check_block(const uint8_t *bytes, size_t size_bytes)
{
    size_t room = lz4_block_bound(size_bytes);
    uint8_t *out = malloc(room);
    char *back = malloc(size_bytes + 1);
    size_t packed = lz4_block_write(&finder, bytes, size_bytes, out, room);
    assert_true(packed > 0 && packed <= room);
    assert_int_equal(LZ4_decompress_safe((char *)out, back, (int)packed, (int)size_bytes), size_bytes);
    assert_memory_equal(back, bytes, size_bytes);
    free(out);
    out = malloc(packed); /* and none is written beyond the room, whatever that is */
    size_t again = lz4_block_write(&finder, bytes, size_bytes, out, packed);
    assert_true(again == 0 || again == packed);
    free(out);
    free(back);
}

static void lz4_blocks(void **state)
{
    finder_init(&finder, LZ4_BLOCK_DISTANCE_MOST);
    each_input(check_block);
}

/* As many numbers of places were given as there are: the tables begin anew. */
static void numbers_of_places_run_out(void **state)
{
    finder_init(&finder, LZ4_BLOCK_DISTANCE_MOST);
    uint8_t *text = malloc(TEXT_MOST);
    seed = 9;
    size_t whole = documents(text);
    for (int i = 0; i < 5; i++) {
        finder.next_base += UINT32_MAX / 4;
        check_block(text, whole);
    }
    free(text);
}

static struct lz4_framer framer;

static void check_frame_content(const uint8_t *frame, size_t frame_bytes, const uint8_t *bytes, size_t size_bytes)
{
    LZ4F_dctx *context;
    uint8_t *back = malloc(size_bytes + 1);
    size_t back_bytes = size_bytes, read_bytes = frame_bytes;
    assert_false(LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)));
    assert_int_equal(LZ4F_decompress(context, back, &back_bytes, frame, &read_bytes, NULL), 0);
    assert_int_equal(read_bytes, frame_bytes);
    assert_int_equal(back_bytes, size_bytes);
    assert_memory_equal(back, bytes, size_bytes);
    LZ4F_freeDecompressionContext(context);
    free(back);
}

static void check_frame(const uint8_t *bytes, size_t size_bytes)
{
    size_t room = LZ4_FRAME_HEAD_BYTES + lz4_frame_bound(size_bytes) + LZ4_FRAME_END_BYTES;
    uint8_t *out = malloc(room);
    size_t length = lz4_frame_head(&framer, out);
    length += lz4_frame_blocks(&framer, bytes, size_bytes, out + length);
    length += lz4_frame_end(out + length);
    assert_true(length <= room);
    check_frame_content(out, length, bytes, size_bytes);
    free(out);
}

static void lz4_frames(void **state)
{
    static const int levels[] = {-1, 0, 1, 2, 3, 12, 22};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        assert_int_equal(lz4_framer_init(&framer, levels[i], i % 2), 0);
        if (levels[i] <= 3)
            each_input(check_frame);
        else
            check_frame((const uint8_t *)"short", 5);
        lz4_framer_fini(&framer);
    }
}

/* ---- what librdkafka calls ---- */

static void codec_is_visible(void **state)
{
    assert_true(kafka_lz4_codec_visible());
}

static size_t piece_of(size_t most)
{
    size_t piece = random_below(&seed, 4) ? random_below(&seed, 3000) : random_below(&seed, 150000);
    return piece < most ? piece : most;
}

/* Pieces as message sets have them: heads, small messages, long ones. */
static void check_codec(const uint8_t *bytes, size_t size_bytes)
{
    LZ4F_preferences_t preferences = {.frameInfo = {.blockMode = LZ4F_blockIndependent}};
    LZ4F_cctx *context;
    size_t room = LZ4F_compressBound(size_bytes, NULL) + 1000, at = 0; /* as librdkafka reckons */
    uint8_t *out = malloc(room);
    assert_false(LZ4F_isError(LZ4F_createCompressionContext(&context, LZ4F_VERSION)));
    size_t length = LZ4F_compressBegin(context, out, room, &preferences);
    while (at < size_bytes) {
        size_t piece = piece_of(size_bytes - at);
        size_t part = LZ4F_compressUpdate(context, out + length, room - length, bytes + at, piece, NULL);
        assert_false(LZ4F_isError(part));
        length += part;
        at += piece;
    }
    size_t part = LZ4F_compressEnd(context, out + length, room - length, NULL);
    assert_false(LZ4F_isError(part));
    length += part;
    assert_true(length <= room);
    check_frame_content(out, length, bytes, size_bytes);
    LZ4F_freeCompressionContext(context);
    free(out);
}

static void codec_in_pieces(void **state)
{
    each_input(check_codec);
}

static void codec_without_room(void **state)
{
    LZ4F_cctx *context;
    uint8_t out[100];
    assert_false(LZ4F_isError(LZ4F_createCompressionContext(&context, LZ4F_VERSION)));
    assert_true(LZ4F_isError(LZ4F_compressUpdate(context, out, sizeof out, "x", 1, NULL))); /* not begun */
    assert_true(LZ4F_isError(LZ4F_compressBegin(context, out, 6, NULL)));
    assert_int_equal(LZ4F_compressBegin(context, out, sizeof out, NULL), 7);
    assert_true(LZ4F_isError(LZ4F_compressUpdate(context, out, sizeof out, "x", 1, NULL)));
    assert_true(LZ4F_isError(LZ4F_compressEnd(context, out, sizeof out, NULL)));
    LZ4F_freeCompressionContext(context);
    assert_false(LZ4F_isError(LZ4F_freeCompressionContext(NULL)));
}

/* ---- deflate ---- */

static struct deflater deflater;

static void check_inflated(uint8_t *out, size_t deflated, const uint8_t *bytes, size_t size_bytes)
{
    struct inflate_state inflate;
    uint8_t *back = malloc(size_bytes + 1);
    isal_inflate_init(&inflate);
    inflate.next_in = out;
    inflate.avail_in = (uint32_t)deflated;
    inflate.next_out = back;
    inflate.avail_out = (uint32_t)size_bytes + 1;
    assert_int_equal(isal_inflate(&inflate), ISAL_DECOMP_OK);
    assert_int_equal(inflate.block_state, ISAL_BLOCK_FINISH);
    assert_int_equal(inflate.total_out, size_bytes);
    assert_memory_equal(back, bytes, size_bytes);
    free(back);
}

static void check_whole(const uint8_t *bytes, size_t size_bytes)
{
    uint8_t *out = malloc(deflate_bound(size_bytes));
    deflate_begin(&deflater, out);
    deflate_part(&deflater, bytes, size_bytes, 0);
    check_inflated(out, deflate_end(&deflater), bytes, size_bytes);
    free(out);
}

/* In parts that know the lines before them, but for some. */
static void check_parts(const uint8_t *bytes, size_t size_bytes)
{
    uint8_t *out = malloc(deflate_bound(size_bytes));
    size_t at = 0, before = 0;
    deflate_begin(&deflater, out);
    do {
        size_t part = piece_of(size_bytes - at);
        deflate_part(&deflater, bytes + at, part, before);
        at += part;
        before = random_below(&seed, 5) ? deflate_lines_before(bytes, bytes + at) : 0;
    } while (at < size_bytes);
    check_inflated(out, deflate_end(&deflater), bytes, size_bytes);
    free(out);
}

static void deflate_in_one(void **state)
{
    deflater_init(&deflater);
    each_input(check_whole);
}

static void deflate_in_parts(void **state)
{
    deflater_init(&deflater);
    each_input(check_parts);
}

/* Every length of a match is split into pieces that deflate has. */
static void deflate_match_lengths(void **state)
{
    uint8_t text[3000];
    deflater_init(&deflater);
    for (size_t length = 8; length < 1100; length++) {
        size_t size = 0;
        for (int copy = 0; copy < 2; copy++) {
            for (size_t i = 0; i < length; i++)
                text[size++] = (uint8_t)('A' + i * i % 57 % 26);
            text[size++] = (uint8_t)('0' + copy);
            text[size++] = '"';
        }
        memset(text + size, '.', FINDER_LIMIT_BYTES + 40);
        check_whole(text, size + FINDER_LIMIT_BYTES + 40);
    }
}

static void lines_before(void **state)
{
    char text[600];
    memset(text, 'd', sizeof text);
    text[9] = text[319] = text[339] = '\n'; /* "d...", a document, an action, a document without its end */
    const uint8_t *bytes = (const uint8_t *)text;
    assert_int_equal(deflate_lines_before(bytes, bytes), 0);
    assert_int_equal(deflate_lines_before(bytes, bytes + 10), 10);
    assert_int_equal(deflate_lines_before(bytes, bytes + 320), 310);
    assert_int_equal(deflate_lines_before(bytes, bytes + 340), 330);
    assert_int_equal(deflate_lines_before(bytes, bytes + 600), 260);
}

/* Short documents with much that differs: not so small as by the library, but small. */
static void documents_get_small(void **state)
{
    uint8_t *text = malloc(TEXT_MOST), *out = malloc(deflate_bound(TEXT_MOST));
    seed = 77;
    size_t whole = documents(text);
    int library = LZ4_compress_default((char *)text, (char *)out, (int)whole, (int)deflate_bound(TEXT_MOST));
    finder_init(&finder, LZ4_BLOCK_DISTANCE_MOST);
    size_t own = lz4_block_write(&finder, text, whole, out, deflate_bound(TEXT_MOST));
    assert_in_range(own, 1, (uint64_t)library * 4 / 3);
    deflater_init(&deflater);
    deflate_begin(&deflater, out);
    deflate_part(&deflater, text, whole, 0);
    size_t deflated = deflate_end(&deflater);
    assert_in_range(deflated, 1, own * 3 / 4);
    free(text);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lz4_blocks),        cmocka_unit_test(numbers_of_places_run_out),
        cmocka_unit_test(lz4_frames),        cmocka_unit_test(codec_is_visible),
        cmocka_unit_test(codec_in_pieces),   cmocka_unit_test(codec_without_room),
        cmocka_unit_test(deflate_in_one),    cmocka_unit_test(deflate_in_parts),
        cmocka_unit_test(lines_before),      cmocka_unit_test(deflate_match_lengths),
        cmocka_unit_test(documents_get_small),
    };
    return cmocka_run_group_tests_name("lz", tests, NULL, NULL);
}
