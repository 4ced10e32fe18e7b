/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/frame.h"

#include "base/bytes.h"

#define ETHERNET_BYTES   14
#define TAG_BYTES        4
#define TAGS_MOST        2
#define IPV4_BYTES       20
#define IPV6_BYTES       40
#define UDP_BYTES        8
#define EXTENSIONS_MOST  8 /* as in the XDP program; longer chains are nobody's flow export */
#define IPV4_FRAGMENT    0x3fff /* more fragments, and the offset */
#define IPV6_FRAGMENT    0xfff9 /* the offset, and more fragments (RFC 8200 4.5) */

enum protocol { HOP_BY_HOP = 0, UDP = 17, ROUTING = 43, FRAGMENT = 44, DESTINATION_OPTIONS = 60 };

/* What is left of the packet, from the header at hand on. */
struct view {
    const uint8_t *bytes;
    uint32_t size_bytes;
};

static void view_skip(struct view *view, uint32_t count)
{
    view->bytes += count;
    view->size_bytes -= count;
}

bool frame_skip_tags(const uint8_t *bytes, uint32_t size_bytes, uint32_t *offset, uint16_t *type)
{
    for (int i = 0; i < TAGS_MOST && (*type == ETHERTYPE_VLAN || *type == ETHERTYPE_QINQ); i++) {
        if (size_bytes < *offset + TAG_BYTES)
            return false;
        *type = read_be16(bytes + *offset + 2);
        *offset += TAG_BYTES;
    }
    return true;
}

static enum frame_verdict ethernet_parse(struct view *view)
{
    if (view->size_bytes < ETHERNET_BYTES)
        return FRAME_MALFORMED;
    uint32_t offset = ETHERNET_BYTES;
    uint16_t type = read_be16(view->bytes + ETHERNET_BYTES - 2);
    if (!frame_skip_tags(view->bytes, view->size_bytes, &offset, &type))
        return FRAME_MALFORMED;
    view_skip(view, offset);
    return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? FRAME_DATAGRAM : FRAME_NOT_UDP;
}

static enum frame_verdict ipv4_parse(struct view *view, struct frame *frame)
{
    const uint8_t *ip = view->bytes;
    if (view->size_bytes < IPV4_BYTES)
        return FRAME_MALFORMED;
    uint32_t header_bytes = (ip[0] & 15u) * 4;
    uint32_t total_bytes = read_be16(ip + 2);
    if (header_bytes < IPV4_BYTES || total_bytes < header_bytes || total_bytes > view->size_bytes)
        return FRAME_MALFORMED;
    if (ip[9] != UDP || read_be16(ip + 6) & IPV4_FRAGMENT)
        return FRAME_NOT_UDP;
    frame->source.address = address_from_ipv4(ip + 12);
    view->size_bytes = total_bytes; /* what follows is Ethernet's padding */
    view_skip(view, header_bytes);
    return FRAME_DATAGRAM;
}

/* Steps over one extension header; next becomes the protocol behind it. */
static enum frame_verdict extension_parse(struct view *view, uint8_t *next)
{
    if (view->size_bytes < 8)
        return FRAME_MALFORMED;
    bool fragment = *next == FRAGMENT;
    uint32_t length = fragment ? 8 : (view->bytes[1] + 1u) * 8;
    if (length > view->size_bytes)
        return FRAME_MALFORMED;
    if (fragment && read_be16(view->bytes + 2) & IPV6_FRAGMENT)
        return FRAME_NOT_UDP;
    *next = view->bytes[0];
    view_skip(view, length);
    return FRAME_DATAGRAM;
}

static enum frame_verdict ipv6_parse(struct view *view, struct frame *frame)
{
    const uint8_t *ip = view->bytes;
    if (view->size_bytes < IPV6_BYTES)
        return FRAME_MALFORMED;
    uint32_t payload_bytes = read_be16(ip + 4);
    if (payload_bytes > view->size_bytes - IPV6_BYTES)
        return FRAME_MALFORMED;
    frame->source.address = address_from_ipv6(ip + 8);
    uint8_t next = ip[6];
    view->size_bytes = IPV6_BYTES + payload_bytes;
    view_skip(view, IPV6_BYTES);
    for (int i = 0; i < EXTENSIONS_MOST && next != UDP; i++) {
        if (next != HOP_BY_HOP && next != ROUTING && next != FRAGMENT && next != DESTINATION_OPTIONS)
            return FRAME_NOT_UDP;
        enum frame_verdict verdict = extension_parse(view, &next);
        if (verdict != FRAME_DATAGRAM)
            return verdict;
    }
    return next == UDP ? FRAME_DATAGRAM : FRAME_NOT_UDP;
}

static enum frame_verdict ip_parse(struct view *view, struct frame *frame)
{
    if (!view->size_bytes)
        return FRAME_MALFORMED;
    switch (view->bytes[0] >> 4) {
    case 4:
        return ipv4_parse(view, frame);
    case 6:
        return ipv6_parse(view, frame);
    }
    return FRAME_MALFORMED;
}

static enum frame_verdict udp_parse(const struct view *view, struct frame *frame)
{
    if (view->size_bytes < UDP_BYTES)
        return FRAME_MALFORMED;
    uint32_t length = read_be16(view->bytes + 4);
    if (length < UDP_BYTES || length > view->size_bytes)
        return FRAME_MALFORMED;
    frame->source.port = read_be16(view->bytes);
    frame->destination_port = read_be16(view->bytes + 2);
    frame->payload = view->bytes + UDP_BYTES;
    frame->size_bytes = length - UDP_BYTES;
    return FRAME_DATAGRAM;
}

static enum frame_verdict payload_take(const struct packet *packet, struct frame *frame)
{
    *frame = (struct frame){.payload = packet->bytes, .size_bytes = packet->size_bytes, .source = packet->source};
    return FRAME_DATAGRAM;
}

enum frame_verdict frame_parse(const struct packet *packet, struct frame *frame)
{
    struct view view = {packet->bytes, packet->size_bytes};
    enum frame_verdict verdict = FRAME_DATAGRAM;
    if (packet->kind == PACKET_PAYLOAD)
        return payload_take(packet, frame);
    if (packet->kind == PACKET_OTHER)
        return FRAME_NOT_UDP;
    if (packet->kind == PACKET_ETHERNET)
        verdict = ethernet_parse(&view);
    if (verdict == FRAME_DATAGRAM)
        verdict = ip_parse(&view, frame);
    if (verdict == FRAME_DATAGRAM)
        verdict = udp_parse(&view, frame);
    return verdict;
}

bool frame_fit(struct frame *frame, const struct packet *packet, uint32_t bytes_most)
{
    bool fits = frame->size_bytes <= bytes_most && !(packet->cut && packet->kind == PACKET_PAYLOAD);
    if (frame->size_bytes > bytes_most)
        frame->size_bytes = bytes_most;
    return fits;
}
