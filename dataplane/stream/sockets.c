/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/stream/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define BACKLOG      1024
#define FILES_BESIDE 512 /* outputs, interfaces, HTTP and the like */

/* Keep-alive: a peer that is gone is noticed after 60 + 4 * 15 s of silence. */
#define ALIVE_IDLE_S  60
#define ALIVE_STEP_S  15
#define ALIVE_PROBES  4
#define ALIVE_MOST_MS ((ALIVE_IDLE_S + ALIVE_PROBES * ALIVE_STEP_S) * 1000)

union socket_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static const struct {
    const char *key;
    size_t offset; /* of the list in struct config */
    enum transport transport;
} transports[] = {
    {"input.tcp.listen", offsetof(struct config, input.tcp.listen), TRANSPORT_TCP},
    {"input.tls.listen", offsetof(struct config, input.tls.listen), TRANSPORT_TLS},
    {"input.dtls.listen", offsetof(struct config, input.dtls.listen), TRANSPORT_DTLS},
    {"input.sctp.listen", offsetof(struct config, input.sctp.listen), TRANSPORT_SCTP},
};

static socklen_t address_write(const struct endpoint *endpoint, bool ipv4, union socket_address *address)
{
    memset(address, 0, sizeof *address);
    if (ipv4) {
        address->ipv4.sin_family = AF_INET;
        address->ipv4.sin_port = htons(endpoint->port);
        memcpy(&address->ipv4.sin_addr, endpoint->address.bytes + 12, 4);
        return sizeof address->ipv4;
    }
    address->ipv6.sin6_family = AF_INET6;
    address->ipv6.sin6_port = htons(endpoint->port);
    memcpy(&address->ipv6.sin6_addr, endpoint->address.bytes, 16);
    return sizeof address->ipv6;
}

static struct endpoint address_read(const union socket_address *address)
{
    if (address->any.sa_family == AF_INET)
        return (struct endpoint){address_from_ipv4(&address->ipv4.sin_addr), ntohs(address->ipv4.sin_port)};
    return (struct endpoint){address_from_ipv6(&address->ipv6.sin6_addr), ntohs(address->ipv6.sin6_port)};
}

/* A socket that is bound, or -errno. */
static int socket_bound(const union socket_address *address, enum transport transport, bool reuse)
{
    bool ipv4 = address->any.sa_family == AF_INET;
    socklen_t length = ipv4 ? sizeof address->ipv4 : sizeof address->ipv6;
    int type = transport == TRANSPORT_DTLS ? SOCK_DGRAM : SOCK_STREAM;
    const int on = 1, off = 0;
    int protocol = transport == TRANSPORT_SCTP ? IPPROTO_SCTP : 0;
    int fd = socket(address->any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return -errno;
    if (reuse)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!ipv4)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, &address->any, length) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

/*
 * The socket, or -errno. By datagrams, each session has a socket at the same address. What makes that possible would
 * let another program in, too, so one that shares with nobody tries first.
 */
