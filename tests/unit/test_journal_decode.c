/* SPDX-License-Identifier: Apache-2.0 */
/* Decoder and journal together: what one decoder says, another one knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/decode_seen.h"

#define FEED_BYTES (1u << 18)
#define TIMEOUT_NS (60 * NS_PER_S)

static const uint16_t eight[] = {8, 4, 12, 4};
static const uint16_t sixteen[] = {8, 4, 12, 4, 1, 8};
static const uint16_t five[] = {8, 4, 4, 1};

/* Two lives of a decoder, with a store between them that takes what the first one says. */
static void life_begin(struct fixture *fixture, enum profile_kind kind, struct template_store *known)
{
    fixture_init(fixture, kind);
    fixture->config.expiration_timeout = TIMEOUT_NS;
    fixture->feed = template_feed_new(FEED_BYTES);
    fixture->known = known;
    fixture_open(fixture);
}

static uint32_t feed_drain(struct fixture *fixture, struct template_store *store)
{
    struct template_event event;
    uint32_t count = 0;
    for (; template_feed_peek(fixture->feed, &event); count++) {
        assert_true(template_store_put(store, &event));
        template_feed_pop(fixture->feed);
    }
    return count;
}

static void life_end(struct fixture *fixture)
{
    fixture_close(fixture);
    template_feed_free(fixture->feed);
}

static void housekeep(struct fixture *fixture, int64_t passed_ns)
{
    fixture->now_ns += passed_ns;
    for (int slice = 0; slice < 5; slice++)
        decoder_housekeep(fixture->decoder, fixture->now_ns);
}

static void first_record_decodes(void **state)
{
    for (int kind = PROFILE_WEIR; kind <= PROFILE_ELASTIC; kind++) {
        struct template_store *store = template_store_new();
        struct fixture fixture;
        life_begin(&fixture, (enum profile_kind)kind, NULL);
        feed_v9_template(&fixture, A, 256, eight, 2);
        feed_v9_template(&fixture, A, 257, eight, 2);
        feed_v9_template(&fixture, A, 257, sixteen, 3);
        feed_v9_template(&fixture, A, 257, sixteen, 3); /* no news */
        feed_v9_template(&fixture, "192.0.2.2:5000", 256, sixteen, 3);
        assert_int_equal(feed_drain(&fixture, store), 4);
        life_end(&fixture);
        life_begin(&fixture, (enum profile_kind)kind, store);
        assert_int_equal(feed_v9_data(&fixture, A, 257, 32), 2);
        assert_int_equal(feed_v9_data(&fixture, A, 256, 32), 4);
        assert_int_equal(feed_v9_data(&fixture, "192.0.2.2:5000", 256, 32), 2);
        assert_int_equal(feed_v9_data(&fixture, "192.0.2.3:5000", 256, 32), 0);
        assert_int_equal(fixture_count(&fixture, COUNTER_templates_restored), 3);
        assert_int_equal(fixture_count(&fixture, COUNTER_templates_learned), 0);
        assert_int_equal(fixture_exporter(&fixture, A)->template_count, 2);
        assert_int_equal(feed_drain(&fixture, store), 0);
        feed_v9_template(&fixture, A, 257, sixteen, 3);
        assert_int_equal(fixture_count(&fixture, COUNTER_templates_refreshed), 1);
        life_end(&fixture);
        template_store_free(store);
    }
}

