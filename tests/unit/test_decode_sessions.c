/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions, templates, plans and caps over time, and what profile weir does otherwise than Elastic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/decode_seen.h"

static const uint16_t eight[] = {8, 4, 12, 4}; /* 8 bytes a record */
static const uint16_t sixteen[] = {8, 4, 12, 4, 1, 8};
static const uint16_t five[] = {8, 4, 4, 1};
static const uint16_t empty[] = {1, 0, 82, 0};

static void v9_sessions_by_address(void **state)
{
    for (int kind = PROFILE_WEIR; kind <= PROFILE_ELASTIC; kind++) {
        struct fixture fixture;
        begin(&fixture, (enum profile_kind)kind);
        feed_v9_template(&fixture, A, 256, eight, 2);
        assert_int_equal(feed_v9_data(&fixture, A, 256, 16), 2);
        assert_int_equal(feed_v9_data(&fixture, "192.0.2.1:5001", 256, 16), kind == PROFILE_WEIR ? 2 : 0);
        assert_int_equal(feed_v9_data(&fixture, "192.0.2.2:5000", 256, 16), 0);
        fixture_close(&fixture);
    }
}

static void ipfix_sessions_by_address(void **state)
{
    for (int kind = PROFILE_WEIR; kind <= PROFILE_ELASTIC; kind++) {
        struct fixture fixture;
        begin(&fixture, (enum profile_kind)kind);
        struct wire wire = {0};
        wire_ipfix(&wire, 1, 7);
        wire_template(&wire, 2, 256, eight, 2);
        wire_data(&wire, 256, 1, 8);
        wire_message_end(&wire);
        assert_int_equal(feed(&fixture, A, &wire), 1);
        struct wire data = {0};
        wire_ipfix(&data, 1, 7);
        wire_data(&data, 256, 1, 8);
        wire_message_end(&data);
        assert_int_equal(feed(&fixture, "192.0.2.1:5001", &data), kind == PROFILE_WEIR);
        assert_int_equal(feed(&fixture, "192.0.2.2:5000", &data), 0);
        assert_int_equal(feed_v9_data(&fixture, A, 256, 8), 0); /* v9's templates are others */
        assert_int_equal(feed(&fixture, A, &data), 1);
        fixture_close(&fixture);
    }
}

static void several_ipfix_messages(void **state)
{
    struct wire wire = {0};
    for (uint32_t i = 1; i <= 3; i++) {
        wire_ipfix(&wire, i, 7);
        wire_template(&wire, 2, 256, eight, 2);
        wire_data(&wire, 256, 1, 8 * i);
        wire_message_end(&wire);
    }
    wire_fill(&wire, 9, 17); /* no message, and no reason to lose the others */
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    struct seen seen = visit(&fixture, &wire);
    assert_int_equal(seen.chunks, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(seen.counts[i], i + 1);
        assert_int_equal(seen.exported_ns[i], (i + 1) * 1000000000LL);
    }
    assert_true(seen.serials[0] != seen.serials[1] && seen.serials[1] != seen.serials[2]);
    assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_decoded), 1);
    fixture_close(&fixture);
    begin(&fixture, PROFILE_ELASTIC);
    assert_int_equal(feed(&fixture, A, &wire), 1);
    fixture_close(&fixture);
}

/* Data, a reserved set, a template set whose second template is bad, data of the first one. */
static void bad_sets(void **state)
{
    struct wire wire = {0};
    wire_v9(&wire, 9, 1, 7);
    wire_data(&wire, 256, 1, 8);
    wire_data(&wire, 77, 1, 8);
    wire_template(&wire, 0, 300, eight, 2);
    wire_16(&wire, 255);
    wire_16(&wire, 1);
    wire_32(&wire, 1);
    wire_set_end(&wire);
    wire_data(&wire, 300, 1, 8);
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    feed_v9_template(&fixture, A, 256, eight, 2);
    assert_int_equal(feed(&fixture, A, &wire), 2);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_reserved_id), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_bad_template), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_decoded), 2);
    fixture_close(&fixture);

    begin(&fixture, PROFILE_ELASTIC);
    feed_v9_template(&fixture, A, 256, eight, 2);
    assert_int_equal(feed(&fixture, A, &wire), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_bad_set), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_of_dropped_datagrams), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_reserved_id), 1);
    wire_patch(&wire, 20 + 12, 300); /* the reserved set becomes data without a template */
    assert_int_equal(feed(&fixture, A, &wire), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_bad_template), 1);
    assert_int_equal(feed_v9_data(&fixture, A, 300, 8), 0); /* not even the good template before the bad one */
    fixture_close(&fixture);
}

