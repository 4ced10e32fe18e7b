/* SPDX-License-Identifier: Apache-2.0 */

/* Packets to datagrams: every shape of frame, every place where one may be cut, link types of captures, fragments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/frame.h"
#include "dataplane/link.h"
#include "dataplane/reassembly.h"
#include "tests/unit/frame_build.h"

static struct unpack unpack; /* what is to be unpacked: nothing, if a test does not say more */

/* Parses a copy that ends where its memory ends, so that the sanitizer sees a read behind it. */
static enum frame_verdict parse_first(const struct build *build, uint32_t size_bytes, enum packet_kind kind,
                                      struct frame *frame)
{
    uint8_t *copy = malloc(size_bytes ? size_bytes : 1);
    memcpy(copy, build->bytes, size_bytes);
    struct packet packet = {.bytes = copy, .size_bytes = size_bytes, .kind = (uint8_t)kind};
    memset(frame, 0, sizeof *frame);
    enum frame_verdict verdict = frame_parse(&packet, &unpack, frame);
    if (verdict == FRAME_DATAGRAM) {
        assert_true(frame->payload >= copy && frame->payload + frame->size_bytes <= copy + size_bytes);
        for (uint32_t i = 0; i < frame->size_bytes; i++)
            assert_int_equal(frame->payload[i], 0xaa);
    }
    free(copy);
    return verdict;
}

static enum frame_verdict parse(const struct build *build, enum packet_kind kind, struct frame *frame)
{
    return parse_first(build, build->size_bytes, kind, frame);
}

static void assert_source(const struct frame *frame, const char *text)
{
    char found[ENDPOINT_TEXT_MOST];
    endpoint_format(&frame->source, found);
    assert_string_equal(found, text);
}

/* The whole is a datagram of 48 bytes; every shorter piece is malformed, whatever it is cut in. */
static void assert_whole(const struct build *build, uint32_t padding_bytes, const char *source)
{
    struct frame frame;
    assert_int_equal(parse(build, PACKET_ETHERNET, &frame), FRAME_DATAGRAM);
    assert_int_equal(frame.size_bytes, 48);
    assert_int_equal(frame.destination_port, 2055);
    assert_source(&frame, source);
    for (uint32_t size = 0; size < build->size_bytes - padding_bytes; size++)
        assert_int_equal(parse_first(build, size, PACKET_ETHERNET, &frame), FRAME_MALFORMED);
}

static void ethernet_and_tags(void **state)
{
    struct build plain = {0}, one = {0}, two = {0}, padded = {0};
    put_ethernet(&plain, 0x0800);
    put_ipv4(&plain, 56, 0, 0);
    put_udp(&plain, 48);
    assert_whole(&plain, 0, "192.0.2.7:40000");
    put_ethernet(&one, 0x8100);
    put_tag(&one, 0x0800);
    put_ipv4(&one, 56, 0, 0x4000); /* don't fragment */
    put_udp(&one, 48);
    assert_whole(&one, 0, "192.0.2.7:40000");
    put_ethernet(&two, 0x88a8);
    put_tag(&two, 0x8100);
    put_tag(&two, 0x86dd);
    put_ipv6(&two, 56, 17);
    put_udp(&two, 48);
    assert_whole(&two, 0, "[2001:db8:707:707:707:707:707:707]:40000");
    put(&padded, plain.bytes, plain.size_bytes);
    put_fill(&padded, 0, 6);
    assert_whole(&padded, 6, "192.0.2.7:40000");
}

static void three_tags_are_not_followed(void **state)
{
    struct build build = {0};
    struct frame frame;
    put_ethernet(&build, 0x8100);
    put_tag(&build, 0x8100);
    put_tag(&build, 0x8100);
    put_tag(&build, 0x0800);
    put_ipv4(&build, 56, 0, 0);
    put_udp(&build, 48);
    assert_int_equal(parse(&build, PACKET_ETHERNET, &frame), FRAME_NOT_UDP);
}

static void ipv4_options(void **state)
{
    struct build build = {0};
    put_ethernet(&build, 0x0800);
    put_ipv4(&build, 56, 40, 0);
    put_udp(&build, 48);
    assert_whole(&build, 0, "192.0.2.7:40000");
}

static void ipv6_extensions(void **state)
{
    struct build build = {0};
    put_ethernet(&build, 0x86dd);
    put_ipv6(&build, 8 + 24 + 8 + 16 + 56, 0);
    put_16(&build, 43 << 8 | 0); /* hop-by-hop, 8 bytes */
    put_fill(&build, 0, 6);
    put_16(&build, 44 << 8 | 2); /* routing, 24 bytes */
    put_fill(&build, 0, 22);
    put_16(&build, 60 << 8);     /* an atomic fragment */
    put_fill(&build, 0, 6);
    put_16(&build, 17 << 8 | 1); /* destination options, 16 bytes */
    put_fill(&build, 0, 14);
    put_udp(&build, 48);
    assert_whole(&build, 0, "[2001:db8:707:707:707:707:707:707]:40000");
}

