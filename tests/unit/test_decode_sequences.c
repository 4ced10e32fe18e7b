/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoder tells of a message's sequence number: its records of each kind, and what it could not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/decode_seen.h"

static const uint16_t eight[] = {1, 4, 2, 4}; /* eight bytes a record */

static void number_set(struct wire *wire, uint32_t at, uint32_t number)
{
    wire_patch(wire, wire->message + at, number >> 16);
    wire_patch(wire, wire->message + at + 2, number & 0xffff);
}

/* --- IPFIX --- */

static void message_begin(struct wire *wire, uint32_t number, uint32_t domain)
{
    wire_ipfix(wire, 1767225600, domain);
    number_set(wire, 8, number);
}

/* An IPFIX message with so many records of template 256. */
static void feed_records(struct fixture *fixture, uint32_t number, uint32_t records)
{
    struct wire wire = {0};
    message_begin(&wire, number, 0);
    wire_data(&wire, 256, 1, 8 * records);
    wire_message_end(&wire);
    feed(fixture, A, &wire);
}

/* Template 256 for flows and 257 for options; no records. */
static void feed_templates(struct fixture *fixture, uint32_t number)
{
    struct wire wire = {0};
    message_begin(&wire, number, 0);
    wire_template(&wire, 2, 256, eight, 2);
    wire_set(&wire, 3);
    wire_16(&wire, 257);
    wire_16(&wire, 2);
    wire_16(&wire, 1);
    for (unsigned i = 0; i < 4; i++)
        wire_16(&wire, eight[i]);
    wire_set_end(&wire);
    wire_message_end(&wire);
    feed(fixture, A, &wire);
}

static uint64_t nothing_else(struct fixture *fixture)
{
    return fixture_count(fixture, COUNTER_datagrams_late) + fixture_count(fixture, COUNTER_datagrams_duplicate) +
           fixture_count(fixture, COUNTER_datagrams_stray) + fixture_count(fixture, COUNTER_datagrams_unfollowed) +
           fixture_count(fixture, COUNTER_sequence_resets) + fixture_count(fixture, COUNTER_sequences_distrusted);
}

/* Options records count, templates do not (RFC 7011 3.1). */
static void ipfix_counts_data_records(void **state)
{
    for (int kind = PROFILE_WEIR; kind <= PROFILE_ELASTIC; kind++) {
        struct fixture fixture;
        begin(&fixture, (enum profile_kind)kind);
        feed_templates(&fixture, 100);
        feed_records(&fixture, 100, 3);
        struct wire wire = {0};
        message_begin(&wire, 103, 0);
        wire_data(&wire, 257, 1, 16);
        wire_data(&wire, 256, 1, 8 * 70); /* more than a chunk */
        wire_message_end(&wire);
        feed(&fixture, A, &wire);
        feed_templates(&fixture, 175);
        feed_records(&fixture, 175, 5);
        feed_records(&fixture, 192, 1);
        assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 0);
        decoder_finish(fixture.decoder);
        assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 12);
        assert_int_equal(nothing_else(&fixture), 0);
        fixture_close(&fixture);
    }
}

/* Parked records count with the message that they came with, and not with the one that brings their template. */
static void parked_records_count_once(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    struct wire wire = {0};
    message_begin(&wire, 100, 0);
    wire_template(&wire, 2, 300, eight, 2);
    wire_data(&wire, 300, 1, 8 * 5);
    wire_message_end(&wire);
    feed(&fixture, A, &wire);
    feed_records(&fixture, 105, 3);
    feed_records(&fixture, 108, 4);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_parked), 2);
    feed_templates(&fixture, 112);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_received), 5 + 3 + 4);
    feed_records(&fixture, 112, 2);
    feed_records(&fixture, 114, 2);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_without_template), 3 + 4);
    feed_records(&fixture, 128, 1);
    decoder_finish(fixture.decoder);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 12);
    assert_int_equal(nothing_else(&fixture), 0);
    fixture_close(&fixture);
}

