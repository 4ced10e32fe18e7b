/* SPDX-License-Identifier: Apache-2.0 */
/* What documents of flows say under which conditions. */
#include "tests/unit/encode_flow.h"

#define ADDRESSES {0, 8, 4, "10.0.0.1"}, {0, 12, 4, "203.0.113.9"}
#define PORTS {0, 7, 2, "#1000"}, {0, 11, 2, "#53"}

/* biflowDirection 2: the sides change places, in source, destination, client and server; not elsewhere. */
static void biflow_swap(void **state)
{
    static const char *const directions[] = {"#0", "#1", "#2", "#3"};
    char id[16] = "";
    for (int kind = 0; kind < 2; kind++)
        for (int i = 0; i < 4; i++) {
            struct encoding encoding;
            encoding_begin(&encoding, kind ? PROFILE_ELASTIC : PROFILE_WEIR);
            const char *source = "{\"ip\": \"10.0.0.1\", \"port\": 1000, \"mac\": \"02-00-00-00-00-01\","
                                 " \"locality\": \"internal\", \"bytes\": 100, \"packets\": 3}";
            const char *destination = "{\"ip\": \"203.0.113.9\", \"port\": 53, \"locality\": \"external\","
                                      " \"bytes\": 5000000000, \"packets\": 4}";
            json_t *document = flow_document(&encoding, FLOW_OF(ADDRESSES, PORTS, {0, 4, 1, "#17"},
                {0, 56, 6, "02 00 00 00 00 01"}, {0, 1, 4, "#100"}, {0, 2, 2, "#3"}, {29305, 1, 8, "#5000000000"},
                {29305, 2, 1, "#4"}, {0, 239, 1, directions[i]}));
            EXPECT(document, "source", i == 2 ? destination : source);
            EXPECT(document, "destination", i == 2 ? source : destination);
            EXPECT(document, "client", i == 2 ? destination : source);
            EXPECT(document, "server", i == 2 ? source : destination);
            EXPECT(document, "event.category", "[\"network\", \"session\"]");
            EXPECT(document, "network.bytes", "5000000100");
            EXPECT(document, "network.packets", "7");
            EXPECT(document, "network.direction", i == 2 ? "\"inbound\"" : "\"outbound\"");
            EXPECT(document, "flow.locality", "\"external\"");
            if (!*id)
                strcpy(id, json_string_value(member(document, "flow.id")));
            assert_string_equal(json_string_value(member(document, "flow.id")), id);
            encoding_close(&encoding);
        }
}

/* Both sides must have something. */
static void biflow_with_one_side(void **state)
{
    for (int kind = 0; kind < 2; kind++) {
        struct encoding encoding;
        encoding_begin(&encoding, kind ? PROFILE_ELASTIC : PROFILE_WEIR);
        json_t *document = flow_document(&encoding, FLOW_OF({0, 12, 4, "203.0.113.9"}, {0, 239, 1, "#2"}));
        EXPECT(document, "source", NULL);
        EXPECT(document, "client", NULL);
        EXPECT(document, "server", NULL);
        EXPECT(document, "destination", "{\"ip\": \"203.0.113.9\", \"locality\": \"external\"}");
        EXPECT(document, "event.category", "[\"network\"]");
        document = flow_document(&encoding, FLOW_OF({0, 239, 1, "#2"}));
        EXPECT(document, "source", NULL);
        EXPECT(document, "destination", NULL);
        EXPECT(document, "network.type", NULL);
        encoding_close(&encoding);
    }
}

