/* SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>

#include "base/text.h"

/* Distance from a six-bit value to its letter, by range of values: 26-51, ten digits, 62, 63, 0-25. */
#define DISTANCES(sixty_two, sixty_three)                                                                              \
    _mm_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, \
                  '0' - 52, (sixty_two) - 62, (sixty_three) - 63, 'A', 0, 0)

/*
 * Twelve bytes, each group of three already spread over four as b1 b0 b2 b1, to sixteen letters: W. Mula and D. Lemire,
 * Faster Base64 Encoding and Decoding Using AVX2 (2018).
 */
static __m128i letters_of(__m128i spread, __m128i distances)
{
    __m128i odd = _mm_mulhi_epu16(_mm_and_si128(spread, _mm_set1_epi32(0x0fc0fc00)), _mm_set1_epi32(0x04000040));
    __m128i even = _mm_mullo_epi16(_mm_and_si128(spread, _mm_set1_epi32(0x003f03f0)), _mm_set1_epi32(0x01000010));
    __m128i values = _mm_or_si128(odd, even);
    __m128i range = _mm_subs_epu8(values, _mm_set1_epi8(51));
    range = _mm_or_si128(range, _mm_and_si128(_mm_cmpgt_epi8(_mm_set1_epi8(26), values), _mm_set1_epi8(13)));
    return _mm_add_epi8(values, _mm_shuffle_epi8(distances, range));
}

char *text_base64_8(char *out, uint64_t value)
{
    /* byte k of the text's order is byte 7 - k of the value; what lies behind is zero */
    const __m128i spread = _mm_setr_epi8(6, 7, 5, 6, 3, 4, 2, 3, 0, 1, 8, 0, 8, 8, 8, 8);
    __m128i bytes = _mm_shuffle_epi8(_mm_cvtsi64_si128((int64_t)value), spread);
    _mm_storeu_si128((__m128i *)out, letters_of(bytes, DISTANCES('-', '_')));
    return out + 11;
}

char *text_base64_20(char *out, const uint32_t words[5])
{
    /* byte k of the text's order is byte 3 - k % 4 of word k / 4 */
    const __m128i spread = _mm_setr_epi8(2, 3, 1, 2, 7, 0, 6, 7, 4, 5, 11, 4, 9, 10, 8, 9);
    __m128i first = _mm_loadu_si128((const __m128i *)words);
    __m128i second = _mm_set_epi32(0, 0, (int)words[4], (int)words[3]);
    _mm_storeu_si128((__m128i *)out, letters_of(_mm_shuffle_epi8(first, spread), DISTANCES('+', '/')));
    _mm_storeu_si128((__m128i *)(out + 16), letters_of(_mm_shuffle_epi8(second, spread), DISTANCES('+', '/')));
    out[27] = '=';
    return out + 28;
}
