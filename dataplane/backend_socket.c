/* SPDX-License-Identifier: Apache-2.0 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "bpf/reuseport.skel.h"
#include "bpf/shared.h"
#include "dataplane/backend.h"
#include "dataplane/listen.h"

union socket_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

union control {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(struct timespec))];
};

/* One worker's sockets, one for each entry of host, behind one epoll; and the buffers of a burst. */
struct socket_queue {
    struct backend_queue queue;
    uint32_t message_bytes_most;
    uint32_t buffer_bytes;
    uint8_t *buffers;
    int socket_count;
    int first; /* socket to ask first: they take turns */
    int sockets[LISTENS_MOST];
    int gue_first; /* sockets from here on are those of GUE's port */
    uint8_t kinds[BURST_PACKETS]; /* enum packet_kind, of the last receive */
    struct mmsghdr messages[BURST_PACKETS];
    struct iovec vectors[BURST_PACKETS];
    union socket_address sources[BURST_PACKETS];
    union control controls[BURST_PACKETS];

    /* cold */
    uint32_t drops_seen[LISTENS_MOST]; /* the kernel's 32-bit counters, as last read */
    uint64_t drops;
};

struct socket_state {
    struct listen listens[LISTENS_MOST];
    int listen_count;
    int gue_first; /* listens from here on are those of GUE's port */
    struct socket_queue **queues;
};

/* --- the burst --- */

static int64_t message_time(struct msghdr *header, int64_t now_ns)
{
    struct timespec time;
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SO_TIMESTAMPNS)
        return now_ns;
    memcpy(&time, CMSG_DATA(control), sizeof time);
    return time.tv_sec * NS_PER_S + time.tv_nsec;
}

static struct endpoint message_source(const union socket_address *source)
{
    if (source->any.sa_family == AF_INET)
        return (struct endpoint){address_from_ipv4(&source->ipv4.sin_addr), ntohs(source->ipv4.sin_port)};
    return (struct endpoint){address_from_ipv6(&source->ipv6.sin6_addr), ntohs(source->ipv6.sin6_port)};
}

static void message_take(struct socket_queue *queue, uint32_t slot, int64_t now_ns, struct packet *packet)
{
    struct mmsghdr *message = &queue->messages[slot];
    *packet = (struct packet){.bytes = queue->vectors[slot].iov_base,
                              .size_bytes = message->msg_len,
                              .kind = queue->kinds[slot],
                              .cut = message->msg_hdr.msg_flags & MSG_TRUNC,
                              .received_ns = message_time(&message->msg_hdr, now_ns),
                              .source = message_source(&queue->sources[slot])};
    /* The kernel has written over what it was given. */
    message->msg_hdr.msg_namelen = sizeof queue->sources[slot];
    message->msg_hdr.msg_controllen = sizeof queue->controls[slot];
}

/* The fullest of the sockets. */
static double sockets_fill(const struct socket_queue *queue)
{
    double fullest = 0;
    for (int i = 0; i < queue->socket_count; i++) {
        uint32_t memory[SK_MEMINFO_VARS] = {0};
        socklen_t length = sizeof memory;
        if (getsockopt(queue->sockets[i], SOL_SOCKET, SO_MEMINFO, memory, &length) < 0 || !memory[SK_MEMINFO_RCVBUF])
            continue;
        double fill = (double)memory[SK_MEMINFO_RMEM_ALLOC] / (double)memory[SK_MEMINFO_RCVBUF];
        fullest = fill > fullest ? fill : fullest;
    }
    return fullest;
}

static int socket_receive(struct backend_queue *base, struct packet *packets, int most)
{
    struct socket_queue *queue = base->state;
    uint32_t count = 0, room = most < BURST_PACKETS ? (uint32_t)most : BURST_PACKETS;
    for (int i = 0; i < queue->socket_count && count < room; i++) {
        int socket = (queue->first + i) % queue->socket_count;
        int got = recvmmsg(queue->sockets[socket], queue->messages + count, room - count, MSG_DONTWAIT, NULL);
        if (got <= 0)
            continue;
        memset(queue->kinds + count, socket < queue->gue_first ? PACKET_PAYLOAD : PACKET_GUE, (size_t)got);
        count += (uint32_t)got;
    }
    queue->first = (queue->first + 1) % queue->socket_count;
    if (!count)
        return 0;
    int64_t now_ns = clock_utc_ns();
    for (uint32_t i = 0; i < count; i++)
        message_take(queue, i, now_ns, &packets[i]);
    base->fill = count == room ? sockets_fill(queue) : 0;
    return (int)count;
}

