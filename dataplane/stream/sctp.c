/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/stream/sctp.h"

#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <usrsctp.h>

#include "base/log.h"
#include "dataplane/stream/framing.h"

#define BACKLOG    128
#define CARRY_MOST 64 /* messages of a bridge at a time */
#define STOP_STEPS 50
#define STOP_MS    10 /* a step: associations say good-bye */

struct sctp_bridge {
    struct socket *socket;
    int fd; /* of the pair, to write to */
    bool over;
    uint32_t start, end; /* of what was read and found no room in the pair yet */
    uint8_t bytes[MESSAGE_MOST];
};

static int wake; /* set before the library starts */

/* --- the library --- */

/* In the library's threads: whatever happened, the doorman looks at all. */
static void socket_woken(struct socket *socket, void *data, int flags)
{
    (void)socket;
    (void)data;
    (void)flags;
    eventfd_write(wake, 1);
}

/* Of this thread and those that it starts. What it does not have it does not get. */
static void capabilities_limit(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    const uint32_t kept = 1U << CAP_NET_RAW | 1U << CAP_NET_BIND_SERVICE;
    if (syscall(SYS_capget, &header, data) < 0)
        return;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted &= i ? 0 : kept;
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    syscall(SYS_capset, &header, data);
}

static void *library_start(void *argument)
{
    const uint32_t *udp_port = argument;
    capabilities_limit();
    usrsctp_init((uint16_t)*udp_port, NULL, NULL);
    return NULL;
}

/* The library says nothing when it cannot have the port. */
static int port_probe(uint32_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : -errno;
    if (fd >= 0)
        close(fd);
    return result;
}

int sctp_here_start(const struct config *config, int wake_fd)
{
    uint32_t udp_port = config->input.sctp.udp_port;
    pthread_t thread;
    int result = udp_port ? port_probe(udp_port) : 0;
    if (result) {
        log_error("input.sctp.udp_port: %u: %s; choose another port, or 0 for none", udp_port, strerror(-result));
        return result;
    }
    wake = wake_fd;
    result = -pthread_create(&thread, NULL, library_start, &udp_port);
    if (result)
        return result;
    pthread_join(thread, NULL);
    usrsctp_sysctl_set_sctp_blackhole(2); /* an SCTP of the machine's own may be there: no ABORTs for its packets */
    log_info("input.sctp: SCTP in user space, by UDP port %u%s; the kernel has none", udp_port,
             geteuid() == 0 ? " and IP" : "");
    return 0;
}

void sctp_here_stop(void)
{
    for (int i = 0; i < STOP_STEPS && usrsctp_finish() != 0; i++)
        poll(NULL, 0, STOP_MS);
}

/* --- sockets --- */

static socklen_t address_write(const struct endpoint *endpoint, struct sockaddr_storage *storage)
{
    memset(storage, 0, sizeof *storage);
    if (address_is_ipv4(&endpoint->address)) {
        struct sockaddr_in *ipv4 = (void *)storage;
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(endpoint->port);
        memcpy(&ipv4->sin_addr, endpoint->address.bytes + 12, 4);
        return sizeof *ipv4;
    }
    struct sockaddr_in6 *ipv6 = (void *)storage;
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(endpoint->port);
    memcpy(&ipv6->sin6_addr, endpoint->address.bytes, 16);
    return sizeof *ipv6;
}

static struct endpoint address_read(const struct sockaddr_storage *storage)
{
    const struct sockaddr_in *ipv4 = (const void *)storage;
    const struct sockaddr_in6 *ipv6 = (const void *)storage;
    if (storage->ss_family == AF_INET)
        return (struct endpoint){address_from_ipv4(&ipv4->sin_addr), ntohs(ipv4->sin_port)};
    return (struct endpoint){address_from_ipv6(&ipv6->sin6_addr), ntohs(ipv6->sin6_port)};
}

