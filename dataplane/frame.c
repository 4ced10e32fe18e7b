/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/frame.h"

#include <string.h>

#include "base/bytes.h"

#define ETHERNET_BYTES   14
#define TAG_BYTES        4
#define TAGS_MOST        2
#define IPV4_BYTES       20
#define IPV6_BYTES       40
#define UDP_BYTES        8
#define EXTENSIONS_MOST  8 /* as in the XDP program; longer chains are nobody's flow export */
#define GRE_BYTES        4
#define GRE_CHECKSUM     0x8000
#define GRE_KEY          0x2000
#define GRE_SEQUENCE     0x1000
#define GRE_REFUSED      0x4007 /* source routes (RFC 1701), and another version */
#define GUE_BYTES        4
#define PROXY_BYTES      16
#define PROXY_LOCAL      0x20 /* version and command */
#define PROXY_PROXIED    0x21
#define PROXY_UNSPECIFIED 0   /* families, each with the transport */
#define PROXY_IPV4_UDP   0x12
#define PROXY_IPV6_UDP   0x22
#define IPV4_FRAGMENT    0x3fff /* more fragments, and the offset */
#define IPV6_FRAGMENT    0xfff9 /* the offset, and more fragments (RFC 8200 4.5) */

enum protocol {
    HOP_BY_HOP = 0,
    IPV4_WITHIN = 4,
    UDP = 17,
    IPV6_WITHIN = 41,
    ROUTING = 43,
    FRAGMENT = 44,
    GRE = 47,
    DESTINATION_OPTIONS = 60,
};

/* What is left of the packet, from the header at hand on. */
struct view {
    const uint8_t *bytes;
    uint32_t size_bytes;
    uint8_t protocol; /* behind IP */
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
    view->protocol = ip[9];
    if (read_be16(ip + 6) & IPV4_FRAGMENT)
        return FRAME_NOT_UDP;
    frame->source.address = address_from_ipv4(ip + 12);
    view->size_bytes = total_bytes; /* what follows is Ethernet's padding */
    view_skip(view, header_bytes);
    return FRAME_DATAGRAM;
}

/* Steps over one extension header; view->protocol is the header's and becomes what is behind it. */
static enum frame_verdict extension_parse(struct view *view)
{
    if (view->size_bytes < 8)
        return FRAME_MALFORMED;
    bool fragment = view->protocol == FRAGMENT;
    uint32_t length = fragment ? 8 : (view->bytes[1] + 1u) * 8;
    if (length > view->size_bytes)
        return FRAME_MALFORMED;
    if (fragment && read_be16(view->bytes + 2) & IPV6_FRAGMENT)
        return FRAME_NOT_UDP;
    view->protocol = view->bytes[0];
    view_skip(view, length);
    return FRAME_DATAGRAM;
}

static bool is_extension(uint8_t next)
{
    return next == HOP_BY_HOP || next == ROUTING || next == FRAGMENT || next == DESTINATION_OPTIONS;
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
    view->protocol = ip[6];
    view->size_bytes = IPV6_BYTES + payload_bytes;
    view_skip(view, IPV6_BYTES);
    for (int i = 0; i < EXTENSIONS_MOST && is_extension(view->protocol); i++) {
        enum frame_verdict verdict = extension_parse(view);
        if (verdict != FRAME_DATAGRAM)
            return verdict;
    }
    return FRAME_DATAGRAM;
}

/* Steps over IP's headers; a fragment is FRAME_NOT_UDP. */
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

static enum frame_verdict udp_parse(struct view *view, struct frame *frame)
{
    if (view->size_bytes < UDP_BYTES)
        return FRAME_MALFORMED;
    uint32_t length = read_be16(view->bytes + 4);
    if (length < UDP_BYTES || length > view->size_bytes)
        return FRAME_MALFORMED;
    frame->source.port = read_be16(view->bytes);
    frame->destination_port = read_be16(view->bytes + 2);
    view->size_bytes = length;
    view_skip(view, UDP_BYTES);
    return FRAME_DATAGRAM;
}

/* --- what load balancers put around it --- */

static bool is_believed(const struct unpack *unpack, const struct frame *frame)
{
    return unpack->balancers && allow_contains(unpack->balancers, &frame->source.address);
}

