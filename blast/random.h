/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* splitmix64: the same numbers for the same state, of which any will do. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline uint32_t random_below(uint64_t *state, uint32_t most)
{
    return (uint32_t)((random_next(state) >> 32) * most >> 32);
}

/* From 0 to below 1. */
static inline double random_share(uint64_t *state)
{
    return (double)(random_next(state) >> 11) * 0x1p-53;
}
