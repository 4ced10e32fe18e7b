/* SPDX-License-Identifier: Apache-2.0 */
/* Whole documents, and how the encoder deals with batches, exporters and the cap on memory. */
#include "tests/unit/encode_flow.h"

static size_t bytes_of_hex(const char *hex, uint8_t *bytes)
{
    size_t count = 0;
    for (; *hex; hex += 2, hex += *hex == ' ')
        bytes[count++] = (uint8_t)strtoul((const char[3]){hex[0], hex[1]}, NULL, 16);
    return count;
}

static json_t *hex_document(struct encoding *encoding, const char *exporter, const char *hex)
{
    uint8_t bytes[1024];
    size_t count = bytes_of_hex(hex, bytes);
    assert_int_equal(encoding_feed(encoding, exporter, bytes, count), 1);
    encoding_check_ledger(encoding);
    return json_array_get(encoding->documents, 0);
}

static void v5_flow(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_ELASTIC);
    json_t *document = hex_document(
        &encoding, "192.168.10.1:50123",
        "00 05 00 01 00 36 ee 80 69 55 b9 00 07 5b cd 15 00 00 03 e9 00 01 40 64 c0 a8 0a 14 cb 00 71 50 "
        "c0 a8 0a 01 00 03 00 07 00 00 00 0c 00 00 0d 80 00 36 e8 a4 00 36 ed 86 c9 3a 01 bb 00 1b 06 00 "
        "fc 00 fb f0 18 10 00 00");
    EXPECT(document, "event.created", "\"2026-01-01T00:00:00.000Z\"");
    expect_document(document, "{\"@timestamp\": \"2026-01-01T00:00:00.123Z\", \"ecs\": {\"version\": \"8.17.0\"},"
        "\"event\": {\"kind\": \"event\", \"category\": [\"network\"], \"action\": \"netflow_flow\","
        " \"type\": [\"connection\"], \"start\": \"2025-12-31T23:59:58.623Z\", \"end\": \"2025-12-31T23:59:59.873Z\","
        " \"duration\": 1250000000},"
        "\"observer\": {\"ip\": [\"192.168.10.1\"]},"
        "\"source\": {\"ip\": \"192.168.10.20\", \"port\": 51514, \"locality\": \"internal\", \"bytes\": 3456,"
        " \"packets\": 12},"
        "\"destination\": {\"ip\": \"203.0.113.80\", \"port\": 443, \"locality\": \"external\"},"
        "\"network\": {\"transport\": \"tcp\", \"iana_number\": \"6\", \"bytes\": 3456, \"packets\": 12,"
        " \"type\": \"ipv4\", \"direction\": \"outbound\", \"community_id\": \"1:3XBZuNp2g5PVpRafyP3LVCXw8I4=\"},"
        "\"flow\": {\"id\": \"TjDtaftb-Ng\", \"locality\": \"external\"},"
        "\"related\": {\"ip\": [\"192.168.10.1\", \"192.168.10.20\", \"203.0.113.80\"]},"
        "\"netflow\": {\"type\": \"netflow_flow\", \"tcp_flags\": [\"ACK\", \"PSH\", \"SYN\", \"FIN\"],"
        " \"exporter\": {\"address\": \"192.168.10.1:50123\", \"timestamp\": \"2026-01-01T00:00:00.123Z\","
        "  \"uptime_millis\": 3600000, \"version\": 5, \"engine_type\": 0, \"engine_id\": 1,"
        "  \"sampling_interval\": 16484},"
        " \"source_ipv4_address\": \"192.168.10.20\", \"destination_ipv4_address\": \"203.0.113.80\","
        " \"ip_next_hop_ipv4_address\": \"192.168.10.1\", \"ingress_interface\": 3, \"egress_interface\": 7,"
        " \"packet_delta_count\": 12, \"octet_delta_count\": 3456, \"flow_start_sys_up_time\": 3598500,"
        " \"flow_end_sys_up_time\": 3599750, \"source_transport_port\": 51514, \"destination_transport_port\": 443,"
        " \"tcp_control_bits\": 27, \"protocol_identifier\": 6, \"ip_class_of_service\": 0,"
        " \"bgp_source_as_number\": 64512, \"bgp_destination_as_number\": 64496,"
        " \"source_ipv4_prefix_length\": 24, \"destination_ipv4_prefix_length\": 16}}");
    encoding_close(&encoding);
}

