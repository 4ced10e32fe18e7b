/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <glob.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/doctor/checks.h"
#include "app/doctor/dpdk_device.h"

#define DRIVERS "/usr/{lib,lib64,lib/*,local/lib,local/lib/*}/dpdk/pmds-*"

/* --- virtual devices --- */

static size_t paths_count(const char *pattern)
{
    glob_t found;
    size_t count = glob(pattern, GLOB_BRACE, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return count;
}

/* False, having said so: there are drivers, but not this one. EAL loads those whose file's name ends in a version. */
static bool driver_there(const struct machine *machine, struct report *report, const struct dpdk_device *device)
{
    const char *driver = device->way == DPDK_WAY_VIRTUAL ? device->driver : "bus_pci";
    char path[LOOK_PATH_MOST], package[DPDK_NAME_BYTES];
    if (!paths_count(look_path(machine, path, "%s", DRIVERS)) ||
        paths_count(look_path(machine, path, "%s/librte_%s.so.*.*", DRIVERS, driver)))
        return true;
    snprintf(package, sizeof package, "%s", driver);
    for (char *at = package; (at = strchr(at, '_'));)
        *at = '-';
    report_add(report, FINDING_STOP, "%s: DPDK's driver %s is not installed", device->text, driver);
    report_remedy(report, "apt-get install librte-%s23    # or DPDK's own build of it", package);
    return false;
}

static void virtual_report(const struct machine *machine, struct report *report, const struct dpdk_device *device)
{
    if (*device->interface && !if_nametoindex(device->interface)) {
        report_add(report, FINDING_STOP, "%s: there is no interface %s", device->text, device->interface);
        report_remedy(report, "ip -br link    # shows those that there are");
        return;
    }
    report_add(report, FINDING_OK, "%s: a virtual device (%s)%s%s", device->text, device->driver,
               *device->interface ? " at " : "", device->interface);
}

/* --- cards --- */

static void unbound_report(struct report *report, const struct dpdk_device *device)
{
    if (device->way == DPDK_WAY_NOBODY)
        report_add(report, FINDING_STOP, "%s: no driver has it, so DPDK cannot reach it", device->address);
    else
        report_add(report, FINDING_STOP, "%s: the kernel's driver %s has it%s%s, and does not share it with DPDK",
                   device->address, device->driver, *device->interface ? ", as " : "", device->interface);
    report_remedy(report,
                  "modprobe vfio-pci && dpdk-devbind.py --bind=vfio-pci %s    # of package dpdk; the kernel loses it",
                  device->address);
}

static void uio_report(struct report *report, const struct dpdk_device *device)
{
    report_add(report, FINDING_CHANGE, "%s: %s lets it write anywhere in memory, and takes root all the time",
               device->address, device->driver);
    report_remedy(report, "modprobe vfio-pci && dpdk-devbind.py --bind=vfio-pci %s", device->address);
}

/* The way into the card is the one of RDMA. */
static void bifurcated_report(const struct machine *machine, struct report *report, const struct dpdk_device *device)
{
    char name[DPDK_NAME_BYTES];
    if (look_first(machine, name, sizeof name, "/sys/class/infiniband_verbs")) {
        report_add(report, FINDING_OK, "%s: stays with the kernel's driver %s%s%s, which shares it", device->address,
                   device->driver, *device->interface ? ", as " : "", device->interface);
        return;
    }
    report_add(report, FINDING_STOP, "%s: the kernel's driver %s shares it by RDMA's verbs, which are not there",
               device->address, device->driver);
    report_remedy(report, "apt-get install rdma-core && modprobe ib_uverbs");
}

static void device_report(const struct machine *machine, struct report *report, const struct dpdk_device *device)
{
    if (!driver_there(machine, report, device))
        return;
    switch (device->way) {
    case DPDK_WAY_VIRTUAL:
        virtual_report(machine, report, device);
        break;
    case DPDK_WAY_OTHER:
        report_add(report, FINDING_STOP, "%s is no network card", device->address);
        report_remedy(report, "dpdk-devbind.py --status-dev net    # of package dpdk; or lspci -D");
        break;
    case DPDK_WAY_ABSENT:
        report_add(report, FINDING_STOP, "%s: there is no device at this address of the PCI bus", device->address);
        report_remedy(report, "dpdk-devbind.py --status-dev net    # of package dpdk; or lspci -D");
        break;
    case DPDK_WAY_NOBODY:
    case DPDK_WAY_KERNEL:
        unbound_report(report, device);
        break;
    case DPDK_WAY_UIO:
        uio_report(report, device);
        break;
    case DPDK_WAY_BIFURCATED:
        bifurcated_report(machine, report, device);
        break;
    case DPDK_WAY_VFIO:
        report_add(report, FINDING_OK, "%s: bound to vfio-pci", device->address);
        break;
    }
}

void check_dpdk_devices(const struct machine *machine, struct report *report, const char *interface)
{
    struct dpdk_device device;
    for (uint32_t i = 0; i < machine->config->input.dpdk.devices.count; i++) {
        dpdk_device_look(machine, machine->config->input.dpdk.devices.items[i], &device);
        device_report(machine, report, &device);
    }
}

/* --- IOMMU --- */

/* All devices of a group have to be vfio's or nobody's; bridges are the kernel's own. */
static bool neighbour_shares(const struct machine *machine, const char *address)
{
    char path[LOOK_PATH_MOST], target[LOOK_PATH_MOST];
    ssize_t length =
        readlink(look_path(machine, path, "/sys/bus/pci/devices/%s/driver", address), target, sizeof target - 1);
    if (length < 0)
        return true;
    target[length] = 0;
    const char *slash = strrchr(target, '/'), *name = slash ? slash + 1 : target;
    return strcmp(name, "vfio-pci") == 0 || strcmp(name, "pcieport") == 0;
}

/* Adds what stands in the way. */
static void group_report(const struct machine *machine, struct report *report, const struct dpdk_device *device)
{
    char path[LOOK_PATH_MOST];
    const struct dirent *entry;
    DIR *group = opendir(look_path(machine, path, "/sys/bus/pci/devices/%s/iommu_group/devices", device->address));
    while (group && (entry = readdir(group))) {
        if (entry->d_name[0] == '.' || neighbour_shares(machine, entry->d_name))
            continue;
        report_add(report, FINDING_STOP, "%s is in one group of the IOMMU with %s, which a driver of the kernel has",
                   device->address, entry->d_name);
        report_remedy(report, "dpdk-devbind.py --bind=vfio-pci %s    # or put the card into another slot",
                      entry->d_name);
    }
    if (group)
        closedir(group);
}

static void absence_report(const struct machine *machine, struct report *report)
{
    char unsafe[8];
    if (look_text(machine, unsafe, sizeof unsafe, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode") &&
        *unsafe == 'Y') {
        report_add(report, FINDING_CHANGE, "there is none, and vfio does without: a card may write anywhere in memory");
        report_remedy(report, "intel_iommu=on iommu=pt    # Intel: on the kernel's command line; AMD: in the firmware");
        return;
    }
    report_add(report, FINDING_STOP, "there is none, or it is off, and vfio-pci needs it");
    report_remedy(report,
                  "intel_iommu=on iommu=pt    # Intel: on the kernel's command line; AMD: in the firmware; without: "
                  "modprobe vfio enable_unsafe_noiommu_mode=1");
}

void check_dpdk_iommu(const struct machine *machine, struct report *report, const char *interface)
{
    struct dpdk_device device;
    char name[DPDK_NAME_BYTES];
    uint32_t before = report->count;
    if (dpdk_devices_bifurcated(machine)) {
        report_add(report, FINDING_OK, "%s",
                   dpdk_devices_on_bus(machine) ? "not asked for: the kernel's driver keeps the card"
                                                : "not asked for: the devices are virtual");
        return;
    }
    if (!look_first(machine, name, sizeof name, "/sys/class/iommu")) {
        absence_report(machine, report);
        return;
    }
    for (uint32_t i = 0; i < machine->config->input.dpdk.devices.count; i++) {
        dpdk_device_look(machine, machine->config->input.dpdk.devices.items[i], &device);
        if (device.way == DPDK_WAY_VFIO)
            group_report(machine, report, &device);
    }
    if (report->count == before)
        report_add(report, FINDING_OK, "it is on (%s)", name);
}
