/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/log.h"

static const struct address any_ipv4 = {.bytes = {[10] = 0xff, [11] = 0xff}};
static const struct address any_ipv6;

/* Resolves "name:port" to its first address of the family. */
static bool name_resolve(const char *text, int family, struct endpoint *endpoint)
{
    const char *colon = strrchr(text, ':');
    char name[256];
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof name)
        return false;
    memcpy(name, text, (size_t)(colon - text));
    name[colon - text] = '\0';
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_DGRAM}, *found = NULL;
    if (getaddrinfo(name, colon + 1, &hints, &found) != 0)
        return false;
    if (found->ai_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const void *)found->ai_addr;
        *endpoint = (struct endpoint){address_from_ipv4(&ipv4->sin_addr), ntohs(ipv4->sin_port)};
    } else {
        const struct sockaddr_in6 *ipv6 = (const void *)found->ai_addr;
        *endpoint = (struct endpoint){address_from_ipv6(&ipv6->sin6_addr), ntohs(ipv6->sin6_port)};
    }
    freeaddrinfo(found);
    return endpoint->port != 0;
}

static bool listen_read(const char *text, enum network_kind network, struct listen *listen)
{
    static const int families[] = {[NETWORK_UDP] = AF_UNSPEC, [NETWORK_UDP4] = AF_INET, [NETWORK_UDP6] = AF_INET6};
    *listen = (struct listen){0};
    if (!endpoint_parse(text, &listen->endpoint) && !name_resolve(text, families[network], &listen->endpoint)) {
        log_error(
            "host %s: neither address:port nor name:port that resolves; write for example 192.0.2.1:2055 or :2055",
            text);
        return false;
    }
    struct address *address = &listen->endpoint.address;
    bool everywhere = text[0] == ':'; /* no address at all: both families */
    bool ipv4 = address_is_ipv4(address);
    listen->any = address_equal(address, &any_ipv6) || address_equal(address, &any_ipv4);
    listen->ipv4 = (everywhere || ipv4) && network != NETWORK_UDP6;
    listen->ipv6 = (everywhere || !ipv4) && network != NETWORK_UDP4;
    if (!listen->ipv4 && !listen->ipv6) {
        log_error("host %s: not an address of network %s; change one of the two", text, ipv4 ? "udp6" : "udp4");
        return false;
    }
    if (listen->any)
        *address = listen->ipv6 ? any_ipv6 : any_ipv4;
    return true;
}

static bool listen_known(const struct listen *listens, int count, const struct listen *wanted)
{
    for (int i = 0; i < count; i++)
        if (endpoint_equal(&listens[i].endpoint, &wanted->endpoint))
            return true;
    return false;
}

int listens_read(const struct config *config, struct listen *listens)
{
    int count = 0;
    for (uint32_t i = 0; i < config->host.count; i++) {
        struct listen listen;
        if (!listen_read(config->host.items[i], config->network, &listen))
            return -EINVAL;
        if (listen_known(listens, count, &listen))
            continue;
        if (count == LISTENS_MOST) {
            log_error("host: more than %d entries; leave some out", LISTENS_MOST);
            return -EINVAL;
        }
        listens[count++] = listen;
    }
    if (!count)
        log_error("host: empty, nothing to listen on; write for example host: [\":2055\", \":4739\"]");
    return count ? count : -EINVAL;
}
