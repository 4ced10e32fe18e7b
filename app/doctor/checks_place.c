/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/doctor/checks.h"

/* Where the NIC is plugged in: its memory's node, and who is woken by it. */

#define INTERRUPTS_BYTES (1 << 20) /* of /proc/interrupts */

/* --- NUMA --- */

static void node_advise(struct report *report, const cpu_set_t *near, uint32_t workers)
{
    cpu_set_t some;
    char text[256];
    CPU_ZERO(&some);
    for (int cpu = 0; cpu < CPU_SETSIZE && (uint32_t)CPU_COUNT(&some) < workers; cpu++)
        if (CPU_ISSET(cpu, near))
            CPU_SET(cpu, &some);
    size_t length = 0;
    text[0] = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && length + 8 < sizeof text; cpu++)
        if (CPU_ISSET(cpu, &some))
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%d", length ? ", " : "", cpu);
    report_remedy(report, "input.cpus: [%s]    # in the configuration", text);
}

static void node_judge(const struct machine *machine, struct report *report, long long node, const cpu_set_t *near)
{
    cpu_set_t configured, both;
    char text[256], wrong[256];
    processors_configured(machine->config, &configured);
    CPU_AND(&both, &configured, near);
    processors_format(near, text, sizeof text);
    if (!CPU_COUNT(&configured)) {
        report_add(report, FINDING_CHANGE, "it is on node %lld (processors %s), and input.cpus pins no worker there",
                   node, text);
    } else if (CPU_COUNT(&both) < CPU_COUNT(&configured)) {
        CPU_XOR(&both, &both, &configured);
        report_add(report, FINDING_CHANGE, "it is on node %lld (processors %s); input.cpus has %s of another", node,
                   text, processors_format(&both, wrong, sizeof wrong));
    } else {
        report_add(report, FINDING_OK, "it is on node %lld, as input.cpus is", node);
        return;
    }
    node_advise(report, near, machine->workers);
}

void check_numa(const struct machine *machine, struct report *report, const char *interface)
{
    char nodes[256], text[1024];
    long long node;
    cpu_set_t set;
    if (!look_text(machine, nodes, sizeof nodes, "/sys/devices/system/node/online")) {
        report_add(report, FINDING_UNKNOWN, "/sys shows no nodes here");
        return;
    }
    processors_parse(nodes, &set); /* a list of the same form */
    if (CPU_COUNT(&set) < 2) {
        report_add(report, FINDING_OK, "the machine has one node");
        return;
    }
    if (!look_number(machine, &node, "/sys/class/net/%s/device/numa_node", interface) || node < 0) {
        report_add(report, FINDING_UNKNOWN, "the interface belongs to no node (nodes: %s)", nodes);
        return;
    }
    if (!look_text(machine, text, sizeof text, "/sys/devices/system/node/node%lld/cpulist", node)) {
        report_add(report, FINDING_UNKNOWN, "it is on node %lld, whose processors /sys does not show", node);
        return;
    }
    processors_parse(text, &set);
    node_judge(machine, report, node, &set);
}

/* --- interrupts --- */

struct interrupts {
    const char *interface;
    char *names;     /* /proc/interrupts */
    uint32_t count;  /* of those that receive */
    uint32_t shared; /* that another one goes to the same processor as */
    cpu_set_t cpus;
    long first; /* number of one that shares */
};

/* The text behind "NUMBER:" up to the end of its line; "" where there is no such interrupt. */
static void interrupt_name(const struct interrupts *interrupts, long number, char name[256])
{
    char start[24];
    snprintf(start, sizeof start, "%ld:", number);
    name[0] = 0;
    for (const char *line = interrupts->names; line && *line; line = strchr(line, '\n')) {
        line += strspn(line, "\n ");
        if (strncmp(line, start, strlen(start)) != 0)
            continue;
        snprintf(name, 256, "%.*s", (int)strcspn(line, "\n"), line);
        return;
    }
}