/* RFC 5103 6.3: biflowDirection is optional; profile weir sees a biflow by its reverse counters. */
static void biflow_without_direction(void **state)
{
    for (int kind = 0; kind < 2; kind++) {
        struct encoding encoding;
        bool elastic = kind == 1;
        encoding_begin(&encoding, elastic ? PROFILE_ELASTIC : PROFILE_WEIR);
        json_t *document = flow_document(&encoding, FLOW_OF(ADDRESSES, {0, 1, 4, "#1"}, {0, 232, 4, "#9"}));
        EXPECT(document, "client", elastic ? NULL : "{\"ip\": \"10.0.0.1\", \"locality\": \"internal\", \"bytes\": 1}");
        EXPECT(document, "server",
               elastic ? NULL : "{\"ip\": \"203.0.113.9\", \"locality\": \"external\", \"bytes\": 9}");
        EXPECT(document, "event.category", elastic ? "[\"network\"]" : "[\"network\", \"session\"]");
        EXPECT(document, "destination.bytes", "9");
        EXPECT(document, "network.bytes", "10");
        /* of variable length, and in this record not there */
        document = flow_document(&encoding, FLOW_OF(ADDRESSES, {29305, 1, VAR, ""}, {0, 1, 4, "#1"}));
        EXPECT(document, "client", NULL);
        EXPECT(document, "destination.bytes", NULL);
        EXPECT(document, "event.category", "[\"network\"]");
        /* what comes back alone gives no sum */
        document = flow_document(&encoding, FLOW_OF(ADDRESSES, {29305, 2, 4, "#6"}));
        EXPECT(document, "destination.packets", "6");
        EXPECT(document, "network.packets", NULL);
        encoding_close(&encoding);
    }
}

#define WLAN(direction) {0, 61, 1, direction}, {0, 365, 6, "0a 00 00 00 00 01"}, {0, 367, 6, "0a 00 00 00 00 02"}

static void wlan(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_ELASTIC);
    const char *station = "{\"ip\": \"10.9.9.9\", \"mac\": \"0A-00-00-00-00-01\", \"locality\": \"internal\"}";
    const char *access_point = "{\"mac\": \"0A-00-00-00-00-02\"}";
    json_t *document = flow_document(&encoding, FLOW_OF(WLAN("#0"), {0, 366, 4, "10.9.9.9"},
                                                                      {0, 147, VAR, "'caf\xc3\xa9"}));
    EXPECT(document, "source", station);
    EXPECT(document, "destination", access_point);
    EXPECT(document, "network.name", "\"caf\u00e9\"");
    EXPECT(document, "related.ip", "[\"10.9.9.9\", \"192.0.2.1\"]");
    document = flow_document(&encoding, FLOW_OF(WLAN("#1"), {0, 366, 4, "10.9.9.9"}));
    EXPECT(document, "source", access_point);
    EXPECT(document, "destination", station);
    EXPECT(document, "network.direction", "\"outbound\"");
    /* the flow's own addresses are written over them, a MAC where there is one */
    document = flow_document(&encoding, FLOW_OF(WLAN("#0"), {0, 366, 4, "10.9.9.9"}, ADDRESSES,
                                                              {0, 80, 6, "0c 00 00 00 00 03"}));
    EXPECT(document, "source.ip", "\"10.0.0.1\"");
    EXPECT(document, "source.mac", "\"0A-00-00-00-00-01\"");
    EXPECT(document, "destination.mac", "\"0C-00-00-00-00-03\"");
    /* without one of the three, nothing of it */
    document = flow_document(&encoding, FLOW_OF({0, 61, 1, "#0"}, {0, 365, 6, "0a 00 00 00 00 01"},
                                                              {0, 366, 4, "10.9.9.9"}));
    EXPECT(document, "source", NULL);
    EXPECT(document, "destination", NULL);
    EXPECT(document, "netflow.sta_ipv4_address", "\"10.9.9.9\"");
    encoding_close(&encoding);
}

