/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"

#define DIGITS(tens) \
    tens "0" tens "1" tens "2" tens "3" tens "4" tens "5" tens "6" tens "7" tens "8" tens "9"

const char text_pairs[200] =
    DIGITS("0") DIGITS("1") DIGITS("2") DIGITS("3") DIGITS("4")
    DIGITS("5") DIGITS("6") DIGITS("7") DIGITS("8") DIGITS("9");

#define OCTETS_TEN(p)                                                                                                 \
    {p "0."}, {p "1."}, {p "2."}, {p "3."}, {p "4."}, {p "5."}, {p "6."}, {p "7."}, {p "8."}, {p "9."}
#define OCTETS_HUNDRED(p)                                                                                             \
    OCTETS_TEN(p "0"), OCTETS_TEN(p "1"), OCTETS_TEN(p "2"), OCTETS_TEN(p "3"), OCTETS_TEN(p "4"),                    \
        OCTETS_TEN(p "5"), OCTETS_TEN(p "6"), OCTETS_TEN(p "7"), OCTETS_TEN(p "8"), OCTETS_TEN(p "9")

const char text_octets[256][4] = {
    OCTETS_TEN(""),      OCTETS_TEN("1"),  OCTETS_TEN("2"),  OCTETS_TEN("3"),  OCTETS_TEN("4"),  OCTETS_TEN("5"),
    OCTETS_TEN("6"),     OCTETS_TEN("7"),  OCTETS_TEN("8"),  OCTETS_TEN("9"),  OCTETS_HUNDRED("1"),
    OCTETS_TEN("20"),    OCTETS_TEN("21"), OCTETS_TEN("22"), OCTETS_TEN("23"), OCTETS_TEN("24"), {"250."}, {"251."},
    {"252."}, {"253."}, {"254."}, {"255."},
};

#define ENDS_TEN(p)                                                                                                   \
    {p "0"}, {p "1"}, {p "2"}, {p "3"}, {p "4"}, {p "5"}, {p "6"}, {p "7"}, {p "8"}, {p "9"}
#define ENDS_HUNDRED(p)                                                                                               \
    ENDS_TEN(p "0"), ENDS_TEN(p "1"), ENDS_TEN(p "2"), ENDS_TEN(p "3"), ENDS_TEN(p "4"), ENDS_TEN(p "5"),             \
        ENDS_TEN(p "6"), ENDS_TEN(p "7"), ENDS_TEN(p "8"), ENDS_TEN(p "9")

const char text_octets_end[256][4] = {
    ENDS_TEN(""),  ENDS_TEN("1"),     ENDS_TEN("2"),  ENDS_TEN("3"),  ENDS_TEN("4"),  ENDS_TEN("5"),  ENDS_TEN("6"),
    ENDS_TEN("7"), ENDS_TEN("8"),     ENDS_TEN("9"),  ENDS_HUNDRED("1"), ENDS_TEN("20"), ENDS_TEN("21"), ENDS_TEN("22"),
    ENDS_TEN("23"), ENDS_TEN("24"),   {"250"},        {"251"},        {"252"},        {"253"},        {"254"},
    {"255"},
};

const uint8_t text_octet_bytes[256] = {[0 ... 9] = 2, [10 ... 99] = 3, [100 ... 255] = 4};

char *text_unsigned_large(char *out, uint64_t value)
{
    const uint64_t e8 = 100000000;
    if (value < e8 * e8) {
        out = text_unsigned(out, value / e8);
        return text_eight_digits(out, (uint32_t)(value % e8));
    }
    out = text_unsigned(out, value / (e8 * e8));
    value %= e8 * e8;
    out = text_eight_digits(out, (uint32_t)(value / e8));
    return text_eight_digits(out, (uint32_t)(value % e8));
}

/* One to four hexadecimal digits, all four at once in a word. Stores four bytes. */
static char *hex_group(char *out, uint16_t group)
{
    uint32_t value = group;
    uint32_t nibbles = value >> 12 | (value & 0xf00) | (value & 0xf0) << 12 | (value & 15) << 24;
    uint32_t letters = ((nibbles + 0x06060606) >> 4) & 0x01010101;
    uint32_t text = nibbles + 0x30303030 + letters * ('a' - '0' - 10);
    unsigned leading = (unsigned)__builtin_ctz(nibbles | 1u << 24) & ~7u;
    text >>= leading;
    memcpy(out, &text, sizeof text);
    return out + sizeof text - leading / 8;
}

/* The longest run of two or more zero groups, the first of equals (RFC 5952 4.2); length 0 when there is none. */
static void zero_run_find(const uint16_t *groups, int *start, int *length)
{
    *start = -1;
    *length = 0;
    for (int i = 0; i < 8;) {
        int end = i;
        while (end < 8 && groups[end] == 0)
            end++;
        if (end - i > *length && end - i > 1) {
            *start = i;
            *length = end - i;
        }
        i = end + 1;
    }
}

