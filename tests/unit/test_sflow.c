/* SPDX-License-Identifier: Apache-2.0 */
/* sFlow datagrams made by hand: their documents, and what is counted of bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/encode_fixture.h"
#include "tests/unit/sflow_wire.h"

#define EXPORTER "192.0.2.1:6343"

static struct encoding encoding;

static int open_weir(void **state)
{
    (void)state;
    encoding_init(&encoding, PROFILE_WEIR);
    encoding_open(&encoding);
    return 0;
}

static int close_weir(void **state)
{
    (void)state;
    encoding_check_ledger(&encoding);
    encoding_close(&encoding);
    return 0;
}

/* The number of documents of one datagram. */
static size_t feed(const struct sflow_wire *sflow)
{
    return encoding_feed(&encoding, EXPORTER, sflow->wire.bytes, sflow->wire.size_bytes);
}

static const json_t *value(size_t document, const char *path)
{
    return member(json_array_get(encoding.documents, document), path);
}

static uint64_t counted(enum counter counter)
{
    return fixture_count(&encoding.fixture, counter);
}

static json_int_t number(size_t document, const char *path)
{
    const json_t *found = value(document, path);
    if (!json_is_integer(found))
        fail_msg("%s is no number", path);
    return json_integer_value(found);
}

static const char *text(size_t document, const char *path)
{
    const json_t *found = value(document, path);
    return json_is_string(found) ? json_string_value(found) : "(none)";
}

/* A list as it stands in the document. */
static void assert_list(size_t document, const char *path, const char *wanted)
{
    char *have = json_dumps(value(document, path), JSON_COMPACT);
    assert_non_null(have);
    assert_string_equal(have, wanted);
    free(have);
}

static bool has(size_t document, const char *path)
{
    return value(document, path) != NULL;
}

static void test_raw_header(void **state)
{
    (void)state;
    struct sflow_wire sflow;
    struct wire packet = {0};
    packet_vxlan(&packet);
    sflow_datagram(&sflow, 10);
    SFLOW_SAMPLE(&sflow, 1, 6, 0x02000005, 512, 100000, 4, 11, 0x40000102);
    sflow_header(&sflow, 1, 1400, &packet);
    sflow_sample_end(&sflow);
    assert_int_equal(feed(&sflow), 1);
    assert_string_equal(text(0, "event.action"), "sflow_flow");
    assert_string_equal(text(0, "source.ip"), "10.0.0.1");
    assert_string_equal(text(0, "destination.ip"), "10.0.0.2");
    assert_string_equal(text(0, "source.mac"), "02-00-00-00-00-02");
    assert_int_equal(number(0, "source.port"), 40000);
    assert_int_equal(number(0, "destination.port"), 4789);
    assert_string_equal(text(0, "network.transport"), "udp");
    assert_int_equal(number(0, "network.bytes"), 512 * 1400);
    assert_int_equal(number(0, "network.packets"), 512);
    assert_int_equal(number(0, "network.vlan.id"), 77);
    assert_string_equal(text(0, "sflow.exporter.agent"), "192.0.2.7");
    assert_int_equal(number(0, "sflow.exporter.sub_agent_id"), 3);
    assert_int_equal(number(0, "sflow.exporter.sequence_number"), 10);
    assert_int_equal(number(0, "sflow.exporter.version"), 5);
    assert_int_equal(number(0, "sflow.sample_sequence_number"), 6);
    assert_int_equal(number(0, "sflow.source_id_type"), 2);
    assert_int_equal(number(0, "sflow.source_id_index"), 5);
    assert_int_equal(number(0, "sflow.sampling_rate"), 512);
    assert_int_equal(number(0, "sflow.frame_length"), 1400);
    assert_int_equal(number(0, "sflow.input_interface"), 11);
    assert_false(has(0, "sflow.output_interface"));
    assert_int_equal(number(0, "sflow.output_discard_reason"), 0x102);
    assert_list(0, "sflow.vlan_ids", "[77]");
    assert_string_equal(text(0, "sflow.tunnel_type"), "vxlan");
    assert_int_equal(number(0, "sflow.tunnel_vni"), 5001);
    assert_string_equal(text(0, "sflow.inner_source_ipv6_address"), "2001:db8::3");
    assert_string_equal(text(0, "sflow.inner_destination_ipv6_address"), "2001:db8::4");
    assert_int_equal(number(0, "sflow.inner_destination_port"), 443);
    assert_int_equal(number(0, "sflow.inner_tcp_control_bits"), 0x12);
    assert_list(0, "related.ip", "[\"10.0.0.1\",\"10.0.0.2\",\"192.0.2.1\",\"2001:db8::3\",\"2001:db8::4\"]");
    assert_false(has(0, "netflow"));
}

