/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/interface.h"

#include <dirent.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* 0 where the driver does not say. */
static uint32_t queues_of_driver(const char *interface)
{
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    struct ifreq request = {.ifr_data = (void *)&channels};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    int result = ioctl(fd, SIOCETHTOOL, &request);
    close(fd);
    return result < 0 ? 0 : channels.rx_count + channels.combined_count;
}

/* 0 where sysfs is not there, or shows another network namespace. */
static uint32_t queues_of_sysfs(const char *interface)
{
    char path[sizeof "/sys/class/net//queues" + IFNAMSIZ];
    uint32_t count = 0;
    snprintf(path, sizeof path, "/sys/class/net/%s/queues", interface);
    DIR *folder = opendir(path);
    if (!folder)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += strncmp(entry->d_name, "rx-", 3) == 0;
    closedir(folder);
    return count;
}

uint32_t interface_queues(const char *interface, uint32_t most)
{
    uint32_t count = queues_of_driver(interface);
    if (!count)
        count = queues_of_sysfs(interface);
    if (!count)
        count = 1;
    return count < most ? count : most;
}

uint32_t interface_mtu(const char *interface)
{
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    int result = ioctl(fd, SIOCGIFMTU, &request);
    close(fd);
    return result < 0 || request.ifr_mtu < 0 ? 0 : (uint32_t)request.ifr_mtu;
}
