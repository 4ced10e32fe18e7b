/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/clock.h"

/* Milliseconds since 1970 of 10000-01-01 and of 0000-01-01: Elasticsearch's date mapping refuses what lies outside. */
#define TIME_TOO_LATE_MS 253402300800000LL
#define TIME_TOO_EARLY_MS (-62167219200000LL)

/* Nanoseconds since 1970 to milliseconds, downwards also before 1970. */
static inline int64_t time_floor_ms(int64_t ns)
{
    return ns >= 0 ? ns / NS_PER_MS : -((-ns + NS_PER_MS - 1) / NS_PER_MS);
}

static inline bool time_is_far(int64_t milliseconds)
{
    return milliseconds >= TIME_TOO_LATE_MS || milliseconds < TIME_TOO_EARLY_MS;
}

/*
 * NTP time (RFC 5905 6: seconds since 1900, and a fraction of 2^32) to milliseconds since 1970; ns gets what is above
 * them. With eras, seconds without the top bit are of era 1, which begins in February 2036.
 */
static inline int64_t ntp_milliseconds(const uint8_t *bytes, bool eras, int64_t *ns)
{
    const int64_t seconds_1900_to_1970 = 2208988800;
    uint32_t seconds = read_be32(bytes);
    uint64_t fraction_ns = (uint64_t)read_be32(bytes + 4) * 1000000000u >> 32;
    int64_t unix_seconds = (int64_t)seconds - seconds_1900_to_1970;
    if (eras && !(seconds & 0x80000000u))
        unix_seconds += 1LL << 32;
    *ns = (int64_t)(fraction_ns % 1000000);
    return unix_seconds * 1000 + (int64_t)(fraction_ns / 1000000);
}

/* Is the dateTimeMilliseconds one that a mapping takes? */
static inline bool value_is_date(const uint8_t *bytes)
{
    return read_be64(bytes) < TIME_TOO_LATE_MS;
}
