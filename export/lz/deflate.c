/* SPDX-License-Identifier: Apache-2.0 */
#include "export/lz/deflate.h"

#include <assert.h>
#include <string.h>

#define SYMBOL_END       256
#define SYMBOL_LENGTH    257 /* of the shortest match */
#define LENGTH_SYMBOLS   29
#define CODE_LENGTH_BITS 5   /* of the entries of ISA-L's tables of lengths: below the code */
#define LITERAL_LENGTH_AT 24 /* of our own entries of literals: above the code */
#define CODE_MASK        0xffff
#define COUNTED_MOST     40   /* literals of a run: longer ones are text that comes once, not values */
#define TWO_LEAST_BYTES  8192 /* a part of so many is halved */
#define LINE_LEAST_BYTES 256  /* a shorter line is the action in front of a document, say: that before is wanted, too */

/* RFC 1951 3.2.5: how many extra bits each length symbol has, but for the last, which is 258 alone. */
static const uint8_t length_extra[LENGTH_SYMBOLS] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                     2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};

/* A distance as its symbol and extra bits (RFC 1951 3.2.5): four distances have symbols of their own, and then each
   power of two has two. */
struct distance {
    uint32_t symbol, extra, extra_bits;
};

static inline struct distance distance_split(uint32_t distance)
{
    uint32_t rest = distance - 1;
    if (rest < 4)
        return (struct distance){.symbol = rest};
    uint32_t extra_bits = 30 - (uint32_t)__builtin_clz(rest);
    return (struct distance){.symbol = (rest >> extra_bits) + 2 * extra_bits,
                             .extra = rest & ((1U << extra_bits) - 1),
                             .extra_bits = extra_bits};
}

void deflater_init(struct deflater *deflater)
{
    memset(deflater, 0, sizeof *deflater);
    finder_init(&deflater->finders[0], DEFLATE_DISTANCE_MOST);
    finder_init(&deflater->finders[1], DEFLATE_DISTANCE_MOST);
    uint32_t length = DEFLATE_LENGTH_LEAST;
    for (uint16_t symbol = 0; symbol < LENGTH_SYMBOLS - 1; symbol++)
        for (uint32_t i = 0; i < 1U << length_extra[symbol]; i++)
            deflater->length_symbols[length++] = SYMBOL_LENGTH + symbol;
    deflater->length_symbols[DEFLATE_LENGTH_MOST] = SYMBOL_LENGTH + LENGTH_SYMBOLS - 1;
}

void deflate_begin(struct deflater *deflater, uint8_t *out)
{
    deflater->begin = deflater->out = out;
    deflater->bits = 0;
    deflater->bit_count = 0;
    deflater->has_codes = false;
}

/* The next piece of a match, for those that are longer than deflate's longest; none is shorter than its shortest. */
static inline uint32_t match_piece(uint32_t match)
{
    if (match <= DEFLATE_LENGTH_MOST)
        return match;
    return match - DEFLATE_LENGTH_MOST < DEFLATE_LENGTH_LEAST ? DEFLATE_LENGTH_MOST - DEFLATE_LENGTH_LEAST
                                                              : DEFLATE_LENGTH_MOST;
}

/* ---- bits ---- */

/* Bits on their way, in registers. At most 7 are there after a flush, and room for 57 more. */
struct writing {
    uint64_t bits;
    uint32_t count;
    uint8_t *out;
};

static inline void bits_put(struct writing *writing, uint64_t bits, uint32_t count)
{
    writing->bits |= bits << writing->count;
    writing->count += count;
}

static inline void bits_flush(struct writing *writing)
{
    memcpy(writing->out, &writing->bits, sizeof writing->bits); /* little-endian, as all that ISA-L runs on */
    writing->out += writing->count >> 3;
    writing->bits >>= writing->count & ~7U;
    writing->count &= 7;
}

/* ---- codes ---- */

static void sequences_count(struct deflater *deflater, const struct finder *finder, const uint8_t *bytes,
                            uint32_t count)
{
    struct isal_huff_histogram *histogram = &deflater->histogram;
    memset(histogram, 0, sizeof *histogram);
    for (uint32_t i = 0; i < count; i++) {
        const struct sequence *sequence = &finder->sequences[i];
        for (uint32_t literal = 0; literal < sequence->literals && literal < COUNTED_MOST; literal++)
            histogram->lit_len_histogram[bytes[literal]]++;
        bytes += sequence->literals + sequence->match;
        for (uint32_t left = sequence->match, piece; left; left -= piece) {
            piece = match_piece(left);
            histogram->lit_len_histogram[deflater->length_symbols[piece]]++;
            histogram->dist_histogram[distance_split(sequence->distance).symbol]++;
        }
    }
    histogram->lit_len_histogram[SYMBOL_END] = 1;
}

/* ISA-L's header of a block: whole bytes, and the bits behind them in one more. Its first bit says that it is the last
   block. */
static void header_put(const struct isal_hufftables *tables, struct writing *writing)
{
    uint32_t bytes = tables->deflate_hdr_count, bits = tables->deflate_hdr_extra_bits;
    memcpy(writing->out, tables->deflate_hdr, bytes);
    writing->out[0] |= 1;
    writing->out += bytes;
    bits_put(writing, bits ? tables->deflate_hdr[bytes] & ((1U << bits) - 1) : 0, bits);
}

static void codes_make(struct deflater *deflater, const struct finder *finder, const uint8_t *bytes, uint32_t count,
                       struct writing *writing)
{
    struct isal_hufftables *tables = &deflater->tables;
    sequences_count(deflater, finder, bytes, count);
    int invalid = isal_create_hufftables(tables, &deflater->histogram);
    assert(!invalid);
    (void)invalid;
    for (uint32_t i = 0; i < 256; i++)
        deflater->literals[i] = tables->lit_table[i] | (uint32_t)tables->lit_table_sizes[i] << LITERAL_LENGTH_AT;
    header_put(tables, writing);
    deflater->has_codes = true;
}

