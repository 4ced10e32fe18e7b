/* SPDX-License-Identifier: Apache-2.0 */
#include <net/if.h>

#include "app/doctor/checks.h"

const struct check_row check_rows[] = {
    {"state", SCOPE_INTERFACE, check_state},
    {"driver", SCOPE_INTERFACE, check_driver},
    {"queues", SCOPE_INTERFACE, check_queues},
    {"xdp", SCOPE_INTERFACE | SCOPE_XDP, check_xdp},
    {"xdp-programs", SCOPE_INTERFACE | SCOPE_XDP, check_programs},
    {"rss", SCOPE_INTERFACE, check_rss},
    {"rings", SCOPE_INTERFACE, check_rings},
    {"offloads", SCOPE_INTERFACE, check_offloads},
    {"mtu", SCOPE_INTERFACE | SCOPE_XDP, check_mtu},
    {"numa", SCOPE_INTERFACE, check_numa},
    {"interrupts", SCOPE_INTERFACE, check_interrupts},
    {"losses", SCOPE_INTERFACE, check_losses},

    {"dpdk-module", SCOPE_DPDK, check_dpdk_module},
    {"dpdk-devices", SCOPE_DPDK, check_dpdk_devices},
    {"dpdk-iommu", SCOPE_DPDK, check_dpdk_iommu},
    {"dpdk-memory", SCOPE_DPDK, check_dpdk_memory},
    {"dpdk-rights", SCOPE_DPDK, check_dpdk_rights},
    {"dpdk-eal", SCOPE_DPDK, check_dpdk_eal},

    {"processors", 0, check_processors},
    {"isolation", 0, check_isolation},
    {"governor", 0, check_governor},
    {"idle", 0, check_idle},
    {"memory", 0, check_memory},
    {"hugepages", 0, check_hugepages},
    {"kernel", 0, check_kernel},
    {"kernel-options", 0, check_kernel_options},
    {"sysctls", 0, check_sysctls},
    {"capabilities", 0, check_capabilities},
    {"user", 0, check_user},
    {"limits", 0, check_limits},
    {"ports", 0, check_ports},
    {"folders", 0, check_folders},
    {"clock", 0, check_clock},
};

const uint32_t check_row_count = sizeof check_rows / sizeof check_rows[0];

static void rows_run(const struct machine *machine, struct report *report, const char *interface)
{
    report->interface = interface;
    for (uint32_t i = 0; i < check_row_count; i++) {
        const struct check_row *row = &check_rows[i];
        if (!(row->scope & SCOPE_INTERFACE) != !interface || (row->scope & SCOPE_XDP && !machine->xdp) ||
            (row->scope & SCOPE_DPDK && !machine->dpdk))
            continue;
        report->check = row->name;
        row->run(machine, report, interface);
    }
}

void checks_run(const struct machine *machine, const struct text_list *interfaces, struct report *report)
{
    for (uint32_t i = 0; i < interfaces->count; i++) {
        const char *interface = interfaces->items[i];
        if (if_nametoindex(interface)) {
            rows_run(machine, report, interface);
            continue;
        }
        report->check = "state";
        report->interface = interface;
        report_add(report, machine->xdp_must ? FINDING_STOP : FINDING_CHANGE, "there is no such interface here");
        report_remedy(report, "ip -br link    # shows those that there are; input.interface names one");
    }
    rows_run(machine, report, NULL);
}