static void ipfix_biflow(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_ELASTIC);
    json_t *document = hex_document(
        &encoding, "192.0.2.1:40112",
        "00 0a 00 d8 69 55 b9 3c 00 00 01 f4 00 00 01 00 00 02 00 5c 01 2c 00 13 00 1b 00 10 00 1c 00 10 "
        "00 07 00 02 00 0b 00 02 00 04 00 01 00 3d 00 01 00 06 00 02 00 01 00 04 00 02 00 04 80 01 00 08 "
        "00 00 72 79 80 02 00 04 00 00 72 79 00 ef 00 01 00 98 00 08 00 99 00 08 00 5f 00 04 00 60 ff ff "
        "00 38 00 06 00 ec ff ff 03 e7 00 04 01 2c 00 6c fd 00 00 10 00 00 00 00 00 00 00 00 00 00 00 25 "
        "20 01 0d b8 be ef 00 00 00 00 00 00 00 00 04 43 c0 00 01 bb 06 01 00 1b 00 00 14 50 00 00 00 12 "
        "00 00 00 00 00 01 63 78 00 00 00 46 01 00 00 01 9b 76 da a8 fa 00 00 01 9b 76 db 82 43 03 00 01 "
        "bb 05 68 74 74 70 73 02 00 00 aa bb cc 05 62 6c 75 65 00 de ad be ef 00");
    expect_document(document, "{\"@timestamp\": \"2026-01-01T00:01:00.000Z\", \"ecs\": {\"version\": \"8.17.0\"},"
        "\"event\": {\"kind\": \"event\", \"category\": [\"network\", \"session\"], \"action\": \"netflow_flow\","
        " \"type\": [\"connection\"]}, \"observer\": {\"ip\": [\"192.0.2.1\"]},"
        "\"source\": {\"ip\": \"fd00:10::25\", \"port\": 49152, \"mac\": \"02-00-00-AA-BB-CC\","
        " \"locality\": \"internal\", \"bytes\": 5200, \"packets\": 18},"
        "\"destination\": {\"ip\": \"2001:db8:beef::443\", \"port\": 443, \"locality\": \"external\","
        " \"bytes\": 91000, \"packets\": 70},"
        "\"client\": {\"ip\": \"fd00:10::25\", \"port\": 49152, \"mac\": \"02-00-00-AA-BB-CC\","
        " \"locality\": \"internal\", \"bytes\": 5200, \"packets\": 18},"
        "\"server\": {\"ip\": \"2001:db8:beef::443\", \"port\": 443, \"locality\": \"external\","
        " \"bytes\": 91000, \"packets\": 70},"
        "\"network\": {\"transport\": \"tcp\", \"iana_number\": \"6\", \"bytes\": 96200, \"packets\": 88,"
        " \"type\": \"ipv6\", \"direction\": \"outbound\", \"community_id\": \"1:KYQlNXj7SJHQJ9Wn8D3BWpaMiGQ=\"},"
        "\"flow\": {\"id\": \"qFuQXcoXW2k\", \"locality\": \"external\"},"
        "\"related\": {\"ip\": [\"192.0.2.1\", \"2001:db8:beef::443\", \"fd00:10::25\"]},"
        "\"netflow\": {\"type\": \"netflow_flow\", \"tcp_flags\": [\"ACK\", \"PSH\", \"SYN\", \"FIN\"],"
        " \"exporter\": {\"address\": \"192.0.2.1:40112\", \"timestamp\": \"2026-01-01T00:01:00.000Z\","
        "  \"uptime_millis\": 0, \"version\": 10, \"source_id\": 256},"
        " \"source_ipv6_address\": \"fd00:10::25\", \"destination_ipv6_address\": \"2001:db8:beef::443\","
        " \"source_transport_port\": 49152, \"destination_transport_port\": 443, \"protocol_identifier\": 6,"
        " \"flow_direction\": 1, \"tcp_control_bits\": 27, \"octet_delta_count\": 5200, \"packet_delta_count\": 18,"
        " \"reverse_octet_delta_count\": 91000, \"reverse_packet_delta_count\": 70, \"biflow_direction\": 1,"
        " \"flow_start_milliseconds\": \"2026-01-01T00:00:00.250Z\","
        " \"flow_end_milliseconds\": \"2026-01-01T00:00:55.875Z\", \"application_id\": [3, 0, 1, 187],"
        " \"application_name\": \"https\", \"source_mac_address\": \"02-00-00-AA-BB-CC\", \"vrf_name\": \"blue\"}}");
    encoding_close(&encoding);
}

