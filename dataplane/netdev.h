/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* Bits of features (enum netdev_xdp_act of linux/netdev.h). */
#define NETDEV_XDP_NATIVE    (1U << 0 | 1U << 1) /* runs programs, and redirects */
#define NETDEV_XDP_ZERO_COPY (1U << 3)
#define NETDEV_XDP_MULTI     (1U << 5) /* frames of several buffers */

/* Bits of hints (enum netdev_xdp_rx_metadata). */
#define NETDEV_HINT_TIME (1U << 0)

/* What the kernel says that the driver of an interface can. */
struct netdev_abilities {
    uint64_t features;
    uint64_t hints; /* that it tells XDP programs of frames; 0 before Linux 6.6 */
};

/* Linux tells since 6.3. Returns 0 or -errno. */
int netdev_ask(struct netdev_abilities *abilities, int interface_index);
