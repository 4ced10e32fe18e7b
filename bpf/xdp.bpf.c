/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/*
 * Steers flow export to AF_XDP: UDP datagrams to an address and port that weir listens on go to the socket of the queue
 * they came in by, with what load balancers have put around them; everything else, all fragments, and queues without a
 * socket go to the kernel. Checksums are not verified here.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#include "bpf/flow.h"
#include "bpf/shared.h"

struct steer_rules rules[STEER_SETS];
volatile __u32 rules_in_use; /* user space writes it once the set is whole */

/* Set before loading. */
const volatile __u32 pieces_on = 0; /* sockets take frames that are longer than one of theirs */

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
} allow_0 SEC(".maps"), allow_1 SEC(".maps"), balancers_0 SEC(".maps"), balancers_1 SEC(".maps");

/* Until when the packets that an exporter has sent are paid for, on the kernel's monotonic clock, in ns. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, STEER_BUDGETS_MOST);
    __type(key, struct steer_exporter);
    __type(value, __u64);
} budgets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct steer_counts);
} counts SEC(".maps");

static __always_inline int address_is_local(const struct steer_address *address)
{
    return bpf_map_lookup_elem(&local, address) != 0;
}

/*
 * Does weir listen there: on that very address, or on every address of this machine? What came through a tunnel needs
 * not be addressed to this machine: load balancers keep the address that is theirs.
 */
