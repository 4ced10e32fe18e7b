/* SPDX-License-Identifier: Apache-2.0 */
/* Names that type information (RFC 5610) gives to elements: whose documents have them, and what stays flat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "decode/element_names.h"
#include "tests/unit/encode_fixture.h"
#include "tests/unit/wire.h"

#define A       "192.0.2.1:5000"
#define B       "192.0.2.2:5000"
#define UNKNOWN 9001 /* no table has it */

enum { UNSIGNED32 = 3, STRING = 13 };

static struct encoding encoding;

static void open_with(struct template_store *known)
{
    encoding_init(&encoding, PROFILE_WEIR);
    encoding.fixture.known = known;
    encoding.fixture.feed = template_feed_new(1 << 20);
    encoding_open(&encoding);
}

static int open_weir(void **state)
{
    open_with(NULL);
    return 0;
}

static int close_weir(void **state)
{
    encoding_check_ledger(&encoding);
    encoding_close(&encoding);
    template_feed_free(encoding.fixture.feed);
    return 0;
}

static uint64_t counted(enum counter counter)
{
    return fixture_count(&encoding.fixture, counter);
}

static void send_wire(const char *exporter, struct wire *wire)
{
    wire_message_end(wire);
    encoding_feed(&encoding, exporter, wire->bytes, wire->size_bytes);
}

static void feed_template(const char *exporter)
{
    static const uint16_t pairs[] = {8, 4, UNKNOWN, 4};
    struct wire wire = {0};
    wire_ipfix(&wire, 1767225600, 7);
    wire_template(&wire, 2, 256, pairs, 2);
    send_wire(exporter, &wire);
}

/* The document of a record; its unknown element has the bytes 7, 7, 7, 7. */
static const json_t *feed_record(const char *exporter)
{
    struct wire wire = {0};
    wire_ipfix(&wire, 1767225600, 7);
    wire_data(&wire, 256, 7, 8);
    send_wire(exporter, &wire);
    assert_int_equal(json_array_size(encoding.documents), 1);
    return json_object_get(json_array_get(encoding.documents, 0), "netflow");
}

static void wire_told(struct wire *wire, uint32_t id, uint32_t type, const char *name)
{
    char text[32] = "";
    strncpy(text, name, sizeof text);
    wire_16(wire, id);
    wire->bytes[wire->size_bytes++] = (uint8_t)type;
    memcpy(wire->bytes + wire->size_bytes, text, sizeof text);
    wire->size_bytes += sizeof text;
}

static void feed_names(const char *exporter, uint32_t first, uint32_t count, uint32_t type, const char *name)
{
    static const uint16_t options[] = {400, 3, 1, 303, 2, 339, 1, 341, 32};
    struct wire wire = {0};
    wire_ipfix(&wire, 1767225600, 7);
    wire_set(&wire, 3);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        wire_16(&wire, options[i]);
    wire_set_end(&wire);
    wire_set(&wire, 400);
    for (uint32_t i = 0; i < count; i++) {
        char numbered[32];
        snprintf(numbered, sizeof numbered, i ? "%.20s%u" : "%.20s", name, i);
        wire_told(&wire, first + i, type, numbered);
    }
    wire_set_end(&wire);
    send_wire(exporter, &wire);
}

static void feed_name(const char *exporter, uint32_t type, const char *name)
{
    feed_names(exporter, UNKNOWN, 1, type, name);
}

#define NUMBER 0x07070707

static void assert_unnamed(const char *exporter)
{
    const json_t *netflow = feed_record(exporter);
    assert_string_equal(json_string_value(json_object_get(netflow, "unknown_0_9001")), "07070707");
}

static void assert_named(const char *exporter, const char *key)
{
    const json_t *netflow = feed_record(exporter);
    assert_int_equal(json_integer_value(json_object_get(netflow, key)), NUMBER);
    assert_null(json_object_get(netflow, "unknown_0_9001"));
}

/* Of the exporter that told it, from then on; others with the same template keep theirs. */
static void names_are_the_exporters(void **state)
{
    feed_template(A);
    feed_template(B);
    assert_unnamed(A);
    feed_name(A, UNSIGNED32, "sessionCount");
    assert_named(A, "session_count");
    assert_unnamed(B);
    feed_name(B, STRING, "sessionCount"); /* another type, of another exporter */
    assert_named(A, "session_count");
    assert_string_equal(json_string_value(json_object_get(feed_record(B), "session_count")), "\a\a\a\a");
    feed_name(A, UNSIGNED32, "sessionTotal");
    assert_named(A, "session_total");
    feed_template(A); /* nothing new */
    assert_named(A, "session_total");
    feed_name(A, UNSIGNED32, "");
    assert_unnamed(A);
    assert_string_equal(json_string_value(json_object_get(feed_record(B), "session_count")), "\a\a\a\a");
    assert_int_equal(counted(COUNTER_templates_changed), 0);
    assert_int_equal(counted(COUNTER_templates_renamed), 4);
    assert_int_equal(counted(COUNTER_element_names_refused), 0);
}