/* All that a template can have: enterprises, variable lengths, unknown elements, scopes, both dialects. */
static void records_come_back_whole(void **state)
{
    struct template_store *store = template_store_new();
    struct fixture fixture;
    struct wire wire = {0};
    life_begin(&fixture, PROFILE_WEIR, NULL);
    wire_ipfix(&wire, 1, 7);
    wire_set(&wire, 2);
    const uint8_t flow[] = {1, 44, 0, 4, 0, 8, 0, 4, 0x80, 9, 0xff, 0xff, 0, 0, 0, 9, 0x80, 1, 0, 8, 0, 0, 0x72, 0x79,
                            0x7f, 0xff, 0, 16};
    memcpy(wire.bytes + wire.size_bytes, flow, sizeof flow);
    wire.size_bytes += sizeof flow;
    wire_set_end(&wire);
    wire_set(&wire, 3);
    const uint8_t options[] = {1, 45, 0, 3, 0, 2, 0, 144, 0, 4, 0x80, 77, 0, 4, 0, 0, 0x10, 0x92, 0, 41, 0, 8};
    memcpy(wire.bytes + wire.size_bytes, options, sizeof options);
    wire.size_bytes += sizeof options;
    wire_set_end(&wire);
    wire_message_end(&wire);
    feed(&fixture, A, &wire);
    wire = (struct wire){0};
    wire_v9(&wire, 1, 1, 7);
    wire_set(&wire, 1);
    const uint8_t scopes[] = {1, 46, 0, 8, 0, 4, 0, 1, 0, 4, 0, 2, 0, 2, 0x80, 10, 0, 8};
    memcpy(wire.bytes + wire.size_bytes, scopes, sizeof scopes);
    wire.size_bytes += sizeof scopes;
    wire_set_end(&wire);
    feed(&fixture, A, &wire);
    const struct {
        const uint8_t *bytes;
        size_t size;
        bool options;
    } wanted[] = {{flow, sizeof flow, false}, {options, sizeof options, true}, {scopes, sizeof scopes, true}};
    for (uint32_t i = 0; i < 3; i++) {
        struct template_event event;
        assert_true(template_feed_peek(fixture.feed, &event));
        assert_int_equal(event.record_bytes, wanted[i].size);
        assert_memory_equal(event.record, wanted[i].bytes, wanted[i].size);
        assert_int_equal(event.options, wanted[i].options);
        assert_int_equal(event.source_port, 5000);
        assert_int_equal(event.time_ns, FIXTURE_NOW);
        template_feed_pop(fixture.feed);
    }
    life_end(&fixture);
    template_store_free(store);
}

/* In use is renewed once a timeout, so it is never too old; what is not used goes, from the journal as well. */
static void age_is_kept(void **state)
{
    struct template_store *store = template_store_new();
    struct fixture fixture;
    life_begin(&fixture, PROFILE_WEIR, NULL);
    feed_v9_template(&fixture, A, 256, eight, 2);
    feed_v9_template(&fixture, A, 257, eight, 2);
    housekeep(&fixture, 0);
    for (int round = 0; round < 5; round++) {
        housekeep(&fixture, TIMEOUT_NS);
        feed_v9_data(&fixture, A, 256, 8);
        feed_drain(&fixture, store);
    }
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_expired), 1);
    assert_int_equal(template_store_count(store), 1);
    int64_t end_ns = fixture.now_ns;
    life_end(&fixture);
    for (int64_t passed_ns = 0; passed_ns <= 3 * TIMEOUT_NS; passed_ns += TIMEOUT_NS) {
        struct template_store *again = template_store_new();
        struct template_event event;
        for (uint32_t slot = 0; slot < template_store_slots(store); slot++)
            if (template_store_at(store, slot, &event))
                template_store_put(again, &event);
        life_begin(&fixture, PROFILE_WEIR, again);
        fixture.now_ns = end_ns + passed_ns;
        assert_int_equal(feed_v9_data(&fixture, A, 256, 8), passed_ns <= 2 * TIMEOUT_NS);
        life_end(&fixture);
        template_store_free(again);
    }
    template_store_free(store);
}

/* A session comes from the journal once: what it forgot since does not come back. */
static void restored_once(void **state)
{
    struct template_store *store = template_store_new();
    struct fixture fixture;
    life_begin(&fixture, PROFILE_ELASTIC, NULL);
    feed_v9_template(&fixture, A, 256, eight, 2);
    feed_drain(&fixture, store);
    life_end(&fixture);
    life_begin(&fixture, PROFILE_ELASTIC, store);
    fixture.config.detect_sequence_reset = true;
    assert_int_equal(feed_v9_data(&fixture, A, 256, 8), 1);
    struct wire wire = {0};
    wire_v9(&wire, 1, 500000, 7); /* the exporter began anew */
    wire_data(&wire, 256, 1, 8);
    assert_int_equal(feed(&fixture, A, &wire), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_discarded), 1);
    housekeep(&fixture, 0);
    housekeep(&fixture, TIMEOUT_NS); /* a session without templates goes */
    assert_int_equal(feed(&fixture, A, &wire), 0);
    struct template_store *rest = template_store_new();
    assert_int_equal(feed_drain(&fixture, rest), 1);
    assert_int_equal(template_store_count(rest), 0);
    life_end(&fixture);
    template_store_free(rest);
    template_store_free(store);
}

