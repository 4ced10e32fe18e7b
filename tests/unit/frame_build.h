/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <string.h>

/* A packet under construction, layer by layer from the outside. */
struct build {
    uint8_t bytes[2048];
    uint32_t size_bytes;
};

static inline void put(struct build *build, const void *bytes, uint32_t count)
{
    memcpy(build->bytes + build->size_bytes, bytes, count);
    build->size_bytes += count;
}

static inline void put_16(struct build *build, uint32_t value)
{
    uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};
    put(build, bytes, 2);
}

static inline void put_fill(struct build *build, uint8_t value, uint32_t count)
{
    memset(build->bytes + build->size_bytes, value, count);
    build->size_bytes += count;
}

static inline void put_ethernet(struct build *build, uint32_t type)
{
    put_fill(build, 2, 12);
    put_16(build, type);
}

static inline void put_tag(struct build *build, uint32_t type)
{
    put_16(build, 42);
    put_16(build, type);
}

/* payload_bytes: behind the IP header. options_bytes: a multiple of 4. */
static inline void put_ipv4(struct build *build, uint32_t payload_bytes, uint32_t options_bytes, uint32_t fragment)
{
    static const uint8_t addresses[] = {192, 0, 2, 7, 198, 51, 100, 9};
    put_16(build, (0x45 + options_bytes / 4) << 8);
    put_16(build, 20 + options_bytes + payload_bytes);
    put_16(build, 0x1234);
    put_16(build, fragment);
    put_16(build, 64 << 8 | 17);
    put_16(build, 0);
    put(build, addresses, 8);
    put_fill(build, 1, options_bytes);
}

static inline void put_ipv6(struct build *build, uint32_t payload_bytes, uint8_t next)
{
    put_16(build, 0x6000);
    put_16(build, 0);
    put_16(build, payload_bytes);
    put_16(build, (uint32_t)next << 8 | 64);
    put_16(build, 0x2001);
    put_16(build, 0x0db8);
    put_fill(build, 7, 12);
    put_fill(build, 9, 16);
}

static inline void put_udp(struct build *build, uint32_t payload_bytes)
{
    put_16(build, 40000);
    put_16(build, 2055);
    put_16(build, 8 + payload_bytes);
    put_16(build, 0);
    put_fill(build, 0xaa, payload_bytes);
}