/* In profile elastic, v9's scope type 1 has the name of element 1. */
static void v9_options(void **state)
{
    const struct flow options = {FIELDS({0, 1, 4, "#3221225985"}, {0, 34, 4, "#100"}, {0, 35, 1, "#2"}),
                                 .scopes = 1, .version = 9, .uptime_ms = 1000, .exporter = "192.0.2.1:40112"};
    for (int elastic = 0; elastic < 2; elastic++) {
        struct encoding encoding;
        encoding_begin(&encoding, elastic ? PROFILE_ELASTIC : PROFILE_WEIR);
        char expected[1024];
        snprintf(expected, sizeof expected,
            "{\"@timestamp\": \"2026-01-01T00:00:00.000Z\", \"ecs\": {\"version\": \"8.17.0\"},"
            "\"event\": {\"kind\": \"event\", \"category\": [\"network\"], \"action\": \"netflow_options\"},"
            "\"observer\": {\"ip\": [\"192.0.2.1\"]}, \"network\": {\"direction\": \"unknown\"},"
            "\"related\": {\"ip\": [\"192.0.2.1\"]},"
            "\"netflow\": {\"type\": \"netflow_options\", \"exporter\": {\"address\": \"192.0.2.1:40112\","
            " \"timestamp\": \"2026-01-01T00:00:00.000Z\", \"uptime_millis\": 1000, \"version\": 9, \"source_id\": 0},"
            " \"scope\": {\"%s\": 3221225985},"
            " \"options\": {\"sampling_interval\": 100, \"sampling_algorithm\": 2}}}",
            elastic ? "octet_delta_count" : "system");
        expect_document(flow_document(&encoding, &options), expected);
        assert_int_equal(fixture_count(&encoding.fixture, COUNTER_options_records), 1);
        encoding_close(&encoding);
    }
}

/* The objects are there although nothing is in them. */
static void options_without_values(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_ELASTIC);
    json_t *document = flow_document(&encoding, &(struct flow){FIELDS({0, 144, 4, "#7"}), .scopes = 1});
    EXPECT(document, "netflow.scope", "{\"exporting_process_id\": 7}");
    EXPECT(document, "netflow.options", "{}");
    document = flow_document(&encoding, &(struct flow){FIELDS({0, 999, 4, "#7"}, {0, 34, 4, "#9"}), .scopes = 1});
    EXPECT(document, "netflow.scope", "{}");
    EXPECT(document, "netflow.options", "{\"sampling_interval\": 9}");
    document = flow_document(&encoding, &(struct flow){FIELDS({0, 8, VAR, "0102"}, {0, 276, 1, "#3"}, {0, 56, VAR, ""}),
                                                       .scopes = 1});
    EXPECT(document, "netflow.scope", "{}");
    EXPECT(document, "netflow.options", "{}");
    EXPECT(document, "event.type", NULL);
    EXPECT(document, "source", NULL);
    EXPECT(document, "flow", NULL);
    encoding_close(&encoding);
}

static void envelope(void **state)
{
    char *tags[] = {"netflow", "for\"warded"};
    struct encoding encoding;
    for (int under_root = 0; under_root < 2; under_root++) {
        encoding_init(&encoding, PROFILE_WEIR);
        struct config *config = &encoding.fixture.config;
        config->output.envelope = true;
        config->output.namespace = "lab";
        config->tags = (struct text_list){.items = tags, .count = 2};
        config->fields_json = "\"site\":\"north\",\"rack\":{\"row\":7}";
        config->fields_under_root = under_root;
        encoding_open(&encoding);
        json_t *document = flow_document(&encoding, FLOW_OF({0, 1, 4, "#1"}));
        EXPECT(document, "data_stream",
               "{\"type\": \"logs\", \"dataset\": \"netflow.log\", \"namespace\": \"lab\"}");
        EXPECT(document, "tags", "[\"netflow\", \"for\\\"warded\"]");
        EXPECT(document, under_root ? "rack.row" : "fields.rack.row", "7");
        EXPECT(document, under_root ? "site" : "fields.site", "\"north\"");
        EXPECT(document, "event.dataset", "\"netflow.log\"");
        EXPECT(document, "event.kind", "\"event\"");
        EXPECT(document, "input.type", "\"netflow\"");
        EXPECT(document, "agent.type", "\"weir\"");
        assert_int_equal(strlen(json_string_value(member(document, "agent.id"))), 36);
        encoding_close(&encoding);
    }
}

