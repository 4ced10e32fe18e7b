/* SPDX-License-Identifier: Apache-2.0 */
/* event.start, event.end and event.duration, and what is put right about them.
   The export time of every message is 2026-01-01T00:00:00Z. */
#include <stdlib.h>
#include <unistd.h>

#include "export/encode/derive.h"
#include "tests/unit/encode_flow.h"

struct expected_times {
    const char *start, *end, *duration;
};

static void times_check(enum profile_kind kind, const struct flow *flow, const struct expected_times *expected,
                        int line)
{
    struct encoding encoding;
    encoding_begin(&encoding, kind);
    json_t *document = flow_document(&encoding, flow);
    expect_member(document, "event.start", expected->start, line);
    expect_member(document, "event.end", expected->end, line);
    expect_member(document, "event.duration", expected->duration, line);
    encoding_close(&encoding);
}

static void both_check(const struct flow *flow, const struct expected_times *expected, int line)
{
    times_check(PROFILE_WEIR, flow, expected, line);
    times_check(PROFILE_ELASTIC, flow, expected, line);
}

#define FLOW(...) &(struct flow){__VA_ARGS__}
#define TIMES(kind, flow, ...) times_check(PROFILE_##kind, flow, &(struct expected_times){__VA_ARGS__}, __LINE__)
#define BOTH(flow, ...) both_check(flow, &(struct expected_times){__VA_ARGS__}, __LINE__)

#define UPTIME(start, end) FIELDS({0, 22, 4, start}, {0, 21, 4, end}), .version = 9

static void by_uptime(void **state)
{
    BOTH(FLOW(UPTIME("#98500", "#99750"), .uptime_ms = 100000), "\"2025-12-31T23:59:58.500Z\"",
         "\"2025-12-31T23:59:59.750Z\"", "1250000000");
    BOTH(FLOW(UPTIME("#100000", "#100000"), .uptime_ms = 100000), "\"2026-01-01T00:00:00.000Z\"",
         "\"2026-01-01T00:00:00.000Z\"", "0");
    BOTH(FLOW(FIELDS({0, 22, 4, "#99000"}), .version = 9, .uptime_ms = 100000), "\"2025-12-31T23:59:59.000Z\"", NULL,
         NULL);
    BOTH(FLOW(FIELDS({0, 21, 4, "#99000"}), .version = 9, .uptime_ms = 100000), NULL, "\"2025-12-31T23:59:59.000Z\"",
         NULL);
    /* no uptime, and IPFIX without an initial time: nothing to count from */
    BOTH(FLOW(UPTIME("#1", "#2"), .uptime_ms = 0), NULL, NULL, NULL);
    BOTH(FLOW(FIELDS({0, 22, 4, "#98500"}, {0, 21, 4, "#99750"})), NULL, NULL, NULL);
}

/* So many records had each repair, in total and of the exporter. */
static void repairs_check(const struct flow *flow, const uint64_t expected[TIME_REPAIRS], int line)
{
    static const enum counter counters[TIME_REPAIRS] = {COUNTER_times_wrapped, COUNTER_times_ahead,
                                                        COUNTER_times_exchanged, COUNTER_durations_left_out};
    struct encoding encoding;
    encoding_begin(&encoding, PROFILE_WEIR);
    flow_document(&encoding, flow);
    const struct exporter *exporter = fixture_exporter(&encoding.fixture, EXPORTER);
    for (int repair = 0; repair < TIME_REPAIRS; repair++) {
        uint64_t found = fixture_count(&encoding.fixture, counters[repair]);
        if (found != expected[repair] || found != counter_read(&exporter->counters.value[counters[repair]]))
            fail_msg("line %d: %s is %llu", line, counter_rows[counters[repair]].name, (unsigned long long)found);
    }
    encoding_close(&encoding);
}

#define REPAIRS(flow, ...) repairs_check(flow, (const uint64_t[TIME_REPAIRS]){__VA_ARGS__}, __LINE__)

