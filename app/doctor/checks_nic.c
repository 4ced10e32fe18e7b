/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/ethtool.h>
#include <net/if.h>
#include <string.h>

#include "app/doctor/checks.h"
#include "app/doctor/nic.h"
#include "bpf/shared.h"
#include "dataplane/ethtool.h"
#include "dataplane/interface.h"
#include "dataplane/netdev.h"
#include "dataplane/xdp_pieces.h"

#define RING_ENOUGH       4096 /* descriptors: more of them do not stay in the caches */
#define FRAME_BYTES_MOST  3498 /* what most drivers take for XDP in one page: 4096 less headroom and shared info */
#define ETHERNET_BYTES    22   /* header and two VLAN tags */
#define ETHERNET_STANDARD 1500

void check_state(const struct machine *machine, struct report *report, const char *interface)
{
    /* The driver's own word: IFF_RUNNING follows up to a second later. */
    struct ethtool_value carrier = {.cmd = ETHTOOL_GLINK};
    unsigned flags;
    int result = nic_flags(interface, &flags);
    bool lost = nic_ethtool(interface, &carrier) == 0 && !carrier.data;
    if (result) {
        report_add(report, FINDING_UNKNOWN, "the kernel does not say: %s", strerror(-result));
    } else if (!(flags & IFF_UP)) {
        report_add(report, FINDING_CHANGE, "it is down: nothing is received on it");
        report_remedy(report, "ip link set dev %s up", interface);
    } else if (lost) {
        report_add(report, FINDING_CHANGE, "it is up, and has no carrier: look at the cable or at the other end");
    } else {
        report_add(report, FINDING_OK, "it is up, with a carrier");
    }
}

void check_driver(const struct machine *machine, struct report *report, const char *interface)
{
    char name[32], bus[32], speed[32] = "";
    long long megabits;
    nic_driver(interface, name, bus);
    if (look_number(machine, &megabits, "/sys/class/net/%s/speed", interface) && megabits > 0)
        snprintf(speed, sizeof speed, ", %lld Mbit/s", megabits);
    if (*name)
        report_add(report, FINDING_OK, "%s%s%s%s", name, *bus ? " at " : "", bus, speed);
    else
        report_add(report, FINDING_UNKNOWN, "the driver does not give its name%s", speed);
}

/* Fewer than there could be? More than there are processors is check_processors()'s. */
void check_queues(const struct machine *machine, struct report *report, const char *interface)
{
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    uint32_t count = interface_queues(interface, STEER_QUEUES_MOST), workers = machine->config->workers;
    const char *s = count == 1 ? "" : "s";
    if (nic_ethtool(interface, &channels) < 0) {
        report_add(report, FINDING_OK, "%u, which the driver does not let be changed", count);
        return;
    }
    cpu_set_t allowed;
    processors_allowed(&allowed);
    uint32_t most = channels.max_combined ? channels.max_combined : channels.max_rx;
    uint32_t wanted = workers ? workers : (uint32_t)CPU_COUNT(&allowed);
    if (count < wanted && count < most) {
        report_add(report, FINDING_CHANGE, "%u queue%s in use of %u, with %u %s to serve them", count, s, most, wanted,
                   workers ? "workers" : "processors");
        report_remedy(report, "ethtool -L %s %s %u", interface, channels.max_combined ? "combined" : "rx",
                      wanted > most ? most : wanted);
    } else {
        report_add(report, FINDING_OK, "%u queue%s in use, of %u", count, s, most > count ? most : count);
    }
}

