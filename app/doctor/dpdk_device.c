/* SPDX-License-Identifier: Apache-2.0 */
#include "app/doctor/dpdk_device.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PCI_NETWORK "0x02" /* how the class of a network card begins */

/* Drivers of the kernel that have to do with DPDK; all others keep a device for themselves. */
static const struct way_row {
    const char *driver;
    enum dpdk_way way;
} way_rows[] = {
    {"vfio-pci", DPDK_WAY_VFIO},        {"igb_uio", DPDK_WAY_UIO},          {"uio_pci_generic", DPDK_WAY_UIO},
    {"mlx4_core", DPDK_WAY_BIFURCATED}, {"mlx5_core", DPDK_WAY_BIFURCATED}, {"mana", DPDK_WAY_BIFURCATED},
};

static enum dpdk_way way_of(const char *driver)
{
    for (unsigned i = 0; i < sizeof way_rows / sizeof *way_rows; i++)
        if (strcmp(way_rows[i].driver, driver) == 0)
            return way_rows[i].way;
    return DPDK_WAY_KERNEL;
}

bool look_first(const struct machine *machine, char *name, size_t size, const char *folder)
{
    char path[LOOK_PATH_MOST];
    DIR *entries = opendir(look_path(machine, path, "%s", folder));
    const struct dirent *entry = NULL;
    name[0] = 0;
    while (entries && (entry = readdir(entries)) && entry->d_name[0] == '.')
        ;
    if (entry)
        snprintf(name, size, "%s", entry->d_name);
    if (entries)
        closedir(entries);
    return entry != NULL;
}

/* What follows the key of a virtual device's argument, up to the next comma. */
static void argument_find(const char *text, const char *key, char *value, size_t size)
{
    const char *found = strstr(text, key);
    value[0] = 0;
    if (found)
        snprintf(value, size, "%.*s", (int)strcspn(found + strlen(key), ","), found + strlen(key));
}

static void virtual_look(struct dpdk_device *device)
{
    device->way = DPDK_WAY_VIRTUAL;
    snprintf(device->driver, sizeof device->driver, "%.*s", (int)strcspn(device->text, "0123456789,"), device->text);
    argument_find(device->text, ",iface=", device->interface, sizeof device->interface);
}

/* The driver is what a link in the device's folder points to. */
static void bus_look(const struct machine *machine, struct dpdk_device *device)
{
    char path[LOOK_PATH_MOST], target[LOOK_PATH_MOST], folder[LOOK_PATH_MOST], class[16];
    look_path(machine, path, "/sys/bus/pci/devices/%s", device->address);
    if (access(path, F_OK) < 0) {
        device->way = DPDK_WAY_ABSENT;
        return;
    }
    if (look_text(machine, class, sizeof class, "/sys/bus/pci/devices/%s/class", device->address) &&
        strncmp(class, PCI_NETWORK, strlen(PCI_NETWORK)) != 0) {
        device->way = DPDK_WAY_OTHER;
        return;
    }
    snprintf(folder, sizeof folder, "/sys/bus/pci/devices/%s/net", device->address);
    look_first(machine, device->interface, sizeof device->interface, folder);
    ssize_t length = readlink(look_path(machine, path, "/sys/bus/pci/devices/%s/driver", device->address), target,
                              sizeof target - 1);
    target[length < 0 ? 0 : length] = 0;
    const char *slash = strrchr(target, '/');
    snprintf(device->driver, sizeof device->driver, "%.*s", DPDK_NAME_BYTES - 1, slash ? slash + 1 : target);
    device->way = *device->driver ? way_of(device->driver) : DPDK_WAY_NOBODY;
}

void dpdk_device_look(const struct machine *machine, const char *text, struct dpdk_device *device)
{
    size_t word = strcspn(text, ",");
    const char *colon = memchr(text, ':', word);
    *device = (struct dpdk_device){.text = text};
    if (!colon) {
        virtual_look(device);
        return;
    }
    /* EAL lets the domain be left out. */
    bool domain = memchr(colon + 1, ':', word - (size_t)(colon + 1 - text)) != NULL;
    snprintf(device->address, sizeof device->address, "%s%.*s", domain ? "" : "0000:", (int)word, text);
    bus_look(machine, device);
}

bool dpdk_devices_on_bus(const struct machine *machine)
{
    struct dpdk_device device;
    for (uint32_t i = 0; i < machine->config->input.dpdk.devices.count; i++) {
        dpdk_device_look(machine, machine->config->input.dpdk.devices.items[i], &device);
        if (device.way != DPDK_WAY_VIRTUAL)
            return true;
    }
    return false;
}

bool dpdk_devices_bifurcated(const struct machine *machine)
{
    struct dpdk_device device;
    for (uint32_t i = 0; i < machine->config->input.dpdk.devices.count; i++) {
        dpdk_device_look(machine, machine->config->input.dpdk.devices.items[i], &device);
        if (device.way != DPDK_WAY_VIRTUAL && device.way != DPDK_WAY_BIFURCATED)
            return false;
    }
    return true;
}
