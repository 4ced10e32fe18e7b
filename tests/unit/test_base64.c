/* SPDX-License-Identifier: Apache-2.0 */
/* The two base64 writers against one that takes six bits after the other. Built once for each implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "tests/unit/random.h"

/* RFC 4648 4 and 5. */
static size_t reference(char *out, const uint8_t *bytes, size_t size_bytes, bool url)
{
    const char *letters = url ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                              : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = 0;
    for (size_t bit = 0; bit < 8 * size_bytes; bit += 6) {
        unsigned value = 0;
        for (size_t i = bit; i < bit + 6; i++)
            value = value << 1 | (i < 8 * size_bytes ? bytes[i / 8] >> (7 - i % 8) & 1 : 0);
        out[length++] = letters[value];
    }
    while (!url && length % 4)
        out[length++] = '=';
    return length;
}

static void check(const uint8_t bytes[20])
{
    char expected[32], got[28 + TEXT_OVERRUN + 1];
    uint64_t value = 0;
    uint32_t words[5] = {0};
    for (int i = 0; i < 8; i++)
        value = value << 8 | bytes[i];
    for (int i = 0; i < 20; i++)
        words[i / 4] = words[i / 4] << 8 | bytes[i];
    memset(got, '~', sizeof got);
    assert_int_equal(text_base64_8(got, value) - got, 11);
    assert_int_equal(reference(expected, bytes, 8, true), 11);
    assert_memory_equal(got, expected, 11);
    assert_int_equal(got[11 + TEXT_OVERRUN], '~');
    memset(got, '~', sizeof got);
    assert_int_equal(text_base64_20(got, words) - got, 28);
    assert_int_equal(reference(expected, bytes, 20, false), 28);
    assert_memory_equal(got, expected, 28);
    assert_int_equal(got[28 + TEXT_OVERRUN], '~');
}

/* Each value of six bits in each place. */
static void every_letter(void **state)
{
    for (unsigned fill = 0; fill < 256; fill += 255)
        for (size_t bit = 0; bit + 6 <= 160; bit++)
            for (unsigned value = 0; value < 64; value++) {
                uint8_t bytes[20];
                memset(bytes, (int)fill, sizeof bytes);
                for (unsigned i = 0; i < 6; i++) {
                    uint8_t mask = (uint8_t)(0x80 >> (bit + i) % 8);
                    bytes[(bit + i) / 8] &= (uint8_t)~mask;
                    bytes[(bit + i) / 8] |= value >> (5 - i) & 1 ? mask : 0;
                }
                check(bytes);
            }
}

static void random_values(void **state)
{
    uint64_t random = 1;
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[20];
        random_fill(&random, bytes, sizeof bytes);
        check(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_letter),
        cmocka_unit_test(random_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
