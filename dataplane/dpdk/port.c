/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/dpdk/port.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "dataplane/dpdk/kernel.h"
#include "dataplane/reassembly.h"

#define TAGS_BYTES        8
#define POOL_CACHE        128
#define POOL_LEAST        3072 /* net_af_xdp fills a ring of 2,048, whatever it is told */
#define SEND_DESCRIPTORS  256
#define VLANS             4095 /* 0 tells of a priority alone */
#define OFFLOADS_WANTED                                                                                                \
    (RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |                    \
     RTE_ETH_RX_OFFLOAD_SCATTER)

/* What is known of drivers that do not say it, of virtual devices above all. */
static const struct driver {
    const char *name;
    bool every_queue; /* spreads over all the queues that it has, whether they are used or not */
    bool kernel_has;  /* the kernel has the frames in any case, or there is nobody to send any to */
    bool paired;      /* wants as many queues to send as to receive */
    bool one_queue;   /* gives several, and receives by the first: has nothing that spreads over them */
    bool no_vlans;    /* takes no tagged frame but of VLANs that it was told of */
} drivers[] = {
    {.name = "net_af_packet", .every_queue = true, .kernel_has = true},
    {.name = "net_af_xdp", .every_queue = true, .paired = true},
    {.name = "net_pcap", .every_queue = true, .kernel_has = true},
    {.name = "net_ring", .kernel_has = true},
    {.name = "net_null", .kernel_has = true},
    {.name = "net_e1000_em", .one_queue = true},
    {.name = "net_virtio", .no_vlans = true}, /* has its host filter, if that can, whether it is asked to or not */
};

static const struct driver *driver_find(const struct rte_eth_dev_info *info)
{
    static const struct driver other = {.name = ""};
    for (unsigned i = 0; i < sizeof drivers / sizeof drivers[0]; i++)
        if (strcmp(drivers[i].name, info->driver_name) == 0)
            return &drivers[i];
    return &other;
}

uint16_t port_frame_bytes(const struct config *config)
{
    uint32_t bytes = config->input.dpdk.mtu + RTE_ETHER_HDR_LEN + TAGS_BYTES + RTE_ETHER_CRC_LEN + PACKET_SLACK_BYTES;
    bytes = (bytes + 63) & ~63u;
    return (uint16_t)(RTE_PKTMBUF_HEADROOM + (bytes < 2048 ? 2048 : bytes));
}

/* --- queues --- */

static void queue_free(struct dpdk_queue *queue)
{
    if (!queue)
        return;
    rte_mempool_free(queue->pool);
    reassembly_free(queue->reassembly);
    if (queue->slots)
        munmap(queue->slots, (size_t)BURST_PACKETS * SLOT_BYTES);
    free(queue);
}

/* Where no kernel puts fragments together, the queue does: an exporter's all come in by one. */
static int queue_reassembles(struct dpdk_queue *queue)
{
    queue->reassembly = reassembly_new();
    queue->slots = mmap(NULL, (size_t)BURST_PACKETS * SLOT_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (queue->slots == MAP_FAILED)
        queue->slots = NULL;
    return queue->reassembly && queue->slots ? 0 : -ENOMEM;
}

static int queue_memory(struct dpdk_queue *queue, const struct config *config, uint16_t descriptors)
{
    char name[RTE_MEMPOOL_NAMESIZE];
    unsigned frames = descriptors + 4u * BURST_PACKETS + 2u * POOL_CACHE + KERNEL_FRAMES;
    if (frames < POOL_LEAST)
        frames = POOL_LEAST;
    snprintf(name, sizeof name, "weir-%u-%u", queue->port_id, queue->number);
    queue->pool = rte_pktmbuf_pool_create(name, frames, POOL_CACHE, 0, port_frame_bytes(config),
                                          rte_eth_dev_socket_id(queue->port_id));
    if (!queue->pool) {
        log_error("%s: no memory for queue %u, which takes %u frames of %u bytes: %s; set input.dpdk.memory higher, or "
                  "input.frames lower",
                  queue->port->name, queue->number, frames, port_frame_bytes(config), rte_strerror(rte_errno));
        return -ENOMEM;
    }
    return queue->port->kernel ? 0 : queue_reassembles(queue);
}

static int queue_open(struct dpdk_port *port, uint16_t number, const struct config *config, uint16_t descriptors)
{
    struct dpdk_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return -ENOMEM;
    port->queues[number] = queue;
    queue->queue = (struct backend_queue){.fd = -1, .polled = true, .state = queue};
    queue->port = port;
    queue->port_id = port->id;
    queue->number = number;
    queue->descriptors = descriptors;
    int result = queue_memory(queue, config, descriptors);
    if (result)
        return result;
    result = rte_eth_rx_queue_setup(port->id, number, descriptors, (unsigned)rte_eth_dev_socket_id(port->id), NULL,
                                    queue->pool);
    if (result)
        log_error("%s: no queue %u: %s; set input.frames or input.dpdk.mtu lower", port->name, number,
                  rte_strerror(-result));
    return result;
}

static int queues_open(struct dpdk_port *port, const struct config *config)
{
    uint16_t receive = config->input.frames > UINT16_MAX ? UINT16_MAX : (uint16_t)config->input.frames;
    uint16_t send = SEND_DESCRIPTORS;
    rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &receive, &send);
    for (uint16_t i = 0; i < port->queue_count; i++) {
        int result = queue_open(port, i, config, receive);
        if (result)
            return result;
    }
    for (uint16_t i = 0; i < port->send_count; i++) {
        int result = rte_eth_tx_queue_setup(port->id, i, send, (unsigned)rte_eth_dev_socket_id(port->id), NULL);
        if (result)
            return result;
    }
    return 0;
}

