/* SPDX-License-Identifier: Apache-2.0 */
/* Events of firewalls and NAT, names of numbers, and counters that a firewall says twice. */
#include "tests/unit/encode_flow.h"

#include "export/encode/connections.h"
#include "export/encode/words.h"

#define ADDRESSES {0, 8, 4, "10.0.0.1"}, {0, 12, 4, "203.0.113.9"}
#define PORTS {0, 7, 2, "#1000"}, {0, 11, 2, "#443"}, {0, 4, 1, "#6"}

/* An event of connection `number`, as a Cisco ASA sends it. */
static json_t *event_document(struct encoding *encoding, const char *event, const char *number, const char *there,
                              const char *back)
{
    return flow_document(encoding, FLOW_OF(ADDRESSES, PORTS, {0, 148, 4, number}, {0, 233, 1, event},
                                           {0, 231, 4, there}, {0, 232, 4, back}));
}

/* The end of a connection repeats what its updates said; of one without updates it is all there is. */
static void bytes_once(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    uint64_t sum = 0;
    const struct {
        const char *event, *number, *there, *back, *counted;
    } events[] = {
        {"#5", "#1", "#100", "#40", "140"}, {"#5", "#1", "#50", "#0", "50"}, {"#2", "#2", "#9", "#8", "17"},
        {"#2", "#1", "#150", "#40", NULL},  {"#2", "#1", "#7", "#6", "13"},  {"#1", "#1", "#0", "#0", "0"},
    };
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        json_t *document =
            event_document(&encoding, events[i].event, events[i].number, events[i].there, events[i].back);
        EXPECT(document, "network.bytes", events[i].counted);
        EXPECT(document, "netflow.initiator_octets", events[i].there + 1);
        EXPECT(document, "event.category", "[\"network\", \"session\"]");
        assert_true(!member(document, "source.bytes") == !events[i].counted);
        assert_true(!member(document, "destination.bytes") == !events[i].counted);
        assert_true(!member(document, "server.bytes") == !events[i].counted);
        assert_non_null(member(document, "client.ip"));
        sum += (uint64_t)json_integer_value(member(document, "network.bytes"));
    }
    assert_int_equal(sum, 140 + 50 + 17 + 13);
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_records_counted_before), 1);
    encoding_close(&encoding);
    /* Elastic adds up both */
    encoding_begin(&encoding, PROFILE_ELASTIC);
    event_document(&encoding, "#5", "#1", "#100", "#40");
    json_t *document = event_document(&encoding, "#2", "#1", "#100", "#40");
    EXPECT(document, "network.bytes", "140");
    EXPECT(document, "event.type", "[\"connection\"]");
    EXPECT(document, "flow.firewall", NULL);
    encoding_close(&encoding);
}

/* Deltas are counted always, totals at the end alone. */
static void deltas_and_totals(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    for (int event = 1; event < 6; event++) {
        char number[8];
        sprintf(number, "#%d", event);
        json_t *document = flow_document(&encoding, FLOW_OF(ADDRESSES, {0, 148, 4, "#1"}, {0, 233, 1, number},
                                                            {0, 1, 4, "#10"}, {0, 85, 4, "#50"}));
        EXPECT(document, "network.bytes", "10");
        document = flow_document(&encoding, FLOW_OF(ADDRESSES, {0, 233, 1, number}, {0, 85, 4, "#50"},
                                                    {0, 86, 4, "#2"}));
        EXPECT(document, "network.bytes", event == 5 ? NULL : "50");
        EXPECT(document, "network.packets", event == 5 ? NULL : "2");
        EXPECT(document, "source.bytes", event == 5 ? NULL : "50");
        EXPECT(document, "netflow.octet_total_count", "50");
    }
    encoding_close(&encoding);
}

/* The set has a cap: a connection that gives way is counted, and the others are still known. */
static void connections_bounded(void **state)
{
    struct connections *connections = calloc(1, sizeof *connections);
    struct exporter *exporters = calloc(2, sizeof *exporters);
    const struct message messages[] = {{.exporter = &exporters[0]}, {.exporter = &exporters[1]},
                                       {.exporter = &exporters[0], .domain = 1}};
    struct connection connection = {.message = &messages[0], .flow_id = "abcdefghijk"};
    const uint64_t most = CONNECTION_ROWS * CONNECTION_ROW;
    for (connection.number = 0; connection.number < 2 * most; connection.number++)
        connections_note(connections, &connection);
    assert_true(connections->forgotten >= most && connections->forgotten < 2 * most);
    uint64_t forgotten = connections->forgotten, kept = 0;
    connection.number = 2 * most - 1;
    for (int i = 0; i < 100; i++)
        connections_note(connections, &connection); /* the same takes no other's place */
    assert_int_equal(connections->forgotten, forgotten);
    for (int i = 1; i < 3; i++) {
        connection.message = &messages[i];
        assert_false(connections_end(connections, &connection));
    }
    connection.message = &messages[0];
    connection.flow_id = "abcdefgxijk";
    assert_false(connections_end(connections, &connection));
    connection.flow_id = "abcdefghijk";
    for (connection.number = 0; connection.number < 2 * most; connection.number++)
        kept += connections_end(connections, &connection);
    assert_int_equal(kept, 2 * most - forgotten);
    for (connection.number = 0; connection.number < 2 * most; connection.number++)
        assert_false(connections_end(connections, &connection));
    free(exporters);
    free(connections);
}

