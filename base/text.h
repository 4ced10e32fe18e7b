/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Values as text, each written at `out`; returns the end of what was written. Nothing is terminated. A writer may store
 * up to TEXT_OVERRUN bytes behind that end; the caller has room for its longest text and these.
 */
#define TEXT_OVERRUN 32

#define TEXT_UNSIGNED_MOST 20
#define TEXT_SIGNED_MOST 20
#define TEXT_IPV4_MOST 15
#define TEXT_IPV6_MOST 39
#define TEXT_MAC_MOST 17
#define TEXT_DOUBLE_MOST 32
#define TEXT_TIME_MOST 32 /* years beyond 9999 have up to 9 digits more */

extern const char text_pairs[200];           /* "00" to "99" */
extern const char text_octets[256][4];       /* "0." to "255." and zeroes */
extern const char text_octets_end[256][4];   /* the same without the dot */
extern const uint8_t text_octet_bytes[256];  /* length with the dot */

/* Sixteen bytes that are stored at once: what loads them again soon need not wait for several small stores. */
typedef uint64_t text_words __attribute__((vector_size(16)));

static inline void text_words_store(char *out, const uint64_t words[2])
{
    text_words both = {words[0], words[1]};
    memcpy(out, &both, sizeof both);
}

static inline char *text_copy(char *out, const char *text, size_t size_bytes)
{
    memcpy(out, text, 32);
    if (__builtin_expect(size_bytes > 32, 0))
        for (size_t at = 32; at < size_bytes; at += 32)
            memcpy(out + at, text + at, 32);
    return out + size_bytes;
}

static inline char *text_pair(char *out, uint32_t below_100)
{
    memcpy(out, text_pairs + 2 * below_100, 2);
    return out + 2;
}

/*
 * The eight digits of a number below 10^8, the first in the lowest byte, each 0 to 9: two, four and eight divisions at
 * once in one word. Counters differ from record to record in their number of digits, so no branch may depend on it.
 */
static inline uint64_t text_digits(uint32_t below_1e8)
{
    uint64_t halves = below_1e8 / 10000 | (uint64_t)(below_1e8 % 10000) << 32;
    uint64_t hundreds = (halves * 10486 >> 20) & 0x0000007f0000007full;
    uint64_t pairs = hundreds | (halves - 100 * hundreds) << 16;
    uint64_t tens = (pairs * 103 >> 10) & 0x000f000f000f000full;
    return tens | (pairs - 10 * tens) << 8;
}

#define TEXT_ASCII_ZEROES 0x3030303030303030ull

static inline char *text_eight_digits(char *out, uint32_t below_1e8)
{
    uint64_t text = text_digits(below_1e8) | TEXT_ASCII_ZEROES;
    memcpy(out, &text, sizeof text);
    return out + sizeof text;
}

static inline char *text_below_1e8(char *out, uint32_t value)
{
    uint64_t digits = text_digits(value);
    /* the last digit stays, also of 0 */
    unsigned leading = (unsigned)__builtin_ctzll(digits | 1ull << 56) & ~7u;
    const uint64_t words[2] = {(digits | TEXT_ASCII_ZEROES) >> leading};
    text_words_store(out, words);
    return out + sizeof digits - leading / 8;
}

static inline char *text_byte(char *out, uint8_t value)
{
    memcpy(out, text_octets[value], 4);
    return out + text_octet_bytes[value] - 1;
}

char *text_unsigned_large(char *out, uint64_t value); /* for values of 10^8 and more */

static inline char *text_unsigned(char *out, uint64_t value)
{
    if (__builtin_expect(value < 100000000, 1))
        return text_below_1e8(out, (uint32_t)value);
    return text_unsigned_large(out, value);
}

static inline char *text_signed(char *out, int64_t value)
{
    uint64_t magnitude = (uint64_t)value;
    if (value < 0) {
        *out++ = '-';
        magnitude = -magnitude;
    }
    return text_unsigned(out, magnitude);
}

/* Dotted decimal with zeroes behind it, the first character in the lowest byte of words[0]; returns its length. */
static inline unsigned text_ipv4_words(uint64_t words[2], const uint8_t *bytes)
{
    uint32_t parts[4];
    memcpy(&parts[0], text_octets[bytes[0]], 4);
    memcpy(&parts[1], text_octets[bytes[1]], 4);
    memcpy(&parts[2], text_octets[bytes[2]], 4);
    memcpy(&parts[3], text_octets_end[bytes[3]], 4);
    unsigned first = text_octet_bytes[bytes[0]], third = text_octet_bytes[bytes[2]];
    unsigned half = first + text_octet_bytes[bytes[1]];
    uint64_t head = parts[0] | (uint64_t)parts[1] << 8 * first;
    uint64_t tail = parts[2] | (uint64_t)parts[3] << 8 * third;
    /* half is 4 to 8: two shifts, for one by 64 is undefined */
    words[0] = head | tail << 4 * half << 4 * half;
    words[1] = tail >> (64 - 8 * half);
    return half + third + text_octet_bytes[bytes[3]] - 1;
}

/* Dotted decimal. */
static inline char *text_ipv4(char *out, const uint8_t *bytes)
{
    uint64_t words[2];
    unsigned length = text_ipv4_words(words, bytes);
    text_words_store(out, words);
    return out + length;
}

/* RFC 5952; an IPv4-mapped address as dotted IPv4. */
char *text_ipv6(char *out, const uint8_t *bytes);

/* Two lower-case digits a byte. */
char *text_hex(char *out, const uint8_t *bytes, size_t size_bytes);

/* "00-1A-2B-3C-4D-5E", the form ECS asks for. */
char *text_mac(char *out, const uint8_t *bytes);

/* The shortest digits that read back as the same double; "null" for NaN and the infinities (JSON has neither). */
char *text_double(char *out, double value);

/* The calendar day of the last time that was written: most times of a burst lie in one day. */
struct text_day {
    int64_t day;   /* since 1970 */
    uint32_t text_bytes;
    char text[32]; /* "2026-01-01T" */
};

/* "2026-01-01T00:00:00.123Z" from milliseconds since 1970 (UTC), of any year. day: zeroed before the first call. */
char *text_time(char *out, int64_t milliseconds, struct text_day *day);

/* The same from unsigned milliseconds, as dateTimeMilliseconds has them (RFC 7011 6.1.8). */
char *text_time_unsigned(char *out, uint64_t milliseconds, struct text_day *day);

/* The inside of a JSON string. Each byte of an invalid UTF-8 sequence becomes U+FFFD. At most 6 bytes a byte. */
char *text_json(char *out, const uint8_t *bytes, size_t size_bytes);

/* How many of the bytes, at most `most`, are the inside of a sound JSON string; no character or escape is cut. */
size_t text_json_prefix(const char *text, size_t size_bytes, size_t most);

/* base64 of eight bytes, the most significant first, with the URL alphabet (RFC 4648 5), unpadded: 11 characters. */
char *text_base64_8(char *out, uint64_t value);

/* base64 of 20 bytes, five words with their most significant byte first (RFC 4648 4), padded: 28 characters. */
char *text_base64_20(char *out, const uint32_t words[5]);