/* Many drivers count what waits in a queue, once it runs. */
static void queues_tell(struct dpdk_port *port)
{
    for (uint16_t i = 0; i < port->queue_count; i++)
        port->queues[i]->queue.tells_fill = port->reads_file || rte_eth_rx_queue_count(port->id, i) >= 0;
}

/* --- the port --- */

static bool wants_tap(const struct config *config, const struct rte_eth_dev_info *info)
{
    if (config->input.dpdk.kernel == DPDK_KERNEL_AUTO)
        return !driver_find(info)->kernel_has;
    return config->input.dpdk.kernel == DPDK_KERNEL_TAP;
}

/* net_pcap takes files as well as interfaces. */
static bool reads_file(const struct dpdk_port *port, const struct config *config)
{
    size_t length = strlen(port->name);
    for (uint32_t i = 0; i < config->input.dpdk.devices.count; i++) {
        const char *device = config->input.dpdk.devices.items[i];
        if (strncmp(device, port->name, length) == 0 && device[length] == ',' && strstr(device, ",rx_pcap="))
            return true;
    }
    return false;
}

static uint16_t queues_wanted(const struct rte_eth_dev_info *info, uint32_t wanted)
{
    if (driver_find(info)->one_queue)
        return 1;
    bool all = driver_find(info)->every_queue || wanted > info->max_rx_queues;
    return all ? info->max_rx_queues : (uint16_t)wanted;
}

/* Drivers that do not say how long a packet may be say how long a frame. */
static uint32_t mtu_granted(const struct dpdk_port *port, const struct rte_eth_dev_info *info, uint32_t mtu)
{
    uint32_t frame = info->max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN;
    uint32_t most = info->max_mtu < frame ? info->max_mtu : frame;
    if (mtu <= most)
        return mtu;
    log_warning("%s: the device says that it takes packets of %u bytes at most, not input.dpdk.mtu %u", port->name,
                most, mtu);
    return most;
}

static int port_configure(struct dpdk_port *port, const struct rte_eth_dev_info *info, uint64_t hash)
{
    uint64_t offloads = OFFLOADS_WANTED | (driver_find(info)->no_vlans ? RTE_ETH_RX_OFFLOAD_VLAN_FILTER : 0);
    port->vlans_told = offloads & info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
    struct rte_eth_conf configuration = {
        .rxmode = {.mq_mode = hash ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE,
                   .offloads = offloads & info->rx_offload_capa,
                   .mtu = port->mtu},
        .rx_adv_conf.rss_conf.rss_hf = hash,
    };
    int result = rte_eth_dev_configure(port->id, port->queue_count, port->send_count, &configuration);
    if (result)
        log_error("%s: the device cannot be configured: %s; the lines above say why", port->name,
                  rte_strerror(-result));
    return result;
}

/* Exporters may be in any. */
static void vlans_tell(const struct dpdk_port *port)
{
    int result = 0;
    for (uint16_t vlan = 0; vlan < VLANS && !result; vlan++)
        result = rte_eth_dev_vlan_filter(port->id, vlan, 1);
    if (result)
        log_warning("%s: the device takes no frames of VLANs: %s", port->name, rte_strerror(-result));
}

