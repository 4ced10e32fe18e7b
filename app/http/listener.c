/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/log.h"

#define BACKLOG   64
#define FILE_MOST (1U << 20) /* bytes of a certificate with its chain */

union socket_address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

/* Returns the length. */
static socklen_t socket_address_of(const struct endpoint *endpoint, union socket_address *address)
{
    memset(address, 0, sizeof *address);
    if (address_is_ipv4(&endpoint->address)) {
        address->four.sin_family = AF_INET;
        address->four.sin_port = htons(endpoint->port);
        memcpy(&address->four.sin_addr, endpoint->address.bytes + 12, 4);
        return sizeof address->four;
    }
    address->six.sin6_family = AF_INET6;
    address->six.sin6_port = htons(endpoint->port);
    memcpy(&address->six.sin6_addr, endpoint->address.bytes, 16);
    return sizeof address->six;
}

static int endpoint_listen(const struct endpoint *endpoint)
{
    union socket_address address;
    const int on = 1, off = 0;
    socklen_t length = socket_address_of(endpoint, &address);
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, &address.any, length) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

int listener_socket(const char *address)
{
    static const struct address any;
    static const uint8_t zeroes[4];
    struct endpoint endpoint;
    if (!endpoint_parse(address, &endpoint))
        return -EINVAL;
    int fd = endpoint_listen(&endpoint);
    if (fd == -EAFNOSUPPORT && address_equal(&endpoint.address, &any)) {
        endpoint.address = address_from_ipv4(zeroes); /* a machine without IPv6 */
        fd = endpoint_listen(&endpoint);
    }
    return fd;
}

const char *listener_remedy(int error)
{
    static const struct {
        int error;
        const char *remedy;
    } remedies[] = {
        {EADDRINUSE, "another program listens there (\"ss -ltnp\" shows which): write another port, or off"},
        {EADDRNOTAVAIL, "this machine has no such address (\"ip address\" shows those that it has)"},
        {EACCES, "ports below 1024 need CAP_NET_BIND_SERVICE: write a higher one"},
        {EAFNOSUPPORT, "this machine has no addresses of that family: write one of the other"},
    };
    for (unsigned i = 0; i < sizeof remedies / sizeof remedies[0]; i++)
        if (remedies[i].error == error)
            return remedies[i].remedy;
    return "write another address, or off";
}

char *listener_file(const char *key, const char *path)
{
    char *text = malloc(FILE_MOST + 1);
    FILE *file = text ? fopen(path, "re") : NULL;
    size_t length = file ? fread(text, 1, FILE_MOST + 1, file) : 0;
    bool good = file && !ferror(file) && length && length <= FILE_MOST;
    if (!good)
        log_error("%s: %s: %s; name a PEM file that weir may read", key, path,
                  file && !ferror(file) ? (length ? "it is too large" : "it is empty") : strerror(errno));
    else
        text[length] = '\0';
    if (file)
        fclose(file);
    if (good)
        return text;
    free(text);
    return NULL;
}
