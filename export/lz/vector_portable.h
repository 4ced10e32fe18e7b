/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

static inline uint32_t differ_32(const uint8_t *a, const uint8_t *b)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < 32; i++)
        bits |= (uint32_t)(a[i] != b[i]) << i;
    return bits;
}

static inline uint32_t ends_32(const uint8_t *bytes)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < 32; i++)
        bits |= (uint32_t)(bytes[i] == '"' || bytes[i] == ',' || bytes[i] == ']' || bytes[i] == '}') << i;
    return bits;
}
