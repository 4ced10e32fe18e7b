/* SPDX-License-Identifier: Apache-2.0 */
/* What documents of flows say of what options records have said: names, and counters times the sampling rate. */
#include "tests/unit/encode_flow.h"

#define COUNTERS {0, 1, 4, "#1000"}, {0, 2, 4, "#10"}
#define PORTS {0, 10, 4, "#1"}, {0, 14, 4, "#2"}

/* An options record: scopes first. Its template has an id that flows do not use. */
static void options_send(struct encoding *encoding, const struct flow *flow)
{
    assert_true(flow->scopes > 0);
    flow_document(encoding, flow);
}

#define OPTIONS_OF(...) &(struct flow){.scopes = 1, FIELDS(__VA_ARGS__)}

static void rates_in_order(void **state)
{
    static char *rules[] = {"192.0.2.9=70", "192.0.2.9%2=80"};
    struct encoding encoding;
    encoding_init(&encoding, PROFILE_WEIR);
    encoding.fixture.config.sampling.rates = (struct text_list){.items = rules, .count = 2};
    encoding_open(&encoding);
    const struct flow flow = {FIELDS(COUNTERS, PORTS, {0, 302, 4, "#5"}, {0, 48, 1, "#6"})};
    json_t *document = flow_document(&encoding, &flow);
    EXPECT(document, "flow.sampling", NULL);
    EXPECT(document, "source", "{\"bytes\": 1000, \"packets\": 10}");
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_records_rate_unknown), 1);
    options_send(&encoding, OPTIONS_OF({0, 144, 4, "#1"}, {0, 34, 4, "#10"}));
    document = flow_document(&encoding, &flow);
    EXPECT(document, "flow.sampling", "{\"rate\": 10, \"source\": \"exporter\"}");
    options_send(&encoding, OPTIONS_OF({0, 10, 4, "#2"}, {0, 34, 4, "#20"})); /* of the egress interface */
    document = flow_document(&encoding, &flow);
    EXPECT(document, "flow.sampling", "{\"rate\": 20, \"source\": \"interface\"}");
    options_send(&encoding, OPTIONS_OF({0, 14, 4, "#1"}, {0, 34, 4, "#30"})); /* of the ingress interface */
    document = flow_document(&encoding, &flow);
    EXPECT(document, "flow.sampling", "{\"rate\": 30, \"source\": \"interface\"}");
    options_send(&encoding, OPTIONS_OF({0, 302, 4, "#5"}, {0, 305, 4, "#1"}, {0, 306, 4, "#39"}));
    document = flow_document(&encoding, &flow);
    EXPECT(document, "flow.sampling", "{\"rate\": 40, \"source\": \"selector\"}");
    options_send(&encoding, OPTIONS_OF({0, 144, 4, "#1"}, {0, 48, 1, "#6"}, {0, 49, 1, "#2"}, {0, 50, 4, "#50"}));
    document = flow_document(&encoding, &flow);
    EXPECT(document, "flow.sampling", "{\"rate\": 50, \"source\": \"sampler\"}");
    EXPECT(document, "source", "{\"bytes\": 50000, \"packets\": 500}");
    EXPECT(document, "network.bytes", "50000");
    EXPECT(document, "network.packets", "500");
    EXPECT(document, "netflow.octet_delta_count", "1000");
    EXPECT(document, "netflow.packet_delta_count", "10");
    document = flow_document(&encoding, FLOW_OF(COUNTERS, PORTS, {0, 48, 1, "#6"}, {0, 34, 4, "#60"}));
    EXPECT(document, "flow.sampling", "{\"rate\": 60, \"source\": \"record\"}");
    document = flow_document(&encoding, &(struct flow){.exporter = "192.0.2.9:1", FIELDS(COUNTERS, {0, 34, 4, "#60"})});
    EXPECT(document, "flow.sampling", "{\"rate\": 70, \"source\": \"configuration\"}");
    document = flow_document(&encoding, &(struct flow){.exporter = "192.0.2.9:1", FIELDS(COUNTERS, PORTS)});
    EXPECT(document, "flow.sampling", "{\"rate\": 80, \"source\": \"configuration\"}");
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_records_scaled), 8);
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_records_rate_unknown), 1);
    encoding_close(&encoding);
}

