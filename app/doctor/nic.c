/* SPDX-License-Identifier: Apache-2.0 */
#include "app/doctor/nic.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int request_send(const char *interface, unsigned long number, struct ifreq *request)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    snprintf(request->ifr_name, sizeof request->ifr_name, "%s", interface);
    int result = ioctl(fd, number, request) < 0 ? -errno : 0;
    close(fd);
    return result;
}

int nic_ethtool(const char *interface, void *data)
{
    struct ifreq request = {.ifr_data = data};
    return request_send(interface, SIOCETHTOOL, &request);
}

int nic_flags(const char *interface, unsigned *flags)
{
    struct ifreq request = {0};
    int result = request_send(interface, SIOCGIFFLAGS, &request);
    *flags = (unsigned short)request.ifr_flags;
    return result;
}

int nic_mtu(const char *interface, int *mtu_bytes)
{
    struct ifreq request = {0};
    int result = request_send(interface, SIOCGIFMTU, &request);
    *mtu_bytes = request.ifr_mtu;
    return result;
}

/* How many features the kernel has names for; 0 where it does not say. */
static uint32_t features_count(const char *interface)
{
    struct ethtool_sset_info *info = calloc(1, sizeof *info + sizeof info->data[0]);
    if (!info)
        return 0;
    *info = (struct ethtool_sset_info){.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES};
    uint32_t count = nic_ethtool(interface, info) == 0 && info->sset_mask ? info->data[0] : 0;
    free(info);
    return count;
}

/* Number of the feature of that name, or -1. */
static int feature_find(const char *interface, uint32_t count, const char *name)
{
    int found = -1;
    struct ethtool_gstrings *strings = calloc(1, sizeof *strings + (size_t)count * ETH_GSTRING_LEN);
    if (!strings)
        return -1;
    strings->cmd = ETHTOOL_GSTRINGS;
    strings->string_set = ETH_SS_FEATURES;
    strings->len = count;
    if (nic_ethtool(interface, strings) == 0)
        for (uint32_t i = 0; i < strings->len && i < count && found < 0; i++)
            if (strncmp((const char *)strings->data + (size_t)i * ETH_GSTRING_LEN, name, ETH_GSTRING_LEN) == 0)
                found = (int)i;
    free(strings);
    return found;
}

int nic_feature(const char *interface, const char *name)
{
    uint32_t count = features_count(interface), blocks = (count + 31) / 32;
    int number = count ? feature_find(interface, count, name) : -1, on = -1;
    struct ethtool_gfeatures *features = calloc(1, sizeof *features + blocks * sizeof features->features[0]);
    if (number >= 0 && features) {
        features->cmd = ETHTOOL_GFEATURES;
        features->size = blocks;
        if (nic_ethtool(interface, features) == 0) {
            const struct ethtool_get_features_block *block = &features->features[number / 32];
            uint32_t bit = 1U << (number % 32);
            on = !(block->active & bit)                                    ? 0
                 : block->available & bit && !(block->never_changed & bit) ? 1
                                                                           : NIC_FEATURE_FIXED;
        }
    }
    free(features);
    return on;
}

int nic_hash(const char *interface, uint32_t flow, uint64_t *fields)
{
    struct ethtool_rxnfc request = {.cmd = ETHTOOL_GRXFH, .flow_type = flow};
    int result = nic_ethtool(interface, &request);
    *fields = request.data;
    return result;
}

void nic_driver(const char *interface, char name[32], char bus[32])
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    name[0] = bus[0] = 0;
    if (nic_ethtool(interface, &info) < 0)
        return;
    snprintf(name, 32, "%s", info.driver);
    snprintf(bus, 32, "%s", info.bus_info);
}
