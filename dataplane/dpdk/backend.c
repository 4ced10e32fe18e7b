/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h" /* first: DPDK has an NS_PER_S of its own, as the system's header it may */

#include <errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/guard.h"
#include "dataplane/dpdk/kernel.h"
#include "dataplane/dpdk/module.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/sockets.h"
#include "dataplane/reassembly.h"

#define ROUNDS_MOST 16 /* bursts without a packet for weir until its worker sees to other things */
#define AHEAD       4  /* frames to prefetch ahead: the time of one miss */

struct dpdk_state {
    struct dpdk_port **ports;
    uint32_t port_count;
    struct listen listens[LISTENS_MOST];
    int listen_count;
    struct rules *_Atomic rules; /* whose tunnels are taken; the control thread writes, workers read */
    struct guards guards;
    struct sockets sockets; /* the first queue's worker asks them */
};

/* --- the burst --- */

static bool mbuf_damaged(const struct rte_mbuf *mbuf)
{
    return (mbuf->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD ||
           (mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD;
}

/* net_af_packet shows what this machine sends, too; the kernel must not hear itself. */
static bool mbuf_echoes(const struct dpdk_queue *queue, const struct packet *packet)
{
    const struct sorter *sorter = &queue->port->sorter;
    return !sorter->every_mac && packet->kind == PACKET_ETHERNET && packet->size_bytes >= RTE_ETHER_HDR_LEN &&
           memcmp(packet->bytes + RTE_ETHER_ADDR_LEN, sorter->mac, sizeof sorter->mac) == 0;
}

/* A fragment that makes a datagram whole gives place to it; one that does not is counted as what it is. */
static enum sort_verdict fragment_take(struct dpdk_queue *queue, struct packet *packet)
{
    if (!queue->reassembly)
        return SORT_OTHER;
    reassembly_take(queue->reassembly, packet, queue->slots + (size_t)queue->borrowed_count * SLOT_BYTES);
    return packet->kind == PACKET_IP ? sorter_sort(&queue->port->sorter, &queue->rules->unpack, packet) : SORT_OURS;
}

/* Whose is the frame? Ours becomes the next packet. */
static void mbuf_take(struct dpdk_queue *queue, struct rte_mbuf *mbuf, struct packet *packets, int64_t now_ns)
{
    struct packet *packet = &packets[queue->borrowed_count];
    if (mbuf->nb_segs > 1 && rte_pktmbuf_linearize(mbuf) < 0) {
        queue->damaged++;
        rte_pktmbuf_free(mbuf);
        return;
    }
    *packet = (struct packet){.bytes = rte_pktmbuf_mtod(mbuf, const uint8_t *),
                              .size_bytes = rte_pktmbuf_data_len(mbuf),
                              .kind = PACKET_ETHERNET,
                              .received_ns = now_ns};
    enum sort_verdict verdict = sorter_sort(&queue->port->sorter, &queue->rules->unpack, packet);
    if (verdict == SORT_FRAGMENT)
        verdict = fragment_take(queue, packet);
    if (mbuf_echoes(queue, packet)) {
        rte_pktmbuf_free(mbuf);
    } else if (verdict != SORT_OURS) {
        queue->others[queue->other_count++] = mbuf;
    } else if (mbuf_damaged(mbuf)) {
        queue->damaged++;
        rte_pktmbuf_free(mbuf);
    } else {
        queue->borrowed[queue->borrowed_count++] = mbuf;
    }
}

static void others_leave(struct dpdk_queue *queue)
{
    queue->to_kernel += queue->other_count;
    if (queue->port->kernel)
        queue->kernel_full += kernel_path_push(queue->port->kernel, queue->others, queue->other_count);
    else
        rte_pktmbuf_free_bulk(queue->others, queue->other_count);
    queue->other_count = 0;
}

static void burst_sort(struct dpdk_queue *queue, uint16_t count, struct packet *packets)
{
    int64_t now_ns = clock_utc_ns();
    for (uint16_t i = 0; i < count && i < AHEAD; i++)
        rte_prefetch0(rte_pktmbuf_mtod(queue->burst[i], void *));
    for (uint16_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            rte_prefetch0(rte_pktmbuf_mtod(queue->burst[i + AHEAD], void *));
        mbuf_take(queue, queue->burst[i], packets, now_ns);
    }
    if (queue->other_count)
        others_leave(queue);
}

/* Between two bursts. The worker adopts the same by itself, a burst earlier or later. */
static void rules_adopt(struct dpdk_queue *queue, const struct dpdk_state *state)
{
    /* pairs with the release in dpdk_set_rules(): the rules are whole */
    const struct rules *rules = atomic_load_explicit(&state->rules, memory_order_acquire);
    if (rules == queue->rules)
        return;
    queue->rules = rules;
    /* pairs with the acquire in rules_oldest(): we look at the older ones no more */
    atomic_store_explicit(&queue->generation, rules->generation, memory_order_release);
}

/* Behind a burst that is full. */
static double queue_fill(const struct dpdk_queue *queue)
{
    int waiting = queue->port->reads_file ? 0 : rte_eth_rx_queue_count(queue->port_id, queue->number);
    return waiting > 0 ? (double)waiting / queue->descriptors : 0;
}

static int dpdk_receive(struct backend_queue *base, struct packet *packets, int most)
{
    struct dpdk_queue *queue = base->state;
    rules_adopt(queue, base->backend->state);
    uint16_t room = most < BURST_PACKETS ? (uint16_t)most : BURST_PACKETS;
    uint16_t count = 0;
    for (int round = 0; round < ROUNDS_MOST && !queue->borrowed_count; round++) {
        count = rte_eth_rx_burst(queue->port_id, queue->number, queue->burst, room);
        if (!count)
            break;
        burst_sort(queue, count, packets);
    }
    if (base->tells_fill)
        base->fill = count == room ? queue_fill(queue) : 0;
    return queue->borrowed_count;
}

static void dpdk_release(struct backend_queue *base)
{
    struct dpdk_queue *queue = base->state;
    rte_pktmbuf_free_bulk(queue->borrowed, queue->borrowed_count);
    queue->borrowed_count = 0;
}

static void dpdk_losses(struct backend_queue *base, struct losses *losses)
{
    struct dpdk_queue *queue = base->state;
    struct dpdk_state *state = base->backend->state;
    *losses = (struct losses){
        .damaged = queue->damaged, .kernel = queue->kernel_full, .to_kernel = queue->to_kernel};
    if (queue->number)
        return;
    statistics_read(queue->port, losses); /* the device counts by port */
    if (queue->port->kernel) {
        losses->kernel += kernel_path_refused(queue->port->kernel);
        losses->unsent = kernel_path_unsent(queue->port->kernel);
    }
    if (base->number == 0)
        losses->ring += sockets_dropped(&state->sockets);
}

/* A thread that EAL knows has a cache of its own in each pool of frames. */
static void dpdk_enter(struct backend_queue *base)
{
    (void)base;
    if (rte_lcore_id() == LCORE_ID_ANY && rte_thread_register() < 0)
        log_warning("DPDK has no room for another thread: this worker takes and gives frames without a cache");
}

static void dpdk_leave(struct backend_queue *base)
{
    (void)base;
    if (rte_lcore_id() != LCORE_ID_ANY)
        rte_thread_unregister();
}

/* --- set-up --- */

static void dpdk_close(struct backend *backend)
{
    struct dpdk_state *state = backend->state;
    if (!state)
        return;
    for (uint32_t i = 0; i < state->port_count; i++)
        port_close(state->ports[i]);
    eal_close();
    guards_close(&state->guards);
    rules_free_all(atomic_load_explicit(&state->rules, memory_order_relaxed));
    free(state->ports);
    free(state);
    free(backend->queues);
    *backend = (struct backend){.ops = backend->ops};
}

static int queues_add(struct backend *backend, struct dpdk_port *port)
{
    struct backend_queue **queues =
        realloc(backend->queues, (backend->queue_count + port->queue_count) * sizeof(*queues));
    if (!queues)
        return -ENOMEM;
    backend->queues = queues;
    for (uint16_t i = 0; i < port->queue_count; i++) {
        struct backend_queue *queue = &port->queues[i]->queue;
        queue->backend = backend;
        queue->number = backend->queue_count;
        queues[backend->queue_count++] = queue;
    }
    return 0;
}

static int ports_open(struct backend *backend, const struct dpdk_port_setup *setup)
{
    struct dpdk_state *state = backend->state;
    uint16_t id;
    int result = 0;
    state->ports = calloc(RTE_MAX_ETHPORTS, sizeof(*state->ports));
    if (!state->ports)
        return -ENOMEM;
    RTE_ETH_FOREACH_DEV(id)
    {
        struct dpdk_port *port = result ? NULL : port_open(id, setup, &result);
        if (!port)
            break;
        state->ports[state->port_count++] = port;
        result = queues_add(backend, port);
    }
    if (!result && state->port_count < setup->config->input.dpdk.devices.count) {
        log_error("input.dpdk.devices: DPDK has a driver for %u of %u alone; dpdk-devbind.py --status shows what each "
                  "is bound to, docs/dpdk.md what it has to be bound to",
                  state->port_count, setup->config->input.dpdk.devices.count);
        result = -ENODEV;
    }
    return result;
}

/*
 * With a TAP interface the kernel's datagrams come through the sockets, without one these would bring a second time
 * what DPDK has brought: it is one or the other for all ports.
 */
static int kernel_decide(struct backend *backend)
{
    struct dpdk_state *state = backend->state;
    backend->alone = !state->ports[0]->kernel;
    for (uint32_t i = 1; i < state->port_count; i++) {
        if (!state->ports[i]->kernel != backend->alone) {
            log_error("input.dpdk.devices: %s and %s differ in what the kernel gets; set input.dpdk.kernel to tap or "
                      "none",
                      state->ports[0]->name, state->ports[i]->name);
            return -EINVAL;
        }
    }
    return backend->alone ? guards_open(&state->guards, state->listens, state->listen_count) : 0;
}

static int dpdk_open(struct backend *backend, const struct config *config, uint32_t queues)
{
    struct dpdk_state *state = calloc(1, sizeof *state);
    if (!state)
        return -ENOMEM;
    backend->state = state;
    backend->queue_count = 0;
    state->listen_count = listens_read(config, state->listens);
    atomic_init(&state->rules, rules_new(config));
    int result = !state->rules ? -ENOMEM : state->listen_count < 0 ? state->listen_count : eal_open(config);
    if (!result)
        result = ports_open(backend, &(struct dpdk_port_setup){.config = config,
                                                               .listens = state->listens,
                                                               .listen_count = state->listen_count,
                                                               .queues = queues});
    if (!result)
        result = kernel_decide(backend);
    sockets_find(&state->sockets);
    if (result)
        dpdk_close(backend);
    return result;
}

static void dpdk_refresh(struct backend *backend)
{
    struct dpdk_state *state = backend->state;
    for (uint32_t i = 0; i < state->port_count; i++)
        port_watch(state->ports[i]);
}

/* The oldest that a queue's worker goes by. */
static uint32_t rules_oldest(const struct backend *backend, const struct rules *newest)
{
    uint32_t oldest = newest->generation;
    for (uint32_t i = 0; i < backend->queue_count; i++) {
        const struct dpdk_queue *queue = backend->queues[i]->state;
        uint32_t adopted = atomic_load_explicit(&queue->generation, memory_order_acquire);
        oldest = adopted < oldest ? adopted : oldest;
    }
    return oldest;
}

static int dpdk_set_rules(struct backend *backend, const struct config *config)
{
    struct dpdk_state *state = backend->state;
    struct rules *rules = rules_new(config);
    if (!rules) {
        log_error("no memory for the rules of the input: the ones before stay");
        return -ENOMEM;
    }
    rules->older = atomic_load_explicit(&state->rules, memory_order_relaxed);
    rules->generation = rules->older->generation + 1;
    atomic_store_explicit(&state->rules, rules, memory_order_release); /* pairs with the acquire in rules_adopt() */
    rules_reclaim(rules, rules_oldest(backend, rules));
    return 0;
}

static const struct backend_ops ops = {
    .name = "dpdk",
    .open = dpdk_open,
    .receive = dpdk_receive,
    .release = dpdk_release,
    .enter = dpdk_enter,
    .leave = dpdk_leave,
    .losses = dpdk_losses,
    .close = dpdk_close,
    .refresh = dpdk_refresh,
    .set_rules = dpdk_set_rules,
};

extern const struct dpdk_module weir_dpdk_module;

__attribute__((visibility("default"))) const struct dpdk_module weir_dpdk_module = {
    .interface = DPDK_MODULE_INTERFACE, .layout = DPDK_MODULE_LAYOUT, .version = WEIR_VERSION, .ops = &ops,
    .transmit = &dpdk_transmit_ops};