static void endless_extensions_end(void **state)
{
    struct build build = {0};
    struct frame frame;
    put_ethernet(&build, 0x86dd);
    put_ipv6(&build, 9 * 8 + 56, 0);
    for (int i = 0; i < 9; i++) {
        put_16(&build, (i < 8 ? 0 : 17) << 8);
        put_fill(&build, 0, 6);
    }
    put_udp(&build, 48);
    assert_int_equal(parse(&build, PACKET_ETHERNET, &frame), FRAME_NOT_UDP);
}

static void extension_longer_than_the_packet(void **state)
{
    struct build build = {0};
    struct frame frame;
    put_ethernet(&build, 0x86dd);
    put_ipv6(&build, 8 + 56, 0);
    put_16(&build, 17 << 8 | 255);
    put_fill(&build, 0, 6);
    put_udp(&build, 48);
    assert_int_equal(parse(&build, PACKET_ETHERNET, &frame), FRAME_MALFORMED);
}

static void fragments_are_no_datagrams(void **state)
{
    static const uint32_t positions[] = {0x2000, 0x2001, 0x0001};
    struct frame frame;
    for (int i = 0; i < 3; i++) {
        struct build build = {0};
        put_ethernet(&build, 0x0800);
        put_ipv4(&build, 56, 0, positions[i]);
        put_udp(&build, 48);
        assert_int_equal(parse(&build, PACKET_ETHERNET, &frame), FRAME_NOT_UDP);
    }
    struct build build = {0};
    put_ethernet(&build, 0x86dd);
    put_ipv6(&build, 8 + 56, 44);
    put_16(&build, 17 << 8);
    put_16(&build, 1); /* more fragments */
    put_fill(&build, 0, 4);
    put_udp(&build, 48);
    assert_int_equal(parse(&build, PACKET_ETHERNET, &frame), FRAME_NOT_UDP);
}

/* One byte of a good packet changed: what is then wrong with it. */
static void impossible_headers(void **state)
{
    static const struct {
        uint32_t at;
        uint8_t value;
        enum frame_verdict verdict;
    } rows[] = {
        {0, 0x44, FRAME_MALFORMED},  /* header of 16 bytes */
        {0, 0x4f, FRAME_MALFORMED},  /* header of 60: UDP begins inside the payload, whose length is impossible */
        {0, 0x55, FRAME_MALFORMED},  /* version 5 */
        {0, 0x65, FRAME_MALFORMED},  /* version 6 with its length from elsewhere */
        {2, 0x01, FRAME_MALFORMED},  /* total length beyond the packet */
        {3, 19, FRAME_MALFORMED},    /* total length below the header's */
        {3, 27, FRAME_MALFORMED},    /* no room for UDP's header */
        {9, 6, FRAME_NOT_UDP},       /* TCP */
        {24, 1, FRAME_MALFORMED},    /* UDP length beyond the datagram */
        {25, 7, FRAME_MALFORMED},    /* UDP length below its header */
        {25, 0, FRAME_MALFORMED},    /* a jumbogram's (RFC 2675), which IPv4 has not */
        {25, 8 + 40, FRAME_DATAGRAM}, /* shorter than the IP payload: the rest is ignored */
    };
    struct frame frame;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct build build = {0};
        put_ipv4(&build, 56, 0, 0);
        put_udp(&build, 48);
        build.bytes[rows[i].at] = rows[i].value;
        assert_int_equal(parse(&build, PACKET_IP, &frame), rows[i].verdict);
    }
    assert_int_equal(frame.size_bytes, 40);
}

static void other_kinds(void **state)
{
    struct build arp = {0}, empty = {0}, payload = {0};
    struct frame frame;
    put_ethernet(&arp, 0x0806);
    put_fill(&arp, 0, 28);
    assert_int_equal(parse(&arp, PACKET_ETHERNET, &frame), FRAME_NOT_UDP);
    assert_int_equal(parse(&empty, PACKET_IP, &frame), FRAME_MALFORMED);
    assert_int_equal(parse(&arp, PACKET_OTHER, &frame), FRAME_NOT_UDP);
    put_fill(&payload, 0xaa, 10);
    struct packet packet = {.bytes = payload.bytes, .size_bytes = 10, .kind = PACKET_PAYLOAD, .source.port = 77};
    assert_int_equal(frame_parse(&packet, &unpack, &frame), FRAME_DATAGRAM);
    assert_ptr_equal(frame.payload, payload.bytes);
    assert_int_equal(frame.size_bytes, 10);
    assert_int_equal(frame.source.port, 77);
    put_ipv4(&empty, 8, 0, 0); /* a datagram without payload is one */
    put_udp(&empty, 0);
    assert_int_equal(parse(&empty, PACKET_IP, &frame), FRAME_DATAGRAM);
    assert_int_equal(frame.size_bytes, 0);
}

