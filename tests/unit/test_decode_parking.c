/* SPDX-License-Identifier: Apache-2.0 */
/* Data that comes before its template waits for it, and is then what it would have been. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/decode_seen.h"
#include "tests/unit/random.h"

static const uint16_t eight[] = {8, 4, 12, 4};
static const uint16_t twelve[] = {8, 4, 12, 4, 1, 4};
static const uint16_t empty[] = {1, 0, 82, 0};

#define B "192.0.2.1:6000"
#define C "192.0.2.9:6000"

/* All of a record that documents are made of. */
struct found {
    int64_t received_ns, export_ns;
    uint32_t sequence, domain, uptime_ms, position, size_bytes;
    uint16_t version, field_count;
    char exporter[ENDPOINT_TEXT_MOST];
    uint8_t bytes[16];
};

#define FOUND_MOST 4096

struct finds {
    uint32_t count;
    uint64_t serials[FOUND_MOST];
    struct found items[FOUND_MOST];
};

static void find(const struct chunk *chunk, void *data)
{
    struct finds *finds = data;
    const struct message *message = chunk->message;
    for (uint32_t i = 0; i < chunk->count; i++) {
        assert_true(finds->count < FOUND_MOST);
        finds->serials[finds->count] = message->serial;
        struct found *found = &finds->items[finds->count++];
        memset(found, 0, sizeof *found);
        found->received_ns = message->received_ns;
        found->export_ns = message->export_ns;
        found->sequence = message->sequence;
        found->domain = message->domain;
        found->uptime_ms = message->uptime_ms;
        found->position = chunk->position + i;
        found->size_bytes = chunk->records[i].size_bytes;
        found->version = message->version;
        found->field_count = chunk->plan->field_count;
        strcpy(found->exporter, message->exporter->endpoint_text);
        memcpy(found->bytes, chunk->records[i].bytes, found->size_bytes);
    }
}

static uint32_t visit_all(struct fixture *fixture, const char *exporter, const struct wire *wire, struct finds *finds)
{
    struct fixture_bytes bytes = {wire->bytes, wire->size_bytes};
    uint32_t records = fixture_visit(fixture, fixture_exporter(fixture, exporter), bytes, find, finds);
    fixture->now_ns += NS_PER_MS;
    fixture_check_ledger(fixture);
    return records;
}

static struct wire data_wire(uint32_t sequence, uint32_t domain)
{
    struct wire wire = {0};
    wire_v9(&wire, 1, sequence, domain);
    return wire;
}

static struct wire template_wire(uint32_t domain, uint32_t id, const uint16_t *pairs, uint32_t count)
{
    struct wire wire = {0};
    wire_v9(&wire, 1, 9999, domain);
    wire_template(&wire, 0, id, pairs, count);
    return wire;
}

static uint32_t feed_data(struct fixture *fixture, const char *exporter, uint32_t id, uint32_t size_bytes)
{
    struct wire wire = data_wire(1, 7);
    wire_data(&wire, id, 1, size_bytes);
    return feed(fixture, exporter, &wire);
}

/* Random data of two exporters, two domains, two templates: with the templates first, and with them last. */
static void stream_feed(struct fixture *fixture, uint64_t seed, struct finds *finds)
{
    uint64_t state = seed;
    for (uint32_t i = 0; i < 60; i++) {
        struct wire wire = data_wire(i, 7 + random_below(&state, 2));
        uint32_t id = 256 + random_below(&state, 2);
        for (uint32_t set = 0; set <= random_below(&state, 3); set++)
            wire_data(&wire, id, (uint8_t)random_next(&state), 24 * random_below(&state, 12));
        visit_all(fixture, i % 3 ? A : C, &wire, finds);
    }
}

static void templates_feed(struct fixture *fixture, struct finds *finds)
{
    for (uint32_t domain = 7; domain < 9; domain++) {
        for (uint32_t exporter = 0; exporter < 2; exporter++) {
            struct wire wire = template_wire(domain, 256, eight, 2);
            visit_all(fixture, exporter ? A : C, &wire, finds);
            wire = template_wire(domain, 257, twelve, 3);
            visit_all(fixture, exporter ? A : C, &wire, finds);
        }
    }
}

static int found_compare(const void *one, const void *other)
{
    return memcmp(one, other, sizeof(struct found));
}