void check_rings(const struct machine *machine, struct report *report, const char *interface)
{
    struct ethtool_ringparam rings = {.cmd = ETHTOOL_GRINGPARAM};
    if (nic_ethtool(interface, &rings) < 0 || !rings.rx_max_pending) {
        report_add(report, FINDING_OK, "the driver has no rings that could be set");
        return;
    }
    uint32_t wanted = rings.rx_max_pending < RING_ENOUGH ? rings.rx_max_pending : RING_ENOUGH;
    if (rings.rx_pending < wanted) {
        report_add(report, FINDING_CHANGE, "%u descriptors a queue of %u: a burst overflows them", rings.rx_pending,
                   rings.rx_max_pending);
        report_remedy(report, "ethtool -G %s rx %u", interface, wanted);
    } else if (machine->xdp && machine->config->input.frames < rings.rx_pending) {
        report_add(report, FINDING_CHANGE, "%u descriptors a queue, for which input.frames=%u has no memory",
                   rings.rx_pending, machine->config->input.frames);
        report_remedy(report, "input.frames: %u    # in the configuration: a power of two", RING_ENOUGH * 2);
    } else {
        report_add(report, FINDING_OK, "%u descriptors a queue, of %u", rings.rx_pending, rings.rx_max_pending);
    }
}

/* --- how datagrams are spread over the queues --- */

static const struct flow_row {
    uint32_t flow;
    const char *name; /* ethtool's */
    const char *what;
} flow_rows[] = {{UDP_V4_FLOW, "udp4", "IPv4"}, {UDP_V6_FLOW, "udp6", "IPv6"}};

static void flow_judge(struct report *report, const char *interface, const struct flow_row *row, uint64_t fields)
{
    bool ports = fields & (RXH_L4_B_0_1 | RXH_L4_B_2_3), source = fields & RXH_IP_SRC;
    if (fields == RXH_IP_SRC) {
        report_add(report, FINDING_OK, "UDP over %s goes by source address: an exporter stays on its queue", row->what);
    } else if (source && !ports) {
        report_add(report, FINDING_OK,
                   "UDP over %s goes by source and destination: an exporter stays on its queue while it sends to one "
                   "address",
                   row->what);
    } else {
        report_add(report, FINDING_CHANGE,
                   "UDP over %s goes by %s: an exporter that has several moves between queues, and is handed over",
                   row->what, ports ? "addresses and ports" : "something else than the source address");
        report_remedy(report, "ethtool -N %s rx-flow-hash %s s    # or sd, where the driver refuses s", interface,
                      row->name);
    }
}

void check_rss(const struct machine *machine, struct report *report, const char *interface)
{
    uint32_t count = interface_queues(interface, STEER_QUEUES_MOST);
    if (count < 2) {
        report_add(report, FINDING_OK, "nothing to spread: it has one queue");
        return;
    }
    uint32_t before = report->count;
    for (unsigned i = 0; i < sizeof flow_rows / sizeof flow_rows[0]; i++) {
        uint64_t fields;
        if (nic_hash(interface, flow_rows[i].flow, &fields) == 0)
            flow_judge(report, interface, &flow_rows[i], fields);
    }
    if (report->count == before)
        report_add(
            report, FINDING_UNKNOWN,
            "the driver does not say what spreads UDP over the queues; datagrams that come by another queue than "
            "their exporter's first are handed over");
}

/* --- offloads --- */

static const struct offload_row {
    const char *feature; /* the kernel's name */
    const char *key;     /* ethtool's */
    const char *harm;
    bool xdp; /* hurts XDP alone */
} offload_rows[] = {
    {"rx-lro", "lro", "LRO puts datagrams' frames together, and most drivers take no XDP program with it", true},
    {"rx-gro-hw", "rx-gro-hw", "the NIC puts frames together before XDP sees them", true},
    {"rx-udp-gro-forwarding", "rx-udp-gro-forwarding", "datagrams of an exporter are put together before they are read",
     false},
};

