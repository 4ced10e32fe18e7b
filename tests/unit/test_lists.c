/* SPDX-License-Identifier: Apache-2.0 */
/* Structured data at its bounds, and elements that a template has more than once. */
#include "tests/unit/encode_flow.h"

/* One record of a source address and a basicList of ports (2 bytes each), which are all the same byte. */
static json_t *ports_document(struct encoding *encoding, uint32_t count)
{
    static uint8_t bytes[65536];
    const uint8_t head[] = {0, 10, 0, 0, 0x69, 0x55, 0xb9, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 16, 1, 44, 0, 2,
                            0, 8, 0, 4, 1, 35, 0xff, 0xff, 1, 44, 0, 0, 192, 0, 2, 1, 255, 0, 0, 3, 0, 11, 0, 2};
    uint32_t list_bytes = 5 + 2 * count, size_bytes = (uint32_t)sizeof head + 2 * count;
    memcpy(bytes, head, sizeof head);
    memset(bytes + sizeof head, 1, 2 * count);
    const uint32_t lengths[][2] = {{2, size_bytes}, {34, size_bytes - 32}, {41, list_bytes}};
    for (int i = 0; i < 3; i++) {
        bytes[lengths[i][0]] = (uint8_t)(lengths[i][1] >> 8);
        bytes[lengths[i][0] + 1] = (uint8_t)lengths[i][1];
    }
    assert_int_equal(encoding_feed(encoding, EXPORTER, bytes, size_bytes), 1);
    encoding_check_ledger(encoding);
    return json_array_get(encoding->documents, 0);
}

/* An array that could be of any size has a bound, and what is beyond leaves the rest of the document alone. */
static void too_large(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    json_t *document = ports_document(&encoding, 5000);
    assert_int_equal(json_array_size(member(document, "netflow.basic_list")), 5000);
    document = ports_document(&encoding, 20000);
    assert_int_equal(json_array_size(member(document, "netflow.basic_list")), 0);
    EXPECT(document, "source.ip", "\"192.0.2.1\"");
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_lists_too_large), 1);
    encoding_close(&encoding);
}

/* A batch that the document does not fit is not overrun: the record is dropped and counted. */
static void too_large_for_a_batch(void **state)
{
    struct encoding encoding;
    encoding_init(&encoding, PROFILE_WEIR);
    fixture_open(&encoding.fixture);
    encoding_open_encoder(&encoding, 16 << 10);
    static struct wire wire;
    wire_flow(&wire, FLOW_OF({0, 8, 4, "192.0.2.1"}, {0, 291, VAR, "03 000b 0002 0001"}));
    assert_int_equal(encoding_feed(&encoding, EXPORTER, wire.bytes, wire.size_bytes), 1);
    EXPECT(json_array_get(encoding.documents, 0), "netflow.basic_list", "[{\"destination_transport_port\": 1}]");
    encoding_close(&encoding);
}

static void repeated(void **state)
{
    for (int kind = 0; kind < 2; kind++) {
        struct encoding encoding;
        encoding_begin(&encoding, kind ? PROFILE_ELASTIC : PROFILE_WEIR);
        json_t *document = flow_document(&encoding, FLOW_OF({0, 8, 4, "10.0.0.1"}, {0, 82, VAR, "'a"},
            {0, 8, 4, "10.0.0.2"}, {0, 82, VAR, "'b\"c"}, {0, 82, 1, "'d"}, {0, 1, 4, "#7"}));
        EXPECT(document, "netflow.interface_name", kind ? "\"d\"" : "[\"a\", \"b\\\"c\", \"d\"]");
        EXPECT(document, "netflow.source_ipv4_address", kind ? "\"10.0.0.2\"" : "[\"10.0.0.1\", \"10.0.0.2\"]");
        EXPECT(document, "netflow.octet_delta_count", "7");
        EXPECT(document, "source.ip", "\"10.0.0.2\"");
        document = flow_document(&encoding, &(struct flow){.scopes = 2, FIELDS({0, 144, 4, "#1"}, {0, 144, 4, "#2"},
                                                                               {0, 144, 4, "#3"}, {0, 82, 1, "'x"})});
        EXPECT(document, "netflow.scope.exporting_process_id", kind ? "2" : "[1, 2]");
        EXPECT(document, "netflow.options.exporting_process_id", "3");
        encoding_close(&encoding);
    }
}

