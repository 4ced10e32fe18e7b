/* SPDX-License-Identifier: Apache-2.0 */
/* Packets made by hand: what the dissector says of them, whole and cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "decode/dissect.h"
#include "tests/unit/packet.h"

/* From memory of exactly its size, so that the sanitizer sees each byte too far; `packet` keeps what pointers mean. */
static struct dissection look(const struct wire *packet, enum dissect_start start)
{
    struct dissection whole;
    for (uint32_t size_bytes = 0; size_bytes < packet->size_bytes; size_bytes++) {
        uint8_t *cut = malloc(size_bytes + !size_bytes);
        assert_non_null(cut);
        memcpy(cut, packet->bytes, size_bytes);
        dissect(&whole, start, cut, size_bytes);
        free(cut);
    }
    dissect(&whole, start, packet->bytes, packet->size_bytes);
    assert_false(whole.cut);
    return whole;
}

static void assert_ipv4(const uint8_t *address, uint32_t last)
{
    assert_non_null(address);
    assert_int_equal(address[0], 10);
    assert_int_equal(address[3], last);
}

static void test_vlans(void **state)
{
    (void)state;
    struct wire packet = {0};
    packet_ethernet(&packet, 0x88a8);
    packet_vlan(&packet, 5, 100, 0x8100);
    packet_vlan(&packet, 0, 200, 0x0800);
    packet_ipv4(&packet, 6, 1, 2);
    packet_tcp(&packet, 1234, 443, 0x12);
    struct dissection seen = look(&packet, DISSECT_ETHERNET);
    assert_ptr_equal(seen.destination_mac, packet.bytes);
    assert_ptr_equal(seen.source_mac, packet.bytes + 6);
    assert_int_equal(seen.ether_type, 0x0800);
    assert_int_equal(seen.vlan_count, 2);
    assert_int_equal(seen.vlans[0], 100);
    assert_int_equal(seen.vlans[1], 200);
    assert_int_equal(seen.vlan_priority, 5);
    assert_int_equal(seen.outer.version, 4);
    assert_int_equal(seen.outer.protocol, 6);
    assert_ipv4(seen.outer.source, 1);
    assert_ipv4(seen.outer.destination, 2);
    assert_true(seen.outer.has_ports && seen.outer.has_flags);
    assert_int_equal(seen.outer.source_port, 1234);
    assert_int_equal(seen.outer.destination_port, 443);
    assert_int_equal(seen.outer.tcp_flags, 0x12);
    assert_int_equal(seen.inner.version, 0);
    assert_int_equal(seen.tunnel, TUNNEL_NONE);
}

static void test_mpls_ipv6(void **state)
{
    (void)state;
    struct wire packet = {0};
    packet_ethernet(&packet, 0x8847);
    packet_label(&packet, 16001, false);
    packet_label(&packet, 77, true);
    packet_ipv6(&packet, 0, 1, 2); /* hop-by-hop options, then a fragment header, then UDP */
    wire_16(&packet, 44 << 8 | 0);
    wire_fill(&packet, 0, 6);
    wire_16(&packet, 17 << 8);
    wire_16(&packet, 1); /* the first fragment, more follow */
    wire_32(&packet, 0xabcdef01);
    packet_udp(&packet, 53, 5353);
    struct dissection seen = look(&packet, DISSECT_ETHERNET);
    assert_int_equal(seen.label_count, 2);
    assert_int_equal(seen.labels[0], 16001);
    assert_int_equal(seen.labels[1], 77);
    assert_int_equal(seen.mpls_ttl, 63);
    assert_int_equal(seen.outer.version, 6);
    assert_int_equal(seen.outer.protocol, 17);
    assert_int_equal(seen.outer.flow_label, 0x12345);
    assert_int_equal(seen.outer.tos, 0xb8);
    assert_int_equal(seen.outer.identification, 0xabcdef01);
    assert_true(seen.outer.more_fragments);
    assert_int_equal(seen.outer.fragment_offset, 0);
    assert_int_equal(seen.outer.source_port, 53);
    assert_int_equal(seen.outer.destination_port, 5353);
}

