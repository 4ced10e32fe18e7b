/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

#include "base/clock.h"
#include "base/log.h"
#include "bpf/shared.h"
#include "dataplane/backend.h"
#include "dataplane/bond.h"
#include "dataplane/interface.h"
#include "dataplane/listen.h"
#include "dataplane/xdp_hints.h"
#include "dataplane/xdp_memory.h"
#include "dataplane/xdp_pieces.h"
#include "dataplane/xdp_program.h"

#define COMPLETION_FRAMES 64 /* the least: nothing is sent */
#define BIND_WAIT_MS      3000 /* the queue may be held by a process that has just died */
#define BIND_STEP_MS      50
#define FRAME_MASK        (~(uint64_t)(STEER_FRAME_BYTES - 1))

/* One receive queue of one interface: a UMEM of its own, so that queues share nothing. */
struct xdp_queue {
    struct backend_queue queue;
    struct xsk_ring_cons receive;
    struct xsk_ring_prod fill;
    struct xdp_pieces pieces;
    uint8_t *frames;
    uint32_t borrowed;                /* frames of the last receive */
    uint64_t addresses[BURST_PACKETS]; /* theirs, in the UMEM */
    struct hint_counts hints;
    bool hints_on;                     /* input.xdp_hints */

    /* cold */
    struct xdp_interface *interface;
    uint32_t interface_queue;
    struct xsk_ring_cons completion;
    struct xsk_umem *umem;
    struct xsk_socket *socket;
    struct xdp_memory memory;
    bool zero_copy;
};

struct xdp_interface {
    char name[IFNAMSIZ];
    int index;
    uint32_t queue_count;
    struct xdp_program *program;
};

struct xdp_state {
    const struct config *config;
    struct listen listens[LISTENS_MOST];
    int listen_count;
    uint32_t interface_count;
    struct xdp_interface *interfaces;
    struct xdp_queue **queues;
};

/* --- the burst --- */

static void queue_wake(struct xdp_queue *queue)
{
    if (xsk_ring_prod__needs_wakeup(&queue->fill))
        recv(queue->queue.fd, NULL, 0, MSG_DONTWAIT);
}

/* A frame whose first descriptor is number `first`, of `count` that wait. Returns how many it has; 0: not all yet. */
static inline uint32_t frame_take(struct xdp_queue *queue, uint32_t first, uint32_t count, struct packet *packet)
{
    const struct xdp_desc *descriptor = xsk_ring_cons__rx_desc(&queue->receive, first);
    if (descriptor->options & XDP_PKT_CONTD)
        return xdp_pieces_join(&queue->pieces, &queue->receive, first, count, packet);
    *packet = (struct packet){.bytes = queue->frames + descriptor->addr,
                              .size_bytes = descriptor->len,
                              .kind = PACKET_ETHERNET,
                              .budgeted = true};
    __builtin_prefetch(packet->bytes);
    return 1;
}

/* When the frame came whose first descriptor is number `first`. */
static inline int64_t frame_time(struct xdp_queue *queue, uint32_t first, const struct hint_clocks *clocks)
{
    if (!queue->hints_on)
        return clocks->utc_ns;
    return hint_take(queue->frames + xsk_ring_cons__rx_desc(&queue->receive, first)->addr, clocks, &queue->hints);
}

/* Descriptors that wait, the producer's own count: what libxdp has cached of it is as of its last look. */
static uint32_t waiting(const struct xsk_ring_cons *ring)
{
    return __atomic_load_n(ring->producer, __ATOMIC_RELAXED) - ring->cached_cons;
}

/* What waits, as packets: returns their number, with their frames in `addresses`. */
static int frames_take(struct xdp_queue *queue, uint32_t first, uint32_t count, struct packet *packets)
{
    struct hint_clocks clocks = {.utc_ns = 0};
    uint32_t taken = 0, pieces;
    int found = 0;
    if (queue->hints_on)
        hint_clocks_read(&clocks);
    else
        clocks.utc_ns = clock_utc_ns();
    while (taken < count && (pieces = frame_take(queue, first + taken, count - taken, &packets[found]))) {
        packets[found++].received_ns = frame_time(queue, first + taken, &clocks);
        for (; pieces; pieces--, taken++)
            queue->addresses[taken] = xsk_ring_cons__rx_desc(&queue->receive, first + taken)->addr & FRAME_MASK;
    }
    xsk_ring_cons__cancel(&queue->receive, count - taken); /* they come again */
    xsk_ring_cons__release(&queue->receive, taken);
    queue->borrowed = taken;
    queue->queue.fill = taken < BURST_PACKETS ? 0 : (double)waiting(&queue->receive) / (double)queue->receive.size;
    return found;
}

