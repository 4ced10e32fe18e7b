/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include <errno.h>
#include <stdlib.h>

#define RING_COUNT_MOST (1U << 31) /* head and tail are 32 bits and must be able to differ by the whole ring */

int ring_init(struct ring *ring, uint32_t count)
{
    uint32_t rounded = 1;
    if (count > RING_COUNT_MOST)
        return -ENOMEM;
    while (rounded < count)
        rounded <<= 1;

    void **slots = calloc(rounded, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    ring->slots = slots;
    ring->mask = rounded - 1;
    ring->tail_seen = ring->head_seen = 0;
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
    return 0;
}

void ring_fini(struct ring *ring)
{
    free(ring->slots);
    ring->slots = NULL;
}