#define COUNTED(number) {0, 1, 4, number}, {0, 8, 4, "192.0.2.9"}, {0, 96, VAR, "'application"}

/* The same records through batches of every size: none lost, none twice, in order. */
static void batches_of_any_size(void **state)
{
    static struct wire wire;
    const struct flow flow = {FIELDS(COUNTED("#0")), .records = 150};
    wire_flow(&wire, &flow);
    uint32_t record_bytes = 4 + 4 + 12, first = wire.size_bytes - 150 * record_bytes;
    for (uint32_t i = 0; i < 150; i++)
        wire_patch(&wire, first + i * record_bytes + 2, i);
    uint64_t refused = 0, batches = 0;
    for (uint32_t capacity = 600; capacity < 40000; capacity += capacity < 3000 ? 17 : 1733) {
        struct encoding encoding;
        encoding_init(&encoding, PROFILE_WEIR);
        fixture_open(&encoding.fixture);
        encoding_open_encoder(&encoding, capacity);
        size_t count = encoding_feed(&encoding, EXPORTER, wire.bytes, wire.size_bytes);
        encoding_check_ledger(&encoding);
        uint64_t too_large = fixture_count(&encoding.fixture, COUNTER_records_too_large);
        assert_int_equal(count + too_large, 150);
        assert_true(too_large == 0 || too_large == 150);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(json_integer_value(member(json_array_get(encoding.documents, i), "source.bytes")), i);
        refused += too_large;
        batches = encoding.batches > batches ? encoding.batches : batches;
        encoding_close(&encoding);
    }
    assert_true(refused > 0);
    assert_int_equal(batches, 150); /* one each, in the smallest that takes them */
}

/* What is too large for an empty batch is dropped; what stands around it is not. */
static void one_record_is_too_large(void **state)
{
    static struct wire wire;
    static char text[1500];
    memset(text, 'x', sizeof text - 1);
    text[0] = '\'';
    const struct flow small = {FIELDS({0, 1, 4, "#1"}, {0, 96, VAR, "'a"})};
    const struct flow_field large = {0, 96, VAR, text};
    struct encoding encoding;
    encoding_init(&encoding, PROFILE_WEIR);
    fixture_open(&encoding.fixture);
    encoding_open_encoder(&encoding, 4096);
    wire_flow(&wire, &small);
    wire_32(&wire, 2);
    wire_field_value(&wire, &large);
    wire_32(&wire, 3);
    wire_field_value(&wire, &small.fields[1]);
    wire_set_end(&wire);
    wire_message_end(&wire);
    assert_int_equal(encoding_feed(&encoding, EXPORTER, wire.bytes, wire.size_bytes), 2);
    EXPECT(json_array_get(encoding.documents, 0), "source.bytes", "1");
    EXPECT(json_array_get(encoding.documents, 1), "source.bytes", "3");
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_records_too_large), 1);
    encoding_check_ledger(&encoding);
    encoding_close(&encoding);
}