static int xdp_receive(struct backend_queue *base, struct packet *packets, int most)
{
    struct xdp_queue *queue = base->state;
    uint32_t first = 0;
    xdp_pieces_reset(&queue->pieces);
    uint32_t count =
        xsk_ring_cons__peek(&queue->receive, most < BURST_PACKETS ? (uint32_t)most : BURST_PACKETS, &first);
    if (!count) {
        queue_wake(queue);
        return 0;
    }
    return frames_take(queue, first, count, packets);
}

static void frames_give(struct xdp_queue *queue, const uint64_t *addresses, uint32_t count)
{
    uint32_t first = 0;
    /* There is room for all: the ring has as many slots as the UMEM has frames. */
    if (!xsk_ring_prod__reserve(&queue->fill, count, &first))
        return;
    for (uint32_t i = 0; i < count; i++)
        *xsk_ring_prod__fill_addr(&queue->fill, first + i) = addresses[i];
    xsk_ring_prod__submit(&queue->fill, count);
}

static void xdp_release(struct backend_queue *base)
{
    struct xdp_queue *queue = base->state;
    if (!queue->borrowed)
        return;
    frames_give(queue, queue->addresses, queue->borrowed);
    queue->borrowed = 0;
    queue_wake(queue);
}

static void verdicts_read(struct xdp_program *program, struct losses *losses)
{
    const struct steer_counts *counts = xdp_program_counts(program);
    const __u64 *verdicts = counts->value;
    *losses = (struct losses){.filter = verdicts[STEER_NOT_ALLOWED],
                               .budget = verdicts[STEER_OVER_BUDGET],
                               .budgets = counts->budgets_begun,
                                      .redirected = verdicts[STEER_TAKEN],
                                      .passed_other = verdicts[STEER_OTHER],
                                      .passed_fragments = verdicts[STEER_FRAGMENT],
                                      .passed_long = verdicts[STEER_LONG],
                                      .passed_no_socket = verdicts[STEER_NO_SOCKET]};
}

static void xdp_losses(struct backend_queue *base, struct losses *losses)
{
    struct xdp_queue *queue = base->state;
    struct xdp_statistics statistics = {0};
    socklen_t length = sizeof statistics;
    getsockopt(base->fd, SOL_XDP, XDP_STATISTICS, &statistics, &length);
    *losses = (struct losses){0};
    if (queue->interface_queue == 0) /* the program counts by interface */
        verdicts_read(queue->interface->program, losses);
    losses->timed_nic = queue->hints.nic;
    losses->timed_kernel = queue->hints.kernel;
    losses->ring = statistics.rx_dropped + statistics.rx_ring_full;
}

/* --- set-up --- */

static int umem_open(struct xdp_queue *queue, const struct config *config)
{
    uint32_t frames = config->input.frames;
    size_t umem_bytes = (size_t)frames * STEER_FRAME_BYTES;
    int result = xdp_memory_take(&queue->memory, queue->interface->name,
                                 umem_bytes + STEER_FRAME_BYTES /* slack behind the last frame */,
                                 config->input.huge_pages);
    if (result)
        return result;
    queue->frames = queue->memory.bytes;
    const struct xsk_umem_config umem_config = {
        .fill_size = frames, .comp_size = COMPLETION_FRAMES, .frame_size = STEER_FRAME_BYTES};
    return xsk_umem__create(&queue->umem, queue->frames, umem_bytes, &queue->fill, &queue->completion, &umem_config);
}

static int socket_bind_once(struct xdp_queue *queue, uint32_t frames, uint16_t flags)
{
    const struct xsk_socket_config config = {.rx_size = frames,
                                             .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
                                             .bind_flags = (uint16_t)(XDP_USE_NEED_WAKEUP | flags)};
    return xsk_socket__create(&queue->socket, queue->interface->name, queue->interface_queue, queue->umem,
                              &queue->receive, NULL, &config);
}

static int socket_bind(struct xdp_queue *queue, const struct config *config)
{
    uint16_t flags = 0; /* the kernel takes zero-copy where the driver can */
    if (config->input.zero_copy == ZERO_COPY_OFF || !xdp_program_native(queue->interface->program))
        flags = XDP_COPY;
    else if (config->input.zero_copy == ZERO_COPY_ON)
        flags = XDP_ZEROCOPY;
    if (xdp_program_takes_pieces(queue->interface->program))
        flags |= XDP_USE_SG;
    int result = socket_bind_once(queue, config->input.frames, flags);
    for (int waited_ms = 0; result == -EBUSY && waited_ms < BIND_WAIT_MS; waited_ms += BIND_STEP_MS) {
        poll(NULL, 0, BIND_STEP_MS);
        result = socket_bind_once(queue, config->input.frames, flags);
    }
    return result;
}

