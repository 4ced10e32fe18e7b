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

struct steer_rules rules[STEER_SETS];
volatile __u32 rules_in_use; /* user space writes it once the set is whole */

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

struct prefixes {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, STEER_PREFIXES_MOST);
    __type(key, struct steer_prefix);
    __type(value, __u8);
} allow_0 SEC(".maps"), allow_1 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct steer_counts);
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
    __u8 fragment; /* it is one, of a UDP datagram */
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

/* Steps over the header of a whole datagram; NULL, with the reason in flow, where there is none. */
static __always_inline void *ipv4_read(void *at, void *end, struct flow *flow)
{
    struct iphdr *ip = at;
    if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5 || ip->protocol != IPPROTO_UDP)
        return NULL;
    flow->fragment = (ip->frag_off & bpf_htons(FRAGMENT_BITS)) != 0;
    if (flow->fragment)
        return NULL;
    flow->ipv4 = 1;
    address_map_ipv4(&flow->source, ip->saddr);
    address_map_ipv4(&flow->destination, ip->daddr);
    return at + ip->ihl * 4;
}

/* The same of IPv6, with its extension headers. */
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
    flow->fragment = next == IPPROTO_FRAGMENT;
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

static __always_inline int address_is_mapped(const struct steer_address *address)
{
    const __u32 *words = (const void *)address;
    return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

/* Is the address in the first or the second map, as set says? */
static __always_inline int prefixes_contain(void *first, void *second, __u32 set, const struct steer_address *address)
{
    struct steer_prefix key = {.length = 128, .address = *address};
    __u8 *range = set ? bpf_map_lookup_elem(second, &key) : bpf_map_lookup_elem(first, &key);
    return range && (*range != STEER_RANGE_IPV6 || !address_is_mapped(address));
}

static __always_inline enum steer_verdict frame_judge(void *at, void *end)
{
    struct flow flow = {};
    if (!flow_read(at, end, &flow))
        return flow.fragment ? STEER_FRAGMENT : STEER_OTHER;
    if (!flow_is_ours(&flow))
        return STEER_OTHER;
    __u32 set = rules_in_use & (STEER_SETS - 1);
    if (rules[set].allow_on && !prefixes_contain(&allow_0, &allow_1, set, &flow.source))
        return STEER_NOT_ALLOWED;
    return at + STEER_PACKET_MOST < end ? STEER_LONG : STEER_TAKEN;
}

static __always_inline void verdict_count(__u32 verdict)
{
    __u32 only = 0;
    struct steer_counts *sums = bpf_map_lookup_elem(&counts, &only);
    if (sums && verdict < STEER_VERDICTS)
        sums->value[verdict]++;
}

SEC("xdp")
int weir_steer(struct xdp_md *context)
{
    int action = XDP_PASS;
    enum steer_verdict verdict = frame_judge((void *)(long)context->data, (void *)(long)context->data_end);
    if (verdict == STEER_TAKEN) {
        action = bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS);
        verdict = action == XDP_REDIRECT ? STEER_TAKEN : STEER_NO_SOCKET;
    } else if (verdict >= STEER_NOT_ALLOWED) {
        action = XDP_DROP;
    }
    verdict_count(verdict);
    return action;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