/* A template of no bytes costs the datagram only where it is what the data is of. */
static void empty_templates(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_ELASTIC);
    feed_v9_template(&fixture, A, 256, eight, 2);
    feed_v9_template(&fixture, A, 257, empty, 2);
    assert_int_equal(feed_v9_data(&fixture, A, 256, 8), 1);
    assert_int_equal(feed_v9_data(&fixture, A, 257, 8), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_empty_template), 1);
    struct wire wire = {0};
    wire_v9(&wire, 9, 1, 7);
    wire_template(&wire, 0, 257, eight, 2);
    wire_data(&wire, 257, 1, 8);
    assert_int_equal(feed(&fixture, A, &wire), 1);
    wire_template(&wire, 0, 256, empty, 2);
    assert_int_equal(feed(&fixture, A, &wire), 1);
    wire_data(&wire, 256, 1, 8);
    assert_int_equal(feed(&fixture, A, &wire), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_datagrams_empty_template), 2);
    fixture_close(&fixture);
    begin(&fixture, PROFILE_WEIR);
    assert_int_equal(feed(&fixture, A, &wire), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_empty_template), 1);
    fixture_close(&fixture);
}

static void withdrawals_remove_nothing(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    struct wire wire = {0};
    wire_ipfix(&wire, 1, 7);
    wire_template(&wire, 2, 256, eight, 2);
    wire_template(&wire, 2, 256, NULL, 0);
    wire_template(&wire, 2, 2, NULL, 0); /* all */
    wire_32(&wire, 256U << 16);
    wire_set_end(&wire);
    wire_template(&wire, 3, 300, NULL, 0);
    wire_32(&wire, 301U << 16);
    wire_set_end(&wire);
    wire_data(&wire, 256, 1, 8);
    wire_message_end(&wire);
    assert_int_equal(feed(&fixture, A, &wire), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_withdrawn), 5);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_template), 4);
    fixture_close(&fixture);
}

static void chunks_of_64(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    feed_v9_template(&fixture, A, 256, eight, 2);
    struct wire wire = {0};
    wire_v9(&wire, 0, 1, 7); /* records or sets: weir does not ask */
    wire_data(&wire, 256, 1, 8 * 150 + 3);
    struct seen seen = visit(&fixture, &wire);
    assert_int_equal(seen.chunks, 3);
    assert_int_equal(seen.counts[0], 64);
    assert_int_equal(seen.counts[2], 22);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_received), 150);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_cut), 1); /* the rest is no zeroes */
    fixture_close(&fixture);
}

/* What fills a set up to four bytes may hold anything; what is longer, or fills nothing up, is of a record. */
static void filler_is_no_record(void **state)
{
    static const struct {
        uint32_t body_bytes, records, cut;
    } rows[] = {{8, 1, 0}, {12, 2, 0}, {16, 3, 0}, {7, 1, 1}, {9, 1, 1}, {24, 4, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture fixture;
        begin(&fixture, PROFILE_WEIR);
        feed_v9_template(&fixture, A, 256, five, 2);
        assert_int_equal(feed_v9_data(&fixture, A, 256, rows[i].body_bytes), rows[i].records);
        assert_int_equal(fixture_count(&fixture, COUNTER_records_cut), rows[i].cut);
        fixture_close(&fixture);
    }
}

static void plans_are_shared(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    size_t before = heap_used_bytes(fixture.heap);
    feed_v9_template(&fixture, A, 256, eight, 2);
    size_t first = heap_used_bytes(fixture.heap) - before;
    feed_v9_template(&fixture, "192.0.2.2:5000", 999, eight, 2);
    size_t second = heap_used_bytes(fixture.heap) - before - first;
    assert_true(second < first);
    feed_v9_template(&fixture, A, 256, eight, 2);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_refreshed), 1);
    assert_int_equal(heap_used_bytes(fixture.heap), before + first + second);
    struct wire data = {0};
    wire_v9(&data, 1, 1, 7);
    wire_data(&data, 256, 1, 16);
    uint64_t serial = visit(&fixture, &data).plan.serial;
    feed_v9_template(&fixture, A, 256, sixteen, 3);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_changed), 1);
    struct seen seen = visit(&fixture, &data);
    assert_true(seen.plan.serial != serial);
    assert_int_equal(seen.plan.record_bytes, 16);
    assert_int_equal(seen.counts[0], 1);
    assert_int_equal(feed_v9_data(&fixture, "192.0.2.2:5000", 999, 8), 1);
    fixture_close(&fixture);
}