/* IOS-XR numbers samplers with two bytes, others with four; IANA has one. Two samplers must not be taken for one. */
static void samplers_of_any_length(void **state)
{
    static const struct {
        struct flow_field field;
        const char *sampling, *id;
    } rows[] = {
        {{0, 48, 2, "#1"}, "{\"rate\": 1000, \"source\": \"sampler\"}", "1"},
        {{0, 48, 4, "#257"}, "{\"rate\": 10, \"source\": \"sampler\"}", "257"},
        {{0, 48, 1, "#1"}, "{\"rate\": 1000, \"source\": \"sampler\"}", "1"},
        {{0, 48, 2, "#0"}, "{\"rate\": 1, \"source\": \"sampler\"}", "0"},
        {{0, 48, 2, "#2"}, NULL, "2"},
    };
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    for (int i = 0; i < 2; i++)
        options_send(&encoding, &(struct flow){.version = 9, .scopes = 1, FIELDS({0, 1, 4, "#0"},
            {0, 48, 2, i ? "#257" : "#1"}, {0, 49, 1, "#2"}, {0, 50, 4, i ? "#10" : "#1000"})});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *document = flow_document(&encoding, &(struct flow){.version = 9, FIELDS(COUNTERS, rows[i].field)});
        EXPECT(document, "flow.sampling", rows[i].sampling);
        EXPECT(document, "netflow.sampler_id", rows[i].id);
    }
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_records_rate_unknown), 1);
    encoding_close(&encoding);
}

/* Both directions, swapped sides, and counts too large for any mapping. */
static void both_directions(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    options_send(&encoding, OPTIONS_OF({0, 144, 4, "#1"}, {0, 309, 4, "#2"}, {0, 310, 4, "#5"}));
    for (int direction = 1; direction <= 2; direction++) {
        json_t *document = flow_document(&encoding, FLOW_OF({0, 8, 4, "10.0.0.1"}, {0, 12, 4, "203.0.113.9"}, COUNTERS,
            {29305, 1, 8, "#3"}, {0, 239, 1, direction == 1 ? "#1" : "#2"}));
        const char *first = direction == 1 ? "source" : "destination";
        const char *second = direction == 1 ? "destination" : "source";
        EXPECT(document, "flow.sampling.rate", "2.5");
        assert_int_equal(json_integer_value(json_object_get(member(document, first), "bytes")), 2500);
        assert_int_equal(json_integer_value(json_object_get(member(document, first), "packets")), 25);
        assert_int_equal(json_integer_value(json_object_get(member(document, second), "bytes")), 8); /* 7.5 */
        EXPECT(document, direction == 1 ? "server.bytes" : "client.bytes", "8");
        EXPECT(document, "network.bytes", "2508");
        EXPECT(document, "network.packets", "25");
    }
    json_t *document = flow_document(&encoding, FLOW_OF({0, 1, 8, "#4611686018427387904"}, {29305, 1, 8, "#1"}));
    EXPECT(document, "source", NULL); /* 2^62 times 2.5 */
    EXPECT(document, "destination.bytes", "3");
    EXPECT(document, "network.bytes", NULL);
    EXPECT(document, "netflow.octet_delta_count", "4611686018427387904");
    const char *half = "#3074457345618258602";
    document = flow_document(&encoding, FLOW_OF({0, 1, 8, half}, {29305, 1, 8, half}));
    EXPECT(document, "source.bytes", "7686143364045646505");
    EXPECT(document, "network.bytes", NULL); /* each fits, the sum does not */
    encoding_close(&encoding);
}