/* A later fragment has no ports: what stands there is data. */
static void test_fragment(void **state)
{
    (void)state;
    struct wire packet = {0};
    packet_ipv4(&packet, 17, 1, 2);
    wire_patch(&packet, 6, 185);
    packet_udp(&packet, 1, 2);
    struct dissection seen = look(&packet, DISSECT_IPV4);
    assert_int_equal(seen.outer.protocol, 17);
    assert_int_equal(seen.outer.fragment_offset, 1480);
    assert_false(seen.outer.has_ports);
}

/* Each kind of tunnel with the same TCP packet in it. */
static void inner_put(struct wire *packet, bool ethernet)
{
    if (ethernet)
        packet_ethernet(packet, 0x0800);
    packet_ipv4(packet, 6, 3, 4);
    packet_tcp(packet, 50000, 80, 0x18);
}

static struct dissection inner_look(const struct wire *packet, enum dissect_tunnel tunnel)
{
    struct dissection seen = look(packet, DISSECT_IPV4);
    assert_int_equal(seen.tunnel, tunnel);
    assert_int_equal(seen.tunnel_count, 1);
    assert_ipv4(seen.outer.source, 1);
    assert_ipv4(seen.inner.source, 3);
    assert_ipv4(seen.inner.destination, 4);
    assert_int_equal(seen.inner.protocol, 6);
    assert_int_equal(seen.inner.source_port, 50000);
    assert_int_equal(seen.inner.destination_port, 80);
    assert_int_equal(seen.inner.tcp_flags, 0x18);
    return seen;
}

static void test_tunnels(void **state)
{
    (void)state;
    struct wire packet = {0};
    packet_ipv4(&packet, 17, 1, 2);
    packet_udp(&packet, 9999, 4789);
    wire_32(&packet, 0x08000000);
    wire_32(&packet, 5001 << 8);
    inner_put(&packet, true);
    assert_int_equal(inner_look(&packet, TUNNEL_VXLAN).tunnel_id, 5001);

    packet = (struct wire){0};
    packet_ipv4(&packet, 17, 1, 2);
    packet_udp(&packet, 9999, 6081);
    wire_16(&packet, 0x0100); /* one word of options */
    wire_16(&packet, 0x6558);
    wire_32(&packet, 7 << 8);
    wire_32(&packet, 0xffffffff);
    inner_put(&packet, true);
    struct dissection seen = inner_look(&packet, TUNNEL_GENEVE);
    assert_int_equal(seen.tunnel_id, 7);
    assert_non_null(seen.destination_mac);

    packet = (struct wire){0};
    packet_ipv4(&packet, 17, 1, 2);
    packet_udp(&packet, 2152, 2152);
    wire_16(&packet, 0x34ff); /* with an extension header: a PDU session container */
    wire_16(&packet, 48);
    wire_32(&packet, 0xdeadbeef);
    wire_32(&packet, 0x00000085);
    wire_32(&packet, 0x01000500);
    inner_put(&packet, false);
    assert_int_equal(inner_look(&packet, TUNNEL_GTPU).tunnel_id, 0xdeadbeef);

    packet = (struct wire){0};
    packet_ipv4(&packet, 47, 1, 2);
    wire_16(&packet, 0xb000); /* checksum, key, sequence number */
    wire_16(&packet, 0x0800);
    wire_32(&packet, 0);
    wire_32(&packet, 42);
    wire_32(&packet, 1);
    inner_put(&packet, false);
    assert_int_equal(inner_look(&packet, TUNNEL_GRE).tunnel_id, 42);

    packet = (struct wire){0};
    packet_ipv4(&packet, 4, 1, 2);
    inner_put(&packet, false);
    assert_false(inner_look(&packet, TUNNEL_IPIP).has_tunnel_id);
}

static void test_srv6(void **state)
{
    (void)state;
    struct wire packet = {0};
    packet_ipv6(&packet, 43, 1, 2);
    wire_16(&packet, 4 << 8 | 2); /* IPv4 follows; one segment */
    wire_16(&packet, 0x0400);
    wire_fill(&packet, 0, 20);
    inner_put(&packet, false);
    struct dissection seen = look(&packet, DISSECT_IPV6);
    assert_int_equal(seen.tunnel, TUNNEL_SRV6);
    assert_int_equal(seen.outer.version, 6);
    assert_int_equal(seen.inner.version, 4);
    assert_ipv4(seen.inner.source, 3);
}

