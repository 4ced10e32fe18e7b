/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/top/page.h"

/* ---- numbers ---- */

static void rates_have_four_digits(void **state)
{
    static const struct {
        double rate;
        const char *text;
    } cases[] = {{0, "0"},         {0.004, "0.00"},  {1.5, "1.50"},    {12.34, "12.3"},   {999.94, "999.9"},
                 {999.96, "1000"}, {9999, "9999"},   {10000, "10.0k"}, {99949, "99.9k"},  {123456, "123k"},
                 {999499, "999k"}, {999500, "1.00M"}, {2.5e9, "2.50G"}, {7e15, "7000T"},  {NAN, "-"}};
    char text[FORMAT_MOST];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(format_rate(text, cases[i].rate), cases[i].text);
}

static void counts_have_commas(void **state)
{
    char text[FORMAT_MOST];
    assert_string_equal(format_count(text, 0), "0");
    assert_string_equal(format_count(text, 999), "999");
    assert_string_equal(format_count(text, 1000), "1,000");
    assert_string_equal(format_count(text, 123456), "123,456");
    assert_string_equal(format_count(text, UINT64_MAX), "18,446,744,073,709,551,615");
}

static void sizes_and_times(void **state)
{
    char text[FORMAT_MOST];
    assert_string_equal(format_bytes(text, 1023), "1023B");
    assert_string_equal(format_bytes(text, 1536), "1.50KiB");
    assert_string_equal(format_bytes(text, UINT64_MAX), "16.0EiB");
    assert_string_equal(format_seconds(text, 0.00035), "350us");
    assert_string_equal(format_seconds(text, 0.012), "12ms");
    assert_string_equal(format_seconds(text, 3.25), "3.2s");
    assert_string_equal(format_seconds(text, 245), "4m05s");
    assert_string_equal(format_seconds(text, 7380), "2h03m");
    assert_string_equal(format_seconds(text, 446400), "5d04h");
    assert_string_equal(format_seconds(text, NAN), "-");
    assert_string_equal(format_seconds(text, INFINITY), ">100s");
    assert_string_equal(format_skew(text, -3600.104), "-1h00m");
    assert_string_equal(format_skew(text, 0.012), "+12ms");
    assert_string_equal(format_skew(text, 0), "0s");
    assert_string_equal(format_skew(text, NAN), "-");
    assert_true(fabs(reading_time("1970-01-02T00:00:01.250Z") - 86401.25) < 1e-6);
    assert_true(reading_time("nonsense") == 0 && reading_time("") == 0);
}

/* ---- readings ---- */

struct exporter_case {
    const char *name;
    const char *version;
    int64_t records;
    int64_t dropped_sets;
    int64_t skew_ms; /* 0: not known */
};

static json_t *exporter_make(const struct exporter_case *row)
{
    json_t *skew = row->skew_ms ? json_integer(row->skew_ms) : json_null();
    return json_pack("{s:s,s:s,s:[s],s:s,s:s,s:o,s:i,s:{s:{s:I}},s:{s:I}}", "exporter", row->name, "address",
                     "10.0.0.1", "versions", row->version, "first_seen", "2026-01-01T00:00:00.000Z", "last_seen",
                     "2026-01-01T00:00:05.000Z", "clock_skew_ms", skew, "templates", 1, "units", "sets", "dropped",
                     (json_int_t)row->dropped_sets, "counters", "records_received", (json_int_t)row->records);
}

