/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/ethtool.h"

#include <fnmatch.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define STATISTICS_MOST 65536 /* of an interface: hundreds of queues have dozens each */

/*
 * A driver's statistics by name, as patterns of fnmatch(3). A driver needs no row if its rx_missed_errors and
 * rx_dropped (ip -s link) say it all.
 */
static const struct {
    const char *driver, *pattern;
    enum ethtool_meaning meaning;
} rows[] = {
    /* kernels before 6.13 do not count what found the port's buffer full among rx_dropped */
    {"mlx5_core", "rx_out_of_buffer", ETHTOOL_LOST},
    {"mlx5_core", "rx_discards_phy", ETHTOOL_LOST},
    /* no descriptor was free: of no account of the interface */
    {"vmxnet3", "*pkts rx OOB", ETHTOOL_LOST},
    /* a frame that found the AF_XDP ring full */
    {"veth", "rx_queue_*_drops", ETHTOOL_TWICE},
    /* the same, and what the XDP program dropped; the second of Linux 6.11 and newer, beside a sum */
    {"virtio_net", "rx_queue_*_xdp_drops", ETHTOOL_TWICE},
    {"virtio_net", "rx[0-9]*_xdp_drops", ETHTOOL_TWICE},
};

#define ROWS (sizeof rows / sizeof *rows)

struct ethtool {
    int fd;
    char interface[IFNAMSIZ];
    uint32_t count;
    uint8_t *meanings; /* enum ethtool_meaning, one for each statistic */
    struct ethtool_stats *values;
};

static bool ask(const struct ethtool *ethtool, void *data)
{
    struct ifreq request = {.ifr_data = data};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", ethtool->interface);
    return ioctl(ethtool->fd, SIOCETHTOOL, &request) == 0;
}

enum ethtool_meaning ethtool_meaning(const char *driver, const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].driver, driver) == 0 && fnmatch(rows[i].pattern, name, 0) == 0)
            return rows[i].meaning;
    return ETHTOOL_NONE;
}

static bool driver_known(const char *driver)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].driver, driver) == 0)
            return true;
    return false;
}

/* Reads the names; false where none of them is of use. */
static bool names_read(struct ethtool *ethtool, const char *driver)
{
    struct ethtool_gstrings *names = calloc(1, sizeof *names + (size_t)ethtool->count * ETH_GSTRING_LEN);
    bool useful = false;
    if (!names)
        return false;
    *names = (struct ethtool_gstrings){.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = ethtool->count};
    if (ask(ethtool, names) && names->len <= ethtool->count) {
        ethtool->count = names->len;
        for (uint32_t i = 0; i < ethtool->count; i++) {
            char name[ETH_GSTRING_LEN + 1] = "";
            memcpy(name, names->data + (size_t)i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);
            ethtool->meanings[i] = ethtool_meaning(driver, name);
            useful = useful || ethtool->meanings[i] != ETHTOOL_NONE;
        }
    }
    free(names);
    return useful;
}

static bool statistics_find(struct ethtool *ethtool)
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    if (ethtool->fd < 0 || !ask(ethtool, &info) || !driver_known(info.driver) || !info.n_stats ||
        info.n_stats > STATISTICS_MOST)
        return false;
    ethtool->count = info.n_stats;
    ethtool->meanings = calloc(info.n_stats, sizeof *ethtool->meanings);
    /* Room for all that there could be: the kernel writes as many as the driver has when it is asked. */
    ethtool->values = calloc(1, sizeof *ethtool->values + STATISTICS_MOST * sizeof *ethtool->values->data);
    return ethtool->meanings && ethtool->values && names_read(ethtool, info.driver);
}

struct ethtool *ethtool_open(const char *interface)
{
    struct ethtool *ethtool = calloc(1, sizeof *ethtool);
    if (!ethtool)
        return NULL;
    ethtool->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(ethtool->interface, sizeof ethtool->interface, "%s", interface);
    if (statistics_find(ethtool))
        return ethtool;
    ethtool_close(ethtool);
    return NULL;
}

void ethtool_close(struct ethtool *ethtool)
{
    if (!ethtool)
        return;
    if (ethtool->fd >= 0)
        close(ethtool->fd);
    free(ethtool->meanings);
    free(ethtool->values);
    free(ethtool);
}

/* With another number of queues the names stand elsewhere. */
static bool count_same(const struct ethtool *ethtool)
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    return ask(ethtool, &info) && info.n_stats == ethtool->count;
}

bool ethtool_read(struct ethtool *ethtool, struct ethtool_sums *sums)
{
    *sums = (struct ethtool_sums){0};
    ethtool->values->cmd = ETHTOOL_GSTATS;
    ethtool->values->n_stats = ethtool->count;
    if (!count_same(ethtool) || !ask(ethtool, ethtool->values))
        return false;
    for (uint32_t i = 0; i < ethtool->count; i++) {
        uint64_t value = ethtool->values->data[i];
        sums->lost += ethtool->meanings[i] == ETHTOOL_LOST ? value : 0;
        sums->twice += ethtool->meanings[i] == ETHTOOL_TWICE ? value : 0;
    }
    return true;
}