struct socket *sctp_here_listen(const struct endpoint *endpoint)
{
    struct sockaddr_storage address;
    const int off = 0;
    socklen_t length = address_write(endpoint, &address);
    struct socket *listener = usrsctp_socket(address.ss_family, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    if (!listener)
        return NULL;
    if (address.ss_family == AF_INET6)
        usrsctp_setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    usrsctp_set_non_blocking(listener, 1);
    usrsctp_set_upcall(listener, socket_woken, NULL);
    if (usrsctp_bind(listener, (struct sockaddr *)&address, length) == 0 && usrsctp_listen(listener, BACKLOG) == 0)
        return listener;
    int error = errno;
    usrsctp_close(listener);
    errno = error;
    return NULL;
}

void sctp_here_close(struct socket *listener)
{
    usrsctp_close(listener);
}

static struct sctp_bridge *bridge_new(struct socket *socket, int *far)
{
    int pair[2];
    struct sctp_bridge *bridge = malloc(sizeof *bridge); /* pages come with what is kept in them */
    if (!bridge || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
        free(bridge);
        return NULL;
    }
    bridge->socket = socket;
    bridge->fd = pair[0];
    bridge->over = false;
    bridge->start = bridge->end = 0;
    *far = pair[1];
    return bridge;
}

int sctp_here_accept(struct socket *listener, struct endpoint *source, struct sctp_bridge **bridge)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int far = -1;
    struct socket *socket = usrsctp_accept(listener, (struct sockaddr *)&address, &length);
    if (!socket)
        return -errno;
    *source = address_read(&address);
    usrsctp_set_non_blocking(socket, 1);
    usrsctp_set_upcall(socket, socket_woken, NULL);
    *bridge = bridge_new(socket, &far);
    if (*bridge)
        return far;
    usrsctp_close(socket);
    return -ENOMEM;
}

void sctp_bridge_free(struct sctp_bridge *bridge)
{
    if (!bridge)
        return;
    usrsctp_set_upcall(bridge->socket, NULL, NULL);
    usrsctp_close(bridge->socket);
    close(bridge->fd);
    free(bridge);
}

void sctp_bridge_end(struct sctp_bridge *bridge)
{
    shutdown(bridge->fd, SHUT_WR);
}

int sctp_bridge_fd(const struct sctp_bridge *bridge)
{
    return bridge->fd;
}

/* --- carrying --- */

/* True when nothing is left to write. */
static bool rest_write(struct sctp_bridge *bridge)
{
    while (bridge->start < bridge->end) {
        ssize_t done = send(bridge->fd, bridge->bytes + bridge->start, bridge->end - bridge->start, MSG_NOSIGNAL);
        if (done <= 0)
            return false;
        bridge->start += (uint32_t)done;
    }
    bridge->start = bridge->end = 0;
    return true;
}

/* Bytes of one message, 0 at the end, or -errno. */
static ssize_t message_read(struct sctp_bridge *bridge)
{
    struct sctp_recvv_rn info;
    struct sockaddr_storage from;
    socklen_t from_bytes = sizeof from, info_bytes = sizeof info;
    unsigned type;
    int flags = 0;
    ssize_t got = usrsctp_recvv(bridge->socket, bridge->bytes, sizeof bridge->bytes, (struct sockaddr *)&from,
                                &from_bytes, &info, &info_bytes, &type, &flags);
    if (got < 0)
        return -errno;
    bridge->end = flags & MSG_NOTIFICATION ? 0 : (uint32_t)got;
    return got;
}

bool sctp_bridge_carry(struct sctp_bridge *bridge, bool *broken)
{
    *broken = false;
    if (bridge->over)
        return true;
    for (int i = 0; i < CARRY_MOST; i++) {
        if (!rest_write(bridge))
            return true;
        ssize_t got = message_read(bridge);
        if (got == -EAGAIN || got == -EINTR)
            return true;
        if (got <= 0) {
            *broken = got < 0;
            bridge->over = true;
            return false;
        }
    }
    eventfd_write(wake, 1); /* more is there */
    return true;
}
