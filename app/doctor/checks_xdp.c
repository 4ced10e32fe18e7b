/* SPDX-License-Identifier: Apache-2.0 */
#include <net/if.h>
#include <string.h>

#include "app/doctor/checks.h"
#include "app/doctor/nic.h"
#include "bpf/shared.h"
#include "dataplane/netdev.h"
#include "dataplane/xdp_dispatcher.h"
#include "dataplane/xdp_keeper.h"
#include "dataplane/xdp_log.h"
#include "dataplane/xdp_occupant.h"

/* Drivers with native XDP and redirection in mainline Linux, for kernels that do not tell features. */
static const struct driver_row {
    const char *name;
    bool zero_copy;
} driver_rows[] = {
    {"bnxt_en", false},   {"dpaa2-eth", true}, {"ena", false},  {"enetc", false},   {"gve", false},
    {"hv_netvsc", false}, {"i40e", true},      {"ice", true},   {"igb", false},     {"igc", true},
    {"ixgbe", true},      {"ixgbevf", false},  {"mana", false}, {"mlx4_en", false}, {"mlx5_core", true},
    {"mvneta", false},    {"mvpp2", false},    {"nfp", true},   {"nicvf", false},   {"qede", false},
    {"sfc", false},       {"stmmac", true},    {"tun", false},  {"veth", false},    {"virtio_net", false},
};

struct ability {
    bool native;
    bool zero_copy;
    const char *source;
};

/* False where neither the kernel nor the table knows. */
static bool ability_find(const char *interface, struct ability *ability)
{
    char driver[32], bus[32];
    struct netdev_abilities asked;
    if (netdev_ask(&asked, (int)if_nametoindex(interface)) == 0) {
        *ability = (struct ability){.native = (asked.features & NETDEV_XDP_NATIVE) == NETDEV_XDP_NATIVE,
                                    .zero_copy = asked.features & NETDEV_XDP_ZERO_COPY,
                                    .source = "says the kernel"};
        return true;
    }
    nic_driver(interface, driver, bus);
    for (unsigned i = 0; i < sizeof driver_rows / sizeof driver_rows[0]; i++) {
        if (strcmp(driver_rows[i].name, driver) != 0)
            continue;
        *ability =
            (struct ability){.native = true, .zero_copy = driver_rows[i].zero_copy, .source = "by the driver's name"};
        return true;
    }
    return false;
}

static void native_missing(const struct machine *machine, struct report *report, const struct ability *ability)
{
    if (machine->config->input.xdp_mode == XDP_MODE_NATIVE) {
        report_add(report, FINDING_STOP, "no native XDP (%s), and input.xdp_mode=native asks for it", ability->source);
        report_remedy(report, "input.xdp_mode: auto    # in the configuration");
    } else if (machine->config->input.zero_copy == ZERO_COPY_ON) {
        report_add(report, FINDING_STOP, "no native XDP (%s), which input.zero_copy=on needs", ability->source);
        report_remedy(report, "input.zero_copy: auto    # in the configuration");
    } else {
        report_add(report, FINDING_CHANGE,
                   "no native XDP (%s): generic mode runs, at the cost of a socket buffer a frame", ability->source);
    }
}

void check_xdp(const struct machine *machine, struct report *report, const char *interface)
{
    struct ability ability;
    const struct config *config = machine->config;
    if (!ability_find(interface, &ability)) {
        report_add(report, FINDING_UNKNOWN,
                   "neither this kernel (Linux 6.3 and newer do) nor the driver's name tells what XDP it has; weir run "
                   "logs the mode that it gets");
    } else if (!ability.native) {
        native_missing(machine, report, &ability);
    } else if (!ability.zero_copy && config->input.zero_copy == ZERO_COPY_ON) {
        report_add(report, FINDING_STOP, "native XDP without zero-copy (%s), and input.zero_copy=on asks for that",
                   ability.source);
        report_remedy(report, "input.zero_copy: auto    # in the configuration");
    } else if (config->input.xdp_mode == XDP_MODE_GENERIC) {
        report_add(report, FINDING_CHANGE, "native XDP can be had (%s), and input.xdp_mode=generic is set",
                   ability.source);
        report_remedy(report, "input.xdp_mode: auto    # in the configuration");
    } else {
        report_add(report, FINDING_OK, "native XDP, %s (%s)", ability.zero_copy ? "zero-copy" : "with a copy a frame",
                   ability.source);
    }
}