static void end_before_start(void **state)
{
    const struct flow *flow = FLOW(UPTIME("#99750", "#98500"), .uptime_ms = 100000, .records = 3);
    TIMES(ELASTIC, flow, "\"2025-12-31T23:59:59.750Z\"", "\"2025-12-31T23:59:58.500Z\"", "-1250000000");
    TIMES(WEIR, flow, "\"2025-12-31T23:59:58.500Z\"", "\"2025-12-31T23:59:59.750Z\"", "1250000000");
    REPAIRS(flow, [REPAIR_EXCHANGED] = 3);
    /* an end that was never set: nobody knows how long the flow took */
    flow = FLOW(UPTIME("#86400000", "#0"), .uptime_ms = 86401000);
    TIMES(WEIR, flow, "\"2025-12-30T23:59:59.000Z\"", "\"2025-12-31T23:59:59.000Z\"", NULL);
    REPAIRS(flow, [REPAIR_EXCHANGED] = 1, [REPAIR_NO_DURATION] = 1);
    /* unless the exporter says it */
    TIMES(WEIR, FLOW(FIELDS({0, 22, 4, "#86400000"}, {0, 21, 4, "#0"}, {0, 161, 4, "#250"}), .version = 9,
                     .uptime_ms = 86401000),
          "\"2025-12-30T23:59:59.000Z\"", "\"2025-12-31T23:59:59.000Z\"", "250000000");
    /* exactly an hour, in nanoseconds of NTP; a nanosecond apart within a millisecond */
    flow = FLOW(FIELDS({0, 156, 8, "ed 00 37 80 00 00 00 00"}, {0, 157, 8, "ed 00 29 70 00 00 00 00"}));
    TIMES(WEIR, flow, "\"2025-12-31T23:00:00.000Z\"", "\"2026-01-01T00:00:00.000Z\"", "3600000000000");
    REPAIRS(flow, [REPAIR_EXCHANGED] = 1);
    flow = FLOW(FIELDS({0, 156, 8, "ed 00 37 80 00 00 00 0a"}, {0, 157, 8, "ed 00 37 80 00 00 00 00"}));
    TIMES(WEIR, flow, "\"2026-01-01T00:00:00.000Z\"", "\"2026-01-01T00:00:00.000Z\"", "2");
    /* 292 years and more */
    flow = FLOW(FIELDS({0, 152, 8, "#253402300799999"}, {0, 153, 8, "#0"}));
    TIMES(WEIR, flow, "\"1970-01-01T00:00:00.000Z\"", "\"9999-12-31T23:59:59.999Z\"", NULL);
    REPAIRS(flow, [REPAIR_EXCHANGED] = 1, [REPAIR_NO_DURATION] = 1);
}