static void test_pseudowire(void **state)
{
    (void)state;
    for (int control_word = 0; control_word < 2; control_word++) {
        struct wire packet = {0};
        packet_label(&packet, 300, true);
        if (control_word)
            wire_32(&packet, 0);
        packet_ethernet(&packet, 0x0800);
        packet.bytes[packet.size_bytes - 14] = 0xaa; /* a MAC address that looks like no version of IP */
        packet_ipv4(&packet, 1, 1, 2);
        wire_32(&packet, 0x08000000);
        struct dissection seen = look(&packet, DISSECT_MPLS);
        assert_int_equal(seen.tunnel, TUNNEL_PSEUDOWIRE);
        assert_int_equal(seen.labels[0], 300);
        assert_int_equal(seen.source_mac[0], 2);
        assert_true(seen.outer.has_icmp);
        assert_int_equal(seen.outer.icmp_type, 8);
        assert_ipv4(seen.outer.source, 1);
    }
}

/* PPP with and without what may be left out, Cisco's HDLC, SNAP: an IPv4 packet behind each. */
static void test_links(void **state)
{
    (void)state;
    static const struct {
        enum dissect_start start;
        uint8_t bytes[8], count;
    } rows[] = {
        {DISSECT_PPP, {0xff, 0x03, 0x00, 0x21}, 4},
        {DISSECT_PPP, {0xff, 0x03, 0x21}, 3},
        {DISSECT_PPP, {0x00, 0x21}, 2},
        {DISSECT_PPP, {0x21}, 1},
        {DISSECT_PPP, {0x0f, 0x00, 0x08, 0x00}, 4},
        {DISSECT_LLC, {0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x00}, 8},
        {DISSECT_LLC, {0xfe, 0xfe, 0x03, 0xcc}, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wire packet = {0};
        memcpy(packet.bytes, rows[i].bytes, rows[i].count);
        packet.size_bytes = rows[i].count;
        packet_ipv4(&packet, 6, 1, 2);
        packet_tcp(&packet, 1234, 443, 0x12);
        struct dissection seen = look(&packet, rows[i].start);
        assert_ipv4(seen.outer.source, 1);
        assert_int_equal(seen.outer.destination_port, 443);
        assert_int_equal(seen.ether_type, rows[i].count == 8 ? 0x0800 : 0);
    }
}

/* A session of PPPoE; what sets one up has no packet in it. */
static void test_pppoe(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 2; code++) {
        struct wire packet = {0};
        packet_ethernet(&packet, 0x8100);
        packet_vlan(&packet, 0, 7, 0x8864);
        wire_32(&packet, (0x1100 | code) << 16 | 4711);
        wire_16(&packet, 42);
        wire_16(&packet, 0x0021);
        packet_ipv4(&packet, 6, 1, 2);
        packet_tcp(&packet, 1234, 443, 0x12);
        struct dissection seen = look(&packet, DISSECT_ETHERNET);
        assert_int_equal(seen.ether_type, 0x8864);
        assert_int_equal(seen.vlans[0], 7);
        assert_int_equal(seen.tunnel, TUNNEL_NONE);
        assert_int_equal(seen.outer.version, code ? 0 : 4);
        assert_int_equal(seen.outer.destination_port, code ? 0 : 443);
    }
}

/* The numbers of IPv6's extension headers mean no such thing behind an IPv4 header. */
static void test_extensions_of_ipv4(void **state)
{
    (void)state;
    static const uint8_t protocols[] = {0, 43, 44, 60, 135};
    for (size_t i = 0; i < sizeof protocols; i++) {
        struct wire packet = {0};
        packet_ipv4(&packet, protocols[i], 1, 2);
        wire_32(&packet, 6u << 24);
        wire_32(&packet, 0x01020304);
        packet_tcp(&packet, 1234, 443, 0x12);
        struct dissection seen = look(&packet, DISSECT_IPV4);
        assert_int_equal(seen.outer.protocol, protocols[i]);
        assert_int_equal(seen.outer.fragment_offset, 0);
        assert_true(seen.outer.identification != 0x01020304);
        assert_false(seen.outer.has_ports);
    }
}

