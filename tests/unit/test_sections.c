/* SPDX-License-Identifier: Apache-2.0 */
/* Flow records with sections of packets: their documents, whole and cut, and what is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/encode_fixture.h"
#include "tests/unit/packet.h"

#define EXPORTER "192.0.2.1:4739"
#define FRAME    315 /* dataLinkFrameSection */
#define PAYLOAD_MOST 65535

static struct encoding encoding;

static int open_weir(void **state)
{
    encoding_init(&encoding, PROFILE_WEIR);
    encoding_open(&encoding);
    return 0;
}

static int close_weir(void **state)
{
    encoding_check_ledger(&encoding);
    encoding_close(&encoding);
    return 0;
}

static const json_t *value(size_t document, const char *path)
{
    return member(json_array_get(encoding.documents, document), path);
}

static json_int_t number(size_t document, const char *path)
{
    const json_t *found = value(document, path);
    return json_is_integer(found) ? json_integer_value(found) : -1;
}

static const char *text(size_t document, const char *path)
{
    const json_t *found = value(document, path);
    return json_is_string(found) ? json_string_value(found) : "(none)";
}

static uint64_t counted(enum counter counter)
{
    return fixture_count(&encoding.fixture, counter);
}

static void feed_template(const uint16_t *pairs, uint32_t count)
{
    struct wire wire = {0};
    wire_ipfix(&wire, 1767225600, 7);
    wire_template(&wire, 2, 256, pairs, count);
    wire_message_end(&wire);
    assert_int_equal(encoding_feed(&encoding, EXPORTER, wire.bytes, wire.size_bytes), 0);
}

/* Records of a section alone, of variable length, all the same; returns the number of documents. */
static size_t feed_sections(const uint8_t *section, uint32_t size_bytes, uint32_t records)
{
    static uint8_t payload[PAYLOAD_MOST];
    struct wire head = {0};
    wire_ipfix(&head, 1767225600, 7);
    wire_set(&head, 256);
    uint32_t at = head.size_bytes;
    for (uint32_t i = 0; i < records; i++) {
        payload[at++] = 255;
        payload[at++] = (uint8_t)(size_bytes >> 8);
        payload[at++] = (uint8_t)size_bytes;
        memcpy(payload + at, section, size_bytes);
        at += size_bytes;
    }
    wire_patch(&head, 2, at);
    wire_patch(&head, 18, at - 16);
    memcpy(payload, head.bytes, head.size_bytes);
    return encoding_feed(&encoding, EXPORTER, payload, at);
}

