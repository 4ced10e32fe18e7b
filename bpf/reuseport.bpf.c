/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/*
 * Picks the socket of a SO_REUSEPORT group by the exporter's address, or by address and port, so that one worker sees
 * all that an exporter sends from there: those of the datagram, or those that a load balancer says it has. That needs
 * no believing here: a lie chooses no more than a worker. Attached with SO_ATTACH_REUSEPORT_EBPF; the result is the
 * socket's place in the group, which is its worker.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/flow.h"
#include "bpf/shared.h"

#define IPV4_SOURCE_OFFSET 12
#define IPV6_SOURCE_OFFSET 8
#define IPV6_NEXT_OFFSET   6
#define IPV6_HEADER_BYTES  40

/* Set before loading. */
const volatile __u32 worker_count = 1;
const volatile __u32 by_port = 0;
const volatile __u32 unpack = 0; /* STEER_UNPACK_GUE: it is a group of GUE's port; STEER_UNPACK_PROXY: of another */

struct source {
    __u32 words[4];
    __u32 count; /* of words; 0: not found */
    __be16 port_be; /* 0 where it cannot be found at once: the worker that gets the datagram hands it over */
};

/* Bytes of the datagram, counted from its payload, or of the packet from its own IP header. */
static __always_inline long bytes_load(struct __sk_buff *packet, int from_ip, __u32 offset, void *to, __u32 count)
{
    return from_ip ? bpf_skb_load_bytes_relative(packet, offset, to, count, BPF_HDR_START_NET)
                   : bpf_skb_load_bytes(packet, offset, to, count);
}

/* Of the IP header at an offset. */
static __always_inline void source_read(struct __sk_buff *packet, int from_ip, __u32 offset, int ipv6,
                                        struct source *source)
{
    __u8 byte = 0;
    long failed = ipv6 ? bytes_load(packet, from_ip, offset + IPV6_SOURCE_OFFSET, source->words, 16)
                       : bytes_load(packet, from_ip, offset + IPV4_SOURCE_OFFSET, source->words, 4);
    source->count = failed ? 0 : ipv6 ? 4 : 1;
    if (!by_port || bytes_load(packet, from_ip, offset + (ipv6 ? IPV6_NEXT_OFFSET : 0), &byte, 1))
        return;
    if (ipv6 && byte != IPPROTO_UDP)
        return;
    offset += ipv6 ? IPV6_HEADER_BYTES : (byte & 15) * 4;
    bytes_load(packet, from_ip, offset, &source->port_be, sizeof source->port_be);
}

static __always_inline void source_of_gue(struct __sk_buff *packet, struct source *source)
{
    struct gue_header gue;
    __u8 version;
    if (bpf_skb_load_bytes(packet, 0, &gue, sizeof gue))
        return;
    __u32 offset = gue.length >> 6 ? 0 : sizeof gue + (gue.length & 31) * 4;
    if (bpf_skb_load_bytes(packet, offset, &version, sizeof version))
        return;
    if (version >> 4 == 4 || version >> 4 == 6)
        source_read(packet, 0, offset, version >> 4 == 6, source);
}

static __always_inline void source_of_proxy(struct __sk_buff *packet, struct source *source)
{
    struct proxy_header proxy;
    if (bpf_skb_load_bytes(packet, 0, &proxy, sizeof proxy) || !proxy_is_there(&proxy, &proxy + 1) ||
        proxy.command != PROXY_COMMAND || (proxy.family != PROXY_IPV4_UDP && proxy.family != PROXY_IPV6_UDP))
        return;
    int ipv6 = proxy.family == PROXY_IPV6_UDP;
    long failed = ipv6 ? bpf_skb_load_bytes(packet, sizeof proxy, source->words, 16)
                       : bpf_skb_load_bytes(packet, sizeof proxy, source->words, 4);
    source->count = failed ? 0 : ipv6 ? 4 : 1;
    bpf_skb_load_bytes(packet, sizeof proxy + (ipv6 ? 32 : 8), &source->port_be, sizeof source->port_be);
}

SEC("socket")
int weir_pick(struct __sk_buff *packet)
{
    struct source source = {};
    if (unpack & STEER_UNPACK_GUE)
        source_of_gue(packet, &source);
    else if (unpack & STEER_UNPACK_PROXY)
        source_of_proxy(packet, &source);
    if (!source.count)
        source_read(packet, 1, 0, packet->protocol == bpf_htons(ETH_P_IPV6), &source);
    if (!source.count)
        return 0;
    __u32 hash = steer_hash(source.words, source.count);
    if (by_port)
        hash = steer_hash_port(hash, bpf_ntohs(source.port_be));
    return hash % worker_count;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