static void socket_tune(struct xdp_queue *queue, const struct config *config)
{
    struct xdp_options options = {0};
    socklen_t length = sizeof options;
    int fd = queue->queue.fd, on = 1, budget = BURST_PACKETS, poll_us = (int)config->input.busy_poll;
    if (getsockopt(fd, SOL_XDP, XDP_OPTIONS, &options, &length) == 0)
        queue->zero_copy = options.flags & XDP_OPTIONS_ZEROCOPY;
    if (!poll_us)
        return;
    if (setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &poll_us, sizeof poll_us) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof budget) < 0)
        log_info("interface %s: the kernel does not busy-poll this socket: %s", queue->interface->name,
                 strerror(errno));
}

static void queue_close(struct xdp_queue *queue)
{
    if (!queue)
        return;
    if (queue->socket)
        xsk_socket__delete(queue->socket);
    if (queue->umem)
        xsk_umem__delete(queue->umem);
    xdp_memory_give(&queue->memory);
    xdp_pieces_fini(&queue->pieces);
    free(queue);
}

static void queue_fill(struct xdp_queue *queue, uint32_t frames)
{
    for (uint32_t frame = 0; frame < frames; frame++) {
        uint64_t address = (uint64_t)frame * STEER_FRAME_BYTES;
        frames_give(queue, &address, 1);
    }
}

static const char *bind_help(int error)
{
    switch (-error) {
    case EPERM:
        return "run as root, or with CAP_NET_RAW";
    case EBUSY:
        return "another program has an AF_XDP socket on this queue; stop that one";
    case EOPNOTSUPP:
        return "the driver has no zero-copy; set input.zero_copy to auto";
    case ENOMEM:
    case ENOBUFS:
        return "set input.frames lower, or allow more locked memory: ulimit -l, or CAP_IPC_LOCK";
    default:
        return "input.backend=socket works without AF_XDP";
    }
}

/* A queue, bound and filled; *opened is NULL on failure, which is logged. */
static int queue_open(struct xdp_state *state, struct xdp_interface *interface, uint32_t number,
                      struct xdp_queue **opened)
{
    struct xdp_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return -ENOMEM;
    queue->interface = interface;
    queue->interface_queue = number;
    queue->hints_on = state->config->input.xdp_hints;
    int result = umem_open(queue, state->config);
    if (!result && xdp_program_takes_pieces(interface->program))
        result = xdp_pieces_init(&queue->pieces, queue->frames, state->config->max_message_size);
    if (!result)
        result = socket_bind(queue, state->config);
    if (!result) {
        queue->queue.fd = xsk_socket__fd(queue->socket);
        queue->queue.state = queue;
        queue->queue.tells_fill = true;
        queue_fill(queue, state->config->input.frames);
        socket_tune(queue, state->config);
        result = xdp_program_add_socket(interface->program, number, queue->queue.fd);
    }
    if (result) {
        log_error("interface %s: no AF_XDP socket for queue %u: %s; %s", interface->name, number, strerror(-result),
                  bind_help(result));
        queue_close(queue);
        return result;
    }
    *opened = queue;
    return 0;
}

/* Room for the interface's queues: no more are told than there is room for. */
static int queues_reserve(struct backend *backend, uint32_t more)
{
    struct xdp_state *state = backend->state;
    uint32_t count = backend->queue_count + more;
    struct xdp_queue **ours = realloc(state->queues, count * sizeof(*state->queues));
    if (!ours)
        return -ENOMEM;
    state->queues = ours;
    struct backend_queue **queues = realloc(backend->queues, count * sizeof(*backend->queues));
    if (!queues)
        return -ENOMEM;
    backend->queues = queues;
    return 0;
}

static int queues_open(struct backend *backend, struct xdp_interface *interface)
{
    struct xdp_state *state = backend->state;
    bool zero_copy = true, huge = true;
    for (uint32_t i = 0; i < interface->queue_count; i++) {
        struct xdp_queue *queue = NULL;
        int result = queue_open(state, interface, i, &queue);
        if (result)
            return result;
        queue->queue.backend = backend;
        queue->queue.number = backend->queue_count;
        zero_copy = zero_copy && queue->zero_copy;
        huge = huge && queue->memory.huge;
        state->queues[backend->queue_count] = queue;
        backend->queues[backend->queue_count++] = &queue->queue;
    }
    log_info("interface %s: AF_XDP in %s mode, %s, %u queue%s, frames in %s pages", interface->name,
             xdp_program_native(interface->program) ? "native" : "generic", zero_copy ? "zero-copy" : "with copies",
             interface->queue_count, interface->queue_count == 1 ? "" : "s", huge ? "huge" : "small");
    return 0;
}