/* Three bytes that fill a set up and are no zeroes do not disprove a template. */
static void restored_ones_with_filler(void **state)
{
    struct template_store *store = template_store_new();
    struct fixture fixture;
    life_begin(&fixture, PROFILE_WEIR, NULL);
    feed_v9_template(&fixture, A, 256, five, 2);
    feed_drain(&fixture, store);
    life_end(&fixture);
    life_begin(&fixture, PROFILE_WEIR, store);
    assert_int_equal(feed_v9_data(&fixture, A, 256, 8), 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_disproved), 0);
    life_end(&fixture);
    template_store_free(store);
}

/* While nobody listened the exporter began anew, with other templates: what does not fit proves it, and waits. */
static void restored_ones_are_doubted(void **state)
{
    struct template_store *store = template_store_new();
    struct fixture fixture;
    life_begin(&fixture, PROFILE_WEIR, NULL);
    feed_v9_template(&fixture, A, 256, sixteen, 3);
    feed_v9_template(&fixture, A, 257, sixteen, 3);
    feed_drain(&fixture, store);
    life_end(&fixture);
    life_begin(&fixture, PROFILE_WEIR, store);
    assert_int_equal(feed_v9_data(&fixture, A, 257, 32), 2);
    assert_int_equal(feed_v9_data(&fixture, A, 256, 24), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_disproved), 1);
    assert_int_equal(decoder_parked_sets(fixture.decoder), 1);
    assert_int_equal(feed_v9_data(&fixture, A, 256, 16), 0); /* it is gone, even for what would fit */
    assert_int_equal(feed_v9_template(&fixture, A, 256, eight, 2), 5);
    assert_int_equal(feed_v9_data(&fixture, A, 257, 24), 1); /* it was seen to fit: a cut record is no proof */
    assert_int_equal(fixture_count(&fixture, COUNTER_records_cut), 1);
    struct template_store *news = template_store_new();
    assert_int_equal(feed_drain(&fixture, news), 2); /* gone, and learned */
    assert_int_equal(template_store_count(news), 1);
    life_end(&fixture);
    template_store_free(news);
    template_store_free(store);
}

/* Nobody takes what is said for a long time: all of it is known in the end, and what went meanwhile is not. */
static void full_ring_loses_nothing(void **state)
{
    struct template_store *store = template_store_new();
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.expiration_timeout = TIMEOUT_NS;
    fixture.config.limits.templates_per_exporter = 8192;
    fixture.feed = template_feed_new(FEED_BYTES);
    fixture_open(&fixture);
    for (uint32_t id = 256; id < 4256; id++) {
        char exporter[32];
        snprintf(exporter, sizeof exporter, "192.0.2.%u:5000", 1 + id % 200);
        feed_v9_template(&fixture, exporter, id, sixteen, 3);
    }
    uint64_t late = fixture_count(&fixture, COUNTER_template_events_late);
    assert_true(late > 300);
    housekeep(&fixture, 0);
    struct template_store *half = template_store_new();
    feed_drain(&fixture, half);
    assert_true(template_store_count(half) < 4000);
    template_store_free(half);
    for (int round = 0; round < 50; round++) {
        for (uint32_t id = 256; id < 4256; id += round % 2 ? 1000 : 7) { /* others change while it catches up */
            char exporter[32];
            snprintf(exporter, sizeof exporter, "192.0.2.%u:5000", 1 + id % 200);
            feed_v9_template(&fixture, exporter, id, round % 2 ? eight : sixteen, round % 2 ? 2 : 3);
        }
        housekeep(&fixture, NS_PER_MS);
        feed_drain(&fixture, store);
    }
    housekeep(&fixture, TIMEOUT_NS);
    for (int round = 0; round < 50; round++) {
        housekeep(&fixture, NS_PER_MS);
        feed_drain(&fixture, store);
    }
    assert_int_equal(template_store_count(store), 4000);
    assert_int_equal(fixture_count(&fixture, COUNTER_template_events_lost), 0);
    life_end(&fixture);
    template_store_free(store);
}