static void several_messages_in_a_datagram(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    for (uint32_t i = 0; i < 10; i++) {
        struct wire wire = {0};
        for (uint32_t domain = 0; domain < 2; domain++) {
            uint32_t records = 4 + domain;
            message_begin(&wire, 1000 * domain + records * i, domain);
            wire_template(&wire, 2, 256, eight, 2);
            wire_data(&wire, 256, 1, 8 * records);
            wire_message_end(&wire);
        }
        if (i != 5 && i != 7)
            feed(&fixture, A, &wire);
    }
    decoder_finish(fixture.decoder);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 2 * 4 + 2 * 5);
    assert_int_equal(nothing_else(&fixture), 0);
    fixture_close(&fixture);
}

/* Sets that cannot be read hold records that are not missing: no template yet, a set that is too long, a cut record. */
static void what_is_not_read_is_not_missing(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    feed_records(&fixture, 0, 7);
    feed_records(&fixture, 7, 8);
    feed_templates(&fixture, 15);
    feed_records(&fixture, 15, 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct wire wire = {0};
        message_begin(&wire, 17 + 6 * i, 0);
        wire_data(&wire, 256, 1, 8 * 2);
        wire_data(&wire, 256, 1, 8 * 4 - (i ? 5 : 0));
        if (!i)
            wire_patch(&wire, wire.set + 2, 100);
        wire_message_end(&wire);
        feed(&fixture, A, &wire);
    }
    feed_records(&fixture, 29, 2);
    decoder_finish(fixture.decoder);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_too_long), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_cut), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_without_template), 7 + 8 + 4 + 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 0);
    assert_int_equal(nothing_else(&fixture), 0);
    fixture_close(&fixture);
}

/* Profile elastic gives up the records of a datagram with a bad set; they arrived all the same. */
static void what_is_given_up_is_not_missing(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_ELASTIC);
    feed_templates(&fixture, 0);
    feed_records(&fixture, 0, 7);
    feed_records(&fixture, 7, 7);
    struct wire wire = {0};
    message_begin(&wire, 14, 0);
    wire_data(&wire, 256, 1, 8 * 3);
    wire_data(&wire, 5, 1, 8); /* reserved */
    wire_data(&wire, 256, 1, 8 * 3);
    wire_message_end(&wire);
    assert_int_equal(feed(&fixture, A, &wire), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_bad_set), 1);
    feed_records(&fixture, 20, 1);
    feed_records(&fixture, 25, 1);
    decoder_finish(fixture.decoder);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 4);
    fixture_close(&fixture);
}

/* --- v9 and the fixed formats --- */

static void v9_counts_datagrams(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    for (uint32_t i = 0; i < 20; i++) {
        struct wire wire = {0};
        wire_v9(&wire, 2, i, 7);
        if (i % 5 == 0)
            wire_template(&wire, 0, 256, eight, 2);
        wire_data(&wire, i % 3 ? 256 : 300, 1, 8 * (1 + i % 4));
        if (i != 8 && i != 15 && i != 16)
            feed(&fixture, A, &wire);
    }
    decoder_finish(fixture.decoder);
    assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_missing), 3);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 0);
    assert_int_equal(nothing_else(&fixture), 0);
    fixture_close(&fixture);
}

/* Where the members of the fixed formats' headers lie that numbering is by. */
struct fixed {
    uint8_t version;
    uint8_t header_bytes;
    uint8_t record_bytes;
    bool engines;
};

static const struct fixed fixed_formats[] = {
    {5, 24, 48, true}, {6, 24, 52, true}, {7, 24, 52, false}, {8, 28, 28, true},
};

static void fixed_make(struct wire *wire, const struct fixed *format, uint32_t number, uint8_t engine)
{
    *wire = (struct wire){0};
    wire_16(wire, format->version);
    wire_16(wire, 3);
    wire_32(wire, 1000);
    wire_32(wire, 1767225600);
    wire_32(wire, 0);
    wire_32(wire, number);
    wire_fill(wire, 0, format->header_bytes - 20 + 3 * format->record_bytes);
    if (format->engines)
        wire->bytes[21] = engine;
    if (format->version == 8)
        wire->bytes[22] = 1; /* by AS */
}

