/* SPDX-License-Identifier: Apache-2.0 */
/* A decoder's templates, listed slice by slice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "decode/survey.h"
#include "tests/unit/decode_seen.h"

enum { ROWS_MOST = 4096, FIELDS_MOST = 64 };

static const uint16_t eight[] = {8, 4, 12, 4};
static const uint16_t sixteen[] = {8, 4, 12, 4, 1, 8};
static struct template_row rows[ROWS_MOST];
static struct field fields[FIELDS_MOST];

static void announce(struct fixture *fixture, const char *exporter, uint32_t domain, uint32_t id)
{
    struct wire wire = {0};
    wire_v9(&wire, 1, 1, domain);
    wire_template(&wire, 0, id, id % 2 ? sixteen : eight, id % 2 ? 3 : 2);
    feed(fixture, exporter, &wire);
}

/* Returns the number of slices. */
static uint32_t survey_all(struct survey *survey, const struct fixture *fixture)
{
    uint32_t slices = 1;
    while (!survey_slice(survey, fixture->decoder))
        slices++;
    return slices;
}

static struct survey whole(void)
{
    return (struct survey){.rows = rows, .rows_most = ROWS_MOST, .fields = fields, .fields_most = FIELDS_MOST};
}

static void rows_say_what_is_known(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    announce(&fixture, A, 7, 257);
    fixture.now_ns += 5 * NS_PER_S;
    struct wire wire = {0};
    wire_v9(&wire, 1, 2, 7);
    wire_data(&wire, 257, 1, 32);
    assert_int_equal(feed(&fixture, A, &wire), 2);
    fixture.now_ns += 5 * NS_PER_S;
    announce(&fixture, A, 7, 257);
    struct survey survey = whole();
    survey_all(&survey, &fixture);
    assert_int_equal(survey.count, 1);
    uint32_t start_s = (uint32_t)(FIXTURE_NOW / NS_PER_S);
    struct endpoint endpoint;
    assert_true(endpoint_parse(A, &endpoint));
    assert_true(address_equal(&rows[0].address, &endpoint.address));
    assert_int_equal(rows[0].port, 0); /* profile weir: v9's sessions go by address */
    assert_int_equal(rows[0].domain, 7);
    assert_int_equal(rows[0].version, 9);
    assert_int_equal(rows[0].id, 257);
    assert_int_equal(rows[0].field_count, 3);
    assert_int_equal(rows[0].record_bytes, 16);
    assert_int_equal(rows[0].kind, PLAN_FLOW);
    assert_false(rows[0].variable);
    assert_int_equal(rows[0].uses, 1);
    assert_int_equal(rows[0].learned_s, start_s);
    assert_int_equal(rows[0].used_s, start_s + 5);
    assert_int_equal(rows[0].announced_s, start_s + 10);
    assert_true(rows[0].has_fields);
    assert_int_equal(fields[rows[0].fields_at].id, 8);
    assert_int_equal(fields[rows[0].fields_at + 2].length, 8);
    fixture_close(&fixture);
}

/* Many sessions with many templates: each is there once, though no slice could hold them. */
static void slices_cover_everything_once(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    for (uint32_t domain = 0; domain < 3; domain++)
        for (uint32_t id = 256; id < 256 + 700; id++)
            announce(&fixture, A, domain, id);
    for (uint32_t i = 0; i < 200; i++) {
        char exporter[32];
        snprintf(exporter, sizeof exporter, "198.51.100.%u:9", i);
        announce(&fixture, exporter, 1, 300);
    }
    struct survey survey = whole();
    assert_true(survey_all(&survey, &fixture) >= 2300 / 256);
    assert_int_equal(survey.count, 2300);
    assert_int_equal(survey.left_out, 0);
    assert_int_equal(survey.count, decoder_sizes(fixture.decoder).templates);
    for (uint32_t i = 0; i < survey.count; i++)
        for (uint32_t j = 0; j < i; j++)
            assert_false(rows[i].id == rows[j].id && rows[i].domain == rows[j].domain &&
                         address_equal(&rows[i].address, &rows[j].address));
    fixture_close(&fixture);
}

static void filters_choose(void **state)
{
    struct fixture fixture;
    struct endpoint endpoint;
    begin(&fixture, PROFILE_WEIR);
    for (uint32_t id = 256; id < 266; id++)
        for (uint32_t domain = 0; domain < 4; domain++)
            announce(&fixture, domain % 2 ? A : "192.0.2.200:1", domain, id);
    assert_true(endpoint_parse(A, &endpoint));
    struct survey survey = whole();
    survey.filter = (struct survey_filter){.by_address = true, .address = endpoint.address};
    survey_all(&survey, &fixture);
    assert_int_equal(survey.count, 20);
    survey = whole();
    survey.filter = (struct survey_filter){.by_id = true, .id = 260, .by_domain = true, .domain = 3};
    survey_all(&survey, &fixture);
    assert_int_equal(survey.count, 1);
    survey = whole();
    survey.filter = (struct survey_filter){.by_version = true, .version = 10};
    survey_all(&survey, &fixture);
    assert_int_equal(survey.count, 0);
    fixture_close(&fixture);
}

static void room_is_kept(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    for (uint32_t id = 256; id < 356; id++)
        announce(&fixture, A, 1, id);
    struct survey survey = whole();
    survey.rows_most = 60;
    survey_all(&survey, &fixture);
    assert_int_equal(survey.count, 60);
    assert_int_equal(survey.left_out, 40);
    uint32_t with_fields = 0;
    for (uint32_t i = 0; i < survey.count; i++)
        with_fields += rows[i].has_fields;
    assert_in_range(with_fields, FIELDS_MOST / 3, FIELDS_MOST / 2);
    assert_true(survey.field_count <= FIELDS_MOST);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_say_what_is_known),
        cmocka_unit_test(slices_cover_everything_once),
        cmocka_unit_test(filters_choose),
        cmocka_unit_test(room_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
