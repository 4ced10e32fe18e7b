/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xdp_pieces.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOTS        16  /* frames in pieces of a burst */
#define HEADERS_MOST 512 /* in front of a payload: Ethernet, tags, IP with options or extension headers, UDP */
#define NO_INTERFACE 0x7fffffff

/* A kernel that does not know the flag says so before it looks for the interface, which there is not. */
bool xdp_pieces_supported(void)
{
    const struct sockaddr_xdp address = {
        .sxdp_family = AF_XDP, .sxdp_flags = XDP_USE_SG, .sxdp_ifindex = NO_INTERFACE};
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool known = bind(fd, (const struct sockaddr *)(const void *)&address, sizeof address) < 0 && errno == ENODEV;
    close(fd);
    return known;
}

int xdp_pieces_init(struct xdp_pieces *pieces, const uint8_t *umem, uint64_t message_bytes_most)
{
    *pieces = (struct xdp_pieces){
        .umem = umem,
        .slot_bytes = ((uint32_t)message_bytes_most + HEADERS_MOST + PACKET_SLACK_BYTES + 63) & ~63u};
    pieces->slots = mmap(NULL, (size_t)SLOTS * pieces->slot_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                         -1, 0);
    if (pieces->slots != MAP_FAILED)
        return 0;
    pieces->slots = NULL;
    return -ENOMEM;
}

void xdp_pieces_fini(struct xdp_pieces *pieces)
{
    if (pieces->slots)
        munmap(pieces->slots, (size_t)SLOTS * pieces->slot_bytes);
    pieces->slots = NULL;
}

static void piece_add(struct packet *packet, uint8_t *slot, uint32_t room, const uint8_t *bytes, uint32_t size_bytes)
{
    uint32_t left = room - packet->size_bytes;
    packet->cut = packet->cut || size_bytes > left;
    if (size_bytes > left)
        size_bytes = left;
    memcpy(slot + packet->size_bytes, bytes, size_bytes);
    packet->size_bytes += size_bytes;
}

uint32_t xdp_pieces_join(struct xdp_pieces *pieces, const struct xsk_ring_cons *ring, uint32_t first, uint32_t count,
                         struct packet *packet)
{
    if (!pieces->slots || pieces->used == SLOTS)
        return 0;
    uint8_t *slot = pieces->slots + (size_t)pieces->used * pieces->slot_bytes;
    *packet = (struct packet){.bytes = slot, .kind = PACKET_ETHERNET, .budgeted = true};
    for (uint32_t i = 0; i < count; i++) {
        const struct xdp_desc *descriptor = xsk_ring_cons__rx_desc(ring, first + i);
        piece_add(packet, slot, pieces->slot_bytes - PACKET_SLACK_BYTES, pieces->umem + descriptor->addr,
                  descriptor->len);
        if (descriptor->options & XDP_PKT_CONTD)
            continue;
        pieces->used++;
        return i + 1;
    }
    return 0;
}
