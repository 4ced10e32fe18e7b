/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define SEND_BUFFER_BYTES (4 << 20)

static socklen_t socket_address(const struct endpoint *endpoint, bool six, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){.ss_family = six ? AF_INET6 : AF_INET};
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *other = (struct sockaddr_in6 *)out;
    if (six) {
        other->sin6_port = htons(endpoint->port);
        memcpy(&other->sin6_addr, endpoint->address.bytes, 16);
        return sizeof *other;
    }
    four->sin_port = htons(endpoint->port);
    memcpy(&four->sin_addr, endpoint->address.bytes + 12, 4);
    return sizeof *four;
}

static void endpoint_learn(int socket, struct endpoint *endpoint)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    getsockname(socket, (struct sockaddr *)&address, &length);
    const struct sockaddr_in *four = (const struct sockaddr_in *)&address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address;
    if (address.ss_family == AF_INET)
        *endpoint = (struct endpoint){address_from_ipv4(&four->sin_addr), ntohs(four->sin_port)};
    else
        *endpoint = (struct endpoint){address_from_ipv6(&six->sin6_addr), ntohs(six->sin6_port)};
}

static int bind_to(int socket, const struct endpoint *from, bool six)
{
    struct sockaddr_storage address;
    char text[ADDRESS_TEXT_MOST];
    socklen_t length = socket_address(from, six, &address);
    if (bind(socket, (struct sockaddr *)&address, length) == 0)
        return 0;
    int error = errno;
    address_format(&from->address, text);
    log_error("cannot send from %s port %u: %s; --from wants addresses of this machine here, and senders by frames any",
              text, from->port, strerror(error));
    return -error;
}

/* The family is the source's, or the target's first. */
static int exporter_open(struct sender *sender, int type, struct exporter_sockets *sockets)
{
    const struct sender_setup *setup = sender->setup;
    uint32_t number = sockets->count;
    struct blast_exporter *exporter = &sender->supply->exporters[number];
    bool six = setup->sources.count ? !address_is_ipv4(&exporter->endpoint.address) : !setup->target.has[0];
    struct sockaddr_storage to;
    int one = SEND_BUFFER_BYTES, descriptor = socket(six ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        log_error("no socket for exporter %u: %s; let it have more open files (ulimit -n), or take fewer exporters",
                  number + 1, strerror(errno));
        return -errno;
    }
    sockets->items[sockets->count++] = descriptor;
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &one, sizeof one);
    if (setup->sources.count) {
        int result = bind_to(descriptor, &exporter->endpoint, six);
        if (result)
            return result;
    }
    socklen_t length = socket_address(&setup->target.to[six], six, &to);
    if (connect(descriptor, (struct sockaddr *)&to, length) < 0) {
        int error = errno;
        log_error("cannot send there: %s", strerror(error));
        return -error;
    }
    endpoint_learn(descriptor, &exporter->endpoint);
    return 0;
}

static void files_allow(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int exporter_sockets_open(struct sender *sender, size_t state_bytes, int type)
{
    int result = 0;
    struct exporter_sockets *sockets = sender->state = calloc(1, state_bytes);
    if (!sockets)
        return -ENOMEM;
    sockets->buffers = buffers_new();
    sockets->items = calloc(sender->supply->exporter_count, sizeof *sockets->items);
    if (!sockets->buffers || !sockets->items)
        return -ENOMEM;
    files_allow();
    while (sockets->count < sender->supply->exporter_count && !result)
        result = exporter_open(sender, type, sockets);
    return result;
}

int exporter_sockets_close(struct sender *sender)
{
    struct exporter_sockets *sockets = sender->state;
    if (!sockets)
        return 0;
    for (uint32_t i = 0; i < sockets->count; i++)
        close(sockets->items[i]);
    buffers_free(sockets->buffers);
    free(sockets->items);
    free(sockets);
    return 0;
}

uint32_t exporter_sockets_room(struct sender *sender, struct blast_datagram *datagrams, uint32_t most)
{
    const struct exporter_sockets *sockets = sender->state;
    return buffers_room(sockets->buffers, datagrams, most);
}
