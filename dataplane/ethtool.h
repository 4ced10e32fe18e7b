/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Sums of statistics that only a driver knows (ethtool -S), found by their names. The names are read once; they stand
 * where they are until the interface goes.
 */
struct ethtool_sums {
    uint64_t lost;  /* frames that the NIC or the driver dropped, where the driver's statistics are known */
    uint64_t twice; /* frames in the interface's rx_dropped that AF_XDP or the XDP program counts, too */
};

/* Which of the sums a statistic of that name is part of. */
enum ethtool_meaning { ETHTOOL_NONE, ETHTOOL_LOST, ETHTOOL_TWICE };
enum ethtool_meaning ethtool_meaning(const char *driver, const char *name);

struct ethtool;

/* NULL where the interface has no driver whose statistics are known, or for want of memory. */
struct ethtool *ethtool_open(const char *interface);
void ethtool_close(struct ethtool *ethtool);

/* False when the interface does not answer. */
bool ethtool_read(struct ethtool *ethtool, struct ethtool_sums *sums);