/* Which of several elements says what the record is: the firewall's, NAT's, then the forwarding status. */
static void kinds_in_order(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    json_t *document = flow_document(&encoding, FLOW_OF({0, 89, 1, "#129"}, {0, 230, 1, "#5"}, {0, 233, 1, "#3"}));
    EXPECT(document, "event.type", "[\"connection\", \"denied\"]");
    EXPECT(document, "event.outcome", "\"success\"");
    EXPECT(document, "event.action", "\"netflow_flow\"");
    EXPECT(document, "flow.firewall", "{\"event\": \"flow_denied\"}");
    EXPECT(document, "flow.nat", "{\"event\": \"nat44_session_delete\"}");
    EXPECT(document, "flow.forwarding", "{\"status\": \"dropped\", \"reason\": \"acl_deny\"}");
    document = flow_document(&encoding, FLOW_OF({0, 89, 1, "#129"}, {0, 230, 1, "#5"}, {0, 233, 1, "#0"}));
    EXPECT(document, "event.type", "[\"connection\", \"end\"]");
    EXPECT(document, "event.outcome", NULL);
    EXPECT(document, "flow.firewall", NULL);
    document = flow_document(&encoding, FLOW_OF({0, 89, 1, "#137"}, {0, 230, 1, "#99"}, {0, 233, 1, "#255"}));
    EXPECT(document, "event.type", "[\"connection\"]");
    EXPECT(document, "event.outcome", "\"failure\"");
    EXPECT(document, "flow.nat", NULL);
    /* an absent field says nothing, nor does a number that is too large for its table */
    document = flow_document(&encoding, FLOW_OF({0, 233, VAR, ""}, {0, 89, VAR, "01 81"}, {0, 136, VAR, "03"}));
    EXPECT(document, "event.type", "[\"connection\"]");
    EXPECT(document, "flow.forwarding", NULL);
    EXPECT(document, "flow.end_reason", "\"end_of_flow_detected\"");
    /* the old element of that name */
    document = flow_document(
        &encoding, &(struct flow){.version = 9, FIELDS({0, 40005, 1, "#1"}, {0, 33002, 2, "#1002"})});
    EXPECT(document, "event.type", "[\"connection\", \"start\"]");
    EXPECT(document, "flow.firewall", "{\"event\": \"flow_created\", \"reason\": \"egress_acl\"}");
    encoding_close(&encoding);
}

/* The beginning of the connection and the time of what is told of it. */
static void event_times(void **state)
{
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    json_t *document = flow_document(&encoding, FLOW_OF({0, 233, 1, "#2"}, {0, 152, 8, "#1000"}, {0, 323, 8, "#3500"}));
    EXPECT(document, "event.start", "\"1970-01-01T00:00:01.000Z\"");
    EXPECT(document, "event.end", "\"1970-01-01T00:00:03.500Z\"");
    EXPECT(document, "event.duration", "2500000000");
    document = flow_document(&encoding, FLOW_OF({0, 233, 1, "#3"}, {0, 323, 8, "#3500"}));
    EXPECT(document, "event.end", NULL);
    document = flow_document(&encoding, FLOW_OF({0, 152, 8, "#1000"}, {0, 323, 8, "#3500"}));
    EXPECT(document, "event.end", NULL);
    encoding_close(&encoding);
}

/* Every name is found by its number, and no number below 65,536 has another's. */
static void names_by_number(void **state)
{
    struct words *words = malloc(sizeof *words);
    words_init(words);
    const struct names *names = &words->names;
    uint32_t rows = 0;
    for (int table = 0; table < NAME_TABLES; table++) {
        assert_true(names->first[table] > 0 && names->last[table] > names->first[table]);
        uint32_t found = 0;
        for (uint32_t number = 0; number < 65536; number++) {
            uint8_t row = names_find(names, table, number);
            assert_true(!row || (row >= names->first[table] && row < names->last[table]));
            assert_true(!row || names->numbers[row] == number);
            found += row > 0;
        }
        assert_int_equal(found, names->last[table] - names->first[table]);
        assert_int_equal(names_find(names, table, 65536 + names->numbers[names->first[table]]), 0);
        rows += found;
    }
    for (uint32_t row = 1; row <= rows; row++)
        assert_true(names->words[row].size_bytes > 3 && names->words[row].size_bytes <= NAME_MOST);
    assert_int_equal(names->words[rows + 1].size_bytes, 0);
    free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_once),     cmocka_unit_test(deltas_and_totals), cmocka_unit_test(connections_bounded),
        cmocka_unit_test(kinds_in_order), cmocka_unit_test(event_times),       cmocka_unit_test(names_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
