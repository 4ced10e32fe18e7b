/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/*
 * Picks the socket of a SO_REUSEPORT group by the exporter's address, so that one worker sees all that an exporter
 * sends: the address of the datagram, or the one that a load balancer says it has from. That needs no believing here: a
 * lie chooses no more than a worker. Attached with SO_ATTACH_REUSEPORT_EBPF; the result is the socket's place in the
 * group, which is its worker.
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

/* Set before loading. */
const volatile __u32 worker_count = 1;
const volatile __u32 unpack = 0; /* STEER_UNPACK_GUE: it is a group of GUE's port; STEER_UNPACK_PROXY: of another */

struct source {
    __u32 words[4];
    __u32 count; /* of words; 0: not found */
};

/* Of the datagram's own IP header. */
static __always_inline void source_read(struct __sk_buff *packet, struct source *source)
{
    source->count = packet->protocol == bpf_htons(ETH_P_IPV6) ? 4 : 1;
    long failed;
    if (source->count == 4)
        failed = bpf_skb_load_bytes_relative(packet, IPV6_SOURCE_OFFSET, source->words, 16, BPF_HDR_START_NET);
    else
        failed = bpf_skb_load_bytes_relative(packet, IPV4_SOURCE_OFFSET, source->words, 4, BPF_HDR_START_NET);
    source->count = failed ? 0 : source->count;
}

/* At an offset of the payload. */
static __always_inline void source_load(struct __sk_buff *packet, __u32 offset, int ipv6, struct source *source)
{
    long failed = ipv6 ? bpf_skb_load_bytes(packet, offset, source->words, 16)
                       : bpf_skb_load_bytes(packet, offset, source->words, 4);
    source->count = failed ? 0 : ipv6 ? 4 : 1;
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
        source_load(packet, offset + (version >> 4 == 6 ? IPV6_SOURCE_OFFSET : IPV4_SOURCE_OFFSET), version >> 4 == 6,
                    source);
}

static __always_inline void source_of_proxy(struct __sk_buff *packet, struct source *source)
{
    struct proxy_header proxy;
    if (bpf_skb_load_bytes(packet, 0, &proxy, sizeof proxy) || !proxy_is_there(&proxy, &proxy + 1) ||
        proxy.command != PROXY_COMMAND)
        return;
    if (proxy.family == PROXY_IPV4_UDP || proxy.family == PROXY_IPV6_UDP)
        source_load(packet, sizeof proxy, proxy.family == PROXY_IPV6_UDP, source);
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
        source_read(packet, &source);
    return source.count ? steer_hash(source.words, source.count) % worker_count : 0;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