static void as_if_it_had_been_there(void **state)
{
    static struct finds first, last;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fixture fixture;
        begin(&fixture, PROFILE_WEIR);
        first.count = last.count = 0;
        templates_feed(&fixture, &first);
        int64_t shift = fixture.now_ns - FIXTURE_NOW;
        stream_feed(&fixture, seed, &first);
        for (uint32_t i = 0; i < first.count; i++)
            first.items[i].received_ns -= shift;
        fixture_close(&fixture);

        begin(&fixture, PROFILE_WEIR);
        stream_feed(&fixture, seed, &last);
        assert_int_equal(last.count, 0);
        assert_true(decoder_parked_sets(fixture.decoder) > 60);
        templates_feed(&fixture, &last);
        assert_int_equal(decoder_parked_sets(fixture.decoder), 0);
        assert_int_equal(fixture_count(&fixture, COUNTER_sets_without_template), 0);
        assert_true(first.count > 500 && first.count == last.count);
        for (uint32_t i = 1; i < last.count; i++) /* in order, template by template */
            assert_true(last.items[i].received_ns >= last.items[i - 1].received_ns ||
                        last.items[i].domain != last.items[i - 1].domain ||
                        last.items[i].field_count != last.items[i - 1].field_count ||
                        strcmp(last.items[i].exporter, last.items[i - 1].exporter));
        for (uint32_t i = 1; i < last.count; i++) /* a serial is of one message */
            assert_true(last.serials[i] != last.serials[i - 1] ||
                        last.items[i].received_ns == last.items[i - 1].received_ns);
        qsort(first.items, first.count, sizeof *first.items, found_compare);
        qsort(last.items, last.count, sizeof *last.items, found_compare);
        assert_memory_equal(first.items, last.items, first.count * sizeof *first.items);
        fixture_close(&fixture);
    }
}

/* The message that brings the template goes on as it was, with the data behind it, from another port. */
static void message_goes_on(void **state)
{
    static struct finds finds;
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    finds.count = 0;
    feed_data(&fixture, A, 256, 24);
    feed_data(&fixture, A, 257, 24);
    struct wire wire = data_wire(77, 7);
    wire_template(&wire, 0, 300, eight, 2);
    wire_data(&wire, 300, 1, 16);
    wire_template(&wire, 0, 256, eight, 2);
    wire_data(&wire, 300, 2, 8);
    wire_template(&wire, 0, 257, twelve, 3);
    assert_int_equal(visit_all(&fixture, B, &wire, &finds), 2 + 3 + 1 + 2);
    static const struct {
        uint32_t sequence, position;
        const char *exporter;
    } wanted[] = {{77, 0, B}, {77, 1, B}, {1, 0, A}, {1, 1, A}, {1, 2, A}, {77, 2, B}, {1, 0, A}, {1, 1, A}};
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(finds.items[i].sequence, wanted[i].sequence);
        assert_int_equal(finds.items[i].position, wanted[i].position);
        assert_string_equal(finds.items[i].exporter, wanted[i].exporter);
    }
    struct exporter *parker = fixture_exporter(&fixture, A), *bringer = fixture_exporter(&fixture, B);
    assert_int_equal(counter_read(&parker->counters.value[COUNTER_records_received]), 5);
    assert_int_equal(counter_read(&bringer->counters.value[COUNTER_records_received]), 3);
    assert_int_equal(counter_read(&bringer->counters.value[COUNTER_datagrams_decoded]), 1);
    assert_int_equal(parker->parked_bytes, 0);
    fixture_close(&fixture);
}

