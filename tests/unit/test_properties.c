/* SPDX-License-Identifier: Apache-2.0 */
/* Common properties (RFC 5473): what flow records have by them, their bounds, and that a restart knows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "decode/journal/share.h"
#include "decode/properties.h"
#include "tests/unit/decode_seen.h"

#define SECONDS 1767225600
#define DOMAIN  7

/* An options template with an id of properties as scope, and these elements; its set stays open for records' sets. */
static void options_wire(struct wire *wire, const uint16_t *pairs, uint32_t count)
{
    wire_ipfix(wire, SECONDS, DOMAIN);
    wire_set(wire, 3);
    wire_16(wire, 400);
    wire_16(wire, 1 + count);
    wire_16(wire, 1);
    wire_16(wire, COMMON_PROPERTIES_ID);
    wire_16(wire, 8);
    for (uint32_t i = 0; i < 2 * count; i++)
        wire_16(wire, pairs[i]);
    wire_set_end(wire);
    wire_set(wire, 400);
}

static void id_wire(struct wire *wire, uint32_t id)
{
    wire_32(wire, 0);
    wire_32(wire, id);
}

static void options_feed(struct fixture *fixture, struct wire *wire)
{
    wire_set_end(wire);
    wire_message_end(wire);
    assert_true(feed(fixture, A, wire) > 0);
}

/* The id stands for that ingress interface. */
static void told(struct fixture *fixture, uint32_t id, uint32_t interface)
{
    static const uint16_t pairs[] = {10, 4};
    struct wire wire = {0};
    options_wire(&wire, pairs, 1);
    id_wire(&wire, id);
    wire_32(&wire, interface);
    options_feed(fixture, &wire);
}

struct asked {
    uint16_t element;
    uint32_t length; /* SPAN_ABSENT: the record has none; 0: nor has its plan */
    uint64_t number;
};

static void ask(const struct chunk *chunk, void *data)
{
    struct asked *asked = data;
    for (uint32_t i = 0; i < chunk->plan->field_count; i++) {
        const struct span span = chunk->records[0].spans[i];
        if (chunk->plan->fields[i].enterprise || chunk->plan->fields[i].id != asked->element)
            continue;
        asked->length = span.length;
        if (span.length <= 8)
            asked->number = read_be(chunk->records[0].bytes + span.offset, span.length);
    }
}

/* What a flow record with the ids has of the element. */
static struct asked record_ask(struct fixture *fixture, uint32_t one, uint32_t other, uint16_t element)
{
    static const uint16_t pairs[] = {COMMON_PROPERTIES_ID, 8, COMMON_PROPERTIES_ID, 8, 2, 4};
    struct asked asked = {.element = element};
    struct wire wire = {0};
    wire_ipfix(&wire, SECONDS, DOMAIN);
    wire_template(&wire, 2, 300, pairs, 3);
    wire_set(&wire, 300);
    id_wire(&wire, one);
    id_wire(&wire, other);
    wire_32(&wire, 1);
    wire_set_end(&wire);
    wire_message_end(&wire);
    fixture_visit(fixture, fixture_exporter(fixture, A), (struct fixture_bytes){wire.bytes, wire.size_bytes}, ask,
                  &asked);
    return asked;
}

static uint64_t interface_of(struct fixture *fixture, uint32_t one, uint32_t other)
{
    struct asked asked = record_ask(fixture, one, other, 10);
    return asked.length == 4 ? asked.number : 0;
}

static void records_are_completed(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    assert_int_equal(record_ask(&fixture, 1, 0, 10).length, 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_properties_unknown), 1);
    told(&fixture, 1, 71);
    told(&fixture, 2, 72);
    assert_int_equal(interface_of(&fixture, 1, 0), 71);
    assert_int_equal(interface_of(&fixture, 0, 2), 72);
    assert_int_equal(interface_of(&fixture, 2, 1), 72); /* the first one that has a value */
    assert_int_equal(fixture_count(&fixture, COUNTER_records_properties_unknown), 1);
    assert_int_equal(interface_of(&fixture, 3, 1), 71);
    assert_int_equal(fixture_count(&fixture, COUNTER_records_properties_unknown), 2);
    told(&fixture, 1, 700);
    assert_int_equal(interface_of(&fixture, 1, 0), 700);
    assert_int_equal(fixture_count(&fixture, COUNTER_properties_refused), 0);
    fixture_close(&fixture);
}

static void others_keep_none(void **state)
{
    for (int way = 0; way < FORGETFUL_WAYS; way++) {
        struct fixture fixture;
        fixture_open_forgetful(&fixture, (enum forgetful)way);
        told(&fixture, 1, 71);
        assert_int_equal(record_ask(&fixture, 1, 0, 10).length, 0);
        assert_int_equal(fixture_count(&fixture, COUNTER_records_properties_unknown), 0);
        fixture_close(&fixture);
    }
}

/* One element more than a session may have: it stays in its own document. */
static void elements_have_a_cap(void **state)
{
    static const uint16_t ids[] = {10, 14, 7,  11, 4,  5,  61, 58, 59, 16, 17, 18, 15,
                                   9,  13, 29, 30, 31, 34, 35, 89, 52, 53, 234, 235};
    uint16_t pairs[2 * (PROPERTIES_MOST + 1)];
    struct fixture fixture;
    struct wire wire = {0};
    static_assert(sizeof ids / sizeof *ids == PROPERTIES_MOST + 1, "one too many");
    begin(&fixture, PROFILE_WEIR);
    for (uint32_t i = 0; i <= PROPERTIES_MOST; i++) {
        pairs[2 * i] = ids[i];
        pairs[2 * i + 1] = ids[i] == 15 || ids[i] == 18 || ids[i] >= 234 ? 4 : 1;
    }
    options_wire(&wire, pairs, PROPERTIES_MOST + 1);
    id_wire(&wire, 1);
    wire_fill(&wire, 9, PROPERTIES_MOST + 1 + 4 * 3);
    options_feed(&fixture, &wire);
    assert_int_equal(fixture_count(&fixture, COUNTER_properties_refused), 1);
    assert_int_equal(record_ask(&fixture, 1, 0, 10).number, 9);
    assert_int_equal(record_ask(&fixture, 1, 0, 234).number, 0x09090909);
    assert_int_equal(record_ask(&fixture, 1, 0, 235).length, 0);
    fixture_close(&fixture);
}

