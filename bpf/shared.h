/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/*
 * What the BPF programs and user space share: sizes, map layouts and the steering hash. Included by both, so it knows
 * nothing but the kernel's integer types.
 */
#include <linux/types.h>

#define STEER_PROGRAM_NAME "weir_steer" /* by it a start recognises what an earlier one left behind */

/*
 * A frame of the UMEM has 4,096 bytes, of which the kernel keeps XDP_PACKET_HEADROOM (256) for itself. Longer frames
 * come in pieces where the kernel can (Linux 6.6); else they go to its stack and reach weir through a socket.
 */
#define STEER_FRAME_BYTES    4096
#define STEER_HEADROOM_BYTES 256
#define STEER_PACKET_MOST    (STEER_FRAME_BYTES - STEER_HEADROOM_BYTES)

#define STEER_VLANS_MOST      2
#define STEER_EXTENSIONS_MOST 8     /* IPv6 extension headers before UDP */
#define STEER_PLACE_MOST      16383 /* bytes of headers in front of a datagram */
#define STEER_LISTEN_MOST     256   /* entries of the listen map */
#define STEER_LOCAL_MOST      16384 /* addresses of this machine */
#define STEER_PREFIXES_MOST   65536 /* of input.allow, and of input.balancers */
#define STEER_BUDGETS_MOST    65536 /* exporters with a budget, unless set before loading */
#define STEER_QUEUES_MOST     1024  /* receive queues of an interface */

/* Key of the local map; IPv4 as its IPv4-mapped form, in network order. */
struct steer_address {
    __u8 bytes[16];
};

/* Key of the listen map. The address :: stands for every local IPv6 address, ::ffff:0.0.0.0 for every local IPv4 one.
 */
struct steer_listen {
    struct steer_address address;
    __be16 port_be;
    __u16 zero;
};

/* Key of a map of prefixes (BPF_MAP_TYPE_LPM_TRIE). */
struct steer_prefix {
    __u32 length; /* 0..128 bits of address */
    struct steer_address address;
};

/*
 * What becomes of a frame. Each is counted, so that all of them together are the frames that came; those before
 * STEER_NOT_ALLOWED go on to the kernel, the others are dropped.
 */
enum steer_verdict {
    STEER_TAKEN,     /* to the AF_XDP socket of its queue */
    STEER_NO_SOCKET, /* for weir, but its queue has no socket */
    STEER_OTHER,     /* no UDP datagram to where weir listens */
    STEER_FRAGMENT,  /* of a UDP datagram */
    STEER_LONG,      /* for weir, but longer than STEER_PACKET_MOST */
    STEER_NOT_ALLOWED,
    STEER_OVER_BUDGET, /* more packets than an exporter may send */
    STEER_VERDICTS,
};

/* The per-CPU map of counts has one of these. */
struct steer_counts {
    __u64 value[STEER_VERDICTS];
    __u64 budgets_begun; /* for exporters that the map of budgets did not have, or no more */
};

/* What lies in front of a frame that a socket gets, with input.xdp_hints. */
struct steer_hint {
    __u64 nic_ns;    /* by the NIC's clock when it came; 0: the driver does not say */
    __u64 kernel_ns; /* by the kernel's monotonic clock when the program saw it */
    __u64 check;     /* STEER_HINT_CHECK ^ nic_ns ^ kernel_ns: it is a hint, and not what lay there */
};

#define STEER_HINT_CHECK 0x7765697268696e74ull

/* Key of the map of budgets: an exporter. */
struct steer_exporter {
    struct steer_address address;
    __be16 port_be;
    __u16 zero;
};

/*
 * What can change while the program runs. There are two sets of it with maps of their own: one in use, the other to be
 * written for the next change.
 */
#define STEER_SETS 2

struct steer_rules {
    __u32 allow_on; /* the set's list of exporters holds: without it everybody may send */
    __u32 unpack;   /* enum steer_unpack, or-ed */
    __be16 gue_port_be;
    __u16 zero;
    __u64 budget_cost_ns;      /* that a packet takes of its exporter's budget; 0: there are no budgets */
    __u64 budget_tolerance_ns; /* how far ahead of the time the costs may be: the burst */
};

/* What load balancers put around datagrams. */
enum steer_unpack {
    STEER_UNPACK_IPIP = 1 << 0,
    STEER_UNPACK_GRE = 1 << 1,
    STEER_UNPACK_GUE = 1 << 2,
    STEER_UNPACK_PROXY = 1 << 3,
};

/* Values of the maps of prefixes. */
enum steer_range {
    STEER_RANGE_ONE = 1,  /* of IPv6, or of IPv4 as mapped addresses */
    STEER_RANGE_IPV6 = 2, /* so short that it has the mapped addresses in it, but is IPv6's: ::/0 */
};

/*
 * The worker that an exporter's datagrams are steered to, by its address alone: an IPv4 address is one word, an IPv6
 * address four, both as they lie in the header. The finaliser of MurmurHash3: neighbouring addresses spread evenly.
 */
static inline __u32 steer_hash(const __u32 *words, __u32 count)
{
    __u32 hash = words[0];
    if (count == 4)
        hash ^= words[1] * 0x9e3779b1u ^ words[2] * 0x85ebca77u ^ words[3] * 0xc2b2ae3du;
    hash ^= hash >> 16;
    hash *= 0x85ebca6bu;
    hash ^= hash >> 13;
    hash *= 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

/* The same by address and UDP port (input.rss: source-port), from the address's hash and the port in host order. */
static inline __u32 steer_hash_port(__u32 hash, __u16 port)
{
    const __u32 word = hash ^ port * 0x9e3779b1u;
    return steer_hash(&word, 1);
}