static void test_expanded_with_extensions(void **state)
{
    (void)state;
    struct sflow_wire sflow;
    sflow_datagram(&sflow, 1);
    SFLOW_SAMPLE(&sflow, 3, 1, 0, 70000, 1, 100, 0, 0, 70001, 2, 3);
    SFLOW_NUMBERS(&sflow, 3, 60, 6, 0xc6336401, 0xcb007102, 1234, 80, 0x18, 32);
    SFLOW_NUMBERS(&sflow, 1001, 10, 1, 20, 2);
    SFLOW_NUMBERS(&sflow, 1002, 1, 0xc0000201, 24, 16);
    SFLOW_NUMBERS(&sflow, 1003, 2, 0x20010db8, 0, 0, 9, 65000, 65001, 65002, /* segments */ 2, 2, 2, 174, 3356, 1, 1,
                  15169, /* communities */ 2, 0xfde80064, 0xfde800c8, /* preference */ 100);
    sflow_structure(&sflow, 1004);
    WORDS(&sflow, 106);
    sflow_text(&sflow, "alice");
    WORDS(&sflow, 106);
    sflow_text(&sflow, "");
    sflow_structure_end(&sflow);
    SFLOW_NUMBERS(&sflow, 1006, 1, 0xc0000202, 2, 16001 << 12 | 0xf40, 77 << 12 | 0x13f, 1, 1048575u << 12 | 0x1ff);
    SFLOW_NUMBERS(&sflow, 1007, 1, 0xc0a80001, 1, 0xc0a80002);
    SFLOW_NUMBERS(&sflow, 4711, 1, 2, 3);
    sflow_sample_end(&sflow);
    assert_int_equal(feed(&sflow), 1);
    assert_string_equal(text(0, "source.ip"), "198.51.100.1");
    assert_int_equal(number(0, "destination.port"), 80);
    assert_int_equal(number(0, "network.bytes"), 60);
    assert_list(0, "sflow.tcp_flags", "[\"ACK\",\"PSH\"]");
    assert_int_equal(number(0, "sflow.input_interface"), 70001);
    assert_int_equal(number(0, "sflow.output_interface_count"), 3);
    assert_int_equal(number(0, "sflow.destination_vlan"), 20);
    assert_string_equal(text(0, "sflow.next_hop_ipv4_address"), "192.0.2.1");
    assert_string_equal(text(0, "sflow.bgp_next_hop_ipv6_address"), "2001:db8::9");
    assert_int_equal(number(0, "sflow.source_as"), 65001);
    assert_list(0, "sflow.destination_as_path", "[174,3356,15169]");
    assert_int_equal(number(0, "sflow.destination_peer_as"), 174);
    assert_int_equal(number(0, "sflow.destination_as"), 15169);
    assert_list(0, "sflow.bgp_communities", "[\"65000:100\",\"65000:200\"]");
    assert_int_equal(number(0, "sflow.local_preference"), 100);
    assert_string_equal(text(0, "sflow.source_user"), "alice");
    assert_false(has(0, "sflow.destination_user"));
    assert_string_equal(text(0, "source.nat.ip"), "192.168.0.1");
    assert_list(0, "sflow.mpls_in_labels", "[16001,77]");
    assert_list(0, "sflow.mpls_out_labels", "[1048575]");
    assert_int_equal(counted(COUNTER_sflow_structures_unknown), 1);
    assert_int_equal(counted(COUNTER_sflow_structures_short), 0);
}