static bool contains(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

/* Of a queue that receives: drivers name them eth0-TxRx-0, mlx5_comp0@..., i40e-eth0-..., virtio2-input.0. */
static bool interrupt_receives(const char *name)
{
    return !contains(name, "config") && !contains(name, "event") && !contains(name, "async") &&
           !contains(name, "output") && !contains(name, "mgmnt") && !contains(name, "-tx-");
}

static void interrupt_take(const struct machine *machine, struct interrupts *interrupts, long number)
{
    char name[256], text[256];
    cpu_set_t set, both;
    interrupt_name(interrupts, number, name);
    if (!*name || !interrupt_receives(name))
        return;
    if (!look_text(machine, text, sizeof text, "/proc/irq/%ld/effective_affinity_list", number) &&
        !look_text(machine, text, sizeof text, "/proc/irq/%ld/smp_affinity_list", number))
        return;
    processors_parse(text, &set);
    CPU_AND(&both, &set, &interrupts->cpus);
    if (interrupts->count && CPU_COUNT(&both)) {
        interrupts->shared++;
        interrupts->first = number;
    }
    CPU_OR(&interrupts->cpus, &interrupts->cpus, &set);
    interrupts->count++;
}

/* The folder with a file for each MSI interrupt is the device's, or that of the PCI device around it (virtio). */
static bool interrupts_take(const struct machine *machine, struct interrupts *interrupts)
{
    static const char *const folders[] = {"device/msi_irqs", "device/../msi_irqs"};
    char path[LOOK_PATH_MOST];
    for (unsigned i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        DIR *folder = opendir(look_path(machine, path, "/sys/class/net/%s/%s", interrupts->interface, folders[i]));
        if (!folder)
            continue;
        for (const struct dirent *entry; (entry = readdir(folder));)
            if (isdigit((unsigned char)entry->d_name[0]))
                interrupt_take(machine, interrupts, atol(entry->d_name));
        closedir(folder);
        return true;
    }
    return false;
}

/* Is a process of that name there? It moves interrupts about. */
static bool process_runs(const struct machine *machine, const char *wanted)
{
    char path[LOOK_PATH_MOST], name[32];
    bool found = false;
    DIR *folder = opendir(look_path(machine, path, "/proc"));
    for (const struct dirent *entry; folder && !found && (entry = readdir(folder));)
        found = isdigit((unsigned char)entry->d_name[0]) &&
                look_text(machine, name, sizeof name, "/proc/%s/comm", entry->d_name) && strcmp(name, wanted) == 0;
    if (folder)
        closedir(folder);
    return found;
}

static void interrupts_judge(const struct machine *machine, struct report *report, const struct interrupts *interrupts)
{
    cpu_set_t allowed;
    char text[256];
    processors_allowed(&allowed);
    processors_format(&interrupts->cpus, text, sizeof text);
    if (interrupts->shared && CPU_COUNT(&interrupts->cpus) < CPU_COUNT(&allowed)) {
        report_add(report, FINDING_CHANGE, "%u queues interrupt processors %s alone", interrupts->count, text);
        report_remedy(report, "weir-nic-setup %s    # or: echo CPU > /proc/irq/%ld/smp_affinity_list, for each",
                      interrupts->interface, interrupts->first);
    } else {
        report_add(report, FINDING_OK, "%u receiving, at processor%s %s", interrupts->count,
                   CPU_COUNT(&interrupts->cpus) == 1 ? "" : "s", text);
    }
    if (interrupts->count > 1 && process_runs(machine, "irqbalance")) {
        report_add(report, FINDING_CHANGE, "irqbalance runs, and moves the NIC's interrupts about");
        report_remedy(report, "systemctl disable --now irqbalance");
    }
}

void check_interrupts(const struct machine *machine, struct report *report, const char *interface)
{
    struct interrupts interrupts = {.interface = interface, .names = malloc(INTERRUPTS_BYTES)};
    char index[16];
    if (!interrupts.names || !look_text(machine, interrupts.names, INTERRUPTS_BYTES, "/proc/interrupts"))
        report_add(report, FINDING_UNKNOWN, "/proc/interrupts cannot be read here");
    else if (!look_text(machine, index, sizeof index, "/sys/class/net/%s/ifindex", interface))
        report_add(report, FINDING_UNKNOWN, "/sys shows nothing of this interface");
    else if (!interrupts_take(machine, &interrupts))
        report_add(report, FINDING_OK, "it has none of its own");
    else if (!interrupts.count)
        report_add(report, FINDING_UNKNOWN, "none of its interrupts can be told to receive");
    else
        interrupts_judge(machine, report, &interrupts);
    free(interrupts.names);
}