static void socket_release(struct backend_queue *base)
{
    (void)base; /* the next receive writes over the buffers */
}

/*
 * The same counter that SO_RXQ_OVFL sends along with datagrams, asked for when wanted: it is right also when no
 * datagram follows the lost ones.
 */
static void socket_losses(struct backend_queue *base, struct losses *losses)
{
    struct socket_queue *queue = base->state;
    for (int i = 0; i < queue->socket_count; i++) {
        uint32_t memory[SK_MEMINFO_VARS] = {0};
        socklen_t length = sizeof memory;
        if (getsockopt(queue->sockets[i], SOL_SOCKET, SO_MEMINFO, memory, &length) < 0)
            continue;
        queue->drops += memory[SK_MEMINFO_DROPS] - queue->drops_seen[i];
        queue->drops_seen[i] = memory[SK_MEMINFO_DROPS];
    }
    *losses = (struct losses){.socket = queue->drops};
}

/* --- set-up --- */

static void socket_buffer_set(int fd, uint64_t wanted_bytes)
{
    int wanted = wanted_bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)wanted_bytes, got = 0;
    socklen_t length = sizeof got;
    if (!wanted)
        return;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) == 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &length);
    static struct log_cause cause;
    if (got / 2 < wanted) /* the kernel reports twice what it grants */
        log_limited(
            &cause, LOG_LEVEL_WARNING,
            "read_buffer: the kernel grants %d of %d bytes; raise it with sysctl net.core.rmem_max=%d, or run with "
            "CAP_NET_ADMIN",
            got / 2, wanted, wanted);
}

static int socket_bind(int fd, const struct listen *listen, bool ipv6)
{
    union socket_address address = {0};
    if (!ipv6) {
        address.ipv4.sin_family = AF_INET;
        address.ipv4.sin_port = htons(listen->endpoint.port);
        memcpy(&address.ipv4.sin_addr, listen->endpoint.address.bytes + 12, 4);
        if (listen->any)
            address.ipv4.sin_addr.s_addr = htonl(INADDR_ANY);
        return bind(fd, &address.any, sizeof address.ipv4) < 0 ? -errno : 0;
    }
    address.ipv6.sin6_family = AF_INET6;
    address.ipv6.sin6_port = htons(listen->endpoint.port);
    memcpy(&address.ipv6.sin6_addr, listen->endpoint.address.bytes, 16);
    return bind(fd, &address.any, sizeof address.ipv6) < 0 ? -errno : 0;
}

/* With share, further sockets may be bound to the same address and port. */
static int socket_setup(int fd, const struct listen *listen, const struct config *config, bool ipv6, bool share)
{
    int on = 1, only_ipv6 = !listen->ipv4, busy_poll_us = (int)config->input.busy_poll;
    if (ipv6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, sizeof only_ipv6) < 0)
        return -errno;
    if (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0)
        return -errno;
    if (busy_poll_us)
        setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &busy_poll_us, sizeof busy_poll_us); /* a hint: the worker polls too */
    socket_buffer_set(fd, config->read_buffer);
    return socket_bind(fd, listen, ipv6);
}

static const char *bind_help(int error)
{
    switch (-error) {
    case EADDRINUSE:
        return "another program listens there; ss -lunp shows which";
    case EADDRNOTAVAIL:
        return "this machine has no such address; ip address shows those that it has";
    case EACCES:
        return "ports below 1024 need CAP_NET_BIND_SERVICE";
    default:
        return "change host, or network";
    }
}