/* A template that changes: what waited is read with the first one, what comes later with the second. */
static void change_after_the_wait(void **state)
{
    static struct finds finds;
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    finds.count = 0;
    feed_data(&fixture, A, 256, 24);
    struct wire wire = data_wire(2, 7);
    wire_template(&wire, 0, 256, eight, 2);
    wire_template(&wire, 0, 256, twelve, 3);
    wire_data(&wire, 256, 1, 24);
    assert_int_equal(visit_all(&fixture, A, &wire, &finds), 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(finds.items[i].size_bytes, i < 3 ? 8 : 12);
    fixture_close(&fixture);
}

static void bounds(void **state)
{
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.templates.park_size = 10000;
    fixture.config.templates.park_exporter_size = 4000;
    fixture_open(&fixture);
    for (uint32_t i = 0; i < 20; i++)
        for (uint32_t exporter = 0; exporter < 3; exporter++)
            feed_data(&fixture, (const char *[]){A, B, C}[exporter], 256, 800);
    uint64_t parked = fixture_count(&fixture, COUNTER_sets_parked);
    assert_in_range(parked, 6, 12);
    assert_int_equal(decoder_parked_sets(fixture.decoder), parked);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_without_template), 60 - parked);
    assert_true(heap_used_bytes(fixture.heap) < 16000 + 200000); /* plans of the fixed formats */
    struct wire wire = template_wire(7, 256, eight, 2);
    assert_int_equal(feed(&fixture, A, &wire) + feed(&fixture, C, &wire), 100 * parked);
    assert_int_equal(fixture_exporter(&fixture, A)->parked_bytes, 0);
    fixture_close(&fixture);

    fixture_init(&fixture, PROFILE_WEIR); /* none at all */
    fixture.config.templates.park_size = 0;
    fixture_open(&fixture);
    feed_data(&fixture, A, 256, 8);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_without_template), 1);
    fixture_close(&fixture);

    begin(&fixture, PROFILE_ELASTIC); /* Elastic drops it */
    feed_data(&fixture, A, 256, 8);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_without_template), 1);
    fixture_close(&fixture);
}

static void time_runs_out(void **state)
{
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.templates.park_time = 10 * NS_PER_S;
    fixture_open(&fixture);
    for (uint32_t second = 0; second < 20; second++) {
        feed_data(&fixture, A, 256, 8);
        decoder_housekeep(fixture.decoder, fixture.now_ns);
        assert_int_equal(decoder_parked_sets(fixture.decoder), second < 10 ? second + 1 : 11);
        fixture.now_ns += NS_PER_S;
    }
    fixture_check_ledger(&fixture);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_without_template), 9);
    struct wire wire = template_wire(7, 256, eight, 2);
    assert_int_equal(feed(&fixture, A, &wire), 11);
    fixture_close(&fixture);
}

/* Whoever is forgotten takes along what waits, and the end does with all. */
static void forgotten_and_finished(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    for (uint32_t i = 0; i < 5; i++) {
        feed_data(&fixture, A, 256, 8);
        feed_data(&fixture, B, 256, 8);
        feed_data(&fixture, C, 256, 8);
    }
    decoder_forget(fixture.decoder, fixture_exporter(&fixture, A));
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_without_template), 5);
    fixture_check_ledger(&fixture);
    struct wire wire = template_wire(7, 256, eight, 2);
    assert_int_equal(feed(&fixture, A, &wire), 5); /* B's */
    decoder_finish(fixture.decoder);
    assert_int_equal(decoder_parked_sets(fixture.decoder), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_without_template), 10);
    fixture_check_ledger(&fixture);
    fixture_close(&fixture);
}

/* What comes is no use: no bytes, or no room. */
static void template_of_no_use(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    feed_data(&fixture, A, 256, 8);
    struct wire wire = template_wire(7, 256, empty, 2);
    assert_int_equal(feed(&fixture, A, &wire), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_sets_empty_template), 1);
    fixture_close(&fixture);
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.limits.fields_per_template = 2;
    fixture_open(&fixture);
    feed_data(&fixture, A, 256, 24);
    wire = data_wire(1, 7); /* learned, then refused, before what waits has its turn */
    wire_template(&wire, 0, 256, twelve, 3);
    assert_int_equal(feed(&fixture, A, &wire), 0);
    assert_int_equal(decoder_parked_sets(fixture.decoder), 1); /* it may come smaller */
    wire = data_wire(1, 7);
    wire_set(&wire, 0);
    for (uint32_t i = 0; i < 2; i++) {
        const uint16_t *pairs = i ? twelve : eight;
        wire_16(&wire, 256);
        wire_16(&wire, 2 + i);
        for (uint32_t j = 0; j < 4 + 2 * i; j++)
            wire_16(&wire, pairs[j]);
    }
    wire_set_end(&wire);
    assert_int_equal(feed(&fixture, A, &wire), 0);
    assert_int_equal(decoder_parked_sets(fixture.decoder), 1);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_if_it_had_been_there), cmocka_unit_test(message_goes_on),
        cmocka_unit_test(change_after_the_wait),   cmocka_unit_test(bounds),
        cmocka_unit_test(time_runs_out),           cmocka_unit_test(forgotten_and_finished),
        cmocka_unit_test(template_of_no_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