/* Fields of variable length, which may turn out to be of a wrong one: then they are not there. */
static void wrong_lengths(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    json_t *document = flow_document(&encoding, FLOW_OF({0, 8, VAR, "0a 00 00"}, {0, 12, VAR, "203.0.113.9"},
        {0, 7, VAR, "00 01 01 bb"}, {0, 11, VAR, "35"}, {0, 56, VAR, ""}, {0, 4, VAR, "06"}, {0, 1, VAR, "01 00 00"},
        {0, 2, VAR, ""}, {0, 276, VAR, "02"}, {0, 27, VAR, "2001:db8::5"}, {0, 28, VAR, "0a 00 00 01"}));
    EXPECT(document, "source", "{\"ip\": \"2001:db8::5\", \"locality\": \"external\", \"bytes\": 65536}");
    EXPECT(document, "destination", "{\"ip\": \"203.0.113.9\", \"locality\": \"external\", \"port\": 53}");
    EXPECT(document, "network.type", "[\"ipv4\", \"ipv6\"]");
    EXPECT(document, "network.transport", "\"tcp\"");
    EXPECT(document, "network.packets", NULL);
    EXPECT(document, "netflow.source_ipv4_address", NULL);
    EXPECT(document, "netflow.source_transport_port", NULL);
    EXPECT(document, "netflow.destination_transport_port", "53");
    EXPECT(document, "netflow.data_records_reliability", "false");
    EXPECT(document, "related.ip", "[\"192.0.2.1\", \"2001:db8::5\", \"203.0.113.9\"]");
    /* the same template, with nothing in the record */
    document = flow_document(&encoding, FLOW_OF({0, 8, VAR, ""}, {0, 12, VAR, ""}, {0, 7, VAR, ""},
        {0, 11, VAR, ""}, {0, 56, VAR, ""}, {0, 4, VAR, ""}, {0, 1, VAR, ""}, {0, 2, VAR, ""}, {0, 276, VAR, ""},
        {0, 27, VAR, ""}, {0, 28, VAR, ""}));
    static const char *const absent[] = {"source", "destination", "network.type", "network.transport",
                                         "network.iana_number", "network.bytes", "client", "event.start"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        EXPECT(document, absent[i], NULL);
    EXPECT(document, "related.ip", "[\"192.0.2.1\"]");
    EXPECT(document, "flow.locality", "\"internal\"");
    assert_int_equal(json_object_size(member(document, "netflow")), 2); /* exporter and type */
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_programs_compiled), 1);
    encoding_close(&encoding);
}

/* Of two fields with one key the later counts; of one element both are written, of two elements the later one. */
/* Numbers with more bytes than their element has: what it cannot have is not there, nor in what is made of it. */
static void long_numbers(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    for (int i = 0; i < 2; i++) {
        json_t *document = flow_document(&encoding, &(struct flow){.version = 9, FIELDS({0, 8, 4, "10.0.0.1"},
            {0, 4, 2, i ? "#262" : "#6"}, {0, 7, 4, i ? "#65979" : "#443"}, {0, 11, 3, "#53"},
            {0, 10, 8, i ? "#4294967296" : "#4294967295"}, {0, 61, 4, i ? "#256" : "#1"}, {0, 1, 4, "#1000"},
            {0, 34, 8, i ? "#4294967296" : "#10"}, {0, 48, 8, i ? "#4294967297" : "#1"}, {0, 14, 2, "#9"},
            {0, 276, 1, "#1"})});
        EXPECT(document, "network.transport", i ? NULL : "\"tcp\"");
        EXPECT(document, "source.port", i ? NULL : "443");
        EXPECT(document, "destination.port", "53");
        EXPECT(document, "netflow.protocol_identifier", i ? NULL : "6");
        EXPECT(document, "netflow.source_transport_port", i ? NULL : "443");
        EXPECT(document, "netflow.ingress_interface", i ? NULL : "4294967295");
        EXPECT(document, "netflow.flow_direction", i ? NULL : "1");
        EXPECT(document, "network.direction", i ? "\"unknown\"" : "\"outbound\"");
        EXPECT(document, "netflow.sampler_id", i ? NULL : "1");
        EXPECT(document, "flow.sampling", i ? NULL : "{\"rate\": 10, \"source\": \"record\"}");
        EXPECT(document, "source.bytes", i ? "1000" : "10000");
        EXPECT(document, "netflow.egress_interface", "9");
        EXPECT(document, "netflow.data_records_reliability", "true");
    }
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_programs_compiled), 1);
    encoding_close(&encoding);
    encoding_begin(&encoding, PROFILE_ELASTIC);
    EXPECT(flow_document(&encoding, FLOW_OF({0, 4, 2, "#6"}, {0, 7, 4, "#443"})), "netflow.protocol_identifier", NULL);
    encoding_close(&encoding);
}