static void fixed_formats_count_flows(void **state)
{
    for (size_t k = 0; k < sizeof fixed_formats / sizeof *fixed_formats; k++) {
        const struct fixed *format = &fixed_formats[k];
        struct fixture fixture;
        begin(&fixture, PROFILE_WEIR);
        for (uint32_t i = 0; i < 20; i++) {
            for (uint8_t engine = 0; engine <= format->engines; engine++) {
                struct wire wire;
                fixed_make(&wire, format, UINT32_MAX - 20 + 3 * i + 1000 * engine, engine);
                if (i != 8U + engine && i != 15)
                    feed(&fixture, A, &wire);
            }
        }
        decoder_finish(fixture.decoder);
        assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_decoded), format->engines ? 36 : 18);
        assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), format->engines ? 12 : 6);
        assert_int_equal(nothing_else(&fixture), 0);
        fixture_close(&fixture);
    }
}

/* A cut datagram arrived, though its records are of no use: they are dropped, not missing. */
static void cut_datagrams_are_not_missing(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    for (uint32_t i = 0; i < 10; i++) {
        struct wire wire;
        fixed_make(&wire, &fixed_formats[0], 3 * i, 0);
        wire.size_bytes -= i == 5;
        feed(&fixture, A, &wire);
    }
    decoder_finish(fixture.decoder);
    assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_short_records), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 0);
    assert_int_equal(nothing_else(&fixture), 0);
    fixture_close(&fixture);
}

/* --- when it counts --- */

static void v5_feed(struct fixture *fixture, const char *exporter, uint32_t number)
{
    struct wire wire;
    fixed_make(&wire, &fixed_formats[0], number, 0);
    fixture_feed(fixture, fixture_exporter(fixture, exporter), wire.bytes, wire.size_bytes);
}

static void gaps_close_after_a_second(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    v5_feed(&fixture, A, 0);
    v5_feed(&fixture, A, 3);
    v5_feed(&fixture, A, 12);
    v5_feed(&fixture, "192.0.2.2:1", 0); /* another slot */
    decoder_housekeep(fixture.decoder, fixture.now_ns + NS_PER_S);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 0);
    decoder_housekeep(fixture.decoder, fixture.now_ns + NS_PER_S + 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 6);
    const struct exporter *exporter = fixture_exporter(&fixture, A);
    assert_int_equal(counter_read(&exporter->counters.value[COUNTER_records_missing]), 6);
    fixture_close(&fixture);
}

/* An exporter that is forgotten leaves its losses in the worker's counters, and its slot without a past. */
static void forgotten_exporters_are_settled(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    v5_feed(&fixture, A, 0);
    v5_feed(&fixture, A, 3);
    v5_feed(&fixture, A, 12);
    struct exporter *exporter = fixture_exporter(&fixture, A);
    decoder_forget(fixture.decoder, exporter);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 6);
    exporters_remove(fixture.exporters, exporter);
    assert_ptr_equal(fixture_exporter(&fixture, "192.0.2.9:1"), exporter);
    v5_feed(&fixture, "192.0.2.9:1", 500000);
    v5_feed(&fixture, "192.0.2.9:1", 500003);
    decoder_finish(fixture.decoder);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_missing), 6);
    assert_int_equal(nothing_else(&fixture), 0);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipfix_counts_data_records),
        cmocka_unit_test(parked_records_count_once),
        cmocka_unit_test(several_messages_in_a_datagram),
        cmocka_unit_test(what_is_not_read_is_not_missing),
        cmocka_unit_test(what_is_given_up_is_not_missing),
        cmocka_unit_test(v9_counts_datagrams),
        cmocka_unit_test(fixed_formats_count_flows),
        cmocka_unit_test(cut_datagrams_are_not_missing),
        cmocka_unit_test(gaps_close_after_a_second),
        cmocka_unit_test(forgotten_exporters_are_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
