/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, addresses and times as text, against what the C library writes. */
#include <arpa/inet.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/text.h"
#include "tests/unit/random.h"

static char expected[128];
static char memory[256];

/* Where a text of at most `most` bytes is written: behind what it may overrun, bytes that must stay. */
static char *room(size_t most)
{
    memset(memory, '~', sizeof memory);
    memset(memory + 16, '#', most + TEXT_OVERRUN);
    return memory + 16;
}

static void check(const char *end, size_t most)
{
    size_t length = (size_t)(end - memory - 16);
    if (length > most || length != strlen(expected) || memcmp(memory + 16, expected, length) != 0)
        fail_msg("'%.*s' is not '%s'", (int)length, memory + 16, expected);
    for (size_t i = 0; i < sizeof memory; i++)
        if ((i < 16 || i >= 16 + most + TEXT_OVERRUN) && memory[i] != '~')
            fail_msg("'%s' wrote at %zd", expected, (ptrdiff_t)i - 16);
}

static void unsigned_check(uint64_t value)
{
    sprintf(expected, "%" PRIu64, value);
    check(text_unsigned(room(TEXT_UNSIGNED_MOST), value), TEXT_UNSIGNED_MOST);
}

static void signed_check(int64_t value)
{
    sprintf(expected, "%" PRId64, value);
    check(text_signed(room(TEXT_SIGNED_MOST), value), TEXT_SIGNED_MOST);
}

static void decimals(void **state)
{
    for (uint64_t power = 1, digits = 1; digits <= 20; power *= 10, digits++)
        for (int64_t off = -2; off <= 2; off++) {
            unsigned_check(power + (uint64_t)off);
            signed_check((int64_t)(power + (uint64_t)off));
            signed_check((int64_t) - (power + (uint64_t)off));
        }
    for (unsigned bit = 0; bit < 64; bit++) {
        unsigned_check(1ull << bit);
        unsigned_check((1ull << bit) - 1);
        signed_check((int64_t)(1ull << bit));
    }
    unsigned_check(UINT64_MAX);
    signed_check(INT64_MIN);
    signed_check(INT64_MAX);
    uint64_t random = 1;
    for (int i = 0; i < 200000; i++) {
        uint64_t value = random_next(&random) >> (i & 63);
        unsigned_check(value);
        signed_check((int64_t)value);
        signed_check((int64_t)-value);
    }
}

/* Every number below 10^6, and of those below 10^8 each with its eight digits. */
static void eight_digits(void **state)
{
    for (uint32_t value = 0; value < 1000000; value++)
        unsigned_check(value);
    uint64_t random = 2;
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t value = random_below(&random, 100000000);
        sprintf(expected, "%08u", value);
        check(text_eight_digits(room(8), value), 8);
    }
    for (uint32_t value = 0; value < 100; value++) {
        sprintf(expected, "%02u", value);
        check(text_pair(room(2), value), 2);
    }
    for (uint32_t value = 0; value < 256; value++) {
        sprintf(expected, "%u", value);
        check(text_byte(room(3), (uint8_t)value), 3);
    }
}

static void ipv4(void **state)
{
    for (unsigned place = 0; place < 4; place++)
        for (unsigned value = 0; value < 256; value++)
            for (unsigned other = 0; other < 3; other++) {
                const uint8_t others[3] = {0, 99, 255};
                uint8_t bytes[4] = {others[other], others[other], others[other], others[other]};
                bytes[place] = (uint8_t)value;
                inet_ntop(AF_INET, bytes, expected, sizeof expected);
                check(text_ipv4(room(TEXT_IPV4_MOST), bytes), TEXT_IPV4_MOST);
            }
    uint64_t random = 3;
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[4];
        random_fill(&random, bytes, sizeof bytes);
        inet_ntop(AF_INET, bytes, expected, sizeof expected);
        check(text_ipv4(room(TEXT_IPV4_MOST), bytes), TEXT_IPV4_MOST);
    }
}

