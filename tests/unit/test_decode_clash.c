/* SPDX-License-Identifier: Apache-2.0 */
/* Two devices behind one address, whose template ids clash: they are found out, and told apart by port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/decode_seen.h"
#include "tests/unit/random.h"

#define TIMEOUT_NS (60 * NS_PER_S)
#define B          "192.0.2.1:6000"
#define C          "192.0.2.1:7000"
#define OTHER      "192.0.2.2:5000"

static const uint16_t eight[] = {8, 4, 12, 4};
static const uint16_t twelve[] = {8, 4, 12, 4, 1, 4};
static const uint16_t twenty[] = {8, 4, 12, 4, 1, 4, 2, 8};

struct device {
    const char *exporter;
    const uint16_t *pairs;
    uint32_t fields, record_bytes;
};

static const struct device devices[] = {{A, eight, 2, 8}, {B, twelve, 3, 12}, {C, twenty, 4, 20}};

static bool ipfix; /* which of the two the devices speak */

static void header_write(struct wire *wire)
{
    *wire = (struct wire){0};
    if (ipfix)
        wire_ipfix(wire, 1, 7);
    else
        wire_v9(wire, 1, 1, 7);
}

static void wire_end(struct wire *wire)
{
    if (ipfix)
        wire_message_end(wire);
}

/* Every record that comes is its own device's. */
static void check_chunk(const struct chunk *chunk, void *data)
{
    for (uint32_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (strcmp(devices[i].exporter, chunk->message->exporter->endpoint_text) == 0)
            assert_int_equal(chunk->plan->record_bytes, devices[i].record_bytes);
}

static uint32_t wire_send(struct fixture *fixture, const struct device *device, struct wire *wire)
{
    wire_end(wire);
    uint32_t records = fixture_visit(fixture, fixture_exporter(fixture, device->exporter),
                                     (struct fixture_bytes){wire->bytes, wire->size_bytes}, check_chunk, NULL);
    fixture_check_ledger(fixture);
    return records;
}

static uint32_t feed_template(struct fixture *fixture, const struct device *device, uint32_t id)
{
    struct wire wire;
    header_write(&wire);
    wire_template(&wire, ipfix ? 2 : 0, id, device->pairs, device->fields);
    return wire_send(fixture, device, &wire);
}

static uint32_t feed_data(struct fixture *fixture, const struct device *device, uint32_t id, uint32_t records)
{
    struct wire wire;
    header_write(&wire);
    wire_data(&wire, id, 1, records * device->record_bytes);
    return wire_send(fixture, device, &wire);
}

static void clash_begin(struct fixture *fixture, struct template_store *known)
{
    fixture_init(fixture, PROFILE_WEIR);
    fixture->config.expiration_timeout = TIMEOUT_NS;
    fixture->feed = template_feed_new(1 << 18);
    fixture->known = known;
    fixture_open(fixture);
}

static void clash_end(struct fixture *fixture, struct template_store *store)
{
    struct template_event event;
    for (; template_feed_peek(fixture->feed, &event); template_feed_pop(fixture->feed))
        assert_true(!store || template_store_put(store, &event));
    fixture_close(fixture);
    template_feed_free(fixture->feed);
}

static bool is_split(struct fixture *fixture, const struct device *device)
{
    return atomic_load(&fixture_exporter(fixture, device->exporter)->split_ns) != 0;
}

/* A, B, A: found out with the third, and until then nothing is read with the other one's template. */
static void found_out(void **state)
{
    const struct device *a = &devices[0], *b = &devices[1], *c = &devices[2];
    for (ipfix = false;; ipfix = true) {
        struct fixture fixture;
        clash_begin(&fixture, NULL);
        feed_template(&fixture, a, 256);
        assert_int_equal(feed_data(&fixture, a, 256, 3), 3);
        assert_int_equal(feed_data(&fixture, b, 256, 3), 0); /* does not fit: waits */
        assert_int_equal(feed_template(&fixture, b, 256), 3);
        assert_int_equal(feed_data(&fixture, a, 256, 3), 0); /* b's would fit: waits all the same */
        assert_int_equal(feed_data(&fixture, b, 256, 2), 2);
        assert_int_equal(fixture_count(&fixture, COUNTER_addresses_split), 0);
        assert_int_equal(feed_template(&fixture, a, 256), 3);
        assert_int_equal(fixture_count(&fixture, COUNTER_addresses_split), 1);
        for (uint32_t round = 1; round < 20; round++) {
            assert_int_equal(feed_data(&fixture, a, 256, 3 * round), 3 * round);
            assert_int_equal(feed_data(&fixture, b, 256, 2 * round), 2 * round);
            feed_template(&fixture, round % 2 ? a : b, 256);
        }
        assert_true(is_split(&fixture, a) && is_split(&fixture, b));
        assert_int_equal(feed_data(&fixture, c, 256, 6), 0); /* a third one is kept apart from the start */
        assert_int_equal(feed_template(&fixture, c, 256), 6);
        assert_true(is_split(&fixture, c));
        assert_int_equal(fixture_count(&fixture, COUNTER_addresses_split), 1);
        assert_int_equal(fixture_count(&fixture, COUNTER_sets_without_template), 0);
        assert_int_equal(fixture_count(&fixture, COUNTER_templates_changed), 1);
        clash_end(&fixture, NULL);
        if (ipfix)
            return;
    }
}

/* Several templates in one set each; those that do not clash go along with their ports. */
static void many_templates(void **state)
{
    struct fixture fixture;
    ipfix = false;
    clash_begin(&fixture, NULL);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 2; i++) {
            struct wire wire;
            header_write(&wire);
            for (uint32_t id = 256; id < 264; id++)
                wire_template(&wire, 0, i ? id + 4 : id, devices[i].pairs, devices[i].fields);
            wire_send(&fixture, &devices[i], &wire);
        }
    }
    assert_int_equal(fixture_count(&fixture, COUNTER_addresses_split), 1);
    for (uint32_t id = 256; id < 268; id++) {
        assert_int_equal(feed_data(&fixture, &devices[0], id, 6), id < 264 ? 6 : 0);
        assert_int_equal(feed_data(&fixture, &devices[1], id, 6), id >= 260 ? 6 : 0);
    }
    clash_end(&fixture, NULL);
}