/* A length where the type would be: LLC follows, with SNAP or without. */
static void test_lengths(void **state)
{
    (void)state;
    struct wire packet = {0};
    packet_ethernet(&packet, 28);
    wire_32(&packet, 0xaaaa0300);
    wire_32(&packet, 0x00000800);
    packet_ipv4(&packet, 47, 1, 2);
    wire_32(&packet, 0x00006558); /* GRE, and in it a frame whose type is the inner one's alone */
    packet_ethernet(&packet, 0x86dd);
    packet_ipv6(&packet, 59, 3, 4);
    struct dissection seen = look(&packet, DISSECT_ETHERNET);
    assert_int_equal(seen.ether_type, 0x0800);
    assert_ipv4(seen.outer.source, 1);
    assert_int_equal(seen.inner.version, 6);
    packet = (struct wire){0};
    packet_ethernet(&packet, 38);
    wire_32(&packet, 0x42420300);
    wire_fill(&packet, 0, 34);
    seen = look(&packet, DISSECT_ETHERNET);
    assert_int_equal(seen.ether_type, 0);
    assert_int_equal(seen.outer.version, 0);
}

/* Frames of 802.11: in each the last byte of the two addresses, and whether IPv4 is behind. */
static void wlan_put(struct wire *packet, uint32_t control, uint32_t sequence)
{
    wire_16(packet, control);
    wire_16(packet, 0);
    for (uint32_t i = 1; i < 4; i++) {
        wire_16(packet, 0x0200);
        wire_32(packet, i);
    }
    wire_16(packet, sequence);
}

static void snap_put(struct wire *packet)
{
    wire_32(packet, 0xaaaa0300);
    wire_32(packet, 0x00000800);
    packet_ipv4(packet, 6, 1, 2);
    packet_tcp(packet, 1234, 443, 0x12);
}

