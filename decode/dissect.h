/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What the headers at the begin of a sampled packet say. Reads no byte beyond those it is given, calls nothing, keeps
 * nothing: pointers lead into the packet. A header that is cut, or of a protocol that is not known, ends the walk; what
 * was read before it stays.
 */

/* What a packet begins with. */
enum dissect_start {
    DISSECT_ETHERNET,
    DISSECT_IPV4,
    DISSECT_IPV6,
    DISSECT_MPLS,
    DISSECT_PPP, /* RFC 1661, RFC 1662, or Cisco's HDLC */
    DISSECT_LLC, /* IEEE 802.2 */
    DISSECT_IP,  /* IPv4 or IPv6, as the first four bits say */
    DISSECT_MPLS_PAYLOAD, /* what follows a label stack */
    DISSECT_WLAN,            /* IEEE 802.11 */
    DISSECT_WLAN_AGGREGATED, /* a subframe of an A-MSDU of 802.11 */
    DISSECT_STARTS
};

/* Of nested tunnels the innermost one's. Names: dissect_tunnel_name(). */
enum dissect_tunnel {
    TUNNEL_NONE,
    TUNNEL_IPIP,       /* IP in IP: RFC 2003, 2473, 4213 */
    TUNNEL_GRE,        /* RFC 2784, 2890 */
    TUNNEL_VXLAN,      /* RFC 7348 */
    TUNNEL_GENEVE,     /* RFC 8926 */
    TUNNEL_GTPU,       /* 3GPP TS 29.281 */
    TUNNEL_PSEUDOWIRE, /* RFC 4448 */
    TUNNEL_SRV6,       /* RFC 8754 */
    TUNNELS
};

/* An IP header, and the ports or type and code behind it. */
struct dissected_ip {
    uint8_t version; /* 4, 6; 0: there is none */
    uint8_t protocol; /* behind the extension headers */
    uint8_t tos;     /* IPv6: traffic class */
    uint8_t ttl;     /* IPv6: hop limit */
    const uint8_t *source;
    const uint8_t *destination;
    uint32_t identification;  /* IPv4, and IPv6 with a fragment header */
    uint32_t flow_label;      /* IPv6 */
    uint16_t total_bytes;     /* IPv4: total length; IPv6: with the header */
    uint16_t fragment_offset; /* in bytes */
    bool has_identification;
    bool more_fragments, dont_fragment;
    bool has_ports; /* TCP, UDP, SCTP, DCCP, UDP-Lite */
    bool has_flags; /* TCP */
    bool has_icmp;  /* ICMP, ICMPv6 */
    uint8_t icmp_type, icmp_code;
    uint8_t tcp_flags; /* RFC 9293: CWR to FIN */
    uint16_t source_port, destination_port;
};

#define DISSECT_VLANS_MOST  4
#define DISSECT_LABELS_MOST 8

struct dissection {
    const uint8_t *destination_mac; /* of the outermost Ethernet header, or NULL */
    const uint8_t *source_mac;
    uint16_t ether_type;   /* behind the outermost Ethernet header's VLAN tags, or its SNAP header; 0: none */
    uint8_t vlan_count;    /* of the outermost Ethernet header; tags beyond the most are passed over */
    uint8_t label_count;   /* of the MPLS stack before the first IP header */
    uint8_t tunnel;        /* enum dissect_tunnel */
    uint8_t tunnel_count;
    bool has_tunnel_id;
    bool cut;              /* the packet ends within a header */
    bool encrypted;        /* a protected frame of 802.11: nothing behind its header can be read */
    uint8_t vlan_priority; /* of the first tag */
    uint8_t mpls_ttl;      /* of the first label */
    uint16_t vlans[DISSECT_VLANS_MOST];
    uint32_t labels[DISSECT_LABELS_MOST];
    uint32_t tunnel_id;    /* VNI of VXLAN and Geneve, TEID of GTP-U, key of GRE */
    struct dissected_ip outer; /* the first IP header */
    struct dissected_ip inner; /* the last one, where there are several */
    /* of the last Ethernet header, where there are several */
    const uint8_t *inner_destination_mac;
    const uint8_t *inner_source_mac;
};

void dissect(struct dissection *dissection, enum dissect_start start, const uint8_t *packet, uint32_t size_bytes);

/*
 * The same of what follows the IP header of a packet of that protocol: the outer header has that and the ports alone,
 * version 0, and the first IP header that there is counts as an inner one.
 */
void dissect_payload(struct dissection *dissection, uint8_t protocol, const uint8_t *payload, uint32_t size_bytes);

/* "vxlan" and so on; NULL: none. */
const char *dissect_tunnel_name(enum dissect_tunnel tunnel);