/* Two lists of one element are one array; a list in profile elastic is nothing. */
static void lists_of_one_key(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    json_t *document = flow_document(&encoding, FLOW_OF({0, 291, VAR, "03 000b 0002 0001"}, {0, 291, VAR, ""},
                                                        {0, 291, VAR, "01 000b 0002 0002 0003"}));
    EXPECT(document, "netflow.basic_list",
           "[{\"destination_transport_port\": 1}, {\"list_semantic\": \"exactly_one_of\","
           " \"destination_transport_port\": 2}, {\"list_semantic\": \"exactly_one_of\","
           " \"destination_transport_port\": 3}]");
    document = flow_document(&encoding, FLOW_OF({0, 291, VAR, "03 8001 0003 00007279 000102 000005"})); /* RFC 5103 */
    EXPECT(document, "netflow.basic_list",
           "[{\"reverse_octet_delta_count\": 258}, {\"reverse_octet_delta_count\": 5}]");
    encoding_close(&encoding);
    encoding_begin(&encoding, PROFILE_ELASTIC);
    document = flow_document(&encoding, FLOW_OF({0, 8, 4, "10.0.0.1"}, {0, 291, VAR, "03 000b 0002 0001"}));
    EXPECT(document, "netflow.basic_list", NULL);
    encoding_close(&encoding);
}

/* RFC 6313 4.5, told wrongly: what was whole of the list stays, and the record around it, whose template is 300. */
static void wrong_lists(void **state)
{
    static const struct {
        struct flow_field list;
        enum counter counter;
        const char *path, *json;
    } rows[] = {
        {{0, 291, VAR, "03 00 0b"}, COUNTER_lists_bad, "netflow.basic_list", "[]"},
        {{0, 291, VAR, "03 80 0b 00 02 00 00"}, COUNTER_lists_bad, "netflow.basic_list", "[]"},
        {{0, 291, VAR, "03 00 0b 00 00 01"}, COUNTER_lists_bad, "netflow.basic_list", "[]"}, /* of no bytes each */
        {{0, 291, VAR, "03 00 0b 00 02 00 35 01"}, COUNTER_lists_bad, "netflow.basic_list",
         "[{\"destination_transport_port\": 53}]"},
        {{0, 291, VAR, "03 00 52 ff ff 01 61 05 62"}, COUNTER_lists_bad, "netflow.basic_list",
         "[{\"interface_name\": \"a\"}]"},
        {{0, 292, VAR, "03 01"}, COUNTER_lists_bad, "netflow.sub_template_list", "[]"},
        {{0, 292, VAR, "03 01 90 0a 00 00 01"}, COUNTER_lists_without_template, "netflow.sub_template_list", "[]"},
        {{0, 292, VAR, "03 01 2c 0a 00"}, COUNTER_lists_bad, "netflow.sub_template_list", "[]"},
        {{0, 293, VAR, "03 01 90 00 05 01"}, COUNTER_lists_without_template, "netflow.sub_template_multi_list", "[]"},
        {{0, 293, VAR, "03 01 2c 00 03"}, COUNTER_lists_bad, "netflow.sub_template_multi_list", "[]"},
        {{0, 293, VAR, "03 01 2c 00 40 00"}, COUNTER_lists_bad, "netflow.sub_template_multi_list", "[]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct encoding encoding;
        encoding_begin(&encoding, PROFILE_WEIR);
        json_t *document = flow_document(&encoding, FLOW_OF({0, 8, 4, "10.0.0.1"}, rows[i].list, {0, 11, 2, "#53"}));
        EXPECT(document, "source.ip", "\"10.0.0.1\"");
        EXPECT(document, "destination.port", "53");
        EXPECT(document, rows[i].path, rows[i].json);
        if (fixture_count(&encoding.fixture, rows[i].counter) != 1)
            fail_msg("row %zu is not counted", i);
        encoding_close(&encoding);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_large),
        cmocka_unit_test(too_large_for_a_batch),
        cmocka_unit_test(repeated),
        cmocka_unit_test(lists_of_one_key),
        cmocka_unit_test(wrong_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