/* sFlow v5 4: an index, a reason, a number; 0 is not known, 0x3fffffff the agent itself. Both forms of the sample. */
static void test_interfaces(void **state)
{
    (void)state;
    static const struct {
        uint32_t input, output; /* format in the two upper bits */
        int64_t in, out, reason, count; /* -1: it is not in the document */
    } rows[] = {
        {0, 0, -1, -1, -1, -1},
        {0x3fffffff, 0x3fffffff, -1, -1, -1, -1},
        {0x3ffffffe, 1, 0x3ffffffe, 1, -1, -1},
        {7, 0x40000102, 7, -1, 0x102, -1},
        {7, 0x80000000, 7, -1, -1, 0}, /* to more than one, nobody knows how many */
        {7, 0x80000005, 7, -1, -1, 5},
        {0x40000001, 0xc0000001, -1, -1, -1, -1}, /* no such thing */
    };
    static const char *const paths[] = {"sflow.input_interface", "sflow.output_interface",
                                        "sflow.output_discard_reason", "sflow.output_interface_count"};
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
        struct sflow_wire sflow;
        uint32_t in = rows[i / 2].input, out = rows[i / 2].output;
        sflow_datagram(&sflow, (uint32_t)i + 1);
        if (i % 2)
            SFLOW_SAMPLE(&sflow, 3, 1, 0, 4, 512, 100000, 0, in >> 30, in & 0x3fffffff, out >> 30, out & 0x3fffffff);
        else
            SFLOW_SAMPLE(&sflow, 1, 1, 4, 512, 100000, 0, in, out);
        sflow_sample_end(&sflow);
        assert_int_equal(feed(&sflow), 1);
        const int64_t wanted[] = {rows[i / 2].in, rows[i / 2].out, rows[i / 2].reason, rows[i / 2].count};
        for (size_t k = 0; k < 4; k++) {
            assert_int_equal(has(0, paths[k]), wanted[k] >= 0);
            if (wanted[k] >= 0)
                assert_int_equal(number(0, paths[k]), wanted[k]);
        }
    }
}

/* An agent may have an IPv6 address; all its numbers may wrap, and nothing is missing where they do. */
static void test_agent_of_ipv6(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        struct sflow_wire sflow = {0};
        uint32_t sequence = UINT32_MAX - 9 + i;
        WORDS(&sflow, 5, 2, 0x20010db8, 0, 0, 7, 3, sequence, 100000 + i);
        sflow.samples_at = sflow.wire.size_bytes;
        wire_32(&sflow.wire, 0);
        SFLOW_SAMPLE(&sflow, 1, sequence, 4, 512, 512 * sequence, sequence, 11, 12);
        SFLOW_NUMBERS(&sflow, 3, 60, 6, 0xc6336401, 0xcb007102, 1234, 80, 0x18, 32);
        sflow_sample_end(&sflow);
        assert_int_equal(feed(&sflow), 1);
        assert_string_equal(text(0, "sflow.exporter.agent"), "2001:db8::7");
        assert_list(0, "observer.ip", "[\"192.0.2.1\"]");
        assert_int_equal(number(0, "sflow.sample_pool"), (uint32_t)(512 * sequence));
        assert_int_equal(number(0, "sflow.sample_drops"), sequence);
        assert_int_equal(number(0, "network.packets"), 512);
    }
    decoder_finish(encoding.fixture.decoder);
    assert_int_equal(counted(COUNTER_datagrams_missing), 0);
    assert_int_equal(counted(COUNTER_samples_missing), 0);
    assert_int_equal(counted(COUNTER_sequence_resets), 0);
}

