/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "app/doctor/checks.h"
#include "export/memory/layout.h"

#define IDLE_STATES_MOST  16
#define IDLE_LATENCY_MOST 30 /* us to wake up: at 10 Gbit/s some 400 small frames come meanwhile */
#define MIB_BYTES         ((uint64_t)1 << 20)
#define HUGE_PAGE_KIB     2048

void check_processors(const struct machine *machine, struct report *report, const char *interface)
{
    const struct config *config = machine->config;
    cpu_set_t allowed, configured, missing;
    char text[256], other[256];
    processors_allowed(&allowed);
    processors_configured(config, &configured);
    processors_format(&allowed, text, sizeof text);
    CPU_AND(&missing, &configured, &allowed);
    CPU_XOR(&missing, &missing, &configured);
    uint32_t places = config->input.cpus.count ? (uint32_t)CPU_COUNT(&configured) : (uint32_t)CPU_COUNT(&allowed);
    if (CPU_COUNT(&missing)) {
        report_add(report, FINDING_CHANGE, "input.cpus has %s, and this process may run on %s alone",
                   processors_format(&missing, other, sizeof other), text);
        report_remedy(report,
                      "taskset -pc $$    # shows what is allowed; cgroups (cpuset, AllowedCPUs=) limit it, too");
    } else if (machine->workers > places) {
        report_add(report, FINDING_CHANGE, "%u workers share %u processors", machine->workers, places);
        report_remedy(report, "workers: %u    # in the configuration; each serves several queues", places);
    } else {
        report_add(report, FINDING_OK, "%u worker%s, processors %s%s", machine->workers,
                   machine->workers == 1 ? "" : "s", text, config->input.cpus.count ? "" : "; none is pinned");
    }
}

void check_isolation(const struct machine *machine, struct report *report, const char *interface)
{
    cpu_set_t isolated, configured, both;
    char text[256], missing[256];
    if (!look_text(machine, text, sizeof text, "/sys/devices/system/cpu/isolated")) {
        report_add(report, FINDING_UNKNOWN, "/sys/devices/system/cpu/isolated cannot be read here");
        return;
    }
    processors_parse(text, &isolated);
    processors_configured(machine->config, &configured);
    CPU_AND(&both, &isolated, &configured);
    if (CPU_COUNT(&isolated) && !CPU_COUNT(&configured)) {
        report_add(report, FINDING_CHANGE, "processors %s are isolated, and no worker runs there unless it is pinned",
                   text);
        report_remedy(report, "input.cpus: [%s]    # in the configuration, each number by itself", text);
    } else if (CPU_COUNT(&both) < CPU_COUNT(&configured)) {
        CPU_XOR(&both, &both, &configured);
        processors_format(&both, missing, sizeof missing);
        report_add(report, FINDING_CHANGE, "other processes run on the workers' processors %s, too", missing);
        report_remedy(report, "isolcpus=%s nohz_full=%s rcu_nocbs=%s    # to the kernel's command line", missing,
                      missing, missing);
    } else {
        report_add(report, FINDING_OK, "%s%s",
                   CPU_COUNT(&isolated) ? "the workers' processors are isolated: "
                                        : "no processor is, and no worker is pinned",
                   text);
    }
}

/* Of what /sys has no file for: because the machine has none, or because /sys is not there. */
static void nothing_seen(const struct machine *machine, struct report *report, const char *what)
{
    char text[64];
    if (look_text(machine, text, sizeof text, "/sys/devices/system/cpu/online"))
        report_add(report, FINDING_OK, "nothing to choose here: %s", what);
    else
        report_add(report, FINDING_UNKNOWN, "/sys/devices/system/cpu cannot be read here");
}

void check_governor(const struct machine *machine, struct report *report, const char *interface)
{
    cpu_set_t allowed, slow;
    char name[64], last[64] = "", text[256];
    bool known = false;
    processors_allowed(&allowed);
    CPU_ZERO(&slow);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) ||
            !look_text(machine, name, sizeof name, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", cpu))
            continue;
        known = true;
        if (strcmp(name, "performance") == 0)
            continue;
        CPU_SET(cpu, &slow);
        snprintf(last, sizeof last, "%s", name);
    }
    if (!known) {
        nothing_seen(machine, report, "the hardware or the host sets the frequency");
    } else if (CPU_COUNT(&slow)) {
        report_add(report, FINDING_CHANGE, "%s at processors %s: they begin a burst at a low frequency", last,
                   processors_format(&slow, text, sizeof text));
        report_remedy(report, "cpupower frequency-set -g performance");
    } else {
        report_add(report, FINDING_OK, "performance");
    }
}

