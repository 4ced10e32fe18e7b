/* SPDX-License-Identifier: Apache-2.0 */
/* Messages, sets and templates that are wrong: each has its counter, and the good record behind it is decoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/decode_seen.h"

#define GOOD_ID 300

/* A message with a template and one record of it behind what is wrong. */
static void wire_good(struct wire *wire, bool nine)
{
    static const uint16_t pairs[] = {8, 4};
    wire_template(wire, nine ? 0 : 2, GOOD_ID, pairs, 1);
    wire_data(wire, GOOD_ID, 1, 4);
}

static void wire_begin(struct wire *wire, bool nine)
{
    *wire = (struct wire){0};
    if (nine)
        wire_v9(wire, 9, 1, 7);
    else
        wire_ipfix(wire, 1767225600, 7);
}

static void wire_words(struct wire *wire, const uint16_t *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        wire_16(wire, words[i]);
}

/* RFC 7011 3.3.2, 3.4 and 8.1, RFC 3954 5.2 and 6.1: whole sets, ids and lengths included. */
static void wrong_sets(void **state)
{
    static const struct {
        bool nine;
        uint16_t words[16], count;
        enum counter counter;
        uint32_t counted;
        bool ends; /* nobody knows where the next set begins */
    } rows[] = {
        {false, {256, 3}, 2, COUNTER_sets_too_short, 1, false},
        {false, {2, 0}, 2, COUNTER_sets_too_short, 1, false},
        {false, {0, 0, 0, 0}, 4, COUNTER_sets_padding, 1, true},
        {false, {256, 0xffff, 1}, 3, COUNTER_sets_too_long, 1, true},
        {false, {4, 8, 1, 2}, 4, COUNTER_sets_reserved_id, 1, false},
        {false, {0, 8, 1, 2}, 4, COUNTER_sets_reserved_id, 1, false}, /* v9's template set */
        {false, {255, 4}, 2, COUNTER_sets_reserved_id, 1, false},
        {false, {2, 12, 255, 1, 8, 4}, 6, COUNTER_sets_bad_template, 1, false},     /* an id of no data set */
        {false, {2, 12, 400, 2, 8, 4}, 6, COUNTER_sets_bad_template, 1, false},     /* cut behind its first field */
        {false, {2, 12, 400, 1, 0x8008, 4}, 6, COUNTER_sets_bad_template, 1, false}, /* cut before its enterprise */
        {false, {3, 14, 400, 1, 0, 143, 4}, 7, COUNTER_sets_bad_template, 1, false}, /* no scope */
        {false, {3, 14, 400, 1, 2, 143, 4}, 7, COUNTER_sets_bad_template, 1, false}, /* more scopes than fields */
        {false, {2, 8, 400, 0}, 4, COUNTER_templates_withdrawn, 1, false},
        {false, {3, 8, 400, 0}, 4, COUNTER_templates_withdrawn, 1, false},
        {false, {2, 8, 2, 0}, 4, COUNTER_templates_withdrawn, 1, false},
        {false, {3, 8, 3, 0}, 4, COUNTER_templates_withdrawn, 1, false},
        {false, {2, 16, 400, 1, 8, 4, 0, 0}, 8, COUNTER_templates_learned, 2, false}, /* padding behind it */
        {false, {2, 12, 400, 1, 8, 0, 400, 8, 1, 1}, 10, COUNTER_sets_empty_template, 1, false},
        {true, {0, 3}, 2, COUNTER_sets_too_short, 1, false},
        {true, {0, 0}, 2, COUNTER_sets_padding, 1, true},
        {true, {2, 8, 1, 2}, 4, COUNTER_sets_reserved_id, 1, false}, /* IPFIX's template set */
        {true, {1, 18, 400, 2, 4, 1, 4, 34, 4}, 9, COUNTER_sets_bad_template, 1, false}, /* two bytes of scopes */
        {true, {1, 10, 400, 0, 0}, 5, COUNTER_sets_bad_template, 1, false},
        {true, {0, 8, 400, 0}, 4, COUNTER_templates_withdrawn, 0, false}, /* v9 knows no withdrawal */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture fixture;
        struct wire wire;
        begin(&fixture, PROFILE_WEIR);
        wire_begin(&wire, rows[i].nine);
        wire_words(&wire, rows[i].words, rows[i].count);
        wire_good(&wire, rows[i].nine);
        if (!rows[i].nine)
            wire_message_end(&wire);
        uint32_t records = feed(&fixture, A, &wire);
        uint64_t counted = fixture_count(&fixture, rows[i].counter);
        if (records != !rows[i].ends || counted != rows[i].counted)
            fail_msg("row %zu: %u records, counted %lu", i, records, (unsigned long)counted);
        fixture_close(&fixture);
    }
}

/* The message's own length: shorter than its header, longer than the datagram. */
static void wrong_lengths(void **state)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct fixture fixture;
        struct wire wire;
        begin(&fixture, PROFILE_WEIR);
        wire_begin(&wire, false);
        wire_good(&wire, false);
        wire_patch(&wire, 2, i ? 15 : wire.size_bytes + 1);
        assert_int_equal(feed(&fixture, A, &wire), 0);
        assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_bad_length), 1);
        wire_message_end(&wire);
        assert_int_equal(feed(&fixture, A, &wire), 1);
        fixture_close(&fixture);
    }
}

static void versions_that_are_off(void **state)
{
    struct fixture fixture;
    struct wire wire;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.protocols = PROTOCOL_V9;
    fixture_open(&fixture);
    for (int nine = 0; nine < 2; nine++) {
        wire_begin(&wire, nine);
        wire_good(&wire, nine);
        if (!nine)
            wire_message_end(&wire);
        assert_int_equal(feed(&fixture, A, &wire), nine);
    }
    assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_disabled_version), 1);
    fixture_close(&fixture);
}

/* RFC 7011 8: over UDP an id may be given to another template; data from then on is read by that one. */
static void template_of_other_fields(void **state)
{
    static const uint16_t four[] = {8, 4}, six[] = {4, 1, 8, 4, 5, 1};
    struct fixture fixture;
    struct wire wire;
    begin(&fixture, PROFILE_WEIR);
    wire_begin(&wire, false);
    wire_template(&wire, 2, GOOD_ID, four, 1);
    wire_data(&wire, GOOD_ID, 1, 12);
    wire_template(&wire, 2, GOOD_ID, six, 3);
    wire_data(&wire, GOOD_ID, 1, 12);
    wire_template(&wire, 2, GOOD_ID, six, 3);
    wire_data(&wire, GOOD_ID, 1, 6);
    wire_message_end(&wire);
    struct seen seen = visit(&fixture, &wire);
    assert_int_equal(seen.chunks, 3);
    assert_int_equal(seen.counts[0], 3);
    assert_int_equal(seen.counts[1], 2);
    assert_int_equal(seen.counts[2], 1);
    assert_int_equal(seen.spans[1].offset, 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_changed), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_refreshed), 1);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_sets),
        cmocka_unit_test(wrong_lengths),
        cmocka_unit_test(versions_that_are_off),
        cmocka_unit_test(template_of_other_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