/* The socket, or -errno having logged. */
static int socket_open(const struct listen *listen, const struct config *config, bool share)
{
    char text[ENDPOINT_TEXT_MOST];
    bool ipv6 = listen->ipv6;
    int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT && listen->ipv4) { /* a kernel without IPv6 */
        ipv6 = false;
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    int result = fd < 0 ? -errno : socket_setup(fd, listen, config, ipv6, share);
    if (!result)
        return fd;
    endpoint_format(&listen->endpoint, text);
    log_error("host %s: cannot listen: %s; %s", text, strerror(-result), bind_help(result));
    if (fd >= 0)
        close(fd);
    return result;
}

struct steering {
    uint32_t workers;
    bool by_port; /* an exporter is an address and a port */
};

/*
 * Has the groups of the sockets pick by the exporter's address, within what unpack says there may be around it. Where
 * the kernel refuses, it picks by addresses and ports, and the workers hand over what they do not own.
 */
static void groups_steer(const int *sockets, int count, uint32_t unpack, const struct steering *steering)
{
    struct reuseport_bpf *skeleton = reuseport_bpf__open();
    if (!skeleton)
        return;
    skeleton->rodata->worker_count = steering->workers;
    skeleton->rodata->unpack = unpack;
    skeleton->rodata->by_port = steering->by_port;
    int result = reuseport_bpf__load(skeleton);
    int program = result ? -1 : bpf_program__fd(skeleton->progs.weir_pick);
    for (int i = 0; i < count && !result; i++)
        if (setsockopt(sockets[i], SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &program, sizeof program) < 0)
            result = -errno;
    if (result)
        log_info("sockets: cannot choose the worker by the exporter's address (%s), which needs CAP_BPF; workers hand "
                 "datagrams over",
                 strerror(-result));
    reuseport_bpf__destroy(skeleton); /* the sockets hold the program */
}