static __always_inline int flow_is_ours(const struct flow *flow)
{
    struct steer_listen key = {.address = flow->destination, .port_be = flow->port_be};
    if (bpf_map_lookup_elem(&listen, &key))
        return 1;
    __builtin_memset(&key.address, 0, sizeof key.address);
    if (flow->ipv4)
        address_map_ipv4(&key.address, 0);
    return bpf_map_lookup_elem(&listen, &key) && (flow->tunnelled || address_is_local(&flow->destination));
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

static __always_inline int source_is_balancer(const struct flow *flow, __u32 set)
{
    return prefixes_contain(&balancers_0, &balancers_1, set, &flow->source);
}

/*
 * Has the verifier forget by which of many ways we came here: it goes over what follows once, not once for each of
 * them. NULL for what would lie behind every frame.
 */
static __always_inline void *place_forget(void *frame, void *at)
{
    __u64 offset = at - frame;
    asm volatile("" : "+r"(offset));
    if (offset > STEER_PLACE_MOST)
        return NULL;
    asm volatile("" : "+r"(offset)); /* the register that was checked is the one that is added */
    return frame + offset;
}

/*
 * Finds the datagram, within a tunnel where one is to be unpacked: flow becomes what the exporter has sent. The UDP
 * header, or NULL.
 */
static __always_inline void *datagram_find(void *frame, void *end, struct flow *flow, __u32 set)
{
    __be16 type = 0;
    void *at = ethernet_skip(frame, end, &type);
    at = ip_read(at, end, type, flow);
    at = udp_read(at, end, flow);
    __u32 kind = at ? flow_tunnel(flow, &rules[set]) : 0;
    if (!kind || !address_is_local(&flow->destination) || !source_is_balancer(flow, set))
        return at;
    flow->tunnelled = 1;
    at = place_forget(frame, at);
    at = tunnel_skip(at, end, kind, &type);
    if (!at)
        return NULL;
    at = place_forget(frame, at);
    at = ip_read(at, end, type, flow);
    return udp_read(at, end, flow);
}

static __always_inline struct steer_counts *counts_own(void)
{
    __u32 only = 0;
    return bpf_map_lookup_elem(&counts, &only);
}

static __always_inline void budget_begin(const struct steer_exporter *key, __u64 paid_ns)
{
    struct steer_counts *sums = counts_own();
    bpf_map_update_elem(&budgets, key, &paid_ns, BPF_ANY);
    if (sums)
        sums->budgets_begun++;
}

/*
 * A token bucket as one word: each packet moves the time until which the exporter has paid by its cost, and may not
 * when that is too far ahead. Two processors that see the same exporter at once may let one packet more through. Who
 * was pushed out of the map begins anew, with a full bucket.
 */
static __always_inline int flow_is_within_budget(const struct flow *flow, __u32 set)
{
    __u64 cost_ns = rules[set].budget_cost_ns;
    if (!cost_ns)
        return 1;
    struct steer_exporter key = {.address = flow->source, .port_be = flow->source_port_be};
    __u64 now_ns = bpf_ktime_get_ns();
    __u64 *paid_ns = bpf_map_lookup_elem(&budgets, &key);
    if (!paid_ns) {
        budget_begin(&key, now_ns + cost_ns);
        return 1;
    }
    __u64 from_ns = *paid_ns > now_ns ? *paid_ns : now_ns;
    if (from_ns - now_ns > rules[set].budget_tolerance_ns)
        return 0;
    *paid_ns = from_ns + cost_ns;
    return 1;
}

static __always_inline void proxied_read(void *frame, void *udp, void *end, struct flow *flow, __u32 set)
{
    void *at = place_forget(frame, udp + sizeof(struct udphdr));
    if (at && proxy_is_there(at, end) && source_is_balancer(flow, set))
        proxy_read(at, end, flow);
}

static __always_inline enum steer_verdict frame_judge(void *at, void *end)
{
    struct flow flow = {};
    __u32 set = rules_in_use & (STEER_SETS - 1);
    void *udp = datagram_find(at, end, &flow, set);
    if (!udp || flow.protocol != IPPROTO_UDP)
        return flow.fragment ? STEER_FRAGMENT : STEER_OTHER;
    if (!flow_is_ours(&flow))
        return STEER_OTHER;
    if (rules[set].unpack & STEER_UNPACK_PROXY)
        proxied_read(at, udp, end, &flow, set);
    if (rules[set].allow_on && !prefixes_contain(&allow_0, &allow_1, set, &flow.source))
        return STEER_NOT_ALLOWED;
    if (!pieces_on && at + STEER_PACKET_MOST < end)
        return STEER_LONG;
    return flow_is_within_budget(&flow, set) ? STEER_TAKEN : STEER_OVER_BUDGET;
}

static __always_inline void verdict_count(__u32 verdict)
{
    struct steer_counts *sums = counts_own();
    if (sums && verdict < STEER_VERDICTS)
        sums->value[verdict]++;
}

/*
 * Frames for sockets have a struct steer_hint in front in objects that say by NIC_TIME where the NIC's time is from.
 * What may move a frame's begin, reached or not, is in no other: since Linux 6.13, and in 6.12's later releases,
 * libxdp's dispatcher takes no such program, for it is none itself.
 */
#ifdef NIC_TIME
/* Not where the driver leaves no room in front of frames. The pointers into the frame are void behind it. */
static __always_inline void hint_write(struct xdp_md *context)
{
    struct steer_hint hint = {.nic_ns = NIC_TIME(context), .kernel_ns = bpf_ktime_get_ns()};
    hint.check = STEER_HINT_CHECK ^ hint.nic_ns ^ hint.kernel_ns;
    if (bpf_xdp_adjust_meta(context, -(int)sizeof hint))
        return;
    struct steer_hint *room = (void *)(long)context->data_meta;
    if ((void *)(room + 1) <= (void *)(long)context->data)
        *room = hint;
}
#else
static __always_inline void hint_write(struct xdp_md *context)
{
    (void)context;
}
#endif

/* To libxdp's dispatcher: what is passed goes on to the programs behind this one. */
struct {
    __uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(weir_steer);

SEC("xdp")
int weir_steer(struct xdp_md *context)
{
    int action = XDP_PASS;
    enum steer_verdict verdict = frame_judge((void *)(long)context->data, (void *)(long)context->data_end);
    if (verdict == STEER_TAKEN) {
        hint_write(context);
        action = bpf_redirect_map(&sockets, context->rx_queue_index, XDP_PASS);
        verdict = action == XDP_REDIRECT ? STEER_TAKEN : STEER_NO_SOCKET;
    } else if (verdict >= STEER_NOT_ALLOWED) {
        action = XDP_DROP;
    }
    verdict_count(verdict);
    return action;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