/* What sorts addresses reads sixteen characters: those behind the text are zeroes. */
static void ipv4_words(void **state)
{
    uint64_t random = 4;
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[4];
        char text[16] = "";
        uint64_t words[2];
        random_fill(&random, bytes, sizeof bytes);
        bytes[i & 3] = (uint8_t)(i % 120);
        inet_ntop(AF_INET, bytes, text, sizeof text);
        for (size_t at = strlen(text); at < sizeof text; at++)
            text[at] = 0;
        assert_int_equal(text_ipv4_words(words, bytes), strlen(text));
        assert_memory_equal(words, text, sizeof text);
    }
}

static bool is_mapped(const uint8_t *bytes)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(bytes, mapped, sizeof mapped) == 0;
}

/* inet_ntop() writes two kinds with dots at the end: mapped ones, here as IPv4 alone, and compatible ones, here hex. */
static void ipv6_check(const uint8_t *bytes)
{
    inet_ntop(AF_INET6, bytes, expected, sizeof expected);
    if (is_mapped(bytes))
        memmove(expected, expected + 7, strlen(expected + 7) + 1);
    else if (strchr(expected, '.'))
        sprintf(expected, "::%x:%x", bytes[12] << 8 | bytes[13], bytes[14] << 8 | bytes[15]);
    check(text_ipv6(room(TEXT_IPV6_MOST), bytes), TEXT_IPV6_MOST);
}

static void ipv6(void **state)
{
    uint64_t random = 5;
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[16];
        random_fill(&random, bytes, sizeof bytes);
        uint32_t zeroes = random_below(&random, 256), short_ones = random_below(&random, 256);
        for (int group = 0; group < 8; group++) {
            if (zeroes >> group & 1)
                bytes[2 * group] = bytes[2 * group + 1] = 0;
            if (short_ones >> group & 1)
                bytes[2 * group] = 0;
            if (short_ones & 8)
                bytes[2 * group + 1] &= 15;
        }
        if (i % 16 == 0)
            memcpy(bytes, (const uint8_t[12]){[10] = 0xff, [11] = 0xff}, 12);
        ipv6_check(bytes);
    }
    /* each of the 256 patterns of zero groups */
    for (unsigned pattern = 0; pattern < 256; pattern++) {
        uint8_t bytes[16];
        for (unsigned group = 0; group < 8; group++) {
            bytes[2 * group] = pattern >> group & 1 ? 0x20 : 0;
            bytes[2 * group + 1] = pattern >> group & 1;
        }
        ipv6_check(bytes);
    }
}

static void ipv6_of_rfc_5952(void **state)
{
    static const char *const texts[][2] = {
        {"2001:0db8::0001", "2001:db8::1"},
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:DB8::AAAA", "2001:db8::aaaa"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"1:0:0:0:0:0:0:0", "1::"},
        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
        {"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
        {"0:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:0"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::ffff:0.0.0.0", "0.0.0.0"},
        {"::fffe:192.0.2.1", "::fffe:c000:201"},
        {"::192.0.2.1", "::c000:201"},
        {"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t bytes[16];
        assert_int_equal(inet_pton(AF_INET6, texts[i][0], bytes), 1);
        strcpy(expected, texts[i][1]);
        check(text_ipv6(room(TEXT_IPV6_MOST), bytes), TEXT_IPV6_MOST);
    }
}

static void mac(void **state)
{
    uint64_t random = 6;
    for (int i = 0; i < 1000; i++) {
        uint8_t b[6];
        random_fill(&random, b, sizeof b);
        sprintf(expected, "%02X-%02X-%02X-%02X-%02X-%02X", b[0], b[1], b[2], b[3], b[4], b[5]);
        check(text_mac(room(TEXT_MAC_MOST), b), TEXT_MAC_MOST);
    }
}

/* Significant digits of a number's text. */
static int digits_of(const char *text)
{
    int digits = 0, zeroes = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (digits == 0 && *text == '0'))
            continue;
        digits++;
        zeroes = *text == '0' ? zeroes + 1 : 0;
    }
    return digits - zeroes;
}

static void double_check(double value)
{
    char text[64] = "", shorter[64];
    char *end = text_double(room(TEXT_DOUBLE_MOST), value);
    memcpy(text, memory + 16, (size_t)(end - memory - 16));
    strcpy(expected, text);
    check(end, TEXT_DOUBLE_MOST);
    double back = strtod(text, NULL);
    if (memcmp(&back, &value, sizeof back) != 0)
        fail_msg("%a became %s, which is %a", value, text, back);
    int digits = digits_of(text);
    if (digits < 2)
        return;
    snprintf(shorter, sizeof shorter, "%.*e", digits - 2, value);
    if (strtod(shorter, NULL) == value)
        fail_msg("%s is shorter than %s", shorter, text);
}

static void doubles(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.0, "0"},           {-0.0, "-0"},      {1.0, "1"},         {-1.5, "-1.5"},      {0.1, "0.1"},
        {1e21, "1e+21"},      {5e-324, "5e-324"}, {1e-7, "1e-07"},   {1.0 / 3, "0.3333333333333333"},
        {(double)0.1f, "0.10000000149011612"}, {(double)16777216.0f, "16777216"},
        {DBL_MAX, "1.7976931348623157e+308"}, {DBL_MIN, "2.2250738585072014e-308"},
        {INFINITY, "null"},   {-INFINITY, "null"}, {NAN, "null"},    {-NAN, "null"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        strcpy(expected, rows[i].text);
        check(text_double(room(TEXT_DOUBLE_MOST), rows[i].value), TEXT_DOUBLE_MOST);
    }
    uint64_t random = 7;
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = random_next(&random);
        if (i % 10 == 0)
            bits &= 0x800fffffffffffffull >> (i / 10 % 50); /* denormals */
        double value;
        float narrow;
        memcpy(&value, &bits, sizeof value);
        memcpy(&narrow, &bits, sizeof narrow);
        if (isfinite(value))
            double_check(value);
        if (isfinite(narrow))
            double_check((double)narrow);
    }
}

