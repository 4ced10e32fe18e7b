/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * When frames came, by what the XDP program wrote in front of them (struct steer_hint of bpf/shared.h): the NIC's time
 * where its driver tells it, else the kernel's when it ran the program. One thread.
 */

/* What the clocks say at one moment, in ns. */
struct hint_clocks {
    int64_t utc_ns;
    int64_t tai_ns;       /* what PTP goes by: UTC without leap seconds, or the same where nobody told the kernel */
    int64_t monotonic_ns; /* the kernel's, that BPF programs read */
};

/* Who told the time of packets, in packets. */
struct hint_counts {
    uint64_t nic;
    uint64_t kernel;
};

/* A NIC's clock that is further away than this from both UTC and TAI is not set by them, and not believed. */
#define HINT_NIC_OFF_NS 1000000000

/* A frame that lay in a ring for longer than this has no such hint: something is wrong with it. */
#define HINT_WAIT_MOST_NS 10000000000

void hint_clocks_read(struct hint_clocks *clocks);

/*
 * UTC in ns when the frame came that begins at `frame`, of which the bytes in front belong to the kernel and its
 * program. Clears the hint: the next frame there may have none. Without one it is clocks->utc_ns.
 */
int64_t hint_take(uint8_t *frame, const struct hint_clocks *clocks, struct hint_counts *counts);