char *text_ipv6(char *out, const uint8_t *bytes)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(bytes, mapped, sizeof mapped) == 0)
        return text_ipv4(out, bytes + 12);
    uint16_t groups[8];
    for (int i = 0; i < 8; i++)
        groups[i] = read_be16(bytes + 2 * i);
    int start, length;
    zero_run_find(groups, &start, &length);
    for (int i = 0; i < 8; i++) {
        if (i == start) {
            *out++ = ':';
            i += length - 1;
            if (i == 7)
                *out++ = ':';
            continue;
        }
        if (i)
            *out++ = ':';
        out = hex_group(out, groups[i]);
    }
    return out;
}

char *text_hex(char *out, const uint8_t *bytes, size_t size_bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size_bytes; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    return out;
}

char *text_mac(char *out, const uint8_t *bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    for (int i = 0; i < 6; i++) {
        out[3 * i] = digits[bytes[i] >> 4];
        out[3 * i + 1] = digits[bytes[i] & 15];
        out[3 * i + 2] = '-';
    }
    return out + TEXT_MAC_MOST;
}

char *text_double(char *out, double value)
{
    if (!isfinite(value))
        return (char *)memcpy(out, "null", 4) + 4;
    /* 15 digits survive in every normal double, so what could be too much is zeroes at the end; denormals hold fewer */
    int least = fabs(value) < DBL_MIN ? 1 : 15;
    for (int digits = least; digits <= 17; digits++) {
        int size = snprintf(out, TEXT_DOUBLE_MOST, "%.*g", digits, value);
        if (digits == 17 || strtod(out, NULL) == value)
            return out + size;
    }
    return out;
}

/* Days to year, month and day: Howard Hinnant's civil_from_days, for any era. */
static void day_render(struct text_day *day, int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    uint32_t of_era = (uint32_t)(shifted - era * 146097);
    uint32_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month_index = (5 * of_year + 2) / 153;
    uint32_t month = month_index < 10 ? month_index + 3 : month_index - 9;
    int64_t year = (int64_t)year_of_era + era * 400 + (month <= 2);
    char *out = day->text;
    if (year < 0)
        *out++ = '-';
    uint64_t magnitude = (uint64_t)(year < 0 ? -year : year);
    if (magnitude < 10000) {
        out = text_pair(out, (uint32_t)magnitude / 100);
        out = text_pair(out, (uint32_t)magnitude % 100);
    } else {
        out = text_unsigned(out, magnitude);
    }
    *out++ = '-';
    out = text_pair(out, month);
    *out++ = '-';
    out = text_pair(out, of_year - (153 * month_index + 2) / 5 + 1);
    *out++ = 'T';
    day->day = days;
    day->text_bytes = (uint32_t)(out - day->text);
}

#define DAY_MS 86400000

static char *time_write(char *out, int64_t days, uint32_t of_day, struct text_day *day)
{
    if (__builtin_expect(days != day->day || !day->text_bytes, 0))
        day_render(day, days);
    memcpy(out, day->text, sizeof day->text);
    out += day->text_bytes;
    uint32_t seconds = of_day / 1000, fraction = of_day % 1000;
    uint32_t minutes = seconds / 60;
    text_pair(out, minutes / 60);
    out[2] = ':';
    text_pair(out + 3, minutes % 60);
    out[5] = ':';
    text_pair(out + 6, seconds % 60);
    out[8] = '.';
    out[9] = (char)('0' + fraction / 100);
    text_pair(out + 10, fraction % 100);
    out[12] = 'Z';
    return out + 13;
}

char *text_time(char *out, int64_t milliseconds, struct text_day *day)
{
    int64_t days = milliseconds / DAY_MS, rest = milliseconds % DAY_MS;
    if (rest < 0) {
        rest += DAY_MS;
        days--;
    }
    return time_write(out, days, (uint32_t)rest, day);
}

char *text_time_unsigned(char *out, uint64_t milliseconds, struct text_day *day)
{
    return time_write(out, (int64_t)(milliseconds / DAY_MS), (uint32_t)(milliseconds % DAY_MS), day);
}

