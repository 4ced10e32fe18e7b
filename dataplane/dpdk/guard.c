/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/dpdk/guard.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

static int socket_bind(int fd, const struct listen *listen)
{
    int only = !listen->ipv4;
    if (!listen->ipv6) {
        struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(listen->endpoint.port)};
        memcpy(&ipv4.sin_addr, listen->endpoint.address.bytes + 12, sizeof ipv4.sin_addr);
        return bind(fd, (const struct sockaddr *)&ipv4, sizeof ipv4) < 0 ? -errno : 0;
    }
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(listen->endpoint.port)};
    memcpy(&ipv6.sin6_addr, listen->endpoint.address.bytes, sizeof ipv6.sin6_addr);
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    return bind(fd, (const struct sockaddr *)&ipv6, sizeof ipv6) < 0 ? -errno : 0;
}

/* The filter drops each datagram before it takes memory. */
static int guard_open(const struct listen *listen)
{
    struct sock_filter none[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    const struct sock_fprog program = {.len = 1, .filter = none};
    int fd = socket(listen->ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
    if (!result)
        result = socket_bind(fd, listen);
    if (!result)
        return fd;
    close(fd);
    return result;
}

int guards_open(struct guards *guards, const struct listen *listens, int count)
{
    for (int i = 0; i < count; i++) {
        int fd = guard_open(&listens[i]);
        /* An address that only DPDK's frames are to, or a family that the kernel lacks, needs no guard. */
        if (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT)
            continue;
        if (fd < 0) {
            log_error("host: port %u: %s; ss -lunp shows which program listens there", listens[i].endpoint.port,
                      strerror(-fd));
            return fd;
        }
        guards->sockets[guards->count++] = fd;
    }
    return 0;
}

void guards_close(struct guards *guards)
{
    while (guards->count)
        close(guards->sockets[--guards->count]);
}