/* A program of weir's in the dispatcher, which stays there when weir is killed. */
static void own_report(struct report *report, const char *interface, const struct xdp_joined *own)
{
    if (xdp_keeper_is_claimed((int)if_nametoindex(interface)) != 0) {
        report_add(report, FINDING_CHANGE,
                   "weir's own program (id %u) is in libxdp's dispatcher: another weir runs on it", own->id);
        return;
    }
    report_add(report, FINDING_CHANGE,
               "weir's own program (id %u) is in libxdp's dispatcher, and no weir runs: one that was killed left it; "
               "the next weir run takes it out",
               own->id);
    report_remedy(report, "xdp-loader unload %s --id %u", interface, own->id);
}

static void dispatcher_report(const struct machine *machine, struct report *report, const char *interface,
                              const struct xdp_occupant *occupant)
{
    char others[XDP_OTHERS_BYTES];
    const struct xdp_joined *own = xdp_occupant_own(occupant);
    if (own)
        own_report(report, interface, own);
    if (!*xdp_occupant_others(occupant, others))
        return;
    if (machine->config->input.xdp_dispatcher == DISPATCHER_OFF) {
        report_add(report, machine->xdp_must ? FINDING_STOP : FINDING_CHANGE,
                   "libxdp's dispatcher is there with %s, and input.xdp_dispatcher=off has weir not join", others);
        report_remedy(report, "input.xdp_dispatcher: auto    # in the configuration");
    } else {
        report_add(report, FINDING_OK, "libxdp's dispatcher is there with %s, and has room for weir", others);
    }
}

/* A program that leaves no room. */
static void stranger_report(const struct machine *machine, struct report *report, const char *interface,
                            const struct xdp_occupant *occupant)
{
    enum finding_kind kind = machine->xdp_must ? FINDING_STOP : FINDING_CHANGE;
    if (occupant->kind == XDP_OCCUPANT_STRANGE) {
        report_add(report, kind,
                   "libxdp's dispatcher (id %u) is there, but its programs are not pinned in %s, or it is of another "
                   "version: weir cannot join; LIBXDP_BPFFS in the environment names another folder",
                   occupant->id, xdp_dispatcher_folder());
        report_remedy(report, "xdp-loader unload %s --all    # or have weir see the folder", interface);
    } else if (!*occupant->name) {
        report_add(report, kind,
                   "an XDP program (id %u) is there, and only root may see which; weir joins libxdp's dispatcher alone",
                   occupant->id);
        report_remedy(report, "weir doctor %s    # as root", interface);
    } else {
        report_add(report, kind,
                   "the XDP program %s (id %u) is there without libxdp's dispatcher, and leaves no room for weir's",
                   occupant->name, occupant->id);
        report_remedy(report, "ip link set dev %s xdp off    # or stop what put it there, or load it by xdp-loader",
                      interface);
    }
}

static void nobody_report(const struct machine *machine, struct report *report)
{
    char reason[XDP_REASON_BYTES];
    if (machine->config->input.xdp_dispatcher != DISPATCHER_ON || xdp_dispatcher_possible(reason)) {
        report_add(report, FINDING_OK, "no XDP program is there");
        return;
    }
    report_add(report, machine->xdp_must ? FINDING_STOP : FINDING_CHANGE,
               "no XDP program is there, and input.xdp_dispatcher=on asks for a dispatcher: %s", reason);
    report_remedy(report, "input.xdp_dispatcher: auto    # in the configuration; or as it says");
}

void check_programs(const struct machine *machine, struct report *report, const char *interface)
{
    struct xdp_occupant occupant;
    xdp_log_open();
    int result = xdp_occupant_find(&occupant, (int)if_nametoindex(interface));
    if (result)
        report_add(report, FINDING_UNKNOWN, "the kernel does not say: %s", strerror(-result));
    else if (occupant.kind == XDP_OCCUPANT_NONE)
        nobody_report(machine, report);
    else if (occupant.kind == XDP_OCCUPANT_DISPATCHER)
        dispatcher_report(machine, report, interface, &occupant);
    else if (strcmp(occupant.name, STEER_PROGRAM_NAME) == 0)
        report_add(report, FINDING_CHANGE, "weir's own program (id %u) is there: another weir runs on it", occupant.id);
    else
        stranger_report(machine, report, interface, &occupant);
}
