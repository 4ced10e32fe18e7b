/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/doctor/checks.h"
#include "app/doctor/dpdk_device.h"
#include "dataplane/dpdk/module.h"

#define MIB_BYTES          (1024ull * 1024)
#define BUFFER_BYTES       2432 /* of a frame in a packet of 1,500 bytes, with what DPDK puts around it */
#define BUFFERS_MORE       1024 /* of a queue, beyond its descriptors */
#define PACKET_BYTES_USUAL 1500

void check_dpdk_module(const struct machine *machine, struct report *report, const char *interface)
{
    struct dpdk_module_seen seen;
    switch (dpdk_module_look(&seen)) {
    case DPDK_MODULE_MISSING:
        report_add(report, FINDING_STOP, "there is no " DPDK_MODULE_FILE " beside the program, nor %s", seen.path);
        report_remedy(report,
                      "apt-get install libdpdk-dev && meson setup --reconfigure build -Ddpdk=enabled && ninja -C "
                      "build");
        break;
    case DPDK_MODULE_LIBRARIES:
        report_add(report, FINDING_STOP, "it cannot be loaded: %s", seen.reason);
        report_remedy(report, "apt-get install librte-ethdev23 librte-mempool-ring23    # and the card's driver: "
                              "docs/dpdk.md");
        break;
    case DPDK_MODULE_STRANGE:
        report_add(report, FINDING_STOP, "%s is of another build than this program", seen.path);
        report_remedy(report, "ninja -C build install    # both from one build");
        break;
    case DPDK_MODULE_GOOD:
        report_add(report, FINDING_OK, "%s, with DPDK's libraries", seen.path);
        break;
    }
}

/* --- memory --- */

/* Free huge pages of every size, in bytes; false where /sys does not show them. */
static bool huge_free(const struct machine *machine, uint64_t *bytes)
{
    char path[LOOK_PATH_MOST];
    const struct dirent *entry;
    DIR *sizes = opendir(look_path(machine, path, "/sys/kernel/mm/hugepages"));
    if (!sizes)
        return false;
    *bytes = 0;
    while ((entry = readdir(sizes))) {
        unsigned long long size_kib;
        long long count;
        if (sscanf(entry->d_name, "hugepages-%llukB", &size_kib) == 1 &&
            look_number(machine, &count, "/sys/kernel/mm/hugepages/%s/free_hugepages", entry->d_name))
            *bytes += size_kib * 1024 * (uint64_t)count;
    }
    closedir(sizes);
    return true;
}

