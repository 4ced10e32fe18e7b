/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <string.h>

/* Unaligned writes in network order. */

static inline void put_be16(uint8_t *out, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(out, &value, sizeof value);
}

static inline void put_be32(uint8_t *out, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(out, &value, sizeof value);
}

static inline void put_be64(uint8_t *out, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(out, &value, sizeof value);
}

/* The lowest `length` bytes of value, zeros before them where there are more than eight. Returns what follows. */
static inline uint8_t *put_number(uint8_t *out, uint64_t value, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        out[i] = (uint8_t)(length - i > 8 ? 0 : value >> 8 * (length - 1 - i));
    return out + length;
}
