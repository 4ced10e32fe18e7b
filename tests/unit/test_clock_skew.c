/* SPDX-License-Identifier: Apache-2.0 */
/* How far an exporter's clock is off: what makes an estimate, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "decode/clock_skew.h"
#include "tests/unit/decode_seen.h"

#define HOUR_MS 3600000LL

/* Our clock, and an exporter's, which is so far ahead of it. */
struct bench {
    struct clock_skew skew;
    struct skew_rules rules;
    int64_t now_ms;
    int64_t ahead_ms;
};

static struct bench bench_new(int64_t ahead_ms)
{
    return (struct bench){.rules = {.tolerance_ms = 60000, .correct = true},
                          .now_ms = FIXTURE_NOW / NS_PER_MS,
                          .ahead_ms = ahead_ms};
}

/* A message that was exported by the exporter's clock, and came so much later, after so long a pause. */
static void message(struct bench *bench, int64_t pause_ms, int64_t late_ms)
{
    bench->now_ms += pause_ms;
    int64_t export_ms = bench->now_ms - late_ms + bench->ahead_ms;
    clock_skew_observe(&bench->skew, export_ms * NS_PER_MS, bench->now_ms * NS_PER_MS, &bench->rules);
}

/* Messages for so many seconds, ten a second, each late by 1 to 20 ms. */
static void messages(struct bench *bench, int64_t seconds)
{
    for (int64_t i = 0; i < 10 * seconds; i++)
        message(bench, 100, 1 + 19 * (i * 7 % 10) / 9);
}

static void expect_skew(const struct bench *bench, int64_t ms, bool off, int line)
{
    int64_t found = clock_skew_ms(&bench->skew);
    if (found < ms - 50 || found > ms + 50 || bench->skew.off != off || bench->skew.shift_ms != (off ? found : 0))
        fail_msg("line %d: skew %lld, off %d, shift %lld", line, (long long)found, bench->skew.off,
                 (long long)bench->skew.shift_ms);
}

#define EXPECT_SKEW(bench, ms, off) expect_skew(bench, ms, off, __LINE__)

static void of_a_steady_clock(void **state)
{
    static const struct {
        int64_t ahead_ms;
        bool off;
    } rows[] = {{0, false}, {30000, false}, {-30000, false}, {HOUR_MS, true}, {-HOUR_MS, true}, {-70000, true},
                {-FIXTURE_NOW / NS_PER_MS, true} /* 1970 */, {80LL * 365 * 24 * HOUR_MS, true} /* 2106 */};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench bench = bench_new(rows[i].ahead_ms);
        messages(&bench, 2);
        assert_true(clock_skew_ms(&bench.skew) == SKEW_UNKNOWN && !bench.skew.shift_ms);
        messages(&bench, 2);
        EXPECT_SKEW(&bench, rows[i].ahead_ms, rows[i].off);
        messages(&bench, 100);
        EXPECT_SKEW(&bench, rows[i].ahead_ms, rows[i].off);
    }
}

/* Messages that are seldom make a window each. */
static void of_few_messages(void **state)
{
    struct bench bench = bench_new(-HOUR_MS);
    for (int i = 0; i < 4; i++)
        message(&bench, 5 * HOUR_MS, 10);
    EXPECT_SKEW(&bench, -HOUR_MS, true);
}

static void delays_are_no_skew(void **state)
{
    struct bench bench = bench_new(0);
    messages(&bench, 60);
    /* nine of ten have lain in a queue for minutes */
    for (int i = 0; i < 600; i++)
        message(&bench, 100, i % 10 ? 300000 : 5);
    EXPECT_SKEW(&bench, 0, false);
    /* all of them for twenty seconds */
    for (int i = 0; i < 200; i++)
        message(&bench, 100, 300000);
    EXPECT_SKEW(&bench, 0, false);
    messages(&bench, 60);
    EXPECT_SKEW(&bench, 0, false);
}

/* What an exporter has kept for an hour comes at a hundred times the speed at which it was written. */
static void a_backlog_is_no_skew(void **state)
{
    struct bench bench = bench_new(0);
    for (int64_t late_ms = HOUR_MS; late_ms > 0; late_ms -= 9900) {
        message(&bench, 100, late_ms);
        assert_false(bench.skew.off);
    }
    messages(&bench, 60);
    EXPECT_SKEW(&bench, 0, false);
}

static void a_lie_is_no_skew(void **state)
{
    struct bench bench = bench_new(0);
    messages(&bench, 60);
    for (int i = 0; i < 20; i++) {
        message(&bench, 0, i % 2 ? 50LL * 365 * 24 * HOUR_MS : -HOUR_MS); /* one message of another clock */
        messages(&bench, 30);
        EXPECT_SKEW(&bench, 0, false);
    }
}

/* Who says something else each time has no clock. */
static void of_no_clock_at_all(void **state)
{
    struct bench bench = bench_new(HOUR_MS);
    messages(&bench, 60);
    EXPECT_SKEW(&bench, HOUR_MS, true);
    for (int64_t i = 0; i < 20; i++)
        message(&bench, 11000, i * i * HOUR_MS);
    assert_true(clock_skew_ms(&bench.skew) == SKEW_UNKNOWN && !bench.skew.off && !bench.skew.shift_ms);
}