static void later_field_wins(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    json_t *document = flow_document(&encoding, FLOW_OF({0, 8, 4, "192.0.2.77"}, {0, 1, 4, "#5"},
        {0, 8, 4, "10.0.0.2"}, {0, 1, 2, "#6"}, {0, 233, 1, "#1"}, {4242, 77, 1, "aa"}, {4242, 77, 2, "bb cc"}));
    EXPECT(document, "source.ip", "\"10.0.0.2\"");
    EXPECT(document, "source.bytes", "6");
    EXPECT(document, "netflow.source_ipv4_address", "[\"192.0.2.77\", \"10.0.0.2\"]");
    EXPECT(document, "netflow.octet_delta_count", "[5, 6]");
    EXPECT(document, "netflow.unknown_4242_77", "[\"aa\", \"bbcc\"]");
    EXPECT(document, "related.ip", "[\"10.0.0.2\", \"192.0.2.1\"]");
    document = flow_document(&encoding, &(struct flow){FIELDS({0, 40005, 1, "#2"}, {0, 233, 1, "#1"}), .version = 9});
    EXPECT(document, "netflow.firewall_event", "1");
    document = flow_document(&encoding, &(struct flow){FIELDS({0, 233, 1, "#1"}, {0, 40005, 1, "#2"}), .version = 9});
    EXPECT(document, "netflow.firewall_event", "2");
    encoding_close(&encoding);
}

static void unknown_elements(void **state)
{
    const struct flow flow = {FIELDS({4242, 77, 3, "00 ab ff"}, {0, 9999, VAR, "68 69"}, {4294967294, 32767, VAR, ""},
                                     {0, 291, VAR, "01 02"}, {0, 56, 4, "01 02 03 04"})};
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    json_t *document = flow_document(&encoding, &flow);
    EXPECT(document, "netflow.unknown_4242_77", "\"00abff\"");
    EXPECT(document, "netflow.unknown_0_9999", "\"6869\"");
    EXPECT(document, "netflow.unknown_4294967294_32767", "\"\"");
    EXPECT(document, "netflow.basic_list", "[]"); /* two bytes are none */
    assert_int_equal(json_object_size(member(document, "netflow")), 6);
    encoding_close(&encoding);
    encoding_begin(&encoding, PROFILE_ELASTIC);
    assert_int_equal(json_object_size(member(flow_document(&encoding, &flow), "netflow")), 2);
    encoding_close(&encoding);
}