/* At the end all of it is said, in as many steps as there is room for. */
static void end_says_all(void **state)
{
    struct template_store *store = template_store_new();
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.limits.templates_per_exporter = 8192;
    fixture.feed = template_feed_new(FEED_BYTES);
    fixture_open(&fixture);
    for (uint32_t i = 0; i < 9000; i++) {
        char exporter[32];
        snprintf(exporter, sizeof exporter, "192.0.%u.%u:5000", i % 1000 / 250, 1 + i % 250);
        feed_v9_template(&fixture, exporter, 256 + i / 1000, sixteen, 3);
    }
    assert_false(decoder_catch_up(fixture.decoder, fixture.now_ns));
    uint32_t steps = 0;
    do
        feed_drain(&fixture, store);
    while (!decoder_catch_up(fixture.decoder, fixture.now_ns) && steps++ < 100);
    feed_drain(&fixture, store);
    assert_true(steps < 100);
    assert_int_equal(template_store_count(store), 9000);
    life_end(&fixture);
    template_store_free(store);
}

static void removals_wait_in_order(void **state)
{
    struct template_store *store = template_store_new();
    struct fixture fixture;
    life_begin(&fixture, PROFILE_WEIR, NULL);
    feed_v9_template(&fixture, "192.0.2.7:5000", 256, eight, 2);
    feed_v9_template(&fixture, "192.0.2.7:5000", 257, eight, 2);
    feed_drain(&fixture, store);
    assert_int_equal(template_store_count(store), 2);
    housekeep(&fixture, 0);
    housekeep(&fixture, TIMEOUT_NS);
    struct template_event filler = {.key = {.version = 9, .domain = 99}, .record = (const uint8_t *)"", .id = 999,
                                    .change = CHANGE_REMOVED};
    while (template_feed_push(fixture.feed, &filler))
        ;
    housekeep(&fixture, TIMEOUT_NS); /* both go, and cannot be said to */
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_expired), 2);
    assert_int_equal(fixture_count(&fixture, COUNTER_template_events_late), 2);
    feed_v9_template(&fixture, "192.0.2.7:5000", 257, sixteen, 3); /* one comes again */
    feed_drain(&fixture, store);
    for (int round = 0; round < 20; round++) {
        housekeep(&fixture, NS_PER_MS);
        feed_drain(&fixture, store);
    }
    assert_int_equal(template_store_count(store), 1);
    life_end(&fixture);
    life_begin(&fixture, PROFILE_WEIR, store);
    assert_int_equal(feed_v9_data(&fixture, "192.0.2.7:5000", 257, 16), 1);
    assert_int_equal(feed_v9_data(&fixture, "192.0.2.7:5000", 256, 16), 0);
    life_end(&fixture);
    template_store_free(store);
}

/* Limits hold for what comes from the journal, too. */
static void limits_hold(void **state)
{
    struct template_store *store = template_store_new();
    struct fixture fixture;
    life_begin(&fixture, PROFILE_WEIR, NULL);
    for (uint32_t id = 256; id < 356; id++)
        feed_v9_template(&fixture, A, id, id % 2 ? eight : sixteen, id % 2 ? 2 : 3);
    feed_drain(&fixture, store);
    life_end(&fixture);
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.limits.templates_per_exporter = 10;
    fixture.config.limits.fields_per_template = 2;
    fixture.known = store;
    fixture_open(&fixture);
    feed_v9_data(&fixture, A, 256, 8);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_restored), 10);
    assert_true(fixture_count(&fixture, COUNTER_templates_over_field_cap) > 0);
    assert_true(fixture_count(&fixture, COUNTER_templates_over_exporter_cap) > 0);
    fixture_close(&fixture);
    template_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_record_decodes),   cmocka_unit_test(records_come_back_whole),
        cmocka_unit_test(age_is_kept),            cmocka_unit_test(restored_once),
        cmocka_unit_test(restored_ones_with_filler),
        cmocka_unit_test(restored_ones_are_doubted),
        cmocka_unit_test(full_ring_loses_nothing), cmocka_unit_test(removals_wait_in_order),
        cmocka_unit_test(end_says_all),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