/* A clock that stands still falls behind by ten seconds in each window. */
static void of_a_clock_that_stands(void **state)
{
    struct bench bench = bench_new(0);
    int64_t stands_ms = 0; /* in 1970 */
    for (int i = 0; i < 1000; i++) {
        bench.now_ms += 100;
        clock_skew_observe(&bench.skew, stands_ms, bench.now_ms * NS_PER_MS, &bench.rules);
    }
    assert_true(bench.skew.off && llabs(clock_skew_ms(&bench.skew) + bench.now_ms) < 60000);
}

/* Set by NTP, or by hand: followed after three windows, and not before. */
static void a_clock_that_is_set(void **state)
{
    struct bench bench = bench_new(HOUR_MS);
    messages(&bench, 60);
    bench.ahead_ms = 0;
    messages(&bench, 15);
    EXPECT_SKEW(&bench, HOUR_MS, true);
    messages(&bench, 30);
    EXPECT_SKEW(&bench, 0, false);
    /* headers in whole seconds: the estimate does not tremble */
    bench = bench_new(HOUR_MS);
    messages(&bench, 60);
    int64_t before = clock_skew_ms(&bench.skew);
    bench.ahead_ms -= 900;
    messages(&bench, 60);
    assert_true(clock_skew_ms(&bench.skew) == before);
}

/* Ours: back by a day, and forth again. */
static void our_clock_is_set(void **state)
{
    struct bench bench = bench_new(0);
    messages(&bench, 60);
    bench.now_ms -= 24 * HOUR_MS;
    messages(&bench, 60);
    EXPECT_SKEW(&bench, 0, false);
    bench.now_ms += 24 * HOUR_MS;
    messages(&bench, 60);
    EXPECT_SKEW(&bench, 0, false);
    bench.now_ms -= 24 * HOUR_MS;
    bench.ahead_ms += 24 * HOUR_MS; /* the exporter's was not */
    messages(&bench, 60);
    EXPECT_SKEW(&bench, 24 * HOUR_MS, true);
}

/* --- within the decoder --- */

static void feed_v9(struct fixture *fixture, const char *exporter, uint32_t seconds)
{
    static const uint16_t fields[] = {1, 4, 2, 4};
    struct wire wire = {0};
    wire_v9(&wire, 2, 1, 0);
    wire_patch(&wire, 8, seconds >> 16);
    wire_patch(&wire, 10, seconds);
    wire_template(&wire, 0, 256, fields, 2);
    wire_data(&wire, 256, 1, 24);
    fixture_feed(fixture, fixture_exporter(fixture, exporter), wire.bytes, wire.size_bytes);
}

/* Two exporters for ten seconds, of which one lives an hour ago. */
static void feed_two(struct fixture *fixture)
{
    for (int i = 0; i < 10; i++, fixture->now_ns += NS_PER_S) {
        uint32_t now_s = (uint32_t)(fixture->now_ns / NS_PER_S);
        feed_v9(fixture, "192.0.2.1:1", now_s);
        feed_v9(fixture, "192.0.2.2:1", now_s - 3600);
    }
}

static void an_exporter_alone_is_off(void **state)
{
    struct fixture fixture;
    struct exporter_view right, wrong;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture_open(&fixture);
    feed_two(&fixture);
    struct exporter *exporter = fixture_exporter(&fixture, "192.0.2.2:1");
    assert_true(exporters_look(fixture.exporters, fixture_exporter(&fixture, "192.0.2.1:1")->slot, &right));
    assert_true(exporters_look(fixture.exporters, exporter->slot, &wrong));
    assert_true(right.clock_skew_ms == 0 && !right.clock_off);
    assert_true(wrong.clock_skew_ms == -HOUR_MS && wrong.clock_off);
    assert_int_equal(decoder_sizes(fixture.decoder).clocks_off, 1);
    /* known with the third window, which ends with the fourth message; nothing is corrected unasked */
    assert_int_equal(fixture_count(&fixture, COUNTER_messages_clock_off), 7);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_clock_off), 7 * 3);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_clock_corrected), 0);
    assert_int_equal(right.counts[COUNTER_messages_clock_off], 0);
    assert_int_equal(wrong.counts[COUNTER_messages_clock_off], 7);
    decoder_forget(fixture.decoder, exporter);
    assert_int_equal(decoder_sizes(fixture.decoder).clocks_off, 0);
    exporters_remove(fixture.exporters, exporter);
    fixture_close(&fixture);
}

static void only_weir_corrects(void **state)
{
    for (int kind = 0; kind < 2; kind++) {
        struct fixture fixture;
        fixture_init(&fixture, kind ? PROFILE_ELASTIC : PROFILE_WEIR);
        fixture.config.clock.correct = true;
        fixture_open(&fixture);
        feed_two(&fixture);
        assert_int_equal(fixture_count(&fixture, COUNTER_records_clock_off), 7 * 3);
        assert_int_equal(fixture_count(&fixture, COUNTER_records_clock_corrected), kind ? 0 : 7 * 3);
        fixture_close(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_steady_clock),    cmocka_unit_test(of_few_messages),
        cmocka_unit_test(delays_are_no_skew),   cmocka_unit_test(a_backlog_is_no_skew),
        cmocka_unit_test(a_lie_is_no_skew),     cmocka_unit_test(of_no_clock_at_all),
        cmocka_unit_test(of_a_clock_that_stands), cmocka_unit_test(a_clock_that_is_set),
        cmocka_unit_test(our_clock_is_set),     cmocka_unit_test(an_exporter_alone_is_off),
        cmocka_unit_test(only_weir_corrects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
