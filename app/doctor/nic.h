/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the kernel says of a network interface, by ethtool's ioctl (linux/ethtool.h) and by netlink. */

/* One command of ethtool; data begins with its number. Returns 0 or -errno. */
int nic_ethtool(const char *interface, void *data);

/* One of the ioctls of netdevice(7) that fill a struct ifreq; value is its ifr_mtu or ifr_flags. Returns 0 or -errno.
 */
int nic_flags(const char *interface, unsigned *flags);
int nic_mtu(const char *interface, int *mtu_bytes);

/* A feature by the kernel's name ("rx-lro"): 1 on, 0 off, 2 on and not to be changed, -1 unknown. */
#define NIC_FEATURE_FIXED 2
int nic_feature(const char *interface, const char *name);

/* Which header fields choose the queue of UDP (RXH_ bits); flow is UDP_V4_FLOW or UDP_V6_FLOW. Returns 0 or -errno. */
int nic_hash(const char *interface, uint32_t flow, uint64_t *fields);

/* Name of the driver, "" where it does not say. */
void nic_driver(const char *interface, char name[32], char bus[32]);