/* A rate of 1 is known, and scales nothing; v5's header is asked last, without its mode. */
static void header_and_one(void **state)
{
    struct encoding encoding;
    uint8_t v5[24 + 48] = {0, 5, 0, 1};
    encoding_begin(&encoding, PROFILE_WEIR);
    v5[24 + 19] = 7; /* packets */
    v5[24 + 23] = 100;
    v5[22] = 0x40;
    assert_int_equal(encoding_feed(&encoding, EXPORTER, v5, sizeof v5), 1);
    EXPECT(json_array_get(encoding.documents, 0), "flow.sampling", NULL); /* a mode without an interval */
    v5[23] = 1;
    assert_int_equal(encoding_feed(&encoding, EXPORTER, v5, sizeof v5), 1);
    EXPECT(json_array_get(encoding.documents, 0), "flow.sampling", "{\"rate\": 1, \"source\": \"header\"}");
    EXPECT(json_array_get(encoding.documents, 0), "source.bytes", "100");
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_records_scaled), 0);
    v5[22] = 0xff;
    v5[23] = 0xff;
    assert_int_equal(encoding_feed(&encoding, EXPORTER, v5, sizeof v5), 1);
    EXPECT(json_array_get(encoding.documents, 0), "flow.sampling.rate", "16383");
    EXPECT(json_array_get(encoding.documents, 0), "source.packets", "114681");
    encoding_close(&encoding);
}

/* Names, for each place of the document; a field of the record itself is stronger. */
static void names(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    const struct flow flow = {FIELDS({0, 8, 4, "10.0.0.1"}, {0, 12, 4, "10.0.0.2"}, {0, 252, 2, "#1"}, {0, 14, 2, "#2"},
        {0, 95, VAR, "0d0001c5"}, {0, 234, 4, "#7"}, {0, 235, 4, "#8"})};
    options_send(&encoding, OPTIONS_OF({0, 10, 4, "#1"}, {0, 82, 4, "'eth0"}, {0, 83, VAR, "'up \"link\""}));
    json_t *document = flow_document(&encoding, &flow);
    EXPECT(document, "observer",
           "{\"ip\": [\"192.0.2.1\"],"
           " \"ingress\": {\"interface\": {\"name\": \"eth0\", \"alias\": \"up \\\"link\\\"\"}}}");
    EXPECT(document, "network.application", NULL);
    EXPECT(document, "flow.ingress", NULL);
    options_send(&encoding, OPTIONS_OF({0, 95, 4, "0d0001c5"}, {0, 96, VAR, "'ssl"}, {0, 372, VAR, "'web"}));
    options_send(&encoding, OPTIONS_OF({0, 235, 4, "#7"}, {0, 236, VAR, "'blue"}));
    options_send(&encoding, OPTIONS_OF({0, 234, 4, "#8"}, {0, 236, VAR, "'red"}));
    options_send(&encoding, OPTIONS_OF({0, 8, 4, "10.0.0.1"}, {0, 371, VAR, "'ana"}));
    options_send(&encoding, OPTIONS_OF({0, 8, 4, "10.0.0.2"}, {0, 371, VAR, "'ben"}));
    options_send(&encoding, OPTIONS_OF({0, 253, 4, "#2"}, {0, 82, VAR, "'eth1"}));
    document = flow_document(&encoding, &flow);
    EXPECT(document, "network.application", "\"ssl\"");
    EXPECT(document, "flow.application", "{\"category\": \"web\"}");
    EXPECT(document, "flow.ingress", "{\"vrf\": \"blue\"}");
    EXPECT(document, "flow.egress", "{\"vrf\": \"red\"}");
    EXPECT(document, "user", "{\"name\": \"ana\"}");
    EXPECT(document, "source.user", "{\"name\": \"ana\"}");
    EXPECT(document, "destination.user", "{\"name\": \"ben\"}");
    EXPECT(document, "observer.egress", "{\"interface\": {\"name\": \"eth1\"}}");
    document = flow_document(&encoding, FLOW_OF({0, 8, 4, "10.0.0.1"}, {0, 12, 4, "10.0.0.2"}, {0, 239, 1, "#2"}));
    EXPECT(document, "source.user", NULL); /* the sides change places */
    EXPECT(document, "user", NULL);
    document = flow_document(&encoding, FLOW_OF({0, 95, 4, "0d0001c5"}, {0, 96, VAR, "'mine"}, {0, 8, 4, "10.0.0.1"},
                                                {0, 371, VAR, "'me"}));
    EXPECT(document, "network.application", "\"mine\"");
    EXPECT(document, "user.name", "\"me\"");
    EXPECT(document, "source.user.name", "\"ana\"");
    document = flow_document(&encoding, OPTIONS_OF({0, 10, 4, "#1"}, {0, 82, 4, "'eth0"}));
    EXPECT(document, "observer", "{\"ip\": [\"192.0.2.1\"]}"); /* documents of options records stay as they are */
    encoding_close(&encoding);
}

