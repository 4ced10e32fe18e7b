/* SPDX-License-Identifier: Apache-2.0 */
#include "export/lz/lz4_block.h"

#include <stdbool.h>
#include <string.h>

#define TOKEN_MOST  15  /* of a length in the token; what is more follows in bytes */
#define COPY_BYTES  32  /* literals are copied in pieces of so many */

/* The part of a length that is over what the token has: bytes of 255, and one below. */
static inline uint8_t *length_put(uint8_t *out, size_t over)
{
    for (; __builtin_expect(over >= 255, 0); over -= 255)
        *out++ = 255;
    *out = (uint8_t)over;
    return out + 1;
}

/* Token and literals; the length of the match is still to be added to the token. */
static inline uint8_t *literals_put(uint8_t *out, const uint8_t *literals, size_t count)
{
    uint8_t *token = out++;
    *token = (uint8_t)((count < TOKEN_MOST ? count : TOKEN_MOST) << 4);
    if (count >= TOKEN_MOST)
        out = length_put(out, count - TOKEN_MOST);
    /* Runs over: into what is written next, and nowhere out of the input, for a match follows that ends before its last
       bytes. */
    memcpy(out, literals, COPY_BYTES);
    for (size_t at = COPY_BYTES; __builtin_expect(at < count, 0); at += COPY_BYTES)
        memcpy(out + at, literals + at, COPY_BYTES);
    return out + count;
}

static inline uint8_t *sequence_put(uint8_t *out, const uint8_t *literals, const struct sequence *sequence)
{
    uint8_t *token = out;
    out = literals_put(out, literals, sequence->literals);
    out[0] = (uint8_t)sequence->distance; /* little-endian */
    out[1] = (uint8_t)(sequence->distance >> 8);
    out += 2;
    size_t more = sequence->match - SEQUENCE_MATCH_LEAST;
    *token |= (uint8_t)(more < TOKEN_MOST ? more : TOKEN_MOST);
    return more < TOKEN_MOST ? out : length_put(out, more - TOKEN_MOST);
}

/* The last literals, which no match follows. */
static uint8_t *tail_put(uint8_t *out, const uint8_t *literals, size_t count)
{
    *out = (uint8_t)((count < TOKEN_MOST ? count : TOKEN_MOST) << 4);
    out = count < TOKEN_MOST ? out + 1 : length_put(out + 1, count - TOKEN_MOST);
    memcpy(out, literals, count);
    return out + count;
}

/* Whether the sequence has room, with the copies that run over. */
static inline bool has_room(const uint8_t *out, const uint8_t *end, const struct sequence *sequence)
{
    size_t lengths = (sequence->literals + sequence->match) / 255; /* and four bytes more, rounding included */
    return (size_t)(end - out) >= sequence->literals + lengths + 2 * COPY_BYTES;
}

size_t lz4_block_put(struct finder *finder, const uint8_t *bytes, uint32_t count, uint8_t *out, size_t room_bytes)
{
    uint8_t *begin = out, *end = out + room_bytes;
    for (; count; count = finder_run(finder)) {
        for (uint32_t i = 0; i < count; i++) {
            const struct sequence *sequence = &finder->sequences[i];
            if (__builtin_expect(!has_room(out, end, sequence), 0))
                return 0;
            out = sequence->match ? sequence_put(out, bytes, sequence) : tail_put(out, bytes, sequence->literals);
            bytes += sequence->literals + sequence->match;
        }
    }
    return (size_t)(out - begin);
}

size_t lz4_block_write(struct finder *finder, const uint8_t *bytes, size_t size_bytes, uint8_t *out, size_t room_bytes)
{
    finder_begin(finder, bytes, size_bytes, 0);
    return lz4_block_put(finder, bytes, finder_run(finder), out, room_bytes);
}
