/* SPDX-License-Identifier: Apache-2.0 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/doctor/checks.h"
#include "app/doctor/nic.h"
#include "bpf/shared.h"

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
    uint64_t features;
    if (nic_xdp_features((int)if_nametoindex(interface), &features) == 0) {
        *ability = (struct ability){.native = (features & (NIC_XDP_BASIC | NIC_XDP_REDIRECT)) ==
                                              (NIC_XDP_BASIC | NIC_XDP_REDIRECT),
                                    .zero_copy = features & NIC_XDP_ZERO_COPY,
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

/* Only CAP_SYS_ADMIN may open a program by its id; then name stays "". */
static void program_name(uint32_t id, char name[BPF_OBJ_NAME_LEN + 1])
{
    struct bpf_prog_info info = {0};
    uint32_t info_bytes = sizeof info;
    int fd = bpf_prog_get_fd_by_id(id);
    name[0] = 0;
    if (fd < 0)
        return;
    if (bpf_obj_get_info_by_fd(fd, &info, &info_bytes) == 0)
        snprintf(name, BPF_OBJ_NAME_LEN + 1, "%s", info.name);
    close(fd);
}

void check_programs(const struct machine *machine, struct report *report, const char *interface)
{
    char name[BPF_OBJ_NAME_LEN + 1];
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    int result = bpf_xdp_query((int)if_nametoindex(interface), 0, &query);
    uint32_t id = query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id ? query.skb_prog_id : query.prog_id;
    if (result) {
        report_add(report, FINDING_UNKNOWN, "the kernel does not say: %s", strerror(-result));
        return;
    }
    if (!id) {
        report_add(report, FINDING_OK, "no XDP program is there");
        return;
    }
    program_name(id, name);
    if (strcmp(name, STEER_PROGRAM_NAME) == 0) {
        report_add(report, FINDING_CHANGE, "weir's own program (id %u) is there: another weir runs on it", id);
        return;
    }
    report_add(report, machine->xdp_must ? FINDING_STOP : FINDING_CHANGE,
               "the XDP program %s%s(id %u) is there, and leaves no room for weir's", name, *name ? " " : "", id);
    report_remedy(report, "ip link set dev %s xdp off    # or stop what put it there", interface);
}