/* As of `seconds` after the start, on 2026-01-01 at 00:00. */
static struct reading *reading_make(double seconds, const struct exporter_case *rows, uint32_t count, uint32_t total,
                                    const char *started)
{
    int64_t records = 0;
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        records += rows[i].records;
        json_array_append_new(list, exporter_make(&rows[i]));
    }
    json_t *api = json_pack("{s:s,s:s,s:b}", "version", "9.9.9", "started", started, "ready", 1);
    json_t *exporters = json_pack("{s:i,s:o}", "total", (int)total, "exporters", list);
    json_t *ledger = json_pack(
        "{s:s,s:f,s:f,s:{s:{s:I,s:I,s:I,s:I}},s:{s:I,s:I},s:[{s:s,s:s,s:I,s:I,s:{s:I},s:{s:f,s:{s:I,s:I}}}]}",
        "@timestamp", "2026-01-01T00:00:10.000Z", "monotonic_seconds", 1000 + seconds, "seconds", seconds, "units",
        "records", "received", (json_int_t)records, "delivered", (json_int_t)records - 5, "waiting", (json_int_t)2,
        "dropped", (json_int_t)3, "counters", "records_received", (json_int_t)records, "losses_socket",
        (json_int_t)(10 * seconds), "outputs", "output", "out\x1b[2J", "type", "file", "delivered", (json_int_t)records,
        "spooled", (json_int_t)7, "counters", "output_bytes", (json_int_t)2048, "latency", "sum_seconds", 2 * seconds,
        "documents", "0.02", (json_int_t)(99 * seconds), "+Inf", (json_int_t)(seconds >= 20 ? 1000 : 0));
    struct reading *reading = reading_new(api, ledger, exporters);
    json_decref(api);
    json_decref(ledger);
    json_decref(exporters);
    assert_non_null(reading);
    return reading;
}

#define STARTED "2026-01-01T00:00:00.000Z"

static const struct exporter_case first_rows[] = {
    {"10.0.0.1:1", "v9", 1000, 5, 0}, {"10.0.0.2:1", "v5", 3000, 0, 0}, {"10.0.0.3:1", "ipfix", 2000, 9, 0}};
static const struct exporter_case second_rows[] = {
    {"10.0.0.1:1", "v9", 1900, 5, 20}, {"10.0.0.3:1", "ipfix", 2100, 10, 3600104},
    {"10.0.0.2:1", "v5", 3200, 0, -7384000}, {"10.0.0.4:1", "v5", 50, 0, 0}};

static double rate_of(const struct reading *now, const struct reading *before, const char *name)
{
    return columns[COLUMN_DEFAULT].number(now, before, reading_exporter(now, name));
}

static void rates_are_differences(void **state)
{
    struct reading *before = reading_make(10, first_rows, 3, 3, STARTED);
    struct reading *now = reading_make(20, second_rows, 4, 4, STARTED);
    assert_true(reading_follows(now, before) && !reading_follows(before, now) && !reading_follows(now, NULL));
    assert_true(reading_rate(now, before, 50, 30) == 2);
    assert_true(reading_rate(now, NULL, 50, 0) == 2.5);
    assert_true(reading_rate(now, before, 50, 90) == 5); /* it began anew */
    assert_true(isnan(reading_rate(now, now, 50, 30)));
    assert_true(rate_of(now, before, "10.0.0.1:1") == 90 && rate_of(now, before, "10.0.0.3:1") == 10);
    assert_true(rate_of(now, before, "10.0.0.4:1") == 5); /* it is new */
    assert_true(rate_of(now, NULL, "10.0.0.1:1") == 190); /* since it was first seen, ten seconds ago */
    before->exporter_total = 7;
    assert_true(isnan(rate_of(now, before, "10.0.0.4:1"))); /* it may have been among the others */
    struct reading *restarted = reading_make(1, first_rows, 3, 3, "2026-01-01T00:01:00.000Z");
    assert_false(reading_follows(restarted, now));
    reading_free(restarted);
    reading_free(before);
    reading_free(now);
}

static void lag_is_of_what_was_acknowledged_between(void **state)
{
    struct reading *before = reading_make(5, first_rows, 3, 3, STARTED);
    struct reading *now = reading_make(10, first_rows, 3, 3, STARTED);
    struct reading *later = reading_make(20, first_rows, 3, 3, STARTED);
    struct top_lag lag;
    assert_true(reading_lag(&now->outputs[0], &before->outputs[0], &lag));
    assert_true(fabs(lag.mean_s - 10.0 / 495) < 1e-5 && lag.most_s == 0.02);
    assert_true(reading_lag(&later->outputs[0], &now->outputs[0], &lag) && isinf(lag.most_s));
    assert_false(reading_lag(&now->outputs[0], &now->outputs[0], &lag));
    reading_free(before);
    reading_free(now);
    reading_free(later);
}