/* One device that comes from other ports is no two: a restart, a change, and templates from several ports. */
static void one_device_many_ports(void **state)
{
    struct fixture fixture;
    struct device device = devices[0];
    ipfix = false;
    clash_begin(&fixture, NULL);
    for (uint32_t i = 0; i < 60; i++) {
        char exporter[32];
        snprintf(exporter, sizeof exporter, "192.0.2.1:%u", 5000 + i % 3);
        device.exporter = exporter;
        device.pairs = i < 30 ? eight : twelve;
        device.record_bytes = i < 30 ? 8 : 12;
        device.fields = i < 30 ? 2 : 3;
        feed_template(&fixture, &device, 256);
        snprintf(exporter, sizeof exporter, "192.0.2.1:%u", 5000 + (i < 30 ? i % 20 : 50 + i));
        assert_int_equal(feed_data(&fixture, &device, 256, 3), 3);
    }
    assert_int_equal(fixture_count(&fixture, COUNTER_addresses_split), 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_changed), 1);
    clash_end(&fixture, NULL);
}

/* The next run knows from its first message on. */
static void told_apart_after_a_restart(void **state)
{
    for (ipfix = false;; ipfix = true) {
        struct template_store *store = template_store_new();
        struct fixture fixture;
        clash_begin(&fixture, NULL);
        for (uint32_t round = 0; round < 2; round++)
            for (uint32_t i = 0; i < 2; i++)
                feed_template(&fixture, &devices[i], 256);
        feed_template(&fixture, &(struct device){OTHER, eight, 2, 8}, 256);
        clash_end(&fixture, store);
        assert_int_equal(template_store_count(store), 4); /* with the mark */
        clash_begin(&fixture, store);
        assert_int_equal(feed_data(&fixture, &devices[2], 256, 6), 0);
        assert_int_equal(feed_data(&fixture, &devices[1], 256, 2), 2);
        assert_int_equal(feed_data(&fixture, &devices[0], 256, 3), 3);
        assert_int_equal(feed_data(&fixture, &(struct device){OTHER, eight, 2, 8}, 256, 3), 3);
        assert_true(is_split(&fixture, &devices[0]) && is_split(&fixture, &devices[1]));
        assert_false(is_split(&fixture, &(struct device){OTHER, eight, 2, 8}));
        for (int64_t passed = 0; passed < 5; passed++) { /* the mark goes when nobody is heard of any more */
            fixture.now_ns += TIMEOUT_NS;
            for (int slice = 0; slice < 5; slice++)
                decoder_housekeep(fixture.decoder, fixture.now_ns);
        }
        clash_end(&fixture, store);
        assert_int_equal(template_store_count(store), 0);
        template_store_free(store);
        if (ipfix)
            return;
    }
}

/* Three devices at random, from port 0 as well, with housekeeping, in little memory: no record is another's. */
static void at_random(void **state)
{
    ipfix = false;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct fixture fixture;
        uint64_t random = seed;
        fixture_init(&fixture, PROFILE_WEIR);
        fixture.config.expiration_timeout = TIMEOUT_NS;
        fixture.config.limits.memory = 512 << 10;
        fixture_open(&fixture);
        for (uint32_t i = 0; i < 3000; i++) {
            const struct device *device = &devices[random_below(&random, 3)];
            uint32_t id = 256 + random_below(&random, 3);
            struct device stranger = {"192.0.2.1:0", twenty, 4, 20};
            if (random_below(&random, 10) == 0)
                feed_template(&fixture, device, id);
            else if (random_below(&random, 20) == 0)
                feed_template(&fixture, &stranger, id);
            else if (fixture_count(&fixture, COUNTER_addresses_split))
                feed_data(&fixture, device, id, 1 + random_below(&random, 9));
            fixture.now_ns += NS_PER_S * random_below(&random, 5);
            decoder_housekeep(fixture.decoder, fixture.now_ns);
        }
        assert_true(fixture_count(&fixture, COUNTER_records_received) > 1000);
        assert_int_equal(fixture_count(&fixture, COUNTER_addresses_split), 1);
        fixture_close(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_out),
        cmocka_unit_test(many_templates),
        cmocka_unit_test(one_device_many_ports),
        cmocka_unit_test(told_apart_after_a_restart),
        cmocka_unit_test(at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