/* Whatever the bytes are, nothing is read or found outside of them. */
static void random_bytes(void **state)
{
    struct frame frame;
    uint32_t found = 0;
    srand(1);
    for (int i = 0; i < 200000; i++) {
        struct build build = {0};
        put_ethernet(&build, i & 1 ? 0x0800 : 0x86dd);
        if (i & 1)
            put_ipv4(&build, 56, 0, 0);
        else
            put_ipv6(&build, 56, 17);
        put_udp(&build, 48);
        for (int changes = rand() % 4; changes; changes--)
            build.bytes[rand() % 62] = (uint8_t)rand();
        uint32_t size_bytes = rand() % 4 ? build.size_bytes : (uint32_t)rand() % build.size_bytes;
        uint8_t *copy = malloc(size_bytes + 1);
        memcpy(copy, build.bytes, size_bytes);
        struct packet packet = {.bytes = copy, .size_bytes = size_bytes, .kind = PACKET_ETHERNET};
        if (frame_parse(&packet, &unpack, &frame) == FRAME_DATAGRAM) {
            found++;
            assert_true(frame.payload >= copy && frame.payload + frame.size_bytes <= copy + size_bytes);
        }
        free(copy);
    }
    assert_true(found > 50000);
}

/* --- link types --- */

static void link_types(void **state)
{
    static const struct {
        int type;
        uint32_t header_bytes;
        uint32_t type_at;
    } rows[] = {{DLT_RAW, 0, 99}, {DLT_IPV4, 0, 99}, {101, 0, 99},         {DLT_NULL, 4, 99},
                {DLT_LOOP, 4, 99}, {108, 4, 99},      {DLT_LINUX_SLL, 16, 14}, {DLT_LINUX_SLL2, 20, 0}};
    struct frame frame;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct build build = {0};
        put_fill(&build, 0, rows[i].header_bytes);
        if (rows[i].type_at != 99)
            build.bytes[rows[i].type_at] = 0x08;
        put_ipv4(&build, 56, 0, 0);
        put_udp(&build, 48);
        assert_true(link_known(rows[i].type));
        struct packet packet = {.bytes = build.bytes, .size_bytes = build.size_bytes};
        link_strip(rows[i].type, &packet);
        assert_int_equal(packet.kind, PACKET_IP);
        assert_int_equal(frame_parse(&packet, &unpack, &frame), FRAME_DATAGRAM);
        assert_int_equal(frame.size_bytes, 48);
        if (rows[i].header_bytes) {
            packet = (struct packet){.bytes = build.bytes, .size_bytes = rows[i].header_bytes - 1};
            link_strip(rows[i].type, &packet);
            assert_int_equal(packet.kind, PACKET_OTHER);
        }
    }
    assert_false(link_known(105)); /* IEEE 802.11 */
}

static void cooked_with_tag_and_without_ip(void **state)
{
    struct build build = {0};
    put_fill(&build, 0, 14);
    put_16(&build, 0x8100);
    put_tag(&build, 0x0800);
    put_ipv4(&build, 56, 0, 0);
    put_udp(&build, 48);
    struct packet packet = {.bytes = build.bytes, .size_bytes = build.size_bytes};
    link_strip(DLT_LINUX_SLL, &packet);
    assert_int_equal(packet.kind, PACKET_IP);
    assert_ptr_equal(packet.bytes, build.bytes + 20);
    build.bytes[15] = 0x06;
    build.bytes[14] = 0x08; /* ARP */
    packet = (struct packet){.bytes = build.bytes, .size_bytes = build.size_bytes};
    link_strip(DLT_LINUX_SLL, &packet);
    assert_int_equal(packet.kind, PACKET_OTHER);
}

/* --- reassembly --- */

#define PIECE 64

/* A UDP datagram of 8 + 300 bytes. */
static void datagram_make(struct build *datagram)
{
    put_udp(datagram, 300);
}

static void piece_ipv4(struct build *piece, const struct build *datagram, uint32_t offset)
{
    uint32_t left = datagram->size_bytes - offset, count = left < PIECE ? left : PIECE;
    put_ethernet(piece, 0x0800);
    put_ipv4(piece, count, 0, offset / 8 | (left > PIECE ? 0x2000 : 0));
    put(piece, datagram->bytes + offset, count);
}