/* A key has one type, for all that the session calls so. */
static void types_do_not_clash(void **state)
{
    feed_template(A);
    feed_names(A, UNKNOWN + 1, 1, STRING, "sessionCount");
    feed_name(A, UNSIGNED32, "sessionCount");
    assert_unnamed(A);
    assert_int_equal(counted(COUNTER_element_names_refused), 1);
    feed_name(A, UNSIGNED32, "sessions");
    assert_named(A, "sessions");
    feed_name(A, UNSIGNED32, "sessionCount"); /* what is refused takes the name that was before */
    assert_unnamed(A);
    feed_name(A, UNSIGNED32, "octetDeltaCount");
    feed_name(A, UNSIGNED32, "exporter");
    feed_name(A, UNSIGNED32, "a\"b");
    feed_name(A, 21, "list");
    assert_unnamed(A);
    assert_int_equal(counted(COUNTER_element_names_refused), 6);
    feed_names(A, 1, 1, STRING, "mine"); /* a table has it */
    assert_int_equal(counted(COUNTER_element_names_refused), 6);
    feed_names(A, UNKNOWN + 2, 1, UNSIGNED32, "mine");
    feed_name(A, UNSIGNED32, "mine"); /* two cannot have it */
    assert_unnamed(A);
    feed_names(A, UNKNOWN + 2, 1, UNSIGNED32, "yours");
    feed_name(A, UNSIGNED32, "mine"); /* now it is free */
    assert_named(A, "mine");
    assert_int_equal(counted(COUNTER_element_names_refused), 7);
}

static void caps(void **state)
{
    encoding.fixture.config.limits.facts_per_exporter = 10;
    feed_names(A, UNKNOWN, 20, UNSIGNED32, "name");
    assert_int_equal(counted(COUNTER_facts_learned), 5); /* each with its key */
    assert_int_equal(counted(COUNTER_facts_over_exporter_cap), 15);
    feed_template(A);
    assert_named(A, "name");
}

/* However often names change, nothing grows. */
static void nothing_grows(void **state)
{
    struct fixture *fixture = &encoding.fixture;
    fixture->config.limits.facts_per_exporter = 100;
    feed_template(A);
    for (uint32_t i = 0; i < 90; i++) {
        char name[16];
        snprintf(name, sizeof name, "name%u", i);
        feed_name(A, UNSIGNED32, name);
        assert_named(A, name);
    }
    uint32_t plans = decoder_sizes(fixture->decoder).plans;
    size_t used_bytes = heap_used_bytes(fixture->heap);
    for (uint32_t i = 0; i < 2000; i++) {
        char name[16];
        snprintf(name, sizeof name, "name%u", i % 90);
        feed_name(A, UNSIGNED32, name);
        assert_named(A, name);
        struct template_event event;
        for (; template_feed_peek(fixture->feed, &event);)
            template_feed_pop(fixture->feed);
    }
    assert_int_equal(decoder_sizes(fixture->decoder).plans, plans);
    assert_true(heap_used_bytes(fixture->heap) < used_bytes + 4096);
}

/* A restart knows the names before the first record comes. */
static void restart_knows(void **state)
{
    struct template_store *store = template_store_new();
    struct template_event event;
    open_with(NULL);
    feed_template(A);
    feed_name(A, UNSIGNED32, "sessionCount");
    assert_named(A, "session_count");
    assert_true(decoder_catch_up(encoding.fixture.decoder, encoding.fixture.now_ns));
    for (; template_feed_peek(encoding.fixture.feed, &event); template_feed_pop(encoding.fixture.feed)) {
        assert_true(!event_is_facts(&event) || fact_page_check(event.record, event.record_bytes));
        assert_true(template_store_put(store, &event));
    }
    close_weir(state);
    open_with(store);
    assert_named(A, "session_count");
    assert_int_equal(counted(COUNTER_facts_restored), 2);
    assert_int_equal(counted(COUNTER_facts_learned), 0);
    feed_template(A);
    assert_named(A, "session_count");
    assert_int_equal(counted(COUNTER_templates_changed), 0);
    close_weir(state);
    template_store_free(store);
}

/* What the journal or another collector says may be anything. */
static void facts_are_checked(void **state)
{
    static const struct {
        struct fact_view view;
        bool good;
    } rows[] = {
        {{.kind = FACT_ELEMENT, .key = 1, .number = 3, .text = "name", .text_bytes = 4}, true},
        {{.kind = FACT_ELEMENT, .key = 1, .number = 20, .text = "name", .text_bytes = 4}, false},
        {{.kind = FACT_ELEMENT, .key = 1ull << 48, .number = 3, .text = "name", .text_bytes = 4}, false},
        {{.kind = FACT_ELEMENT, .key = 1, .number = 3, .text = "", .text_bytes = 0}, false},
        {{.kind = FACT_ELEMENT, .key = 1, .number = 3, .text = "a.b", .text_bytes = 3}, false},
        {{.kind = FACT_ELEMENT, .key = 1, .number = 3, .text = "a\"b", .text_bytes = 3}, false},
        {{.kind = FACT_ELEMENT, .key = 1, .number = 3, .text = "a\0", .text_bytes = 2}, false},
        {{.kind = FACT_ELEMENT_KEY, .key = UINT64_MAX, .number = 19ull << 48 | 1, .text = "", .text_bytes = 0}, true},
        {{.kind = FACT_ELEMENT_KEY, .key = 1, .number = 20ull << 48, .text = "", .text_bytes = 0}, false},
        {{.kind = FACT_ELEMENT_KEY, .key = 1, .number = 3, .text = "x", .text_bytes = 1}, false},
        {{.kind = FACT_INTERFACE_NAME, .key = 1, .text = "a.b", .text_bytes = 3}, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(element_fact_check(&rows[i].view), rows[i].good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_the_exporters, open_weir, close_weir),
        cmocka_unit_test_setup_teardown(types_do_not_clash, open_weir, close_weir),
        cmocka_unit_test_setup_teardown(caps, open_weir, close_weir),
        cmocka_unit_test_setup_teardown(nothing_grows, open_weir, close_weir),
        cmocka_unit_test(restart_knows),
        cmocka_unit_test(facts_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