static int buffers_init(struct socket_queue *queue, uint64_t message_bytes_most)
{
    queue->message_bytes_most = (uint32_t)message_bytes_most;
    queue->buffer_bytes = (queue->message_bytes_most + PACKET_SLACK_BYTES + 63) & ~63u;
    queue->buffers = mmap(NULL, (size_t)queue->buffer_bytes * BURST_PACKETS, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (queue->buffers == MAP_FAILED) {
        queue->buffers = NULL;
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < BURST_PACKETS; i++) {
        queue->vectors[i] = (struct iovec){queue->buffers + (size_t)i * queue->buffer_bytes, queue->message_bytes_most};
        queue->messages[i].msg_hdr = (struct msghdr){.msg_name = &queue->sources[i],
                                                     .msg_namelen = sizeof queue->sources[i],
                                                     .msg_iov = &queue->vectors[i],
                                                     .msg_iovlen = 1,
                                                     .msg_control = &queue->controls[i],
                                                     .msg_controllen = sizeof queue->controls[i]};
    }
    return 0;
}

static void queue_close(struct socket_queue *queue)
{
    if (!queue)
        return;
    for (int i = 0; i < queue->socket_count; i++)
        close(queue->sockets[i]);
    if (queue->queue.fd >= 0)
        close(queue->queue.fd);
    if (queue->buffers)
        munmap(queue->buffers, (size_t)queue->buffer_bytes * BURST_PACKETS);
    free(queue);
}

static int queue_add_socket(struct socket_queue *queue, const struct listen *listen, const struct config *config)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fd = socket_open(listen, config, true);
    if (fd < 0)
        return fd;
    queue->sockets[queue->socket_count++] = fd;
    return epoll_ctl(queue->queue.fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int queue_open(struct socket_state *state, const struct config *config, struct socket_queue **opened)
{
    struct socket_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return -ENOMEM;
    queue->queue.state = queue;
    queue->queue.tells_fill = true;
    queue->gue_first = state->gue_first;
    queue->queue.fd = epoll_create1(EPOLL_CLOEXEC);
    int result = queue->queue.fd < 0 ? -errno : buffers_init(queue, config->max_message_size);
    for (int i = 0; i < state->listen_count && !result; i++)
        result = queue_add_socket(queue, &state->listens[i], config);
    if (result) {
        queue_close(queue);
        return result;
    }
    *opened = queue;
    return 0;
}

static void socket_close(struct backend *backend)
{
    struct socket_state *state = backend->state;
    if (!state)
        return;
    for (uint32_t i = 0; i < backend->queue_count; i++)
        queue_close(state->queues[i]);
    free(state->queues);
    free(state);
    free(backend->queues);
    *backend = (struct backend){.ops = backend->ops};
}

/*
 * SO_REUSEPORT would also let another collector of the same user in, and each would get a part of the datagrams without
 * anybody noticing. So a socket that shares with nobody tries first.
 */
static int listens_probe(const struct socket_state *state, const struct config *config)
{
    for (int i = 0; i < state->listen_count; i++) {
        int fd = socket_open(&state->listens[i], config, false);
        if (fd < 0)
            return fd;
        close(fd);
    }
    return 0;
}

/*
 * Queue after queue, so that a group's sockets are bound in the order of their workers: the program's answer is a place
 * in that order. What comes before the program is attached is handed over.
 */
static int queues_open(struct backend *backend, const struct config *config, uint32_t count)
{
    struct socket_state *state = backend->state;
    for (uint32_t i = 0; i < count; i++) {
        int result = queue_open(state, config, &state->queues[i]);
        if (result)
            return result;
        struct backend_queue *queue = &state->queues[i]->queue;
        queue->backend = backend;
        queue->number = i;
        backend->queues[backend->queue_count++] = queue;
    }
    const struct socket_queue *first = state->queues[0];
    const struct steering steering = {.workers = count, .by_port = config->input.rss == RSS_SOURCE_PORT};
    if (count < 2)
        return 0;
    groups_steer(first->sockets, state->gue_first, config->input.unpack & UNPACK_PROXY, &steering);
    if (first->socket_count > state->gue_first)
        groups_steer(first->sockets + state->gue_first, first->socket_count - state->gue_first, UNPACK_GUE, &steering);
    return 0;
}

/* GUE comes to a port of its own, at every address that is listened on. Returns 0 or -errno, having logged. */
static int listens_add_gue(struct socket_state *state, uint32_t port)
{
    for (int i = 0; i < state->gue_first; i++) {
        struct listen listen = state->listens[i];
        listen.endpoint.port = (uint16_t)port;
        bool known = false;
        for (int other = state->gue_first; other < state->listen_count; other++)
            known = known || endpoint_equal(&state->listens[other].endpoint, &listen.endpoint);
        if (known)
            continue;
        if (state->listen_count == LISTENS_MOST) {
            log_error("host: no room for the port of GUE: at most %d sockets; leave some entries out", LISTENS_MOST);
            return -EINVAL;
        }
        state->listens[state->listen_count++] = listen;
    }
    return 0;
}

/* Returns 0 or -errno, having logged. */
static int listens_find(struct socket_state *state, const struct config *config)
{
    int count = listens_read(config, state->listens);
    if (count < 0)
        return count;
    state->listen_count = state->gue_first = count;
    return config->input.unpack & UNPACK_GUE ? listens_add_gue(state, config->input.gue_port) : 0;
}

static int backend_socket_open(struct backend *backend, const struct config *config, uint32_t queues)
{
    struct socket_state *state = calloc(1, sizeof *state);
    if (!state)
        return -ENOMEM;
    backend->state = state;
    backend->queue_count = 0;
    backend->queues = calloc(queues, sizeof(*backend->queues));
    state->queues = calloc(queues, sizeof(*state->queues));
    int result = backend->queues && state->queues ? listens_find(state, config) : -ENOMEM;
    if (!result)
        result = listens_probe(state, config);
    if (!result)
        result = queues_open(backend, config, queues);
    if (result)
        socket_close(backend);
    return result;
}

const struct backend_ops backend_socket = {
    .name = "socket",
    .sandboxed = true,
    .open = backend_socket_open,
    .receive = socket_receive,
    .release = socket_release,
    .losses = socket_losses,
    .close = socket_close,
};