/* ---- sequences ---- */

static inline void three_put(struct writing *writing, const uint32_t codes[3])
{
    for (int i = 0; i < 3; i++)
        bits_put(writing, codes[i] & CODE_MASK, codes[i] >> LITERAL_LENGTH_AT);
    bits_flush(writing); /* 45 bits at most */
}

/* Literals that a match follows: so bytes behind them may be read, too. */
static inline void literals_put(struct writing *writing, const uint32_t *codes, const uint8_t *bytes, uint32_t count)
{
    /* How many there are is hard to predict: the last ones, of which there are three at most, come without a branch. */
    static const uint32_t masks[4][3] = {{0, 0, 0}, {~0U, 0, 0}, {~0U, ~0U, 0}, {~0U, ~0U, ~0U}};
    for (; count > 3; count -= 3, bytes += 3)
        three_put(writing, (const uint32_t[3]){codes[bytes[0]], codes[bytes[1]], codes[bytes[2]]});
    const uint32_t *mask = masks[count];
    three_put(writing, (const uint32_t[3]){codes[bytes[0]] & mask[0], codes[bytes[1]] & mask[1],
                                           codes[bytes[2]] & mask[2]});
}

static void tail_put(struct writing *writing, const uint32_t *codes, const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        three_put(writing, (const uint32_t[3]){codes[bytes[i]]});
}

static inline void match_put(struct writing *writing, const struct isal_hufftables *tables, uint32_t match,
                             uint32_t distance)
{
    struct distance split = distance_split(distance);
    uint32_t distance_bits = tables->dcodes_sizes[split.symbol];
    uint32_t distance_code = tables->dcodes[split.symbol] | split.extra << distance_bits;
    distance_bits += split.extra_bits;
    for (uint32_t left = match, piece; left; left -= piece) {
        piece = match_piece(left);
        uint32_t length = tables->len_table[piece - DEFLATE_LENGTH_LEAST]; /* code and extra bits, and how many */
        bits_put(writing, length >> CODE_LENGTH_BITS, length & ((1U << CODE_LENGTH_BITS) - 1));
        bits_put(writing, distance_code, distance_bits);
        bits_flush(writing);
    }
}

static_assert(IGZIP_DECODE_OFFSET == 0, "dcodes has the codes of all distances");

/* Of the finder's sequences; returns where in the input they end. */
static const uint8_t *sequences_put(struct deflater *deflater, const struct finder *finder, const uint8_t *bytes,
                                    uint32_t count)
{
    struct writing writing = {.bits = deflater->bits, .count = deflater->bit_count, .out = deflater->out};
    if (!deflater->has_codes)
        codes_make(deflater, finder, bytes, count, &writing);
    for (uint32_t i = 0; i < count; i++) {
        const struct sequence *sequence = &finder->sequences[i];
        if (sequence->match) {
            literals_put(&writing, deflater->literals, bytes, sequence->literals);
            match_put(&writing, &deflater->tables, sequence->match, sequence->distance);
        } else {
            tail_put(&writing, deflater->literals, bytes, sequence->literals);
        }
        bytes += sequence->literals + sequence->match;
    }
    deflater->bits = writing.bits;
    deflater->bit_count = writing.count;
    deflater->out = writing.out;
    return bytes;
}

/* All that is left of a finder's input, of which it has found the first sequences. */
static void input_put(struct deflater *deflater, struct finder *finder, const uint8_t *bytes, uint32_t count)
{
    for (; count; count = finder_run(finder))
        bytes = sequences_put(deflater, finder, bytes, count);
}

size_t deflate_lines_before(const uint8_t *bytes, const uint8_t *end)
{
    const uint8_t *begin = end;
    while (begin > bytes && end - begin < LINE_LEAST_BYTES) {
        const uint8_t *newline = memrchr(bytes, '\n', (size_t)(begin - bytes) - 1);
        begin = newline ? newline + 1 : bytes;
    }
    return end - begin < DEFLATE_DISTANCE_MOST / 2 ? (size_t)(end - begin) : 0;
}

void deflate_part(struct deflater *deflater, const uint8_t *bytes, size_t size_bytes, size_t before)
{
    struct finder *finder = &deflater->finders[0], *other = &deflater->finders[1];
    const uint8_t *newline = size_bytes < TWO_LEAST_BYTES ? NULL : memrchr(bytes, '\n', size_bytes / 2);
    if (!newline) {
        finder_begin(finder, bytes, size_bytes, before);
        input_put(deflater, finder, bytes, finder_run(finder));
        return;
    }
    const uint8_t *half = newline + 1;
    uint32_t count, other_count;
    finder_begin(finder, bytes, (size_t)(half - bytes), before);
    finder_begin(other, half, (size_t)(bytes + size_bytes - half), deflate_lines_before(bytes, half));
    finder_run_two(finder, other, &count, &other_count);
    input_put(deflater, finder, bytes, count);
    input_put(deflater, other, half, other_count);
}

size_t deflate_end(struct deflater *deflater)
{
    assert(deflater->has_codes);
    struct writing writing = {.bits = deflater->bits, .count = deflater->bit_count, .out = deflater->out};
    bits_put(&writing, deflater->tables.lit_table[SYMBOL_END], deflater->tables.lit_table_sizes[SYMBOL_END]);
    bits_put(&writing, 0, 7); /* the last byte is filled up */
    bits_flush(&writing);
    return (size_t)(writing.out - deflater->begin);
}
