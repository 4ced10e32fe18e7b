/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <string.h>

/* Unaligned reads of network order. The caller has checked the length. */

static inline uint16_t read_be16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap16(value);
}

static inline uint32_t read_be32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint64_t read_be64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap64(value);
}

/* Reduced-size encoding (RFC 7011 6.2): an unsigned of 0..8 bytes. */
static inline uint64_t read_be(const uint8_t *bytes, unsigned length)
{
    switch (length) {
    case 1:
        return bytes[0];
    case 2:
        return read_be16(bytes);
    case 4:
        return read_be32(bytes);
    case 8:
        return read_be64(bytes);
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < length; i++)
        value = value << 8 | bytes[i];
    return value;
}