/* Length of the valid UTF-8 sequence (RFC 3629) at bytes, 0 when there is none. */
static unsigned utf8_sequence(const uint8_t *bytes, size_t left)
{
    uint8_t first = bytes[0];
    if (first < 0x80)
        return 1;
    unsigned length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length > left)
        return 0;
    uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (bytes[1] < least || bytes[1] > most)
        return 0;
    for (unsigned i = 2; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static char *escape_ascii(char *out, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    static const char short_forms[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    *out++ = '\\';
    if (byte == '"' || byte == '\\') {
        *out++ = (char)byte;
    } else if (byte < 32 && short_forms[byte]) {
        *out++ = short_forms[byte];
    } else {
        memcpy(out, "u00", 3);
        out[3] = digits[byte >> 4];
        out[4] = digits[byte & 15];
        out += 5;
    }
    return out;
}

static char *escape_slowly(char *out, const uint8_t *bytes, size_t size_bytes)
{
    for (size_t at = 0; at < size_bytes;) {
        uint8_t byte = bytes[at];
        if (byte < 0x80) {
            at++;
            if (byte < 0x20 || byte == '"' || byte == '\\')
                out = escape_ascii(out, byte);
            else
                *out++ = (char)byte;
            continue;
        }
        unsigned length = utf8_sequence(bytes + at, size_bytes - at);
        if (length == 0) {
            out = (char *)memcpy(out, "\xef\xbf\xbd", 3) + 3;
            at++;
        } else if (length == 3 && byte == 0xe2 && bytes[at + 1] == 0x80 && (bytes[at + 2] & 0xfe) == 0xa8) {
            /* U+2028 and U+2029 end a line in JavaScript */
            out = (char *)memcpy(out, bytes[at + 2] == 0xa8 ? "\\u2028" : "\\u2029", 6) + 6;
            at += 3;
        } else {
            out = (char *)memcpy(out, bytes + at, length) + length;
            at += length;
        }
    }
    return out;
}

/* Nonzero when one of eight bytes is a control character, a quote, a backslash or not ASCII. */
static uint64_t needs_escape(uint64_t eight)
{
    const uint64_t ones = 0x0101010101010101ull, tops = 0x8080808080808080ull;
    uint64_t quote = eight ^ ones * '"', backslash = eight ^ ones * '\\';
    uint64_t found = (eight - ones * 0x20) | (quote - ones) | (backslash - ones) | eight;
    return found & tops;
}

static bool is_hex(char digit)
{
    return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f') || (digit >= 'A' && digit <= 'F');
}

/* Length of the escape at text, 0 when there is none. Half a surrogate pair is none: text_json() writes no pairs. */
static unsigned escape_length(const char *text, size_t left)
{
    if (left < 2)
        return 0;
    if (text[1] != 'u')
        return text[1] && strchr("\"\\/bfnrt", text[1]) ? 2 : 0;
    for (unsigned i = 2; i < 6; i++)
        if (i >= left || !is_hex(text[i]))
            return 0;
    bool surrogate = (text[2] == 'd' || text[2] == 'D') && text[3] >= '8';
    return surrogate ? 0 : 6;
}

size_t text_json_prefix(const char *text, size_t size_bytes, size_t most)
{
    size_t at = 0;
    while (at < size_bytes) {
        const uint8_t *bytes = (const uint8_t *)text + at;
        unsigned length = *bytes < 0x20 || *bytes == '"' ? 0
                          : *bytes == '\\'              ? escape_length(text + at, size_bytes - at)
                                                        : utf8_sequence(bytes, size_bytes - at);
        if (length == 0 || at + length > most)
            break;
        at += length;
    }
    return at;
}

typedef int8_t bytes16 __attribute__((vector_size(16)));

/* The same of sixteen bytes; those that are not ASCII are below zero. */
static bool sixteen_need_escape(bytes16 sixteen)
{
    bytes16 found = (sixteen < 0x20) | (sixteen == '"') | (sixteen == '\\');
    uint64_t halves[2];
    memcpy(halves, &found, sizeof halves);
    return halves[0] | halves[1];
}

/* Four to seven bytes, as two words that overlap. */
static char *json_four(char *out, const uint8_t *bytes, size_t size_bytes)
{
    uint32_t first, last;
    memcpy(&first, bytes, 4);
    memcpy(&last, bytes + size_bytes - 4, 4);
    if (needs_escape((uint64_t)last << 32 | first))
        return escape_slowly(out, bytes, size_bytes);
    memcpy(out, &first, 4);
    memcpy(out + size_bytes - 4, &last, 4);
    return out + size_bytes;
}

/* Eight to sixteen. */
static char *json_eight(char *out, const uint8_t *bytes, size_t size_bytes)
{
    uint64_t first, last;
    memcpy(&first, bytes, 8);
    memcpy(&last, bytes + size_bytes - 8, 8);
    if (needs_escape(first) | needs_escape(last))
        return escape_slowly(out, bytes, size_bytes);
    memcpy(out, &first, 8);
    memcpy(out + size_bytes - 8, &last, 8);
    return out + size_bytes;
}

char *text_json(char *out, const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes < 4)
        return escape_slowly(out, bytes, size_bytes);
    if (size_bytes <= 16)
        return size_bytes < 8 ? json_four(out, bytes, size_bytes) : json_eight(out, bytes, size_bytes);
    size_t last = size_bytes - 16;
    for (size_t at = 0;; at = at + 16 < last ? at + 16 : last) {
        bytes16 sixteen;
        memcpy(&sixteen, bytes + at, 16);
        if (sixteen_need_escape(sixteen))
            return escape_slowly(out + at, bytes + at, size_bytes - at);
        memcpy(out + at, &sixteen, 16);
        if (at == last)
            return out + size_bytes;
    }
}
