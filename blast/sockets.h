/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "blast/sender.h"

/*
 * What senders by sockets have in common, and what the state of each begins with: one socket an exporter, connected to
 * the target (its address and port are the exporter's own), and memory for what is sent next.
 */
struct exporter_sockets {
    struct sender_buffers *buffers;
    int *items;
    uint32_t count;
};

/*
 * Makes the sender's state, of so many bytes that are zeroes at first, with its sockets. type: SOCK_DGRAM or
 * SOCK_STREAM. Returns 0 or -errno, logged; exporter_sockets_close() is in order either way, and frees the state.
 */
int exporter_sockets_open(struct sender *sender, size_t state_bytes, int type);
int exporter_sockets_close(struct sender *sender);

/* struct sender_ops' room. */
uint32_t exporter_sockets_room(struct sender *sender, struct blast_datagram *datagrams, uint32_t most);
