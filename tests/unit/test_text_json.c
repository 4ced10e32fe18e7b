/* SPDX-License-Identifier: Apache-2.0 */
/* JSON strings and copies, against implementations that do one byte after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "tests/unit/random.h"

/* The code point that begins at bytes, and its length; -1 where no valid sequence does (RFC 3629 3). */
static long code_point(const uint8_t *bytes, size_t left, size_t *length)
{
    static const long least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = bytes[0] < 0x80 ? 1 : bytes[0] >> 5 == 6 ? 2 : bytes[0] >> 4 == 14 ? 3 : bytes[0] >> 3 == 30 ? 4 : 0;
    *length = 1;
    if (size == 0 || size > left)
        return -1;
    long value = size == 1 ? bytes[0] : bytes[0] & (0x7f >> size);
    for (size_t i = 1; i < size; i++) {
        if (bytes[i] >> 6 != 2)
            return -1;
        value = value << 6 | (bytes[i] & 0x3f);
    }
    if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return -1;
    *length = size;
    return value;
}

static size_t reference(char *out, const uint8_t *bytes, size_t size_bytes)
{
    char *start = out;
    for (size_t at = 0, length; at < size_bytes; at += length) {
        long value = code_point(bytes + at, size_bytes - at, &length);
        const char *named = value > 0 && value < 128 ? strchr("\bb\tt\nn\ff\rr", (int)value) : NULL;
        if (value < 0)
            out += sprintf(out, "\xef\xbf\xbd");
        else if (value == '"' || value == '\\')
            out += sprintf(out, "\\%c", (char)value);
        else if (named && value < 32)
            out += sprintf(out, "\\%c", named[1]);
        else if (value < 32 || value == 0x2028 || value == 0x2029)
            out += sprintf(out, "\\u%04lx", value);
        else
            out = (char *)memcpy(out, bytes + at, length) + length;
    }
    return (size_t)(out - start);
}

/* Both run on memory of exactly the size, so that the sanitizer sees what reads too far. */
static void check(const uint8_t *bytes, size_t size_bytes, size_t offset)
{
    static char expected[8192], got[8192 + TEXT_OVERRUN];
    uint8_t *copy = malloc(size_bytes + offset + 1);
    assert_non_null(copy);
    memcpy(copy + offset + 1, bytes, size_bytes);
    size_t length = reference(expected, bytes, size_bytes);
    memset(got, '~', 6 * size_bytes + TEXT_OVERRUN + 1);
    char *end = text_json(got, copy + offset + 1, size_bytes);
    assert_int_equal(end - got, length);
    assert_memory_equal(got, expected, length);
    assert_int_equal(got[6 * size_bytes + TEXT_OVERRUN], '~');
    free(copy);
}

static void check_text(const char *bytes, size_t size_bytes, const char *json)
{
    char got[512];
    char *end = text_json(got, (const uint8_t *)bytes, size_bytes);
    *end = 0;
    assert_string_equal(got, json);
    check((const uint8_t *)bytes, size_bytes, 0);
}

#define FFFD "\xef\xbf\xbd"
#define CHECK(bytes, json) check_text(bytes, sizeof bytes - 1, json)

