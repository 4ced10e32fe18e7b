/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/*
 * The program with hints for one device, whose driver tells when a frame came (Linux 6.3). It is an object of its own
 * because the kernel refuses a program with this call that is for no device, and libbpf one with a kernel's function
 * where the kernel has no BTF.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *context, __u64 *time_ns) __ksym __weak;

static __always_inline __u64 nic_time(const struct xdp_md *context)
{
    __u64 time_ns = 0;
    return bpf_xdp_metadata_rx_timestamp(context, &time_ns) ? 0 : time_ns;
}

#define NIC_TIME(context) nic_time(context)
#include "bpf/xdp.bpf.c"
