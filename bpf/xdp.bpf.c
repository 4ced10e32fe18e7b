/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/*
 * Steers flow export to AF_XDP: UDP datagrams to an address and port that weir listens on go to the socket of the queue
 * they came in by; everything else, all fragments, and queues without a socket go to the kernel. Checksums are not
 * verified here.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/shared.h"

#define FRAGMENT_BITS 0x3fff /* IPv4: more fragments, and the offset (RFC 791 3.1) */

const volatile __u32 allow_on = 0; /* set before loading: input.allow has entries */

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, STEER_QUEUES_MOST);
    __type(key, __u32);
    __type(value, __u32);
} sockets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, STEER_LISTEN_MOST);
    __type(key, struct steer_listen);
    __type(value, __u8);
} listen SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, STEER_LOCAL_MOST);
    __type(key, struct steer_address);
    __type(value, __u32);
} local SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, STEER_ALLOW_MOST);
    __type(key, struct steer_prefix);
    __type(value, __u8);
} allow SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, STEER_COUNTS);
    __type(key, __u32);
    __type(value, __u64);
} counts SEC(".maps");

struct vlan_tag {
    __be16 identifier;
    __be16 type;
};

struct extension_header {
    __u8 next;
    __u8 length; /* in units of 8 bytes, without the first 8 */
};

/* What steering needs to know of a datagram. */
struct flow {
    struct steer_address source;
    struct steer_address destination;
    __be16 port_be;
    __u8 ipv4;
};

static __always_inline void address_map_ipv4(struct steer_address *address, __be32 ipv4)
{
    __builtin_memset(address->bytes, 0, 10);
    address->bytes[10] = 0xff;
    address->bytes[11] = 0xff;
    __builtin_memcpy(address->bytes + 12, &ipv4, 4);
}

/* Steps over the Ethernet header and its tags; returns what follows and its type, NULL when the frame ends before. */
static __always_inline void *ethernet_skip(void *at, void *end, __be16 *type)
{
    struct ethhdr *ethernet = at;
    if ((void *)(ethernet + 1) > end)
        return NULL;
    *type = ethernet->h_proto;
    at = ethernet + 1;
#pragma unroll
    for (int i = 0; i < STEER_VLANS_MOST; i++) {
        if (*type != bpf_htons(ETH_P_8021Q) && *type != bpf_htons(ETH_P_8021AD))
            break;
        struct vlan_tag *tag = at;
        if ((void *)(tag + 1) > end)
            return NULL;
        *type = tag->type;
        at = tag + 1;
    }
    return at;
}

/* The UDP header of a whole IPv4 datagram, or NULL. */
static __always_inline void *ipv4_read(void *at, void *end, struct flow *flow)
{
    struct iphdr *ip = at;
    if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
        return NULL;
    if (ip->protocol != IPPROTO_UDP || ip->frag_off & bpf_htons(FRAGMENT_BITS))
        return NULL;
    flow->ipv4 = 1;
    address_map_ipv4(&flow->source, ip->saddr);
    address_map_ipv4(&flow->destination, ip->daddr);
    return at + ip->ihl * 4;
}

/* The UDP header of a whole IPv6 datagram, or NULL. */
static __always_inline void *ipv6_read(void *at, void *end, struct flow *flow)
{
    struct ipv6hdr *ip = at;
    if ((void *)(ip + 1) > end || ip->version != 6)
        return NULL;
    flow->ipv4 = 0;
    __builtin_memcpy(&flow->source, &ip->saddr, sizeof flow->source);
    __builtin_memcpy(&flow->destination, &ip->daddr, sizeof flow->destination);
    __u8 next = ip->nexthdr;
    at = ip + 1;
#pragma unroll
    for (int i = 0; i < STEER_EXTENSIONS_MOST; i++) {
        if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
            break;
        struct extension_header *extension = at;
        if ((void *)(extension + 1) > end)
            return NULL;
        next = extension->next;
        at += (extension->length + 1) * 8;
    }
    return next == IPPROTO_UDP ? at : NULL;
}

static __always_inline int flow_read(void *at, void *end, struct flow *flow)
{
    __be16 type = 0;
    at = ethernet_skip(at, end, &type);
    if (!at)
        return 0;
    if (type == bpf_htons(ETH_P_IP))
        at = ipv4_read(at, end, flow);
    else if (type == bpf_htons(ETH_P_IPV6))
        at = ipv6_read(at, end, flow);
    else
        return 0;
    struct udphdr *udp = at;
    if (!at || (void *)(udp + 1) > end)
        return 0;
    flow->port_be = udp->dest;
    return 1;
}

/* Does weir listen there: on that very address, or on every address of this machine? */
static __always_inline int flow_is_ours(const struct flow *flow)
{
    struct steer_listen key = {.address = flow->destination, .port_be = flow->port_be};
    if (bpf_map_lookup_elem(&listen, &key))
        return 1;
    __builtin_memset(&key.address, 0, sizeof key.address);
    if (flow->ipv4)
        address_map_ipv4(&key.address, 0);
    return bpf_map_lookup_elem(&listen, &key) && bpf_map_lookup_elem(&local, &flow->destination);
}

static __always_inline int flow_is_allowed(const struct flow *flow)
{
    struct steer_prefix key = {.length = 128, .address = flow->source};
    return !allow_on || bpf_map_lookup_elem(&allow, &key);
}

static __always_inline void count_up(__u32 index)
{
    __u64 *count = bpf_map_lookup_elem(&counts, &index);
    if (count)
        (*count)++;
}

SEC("xdp")
int weir_steer(struct xdp_md *context)
{
    void *at = (void *)(long)context->data;
    void *end = (void *)(long)context->data_end;
    struct flow flow = {};
    if (at + STEER_PACKET_MOST < end || !flow_read(at, end, &flow) || !flow_is_ours(&flow))
        return XDP_PASS;
    if (!flow_is_allowed(&flow)) {
        count_up(STEER_NOT_ALLOWED);
        return XDP_DROP;
    }
    return bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS);
}

char license_text[] SEC("license") = "Dual BSD/GPL";