/* The key may be any of several scopes, or an option beside them, whatever comes first and however long it is. */
static void scopes_in_any_order(void **state)
{
    const struct flow options[] = {
        {.scopes = 2, FIELDS({0, 141, 4, "#9"}, {0, 10, 4, "#1"}, {0, 82, 2, "'i1"})},
        {.scopes = 2, FIELDS({0, 10, 2, "#2"}, {0, 141, 4, "#9"}, {0, 82, 2, "'i2"})},
        {.scopes = 1, FIELDS({0, 144, 4, "#9"}, {0, 82, 2, "'i3"}, {0, 10, 3, "#3"})},
        {.version = 9, .scopes = 2, FIELDS({0, 1, 4, "#0"}, {0, 2, 4, "#4"}, {0, 82, 2, "'i4"})},
        {.version = 9, .scopes = 2, FIELDS({0, 2, 2, "#5"}, {0, 1, 4, "#0"}, {0, 82, 2, "'i5"})},
        {.version = 9, .scopes = 1, FIELDS({0, 1, 4, "#0"}, {0, 10, 8, "#6"}, {0, 82, 2, "'i6"})},
    };
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    for (uint32_t i = 0; i < sizeof options / sizeof *options; i++) {
        char number[8], name[8];
        snprintf(number, sizeof number, "#%u", i + 1);
        snprintf(name, sizeof name, "\"i%u\"", i + 1);
        options_send(&encoding, &options[i]);
        json_t *document = flow_document(&encoding, &(struct flow){.version = options[i].version,
                                                                   FIELDS({0, 10, 4, number})});
        EXPECT(document, "observer.ingress.interface.name", name);
    }
    encoding_close(&encoding);
}

/* Cisco's table of application attributes, by IPFIX and by v9, whose numbers have the enterprise bit in them. */
static void cisco_categories(void **state)
{
    for (uint32_t nine = 0; nine < 2; nine++) {
        struct encoding encoding;
        encoding_begin(&encoding, PROFILE_WEIR);
        const struct flow attributes[] = {
            {.scopes = 1, FIELDS({0, 95, 4, "0d0001c5"}, {9, 12232, 5, "'media"}, {9, 12233, 3, "'dvd"},
                                 {9, 12234, 5, "'discs"}, {0, 94, 7, "'Rents.."})},
            {.version = 9, .scopes = 1,
             FIELDS({0, 1, 4, "#0"}, {0, 95, 4, "0d0001c5"}, {0, 45000, 5, "'media"}, {0, 45001, 3, "'dvd"},
                    {0, 45002, 5, "'discs"}, {0, 94, 7, "'Rents.."})},
        };
        json_t *document = flow_document(&encoding, &attributes[nine]);
        EXPECT(document, nine ? "netflow.options.cisco_application_sub_category_name"
                              : "netflow.options.application_sub_category_name", "\"dvd\"");
        document = flow_document(&encoding, &(struct flow){.version = nine ? 9 : 10, FIELDS({0, 95, 4, "0d0001c5"})});
        EXPECT(document, "flow.application.category", "\"media\"");
        EXPECT(document, "flow.application.sub_category", "\"dvd\"");
        EXPECT(document, "flow.application.group", "\"discs\"");
        EXPECT(document, "flow.application.description", "\"Rents..\"");
        encoding_close(&encoding);
    }
}