void check_offloads(const struct machine *machine, struct report *report, const char *interface)
{
    uint32_t before = report->count;
    bool known = false;
    for (unsigned i = 0; i < sizeof offload_rows / sizeof offload_rows[0]; i++) {
        const struct offload_row *row = &offload_rows[i];
        int on = nic_feature(interface, row->feature);
        known |= on >= 0;
        if (on < 1 || (row->xdp && !machine->xdp))
            continue;
        report_add(report, FINDING_CHANGE, "%s is on%s: %s", row->key,
                   on == NIC_FEATURE_FIXED ? ", and the driver does not let it be turned off" : "", row->harm);
        if (on != NIC_FEATURE_FIXED)
            report_remedy(report, "ethtool -K %s %s off", interface, row->key);
    }
    char text[64];
    if (machine->xdp && nic_feature(interface, "rx-vlan-hw-parse") == 1 &&
        look_text(machine, text, sizeof text, "/proc/net/vlan/config")) {
        report_add(report, FINDING_CHANGE,
                   "rxvlan is on: the NIC takes VLAN tags off, so XDP cannot tell this machine's VLANs apart");
        report_remedy(report, "ethtool -K %s rxvlan off", interface);
    }
    if (report->count == before)
        report_add(report, known ? FINDING_OK : FINDING_UNKNOWN, "%s",
                   known ? "none is on that puts frames together or hides tags" : "the kernel does not say");
}

void check_mtu(const struct machine *machine, struct report *report, const char *interface)
{
    int mtu_bytes;
    struct netdev_abilities asked;
    int result = nic_mtu(interface, &mtu_bytes);
    if (result) {
        report_add(report, FINDING_UNKNOWN, "the kernel does not say: %s", strerror(-result));
        return;
    }
    netdev_ask(&asked, (int)if_nametoindex(interface));
    if (mtu_bytes <= FRAME_BYTES_MOST - ETHERNET_BYTES) {
        report_add(report, FINDING_OK, "%d bytes", mtu_bytes);
        return;
    }
    if (asked.features & NETDEV_XDP_MULTI && xdp_pieces_supported()) {
        report_add(report, FINDING_OK, "%d bytes: frames of more than %d bytes come in pieces", mtu_bytes,
                   STEER_PACKET_MOST);
        return;
    }
    report_add(report, FINDING_CHANGE,
               "%d bytes: %s, and frames of more than %d bytes come by the kernel and a socket, which costs more",
               mtu_bytes,
               asked.features & NETDEV_XDP_MULTI ? "a program for single buffers may be refused"
                                        : "many drivers take no XDP program with that",
               STEER_PACKET_MOST);
    report_remedy(report, "ip link set dev %s mtu %d    # unless exporters send longer datagrams", interface,
                  ETHERNET_STANDARD);
}

/* --- what has been lost already --- */

/* What is known by the driver's own statistics alone. */
static bool driver_losses(struct report *report, const char *interface)
{
    struct ethtool_sums sums;
    struct ethtool *ethtool = ethtool_open(interface);
    bool lost = ethtool && ethtool_read(ethtool, &sums) && sums.lost;
    ethtool_close(ethtool);
    if (!lost)
        return false;
    report_add(report, FINDING_CHANGE, "the driver counts %llu frames for which there was no room; do they grow?",
               (unsigned long long)sums.lost);
    report_remedy(report, "ethtool -S %s | grep -iE 'oob|buffer|discard'", interface);
    return true;
}

void check_losses(const struct machine *machine, struct report *report, const char *interface)
{
    static const char *const names[] = {"rx_missed_errors", "rx_fifo_errors", "rx_over_errors", "rx_crc_errors"};
    bool known = false, lost = driver_losses(report, interface);
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        long long count;
        if (!look_number(machine, &count, "/sys/class/net/%s/statistics/%s", interface, names[i]))
            continue;
        known = true;
        if (count <= 0)
            continue;
        lost = true;
        report_add(report, FINDING_CHANGE, "%s is %lld since the interface came up; does it grow?", names[i], count);
        report_remedy(report, "ethtool -S %s | grep -iE 'miss|drop|err|fifo'", interface);
    }
    if (!lost)
        report_add(report, known ? FINDING_OK : FINDING_UNKNOWN, "%s",
                   known ? "the NIC counts no frame that it had to drop" : "/sys shows nothing of this interface");
}