static void huge_report(const struct machine *machine, struct report *report)
{
    uint64_t bytes, wanted = machine->config->input.dpdk.memory;
    long long reserved = 0;
    if (!huge_free(machine, &bytes)) {
        report_add(report, FINDING_UNKNOWN, "/sys/kernel/mm shows no huge pages here");
        return;
    }
    if (bytes >= wanted) {
        report_add(report, FINDING_OK, "%llu MiB of huge pages are free, input.dpdk.memory takes %llu",
                   (unsigned long long)(bytes / MIB_BYTES), (unsigned long long)(wanted / MIB_BYTES));
        return;
    }
    look_number(machine, &reserved, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
    report_add(report, FINDING_STOP, "%llu MiB of huge pages are free, and input.dpdk.memory takes %llu",
               (unsigned long long)(bytes / MIB_BYTES), (unsigned long long)(wanted / MIB_BYTES));
    report_remedy(report, "sysctl -w vm.nr_hugepages=%llu    # and in /etc/sysctl.d, for the next boot",
                  (unsigned long long)reserved + (unsigned long long)((wanted - bytes) / (2 * MIB_BYTES) + 1));
}

/* What the queues' buffers take, roughly: a device may have fewer queues than there are workers. */
static uint64_t buffers_bytes(const struct machine *machine)
{
    uint64_t more =
        machine->config->input.dpdk.mtu > PACKET_BYTES_USUAL ? machine->config->input.dpdk.mtu - PACKET_BYTES_USUAL : 0;
    return machine->workers * (uint64_t)(machine->config->input.frames + BUFFERS_MORE) * (BUFFER_BYTES + more);
}

void check_dpdk_memory(const struct machine *machine, struct report *report, const char *interface)
{
    const struct config *config = machine->config;
    uint64_t buffers = buffers_bytes(machine);
    if (config->input.dpdk.hugepages) {
        huge_report(machine, report);
    } else if (dpdk_devices_on_bus(machine)) {
        report_add(report, FINDING_STOP, "input.dpdk.hugepages is false, and the drivers of cards need huge pages");
        report_remedy(report, "input.dpdk.hugepages: true    # in the configuration");
    } else {
        report_add(report, FINDING_OK, "no huge pages are asked for, and virtual devices do without");
    }
    if (buffers > config->input.dpdk.memory) {
        report_add(report, FINDING_STOP, "the buffers of %u queues take some %llu MiB, and input.dpdk.memory is %llu",
                   machine->workers, (unsigned long long)(buffers / MIB_BYTES),
                   (unsigned long long)(config->input.dpdk.memory / MIB_BYTES));
        report_remedy(report, "input.dpdk.memory: %lluMiB    # or lower workers or input.frames",
                      (unsigned long long)((buffers * 5 / 4 + MIB_BYTES - 1) / MIB_BYTES));
    }
}

/* --- rights --- */

/* What somebody needs them for: a device of that driver, or anybody who has a TAP. */
static const struct right_row {
    int capability;
    const char *name;
    const char *driver; /* NULL: the TAP */
    const char *what;
} right_rows[] = {
    {CAP_NET_ADMIN, "CAP_NET_ADMIN", NULL, "makes the interface for what is the kernel's"},
    {CAP_NET_RAW, "CAP_NET_RAW", "net_af_packet", "opens its packet socket"},
    {CAP_NET_RAW, "CAP_NET_RAW", "net_af_xdp", "opens its AF_XDP sockets"},
    {CAP_NET_ADMIN, "CAP_NET_ADMIN", "net_af_xdp", "attaches its XDP program"},
    {CAP_BPF, "CAP_BPF", "net_af_xdp", "loads its XDP program"},
    {CAP_NET_RAW, "CAP_NET_RAW", "mlx5_core", "opens its queues"},
    {CAP_NET_RAW, "CAP_NET_RAW", "mlx4_core", "opens its queues"},
    {CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "igb_uio", "finds where memory lies"},
    {CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "uio_pci_generic", "finds where memory lies"},
};

/* Of those for which weir makes no TAP by itself (dataplane/dpdk/port.c). */
static bool device_has_tap(const struct machine *machine, const struct dpdk_device *device)
{
    static const char *const without[] = {"net_af_packet", "net_pcap", "net_ring", "net_null"};
    for (unsigned i = 0; i < sizeof without / sizeof *without; i++)
        if (device->way == DPDK_WAY_VIRTUAL && strcmp(device->driver, without[i]) == 0)
            return machine->config->input.dpdk.kernel == DPDK_KERNEL_TAP;
    return machine->config->input.dpdk.kernel != DPDK_KERNEL_NONE;
}

static void capabilities_report(const struct machine *machine, struct report *report, const struct dpdk_device *device)
{
    uint64_t effective;
    if (!look_capabilities(machine, &effective))
        return;
    for (unsigned i = 0; i < sizeof right_rows / sizeof *right_rows; i++) {
        const struct right_row *row = &right_rows[i];
        bool needed = row->driver ? strcmp(row->driver, device->driver) == 0 : device_has_tap(machine, device);
        if (!needed || effective >> row->capability & 1)
            continue;
        report_add(report, FINDING_STOP, "%s: %s is missing, which %s", device->text, row->name, row->what);
        report_remedy(report, "AmbientCapabilities=%s    # in the unit; or run as root", row->name);
    }
}

/* A file in /dev that has to be open to this user. */
static void file_report(const struct machine *machine, struct report *report, const char *path, const char *remedy)
{
    char whole[LOOK_PATH_MOST];
    look_path(machine, whole, "%s", path);
    if (access(whole, F_OK) < 0)
        report_add(report, FINDING_STOP, "there is no %s", path);
    else if (access(whole, R_OK | W_OK) < 0)
        report_add(report, FINDING_STOP, "%s is not open to this user", path);
    else
        return;
    report_remedy(report, "%s", remedy);
}

/* The file of the device's group; "" where there is no IOMMU. */
static void group_file(const struct machine *machine, const struct dpdk_device *device, char path[DPDK_NAME_BYTES])
{
    char link[LOOK_PATH_MOST], target[LOOK_PATH_MOST];
    ssize_t length = readlink(look_path(machine, link, "/sys/bus/pci/devices/%s/iommu_group", device->address), target,
                              sizeof target - 1);
    path[0] = 0;
    if (length < 0)
        return;
    target[length] = 0;
    const char *slash = strrchr(target, '/');
    snprintf(path, DPDK_NAME_BYTES, "/dev/vfio/%.32s", slash ? slash + 1 : target);
}

/* The memory that a card may write to is locked. */
static void locked_report(const struct machine *machine, struct report *report)
{
    struct rlimit limit;
    uint64_t effective = 0, wanted = machine->config->input.dpdk.memory;
    look_capabilities(machine, &effective);
    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted ||
        effective >> CAP_IPC_LOCK & 1)
        return;
    report_add(report, FINDING_STOP, "%llu KiB of memory may be locked, and input.dpdk.memory is %llu",
               (unsigned long long)limit.rlim_cur / 1024, (unsigned long long)wanted / 1024);
    report_remedy(report, "LimitMEMLOCK=infinity    # in the unit; or CAP_IPC_LOCK, or ulimit -l unlimited");
}