static void unused_templates_expire(void **state)
{
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.expiration_timeout = 1000;
    fixture_open(&fixture);
    size_t before = heap_used_bytes(fixture.heap);
    for (uint32_t id = 256; id < 356; id++)
        feed_v9_template(&fixture, A, id, eight, 2);
    feed_v9_template(&fixture, "192.0.2.2:1", 256, eight, 2);
    decoder_housekeep(fixture.decoder, fixture.now_ns);
    for (int round = 0; round < 5; round++) {
        fixture.now_ns += 1000;
        assert_int_equal(feed_v9_data(&fixture, A, 300, 8), 1);
        assert_int_equal(fixture_count(&fixture, COUNTER_templates_expired), round < 2 ? 0 : 100);
        for (int slice = 0; slice < 3; slice++)
            decoder_housekeep(fixture.decoder, fixture.now_ns);
    }
    assert_int_equal(feed_v9_data(&fixture, A, 301, 8), 0);
    assert_int_equal(fixture_exporter(&fixture, A)->template_count, 1);
    assert_int_equal(fixture_exporter(&fixture, "192.0.2.2:1")->template_count, 0);
    assert_int_equal(feed_v9_data(&fixture, "192.0.2.2:1", 256, 8), 0); /* its cached session is gone */
    fixture.now_ns += 1000000;
    for (int slice = 0; slice < 9; slice++, fixture.now_ns += 1000)
        decoder_housekeep(fixture.decoder, fixture.now_ns);
    assert_int_equal(fixture_exporter(&fixture, A)->template_count, 0);
    decoder_finish(fixture.decoder); /* what waits for its template */
    assert_true(heap_used_bytes(fixture.heap) <= before + 2 * 128); /* the memory of two sessions */
    fixture_close(&fixture);
}

/* Ids that want the same place of the table: some go, and the others must still be found. */
static void colliding_templates(void **state)
{
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.expiration_timeout = 1000;
    fixture_open(&fixture);
    for (uint32_t i = 0; i < 60; i++)
        feed_v9_template(&fixture, A, 256 + i / 20 + i % 20 * 256, eight, 2);
    for (int round = 0; round < 3; round++, fixture.now_ns += 1001) {
        for (uint32_t i = 0; i < 60; i += 3)
            assert_int_equal(feed_v9_data(&fixture, A, 256 + i / 20 + i % 20 * 256, 8), 1);
        decoder_housekeep(fixture.decoder, fixture.now_ns);
        decoder_housekeep(fixture.decoder, fixture.now_ns);
    }
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_expired), 40);
    for (uint32_t i = 0; i < 60; i++)
        assert_int_equal(feed_v9_data(&fixture, A, 256 + i / 20 + i % 20 * 256, 8), i % 3 == 0);
    fixture_close(&fixture);
}

static void forgotten_exporters(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_ELASTIC);
    feed_v9_template(&fixture, A, 256, eight, 2);
    feed_v9_template(&fixture, "192.0.2.2:5000", 256, eight, 2);
    struct exporter *exporter = fixture_exporter(&fixture, A);
    uint32_t generation = exporter->generation;
    decoder_forget(fixture.decoder, exporter);
    exporters_remove(fixture.exporters, exporter);
    assert_null(exporters_at(fixture.exporters, exporter->slot));
    assert_int_equal(exporter->template_count, 0);
    struct exporter *again = fixture_exporter(&fixture, "[2001:db8::1]:9");
    assert_ptr_equal(again, exporter); /* the slot */
    assert_true(again->generation != generation);
    assert_string_equal(again->endpoint_text, "[2001:db8::1]:9");
    assert_string_equal(again->address_text, "2001:db8::1");
    assert_int_equal(again->address_bytes, 11);
    assert_int_equal(counter_read(&again->counters.value[COUNTER_datagrams_received]), 0);
    struct wire data = {0};
    wire_v9(&data, 1, 2, 7);
    wire_data(&data, 256, 1, 8);
    assert_int_equal(fixture_feed(&fixture, fixture_exporter(&fixture, A), data.bytes, data.size_bytes), 0);
    assert_int_equal(fixture_feed(&fixture, fixture_exporter(&fixture, "192.0.2.2:5000"), data.bytes, data.size_bytes),
                     1);
    fixture_close(&fixture);
}

/* A session of several ports outlives the exporter that opened it, and counts for the next one. */
static void shared_sessions_stay(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    feed_v9_template(&fixture, A, 256, eight, 2);
    feed_v9_template(&fixture, A, 257, eight, 2);
    struct exporter *opener = fixture_exporter(&fixture, A);
    assert_int_equal(opener->template_count, 2);
    decoder_forget(fixture.decoder, opener);
    assert_int_equal(opener->template_count, 0);
    assert_int_equal(feed_v9_data(&fixture, "192.0.2.1:5001", 256, 8), 1);
    assert_int_equal(fixture_exporter(&fixture, "192.0.2.1:5001")->template_count, 2);
    fixture_close(&fixture);
}