static void port_filter(struct dpdk_port *port, const struct dpdk_port_setup *setup)
{
    struct rte_ether_addr mac;
    bool promiscuous = setup->config->input.dpdk.promiscuous;
    port->sorter.every_mac = promiscuous;
    if (rte_eth_macaddr_get(port->id, &mac) == 0)
        memcpy(port->sorter.mac, mac.addr_bytes, sizeof port->sorter.mac);
    port->sorter.listen_count = setup->listen_count;
    memcpy(port->sorter.listens, setup->listens, (size_t)setup->listen_count * sizeof setup->listens[0]);
    if (promiscuous)
        rte_eth_promiscuous_enable(port->id);
    else
        rte_eth_promiscuous_disable(port->id);
    if (port->kernel) /* neighbour discovery of IPv6 */
        rte_eth_allmulticast_enable(port->id);
    if (port->vlans_told)
        vlans_tell(port);
}

static int port_start(struct dpdk_port *port, const struct dpdk_port_setup *setup, uint64_t hash)
{
    statistics_begin(port);
    int result = rte_eth_dev_start(port->id);
    if (result) {
        log_error("%s: the device does not start: %s", port->name, rte_strerror(-result));
        return result;
    }
    port->started = true;
    queues_tell(port);
    port_filter(port, setup);
    rss_start(port, hash);
    return port->kernel ? kernel_path_start(port->kernel) : 0;
}

static void port_say(struct dpdk_port *port, const struct rte_eth_dev_info *info)
{
    struct rte_eth_link link = {0};
    rte_eth_link_get_nowait(port->id, &link);
    port->link_up = link.link_status;
    log_info("%s: DPDK by %s, %u queue%s, link %s%s%s", port->name, info->driver_name, port->queue_count,
             port->queue_count == 1 ? "" : "s", port->link_up ? "up" : "down",
             port->kernel ? "; the kernel has it as " : "",
             port->kernel ? kernel_path_name(port->kernel) : "");
}

static int port_setup(struct dpdk_port *port, const struct dpdk_port_setup *setup)
{
    struct rte_eth_dev_info info;
    int result = rte_eth_dev_info_get(port->id, &info);
    if (result)
        return result;
    rte_eth_dev_get_name_by_port(port->id, port->name);
    port->reads_file = reads_file(port, setup->config);
    port->queue_count = queues_wanted(&info, setup->queues);
    port->queues = calloc(port->queue_count, sizeof(*port->queues));
    if (!port->queues)
        return -ENOMEM;
    uint64_t hash = rss_choose(&info, port->queue_count);
    port->mtu = mtu_granted(port, &info, setup->config->input.dpdk.mtu);
    if (wants_tap(setup->config, &info))
        result = kernel_path_open(port, setup->config);
    port->send_count = driver_find(&info)->paired ? port->queue_count : port->kernel ? 1 : 0;
    if (!result)
        result = port_configure(port, &info, hash);
    if (!result)
        result = queues_open(port, setup->config);
    if (!result)
        result = port_start(port, setup, hash);
    if (!result)
        port_say(port, &info);
    return result;
}

struct dpdk_port *port_open(uint16_t id, const struct dpdk_port_setup *setup, int *result)
{
    struct dpdk_port *port = calloc(1, sizeof *port);
    *result = port ? 0 : -ENOMEM;
    if (!port)
        return NULL;
    port->id = id;
    *result = port_setup(port, setup);
    if (!*result)
        return port;
    port_close(port);
    return NULL;
}

void port_close(struct dpdk_port *port)
{
    kernel_path_close(port->kernel); /* first: its thread sends by the port */
    if (port->started) {
        statistics_say(port);
        rte_eth_dev_stop(port->id);
    }
    rte_eth_dev_close(port->id);
    for (uint16_t i = 0; port->queues && i < port->queue_count; i++)
        queue_free(port->queues[i]);
    free(port->queues);
    free(port);
}

void port_watch(struct dpdk_port *port)
{
    struct rte_eth_link link = {0};
    if (rte_eth_link_get_nowait(port->id, &link) != 0 || link.link_status == port->link_up)
        return;
    port->link_up = link.link_status;
    log_line(port->link_up ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "%s: the link is %s", port->name,
             port->link_up ? "up" : "down: nothing is received");
}
