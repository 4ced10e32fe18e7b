/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "dataplane/backend.h"
#include "dataplane/rules.h"
#include "dataplane/sorter.h"

struct dpdk_port;
struct kernel_path;
struct reassembly;

/* A receive queue of a port. Belongs to its worker, but for what stands below "cold". */
struct dpdk_queue {
    struct backend_queue queue;
    struct dpdk_port *port;
    uint16_t port_id;
    uint16_t number;             /* of the port's queues */
    uint16_t descriptors;        /* what it holds */
    uint16_t borrowed_count;     /* packets of the last receive */
    uint16_t other_count;        /* of the burst at hand: the kernel's */
    struct rte_mbuf *burst[BURST_PACKETS];
    struct rte_mbuf *borrowed[BURST_PACKETS];
    struct rte_mbuf *others[BURST_PACKETS];
    uint64_t damaged;
    uint64_t to_kernel;
    uint64_t kernel_full;        /* the way to the kernel had no room */
    struct reassembly *reassembly; /* NULL: fragments are the kernel's */
    const struct rules *rules;   /* of the burst at hand */
    _Atomic uint32_t generation; /* of these; the worker writes, the control thread reads */
    uint8_t *slots;              /* with it: BURST_PACKETS of SLOT_BYTES for whole datagrams */

    /* cold */
    struct rte_mempool *pool;
};

#define SLOT_BYTES 66048u /* a datagram with all its headers, and slack; a multiple of 512 */

#define PORT_XSTATS_MOST 2

struct dpdk_port {
    uint16_t id;
    char name[RTE_ETH_NAME_MAX_LEN];
    struct sorter sorter;
    struct kernel_path *kernel;  /* NULL: frames that are not ours are let go */
    uint32_t mtu;                /* granted */
    bool reads_file;             /* which waits for us: nothing is lost there */
    bool vlans_told;             /* it takes tagged frames of those alone that it is told of */
    uint16_t queue_count;
    uint16_t send_count;         /* queues to send; the kernel's frames go out by the first */
    struct dpdk_queue **queues;
    struct rte_eth_stats before; /* at the start */
    uint64_t xstat_ids[PORT_XSTATS_MOST]; /* further losses that the driver has a name for */
    uint64_t xstats_before[PORT_XSTATS_MOST];
    uint32_t xstat_count;
    bool link_up;                /* as last said */
    bool started;
};

/* Most queues that the port is to have, and what to make it of. */
struct dpdk_port_setup {
    const struct config *config;
    const struct listen *listens;
    int listen_count;
    uint32_t queues;
};

/* Configures the port and starts it. NULL and *result -errno, having logged what to do about it. Control thread. */
struct dpdk_port *port_open(uint16_t id, const struct dpdk_port_setup *setup, int *result);
void port_close(struct dpdk_port *port);

/* Says when the link went up or down. Control thread. */
void port_watch(struct dpdk_port *port);

/* Bytes of memory for each frame: headroom, the longest frame with two tags, and slack. */
uint16_t port_frame_bytes(const struct config *config);

/* dataplane/dpdk/rss.c: which queue a frame comes in by. */

/* The hash to configure: by source address where the device can. 0: none, or one queue. */
uint64_t rss_choose(const struct rte_eth_dev_info *info, uint16_t queue_count);
/* Once the port runs: asks by rte_flow for what rss_choose() could not have, and logs what spreads exporters. */
void rss_start(const struct dpdk_port *port, uint64_t hash);

/* dataplane/dpdk/statistics.c: what the device counts. */

void statistics_begin(struct dpdk_port *port);
/* Adds what the whole port lost since. */
void statistics_read(struct dpdk_port *port, struct losses *losses);
/* Logs every counter of the device that tells of an error and is not 0. */
void statistics_say(const struct dpdk_port *port);
