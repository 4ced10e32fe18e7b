/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sorter.h"

#include <string.h>

#include "base/bytes.h"
#include "dataplane/frame.h"

#define ETHERNET_BYTES  14
#define IPV4_BYTES      20
#define IPV6_BYTES      40
#define UDP_BYTES       8
#define EXTENSIONS_MOST 8
#define IPV4_FRAGMENT   0x3fff /* more fragments, and the offset (RFC 791 3.1) */
#define IPV6_FRAGMENT   0xfff9 /* the offset, and more fragments (RFC 8200 4.5) */

enum protocol { HOP_BY_HOP = 0, UDP = 17, ROUTING = 43, FRAGMENT = 44, DESTINATION_OPTIONS = 60 };

static bool listens_at(const struct sorter *sorter, const struct address *address, uint16_t port)
{
    bool ipv4 = address_is_ipv4(address);
    for (int i = 0; i < sorter->listen_count; i++) {
        const struct listen *listen = &sorter->listens[i];
        if (listen->endpoint.port != port || !(ipv4 ? listen->ipv4 : listen->ipv6))
            continue;
        if (listen->any || address_equal(&listen->endpoint.address, address))
            return true;
    }
    return false;
}

static enum sort_verdict udp_sort(const struct sorter *sorter, const struct address *address, const uint8_t *udp,
                                  const uint8_t *end)
{
    if (end - udp < UDP_BYTES)
        return SORT_OTHER;
    return listens_at(sorter, address, read_be16(udp + 2)) ? SORT_OURS : SORT_OTHER;
}

static enum sort_verdict ipv4_sort(const struct sorter *sorter, const uint8_t *ip, const uint8_t *end)
{
    if (end - ip < IPV4_BYTES || ip[0] >> 4 != 4 || ip[9] != UDP)
        return SORT_OTHER;
    if (read_be16(ip + 6) & IPV4_FRAGMENT)
        return SORT_FRAGMENT;
    int header_bytes = (ip[0] & 15) * 4;
    if (header_bytes < IPV4_BYTES || end - ip < header_bytes)
        return SORT_OTHER;
    struct address address = address_from_ipv4(ip + 16);
    return udp_sort(sorter, &address, ip + header_bytes, end);
}

static enum sort_verdict ipv6_sort(const struct sorter *sorter, const uint8_t *ip, const uint8_t *end)
{
    if (end - ip < IPV6_BYTES || ip[0] >> 4 != 6)
        return SORT_OTHER;
    struct address address = address_from_ipv6(ip + 24);
    uint8_t next = ip[6];
    ip += IPV6_BYTES;
    for (int i = 0; i < EXTENSIONS_MOST && next != UDP; i++) {
        if (end - ip < 8 ||
            (next != HOP_BY_HOP && next != ROUTING && next != FRAGMENT && next != DESTINATION_OPTIONS))
            return SORT_OTHER;
        bool fragment = next == FRAGMENT;
        int length = fragment ? 8 : (ip[1] + 1) * 8;
        if (fragment && read_be16(ip + 2) & IPV6_FRAGMENT)
            return ip[0] == UDP ? SORT_FRAGMENT : SORT_OTHER;
        if (end - ip < length)
            return SORT_OTHER;
        next = ip[0];
        ip += length;
    }
    return next == UDP ? udp_sort(sorter, &address, ip, end) : SORT_OTHER;
}

/* Steps over the Ethernet header and its tags; false for what is not to this machine, and what is cut. */
static bool ethernet_skip(const struct sorter *sorter, const struct packet *packet, uint32_t *offset, uint16_t *type)
{
    if (packet->size_bytes < ETHERNET_BYTES)
        return false;
    if (!sorter->every_mac && memcmp(packet->bytes, sorter->mac, sizeof sorter->mac) != 0)
        return false;
    *offset = ETHERNET_BYTES;
    *type = read_be16(packet->bytes + ETHERNET_BYTES - 2);
    return frame_skip_tags(packet->bytes, packet->size_bytes, offset, type);
}

static enum sort_verdict ip_sort(const struct sorter *sorter, uint16_t type, const uint8_t *ip, const uint8_t *end)
{
    if (type == ETHERTYPE_IPV4)
        return ipv4_sort(sorter, ip, end);
    return type == ETHERTYPE_IPV6 ? ipv6_sort(sorter, ip, end) : SORT_OTHER;
}

static bool listens_at_port(const struct sorter *sorter, uint16_t port)
{
    for (int i = 0; i < sorter->listen_count; i++)
        if (sorter->listens[i].endpoint.port == port)
            return true;
    return false;
}

/* Of what is to this machine, and no flow export as it stands. */
static enum sort_verdict tunnel_sort(const struct sorter *sorter, const struct unpack *unpack,
                                     const struct packet *packet)
{
    struct frame frame;
    if (frame_parse(packet, unpack, &frame) != FRAME_DATAGRAM || !frame.unpacked)
        return SORT_OTHER;
    return listens_at_port(sorter, frame.destination_port) ? SORT_OURS : SORT_OTHER;
}

enum sort_verdict sorter_sort(const struct sorter *sorter, const struct unpack *unpack, const struct packet *packet)
{
    const uint8_t *end = packet->bytes + packet->size_bytes;
    uint32_t offset = 0;
    uint16_t type = 0;
    if (packet->kind == PACKET_IP)
        type = packet->size_bytes && packet->bytes[0] >> 4 == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    else if (!ethernet_skip(sorter, packet, &offset, &type))
        return SORT_OTHER;
    enum sort_verdict verdict = ip_sort(sorter, type, packet->bytes + offset, end);
    return verdict == SORT_OTHER && unpack->kinds ? tunnel_sort(sorter, unpack, packet) : verdict;
}
