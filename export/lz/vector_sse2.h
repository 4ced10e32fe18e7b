/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <emmintrin.h>
#include <stdint.h>

static inline uint32_t same_16(const uint8_t *a, const uint8_t *b)
{
    __m128i one = _mm_loadu_si128((const __m128i *)(const void *)a);
    __m128i other = _mm_loadu_si128((const __m128i *)(const void *)b);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(one, other));
}

static inline uint32_t differ_32(const uint8_t *a, const uint8_t *b)
{
    return ~(same_16(a, b) | same_16(a + 16, b + 16) << 16);
}

static inline uint32_t ends_16(const uint8_t *bytes)
{
    __m128i text = _mm_loadu_si128((const __m128i *)(const void *)bytes);
    __m128i quote = _mm_cmpeq_epi8(text, _mm_set1_epi8('"'));
    __m128i comma = _mm_cmpeq_epi8(text, _mm_set1_epi8(','));
    __m128i bracket = _mm_cmpeq_epi8(_mm_or_si128(text, _mm_set1_epi8(']' ^ '}')), _mm_set1_epi8('}'));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(quote, _mm_or_si128(comma, bracket)));
}

static inline uint32_t ends_32(const uint8_t *bytes)
{
    return ends_16(bytes) | ends_16(bytes + 16) << 16;
}
