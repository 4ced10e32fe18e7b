/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/*
 * Picks the socket of a SO_REUSEPORT group by the exporter's address, so that one worker sees all that an exporter
 * sends. Attached with SO_ATTACH_REUSEPORT_EBPF; the result is the socket's place in the group, which is its worker.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/shared.h"

#define IPV4_SOURCE_OFFSET 12
#define IPV6_SOURCE_OFFSET 8

const volatile __u32 worker_count = 1; /* set before loading */

SEC("socket")
int weir_pick(struct __sk_buff *packet)
{
    __u32 words[4] = {};
    __u32 count = packet->protocol == bpf_htons(ETH_P_IPV6) ? 4 : 1;
    long failed;
    if (count == 4)
        failed = bpf_skb_load_bytes_relative(packet, IPV6_SOURCE_OFFSET, words, 16, BPF_HDR_START_NET);
    else
        failed = bpf_skb_load_bytes_relative(packet, IPV4_SOURCE_OFFSET, words, 4, BPF_HDR_START_NET);
    return failed ? 0 : steer_hash(words, count) % worker_count;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