/* Profile weir leaves out what Elasticsearch would refuse, and counts it once for each value. */
static void unmappable_values(void **state)
{
    const struct flow flow = {FIELDS({0, 1, 8, "#9223372036854775808"}, {0, 2, 8, "#9223372036854775807"},
        {29305, 2, 8, "#1"}, {0, 152, 8, "#253402300800000"}, {0, 153, 8, "ff ff ff ff ff ff ff ff"},
        {0, 85, 8, "#18446744073709551615"})};
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    json_t *document = flow_document(&encoding, &flow);
    EXPECT(document, "source", "{\"packets\": 9223372036854775807}");
    EXPECT(document, "destination", "{\"packets\": 1}");
    EXPECT(document, "network.bytes", NULL);
    EXPECT(document, "network.packets", NULL); /* the sum does not fit */
    EXPECT(document, "netflow.octet_delta_count", NULL);
    EXPECT(document, "netflow.packet_delta_count", "9223372036854775807");
    EXPECT(document, "netflow.flow_start_milliseconds", NULL);
    EXPECT(document, "netflow.flow_end_milliseconds", NULL);
    EXPECT(document, "netflow.octet_total_count", NULL);
    EXPECT(document, "event.start", NULL);
    EXPECT(document, "event.end", NULL);
    EXPECT(document, "event.duration", NULL);
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_values_unmappable), 4);
    /* two that do not fit, whose sum would wrap to one that does */
    document = flow_document(&encoding, FLOW_OF({0, 1, 8, "#9223372036854775809"},
                                                              {29305, 1, 8, "#9223372036854775809"}));
    EXPECT(document, "network.bytes", NULL);
    encoding_close(&encoding);

    encoding_begin(&encoding, PROFILE_ELASTIC);
    document = flow_document(&encoding, &flow);
    assert_true(json_real_value(member(document, "source.bytes")) == 9223372036854775808.0);
    assert_true(json_real_value(member(document, "network.packets")) == 9223372036854775808.0);
    EXPECT(document, "netflow.flow_start_milliseconds", "\"10000-01-01T00:00:00.000Z\"");
    EXPECT(document, "netflow.flow_end_milliseconds", "\"584556019-04-03T14:25:51.615Z\"");
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_values_unmappable), 0);
    encoding_close(&encoding);
}

static void counters_by_preference(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_ELASTIC);
    json_t *document = flow_document(&encoding, FLOW_OF({0, 231, 4, "#3"}, {0, 85, 4, "#2"}, {0, 1, 4, "#0"},
        {0, 232, 4, "#7"}, {29305, 85, 4, "#6"}, {0, 298, 4, "#9"}, {0, 86, 8, "#8"}));
    EXPECT(document, "source", "{\"bytes\": 0, \"packets\": 8}");
    EXPECT(document, "destination", "{\"bytes\": 6}");
    EXPECT(document, "network.bytes", "6");
    EXPECT(document, "network.packets", "8");
    encoding_close(&encoding);
}

static void zero_addresses(void **state)
{
    const struct flow flow = {FIELDS({0, 8, 4, "0.0.0.0"}, {0, 27, 16, "2001:db8::1"}, {0, 12, 4, "0.0.0.0"})};
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_ELASTIC);
    json_t *document = flow_document(&encoding, &flow);
    EXPECT(document, "source", "{\"ip\": \"0.0.0.0\", \"locality\": \"internal\"}");
    EXPECT(document, "related.ip", "[\"0.0.0.0\", \"192.0.2.1\", \"2001:db8::1\"]");
    encoding_close(&encoding);
    encoding_begin(&encoding, PROFILE_WEIR);
    document = flow_document(&encoding, &flow);
    EXPECT(document, "source", "{\"ip\": \"2001:db8::1\", \"locality\": \"external\"}");
    EXPECT(document, "destination", "{\"ip\": \"0.0.0.0\", \"locality\": \"internal\"}");
    EXPECT(document, "related.ip", "[\"192.0.2.1\", \"2001:db8::1\"]");
    encoding_close(&encoding);
}

/* The bits in the pipeline's order; no name has a bit above the lowest eight. */
static void tcp_flags(void **state)
{
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    for (unsigned bits = 0; bits < 256; bits++) {
        char value[16], expected[128] = "[";
        for (int bit = 7; bit >= 0; bit--)
            if (bits >> bit & 1)
                sprintf(expected + strlen(expected), "%s\"%s\"", expected[1] ? "," : "", names[bit]);
        strcat(expected, "]");
        sprintf(value, "#%u", bits | 0x100);
        json_t *document = flow_document(&encoding, FLOW_OF({0, 6, 2, value}));
        EXPECT(document, "netflow.tcp_flags", bits ? expected : NULL);
        sprintf(value, "#%u", bits);
        document = flow_document(&encoding, FLOW_OF({0, 6, 1, value}));
        EXPECT(document, "netflow.tcp_flags", bits ? expected : NULL);
        EXPECT(document, "netflow.tcp_control_bits", value + 1);
    }
    encoding_close(&encoding);
}