static void test_wireless(void **state)
{
    (void)state;
    static const struct {
        uint16_t control, sequence, behind; /* bytes between the third address and LLC */
        uint8_t destination, source;
        bool read, encrypted;
    } rows[] = {
        {0x0800, 0, 0, 1, 2, true, false},  {0x0801, 0, 0, 3, 2, true, false},     {0x0802, 0, 0, 1, 3, true, false},
        {0x0803, 0, 6, 3, 4, true, false},  {0x8801, 0, 2, 3, 2, true, false},     {0x8883, 0, 12, 3, 4, true, false},
        {0x0881, 0, 0, 3, 2, true, false},  {0x8841, 0, 2, 3, 2, false, true},     {0x4841, 0, 0, 3, 2, false, false},
        {0x0801, 0x0100, 0, 3, 2, false, false}, {0x8000, 0, 0, 1, 2, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wire packet = {0};
        wlan_put(&packet, rows[i].control, rows[i].sequence);
        wire_fill(&packet, 0, rows[i].behind);
        if (rows[i].behind >= 6)
            packet.bytes[29] = 4;
        snap_put(&packet);
        struct dissection seen = look(&packet, DISSECT_WLAN);
        assert_int_equal(seen.destination_mac[5], rows[i].destination);
        assert_int_equal(seen.source_mac[5], rows[i].source);
        assert_int_equal(seen.outer.version, rows[i].read ? 4 : 0);
        assert_int_equal(seen.ether_type, rows[i].read ? 0x0800 : 0);
        assert_int_equal(seen.encrypted, rows[i].encrypted);
    }
}

/* An A-MSDU has the addresses in its subframes; an acknowledgement none that is read; a frame that is cut is. */
static void test_wireless_others(void **state)
{
    (void)state;
    struct wire packet = {0};
    wlan_put(&packet, 0x8801, 0);
    wire_16(&packet, 0x8000);
    packet_ethernet(&packet, 48);
    snap_put(&packet);
    struct dissection seen = look(&packet, DISSECT_WLAN);
    assert_ptr_equal(seen.destination_mac, packet.bytes + 26);
    assert_ipv4(seen.outer.source, 1);
    memmove(packet.bytes, packet.bytes + 26, packet.size_bytes - 26);
    packet.size_bytes -= 26;
    seen = look(&packet, DISSECT_WLAN_AGGREGATED);
    assert_ptr_equal(seen.source_mac, packet.bytes + 6);
    assert_int_equal(seen.outer.destination_port, 443);
    packet = (struct wire){0};
    wire_32(&packet, 0xd4000000);
    wire_fill(&packet, 2, 6);
    seen = look(&packet, DISSECT_WLAN);
    assert_null(seen.source_mac);
    packet = (struct wire){0};
    wlan_put(&packet, 0x8801, 0);
    dissect(&seen, DISSECT_WLAN, packet.bytes, packet.size_bytes);
    assert_true(seen.cut && !seen.source_mac);
}

/* Packets in packets without end, and labels without a last one: the walk ends. */
static void test_endless(void **state)
{
    (void)state;
    struct wire packet = {0};
    for (int i = 0; i < 100; i++)
        packet_ipv4(&packet, 4, 1, 2);
    struct dissection seen;
    dissect(&seen, DISSECT_IPV4, packet.bytes, packet.size_bytes);
    assert_int_equal(seen.inner.version, 4);
    packet = (struct wire){0};
    for (int i = 0; i < 100; i++)
        packet_label(&packet, 1, false);
    dissect(&seen, DISSECT_MPLS, packet.bytes, packet.size_bytes);
    assert_int_equal(seen.label_count, DISSECT_LABELS_MOST);
}

/* Sections begin behind the link: IP headers, what follows a label stack, what follows an IP header. */
static void test_sections(void **state)
{
    (void)state;
    struct wire packet = {0};
    packet_ipv6(&packet, 6, 1, 2);
    packet_tcp(&packet, 7, 8, 2);
    struct dissection seen = look(&packet, DISSECT_IP);
    assert_int_equal(seen.outer.version, 6);
    assert_int_equal(seen.outer.destination_port, 8);
    seen = look(&packet, DISSECT_MPLS_PAYLOAD);
    assert_int_equal(seen.outer.version, 6);
    packet.bytes[0] = 0x10; /* an associated channel: RFC 4385 5 */
    dissect(&seen, DISSECT_MPLS_PAYLOAD, packet.bytes, packet.size_bytes);
    assert_int_equal(seen.outer.version, 0);
    packet.size_bytes = 0;
    wire_32(&packet, 0);
    packet_ethernet(&packet, 0x0800);
    packet_ipv4(&packet, 17, 1, 2);
    packet_udp(&packet, 1, 2);
    seen = look(&packet, DISSECT_MPLS_PAYLOAD);
    assert_int_equal(seen.tunnel, TUNNEL_PSEUDOWIRE);
    assert_ipv4(seen.outer.source, 1);
}

static void test_payloads(void **state)
{
    (void)state;
    struct wire packet = {0};
    struct dissection seen;
    packet_tcp(&packet, 7, 8, 0x11);
    dissect_payload(&seen, 6, packet.bytes, packet.size_bytes);
    assert_int_equal(seen.outer.version, 0);
    assert_int_equal(seen.outer.protocol, 6);
    assert_int_equal(seen.outer.source_port, 7);
    assert_int_equal(seen.outer.tcp_flags, 0x11);
    packet.size_bytes = 0;
    packet_ipv4(&packet, 17, 3, 4); /* IP in IP: it is the inner one, for the outer one was before it */
    packet_udp(&packet, 1, 2);
    dissect_payload(&seen, 4, packet.bytes, packet.size_bytes);
    assert_int_equal(seen.outer.version, 0);
    assert_int_equal(seen.tunnel, TUNNEL_IPIP);
    assert_ipv4(seen.inner.source, 3);
    assert_int_equal(seen.inner.destination_port, 2);
    dissect_payload(&seen, 89, packet.bytes, packet.size_bytes);
    assert_false(seen.outer.has_ports || seen.cut);
    dissect_payload(&seen, 17, packet.bytes, 3);
    assert_true(seen.cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vlans),      cmocka_unit_test(test_mpls_ipv6), cmocka_unit_test(test_fragment),
        cmocka_unit_test(test_tunnels),    cmocka_unit_test(test_srv6),      cmocka_unit_test(test_pseudowire),
        cmocka_unit_test(test_sections),   cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_wireless),   cmocka_unit_test(test_wireless_others),
        cmocka_unit_test(test_links),      cmocka_unit_test(test_pppoe),
        cmocka_unit_test(test_lengths),    cmocka_unit_test(test_extensions_of_ipv4),
        cmocka_unit_test(test_endless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
