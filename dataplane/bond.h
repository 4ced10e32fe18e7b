/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <net/if.h>
#include <stdint.h>

#define BOND_SLAVES_MOST 64

/* Names of interfaces. */
struct bond_slaves {
    uint32_t count;
    char names[BOND_SLAVES_MOST][IFNAMSIZ];
};

/*
 * The interfaces that a bond consists of, by a file like /sys/class/net/BOND/bonding/slaves: names with spaces
 * between. None where the file is not there, which is so for an interface that is no bond.
 */
void bond_slaves_read(struct bond_slaves *slaves, const char *path);
