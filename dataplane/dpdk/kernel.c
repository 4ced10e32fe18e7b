/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/dpdk/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <pthread.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_ring.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "dataplane/dpdk/port.h"

#define SEND_FRAMES 32
#define SEND_TRIES  64
#define SENT_POOL   1023 /* frames of the kernel's under way, as the device may keep a ring of them */
#define CACHE       32
#define WAIT_MS     1000

struct kernel_path {
    uint16_t port;
    int tap;
    int wake;                /* an eventfd */
    struct rte_ring *ring;   /* from the workers */
    struct rte_mempool *pool; /* for what the kernel sends */
    _Atomic bool dozing;     /* the thread writes, workers read */
    _Atomic bool stopping;   /* kernel_path_close() writes, the thread reads */
    _Atomic uint64_t refused; /* the thread writes, a worker reads */
    _Atomic uint64_t unsent;  /* the same */
    pthread_t thread;
    bool started;
    char name[IFNAMSIZ];
};

/* --- the workers' side --- */

uint32_t kernel_path_push(struct kernel_path *path, struct rte_mbuf **frames, uint32_t count)
{
    uint32_t taken = rte_ring_enqueue_burst(path->ring, (void **)frames, count, NULL);
    if (taken < count)
        rte_pktmbuf_free_bulk(frames + taken, count - taken);
    /* With the fence of path_doze(): either the thread sees the frames, or we see that it sleeps. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&path->dozing, memory_order_relaxed))
        eventfd_write(path->wake, 1);
    return count - taken;
}

uint64_t kernel_path_refused(const struct kernel_path *path)
{
    return atomic_load_explicit(&path->refused, memory_order_relaxed);
}

uint64_t kernel_path_unsent(const struct kernel_path *path)
{
    return atomic_load_explicit(&path->unsent, memory_order_relaxed);
}

const char *kernel_path_name(const struct kernel_path *path)
{
    return path->name;
}

/* --- the thread --- */

static void frame_write(struct kernel_path *path, struct rte_mbuf *frame)
{
    /* The tag that the device took off is the kernel's to see. */
    bool whole = !(frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) || rte_vlan_insert(&frame) == 0;
    if (!whole || write(path->tap, rte_pktmbuf_mtod(frame, const void *), rte_pktmbuf_data_len(frame)) < 0)
        atomic_fetch_add_explicit(&path->refused, 1, memory_order_relaxed);
    rte_pktmbuf_free(frame);
}

static uint32_t frames_to_kernel(struct kernel_path *path)
{
    struct rte_mbuf *frames[SEND_FRAMES];
    uint32_t count = rte_ring_dequeue_burst(path->ring, (void **)frames, SEND_FRAMES, NULL);
    for (uint32_t i = 0; i < count; i++)
        frame_write(path, frames[i]);
    return count;
}

/* NULL when the kernel has nothing to send, or no memory is free. */
static struct rte_mbuf *frame_read(struct kernel_path *path)
{
    struct rte_mbuf *frame = rte_pktmbuf_alloc(path->pool);
    if (!frame)
        return NULL;
    ssize_t size_bytes = read(path->tap, rte_pktmbuf_mtod(frame, void *), rte_pktmbuf_tailroom(frame));
    if (size_bytes > 0 && rte_pktmbuf_append(frame, (uint16_t)size_bytes))
        return frame;
    rte_pktmbuf_free(frame);
    return NULL;
}

static uint32_t frames_from_kernel(struct kernel_path *path)
{
    struct rte_mbuf *frames[SEND_FRAMES];
    uint16_t count = 0, sent = 0;
    while (count < SEND_FRAMES && (frames[count] = frame_read(path)))
        count++;
    for (int tries = 0; sent < count && tries < SEND_TRIES; tries++)
        sent += rte_eth_tx_burst(path->port, 0, frames + sent, count - sent);
    rte_pktmbuf_free_bulk(frames + sent, count - sent);
    atomic_fetch_add_explicit(&path->unsent, count - sent, memory_order_relaxed);
    return count;
}

static void path_doze(struct kernel_path *path)
{
    struct pollfd entries[] = {{.fd = path->tap, .events = POLLIN}, {.fd = path->wake, .events = POLLIN}};
    eventfd_t woken;
    atomic_store_explicit(&path->dozing, true, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    if (rte_ring_empty(path->ring))
        poll(entries, 2, WAIT_MS);
    atomic_store_explicit(&path->dozing, false, memory_order_relaxed);
    if (entries[1].revents)
        eventfd_read(path->wake, &woken);
}

static void *path_run(void *argument)
{
    struct kernel_path *path = argument;
    rte_thread_register();
    while (!atomic_load_explicit(&path->stopping, memory_order_relaxed)) {
        uint32_t moved = frames_to_kernel(path);
        moved += frames_from_kernel(path);
        if (!moved)
            path_doze(path);
    }
    rte_thread_unregister();
    return NULL;
}

/* --- set-up --- */

static int tap_create(struct kernel_path *path)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    memcpy(request.ifr_name, path->name, sizeof request.ifr_name);
    path->tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return path->tap < 0 || ioctl(path->tap, TUNSETIFF, &request) < 0 ? -errno : 0;
}

/* The device's address and size, and up: its own addresses and routes are the administrator's. */
static int tap_setup(const struct kernel_path *path, uint32_t mtu)
{
    struct ifreq request = {0};
    struct rte_ether_addr mac;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result = 0;
    if (fd < 0)
        return -errno;
    rte_eth_macaddr_get(path->port, &mac);
    memcpy(request.ifr_name, path->name, sizeof request.ifr_name);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(request.ifr_hwaddr.sa_data, mac.addr_bytes, sizeof mac.addr_bytes);
    /* net_ring has none: the kernel's choice stays */
    if (!rte_is_zero_ether_addr(&mac) && ioctl(fd, SIOCSIFHWADDR, &request) < 0)
        result = -errno;
    request.ifr_mtu = (int)mtu;
    if (!result && ioctl(fd, SIOCSIFMTU, &request) < 0)
        result = -errno;
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (!result && ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        result = -errno;
    close(fd);
    return result;
}

static int path_memory(struct kernel_path *path, const struct config *config)
{
    char name[RTE_RING_NAMESIZE];
    int socket = rte_eth_dev_socket_id(path->port);
    snprintf(name, sizeof name, "weir-kernel-%u", path->port);
    path->ring = rte_ring_create(name, KERNEL_FRAMES, socket, RING_F_SC_DEQ);
    path->pool = rte_pktmbuf_pool_create(name, SENT_POOL, CACHE, 0, port_frame_bytes(config), socket);
    path->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return path->ring && path->pool && path->wake >= 0 ? 0 : -ENOMEM;
}

int kernel_path_open(struct dpdk_port *port, const struct config *config)
{
    struct kernel_path *path = calloc(1, sizeof *path);
    if (!path)
        return -ENOMEM;
    path->port = port->id;
    path->tap = path->wake = -1;
    snprintf(path->name, sizeof path->name, "%.12s%u", config->input.dpdk.tap, port->id % 1000u);
    int result = path_memory(path, config);
    if (!result)
        result = tap_create(path);
    if (!result)
        result = tap_setup(path, port->mtu);
    if (!result) {
        port->kernel = path;
        return 0;
    }
    log_error("input.dpdk.kernel: no interface %s: %s; it needs /dev/net/tun and CAP_NET_ADMIN, or write none",
              path->name, strerror(-result));
    kernel_path_close(path);
    return result;
}

int kernel_path_start(struct kernel_path *path)
{
    int error = pthread_create(&path->thread, NULL, path_run, path);
    path->started = !error;
    if (path->started)
        pthread_setname_np(path->thread, "weir-kernel");
    return -error;
}

void kernel_path_close(struct kernel_path *path)
{
    struct rte_mbuf *frame;
    if (!path)
        return;
    if (path->started) {
        atomic_store_explicit(&path->stopping, true, memory_order_relaxed);
        eventfd_write(path->wake, 1);
        pthread_join(path->thread, NULL);
    }
    while (path->ring && rte_ring_dequeue(path->ring, (void **)&frame) == 0)
        rte_pktmbuf_free(frame);
    rte_ring_free(path->ring);
    rte_mempool_free(path->pool);
    if (path->tap >= 0)
        close(path->tap);
    if (path->wake >= 0)
        close(path->wake);
    free(path);
}
