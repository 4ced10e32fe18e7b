/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "app/doctor/machine.h"

/* How DPDK comes to a device. */
enum dpdk_way {
    DPDK_WAY_VIRTUAL, /* made by DPDK */
    DPDK_WAY_ABSENT,  /* there is none at that address */
    DPDK_WAY_OTHER,   /* what is there is no network card */
    DPDK_WAY_NOBODY,  /* no driver of the kernel has it */
    DPDK_WAY_KERNEL,  /* a driver has it that does not share */
    DPDK_WAY_VFIO,
    DPDK_WAY_UIO,
    DPDK_WAY_BIFURCATED /* the kernel's driver keeps it, and shares */
};

#define DPDK_NAME_BYTES 64

/* An item of input.dpdk.devices. */
struct dpdk_device {
    const char *text;                /* the item */
    char address[DPDK_NAME_BYTES];   /* on the PCI bus, with its domain; "": virtual */
    char driver[DPDK_NAME_BYTES];    /* the kernel's; of virtual ones, DPDK's: net_af_packet */
    char interface[DPDK_NAME_BYTES]; /* the kernel's name for it, or the one that iface= names; "": none */
    enum dpdk_way way;
};

void dpdk_device_look(const struct machine *machine, const char *text, struct dpdk_device *device);

/* Is one of the configuration's devices on the PCI bus, and do all that are share with the kernel? */
bool dpdk_devices_on_bus(const struct machine *machine);
bool dpdk_devices_bifurcated(const struct machine *machine);

/* Name of the first entry of a folder that does not begin with a dot; false where it has none. */
bool look_first(const struct machine *machine, char *name, size_t size, const char *folder);