static void piece_ipv6(struct build *piece, const struct build *datagram, uint32_t offset)
{
    uint32_t left = datagram->size_bytes - offset, count = left < PIECE ? left : PIECE;
    put_ethernet(piece, 0x86dd);
    put_ipv6(piece, 8 + count, 44);
    put_16(piece, 17 << 8);
    put_16(piece, offset | (left > PIECE));
    put_16(piece, 0);
    put_16(piece, 5);
    put(piece, datagram->bytes + offset, count);
}

static void fragments_feed(struct reassembly *reassembly, const uint32_t *order, uint32_t count, bool six)
{
    static uint8_t slot[REASSEMBLED_MOST + PACKET_SLACK_BYTES];
    struct build datagram = {0};
    struct frame frame;
    datagram_make(&datagram);
    for (uint32_t i = 0; i < count; i++) {
        struct build piece = {0};
        if (six)
            piece_ipv6(&piece, &datagram, order[i] * PIECE);
        else
            piece_ipv4(&piece, &datagram, order[i] * PIECE);
        memcpy(slot, piece.bytes, piece.size_bytes);
        struct packet packet = {.bytes = slot, .size_bytes = piece.size_bytes, .kind = PACKET_ETHERNET};
        reassembly_take(reassembly, &packet, slot);
        assert_int_equal(frame_parse(&packet, &unpack, &frame), i + 1 < count ? FRAME_NOT_UDP : FRAME_DATAGRAM);
    }
    assert_int_equal(frame.size_bytes, 300);
    assert_source(&frame, six ? "[2001:db8:707:707:707:707:707:707]:40000" : "192.0.2.7:40000");
    for (uint32_t i = 0; i < 300; i++)
        assert_int_equal(frame.payload[i], 0xaa);
}

static void fragments_in_any_order(void **state)
{
    static const uint32_t orders[][6] = {{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}};
    static const uint32_t repeated[] = {0, 1, 1, 4, 0, 2, 3};
    struct reassembly *reassembly = reassembly_new();
    for (int i = 0; i < 6; i++)
        fragments_feed(reassembly, orders[i % 3], 5, i >= 3);
    fragments_feed(reassembly, repeated, 7, false);
    reassembly_free(reassembly);
}

/* Datagrams that never become whole give way to later ones. */
static void lost_fragments_give_way(void **state)
{
    static const uint32_t order[] = {0, 1, 2, 3, 4};
    static uint8_t slot[REASSEMBLED_MOST + PACKET_SLACK_BYTES];
    struct reassembly *reassembly = reassembly_new();
    struct build datagram = {0};
    datagram_make(&datagram);
    for (uint32_t i = 0; i < 100; i++) {
        struct build piece = {0};
        piece_ipv4(&piece, &datagram, 0);
        piece.bytes[14 + 4] = (uint8_t)i; /* identification */
        struct packet packet = {.bytes = piece.bytes, .size_bytes = piece.size_bytes, .kind = PACKET_ETHERNET};
        reassembly_take(reassembly, &packet, slot);
        assert_ptr_equal(packet.bytes, piece.bytes);
    }
    fragments_feed(reassembly, order, 5, false);
    reassembly_free(reassembly);
}

static void whole_packets_pass(void **state)
{
    static uint8_t slot[REASSEMBLED_MOST + PACKET_SLACK_BYTES];
    struct reassembly *reassembly = reassembly_new();
    struct build build = {0};
    put_ethernet(&build, 0x0800);
    put_ipv4(&build, 56, 0, 0x4000);
    put_udp(&build, 48);
    for (uint32_t size = 0; size <= build.size_bytes; size++) {
        struct packet packet = {.bytes = build.bytes, .size_bytes = size, .kind = PACKET_ETHERNET};
        reassembly_take(reassembly, &packet, slot);
        assert_ptr_equal(packet.bytes, build.bytes);
        assert_int_equal(packet.size_bytes, size);
    }
    reassembly_free(reassembly);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ethernet_and_tags),
        cmocka_unit_test(three_tags_are_not_followed),
        cmocka_unit_test(ipv4_options),
        cmocka_unit_test(ipv6_extensions),
        cmocka_unit_test(endless_extensions_end),
        cmocka_unit_test(extension_longer_than_the_packet),
        cmocka_unit_test(fragments_are_no_datagrams),
        cmocka_unit_test(impossible_headers),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(random_bytes),
        cmocka_unit_test(link_types),
        cmocka_unit_test(cooked_with_tag_and_without_ip),
        cmocka_unit_test(fragments_in_any_order),
        cmocka_unit_test(lost_fragments_give_way),
        cmocka_unit_test(whole_packets_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