/* The slowest state that is in use at the processor: how long it takes to wake up, in us; -1 where /sys shows none. */
static long long idle_slowest(const struct machine *machine, int cpu, char name[64])
{
    long long slowest = -1, latency, disabled;
    for (int state = 0; state < IDLE_STATES_MOST; state++) {
        char text[64];
        if (!look_number(machine, &latency, "/sys/devices/system/cpu/cpu%d/cpuidle/state%d/latency", cpu, state))
            break;
        if (look_number(machine, &disabled, "/sys/devices/system/cpu/cpu%d/cpuidle/state%d/disable", cpu, state) &&
            disabled)
            continue;
        look_text(machine, text, sizeof text, "/sys/devices/system/cpu/cpu%d/cpuidle/state%d/name", cpu, state);
        if (latency > slowest) {
            slowest = latency;
            snprintf(name, 64, "%s", text);
        }
    }
    return slowest;
}

void check_idle(const struct machine *machine, struct report *report, const char *interface)
{
    cpu_set_t allowed;
    char name[64] = "", worst_name[64] = "";
    long long worst = -1;
    processors_allowed(&allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        long long latency = CPU_ISSET(cpu, &allowed) ? idle_slowest(machine, cpu, name) : -1;
        if (latency > worst) {
            worst = latency;
            snprintf(worst_name, sizeof worst_name, "%s", name);
        }
    }
    if (worst < 0) {
        nothing_seen(machine, report, "no idle states are shown");
    } else if (worst > IDLE_LATENCY_MOST) {
        report_add(report, FINDING_CHANGE, "a processor in state %s takes %lld us to wake up", worst_name, worst);
        report_remedy(report, "cpupower idle-set -D %d", IDLE_LATENCY_MOST);
    } else {
        report_add(report, FINDING_OK, "the deepest state is %s, %lld us to wake up", worst_name, worst);
    }
}

/* --- memory --- */

static uint64_t batches_bytes(const struct machine *machine)
{
    struct memory_shape shape = memory_shape_of(machine->config, machine->workers);
    struct memory_layout layout;
    return memory_layout_of(&shape, &layout) ? layout.total : 0;
}

void check_memory(const struct machine *machine, struct report *report, const char *interface)
{
    char text[8192];
    uint64_t batches = batches_bytes(machine), tables = machine->workers * machine->config->limits.memory;
    const char *found = look_text(machine, text, sizeof text, "/proc/meminfo") ? strstr(text, "MemAvailable:") : NULL;
    unsigned long long free_kib;
    if (!found || sscanf(found, "MemAvailable: %llu", &free_kib) != 1)
        report_add(report, FINDING_UNKNOWN, "/proc/meminfo cannot be read here");
    else if (free_kib * 1024 < batches)
        report_add(report, FINDING_STOP, "%llu MiB are free, and the batches of %u workers take %llu", free_kib / 1024,
                   machine->workers, (unsigned long long)(batches / MIB_BYTES));
    else if (free_kib * 1024 < batches + tables)
        report_add(report, FINDING_CHANGE, "%llu MiB are free; batches take %llu and templates up to %llu",
                   free_kib / 1024, (unsigned long long)(batches / MIB_BYTES),
                   (unsigned long long)(tables / MIB_BYTES));
    else
        report_add(report, FINDING_OK, "%llu MiB are free; batches take %llu, templates up to %llu", free_kib / 1024,
                   (unsigned long long)(batches / MIB_BYTES), (unsigned long long)(tables / MIB_BYTES));
    enum finding_kind kind = report->items[report->count - 1].kind;
    if (kind == FINDING_STOP || kind == FINDING_CHANGE)
        report_remedy(report, "lower workers, output.batches, output.batch_size or limits.memory in the configuration");
}

void check_hugepages(const struct machine *machine, struct report *report, const char *interface)
{
    char text[128];
    long long reserved = 0, unused = 0;
    uint64_t wanted = (batches_bytes(machine) / 1024 + HUGE_PAGE_KIB - 1) / HUGE_PAGE_KIB;
    bool seen = look_number(machine, &reserved, "/sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages", HUGE_PAGE_KIB);
    look_number(machine, &unused, "/sys/kernel/mm/hugepages/hugepages-%dkB/free_hugepages", HUGE_PAGE_KIB);
    bool transparent = look_text(machine, text, sizeof text, "/sys/kernel/mm/transparent_hugepage/enabled") &&
                       !strstr(text, "[never]");
    if (seen && unused >= (long long)wanted) {
        report_add(report, FINDING_OK, "%lld of 2 MiB are free, %llu are wanted for batches", unused,
                   (unsigned long long)wanted);
    } else if (transparent) {
        report_add(report, FINDING_OK, "%lld of 2 MiB are reserved; transparent ones are there on request", reserved);
    } else if (seen) {
        report_add(report, FINDING_CHANGE, "%lld of 2 MiB are free, %llu are wanted for batches, none comes by itself",
                   unused, (unsigned long long)wanted);
        report_remedy(report,
                      "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled    # or: sysctl -w "
                      "vm.nr_hugepages=%llu",
                      (unsigned long long)wanted + (unsigned long long)(reserved - unused));
    } else {
        report_add(report, FINDING_UNKNOWN, "/sys/kernel/mm shows none here");
    }
}
