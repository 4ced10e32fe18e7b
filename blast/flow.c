/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/flow.h"

#include <math.h>
#include <stdbool.h>

#include "blast/random.h"

#define CLIENTS        50000
#define SERVERS        20000
#define INTERFACES     48
#define ACTIVE_MS      60000 /* the active timeout: no flow is longer */
#define EXPORT_MS      15000 /* the inactive timeout: how old the end of a flow gets */
#define PACKETS_MOST   1000000.0
#define ETHERNET_BYTES 14

enum { ICMP = 1, TCP = 6, UDP = 17, GRE = 47, ESP = 50 };

/* What is spoken, and how often in a hundred flows. */
static const struct service {
    const char *application;
    uint16_t port;
    uint8_t protocol;
    uint8_t weight;
} services[] = {
    {"tls", 443, TCP, 41},  {"quic", 443, UDP, 14}, {"dns", 53, UDP, 17},      {"http", 80, TCP, 8},
    {"ntp", 123, UDP, 3},   {"ssh", 22, TCP, 2},    {"smtp", 25, TCP, 2},      {"imaps", 993, TCP, 2},
    {"rdp", 3389, TCP, 1},  {"smb", 445, TCP, 2},   {"postgres", 5432, TCP, 1}, {"stun", 3478, UDP, 2},
    {"icmp", 0, ICMP, 2},   {"gre", 0, GRE, 1},     {"ipsec", 0, ESP, 1},      {"http-alt", 8080, TCP, 1},
};

/* Of a hundred TCP flows: whole ones, refused ones, scans, and what an active timeout cut out. */
static const struct flags {
    uint8_t flags;
    uint8_t weight;
} tcp_flags[] = {{0x1b, 62}, {0x1a, 6}, {0x18, 10}, {0x10, 6}, {0x02, 8}, {0x14, 5}, {0x1f, 3}};

/* Zipf's law with exponent 1, nearly: rank r comes as often as 1/r. */
static uint32_t rank_pick(uint32_t most, uint64_t *random)
{
    return (uint32_t)pow((double)most, random_share(random)) - 1;
}

static uint32_t scramble(uint32_t number)
{
    uint64_t state = number;
    return (uint32_t)random_next(&state);
}

static const struct service *service_pick(uint64_t *random)
{
    uint32_t left = random_below(random, 100);
    const struct service *service = services;
    for (; left >= service->weight; service++)
        left -= service->weight;
    return service;
}

static uint8_t tcp_flags_pick(uint64_t *random)
{
    uint32_t left = random_below(random, 100), at = 0;
    for (; at + 1 < sizeof tcp_flags / sizeof *tcp_flags && left >= tcp_flags[at].weight; at++)
        left -= tcp_flags[at].weight;
    return tcp_flags[at].flags;
}

static void client_make(struct flow_end *end, uint64_t *random)
{
    uint32_t number = scramble(rank_pick(CLIENTS, random));
    *end = (struct flow_end){.ipv4 = 0x0a000000 | (number & 0xffffff),
                             .ipv6 = (uint64_t)number << 32 | (number & 0xffff),
                             .mac = 0x020000000000 | number,
                             .as = 64512 + (number >> 28),
                             .port = (uint16_t)(32768 + random_below(random, 28232)),
                             .interface = (uint16_t)(1 + number % INTERFACES),
                             .prefix_bits = 24};
}

/* Outside of the networks that are private or mean something else: 11.0.0.0 to 99.255.255.255. */
static void server_make(struct flow_end *end, const struct service *service, uint64_t *random)
{
    uint32_t number = scramble(0x80000000u | rank_pick(SERVERS, random));
    *end = (struct flow_end){.ipv4 = (11 + (number >> 24) % 89) << 24 | (number & 0xffffff),
                             .ipv6 = 0xffff000000000000 | number,
                             .mac = 0x02ff00000000 | (number & 7), /* routers */
                             .as = number & 1 ? 64528 + (number >> 8) % 900 : 65000 + (number >> 8) % 500,
                             .port = service->port,
                             .interface = (uint16_t)(1 + INTERFACES + (number & 3)),
                             .prefix_bits = (uint8_t)(12 + number % 13)};
}

/* Pareto's law: most flows have a packet or a few, and one in a while hundreds of thousands. */
static void counters_make(struct flow *flow, bool upwards, uint64_t *random)
{
    uint16_t port = upwards ? flow->destination.port : flow->source.port;
    bool question = flow->protocol == UDP && (port == 53 || port == 123);
    double packets = pow(1 - random_share(random), -1 / 1.05);
    bool probe = flow->protocol == TCP && (flow->tcp_flags == 0x02 || flow->tcp_flags == 0x14);
    flow->packets = probe || question ? 1 + random_below(random, 2)
                                     : (uint32_t)fmin(packets, PACKETS_MOST);
    uint32_t least = flow->protocol == TCP ? 40 : 28;
    uint32_t most = probe ? 60 : upwards ? 240 : 1500;
    uint32_t mean = least + random_below(random, most - least + 1);
    flow->octets = flow->packets * mean; /* at most 1.5e9 */
    flow->reverse_packets = flow->packets / 2 + 1;
    flow->reverse_octets = flow->reverse_packets * (least + random_below(random, 200));
    flow->packet_bytes = (uint16_t)(mean + ETHERNET_BYTES);
}

static void times_make(struct flow *flow, uint64_t *random)
{
    double share = random_share(random);
    uint32_t duration = flow->packets == 1 ? 0 : (uint32_t)(share * share * share * ACTIVE_MS);
    flow->ended_ms = random_below(random, EXPORT_MS);
    flow->began_ms = flow->ended_ms + duration;
}

void flow_make(struct flow *flow, uint64_t *random)
{
    const struct service *service = service_pick(random);
    struct flow_end client, server;
    bool upwards = random_next(random) >> 63;
    client_make(&client, random);
    server_make(&server, service, random);
    if (service->protocol != TCP && service->protocol != UDP)
        client.port = 0;
    *flow = (struct flow){.source = upwards ? client : server,
                          .destination = upwards ? server : client,
                          .next_hop = 0xc0000200u | (server.ipv4 & 3), /* 192.0.2.0/24 */
                          .protocol = service->protocol,
                          .tcp_flags = service->protocol == TCP ? tcp_flags_pick(random) : 0,
                          .tos = random_below(random, 10) ? 0 : (uint8_t)(random_below(random, 8) << 5),
                          .application = service->application};
    counters_make(flow, upwards, random);
    times_make(flow, random);
}