/* The counter of 32 bits wrapped between the flow and its export. */
static void uptime_wraps(void **state)
{
    const struct flow *flow = FLOW(UPTIME("#4294966296", "#500"), .uptime_ms = 1000);
    TIMES(ELASTIC, flow, NULL, "\"2025-12-31T23:59:59.500Z\"", NULL);
    TIMES(WEIR, flow, "\"2025-12-31T23:59:58.000Z\"", "\"2025-12-31T23:59:59.500Z\"", "1500000000");
    REPAIRS(flow, [REPAIR_WRAPPED] = 1);
    /* a start that is a little later than the export is no wrap */
    flow = FLOW(UPTIME("#1300", "#1400"), .uptime_ms = 1000);
    TIMES(WEIR, flow, "\"2026-01-01T00:00:00.300Z\"", "\"2026-01-01T00:00:00.400Z\"", "100000000");
    REPAIRS(flow, [REPAIR_AHEAD] = 1);
    /* nor where the uptime wraps between the two */
    flow = FLOW(UPTIME("#4294966296", "#500"), .uptime_ms = 4294967295u);
    TIMES(WEIR, flow, "\"2025-12-31T23:59:59.001Z\"", "\"2026-01-01T00:00:00.501Z\"", "1500000000");
    REPAIRS(flow, [REPAIR_AHEAD] = 1);
    /* an end ahead, and a start from before the wrap: both */
    flow = FLOW(UPTIME("#4294966296", "#1500"), .uptime_ms = 1000);
    TIMES(WEIR, flow, "\"2025-12-31T23:59:58.000Z\"", "\"2026-01-01T00:00:00.500Z\"", "2500000000");
    REPAIRS(flow, [REPAIR_WRAPPED] = 1, [REPAIR_AHEAD] = 1);
    /* a flow of thirty days, longer than half of what the counter has; without and with a wrap */
    flow = FLOW(UPTIME("#1000", "#2592001000"), .uptime_ms = 2592002000u);
    TIMES(WEIR, flow, "\"2025-12-01T23:59:59.000Z\"", "\"2025-12-31T23:59:59.000Z\"", "2592000000000000");
    REPAIRS(flow, 0);
    flow = FLOW(UPTIME("#1702968296", "#1000"), .uptime_ms = 2000);
    TIMES(WEIR, flow, "\"2025-12-01T23:59:59.000Z\"", "\"2025-12-31T23:59:59.000Z\"", "2592000000000000");
    REPAIRS(flow, [REPAIR_WRAPPED] = 1);
    /* an hour ahead still is, and a millisecond more is the whole counter less that ago */
    TIMES(WEIR, FLOW(UPTIME("#3601000", "#3601000"), .uptime_ms = 1000), "\"2026-01-01T01:00:00.000Z\"",
          "\"2026-01-01T01:00:00.000Z\"", "0");
    TIMES(WEIR, FLOW(UPTIME("#3601001", "#900"), .uptime_ms = 1000), "\"2025-11-12T07:57:12.705Z\"",
          "\"2025-12-31T23:59:59.900Z\"", "4291367195000000");
}

static void by_duration(void **state)
{
    BOTH(FLOW(FIELDS({0, 161, 4, "#2500"})), NULL, NULL, "2500000000");
    BOTH(FLOW(FIELDS({0, 22, 4, "#90000"}, {0, 161, 4, "#2500"}), .version = 9, .uptime_ms = 100000),
         "\"2025-12-31T23:59:50.000Z\"", "\"2025-12-31T23:59:52.500Z\"", "2500000000");
    BOTH(FLOW(FIELDS({0, 21, 4, "#90000"}, {0, 161, 4, "#2500"}), .version = 9, .uptime_ms = 100000),
         "\"2025-12-31T23:59:47.500Z\"", "\"2025-12-31T23:59:50.000Z\"", "2500000000");
    BOTH(FLOW(FIELDS({0, 161, 4, "#4294967295"})), NULL, NULL, "4294967295000000");
    TIMES(ELASTIC, FLOW(FIELDS({0, 162, 4, "#2500"})), NULL, NULL, NULL);
    TIMES(WEIR, FLOW(FIELDS({0, 162, 4, "#2500"})), NULL, NULL, "2500000");
    /* microseconds carry over into the millisecond, and are borrowed from it */
    TIMES(WEIR, FLOW(FIELDS({0, 156, 8, "ed 00 37 80 00 40 00 00"}, {0, 162, 4, "#100"})),
          "\"2026-01-01T00:00:00.000Z\"", "\"2026-01-01T00:00:00.001Z\"", "100000");
    TIMES(WEIR, FLOW(FIELDS({0, 157, 8, "ed 00 37 80 00 40 00 00"}, {0, 162, 4, "#1000"})),
          "\"2025-12-31T23:59:59.999Z\"", "\"2026-01-01T00:00:00.000Z\"", "1000000");
}

