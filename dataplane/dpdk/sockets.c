/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/dpdk/sockets.h"

#include <dirent.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <sys/socket.h>

static void socket_add(struct sockets *sockets, int fd)
{
    int domain = 0;
    socklen_t length = sizeof domain;
    if (sockets->count == SOCKETS_MOST || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0)
        return;
    if (domain != AF_XDP && domain != AF_PACKET)
        return;
    sockets->items[sockets->count].fd = fd;
    sockets->items[sockets->count++].domain = domain;
}

void sockets_find(struct sockets *sockets)
{
    DIR *files = opendir("/proc/self/fd");
    const struct dirent *entry;
    while (files && (entry = readdir(files)))
        if (entry->d_name[0] != '.')
            socket_add(sockets, atoi(entry->d_name));
    if (files)
        closedir(files);
}

/* What the driver puts into imissed is rx_dropped alone. */
static uint64_t xdp_dropped(int fd)
{
    struct xdp_statistics statistics = {0};
    socklen_t length = sizeof statistics;
    getsockopt(fd, SOL_XDP, XDP_STATISTICS, &statistics, &length);
    return statistics.rx_ring_full;
}

/* Since the last time: the kernel begins anew with each answer. */
static uint64_t packet_dropped(int fd)
{
    struct tpacket_stats statistics = {0};
    socklen_t length = sizeof statistics;
    getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length);
    return statistics.tp_drops;
}

uint64_t sockets_dropped(struct sockets *sockets)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < sockets->count; i++) {
        typeof(sockets->items[0]) *item = &sockets->items[i];
        item->dropped = item->domain == AF_XDP ? xdp_dropped(item->fd) : item->dropped + packet_dropped(item->fd);
        sum += item->dropped;
    }
    return sum;
}
