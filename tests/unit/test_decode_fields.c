/* SPDX-License-Identifier: Apache-2.0 */
/* How fields are typed and where their values lie: odd lengths, scopes of v9, prefix lengths of v8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/decode_seen.h"

/* Custom integers may have up to 24 bytes, of which the last eight count; others have the lengths of their type. */
static void lengths_of_values(void **state)
{
    char path[] = "/tmp/weir-definitions-XXXXXX";
    int file = mkstemp(path);
    FILE *stream = fdopen(file, "w");
    fprintf(stream, "900: [\":uint24\", \":wide\"]\n");
    fclose(stream);
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    char *paths[] = {path};
    fixture.config.custom_definitions = (struct text_list){.items = paths, .count = 1};
    fixture_open(&fixture);
    remove(path);
    static const uint16_t wide[] = {900, 12, 8, 4, 8, 5, 999, 2, 998, 0, 900, LENGTH_VARIABLE, 8, LENGTH_VARIABLE};
    struct wire wire = {0};
    wire_v9(&wire, 2, 1, 7);
    wire_template(&wire, 0, 256, wide, 7);
    wire_set(&wire, 256);
    wire_fill(&wire, 1, 12 + 4 + 5 + 2);
    wire_fill(&wire, 20, 21); /* a length of 20, and as many bytes */
    wire_fill(&wire, 3, 4);   /* a length of 3: no IPv4 address */
    wire_set_end(&wire);
    struct seen seen = visit(&fixture, &wire);
    assert_int_equal(seen.counts[0], 1);
    static const struct {
        uint8_t type;
        struct span span;
    } expected[] = {
        {TYPE_UNSIGNED, {4, 8}},        {TYPE_IPV4, {12, 4}},  {TYPE_NONE, {16, 5}},
        {TYPE_UNKNOWN_OCTETS, {21, 2}}, {TYPE_NONE, {23, 0}},  {TYPE_UNSIGNED, {36, 8}},
        {TYPE_IPV4, {45, SPAN_ABSENT}},
    };
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(seen.fields[i].type, expected[i].type);
        assert_int_equal(seen.spans[i].offset, expected[i].span.offset);
        assert_int_equal(seen.spans[i].length, expected[i].span.length);
    }
    fixture_close(&fixture);
}

/* v9's scope types under their own names in weir, and under those of the elements of that number in Elastic. */
static void scopes_of_v9(void **state)
{
    struct wire wire = {0};
    wire_v9(&wire, 2, 1, 7);
    wire_set(&wire, 1);
    wire_16(&wire, 256);
    wire_16(&wire, 12);
    wire_16(&wire, 4);
    static const uint16_t pairs[] = {3, 2, 4, 12, 8, 4, 34, 4};
    for (size_t i = 0; i < 8; i++)
        wire_16(&wire, pairs[i]);
    wire_set_end(&wire);
    wire_data(&wire, 256, 1, 22);
    static const char *const names[2][4] = {
        {"lineCard", "cache", "sourceIPv4Address", "samplingInterval"},
        {"deltaFlowCount", "protocolIdentifier", "sourceIPv4Address", "samplingInterval"}};
    for (int kind = PROFILE_WEIR; kind <= PROFILE_ELASTIC; kind++) {
        struct fixture fixture;
        begin(&fixture, (enum profile_kind)kind);
        struct seen seen = visit(&fixture, &wire);
        assert_int_equal(seen.plan.kind, PLAN_OPTIONS);
        for (uint32_t i = 0; i < 4; i++) {
            assert_string_equal(elements_at(fixture.elements, seen.fields[i].element)->name, names[kind][i]);
            assert_int_equal(seen.fields[i].flags & FIELD_SCOPE, i < 3 ? FIELD_SCOPE : 0);
        }
        assert_int_equal(seen.fields[1].type, kind == PROFILE_WEIR ? TYPE_OCTETS : TYPE_NONE);
        assert_int_equal(fixture_count(&fixture, COUNTER_options_records), 1);
        fixture_close(&fixture);
    }
}

/* Schemes 3, 4 and 5 have prefix lengths that Elastic skips. */
static void prefix_lengths_of_v8(void **state)
{
    static const uint8_t schemes[][4] = {{3, 32, 9, 24}, {4, 32, 13, 24}, {5, 40, 13, 28}};
    for (size_t i = 0; i < 3; i++) {
        struct wire wire = {0};
        wire_16(&wire, 8);
        wire_16(&wire, 1);
        wire_fill(&wire, 0, 24);
        wire.bytes[22] = schemes[i][0];
        wire_fill(&wire, 1, schemes[i][1]);
        uint32_t found[2] = {0};
        for (int kind = PROFILE_WEIR; kind <= PROFILE_ELASTIC; kind++) {
            struct fixture fixture;
            begin(&fixture, (enum profile_kind)kind);
            struct seen seen = visit(&fixture, &wire);
            assert_int_equal(seen.counts[0], 1);
            for (uint32_t k = 0; k < seen.plan.field_count; k++)
                if (seen.fields[k].id == schemes[i][2] && seen.spans[k].offset == schemes[i][3])
                    found[kind]++;
            fixture_close(&fixture);
        }
        assert_int_equal(found[PROFILE_WEIR], 1);
        assert_int_equal(found[PROFILE_ELASTIC], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_of_values),
        cmocka_unit_test(scopes_of_v9),
        cmocka_unit_test(prefix_lengths_of_v8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
