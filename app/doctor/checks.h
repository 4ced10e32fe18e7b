/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/doctor/machine.h"
#include "app/doctor/report.h"

/*
 * The checks: each looks at one thing, adds what it found to the report, at least one finding, and changes nothing.
 * What cannot be seen from here is FINDING_UNKNOWN and says why. interface is NULL for those of the whole machine, else
 * one that exists.
 */
typedef void (*check_function)(const struct machine *machine, struct report *report, const char *interface);

enum check_scope {
    SCOPE_INTERFACE = 1 << 0, /* once for each interface; else once */
    SCOPE_XDP = 1 << 1,       /* of AF_XDP alone */
    SCOPE_DPDK = 1 << 2,      /* of DPDK alone */
};

struct check_row {
    const char *name;
    uint32_t scope;
    check_function run;
};

extern const struct check_row check_rows[];
extern const uint32_t check_row_count;

/* Runs all of them in their order: first those of the interfaces. */
void checks_run(const struct machine *machine, const struct text_list *interfaces, struct report *report);

/* nic */
void check_state(const struct machine *machine, struct report *report, const char *interface);
void check_driver(const struct machine *machine, struct report *report, const char *interface);
void check_queues(const struct machine *machine, struct report *report, const char *interface);
void check_rings(const struct machine *machine, struct report *report, const char *interface);
void check_rss(const struct machine *machine, struct report *report, const char *interface);
void check_offloads(const struct machine *machine, struct report *report, const char *interface);
void check_mtu(const struct machine *machine, struct report *report, const char *interface);
void check_losses(const struct machine *machine, struct report *report, const char *interface);

/* its XDP */
void check_xdp(const struct machine *machine, struct report *report, const char *interface);
void check_programs(const struct machine *machine, struct report *report, const char *interface);

/* where it is plugged in */
void check_numa(const struct machine *machine, struct report *report, const char *interface);
void check_interrupts(const struct machine *machine, struct report *report, const char *interface);

/* processors */
void check_processors(const struct machine *machine, struct report *report, const char *interface);
void check_isolation(const struct machine *machine, struct report *report, const char *interface);
void check_governor(const struct machine *machine, struct report *report, const char *interface);
void check_idle(const struct machine *machine, struct report *report, const char *interface);

/* memory */
void check_memory(const struct machine *machine, struct report *report, const char *interface);
void check_hugepages(const struct machine *machine, struct report *report, const char *interface);

/* kernel */
void check_kernel(const struct machine *machine, struct report *report, const char *interface);
void check_kernel_options(const struct machine *machine, struct report *report, const char *interface);
void check_sysctls(const struct machine *machine, struct report *report, const char *interface);
void check_clock(const struct machine *machine, struct report *report, const char *interface);

/* rights */
void check_capabilities(const struct machine *machine, struct report *report, const char *interface);
void check_user(const struct machine *machine, struct report *report, const char *interface);
void check_limits(const struct machine *machine, struct report *report, const char *interface);
void check_ports(const struct machine *machine, struct report *report, const char *interface);

/* DPDK */
void check_dpdk_module(const struct machine *machine, struct report *report, const char *interface);
void check_dpdk_devices(const struct machine *machine, struct report *report, const char *interface);
void check_dpdk_iommu(const struct machine *machine, struct report *report, const char *interface);
void check_dpdk_memory(const struct machine *machine, struct report *report, const char *interface);
void check_dpdk_rights(const struct machine *machine, struct report *report, const char *interface);
void check_dpdk_eal(const struct machine *machine, struct report *report, const char *interface);

/* folders */
void check_folders(const struct machine *machine, struct report *report, const char *interface);