static void caps_are_counted(void **state)
{
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.limits.templates_per_exporter = 3;
    fixture.config.limits.fields_per_template = 2;
    fixture.config.limits.exporters = 2;
    fixture_open(&fixture);
    for (uint32_t id = 256; id < 260; id++)
        feed_v9_template(&fixture, A, id, eight, 2);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_over_exporter_cap), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_no_memory), 1);
    assert_int_equal(feed_v9_data(&fixture, A, 258, 8), 1);
    assert_int_equal(feed_v9_data(&fixture, A, 259, 8), 0);
    struct wire wire = {0}; /* one template too long, the one behind it not */
    wire_v9(&wire, 1, 1, 7);
    wire_template(&wire, 0, 258, sixteen, 3);
    wire_16(&wire, 257);
    wire_16(&wire, 1);
    wire_16(&wire, 8);
    wire_16(&wire, 4);
    wire_set_end(&wire);
    feed(&fixture, A, &wire);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_over_field_cap), 1);
    assert_int_equal(feed_v9_data(&fixture, A, 258, 16), 0); /* what 258 meant before it does not mean now */
    assert_int_equal(feed_v9_data(&fixture, A, 257, 16), 4);
    assert_non_null(fixture_exporter(&fixture, "192.0.2.3:1"));
    assert_null(fixture_exporter(&fixture, "192.0.2.4:1"));
    fixture_close(&fixture);
}

static void jumps_discard_templates(void **state)
{
    for (int kind = PROFILE_WEIR; kind <= PROFILE_ELASTIC; kind++) {
        struct fixture fixture;
        fixture_init(&fixture, (enum profile_kind)kind);
        fixture.config.detect_sequence_reset = true;
        fixture_open(&fixture);
        struct wire wire = {0};
        wire_v9(&wire, 2, 5000, 7);
        wire_template(&wire, 0, 256, eight, 2);
        wire_data(&wire, 256, 1, 8);
        assert_int_equal(feed(&fixture, A, &wire), 1);
        struct wire data = {0};
        wire_v9(&data, 2, 6000, 7);
        wire_data(&data, 256, 1, 8);
        assert_int_equal(feed(&fixture, A, &data), kind == PROFILE_WEIR ? 1 : 0);
        assert_int_equal(fixture_count(&fixture, COUNTER_sequence_jumps), kind == PROFILE_WEIR ? 0 : 1);
        assert_int_equal(fixture_count(&fixture, COUNTER_templates_discarded), kind == PROFILE_WEIR ? 0 : 1);
        fixture_close(&fixture);
    }
}

static const uint16_t with_text[] = {8, 4, 82, 65535};

/* After a jump, templates that fit are kept; those that data does not fit any more are thrown away, and it waits. */
static void jumps_are_proved_by_data(void **state)
{
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.detect_sequence_reset = true;
    fixture_open(&fixture);
    feed_v9_template(&fixture, A, 256, eight, 2);
    feed_v9_template(&fixture, A, 257, sixteen, 3);
    feed_v9_template(&fixture, A, 258, with_text, 2);
    assert_int_equal(feed_v9_data(&fixture, A, 257, 17), 1); /* no reset: a cut record is no proof */
    struct wire wire = {0};
    wire_v9(&wire, 2, 500000, 7);
    wire_data(&wire, 256, 1, 16);
    wire_data(&wire, 257, 1, 17);
    wire_set(&wire, 258);
    wire_32(&wire, 1);
    wire_32(&wire, 3U << 24 | 0x414243); /* a text of three bytes */
    wire_32(&wire, 2);
    wire_16(&wire, 0x0141);
    wire_16(&wire, 0);
    wire_set_end(&wire);
    assert_int_equal(feed(&fixture, A, &wire), 2 + 0 + 2);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_disproved), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_parked), 1);
    wire = (struct wire){0};
    wire_v9(&wire, 2, 900000, 7);
    wire_data(&wire, 258, 9, 12); /* the text is longer than what is there */
    wire_data(&wire, 256, 0, 3);  /* padding says nothing */
    wire_data(&wire, 256, 1, 7);
    assert_int_equal(feed(&fixture, A, &wire), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_disproved), 3);
    assert_int_equal(fixture_exporter(&fixture, A)->template_count, 0);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v9_sessions_by_address),
        cmocka_unit_test(ipfix_sessions_by_address),
        cmocka_unit_test(several_ipfix_messages),
        cmocka_unit_test(bad_sets),
        cmocka_unit_test(empty_templates),
        cmocka_unit_test(withdrawals_remove_nothing),
        cmocka_unit_test(chunks_of_64),
        cmocka_unit_test(filler_is_no_record),
        cmocka_unit_test(plans_are_shared),
        cmocka_unit_test(unused_templates_expire),
        cmocka_unit_test(colliding_templates),
        cmocka_unit_test(forgotten_exporters),
        cmocka_unit_test(shared_sessions_stay),
        cmocka_unit_test(caps_are_counted),
        cmocka_unit_test(jumps_discard_templates),
        cmocka_unit_test(jumps_are_proved_by_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