static void vfio_report(const struct machine *machine, struct report *report, const struct dpdk_device *device)
{
    char group[DPDK_NAME_BYTES];
    file_report(machine, report, "/dev/vfio/vfio", "modprobe vfio-pci    # in a unit: DeviceAllow=/dev/vfio/ rw");
    group_file(machine, device, group);
    if (*group)
        file_report(machine, report, group,
                    "chown weir /dev/vfio/*    # or run as root; in a unit: DeviceAllow=/dev/vfio/ rw");
    locked_report(machine, report);
}

void check_dpdk_rights(const struct machine *machine, struct report *report, const char *interface)
{
    struct dpdk_device device;
    uint32_t before = report->count;
    bool tap = false;
    for (uint32_t i = 0; i < machine->config->input.dpdk.devices.count; i++) {
        dpdk_device_look(machine, machine->config->input.dpdk.devices.items[i], &device);
        capabilities_report(machine, report, &device);
        if (device.way == DPDK_WAY_VFIO)
            vfio_report(machine, report, &device);
        tap |= device_has_tap(machine, &device);
    }
    if (tap)
        file_report(machine, report, "/dev/net/tun",
                    "modprobe tun    # in a unit: DeviceAllow=/dev/net/tun rw; or input.dpdk.kernel: none");
    if (report->count == before)
        report_add(report, FINDING_OK, "all that these devices need, as the user who asks");
}

/* --- arguments --- */

/* Arguments that weir gives EAL itself, or that undo what it needs. */
static const struct argument_row {
    const char *argument;
    const char *instead;
} argument_rows[] = {
    {"-l", "input.cpus: [2, 3]"},
    {"-c", "input.cpus: [2, 3]"},
    {"--lcores", "input.cpus: [2, 3]"},
    {"-m", "input.dpdk.memory: 512MiB"},
    {"--socket-mem", "input.dpdk.memory: 512MiB"},
    {"-a", "input.dpdk.devices: [\"0000:3b:00.0\"]"},
    {"--allow", "input.dpdk.devices: [\"0000:3b:00.0\"]"},
    {"--vdev", "input.dpdk.devices: [\"net_null0\"]"},
    {"--no-pci", "input.dpdk.devices: [\"net_null0\"]"},
    {"--no-huge", "input.dpdk.hugepages: false"},
    {"--in-memory", "input.dpdk.hugepages: true"},
};

/* The row of an argument, which may have its value behind it: "--lcores=1", "-l1". */
static const struct argument_row *argument_find(const char *argument)
{
    for (unsigned i = 0; i < sizeof argument_rows / sizeof *argument_rows; i++) {
        const char *name = argument_rows[i].argument;
        size_t length = strlen(name);
        bool is_long = name[1] == '-';
        if (strncmp(argument, name, length) == 0 && (!is_long || !argument[length] || argument[length] == '='))
            return &argument_rows[i];
    }
    return NULL;
}

void check_dpdk_eal(const struct machine *machine, struct report *report, const char *interface)
{
    const struct text_list *arguments = &machine->config->input.dpdk.eal;
    uint32_t before = report->count;
    for (uint32_t i = 0; i < arguments->count; i++) {
        const char *argument = arguments->items[i];
        const struct argument_row *row = argument[0] == '-' ? argument_find(argument) : NULL;
        if (row) {
            report_add(report, FINDING_CHANGE, "input.dpdk.eal: %s is weir's own to say", argument);
            report_remedy(report, "%s    # in the configuration, and the argument away", row->instead);
        } else if (strcmp(argument, "--proc-type=secondary") == 0) {
            report_add(report, FINDING_STOP, "input.dpdk.eal: %s: weir shares no memory with another process",
                       argument);
            report_remedy(report, "input.dpdk.eal: []    # in the configuration, without it");
        }
    }
    if (report->count == before)
        report_add(report, FINDING_OK, "%s",
                   arguments->count ? "none of the further arguments is weir's own" : "no further arguments");
}
