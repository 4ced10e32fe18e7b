/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_ethdev.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/dpdk/port.h"

/* Losses that a driver does not put into imissed, ierrors or rx_nombuf. */
static const char *const further_losses[PORT_XSTATS_MOST] = {
    "rx_discards_phy",        /* mlx5: no room in the card's buffer */
    "rx_phy_discard_packets", /* so called later */
};

/* Parts of the names of counters that somebody who looks for lost frames wants to see. */
static const char *const telling[] = {"err", "drop", "discard", "miss", "nombuf", "no_buffer", "out_of_buffer"};

static uint64_t xstat_read(const struct dpdk_port *port, uint32_t index)
{
    uint64_t value = 0;
    return rte_eth_xstats_get_by_id(port->id, &port->xstat_ids[index], &value, 1) == 1 ? value : 0;
}

void statistics_begin(struct dpdk_port *port)
{
    rte_eth_stats_get(port->id, &port->before);
    for (uint32_t i = 0; i < PORT_XSTATS_MOST; i++) {
        uint64_t id;
        if (rte_eth_xstats_get_id_by_name(port->id, further_losses[i], &id) != 0)
            continue;
        port->xstat_ids[port->xstat_count] = id;
        port->xstats_before[port->xstat_count] = xstat_read(port, port->xstat_count);
        port->xstat_count++;
    }
}

void statistics_read(struct dpdk_port *port, struct losses *losses)
{
    struct rte_eth_stats now;
    if (rte_eth_stats_get(port->id, &now) != 0)
        return;
    losses->ring += now.imissed - port->before.imissed;
    losses->buffers += now.rx_nombuf - port->before.rx_nombuf;
    losses->damaged += now.ierrors - port->before.ierrors;
    for (uint32_t i = 0; i < port->xstat_count; i++)
        losses->ring += xstat_read(port, i) - port->xstats_before[i];
}

static bool name_tells(const char *name)
{
    for (unsigned i = 0; i < sizeof telling / sizeof telling[0]; i++)
        if (strstr(name, telling[i]))
            return true;
    return false;
}

void statistics_say(const struct dpdk_port *port)
{
    int count = rte_eth_xstats_get(port->id, NULL, 0);
    struct rte_eth_xstat *values = count > 0 ? calloc((size_t)count, sizeof *values) : NULL;
    struct rte_eth_xstat_name *names = count > 0 ? calloc((size_t)count, sizeof *names) : NULL;
    if (values && names && rte_eth_xstats_get_names(port->id, names, (unsigned)count) == count &&
        rte_eth_xstats_get(port->id, values, (unsigned)count) == count)
        for (int i = 0; i < count; i++)
            if (values[i].value && name_tells(names[values[i].id].name))
                log_info("%s: %s %llu", port->name, names[values[i].id].name, (unsigned long long)values[i].value);
    free(values);
    free(names);
}
