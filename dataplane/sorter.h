/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/backend.h"
#include "dataplane/frame.h"
#include "dataplane/listen.h"

/*
 * Tells flow export from all else in what a device brings, where no XDP program or socket has done that: by the address
 * and port that a frame is to, as bpf/xdp.bpf.c does. What it takes is parsed by the worker as any other frame.
 */
struct sorter {
    struct listen listens[LISTENS_MOST];
    int listen_count;
    bool every_mac;     /* take frames to any hardware address */
    uint8_t mac[6];     /* else to this one */
};

enum sort_verdict {
    SORT_OURS,     /* UDP to where weir listens */
    SORT_FRAGMENT, /* to this machine, and of a datagram that cannot be told before it is whole */
    SORT_OTHER,    /* the kernel's, if anybody's */
};

/*
 * A frame, or with PACKET_IP what stands behind its Ethernet header. A tunnel that unpack takes off is ours if its
 * sender is believed and the datagram within is to a port where weir listens: load balancers keep the address that is
 * theirs. Any thread.
 */
enum sort_verdict sorter_sort(const struct sorter *sorter, const struct unpack *unpack, const struct packet *packet);
