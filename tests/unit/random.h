/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* xorshift64*: the same numbers in every run. The state is never 0. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

static inline uint32_t random_below(uint64_t *state, uint32_t most)
{
    return (uint32_t)(random_next(state) >> 33) % most;
}

static inline void random_fill(uint64_t *state, void *memory, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        ((uint8_t *)memory)[i] = (uint8_t)(random_next(state) >> 40);
}
