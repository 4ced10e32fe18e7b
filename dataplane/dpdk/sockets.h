/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#define SOCKETS_MOST 64

/*
 * The sockets of the drivers net_af_xdp and net_af_packet, which do not tell of all that the kernel dropped at them
 * (DPDK 22.11): so the kernel is asked. Belongs to one worker once it is filled.
 */
struct sockets {
    struct {
        int fd;
        int domain;
        uint64_t dropped;
    } items[SOCKETS_MOST];
    uint32_t count;
};

/* Looks for them among the files of this process: once the ports run. */
void sockets_find(struct sockets *sockets);

/* Frames that found a full ring, since it was opened, and that no counter of the device has. */
uint64_t sockets_dropped(struct sockets *sockets);