/* Strings that are too long, and more of them than pieces or a record have room for. */
static void values_have_a_cap(void **state)
{
    static const uint16_t pairs[] = {82, 121, 10, 4,   83, 120, 84, 120, 94, 120, 96,
                                     120, 147, 120, 236, 120, 371, 120, 372, 120, 335, 120};
    struct fixture fixture;
    struct wire wire = {0};
    begin(&fixture, PROFILE_WEIR);
    options_wire(&wire, pairs, 11);
    id_wire(&wire, 1);
    wire_fill(&wire, 'x', 121);
    wire_32(&wire, 71);
    wire_fill(&wire, 'y', 9 * 120);
    options_feed(&fixture, &wire);
    assert_true(fixture_count(&fixture, COUNTER_properties_refused) >= 3);
    assert_int_equal(record_ask(&fixture, 1, 0, 10).number, 71);
    assert_int_equal(record_ask(&fixture, 1, 0, 82).length, SPAN_ABSENT);
    assert_int_equal(record_ask(&fixture, 1, 0, 83).length, 120);
    assert_int_equal(record_ask(&fixture, 1, 0, 371).length, SPAN_ABSENT); /* a record takes 512 bytes */
    fixture_close(&fixture);
}

static void facts_have_a_cap(void **state)
{
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.limits.facts_per_exporter = 3;
    fixture_open(&fixture);
    for (uint32_t id = 1; id <= 5; id++)
        told(&fixture, id, 70 + id);
    assert_int_equal(fixture_count(&fixture, COUNTER_facts_learned), 3);
    assert_int_equal(fixture_count(&fixture, COUNTER_facts_over_exporter_cap), 3);
    assert_int_equal(interface_of(&fixture, 2, 0), 72);
    assert_int_equal(interface_of(&fixture, 3, 0), 0);
    fixture_close(&fixture);
}

/* --- journal --- */

static void life_begin(struct fixture *fixture, struct template_store *known)
{
    fixture_init(fixture, PROFILE_WEIR);
    fixture->config.expiration_timeout = 60 * NS_PER_S;
    fixture->feed = template_feed_new(1u << 20);
    fixture->known = known;
    fixture_open(fixture);
}

static void life_end(struct fixture *fixture)
{
    fixture_close(fixture);
    template_feed_free(fixture->feed);
}

static void restart_knows(void **state)
{
    struct template_store *store = template_store_new();
    struct template_event event;
    struct fixture fixture;
    life_begin(&fixture, NULL);
    told(&fixture, 1, 71);
    assert_int_equal(interface_of(&fixture, 1, 0), 71);
    assert_true(decoder_catch_up(fixture.decoder, fixture.now_ns));
    for (; template_feed_peek(fixture.feed, &event); template_feed_pop(fixture.feed)) {
        assert_true(!event_is_facts(&event) || fact_page_check(event.record, event.record_bytes));
        assert_true(template_store_put(store, &event));
    }
    life_end(&fixture);
    life_begin(&fixture, store);
    assert_int_equal(interface_of(&fixture, 1, 0), 71);
    assert_int_equal(fixture_count(&fixture, COUNTER_facts_restored), 2);
    assert_int_equal(fixture_count(&fixture, COUNTER_facts_learned), 0);
    life_end(&fixture);
    template_store_free(store);
}

/* What comes from a journal or a topic may be anything. */
static void facts_are_checked(void **state)
{
    static const struct {
        const char *text;
        uint64_t key;
        uint8_t kind;
        bool good;
    } rows[] = {
        {"0000000000" "0a" "01" "07", 1, FACT_PROPERTIES, true},
        {"0000000000" "0a" "01" "07" "0000000000" "0e" "00", 1, FACT_PROPERTIES, true},
        {"0000000000" "0a" "02" "07", 1, FACT_PROPERTIES, false},
        {"0000000000" "0a" "01" "07" "00", 1, FACT_PROPERTIES, false},
        {"0000000000" "0a" "01" "0", 1, FACT_PROPERTIES, false},
        {"0000000000" "0a" "01" "0G", 1, FACT_PROPERTIES, false},
        {"", 1, FACT_PROPERTIES, false},
        {"", 10, FACT_PROPERTY, true},
        {"x", 10, FACT_PROPERTY, false},
        {"", 1ull << 48, FACT_PROPERTY, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct fact_view view = {.key = rows[i].key,
                                       .text = rows[i].text,
                                       .text_bytes = (uint8_t)strlen(rows[i].text),
                                       .kind = rows[i].kind};
        assert_int_equal(property_fact_check(&view), rows[i].good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_completed), cmocka_unit_test(others_keep_none),
        cmocka_unit_test(elements_have_a_cap),   cmocka_unit_test(values_have_a_cap),
        cmocka_unit_test(facts_have_a_cap),      cmocka_unit_test(restart_knows),
        cmocka_unit_test(facts_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