/* Frames of 802.11 by dataLinkFrameType: one that is encrypted is no damage. A kind that is not known is not read. */
static void kinds_of_frames(void **state)
{
    static const uint16_t pairs[] = {408, 2, FRAME, 34};
    static const struct {
        uint16_t kind;
        uint32_t control;
        const char *mac;
    } rows[] = {{2, 0x08010000, "02-00-00-00-00-02"}, {2, 0x08410000, "02-00-00-00-00-02"}, {3, 0x08010000, "(none)"}};
    (void)state;
    feed_template(pairs, 2);
    struct wire wire = {0};
    wire_ipfix(&wire, 1767225600, 7);
    wire_set(&wire, 256);
    for (size_t i = 0; i < 3; i++) {
        wire_16(&wire, rows[i].kind);
        wire_32(&wire, rows[i].control);
        for (uint32_t address = 1; address < 4; address++) {
            wire_16(&wire, 0x0200);
            wire_32(&wire, address);
        }
        wire_16(&wire, 0);
        wire_32(&wire, 0xaaaa0300);
        wire_32(&wire, 0x00000806);
        wire_16(&wire, 1);
    }
    wire_patch(&wire, 2, wire.size_bytes);
    wire_patch(&wire, 18, wire.size_bytes - 16);
    assert_int_equal(encoding_feed(&encoding, EXPORTER, wire.bytes, wire.size_bytes), 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(text(i, "source.mac"), rows[i].mac);
    assert_int_equal(number(0, "netflow.section.ether_type"), 0x0806);
    assert_int_equal(number(1, "netflow.section.ether_type"), -1);
    assert_int_equal(counted(COUNTER_frames_encrypted), 1);
    assert_int_equal(counted(COUNTER_sections_unread), 1);
}

static void packet_is_read(void **state)
{
    static const uint16_t pairs[] = {FRAME, LENGTH_VARIABLE};
    struct wire packet = {0};
    packet_vxlan(&packet);
    feed_template(pairs, 1);
    assert_int_equal(feed_sections(packet.bytes, packet.size_bytes, 3), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(text(i, "event.action"), "netflow_flow");
        assert_string_equal(text(i, "source.ip"), "10.0.0.1");
        assert_string_equal(text(i, "destination.ip"), "10.0.0.2");
        assert_string_equal(text(i, "source.mac"), "02-00-00-00-00-02");
        assert_int_equal(number(i, "source.port"), 40000);
        assert_string_equal(text(i, "network.transport"), "udp");
        assert_string_equal(text(i, "network.type"), "ipv4");
        assert_int_equal(number(i, "network.bytes"), 1500); /* as the packet says: nothing else does */
        assert_int_equal(number(i, "network.packets"), 1);
        assert_int_equal(number(i, "network.vlan.id"), 77);
        assert_int_equal(number(i, "netflow.section.tunnel_vni"), 5001);
        assert_string_equal(text(i, "netflow.section.inner_source_ipv6_address"), "2001:db8::3");
        assert_int_equal(number(i, "netflow.section.inner_destination_port"), 443);
        assert_int_equal(number(i, "netflow.section.vlan_priority"), 3);
        assert_null(value(i, "netflow.source_ipv4_address")); /* the record has none */
        assert_int_equal(json_array_size(value(i, "related.ip")), 5);
        assert_int_equal(json_array_size(value(i, "netflow.data_link_frame_section")), packet.size_bytes);
    }
    assert_int_equal(counted(COUNTER_sections_unread), 0);
}

/* Each document is one, wherever the packet ends; what was read before stays. */
static void packet_is_cut(void **state)
{
    static const uint16_t pairs[] = {FRAME, LENGTH_VARIABLE};
    struct wire packet = {0};
    packet_vxlan(&packet);
    feed_template(pairs, 1);
    for (uint32_t size_bytes = 0; size_bytes <= packet.size_bytes; size_bytes++) {
        assert_int_equal(feed_sections(packet.bytes, size_bytes, 1), 1);
        assert_int_equal(number(0, "network.packets"), 1);
        assert_true((value(0, "source.mac") != NULL) == (size_bytes >= 14));
        assert_true((value(0, "source.ip") != NULL) == (size_bytes >= 38));
        assert_true((value(0, "netflow.section") != NULL) == (size_bytes >= 14));
    }
}

/* As many records as a chunk has, and more, and the longest one. */
static void records_of_all_sizes(void **state)
{
    static const uint16_t pairs[] = {FRAME, LENGTH_VARIABLE};
    static uint8_t longest[PAYLOAD_MOST - 64];
    struct wire packet = {0};
    packet_vxlan(&packet);
    memcpy(longest, packet.bytes, packet.size_bytes);
    feed_template(pairs, 1);
    static const uint32_t sizes[] = {120, 500, 1000, 5000, 30000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint32_t records = (PAYLOAD_MOST - 64) / (sizes[i] + 3);
        records = records < 200 ? records : 200;
        assert_int_equal(feed_sections(longest, sizes[i], records), records);
        assert_int_equal(number(records - 1, "netflow.section.tunnel_vni"), 5001);
    }
    assert_int_equal(counted(COUNTER_sections_unread), 0);
    assert_int_equal(feed_sections(longest, sizeof longest, 1), 1); /* no room for anything behind it */
    assert_null(value(0, "netflow.section"));
    assert_int_equal(counted(COUNTER_sections_unread), 1);
}

/* The second plan goes with the first, and where there is no memory for it the template is refused. */
static void plans_come_and_go(void **state)
{
    struct fixture *fixture = &encoding.fixture;
    uint32_t before = decoder_sizes(fixture->decoder).plans;
    for (uint16_t length = 20; length < 60; length++) {
        const uint16_t pairs[] = {FRAME, length, 10, 4};
        feed_template(pairs, 2);
        assert_int_equal(decoder_sizes(fixture->decoder).plans, before + 2);
        feed_template(pairs, 2);
        assert_int_equal(decoder_sizes(fixture->decoder).plans, before + 2);
    }
    static const uint16_t bare[] = {10, 4};
    feed_template(bare, 1);
    assert_int_equal(decoder_sizes(fixture->decoder).plans, before + 1);
}

static void memory_ends(void **state)
{
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.limits.memory = 64 << 10;
    fixture_open(&fixture);
    for (uint32_t id = 256; id < 400; id++) {
        struct wire wire = {0};
        const uint16_t pairs[] = {FRAME, (uint16_t)id};
        wire_ipfix(&wire, 1767225600, 7);
        wire_template(&wire, 2, id, pairs, 1);
        wire_message_end(&wire);
        fixture_feed(&fixture, fixture_exporter(&fixture, EXPORTER), wire.bytes, wire.size_bytes);
    }
    assert_true(fixture_count(&fixture, COUNTER_templates_over_memory_cap) > 0);
    assert_true(fixture_count(&fixture, COUNTER_templates_learned) > 10);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_learned) +
                         fixture_count(&fixture, COUNTER_templates_over_memory_cap), 144);
    fixture_close(&fixture);
}

/* Elastic's documents have the bytes alone. */
static void elastic_reads_none(void **state)
{
    static const uint16_t pairs[] = {FRAME, LENGTH_VARIABLE};
    struct wire packet = {0};
    packet_vxlan(&packet);
    encoding_init(&encoding, PROFILE_ELASTIC);
    encoding_open(&encoding);
    feed_template(pairs, 1);
    assert_int_equal(feed_sections(packet.bytes, packet.size_bytes, 1), 1);
    assert_null(value(0, "source"));
    assert_null(value(0, "netflow.section"));
    assert_non_null(value(0, "netflow.data_link_frame_section"));
    close_weir(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(packet_is_read, open_weir, close_weir),
        cmocka_unit_test_setup_teardown(kinds_of_frames, open_weir, close_weir),
        cmocka_unit_test_setup_teardown(packet_is_cut, open_weir, close_weir),
        cmocka_unit_test_setup_teardown(records_of_all_sizes, open_weir, close_weir),
        cmocka_unit_test_setup_teardown(plans_come_and_go, open_weir, close_weir),
        cmocka_unit_test(memory_ends),
        cmocka_unit_test(elastic_reads_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
