/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/device.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define ARP_TRIES    20
#define ARP_WAIT_MS  50
#define PORT_DISCARD 9 /* RFC 863 */

/* Asks the kernel's table of IPv4 neighbours, after a datagram that makes it look for one. */
static bool neighbour_find(int socket, const struct sender_setup *setup, uint8_t *mac)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT_DISCARD)};
    struct arpreq request = {0};
    memcpy(&to.sin_addr, setup->target.to[0].address.bytes + 12, 4);
    sendto(socket, "", 0, 0, (struct sockaddr *)&to, sizeof to);
    for (int i = 0; i < ARP_TRIES; i++) {
        memcpy(&request.arp_pa, &to, sizeof to);
        strncpy(request.arp_dev, setup->interface, sizeof request.arp_dev - 1);
        if (ioctl(socket, SIOCGARP, &request) == 0 && request.arp_flags & ATF_COM) {
            memcpy(mac, request.arp_ha.sa_data, 6);
            return true;
        }
        nanosleep(&(struct timespec){.tv_nsec = ARP_WAIT_MS * NS_PER_MS}, NULL);
    }
    return false;
}

static int macs_find(int socket, const struct sender_setup *setup, uint8_t *own, uint8_t *target)
{
    struct ifreq request = {0};
    strncpy(request.ifr_name, setup->interface, sizeof request.ifr_name - 1);
    if (ioctl(socket, SIOCGIFHWADDR, &request) < 0) {
        log_error("%s: %s", setup->interface, strerror(errno));
        return -errno;
    }
    memcpy(own, request.ifr_hwaddr.sa_data, 6);
    if (setup->has_mac) {
        memcpy(target, setup->target_mac, 6);
        return 0;
    }
    if (setup->target.has[0] && neighbour_find(socket, setup, target))
        return 0;
    log_error("%s: the collector's hardware address is not known; name it, or the router's, by --mac "
              "(ip neigh show dev %s)", setup->interface, setup->interface);
    return -EHOSTUNREACH;
}

int device_open(const struct sender_setup *setup, struct envelope *envelope)
{
    uint8_t own[6], target[6];
    unsigned index = if_nametoindex(setup->interface);
    if (!index) {
        log_error("--interface %s: there is none of that name", setup->interface);
        return -ENODEV;
    }
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -errno;
    int result = macs_find(descriptor, setup, own, target);
    close(descriptor);
    if (result)
        return result;
    envelope_init(envelope, &setup->target, own, target);
    return (int)index;
}