static void answers_of_another_server_are_none(void **state)
{
    json_t *nothing = json_object(), *list = json_array();
    assert_null(reading_new(nothing, nothing, nothing));
    assert_null(reading_new(NULL, NULL, NULL));
    assert_null(reading_new(list, list, list));
    json_decref(nothing);
    json_decref(list);
}

/* ---- sorting ---- */

static void order_check(const char *column, bool reversed, const char *expected)
{
    struct reading *before = reading_make(10, first_rows, 3, 3, STARTED);
    struct reading *now = reading_make(20, second_rows, 4, 4, STARTED);
    struct table_order order = {column_find(column), reversed};
    assert_true(order.column < column_count);
    const struct top_exporter **sorted = table_sort(now, before, &order);
    assert_non_null(sorted);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(sorted[i]->name[7], expected[i]);
    free(sorted);
    reading_free(before);
    reading_free(now);
}

static void exporters_sort_by_any_column(void **state)
{
    order_check("records/s", false, "1234");
    order_check("records/s", true, "4321");
    order_check("records", false, "2314");
    order_check("records", true, "4132");
    order_check("dropped-sets", false, "3124");
    order_check("dropped-sets", true, "2413");
    order_check("exporter", false, "1234");
    order_check("exporter", true, "4321");
    order_check("version", false, "3241");
    order_check("clock", false, "2314"); /* either sign; what is not known comes last */
    order_check("clock", true, "4132");
    order_check("seen", false, "1234"); /* all the same: by name */
    assert_int_equal(column_find("colour"), column_count);
}

/* ---- the page ---- */

static const char *line_with(const struct top_page *page, const char *text)
{
    for (uint32_t i = 0; i < page->count; i++)
        if (strstr(page->lines[i].text, text))
            return page->lines[i].text;
    return NULL;
}

static void overview_has_it_all(void **state)
{
    struct reading *before = reading_make(10, first_rows, 3, 3, STARTED);
    struct reading *now = reading_make(20, second_rows, 4, 4, STARTED);
    struct table_order order = {.column = COLUMN_DEFAULT};
    struct top_page page = {0};
    const struct top_exporter **sorted = table_sort(now, before, &order);
    struct page_rows rows = page_overview(&page, now, before, &order, sorted);
    assert_int_equal(rows.count, 4);
    assert_non_null(strstr(page.lines[rows.first].text, "10.0.0.1:1"));
    assert_non_null(strstr(page.lines[rows.first].text, " 90.0 "));
    assert_non_null(strstr(line_with(&page, "10.0.0.2:1"), " -2h03m "));
    assert_non_null(strstr(page.lines[rows.first - 1].text, "*RECORDS/S"));
    assert_non_null(strstr(line_with(&page, "losses_socket"), "10.0 "));
    assert_non_null(line_with(&page, "7,250"));             /* records received */
    assert_non_null(strstr(line_with(&page, "out?[2J"), ">100s")); /* nothing that a terminal obeys */
    assert_null(line_with(&page, "\x1b"));
    assert_false(page.failed);
    free(sorted);
    page_clear(&page);
    reading_free(before);
    reading_free(now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_have_four_digits),
        cmocka_unit_test(counts_have_commas),
        cmocka_unit_test(sizes_and_times),
        cmocka_unit_test(rates_are_differences),
        cmocka_unit_test(lag_is_of_what_was_acknowledged_between),
        cmocka_unit_test(answers_of_another_server_are_none),
        cmocka_unit_test(exporters_sort_by_any_column),
        cmocka_unit_test(overview_has_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