static void directions_and_transports(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    for (unsigned number = 0; number < 256; number++) {
        char value[16], unknown[32], iana[16];
        sprintf(value, "#%u", number);
        sprintf(unknown, "\"unknown (%u)\"", number);
        sprintf(iana, "\"%u\"", number);
        json_t *document = flow_document(&encoding, FLOW_OF({0, 61, 1, value}, {0, 4, 1, value}));
        EXPECT(document, "network.direction",
               number == 0 ? "\"inbound\"" : number == 1 ? "\"outbound\"" : unknown);
        static const char *const names[256] = {
            [1] = "\"icmp\"", [6] = "\"tcp\"", [17] = "\"udp\"", [58] = "\"ipv6-icmp\""};
        EXPECT(document, "network.transport", names[number] ? names[number] : unknown);
        EXPECT(document, "network.iana_number", iana);
    }
    static const char *const sides[2] = {"203.0.113.1", "10.0.0.1"};
    static const char *const expected[2][2] = {{"\"external\"", "\"inbound\""}, {"\"outbound\"", "\"internal\""}};
    for (int from = 0; from < 2; from++)
        for (int to = 0; to < 2; to++) {
            json_t *document = flow_document(&encoding, FLOW_OF({0, 8, 4, sides[from]}, {0, 12, 4, sides[to]},
                                                                              {0, 61, 1, "#1"}));
            EXPECT(document, "network.direction", expected[from][to]);
            EXPECT(document, "flow.locality", from && to ? "\"internal\"" : "\"external\"");
        }
    json_t *document = flow_document(&encoding, FLOW_OF({0, 8, 4, "10.0.0.1"}));
    EXPECT(document, "network.direction", "\"unknown\"");
    encoding_close(&encoding);
}

static void extra_fields(void **state)
{
    const struct flow flow = {FIELDS({0, 225, 4, "198.51.100.1"}, {0, 227, 2, "#4000"}, {0, 226, 4, "0.0.0.0"},
                                     {0, 228, 2, "#0"}, {0, 96, VAR, "'dns"}, {0, 58, 2, "#0"}, {0, 243, 2, "#7"})};
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    json_t *document = flow_document(&encoding, &flow);
    EXPECT(document, "source", "{\"nat\": {\"ip\": \"198.51.100.1\", \"port\": 4000}}");
    EXPECT(document, "destination", NULL);
    EXPECT(document, "network.application", "\"dns\"");
    EXPECT(document, "netflow.vlan_id", "0");
    encoding_close(&encoding);
    encoding_begin(&encoding, PROFILE_ELASTIC);
    document = flow_document(&encoding, &flow);
    EXPECT(document, "source", NULL);
    EXPECT(document, "network.application", NULL);
    EXPECT(document, "network.vlan", NULL);
    encoding_close(&encoding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(biflow_swap),      cmocka_unit_test(biflow_with_one_side),
        cmocka_unit_test(biflow_without_direction), cmocka_unit_test(wlan),
        cmocka_unit_test(wrong_lengths),    cmocka_unit_test(long_numbers),
        cmocka_unit_test(later_field_wins),
        cmocka_unit_test(unknown_elements), cmocka_unit_test(unmappable_values),
        cmocka_unit_test(counters_by_preference), cmocka_unit_test(zero_addresses),
        cmocka_unit_test(tcp_flags),        cmocka_unit_test(directions_and_transports),
        cmocka_unit_test(extra_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