/* The elements of IPFIX that say a time by themselves; the finest there is, wins. */
static void by_elements(void **state)
{
    const char *start = "\"2025-12-31T23:59:58.000Z\"", *end = "\"2025-12-31T23:59:59.000Z\"";
    const struct {
        struct flow_field start, end;
    } rows[] = {
        {{0, 150, 4, "#1767225598"}, {0, 151, 4, "#1767225599"}},
        {{0, 152, 8, "#1767225598000"}, {0, 153, 8, "#1767225599000"}},
        {{0, 154, 8, "ed 00 37 7e 00 00 00 00"}, {0, 155, 8, "ed 00 37 7f 00 00 00 00"}},
        {{0, 156, 8, "ed 00 37 7e 00 00 00 00"}, {0, 157, 8, "ed 00 37 7f 00 00 00 00"}},
        {{0, 158, 4, "#2000000"}, {0, 159, 4, "#1000000"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct flow *flow = FLOW(FIELDS(rows[i].start, rows[i].end));
        TIMES(WEIR, flow, start, end, "1000000000");
        TIMES(ELASTIC, flow, NULL, NULL, NULL);
        TIMES(WEIR, FLOW(FIELDS(rows[i].start, {0, 161, 4, "#1000"})), start, end, "1000000000");
        TIMES(WEIR, FLOW(FIELDS(rows[i].end, {0, 162, 4, "#1000000"})), start, end, "1000000000");
    }
    TIMES(WEIR, FLOW(FIELDS(rows[0].start, rows[0].end, {0, 152, 8, "#1767225598250"}, {0, 153, 8, "#1767225599750"})),
          "\"2025-12-31T23:59:58.250Z\"", "\"2025-12-31T23:59:59.750Z\"", "1500000000");
    TIMES(WEIR, FLOW(FIELDS({0, 156, 8, "ed 00 37 7e 80 00 00 00"}, {0, 157, 8, "ed 00 37 7f 00 00 10 00"},
                            rows[0].start, rows[0].end)),
          "\"2025-12-31T23:59:58.500Z\"", end, "500000953");
    /* of v9, before the uptime */
    TIMES(WEIR, FLOW(FIELDS(rows[1].start, rows[1].end, {0, 22, 4, "#1"}, {0, 21, 4, "#2"}), .version = 9,
                     .uptime_ms = 10),
          start, end, "1000000000");
    /* NTP's era 1 begins in February 2036 */
    TIMES(WEIR, FLOW(FIELDS({0, 154, 8, "00 00 00 00 00 00 00 00"})), "\"2036-02-07T06:28:16.000Z\"", NULL, NULL);
}

/* 100 days of uptime: two wraps, of which the fields know nothing. */
static void initial_time_wraps(void **state)
{
    /* the export time less 100 days; 100 days less two wraps are 50,065,408 ms */
    const struct flow *flow =
        FLOW(FIELDS({0, 160, 8, "#1758585600000"}, {0, 22, 4, "#50063408"}, {0, 21, 4, "#50065158"}));
    TIMES(WEIR, flow, "\"2025-12-31T23:59:58.000Z\"", "\"2025-12-31T23:59:59.750Z\"", "1750000000");
    REPAIRS(flow, [REPAIR_WRAPPED] = 1);
    /* a start from before the second wrap; an end later than the message */
    TIMES(WEIR, FLOW(FIELDS({0, 160, 8, "#1758585600000"}, {0, 22, 4, "#4294967295"}, {0, 21, 4, "#50065658"})),
          "\"2025-12-31T10:05:34.591Z\"", "\"2026-01-01T00:00:00.250Z\"", "50065659000000");
    /* a clock that was not set when the exporter began to count tells nothing */
    flow = FLOW(FIELDS({0, 160, 8, "#5000"}, {0, 22, 4, "#500"}, {0, 21, 4, "#1750"}));
    TIMES(WEIR, flow, "\"1970-01-01T00:00:05.500Z\"", "\"1970-01-01T00:00:06.750Z\"", "1250000000");
    REPAIRS(flow, 0);
}

static void by_initial_time(void **state)
{
    TIMES(WEIR, FLOW(FIELDS({0, 160, 8, "#1767225000000"}, {0, 22, 4, "#500"}, {0, 21, 4, "#1750"})),
          "\"2025-12-31T23:50:00.500Z\"", "\"2025-12-31T23:50:01.750Z\"", "1250000000");
    TIMES(ELASTIC, FLOW(FIELDS({0, 160, 8, "#1767225000000"}, {0, 22, 4, "#500"}, {0, 21, 4, "#1750"})), NULL, NULL,
          NULL);
    TIMES(WEIR, FLOW(FIELDS({0, 160, 8, "ff ff ff ff ff ff ff ff"}, {0, 22, 4, "#500"}, {0, 21, 4, "#1750"})), NULL,
          NULL, NULL);
    TIMES(WEIR, FLOW(FIELDS({0, 160, 8, "7f ff ff ff ff ff ff ff"}, {0, 22, 4, "#500"})), NULL, NULL, NULL);
}

/* What no mapping takes is not known, and nothing is counted from it. */
static void impossible_times(void **state)
{
    TIMES(WEIR, FLOW(FIELDS({0, 152, 8, "#0"}, {0, 153, 8, "#253402300799999"})), "\"1970-01-01T00:00:00.000Z\"",
          "\"9999-12-31T23:59:59.999Z\"", NULL); /* longer than 292 years */
    TIMES(WEIR, FLOW(FIELDS({0, 152, 8, "#253402300800000"}, {0, 153, 8, "#1767225599000"}, {0, 161, 4, "#1000"})),
          "\"2025-12-31T23:59:58.000Z\"", "\"2025-12-31T23:59:59.000Z\"", "1000000000");
    TIMES(WEIR, FLOW(FIELDS({0, 152, 8, "7f ff ff ff ff ff ff ff"}, {0, 161, 4, "#4294967295"})), NULL, NULL,
          "4294967295000000");
    TIMES(WEIR, FLOW(FIELDS({0, 153, 8, "80 00 00 00 00 00 00 00"}, {0, 162, 4, "#4294967295"})), NULL, NULL,
          "4294967295000");
}

/* Custom definitions can make 64-bit numbers of anything; Elastic needs systemInitTimeMilliseconds as a number. */
static void custom_types(void **state)
{
    char name[] = "/tmp/weir-definitions-XXXXXX", *path = name;
    int file = mkstemp(name);
    assert_true(file >= 0);
    dprintf(file, "160: [':uint64', ':systemInitTimeMilliseconds']\n22: [':uint64', ':flowStartSysUpTime']\n"
                  "21: [':uint64', ':flowEndSysUpTime']\n161: [':uint64', ':flowDurationMilliseconds']\n"
                  "158: [':uint64', ':flowStartDeltaMicroseconds']\n162: [':uint64', ':flowDurationMicroseconds']\n");
    close(file);
    static const char *const extremes[] = {"#0", "#1", "#1000", "#9223372036854", "#9223372036855",
                                           "#9223372036854775807", "#9223372036854775808", "#18446744073709551615"};
    for (int kind = 0; kind < 2; kind++) {
        struct encoding encoding;
        encoding_init(&encoding, kind ? PROFILE_ELASTIC : PROFILE_WEIR);
        encoding.fixture.config.custom_definitions = (struct text_list){.items = &path, .count = 1};
        encoding_open(&encoding);
        const struct flow *flow = FLOW_OF({0, 160, 8, "#5000"}, {0, 22, 8, "#4000"}, {0, 21, 8, "#4500"});
        json_t *document = flow_document(&encoding, flow);
        EXPECT(document, "event.start", kind ? "\"2025-12-31T23:59:59.000Z\"" : "\"1970-01-01T00:00:09.000Z\"");
        EXPECT(document, "event.duration", "500000000");
        for (unsigned i = 0; i < 8 * 8 * 8; i++) {
            const char *one = extremes[i % 8], *two = extremes[i / 8 % 8], *three = extremes[i / 64];
            flow_document(&encoding, FLOW(FIELDS({0, 160, 8, one}, {0, 22, 8, two}, {0, 161, 8, three})));
            flow_document(&encoding, FLOW(FIELDS({0, 160, 8, one}, {0, 21, 8, two}, {0, 162, 8, three})));
            flow_document(&encoding, FLOW(FIELDS({0, 160, 8, one}, {0, 22, 8, two}, {0, 21, 8, three})));
            flow_document(&encoding, FLOW(FIELDS({0, 158, 8, one}, {0, 153, 8, two}, {0, 161, 8, three})));
            flow_document(&encoding, FLOW(FIELDS({0, 152, 8, one}, {0, 153, 8, two}, {0, 162, 8, three})));
        }
        encoding_close(&encoding);
    }
    unlink(name);
}

/* Values under netflow are written as they are, in each profile's way. */
static void element_dates(void **state)
{
    const struct flow *flow = FLOW(FIELDS({0, 150, 4, "#4294967295"}, {0, 152, 8, "#1767225599999"},
        {0, 154, 8, "ed 00 37 7f ff ff ff ff"}, {0, 157, 8, "00 00 00 01 80 00 00 00"}));
    for (int kind = 0; kind < 2; kind++) {
        struct encoding encoding;
        encoding_begin(&encoding, kind ? PROFILE_ELASTIC : PROFILE_WEIR);
        json_t *document = flow_document(&encoding, flow);
        EXPECT(document, "netflow.flow_start_seconds", "\"2106-02-07T06:28:15.000Z\"");
        EXPECT(document, "netflow.flow_start_milliseconds", "\"2025-12-31T23:59:59.999Z\"");
        EXPECT(document, "netflow.flow_start_microseconds", "\"2025-12-31T23:59:59.999Z\"");
        EXPECT(document, "netflow.flow_end_nanoseconds",
               kind ? "\"1900-01-01T00:00:01.500Z\"" : "\"2036-02-07T06:28:17.500Z\"");
        encoding_close(&encoding);
    }
}

/* An exporter whose clock is an hour ahead: told so three times, a second apart, and then the flow. */
static json_t *late_document(struct encoding *encoding, const struct flow *flow)
{
    json_t *document = NULL;
    encoding_init(encoding, PROFILE_WEIR);
    encoding->fixture.config.clock.correct = true;
    encoding_open(encoding);
    encoding->fixture.now_ns = FIXTURE_NOW - 3600 * NS_PER_S;
    for (int i = 0; i < 4; i++, encoding->fixture.now_ns += NS_PER_S)
        document = flow_document(encoding, flow);
    return document;
}

static void clock_corrected(void **state)
{
    struct encoding encoding;
    json_t *document = late_document(&encoding, FLOW(UPTIME("#98500", "#99750"), .uptime_ms = 100000));
    /* the messages say the same time, so the estimate is that of the one in the middle */
    EXPECT(document, "@timestamp", "\"2025-12-31T23:00:01.000Z\"");
    EXPECT(document, "event.start", "\"2025-12-31T22:59:59.500Z\"");
    EXPECT(document, "event.end", "\"2025-12-31T23:00:00.750Z\"");
    EXPECT(document, "event.duration", "1250000000");
    EXPECT(document, "event.created", "\"2025-12-31T23:00:03.000Z\"");
    EXPECT(document, "netflow.exporter.timestamp", "\"2026-01-01T00:00:00.000Z\"");
    EXPECT(document, "netflow.exporter.clock_skew_millis", "3599000");
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_records_clock_off), 1);
    assert_int_equal(fixture_count(&encoding.fixture, COUNTER_records_clock_corrected), 1);
    encoding_close(&encoding);

    document = late_document(&encoding, FLOW(FIELDS({0, 152, 8, "#1767225598000"}, {0, 153, 8, "#1767225599000"})));
    EXPECT(document, "event.start", "\"2025-12-31T22:59:59.000Z\"");
    EXPECT(document, "event.end", "\"2025-12-31T23:00:00.000Z\"");
    EXPECT(document, "netflow.flow_start_milliseconds", "\"2025-12-31T23:59:58.000Z\"");
    EXPECT(document, "netflow.exporter.clock_skew_millis", "3599000");
    encoding_close(&encoding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_uptime),   cmocka_unit_test(end_before_start), cmocka_unit_test(uptime_wraps),
        cmocka_unit_test(by_duration), cmocka_unit_test(by_elements),      cmocka_unit_test(by_initial_time),
        cmocka_unit_test(initial_time_wraps), cmocka_unit_test(clock_corrected),
        cmocka_unit_test(impossible_times), cmocka_unit_test(custom_types), cmocka_unit_test(element_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