/* Domain 0 speaks for the whole exporter, and what a domain says itself is stronger. */
static void domain_zero(void **state)
{
    struct encoding encoding;
    struct wire wire;
    encoding_begin(&encoding, PROFILE_WEIR);
    options_send(&encoding, OPTIONS_OF({0, 10, 4, "#1"}, {0, 82, 4, "'eth0"}));
    for (int own = 0; own < 2; own++) {
        if (own) {
            wire_flow(&wire, OPTIONS_OF({0, 10, 4, "#1"}, {0, 82, 4, "'mine"}));
            wire_patch(&wire, 14, 9);
            encoding_feed(&encoding, EXPORTER, wire.bytes, wire.size_bytes);
        }
        wire_flow(&wire, FLOW_OF({0, 10, 4, "#1"}));
        wire_patch(&wire, 14, 9); /* observation domain */
        assert_int_equal(encoding_feed(&encoding, EXPORTER, wire.bytes, wire.size_bytes), 1);
        EXPECT(json_array_get(encoding.documents, 0), "observer.ingress.interface.name", own ? "\"mine\"" : "\"eth0\"");
    }
    assert_int_equal(encoding_feed(&encoding, "192.0.2.2:1", wire.bytes, wire.size_bytes), 1);
    EXPECT(json_array_get(encoding.documents, 0), "observer", "{\"ip\": [\"192.0.2.2\"]}");
    encoding_close(&encoding);
}

/* The start of the exporter's clock, from an options record. */
static void init_time(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    const struct flow flow = {FIELDS({0, 22, 4, "#1000"}, {0, 21, 4, "#2500"})};
    EXPECT(flow_document(&encoding, &flow), "event.start", NULL);
    options_send(&encoding, OPTIONS_OF({0, 144, 4, "#1"}, {0, 160, 8, "#1767225600000"}));
    json_t *document = flow_document(&encoding, &flow);
    EXPECT(document, "event.start", "\"2026-01-01T00:00:01.000Z\"");
    EXPECT(document, "event.end", "\"2026-01-01T00:00:02.500Z\"");
    EXPECT(document, "event.duration", "1500000000");
    encoding_close(&encoding);
}

/* Profile elastic knows nothing of all this. */
static void elastic(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_ELASTIC);
    options_send(&encoding, OPTIONS_OF({0, 10, 4, "#1"}, {0, 82, 4, "'eth0"}));
    options_send(&encoding, OPTIONS_OF({0, 144, 4, "#1"}, {0, 34, 4, "#10"}));
    json_t *document = flow_document(&encoding, FLOW_OF(COUNTERS, PORTS, {0, 34, 4, "#10"}));
    EXPECT(document, "observer", "{\"ip\": [\"192.0.2.1\"]}");
    EXPECT(document, "source.bytes", "1000");
    EXPECT(document, "flow.sampling", NULL);
    encoding_close(&encoding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_in_order), cmocka_unit_test(both_directions), cmocka_unit_test(header_and_one),
        cmocka_unit_test(names),          cmocka_unit_test(domain_zero),     cmocka_unit_test(init_time),
        cmocka_unit_test(elastic),        cmocka_unit_test(samplers_of_any_length),
        cmocka_unit_test(cisco_categories), cmocka_unit_test(scopes_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
