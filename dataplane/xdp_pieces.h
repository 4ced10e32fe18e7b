/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <xdp/xsk.h>

#include "dataplane/backend.h"

/* Linux 6.6; the headers may be older. */
#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)
#endif

/*
 * Frames that are longer than one of the UMEM come in pieces, a descriptor each, in order. They are put together in
 * memory of the queue's own, of which a burst has so much and no more. Belongs to the queue's worker.
 */
struct xdp_pieces {
    const uint8_t *umem;
    uint8_t *slots; /* NULL: no frame comes in pieces */
    uint32_t slot_bytes;
    uint32_t used;
};

/* Does the kernel give frames in pieces? */
bool xdp_pieces_supported(void);

/* umem: where descriptors point. message_bytes_most: of a payload; what is longer is cut. Returns 0 or -ENOMEM. */
int xdp_pieces_init(struct xdp_pieces *pieces, const uint8_t *umem, uint64_t message_bytes_most);
void xdp_pieces_fini(struct xdp_pieces *pieces);

/* A burst begins: what the last one had is not looked at any more. */
static inline void xdp_pieces_reset(struct xdp_pieces *pieces)
{
    pieces->used = 0;
}

/*
 * Puts the frame together whose first piece is descriptor number `first` of the ring, of `count` that may be read.
 * Returns how many pieces it has; 0 when the last one is not among them, or there is no memory left in this burst.
 */
uint32_t xdp_pieces_join(struct xdp_pieces *pieces, const struct xsk_ring_cons *ring, uint32_t first, uint32_t count,
                         struct packet *packet);
