/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * Headers from Ethernet to UDP, and what load balancers put between, for the BPF programs. Each reader takes where its
 * header begins and returns where the next one does, or NULL when the frame ends before or is none of weir's; NULL goes
 * through all of them. dataplane/frame.c reads the same in user space, and checks the lengths that are not looked at
 * here.
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

#define FRAGMENT_BITS    0x3fff /* IPv4: more fragments, and the offset (RFC 791 3.1) */
#define GRE_CHECKSUM     0x8000 /* RFC 2784 2.1, RFC 2890 2 */
#define GRE_KEY          0x2000
#define GRE_SEQUENCE     0x1000
#define GRE_REFUSED      0x4007 /* source routes (RFC 1701), and another version */
#define GUE_CONTROL      0x20
#define PROXY_COMMAND    0x21   /* version 2, a proxied datagram; else the sender speaks for itself */
#define PROXY_IPV4_UDP   0x12
#define PROXY_IPV6_UDP   0x22

struct vlan_tag {
    __be16 identifier;
    __be16 type;
};

struct extension_header {
    __u8 next;
    __u8 length; /* in units of 8 bytes, without the first 8 */
};

struct gre_header {
    __be16 flags;
    __be16 type;
};

struct gue_header {
    __u8 length; /* two bits variant, one control, five of optional fields in units of 4 bytes */
    __u8 protocol;
    __be16 flags;
};

struct proxy_header {
    __u8 signature[12];
    __u8 command; /* four bits version, four command */
    __u8 family;
    __be16 length; /* of what follows */
};

struct proxy_ipv4 {
    __be32 source, destination;
    __be16 source_port, destination_port;
};

struct proxy_ipv6 {
    __u8 source[16], destination[16];
    __be16 source_port, destination_port;
};

/* What steering needs to know of a datagram. */
struct flow {
    struct steer_address source;
    struct steer_address destination;
    __be16 source_port_be;
    __be16 port_be; /* of the destination */
    __u8 protocol;  /* behind IP */
    __u8 ipv4;
    __u8 fragment;  /* it is one, of what could be weir's */
    __u8 tunnelled;
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

static __always_inline int protocol_is_ours(__u8 protocol)
{
    return protocol == IPPROTO_UDP || protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6 || protocol == IPPROTO_GRE;
}

static __always_inline void *ipv4_read(void *at, void *end, struct flow *flow)
{
    struct iphdr *ip = at;
    if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5 || !protocol_is_ours(ip->protocol))
        return NULL;
    flow->fragment = (ip->frag_off & bpf_htons(FRAGMENT_BITS)) != 0;
    if (flow->fragment)
        return NULL;
    flow->ipv4 = 1;
    flow->protocol = ip->protocol;
    address_map_ipv4(&flow->source, ip->saddr);
    address_map_ipv4(&flow->destination, ip->daddr);
    return at + ip->ihl * 4;
}

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
    flow->protocol = next;
    return protocol_is_ours(next) ? at : NULL;
}

static __always_inline void *ip_read(void *at, void *end, __be16 type, struct flow *flow)
{
    if (at && type == bpf_htons(ETH_P_IP))
        return ipv4_read(at, end, flow);
    if (at && type == bpf_htons(ETH_P_IPV6))
        return ipv6_read(at, end, flow);
    return NULL;
}

/* Reads the ports where UDP follows. Returns where it did begin, as all other protocols do. */
static __always_inline void *udp_read(void *at, void *end, struct flow *flow)
{
    struct udphdr *udp = at;
    if (!at || flow->protocol != IPPROTO_UDP)
        return at;
    if ((void *)(udp + 1) > end)
        return NULL;
    flow->source_port_be = udp->source;
    flow->port_be = udp->dest;
    return at;
}

/* The kind of tunnel that the flow is, if it is one that is to be unpacked; else 0. */
static __always_inline __u32 flow_tunnel(const struct flow *flow, const struct steer_rules *rules)
{
    __u32 kind = 0;
    if (flow->protocol == IPPROTO_UDP)
        kind = flow->port_be == rules->gue_port_be ? STEER_UNPACK_GUE : 0;
    else
        kind = flow->protocol == IPPROTO_GRE ? STEER_UNPACK_GRE : STEER_UNPACK_IPIP;
    return kind & rules->unpack;
}

static __always_inline void *gre_skip(void *at, void *end, __be16 *type)
{
    struct gre_header *gre = at;
    if (!at || (void *)(gre + 1) > end || gre->flags & bpf_htons(GRE_REFUSED))
        return NULL;
    *type = gre->type;
    at = gre + 1;
    at += gre->flags & bpf_htons(GRE_CHECKSUM) ? 4 : 0;
    at += gre->flags & bpf_htons(GRE_KEY) ? 4 : 0;
    at += gre->flags & bpf_htons(GRE_SEQUENCE) ? 4 : 0;
    return *type == bpf_htons(ETH_P_TEB) ? ethernet_skip(at, end, type) : at;
}

/* The EtherType of what IP's version says. */
static __always_inline void *version_read(void *at, void *end, __be16 *type)
{
    __u8 *first = at;
    if (!at || (void *)(first + 1) > end)
        return NULL;
    *type = *first >> 4 == 4 ? bpf_htons(ETH_P_IP) : *first >> 4 == 6 ? bpf_htons(ETH_P_IPV6) : 0;
    return at;
}

/* Variant 0 has a header, variant 1 is IP at once: its first two bits are those of both versions. */
static __always_inline void *gue_skip(void *at, void *end, __be16 *type)
{
    struct gue_header *gue = at + sizeof(struct udphdr);
    if (!at || (void *)(gue + 1) > end)
        return NULL;
    at = gue;
    if (gue->length >> 6 == 0) {
        if (gue->length & GUE_CONTROL || (gue->protocol != IPPROTO_IPIP && gue->protocol != IPPROTO_IPV6))
            return NULL;
        at = (void *)(gue + 1) + (gue->length & 31) * 4;
    }
    return version_read(at, end, type);
}

/* Steps over the tunnel's header; type becomes that of what follows. */
static __always_inline void *tunnel_skip(void *at, void *end, __u32 kind, __be16 *type)
{
    if (kind == STEER_UNPACK_GRE)
        return gre_skip(at, end, type);
    if (kind == STEER_UNPACK_GUE)
        return gue_skip(at, end, type);
    return version_read(at, end, type);
}

static __always_inline int proxy_is_there(void *at, void *end)
{
    const __u32 *words = at;
    if (at + sizeof(struct proxy_header) > end)
        return 0;
    return words[0] == bpf_htonl(0x0d0a0d0a) && words[1] == bpf_htonl(0x000d0a51) && words[2] == bpf_htonl(0x5549540a);
}

/* The source becomes the one that the header names, if it names one. */
static __always_inline void proxy_read(void *at, void *end, struct flow *flow)
{
    struct proxy_header *proxy = at;
    struct proxy_ipv4 *four = at + sizeof *proxy;
    struct proxy_ipv6 *six = at + sizeof *proxy;
    if ((void *)(proxy + 1) > end || proxy->command != PROXY_COMMAND)
        return;
    if (proxy->family == PROXY_IPV4_UDP && (void *)(four + 1) <= end) {
        address_map_ipv4(&flow->source, four->source);
        flow->source_port_be = four->source_port;
    } else if (proxy->family == PROXY_IPV6_UDP && (void *)(six + 1) <= end) {
        __builtin_memcpy(&flow->source, six->source, sizeof flow->source);
        flow->source_port_be = six->source_port;
    }
}