static int listener_open(const struct endpoint *endpoint, bool ipv4, enum transport transport)
{
    union socket_address address;
    bool datagrams = transport == TRANSPORT_DTLS;
    address_write(endpoint, ipv4, &address);
    int fd = socket_bound(&address, transport, !datagrams);
    if (fd >= 0 && datagrams) {
        close(fd);
        return socket_bound(&address, transport, true);
    }
    if (fd < 0 || listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

/* "[::]" and ":PORT" take both families, where the machine has both. */
static int endpoint_open(const struct endpoint *endpoint, enum transport transport)
{
    static const struct address any;
    static const uint8_t zeroes[4];
    int fd = listener_open(endpoint, address_is_ipv4(&endpoint->address), transport);
    if (fd != -EAFNOSUPPORT || !address_equal(&endpoint->address, &any))
        return fd;
    struct endpoint ipv4 = {address_from_ipv4(zeroes), endpoint->port};
    return listener_open(&ipv4, true, transport);
}

/* As much as the kernel grants: net.core.rmem_max without CAP_NET_ADMIN. */
static void buffer_set(int fd, int bytes)
{
    if (bytes && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

int stream_socket_beside(const struct stream_listener *listener, const struct endpoint *peer)
{
    union socket_address address;
    socklen_t length = sizeof address;
    if (getsockname(listener->fd, &address.any, &length) < 0)
        return -errno;
    int fd = socket_bound(&address, TRANSPORT_DTLS, true);
    if (fd < 0)
        return fd;
    buffer_set(fd, listener->read_buffer);
    length = address_write(peer, address.any.sa_family == AF_INET, &address);
    if (connect(fd, &address.any, length) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

static const char *remedy_for(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another program listens there; ss -lntup shows which";
    case EADDRNOTAVAIL:
        return "this machine has no such address; ip address shows those that it has";
    case EACCES:
        return "ports below 1024 need CAP_NET_BIND_SERVICE";
    default:
        return "write another address";
    }
}

/* What may be asked of the kernel. */
static bool kernel_has_sctp(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int listener_make(const struct config *config, const char *text, struct stream_listener *listener)
{
    struct endpoint endpoint;
    if (!endpoint_parse(text, &endpoint))
        return -EINVAL;
    if (listener->sctp_here) {
        listener->sctp = sctp_here_listen(&endpoint);
        return listener->sctp ? 0 : -errno;
    }
    listener->fd = endpoint_open(&endpoint, listener->transport);
    listener->read_buffer = config->read_buffer > INT32_MAX / 2 ? INT32_MAX / 2 : (int)config->read_buffer;
    if (listener->fd >= 0 && listener->transport == TRANSPORT_DTLS)
        buffer_set(listener->fd, listener->read_buffer);
    return listener->fd < 0 ? listener->fd : 0;
}

/* As `like`, but for the sockets. */
static int list_open(unsigned row, const struct config *config, struct stream_listener *listeners, int *count,
                     const struct stream_listener *like)
{
    const struct text_list *list = (const void *)((const uint8_t *)config + transports[row].offset);
    for (uint32_t i = 0; i < list->count; i++) {
        if (*count == STREAM_LISTENERS_MOST) {
            log_error("%s: at most %d addresses in all", transports[row].key, STREAM_LISTENERS_MOST);
            return -EINVAL;
        }
        struct stream_listener *listener = &listeners[*count];
        *listener = *like;
        int result = listener_make(config, list->items[i], listener);
        if (result) {
            log_error("%s: %s: cannot listen: %s; %s", transports[row].key, list->items[i], strerror(-result),
                      remedy_for(-result));
            return result;
        }
        ++*count;
    }
    return 0;
}

int stream_listeners_open(const struct config *config, struct stream_listener *listeners, int *count, int wake_fd)
{
    bool sctp_here = config->input.sctp.listen.count && !kernel_has_sctp();
    int result = sctp_here ? sctp_here_start(config, wake_fd) : 0;
    *count = 0;
    for (unsigned i = 0; i < sizeof transports / sizeof transports[0] && !result; i++) {
        enum transport transport = transports[i].transport;
        const struct stream_listener like = {
            .fd = -1, .transport = transport, .sctp_here = sctp_here && transport == TRANSPORT_SCTP};
        result = list_open(i, config, listeners, count, &like);
    }
    return result;
}

void stream_listener_close(struct stream_listener *listener)
{
    SSL_free(listener->ssl);
    if (listener->sctp)
        sctp_here_close(listener->sctp);
    if (listener->fd >= 0)
        close(listener->fd);
}

int stream_accept(const struct stream_listener *listener, struct endpoint *source)
{
    union socket_address address;
    socklen_t length = sizeof address;
    int fd = accept4(listener->fd, &address.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    *source = address_read(&address);
    return fd;
}

void stream_keep_alive(int fd)
{
    const int on = 1, idle_s = ALIVE_IDLE_S, step_s = ALIVE_STEP_S, probes = ALIVE_PROBES, most_ms = ALIVE_MOST_MS;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &step_s, sizeof step_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &most_ms, sizeof most_ms);
}

void stream_files_allow(uint32_t sessions)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)sessions + FILES_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    rlim_t hard = limit.rlim_max;
    limit.rlim_cur = wanted < hard ? wanted : hard;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < wanted)
        log_warning("input.streams.most: %u sessions take more open files than the limit of %llu: raise it (ulimit -n, "
                    "LimitNOFILE=)",
                    sessions, (unsigned long long)limit.rlim_cur);
}