/* Runs of one exporter's documents share a share; at its cap the batch is full. */
static void shares(void **state)
{
    static const char *const exporters[] = {"192.0.2.1:1", "192.0.2.2:1", "192.0.2.2:1", "192.0.2.1:1", "[::1]:1"};
    static struct wire wire;
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    wire_flow(&wire, &(struct flow){FIELDS({0, 1, 4, "#1"}), .records = 3});
    for (size_t i = 0; i < 5; i++)
        encoding_add(&encoding, exporters[i], wire.bytes, wire.size_bytes);
    const uint32_t counts[] = {3, 6, 3, 3};
    assert_int_equal(encoding.batch.share_count, ENCODING_SHARES_MOST);
    for (size_t i = 0; i < ENCODING_SHARES_MOST; i++) {
        const struct exporter *exporter = fixture_exporter(&encoding.fixture, exporters[i + (i > 1)]);
        assert_ptr_equal(encoding.batch.shares[i].exporter, exporter);
        assert_int_equal(encoding.batch.shares[i].count, counts[i]);
    }
    assert_int_equal(encoding.batches, 0);
    encoding_add(&encoding, "192.0.2.5:1", wire.bytes, wire.size_bytes);
    assert_int_equal(encoding.batches, 1);
    assert_int_equal(encoding.batch.share_count, 1);
    assert_int_equal(encoding.batch.count, 3);
    encoding_collect(&encoding);
    assert_int_equal(encoding.written, 18);
    encoding_check_ledger(&encoding);
    encoding_close(&encoding);
}

/* A batch may run out of ends before it does of bytes. */
static void most_documents(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    flow_document(&encoding, &(struct flow){FIELDS({0, 1, 4, "#1"}), .records = 2 * ENCODING_DOCUMENTS_MOST + 1});
    assert_int_equal(encoding.batches, 3);
    encoding_close(&encoding);
}

/* Without memory for the program the records are dropped and counted; when there is some again, they are not. */
static void memory_for_programs(void **state)
{
    static struct wire wire;
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    struct fixture *fixture = &encoding.fixture;
    wire_flow(&wire, &(struct flow){FIELDS({0, 1, 4, "#1"}), .records = 3});
    fixture_feed(fixture, fixture_exporter(fixture, EXPORTER), wire.bytes, wire.size_bytes);
    encoding.written = 3; /* by nobody: the encoder has not seen them */
    void *taken[1024];
    uint32_t count = 0;
    for (size_t size = 1 << 20; size >= 512; size /= 2)
        while (count < 1024 && (taken[count] = heap_take(fixture->heap, size)))
            *(size_t *)taken[count++] = size;
    assert_int_equal(encoding_feed(&encoding, EXPORTER, wire.bytes, wire.size_bytes), 0);
    assert_int_equal(fixture_count(fixture, COUNTER_records_no_program), 3);
    assert_int_equal(fixture_count(fixture, COUNTER_programs_compiled), 0);
    encoding_check_ledger(&encoding);
    while (count-- > 0)
        heap_give(fixture->heap, taken[count], *(size_t *)taken[count]);
    assert_int_equal(encoding_feed(&encoding, EXPORTER, wire.bytes, wire.size_bytes), 3);
    assert_int_equal(fixture_count(fixture, COUNTER_programs_compiled), 1);
    encoding_check_ledger(&encoding);
    encoding_close(&encoding);
}

/* A template that changes: the id means the new one from then on; exporters with the same template share a program. */
static void programs_follow_templates(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    for (int round = 0; round < 3; round++) {
        json_t *document = flow_document(&encoding, FLOW_OF({0, 1, 4, "#1"}));
        EXPECT(document, "netflow.octet_delta_count", "1");
        document = flow_document(&encoding, &(struct flow){FIELDS({0, 2, 4, "#1"}), .exporter = "192.0.2.7:1"});
        EXPECT(document, "netflow.packet_delta_count", "1");
        EXPECT(document, "observer.ip", "[\"192.0.2.7\"]");
        document = flow_document(&encoding, FLOW_OF({0, 2, 4, "#5"}));
        EXPECT(document, "netflow.packet_delta_count", "5");
        EXPECT(document, "netflow.octet_delta_count", NULL);
        EXPECT(document, "observer.ip", "[\"192.0.2.1\"]");
    }
    /* one for packets, which stays; one for octets in each round, since nobody keeps that template */
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_programs_compiled), 4);
    encoding_close(&encoding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v5_flow),
        cmocka_unit_test(ipfix_biflow),
        cmocka_unit_test(v9_options),
        cmocka_unit_test(options_without_values),
        cmocka_unit_test(envelope),
        cmocka_unit_test(batches_of_any_size),
        cmocka_unit_test(one_record_is_too_large),
        cmocka_unit_test(shares),
        cmocka_unit_test(most_documents),
        cmocka_unit_test(memory_for_programs),
        cmocka_unit_test(programs_follow_templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
