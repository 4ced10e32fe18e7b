/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/nic.h"

#include <ifaddrs.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dataplane/ethtool.h"

#define NICS_MOST 256 /* interfaces; further ones are not watched */

struct nic {
    char name[IFNAMSIZ];
    struct ethtool *ethtool;       /* NULL: has nothing to add */
    uint32_t dropped_seen;         /* rx_missed_errors and rx_dropped, as last read: they wrap */
    struct ethtool_sums sums_seen;
    uint64_t dropped;              /* these and all below are since it was first seen */
    struct ethtool_sums sums;
    uint64_t counted;
};

struct nics {
    const struct config *config;
    struct counters counters; /* nics_read() writes, any thread reads */
    uint32_t count;
    struct nic items[NICS_MOST];
};

struct nics *nics_new(const struct config *config)
{
    struct nics *nics = calloc(1, sizeof *nics);
    if (!nics)
        return NULL;
    nics->config = config;
    nics_read(nics);
    return nics;
}

void nics_free(struct nics *nics)
{
    if (!nics)
        return;
    for (uint32_t i = 0; i < nics->count; i++)
        ethtool_close(nics->items[i].ethtool);
    free(nics);
}

static bool has_address(const struct ifaddrs *all, const char *name)
{
    for (const struct ifaddrs *at = all; at; at = at->ifa_next)
        if (at->ifa_addr && (at->ifa_addr->sa_family == AF_INET || at->ifa_addr->sa_family == AF_INET6) &&
            strcmp(at->ifa_name, name) == 0)
            return true;
    return false;
}

static bool is_watched(const struct nics *nics, const struct ifaddrs *all, const char *name)
{
    const struct text_list *names = &nics->config->input.interface;
    for (uint32_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return !names->count && has_address(all, name);
}

/* The interface's entry, with what it counts by now as its start where it is new; NULL at the cap. */
static struct nic *nic_find(struct nics *nics, const char *name, uint32_t dropped)
{
    for (uint32_t i = 0; i < nics->count; i++)
        if (strcmp(nics->items[i].name, name) == 0)
            return &nics->items[i];
    if (nics->count == NICS_MOST)
        return NULL;
    struct nic *nic = &nics->items[nics->count++];
    *nic = (struct nic){.dropped_seen = dropped, .ethtool = ethtool_open(name)};
    snprintf(nic->name, sizeof nic->name, "%s", name);
    if (nic->ethtool)
        ethtool_read(nic->ethtool, &nic->sums_seen);
    return nic;
}

/* Counters that begin anew, with another device of the same name, have lost nothing. */
static uint64_t grown(uint64_t now, uint64_t seen)
{
    return now > seen ? now - seen : 0;
}

/*
 * The interface's account and the driver's are two of the same losses, of which either may leave some out: the larger
 * one is believed.
 */
static uint64_t nic_read(struct nic *nic, uint32_t dropped)
{
    struct ethtool_sums now;
    nic->dropped += dropped - nic->dropped_seen;
    nic->dropped_seen = dropped;
    if (nic->ethtool && ethtool_read(nic->ethtool, &now)) {
        nic->sums.twice += grown(now.twice, nic->sums_seen.twice);
        nic->sums.lost += grown(now.lost, nic->sums_seen.lost);
        nic->sums_seen = now;
    }
    uint64_t once = grown(nic->dropped, nic->sums.twice); /* which was read later, and may be ahead */
    uint64_t news = grown(once > nic->sums.lost ? once : nic->sums.lost, nic->counted);
    nic->counted += news;
    return news;
}

void nics_read(struct nics *nics)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) < 0)
        return; /* the next reading has it all */
    for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
        const struct rtnl_link_stats *statistics = at->ifa_data;
        if (!at->ifa_addr || at->ifa_addr->sa_family != AF_PACKET || !statistics ||
            !is_watched(nics, all, at->ifa_name))
            continue;
        uint32_t dropped = statistics->rx_missed_errors + statistics->rx_dropped;
        struct nic *nic = nic_find(nics, at->ifa_name, dropped);
        if (nic)
            counter_add(&nics->counters, COUNTER_losses_nic, nic_read(nic, dropped));
    }
    freeifaddrs(all);
}

const struct counters *nics_counters(const struct nics *nics)
{
    return &nics->counters;
}