/* Counters that an agent does not have are all ones; samples of several kinds come in one datagram. */
static void test_counters_and_discards(void **state)
{
    (void)state;
    struct sflow_wire sflow;
    sflow_datagram(&sflow, 1);
    SFLOW_SAMPLE(&sflow, 2, 9, 4);
    SFLOW_NUMBERS(&sflow, 1, 4, 6, 0, 1000000000, 1, 3, 1, 2, 30, 31, UINT32_MAX, 0, 0, UINT32_MAX, 0, 5, 50, 51, 52, 0,
                  0, 0);
    sflow_structure(&sflow, 1005);
    sflow_text(&sflow, "xe-0/0/1");
    sflow_structure_end(&sflow);
    sflow_sample_end(&sflow);
    SFLOW_SAMPLE(&sflow, 5, 1, 0, 7, 256, 1, 2, 289);
    SFLOW_NUMBERS(&sflow, 1036, 42);
    sflow_sample_end(&sflow);
    SFLOW_SAMPLE(&sflow, 4, 2, 0, 1);
    SFLOW_NUMBERS(&sflow, 2003, 0x3f000000, 0, 0, 2, 300, 8, 2400, 86400, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    sflow_sample_end(&sflow);
    SFLOW_SAMPLE(&sflow, 4711, 2, 0, 1);
    sflow_sample_end(&sflow);
    assert_int_equal(feed(&sflow), 3);
    assert_string_equal(text(0, "event.action"), "sflow_counters");
    assert_int_equal(number(0, "sflow.if_speed"), 1000000000);
    assert_int_equal(number(0, "sflow.if_in_octets"), (1LL << 32) + 2);
    assert_int_equal(number(0, "sflow.if_in_multicast_packets"), 31);
    assert_false(has(0, "sflow.if_in_broadcast_packets"));
    assert_false(has(0, "sflow.if_in_unknown_protocols"));
    assert_int_equal(number(0, "sflow.if_out_octets"), 5);
    assert_string_equal(text(0, "sflow.if_name"), "xe-0/0/1");
    assert_false(has(0, "source"));
    assert_string_equal(text(1, "event.action"), "sflow_discard");
    assert_int_equal(number(1, "sflow.drop_reason"), 289);
    assert_int_equal(number(1, "sflow.egress_queue"), 42);
    assert_string_equal(text(2, "event.action"), "sflow_counters");
    assert_true(json_real_value(value(2, "sflow.host_load1m")) == 0.5);
    assert_int_equal(number(2, "sflow.host_context_switches"), 9);
    assert_int_equal(counted(COUNTER_samples_unknown), 1);
    assert_int_equal(counted(COUNTER_sets_data), 3);
    assert_int_equal(counted(COUNTER_counters_records), 2);
    assert_int_equal(counted(COUNTER_sflow_structures_short), 0);
    assert_int_equal(counted(COUNTER_datagrams_decoded), 1);
}

/* Cut at every byte: nothing is read behind the end, what is whole stays, and each cut has its name. */
static void test_cut(void **state)
{
    (void)state;
    struct sflow_wire sflow;
    struct wire packet = {0};
    packet_vxlan(&packet);
    sflow_datagram(&sflow, 1);
    for (int i = 0; i < 2; i++) {
        SFLOW_SAMPLE(&sflow, 1, 6, 5, 512, 100000, 4, 11, 12);
        sflow_header(&sflow, 1, 1400, &packet);
        SFLOW_NUMBERS(&sflow, 1003, 1, 1, 65000, 65001, 65002, 1, 2, 1, 174, 1, 0xfde80064, 100);
        sflow_sample_end(&sflow);
    }
    uint32_t whole = sflow.wire.size_bytes, documents = 0;
    for (sflow.wire.size_bytes = 4; sflow.wire.size_bytes < whole; sflow.wire.size_bytes++)
        documents += (uint32_t)feed(&sflow);
    assert_true(documents > 0 && documents < whole / 2);
    assert_int_equal(counted(COUNTER_datagrams_short_samples) + counted(COUNTER_datagrams_too_short), whole - 4);
    assert_int_equal(feed(&sflow), 2);
}

/* Lengths and counts inside a sample that say too much cost the rest of the sample, and no other one. */
static void test_lies(void **state)
{
    (void)state;
    struct sflow_wire sflow;
    sflow_datagram(&sflow, 1);
    SFLOW_SAMPLE(&sflow, 1, 6, 5, 512, 100000, 4, 11, 12);
    SFLOW_NUMBERS(&sflow, 1, 1, 100, 0, 60, 0); /* a header of 60 bytes that are not there */
    SFLOW_NUMBERS(&sflow, 1003, 1, 1, 65000, 65001, 65002, 0xffffffff, 2, 0x40000001, 174);
    SFLOW_NUMBERS(&sflow, 1012, 0xffffffff);
    SFLOW_NUMBERS(&sflow, 1005, 1, 0xffffffff);
    SFLOW_NUMBERS(&sflow, 1002, 3, 1);
    sflow_patch(&sflow, sflow.structures_at, UINT32_MAX); /* structures without end */
    sflow_patch(&sflow, sflow.sample_at + 4, sflow.wire.size_bytes - sflow.sample_at - 8);
    sflow_count(&sflow, sflow.samples_at);
    SFLOW_SAMPLE(&sflow, 1, 7, 5, 512, 100000, 4, 11, 12);
    sflow_sample_end(&sflow);
    assert_int_equal(feed(&sflow), 2);
    assert_int_equal(counted(COUNTER_sflow_structures_short), 5);
    assert_int_equal(counted(COUNTER_sflow_samples_cut), 1);
    assert_int_equal(number(1, "sflow.sample_sequence_number"), 7);
}

/* More than a row has room for: values are left out and counted, the document is whole. */
static void test_full_row(void **state)
{
    (void)state;
    struct sflow_wire sflow;
    char word[256];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = 0;
    sflow_datagram(&sflow, 1);
    SFLOW_SAMPLE(&sflow, 1, 6, 5, 512, 100000, 4, 11, 12);
    for (int i = 0; i < 20; i++) {
        sflow_structure(&sflow, 1038);
        sflow_text(&sflow, word);
        sflow_structure_end(&sflow);
    }
    sflow_sample_end(&sflow);
    assert_int_equal(feed(&sflow), 1);
    assert_string_equal(text(0, "sflow.function_name"), word);
    assert_true(counted(COUNTER_sflow_values_cut) > 0);
}

/* Version 4 or 2: the words of its header. */
static void old_datagram(struct sflow_wire *sflow, uint32_t version, uint32_t sequence, uint32_t samples)
{
    *sflow = (struct sflow_wire){0};
    WORDS(sflow, version, 1, 0xc0000207, sequence, 100000 + sequence, samples);
}

static void old_flow(struct sflow_wire *sflow, uint32_t sequence, uint32_t extensions)
{
    WORDS(sflow, 1, sequence, 5, 512, 100000, 4, 11, 0x80000002, 2, 60, 6, 0x0a000001, 0x0a000002, 1234, 443, 2, 0,
          extensions);
}

static void test_old_versions(void **state)
{
    (void)state;
    struct sflow_wire sflow;
    old_datagram(&sflow, 4, 7, 2);
    old_flow(&sflow, 1, 2);
    WORDS(&sflow, 3, 65000, 65001, 65002, 1, 2, 2, 174, 15169, 1, 65000u << 16 | 7, 100);
    WORDS(&sflow, 1, 10, 1, 20, 2);
    WORDS(&sflow, 2, 9, 4, 30, 7, 77, 0, 5000, 1, 2, 3, 4);
    assert_int_equal(feed(&sflow), 2);
    assert_int_equal(number(0, "sflow.exporter.version"), 4);
    assert_int_equal(number(0, "sflow.exporter.sequence_number"), 7);
    assert_string_equal(text(0, "source.ip"), "10.0.0.1");
    assert_int_equal(number(0, "network.bytes"), 512 * 60);
    assert_int_equal(number(0, "sflow.output_interface_count"), 2);
    assert_int_equal(number(0, "sflow.destination_as"), 15169);
    assert_int_equal(number(0, "sflow.local_preference"), 100);
    assert_int_equal(number(0, "sflow.destination_vlan"), 20);
    assert_int_equal(number(1, "sflow.sampling_interval"), 30);
    assert_int_equal(number(1, "sflow.vlan_octets"), 5000);
    old_datagram(&sflow, 2, 8, 1);
    old_flow(&sflow, 2, 1);
    WORDS(&sflow, 3, 65000, 65001, 65002, 2, 174, 15169);
    assert_int_equal(feed(&sflow), 1);
    assert_int_equal(number(0, "sflow.destination_peer_as"), 174);
    assert_int_equal(counted(COUNTER_datagrams_decoded), 2);
}

/* Cut at every byte, from memory of exactly that size: the samples before the cut stay, and nobody reads on. */
static void test_old_versions_cut(void **state)
{
    (void)state;
    struct sflow_wire sflow;
    old_datagram(&sflow, 4, 1, 3);
    old_flow(&sflow, 1, 1);
    WORDS(&sflow, 5, 1, 4, 0x61626364);
    uint32_t first_bytes = sflow.wire.size_bytes;
    WORDS(&sflow, 2, 9, 4, 30, 7, 77, 0, 5000, 1, 2, 3, 4);
    uint32_t second_bytes = sflow.wire.size_bytes;
    old_flow(&sflow, 2, 0);
    uint32_t whole_bytes = sflow.wire.size_bytes;
    for (uint32_t size_bytes = 24; size_bytes < whole_bytes; size_bytes++) {
        sflow.wire.size_bytes = size_bytes;
        uint32_t records = feed(&sflow);
        assert_true(size_bytes < first_bytes || records >= 1);
        assert_true(size_bytes < second_bytes || records >= 2);
    }
    assert_int_equal(counted(COUNTER_datagrams_decoded), 0);
    sflow.wire.size_bytes = whole_bytes;
    assert_int_equal(feed(&sflow), 3);
}

static void test_losses(void **state)
{
    (void)state;
    struct sflow_wire sflow;
    for (uint32_t sequence = 1; sequence < 100; sequence++) {
        if (sequence == 50 || sequence == 51)
            continue;
        sflow_datagram(&sflow, sequence);
        SFLOW_SAMPLE(&sflow, 2, sequence, 4);
        sflow_sample_end(&sflow);
        assert_int_equal(feed(&sflow), 1);
    }
    decoder_finish(encoding.fixture.decoder);
    assert_int_equal(counted(COUNTER_datagrams_missing), 2);
    assert_int_equal(counted(COUNTER_samples_missing), 2);
}

/* Flow and counter samples of one source are numbered apart, and those of another agent, too. */
static void test_lost_samples(void **state)
{
    (void)state;
    struct sflow_wire sflow;
    for (uint32_t sequence = 1; sequence < 60; sequence++) {
        sflow_datagram(&sflow, sequence);
        SFLOW_SAMPLE(&sflow, 2, sequence, 4);
        sflow_sample_end(&sflow);
        for (uint32_t i = 0; i < 3 && sequence != 30; i++) {
            SFLOW_SAMPLE(&sflow, 1, 1000 + 3 * sequence + i, 4, 512, 100000, 0, 11, 12);
            sflow_sample_end(&sflow);
        }
        SFLOW_SAMPLE(&sflow, 3, 70000 + sequence + (sequence > 40), 0, 4000, 512, 100000, 0, 0, 11, 0, 12);
        sflow_sample_end(&sflow);
        assert_true(feed(&sflow) > 0);
    }
    decoder_finish(encoding.fixture.decoder);
    assert_int_equal(counted(COUNTER_datagrams_missing), 0);
    assert_int_equal(counted(COUNTER_samples_missing), 4);
}

/* Elastic's input knows no sFlow. */
static void test_elastic(void **state)
{
    (void)state;
    struct sflow_wire sflow;
    encoding_init(&encoding, PROFILE_ELASTIC);
    encoding_open(&encoding);
    sflow_datagram(&sflow, 1);
    SFLOW_SAMPLE(&sflow, 2, 1, 4);
    sflow_sample_end(&sflow);
    assert_int_equal(feed(&sflow), 0);
    assert_int_equal(counted(COUNTER_datagrams_unknown_version), 1);
    encoding_close(&encoding);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_weir, close_weir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_raw_header),
        TEST(test_expanded_with_extensions),
        TEST(test_interfaces),
        TEST(test_agent_of_ipv6),
        TEST(test_counters_and_discards),
        TEST(test_cut),
        TEST(test_lies),
        TEST(test_full_row),
        TEST(test_old_versions),
        TEST(test_old_versions_cut),
        TEST(test_losses),
        TEST(test_lost_samples),
        cmocka_unit_test(test_elastic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
