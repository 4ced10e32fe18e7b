/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/dpdk/transmit.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "dataplane/dpdk/eal.h"

#define FRAMES         4095 /* a power of two less one is what a pool takes best */
#define FRAMES_CACHED  256
#define DESCRIPTORS    1024
#define FULL_WAIT_US   100
#define FULL_TRIES     50000 /* so long the device may be full before frames are given up: 5 s */
#define DRAIN_WAIT_US  1000
#define DRAIN_TRIES    1000
#define HEADROOM_BYTES RTE_PKTMBUF_HEADROOM

struct dpdk_transmit {
    uint16_t port;
    bool started;
    uint64_t sent;
    uint64_t sent_before; /* by the device's own count, when it started */
    struct rte_mempool *pool;
    uint32_t lent_count;
    struct rte_mbuf *lent[DPDK_LENT_MOST];
};

/* --- frames --- */

/* What comes in is thrown away: a ring gives back what is sent, and others stop sending when nobody takes. */
static void incoming_drop(const struct dpdk_transmit *transmit)
{
    struct rte_mbuf *frames[DPDK_LENT_MOST];
    uint16_t count = rte_eth_rx_burst(transmit->port, 0, frames, DPDK_LENT_MOST);
    if (count)
        rte_pktmbuf_free_bulk(frames, count);
}

static uint32_t transmit_room(struct dpdk_transmit *transmit, uint8_t **frames, uint32_t most)
{
    uint32_t wanted = most < DPDK_LENT_MOST ? most : DPDK_LENT_MOST;
    incoming_drop(transmit);
    if (transmit->lent_count < wanted && rte_pktmbuf_alloc_bulk(transmit->pool, transmit->lent + transmit->lent_count,
                                                                wanted - transmit->lent_count) == 0)
        transmit->lent_count = wanted;
    if (!transmit->lent_count)
        usleep(FULL_WAIT_US); /* the device has them all */
    uint32_t count = transmit->lent_count < wanted ? transmit->lent_count : wanted;
    for (uint32_t i = 0; i < count; i++)
        frames[i] = rte_pktmbuf_mtod(transmit->lent[i], uint8_t *);
    return count;
}

static void frames_close(struct dpdk_transmit *transmit, const struct dpdk_frame *frames, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct rte_mbuf *mbuf = transmit->lent[i];
        mbuf->data_off = (uint16_t)(mbuf->data_off + frames[i].offset);
        mbuf->data_len = (uint16_t)frames[i].size_bytes;
        mbuf->pkt_len = frames[i].size_bytes;
    }
}

static uint32_t transmit_send(struct dpdk_transmit *transmit, const struct dpdk_frame *frames, uint32_t count)
{
    uint32_t done = 0, tries = 0;
    frames_close(transmit, frames, count);
    while (done < count && tries < FULL_TRIES) {
        uint16_t sent = rte_eth_tx_burst(transmit->port, 0, transmit->lent + done, (uint16_t)(count - done));
        done += sent;
        if (sent || done == count)
            continue;
        incoming_drop(transmit);
        tries++;
        usleep(FULL_WAIT_US);
    }
    if (done < count)
        rte_pktmbuf_free_bulk(transmit->lent + done, count - done);
    transmit->sent += done;
    transmit->lent_count -= count;
    memmove(transmit->lent, transmit->lent + count, transmit->lent_count * sizeof(*transmit->lent));
    return done;
}

/* --- set-up --- */

static uint64_t device_sent(const struct dpdk_transmit *transmit)
{
    struct rte_eth_stats now = {0};
    rte_eth_stats_get(transmit->port, &now);
    return now.opackets;
}

/* A card that is stopped forgets what it was given. */
static int device_drain(const struct dpdk_transmit *transmit)
{
    uint64_t out = 0;
    for (int i = 0; i < DRAIN_TRIES; i++) {
        out = device_sent(transmit) - transmit->sent_before;
        if (out >= transmit->sent)
            return 0;
        usleep(DRAIN_WAIT_US);
    }
    log_error("%llu frames did not get out, says the device", (unsigned long long)(transmit->sent - out));
    return -EIO;
}

/* Of a queue each way: some drivers have no other. */
static int queues_start(struct dpdk_transmit *transmit)
{
    const struct rte_eth_conf conf = {0};
    uint16_t receive = DESCRIPTORS, send = DESCRIPTORS;
    unsigned node = (unsigned)rte_eth_dev_socket_id(transmit->port);
    int result = rte_eth_dev_configure(transmit->port, 1, 1, &conf);
    if (!result)
        result = rte_eth_dev_adjust_nb_rx_tx_desc(transmit->port, &receive, &send);
    if (!result)
        result = rte_eth_rx_queue_setup(transmit->port, 0, receive, node, NULL, transmit->pool);
    if (!result)
        result = rte_eth_tx_queue_setup(transmit->port, 0, send, node, NULL);
    if (!result)
        result = rte_eth_dev_start(transmit->port);
    transmit->started = !result;
    transmit->sent_before = device_sent(transmit);
    return result;
}

static int port_find(struct dpdk_transmit *transmit)
{
    uint16_t id;
    RTE_ETH_FOREACH_DEV(id)
    {
        transmit->port = id;
        return 0;
    }
    log_error("DPDK has no driver for the device; dpdk-devbind.py --status shows what it is bound to");
    return -ENODEV;
}

static int transmit_close(struct dpdk_transmit *transmit)
{
    int result = transmit->started ? device_drain(transmit) : 0;
    rte_pktmbuf_free_bulk(transmit->lent, transmit->lent_count);
    if (transmit->started) {
        rte_eth_dev_stop(transmit->port);
        rte_eth_dev_close(transmit->port);
    }
    rte_mempool_free(transmit->pool);
    eal_close();
    free(transmit);
    return result;
}

static int port_open(struct dpdk_transmit *transmit, uint32_t frame_bytes)
{
    int result = port_find(transmit);
    if (result)
        return result;
    transmit->pool =
        rte_pktmbuf_pool_create("blast", FRAMES, FRAMES_CACHED, 0, (uint16_t)(frame_bytes + HEADROOM_BYTES),
                                rte_eth_dev_socket_id(transmit->port));
    result = transmit->pool ? queues_start(transmit) : -rte_errno;
    if (result)
        log_error("DPDK cannot send by the device: %s", rte_strerror(-result));
    return result;
}

static int transmit_open(struct dpdk_transmit **opened, const struct config *config, uint32_t frame_bytes,
                         uint8_t mac[6])
{
    struct rte_ether_addr own = {0};
    struct dpdk_transmit *transmit = calloc(1, sizeof *transmit);
    if (!transmit)
        return -ENOMEM;
    int result = eal_open(config);
    if (!result)
        result = port_open(transmit, frame_bytes);
    if (!result)
        result = rte_eth_macaddr_get(transmit->port, &own);
    if (result) {
        transmit_close(transmit);
        return result;
    }
    memcpy(mac, own.addr_bytes, sizeof own.addr_bytes);
    *opened = transmit;
    return 0;
}

const struct dpdk_transmit_ops dpdk_transmit_ops = {
    .open = transmit_open,
    .room = transmit_room,
    .send = transmit_send,
    .close = transmit_close,
};