static int interface_open(struct backend *backend, struct xdp_interface *interface)
{
    struct xdp_state *state = backend->state;
    const struct xdp_program_setup setup = {.config = state->config,
                                            .listens = state->listens,
                                            .listen_count = state->listen_count,
                                            .interface = interface->name,
                                            .interface_index = interface->index};
    int result = xdp_program_open(&interface->program, &setup);
    /* Not before: with a program, some drivers (virtio_net) receive by queues that are not in use without one. */
    interface->queue_count = interface_queues(interface->name, STEER_QUEUES_MOST);
    if (!result)
        result = queues_reserve(backend, interface->queue_count);
    return result ? result : queues_open(backend, interface);
}

static int interface_add(struct xdp_state *state, const char *name)
{
    struct xdp_interface *interfaces = realloc(state->interfaces, (state->interface_count + 1) * sizeof *interfaces);
    if (!interfaces)
        return -ENOMEM;
    state->interfaces = interfaces;
    struct xdp_interface *interface = &interfaces[state->interface_count];
    *interface = (struct xdp_interface){.index = (int)if_nametoindex(name)};
    snprintf(interface->name, sizeof interface->name, "%s", name);
    if (!interface->index) {
        log_error("input.interface: there is no interface %s; ip link shows those that there are", name);
        return -ENODEV;
    }
    state->interface_count++;
    return 0;
}

/* A bond's frames are seen by programs and sockets of the interfaces that it consists of: AF_XDP knows no bond. */
static int name_add(struct xdp_state *state, const char *name)
{
    struct bond_slaves slaves;
    char path[sizeof "/sys/class/net//bonding/slaves" + IFNAMSIZ];
    snprintf(path, sizeof path, "/sys/class/net/%s/bonding/slaves", name);
    bond_slaves_read(&slaves, path);
    if (!slaves.count)
        return interface_add(state, name);
    int result = 0;
    for (uint32_t i = 0; i < slaves.count && !result; i++) {
        log_info("interface %s: of the bond %s", slaves.names[i], name);
        result = interface_add(state, slaves.names[i]);
    }
    return result;
}

static int interfaces_find(struct xdp_state *state)
{
    int result = 0;
    for (uint32_t i = 0; i < state->config->input.interface.count && !result; i++)
        result = name_add(state, state->config->input.interface.items[i]);
    return result;
}

static void xdp_close(struct backend *backend)
{
    struct xdp_state *state = backend->state;
    if (!state)
        return;
    /* First the programs: from then on the kernel gets what comes. */
    for (uint32_t i = 0; i < state->interface_count; i++)
        xdp_program_close(state->interfaces[i].program);
    for (uint32_t i = 0; i < backend->queue_count; i++)
        queue_close(state->queues[i]);
    free(state->queues);
    free(state->interfaces);
    free(state);
    free(backend->queues);
    *backend = (struct backend){.ops = backend->ops};
}

static int xdp_open(struct backend *backend, const struct config *config, uint32_t queues)
{
    (void)queues; /* as many as the interfaces have: a queue without a socket would lose its share of the traffic */
    struct xdp_state *state = calloc(1, sizeof *state);
    if (!state)
        return -ENOMEM;
    backend->state = state;
    backend->queue_count = 0;
    state->config = config;
    state->listen_count = listens_read(config, state->listens);
    int result = state->listen_count < 0 ? state->listen_count : interfaces_find(state);
    for (uint32_t i = 0; i < state->interface_count && !result; i++)
        result = interface_open(backend, &state->interfaces[i]);
    if (result)
        xdp_close(backend);
    return result;
}

static void xdp_refresh(struct backend *backend)
{
    struct xdp_state *state = backend->state;
    for (uint32_t i = 0; i < state->interface_count; i++)
        xdp_program_refresh(state->interfaces[i].program);
}

/* All interfaces or none. */
static int xdp_set_rules(struct backend *backend, const struct config *config)
{
    struct xdp_state *state = backend->state;
    int result = 0;
    for (uint32_t i = 0; i < state->interface_count && !result; i++)
        result = xdp_program_prepare_rules(state->interfaces[i].program, config);
    for (uint32_t i = 0; i < state->interface_count && !result; i++)
        xdp_program_use_rules(state->interfaces[i].program);
    return result;
}

const struct backend_ops backend_xdp = {
    .name = "xdp",
    .sandboxed = true,
    .open = xdp_open,
    .receive = xdp_receive,
    .release = xdp_release,
    .losses = xdp_losses,
    .close = xdp_close,
    .refresh = xdp_refresh,
    .set_rules = xdp_set_rules,
};
