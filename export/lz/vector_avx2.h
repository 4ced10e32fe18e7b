/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <immintrin.h>
#include <stdint.h>

static inline uint32_t differ_32(const uint8_t *a, const uint8_t *b)
{
    __m256i one = _mm256_loadu_si256((const __m256i *)(const void *)a);
    __m256i other = _mm256_loadu_si256((const __m256i *)(const void *)b);
    return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(one, other));
}

static inline uint32_t ends_32(const uint8_t *bytes)
{
    __m256i text = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    __m256i quote = _mm256_cmpeq_epi8(text, _mm256_set1_epi8('"'));
    __m256i comma = _mm256_cmpeq_epi8(text, _mm256_set1_epi8(','));
    /* ] and } differ in one bit */
    __m256i bracket = _mm256_cmpeq_epi8(_mm256_or_si256(text, _mm256_set1_epi8(']' ^ '}')), _mm256_set1_epi8('}'));
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(quote, _mm256_or_si256(comma, bracket)));
}