static enum frame_verdict gre_skip(struct view *view)
{
    if (view->size_bytes < GRE_BYTES)
        return FRAME_MALFORMED;
    uint16_t flags = read_be16(view->bytes), type = read_be16(view->bytes + 2);
    uint32_t options = !!(flags & GRE_CHECKSUM) + !!(flags & GRE_KEY) + !!(flags & GRE_SEQUENCE);
    if (flags & GRE_REFUSED)
        return FRAME_TUNNEL_OTHER;
    if (view->size_bytes < GRE_BYTES + options * 4)
        return FRAME_MALFORMED;
    view_skip(view, GRE_BYTES + options * 4);
    if (type == ETHERTYPE_BRIDGING)
        return ethernet_parse(view);
    return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 ? FRAME_DATAGRAM : FRAME_TUNNEL_OTHER;
}

/* Variant 0 has a header; variant 1 is IP at once, whose versions both begin with the bits of it. */
static enum frame_verdict gue_skip(struct view *view)
{
    if (view->size_bytes < GUE_BYTES)
        return FRAME_MALFORMED;
    uint8_t first = view->bytes[0];
    if (first >> 6 == 1)
        return FRAME_DATAGRAM;
    if (first >> 5 || (view->bytes[1] != IPV4_WITHIN && view->bytes[1] != IPV6_WITHIN))
        return FRAME_TUNNEL_OTHER;
    uint32_t length = GUE_BYTES + (first & 31u) * 4;
    if (length > view->size_bytes)
        return FRAME_MALFORMED;
    view_skip(view, length);
    return FRAME_DATAGRAM;
}

static enum frame_verdict nothing_skip(struct view *view)
{
    (void)view; /* the packet within follows at once */
    return FRAME_DATAGRAM;
}

static const struct tunnel {
    uint8_t protocol; /* of IP */
    uint8_t kind;     /* enum unpack_bit */
    enum frame_verdict (*skip)(struct view *view);
} tunnels[] = {
    {IPV4_WITHIN, UNPACK_IPIP, nothing_skip},
    {IPV6_WITHIN, UNPACK_IPIP, nothing_skip},
    {GRE, UNPACK_GRE, gre_skip},
    {UDP, UNPACK_GUE, gue_skip},
};

static const struct tunnel *tunnel_find(const struct view *view, const struct unpack *unpack, const struct frame *frame)
{
    for (size_t i = 0; i < sizeof tunnels / sizeof *tunnels; i++)
        if (tunnels[i].protocol == view->protocol && tunnels[i].kind & unpack->kinds)
            return view->protocol != UDP || frame->destination_port == unpack->gue_port ? &tunnels[i] : NULL;
    return NULL;
}

/* From the tunnel's header, which the frame's source has sent, to the payload of the datagram within. */
static enum frame_verdict tunnel_parse(const struct tunnel *tunnel, struct view *view, const struct unpack *unpack,
                                       struct frame *frame)
{
    if (!is_believed(unpack, frame))
        return FRAME_NOT_BALANCER;
    enum frame_verdict verdict = tunnel->skip(view);
    if (verdict == FRAME_DATAGRAM) {
        verdict = ip_parse(view, frame);
        verdict = verdict == FRAME_NOT_UDP ? FRAME_TUNNEL_FRAGMENT : verdict;
    }
    if (verdict == FRAME_NOT_UDP || (verdict == FRAME_DATAGRAM && view->protocol != UDP))
        verdict = FRAME_TUNNEL_OTHER;
    frame->unpacked = true;
    return verdict == FRAME_DATAGRAM ? udp_parse(view, frame) : verdict;
}

static void proxy_source(const uint8_t *addresses, uint8_t family, struct frame *frame)
{
    bool ipv4 = family == PROXY_IPV4_UDP;
    frame->source.address = ipv4 ? address_from_ipv4(addresses) : address_from_ipv6(addresses);
    frame->source.port = read_be16(addresses + (ipv4 ? 2 * 4 : 2 * 16));
}