static void rules(void **state)
{
    CHECK("", "");
    CHECK("plain text of some length", "plain text of some length");
    CHECK("<a href='x'>&/</a>", "<a href='x'>&/</a>");
    CHECK("say \"a\\b\"", "say \\\"a\\\\b\\\"");
    CHECK("\b\t\n\f\r", "\\b\\t\\n\\f\\r");
    CHECK("a\0b\x01\x1f\x7f", "a\\u0000b\\u0001\\u001f\x7f");
    CHECK("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    CHECK("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7\xe2\x80\xaa", "\\u2028\\u2029\xe2\x80\xa7\xe2\x80\xaa");
    CHECK("\xff", FFFD);
    CHECK("\xc0\x80", FFFD FFFD);                     /* overlong */
    CHECK("\xc1\xbf", FFFD FFFD);
    CHECK("\xe0\x9f\xbf", FFFD FFFD FFFD);
    CHECK("\xe0\xa0\x80", "\xe0\xa0\x80");
    CHECK("\xf0\x8f\xbf\xbf", FFFD FFFD FFFD FFFD);
    CHECK("\xed\x9f\xbf", "\xed\x9f\xbf");
    CHECK("\xed\xa0\x80", FFFD FFFD FFFD);             /* a surrogate */
    CHECK("\xed\xbf\xbf", FFFD FFFD FFFD);
    CHECK("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
    CHECK("\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD);   /* above U+10FFFF */
    CHECK("\xf0\x9f\x98", FFFD FFFD FFFD);             /* cut */
    CHECK("\xf0\x9f\x98x", FFFD FFFD FFFD "x");
    CHECK("a\xe2\x82", "a" FFFD FFFD);
    CHECK("\x80\xbf", FFFD FFFD);
    CHECK("\xe2\x80", FFFD FFFD);                      /* not U+2028 yet */
    CHECK("12345678\xc3", "12345678" FFFD);
}

/* Each sequence of two bytes, and each of three to four whose first is no ASCII and the others are at an edge. */
static void short_sequences(void **state)
{
    static const uint8_t edges[] = {0x00, 0x22, 0x5c, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xa8, 0xa9, 0xbf, 0xc0, 0xff};
    for (unsigned one = 0; one < 256; one++)
        for (unsigned two = 0; two < 256; two++)
            check((const uint8_t[2]){(uint8_t)one, (uint8_t)two}, 2, 0);
    for (unsigned one = 0x80; one < 256; one++)
        for (unsigned code = 0; code < sizeof edges * sizeof edges * sizeof edges; code++) {
            const uint8_t bytes[4] = {(uint8_t)one, edges[code % sizeof edges],
                                      edges[code / sizeof edges % sizeof edges],
                                      edges[code / (sizeof edges * sizeof edges)]};
            check(bytes, 3, 0);
            check(bytes, 4, 0);
        }
}

/* One byte of each value at each place of texts of all lengths to 64, which are copied in words. */
static void one_byte_anywhere(void **state)
{
    uint8_t bytes[64];
    for (size_t size = 1; size <= sizeof bytes; size++)
        for (size_t place = 0; place < size; place++)
            for (unsigned value = 0; value < 256; value += value < 0x80 ? 1 : 5) {
                memset(bytes, 'a', size);
                bytes[place] = (uint8_t)value;
                check(bytes, size, size & 7);
            }
}

static void random_bytes(void **state)
{
    static const char letters[] = "abc \x01\"\\\xc3\xa9\xe2\x80\xa8\xe2\x80\xa9\xf0\x9f\x98\x80\xed\xa0\x80\xff";
    uint64_t random = 9;
    uint8_t bytes[64];
    for (int round = 0; round < 40; round++)
        for (size_t size = 0; size <= sizeof bytes; size++)
            for (size_t offset = 0; offset < 8; offset++) {
                random_fill(&random, bytes, size);
                check(bytes, size, offset);
                for (size_t i = 0; i < size; i++)
                    bytes[i] = (uint8_t)letters[random_below(&random, sizeof letters)];
                check(bytes, size, offset);
            }
}

static void copies(void **state)
{
    for (size_t size = 0; size <= 200; size++) {
        char from[232], to[232 + 1];
        uint64_t random = size + 1;
        random_fill(&random, from, sizeof from);
        memset(to, '~', sizeof to);
        assert_ptr_equal(text_copy(to, from, size), to + size);
        assert_memory_equal(to, from, size);
        for (size_t at = size + TEXT_OVERRUN; at < sizeof to; at++)
            assert_int_equal(to[at], '~');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),        cmocka_unit_test(short_sequences), cmocka_unit_test(one_byte_anywhere),
        cmocka_unit_test(random_bytes), cmocka_unit_test(copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