/* The C library's calendar; it has years as int, as many as milliseconds in 64 bits reach. */
static void time_expect(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm tm;
    assert_non_null(gmtime_r(&seconds, &tm));
    long year = tm.tm_year + 1900L;
    char *out = expected + sprintf(expected, year < 0 ? "-%04ld" : "%04ld", labs(year));
    sprintf(out, "-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
            (int)((ms % 1000 + 1000) % 1000));
}

static void times(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-86400000, "1969-12-31T00:00:00.000Z"},
        {-2208988800000, "1900-01-01T00:00:00.000Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {1709164800000, "2024-02-29T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {253402300800000, "10000-01-01T00:00:00.000Z"},
        {-62167219200000, "0000-01-01T00:00:00.000Z"},
        {-62167219200001, "-0001-12-31T23:59:59.999Z"},
        {INT64_MAX, "292278994-08-17T07:12:55.807Z"},
        {INT64_MIN, "-292275055-05-16T16:47:04.192Z"},
    };
    struct text_day day = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        strcpy(expected, rows[i].text);
        check(text_time(room(TEXT_TIME_MOST), rows[i].ms, &day), TEXT_TIME_MOST);
    }
    strcpy(expected, "584556019-04-03T14:25:51.615Z");
    check(text_time_unsigned(room(TEXT_TIME_MOST), UINT64_MAX, &day), TEXT_TIME_MOST);
    uint64_t random = 8;
    for (int i = 0; i < 200000; i++) {
        int64_t ms = (int64_t)random_next(&random) >> random_below(&random, 40);
        time_expect(ms);
        check(text_time(room(TEXT_TIME_MOST), ms, &day), TEXT_TIME_MOST);
        if (ms >= 0)
            check(text_time_unsigned(room(TEXT_TIME_MOST), (uint64_t)ms, &day), TEXT_TIME_MOST);
    }
}

/* Each day of four centuries, in order and so by the day that is kept; its first and last millisecond. */
static void days(void **state)
{
    struct text_day day = {0};
    for (int64_t n = -25567; n < -25567 + 146097; n++)
        for (int64_t of_day = 0; of_day < 86400000; of_day += 86399999) {
            time_expect(n * 86400000 + of_day);
            check(text_time(room(TEXT_TIME_MOST), n * 86400000 + of_day, &day), TEXT_TIME_MOST);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals), cmocka_unit_test(eight_digits),     cmocka_unit_test(ipv4),
        cmocka_unit_test(ipv4_words), cmocka_unit_test(ipv6),           cmocka_unit_test(ipv6_of_rfc_5952),
        cmocka_unit_test(mac),      cmocka_unit_test(doubles),          cmocka_unit_test(times),
        cmocka_unit_test(days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