/* Takes the header off. What proxies say for themselves, as to ask for life signs, keeps their address. */
static enum frame_verdict proxy_parse(struct view *view, const struct unpack *unpack, struct frame *frame)
{
    const uint8_t *header = view->bytes;
    if (!is_believed(unpack, frame))
        return FRAME_NOT_BALANCER;
    uint8_t command = header[12], family = header[13];
    uint32_t length = read_be16(header + 14);
    uint32_t needed = family == PROXY_IPV6_UDP ? 36 : family == PROXY_IPV4_UDP ? 12 : 0; /* addresses and ports */
    if (command != PROXY_PROXIED && command != PROXY_LOCAL)
        return FRAME_TUNNEL_OTHER;
    bool proxied = command == PROXY_PROXIED && family != PROXY_UNSPECIFIED;
    if (proxied && !needed)
        return FRAME_TUNNEL_OTHER;
    if (PROXY_BYTES + length > view->size_bytes || (proxied && length < needed))
        return FRAME_MALFORMED;
    if (proxied)
        proxy_source(header + PROXY_BYTES, family, frame);
    view_skip(view, PROXY_BYTES + length);
    frame->unpacked = true;
    return FRAME_DATAGRAM;
}

static bool proxy_is_there(const struct view *view)
{
    return view->size_bytes >= PROXY_BYTES && memcmp(view->bytes, "\r\n\r\n\0\r\nQUIT\n", 12) == 0;
}

/* --- all of it --- */

/* From an IP header to the datagram's payload. */
static enum frame_verdict ip_packet_parse(struct view *view, const struct unpack *unpack, struct frame *frame)
{
    enum frame_verdict verdict = ip_parse(view, frame);
    if (verdict == FRAME_DATAGRAM && view->protocol == UDP)
        verdict = udp_parse(view, frame);
    if (verdict != FRAME_DATAGRAM || (view->protocol == UDP && !unpack->kinds))
        return verdict;
    const struct tunnel *tunnel = tunnel_find(view, unpack, frame);
    if (tunnel)
        return tunnel_parse(tunnel, view, unpack, frame);
    return view->protocol == UDP ? FRAME_DATAGRAM : FRAME_NOT_UDP;
}

static enum frame_verdict gue_payload_parse(struct view *view, const struct unpack *unpack, struct frame *frame)
{
    static const struct tunnel tunnel = {UDP, UNPACK_GUE, gue_skip};
    return tunnel_parse(&tunnel, view, unpack, frame);
}

/* To the payload of the outermost datagram, or of the one within a tunnel. */
static enum frame_verdict packet_parse(const struct packet *packet, struct view *view, const struct unpack *unpack,
                                       struct frame *frame)
{
    enum frame_verdict verdict = FRAME_DATAGRAM;
    frame->source = packet->source;
    frame->destination_port = 0;
    switch (packet->kind) {
    case PACKET_PAYLOAD:
        return FRAME_DATAGRAM;
    case PACKET_GUE:
        return gue_payload_parse(view, unpack, frame);
    case PACKET_ETHERNET:
        verdict = ethernet_parse(view);
        break;
    case PACKET_OTHER:
        return FRAME_NOT_UDP;
    }
    return verdict == FRAME_DATAGRAM ? ip_packet_parse(view, unpack, frame) : verdict;
}

enum frame_verdict frame_parse(const struct packet *packet, const struct unpack *unpack, struct frame *frame)
{
    struct view view = {packet->bytes, packet->size_bytes, UDP};
    frame->unpacked = false;
    enum frame_verdict verdict = packet_parse(packet, &view, unpack, frame);
    if (verdict == FRAME_DATAGRAM && unpack->kinds & UNPACK_PROXY && proxy_is_there(&view))
        verdict = proxy_parse(&view, unpack, frame);
    frame->payload = view.bytes;
    frame->size_bytes = view.size_bytes;
    return verdict;
}

bool frame_fit(struct frame *frame, const struct packet *packet, uint32_t bytes_most)
{
    bool is_payload = packet->kind == PACKET_PAYLOAD || packet->kind == PACKET_GUE;
    bool fits = frame->size_bytes <= bytes_most && !(packet->cut && is_payload);
    if (frame->size_bytes > bytes_most)
        frame->size_bytes = bytes_most;
    return fits;
}
