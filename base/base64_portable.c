/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The letters of `count` six-bit values, the first in the top bits. */
static char *letters_put(char *out, uint64_t bits, int count, const char *letters)
{
    for (int i = 0; i < count; i++)
        *out++ = letters[bits >> (58 - 6 * i) & 63];
    return out;
}

char *text_base64_8(char *out, uint64_t value)
{
    out = letters_put(out, value, 10, url);
    *out = url[value << 2 & 63];
    return out + 1;
}

char *text_base64_20(char *out, const uint32_t words[5])
{
    uint64_t first = (uint64_t)words[0] << 32 | words[1], second = (uint64_t)words[2] << 32 | words[3];
    out = letters_put(out, first, 8, standard);
    out = letters_put(out, first << 48 | second >> 16, 8, standard);
    out = letters_put(out, second << 32 | words[4], 8, standard);
    out = letters_put(out, (uint64_t)words[4] << 48, 3, standard);
    *out = '=';
    return out + 1;
}
