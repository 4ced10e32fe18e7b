/* SPDX-License-Identifier: Apache-2.0 */
/* What decoders learn from options records, forget, tell and hear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "decode/exporter_rates.h"
#include "decode/journal/share.h"
#include "tests/unit/decode_seen.h"

#define FEED_BYTES (1u << 20)
#define TIMEOUT_NS (60 * NS_PER_S)
#define SOURCE     7

/* An options template of v9 with one scope, and its records: a number each for the scope, then a text of eight. */
static void names_wire(struct wire *wire, uint32_t scope, uint32_t element, uint32_t sequence)
{
    wire_v9(wire, 2, sequence, SOURCE);
    wire_set(wire, 1);
    wire_16(wire, 400);
    wire_16(wire, 4);
    wire_16(wire, 4);
    wire_16(wire, scope);
    wire_16(wire, 4);
    wire_16(wire, element);
    wire_16(wire, 8);
    wire_set_end(wire);
}

static void name_wire(struct wire *wire, uint32_t key, const char *name)
{
    char text[9] = "";
    strncpy(text, name, 8);
    wire_set(wire, 400);
    wire_32(wire, key);
    memcpy(wire->bytes + wire->size_bytes, text, 8);
    wire->size_bytes += 8;
    wire_set_end(wire);
}

static void feed_name(struct fixture *fixture, const char *exporter, uint32_t key, const char *name, uint32_t sequence)
{
    struct wire wire = {0};
    names_wire(&wire, 2, 82, sequence);
    name_wire(&wire, key, name);
    assert_int_equal(feed(fixture, exporter, &wire), 1);
}

/* What a flow record of the exporter, sent now, has at hand. */
struct asked {
    uint64_t key;
    enum fact_kind kind;
    char text[FACT_TEXT_MOST + 1];
    uint64_t number;
};

static void ask(const struct chunk *chunk, void *data)
{
    struct asked *asked = data;
    const struct fact *fact = known_find(&chunk->known, asked->kind, asked->key);
    *asked->text = 0;
    if (!fact)
        return;
    memcpy(asked->text, fact->text, fact->text_bytes);
    asked->text[fact->text_bytes] = 0;
    asked->number = fact->number;
}

static const char *name_of(struct fixture *fixture, const char *exporter, uint32_t key)
{
    static struct asked asked;
    static const uint16_t pairs[] = {8, 4};
    struct wire wire = {0};
    asked = (struct asked){.key = key, .kind = FACT_INTERFACE_NAME};
    wire_v9(&wire, 2, 1, SOURCE);
    wire_template(&wire, 0, 300, pairs, 1);
    wire_data(&wire, 300, 1, 4);
    const struct fixture_bytes sent = {wire.bytes, wire.size_bytes};
    fixture_visit(fixture, fixture_exporter(fixture, exporter), sent, ask, &asked);
    return asked.text;
}

static void learned_and_renamed(void **state)
{
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    feed_name(&fixture, A, 5, "five", 1);
    feed_name(&fixture, A, 6, "six", 2);
    assert_string_equal(name_of(&fixture, A, 5), "five");
    assert_string_equal(name_of(&fixture, "192.0.2.1:5001", 5), "five"); /* the same device */
    assert_string_equal(name_of(&fixture, "192.0.2.2:5000", 5), "");
    feed_name(&fixture, A, 5, "fuenf", 3);
    feed_name(&fixture, A, 5, "fuenf", 4);
    feed_name(&fixture, A, 6, "", 5);
    assert_string_equal(name_of(&fixture, A, 5), "fuenf");
    assert_string_equal(name_of(&fixture, A, 6), "");
    assert_int_equal(fixture_count(&fixture, COUNTER_facts_learned), 2);
    assert_int_equal(fixture_count(&fixture, COUNTER_facts_changed), 2);
    fixture_close(&fixture);
}

static void nothing_is_kept(void **state)
{
    for (int way = 0; way < FORGETFUL_WAYS; way++) {
        struct fixture fixture;
        fixture_open_forgetful(&fixture, (enum forgetful)way);
        feed_name(&fixture, A, 5, "five", 1);
        assert_string_equal(name_of(&fixture, A, 5), "");
        assert_int_equal(fixture_count(&fixture, COUNTER_facts_learned), 0);
        fixture_close(&fixture);
    }
}

static void caps(void **state)
{
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.limits.facts_per_exporter = 3;
    fixture_open(&fixture);
    for (uint32_t key = 1; key <= 5; key++)
        feed_name(&fixture, A, key, "name", key);
    assert_int_equal(fixture_count(&fixture, COUNTER_facts_learned), 3);
    assert_int_equal(fixture_count(&fixture, COUNTER_facts_over_exporter_cap), 2);
    assert_string_equal(name_of(&fixture, A, 3), "name");
    assert_string_equal(name_of(&fixture, A, 4), "");
    fixture_close(&fixture);
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.limits.facts_per_exporter = 1 << 20;
    fixture.config.limits.memory = 64 << 10;
    fixture_open(&fixture);
    for (uint32_t key = 1; key <= 2000; key++)
        feed_name(&fixture, A, key, "name", key);
    assert_true(fixture_count(&fixture, COUNTER_facts_over_memory_cap) > 0);
    assert_true(fixture_count(&fixture, COUNTER_facts_learned) > 100);
    fixture_close(&fixture);
}

/* --- statistics that the exporter reports --- */

static void feed_report(struct fixture *fixture, uint32_t process, uint32_t total)
{
    struct wire wire = {0};
    wire_ipfix(&wire, 1767225600, 9);
    wire_set(&wire, 3);
    const uint16_t template[] = {400, 2, 1, 143, 4, 166, 4};
    for (size_t i = 0; i < sizeof template / sizeof *template; i++)
        wire_16(&wire, template[i]);
    wire_set_end(&wire);
    wire_set(&wire, 400);
    wire_32(&wire, process);
    wire_32(&wire, total);
    wire_set_end(&wire);
    wire_message_end(&wire);
    assert_int_equal(feed(fixture, A, &wire), 1);
}

/* Totals of each metering process grow by themselves; one that falls began anew. */
static void reports_are_counted(void **state)
{
    static const struct {
        uint32_t process, total, counted;
    } rows[] = {{1, 100, 0}, {1, 130, 30}, {2, 5000, 30}, {1, 130, 30}, {2, 5001, 31}, {1, 7, 38}, {1, 8, 39}};
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        feed_report(&fixture, rows[i].process, rows[i].total);
        assert_int_equal(fixture_count(&fixture, COUNTER_reported_records_not_sent), rows[i].counted);
        assert_int_equal(counter_read(&fixture_exporter(&fixture, A)
                                           ->counters.value[COUNTER_reported_records_not_sent]),
                         rows[i].counted);
    }
    assert_int_equal(fixture_count(&fixture, COUNTER_facts_learned), 0);
    fixture_close(&fixture);
}

/* A total is of all its scopes together; of another element with the same value it is another's. */
static void reports_by_scopes(void **state)
{
    static const uint16_t by_two[] = {400, 3, 2, 143, 4, 130, 4, 166, 4};
    static const uint16_t by_other[] = {401, 3, 2, 144, 4, 130, 4, 166, 4};
    static const struct {
        uint16_t set;
        uint32_t process, address, total, counted;
    } rows[] = {{400, 1, 1, 100, 0}, {400, 1, 2, 90, 0},   {400, 1, 1, 101, 1}, {400, 1, 2, 92, 3},
                {401, 1, 1, 7, 3},   {400, 1, 1, 102, 4}, {401, 1, 1, 9, 6},   {400, 2, 1, 50, 6}};
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wire wire = {0};
        wire_ipfix(&wire, 1767225600, 9);
        wire_set(&wire, 3);
        for (size_t k = 0; k < sizeof by_two / sizeof *by_two; k++)
            wire_16(&wire, rows[i].set == 400 ? by_two[k] : by_other[k]);
        wire_set_end(&wire);
        wire_set(&wire, rows[i].set);
        wire_32(&wire, rows[i].process);
        wire_32(&wire, rows[i].address);
        wire_32(&wire, rows[i].total);
        wire_set_end(&wire);
        wire_message_end(&wire);
        assert_int_equal(feed(&fixture, A, &wire), 1);
        assert_int_equal(fixture_count(&fixture, COUNTER_reported_records_not_sent), rows[i].counted);
    }
    fixture_close(&fixture);
}

/* Every statistic has its counter, at any length that the template gives it. */
static void every_report(void **state)
{
    static const struct {
        uint16_t id, length;
        enum counter counter;
    } rows[] = {
        {40, 4, COUNTER_reported_bytes},
        {41, 3, COUNTER_reported_messages},
        {42, 8, COUNTER_reported_records},
        {163, 2, COUNTER_reported_flows_observed},
        {164, 5, COUNTER_reported_packets_ignored},
        {165, 6, COUNTER_reported_bytes_ignored},
        {166, 7, COUNTER_reported_records_not_sent},
        {167, 8, COUNTER_reported_packets_not_sent},
        {168, 1, COUNTER_reported_bytes_not_sent},
    };
    struct fixture fixture;
    begin(&fixture, PROFILE_WEIR);
    for (uint32_t round = 0; round < 2; round++) {
        struct wire wire = {0};
        wire_ipfix(&wire, 1767225600, 9);
        wire_set(&wire, 3);
        const uint16_t head[] = {400, 1 + sizeof rows / sizeof *rows, 1, 149, 4};
        for (size_t i = 0; i < sizeof head / sizeof *head; i++)
            wire_16(&wire, head[i]);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            wire_16(&wire, rows[i].id);
            wire_16(&wire, rows[i].length);
        }
        wire_set_end(&wire);
        wire_set(&wire, 400);
        wire_32(&wire, 9);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            wire.size_bytes += rows[i].length;
            wire.bytes[wire.size_bytes - 1] = (uint8_t)(10 + round * (i + 1));
        }
        wire_set_end(&wire);
        wire_message_end(&wire);
        assert_int_equal(feed(&fixture, A, &wire), 1);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(fixture_count(&fixture, rows[i].counter), i + 1);
    fixture_close(&fixture);
}

/* --- journal --- */

static void life_begin(struct fixture *fixture, struct template_store *known)
{
    fixture_init(fixture, PROFILE_WEIR);
    fixture->config.expiration_timeout = TIMEOUT_NS;
    fixture->feed = template_feed_new(FEED_BYTES);
    fixture->known = known;
    fixture_open(fixture);
}

static uint32_t feed_drain(struct fixture *fixture, struct template_store *store)
{
    struct template_event event;
    uint32_t pages = 0;
    for (; template_feed_peek(fixture->feed, &event); template_feed_pop(fixture->feed)) {
        assert_true(!event_is_facts(&event) || !event.record_bytes ||
                    fact_page_check(event.record, event.record_bytes));
        assert_true(template_store_put(store, &event));
        pages += event_is_facts(&event);
    }
    return pages;
}

/* As another run reads it: what was taken from a store is not taken again. */
static struct template_store *store_again(struct template_store *store)
{
    struct template_store *again = template_store_new();
    struct template_event event;
    for (uint32_t slot = 0; slot < template_store_slots(store); slot++)
        if (template_store_at(store, slot, &event))
            assert_true(template_store_put(again, &event));
    template_store_free(store);
    return again;
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

/* A restart knows the names before any options record comes, and does not tell the journal what it has from there. */
static void restart_knows(void **state)
{
    struct template_store *store = template_store_new();
    struct fixture fixture;
    life_begin(&fixture, NULL);
    feed_name(&fixture, A, 5, "five", 1);
    name_of(&fixture, A, 5);
    housekeep(&fixture, NS_PER_MS);
    assert_int_equal(feed_drain(&fixture, store), 1);
    feed_name(&fixture, A, 6, "six", 2);
    feed_name(&fixture, A, 5, "fuenf", 3);
    housekeep(&fixture, NS_PER_MS); /* told just now: it waits */
    assert_int_equal(feed_drain(&fixture, store), 0);
    housekeep(&fixture, 2 * NS_PER_S);
    assert_true(feed_drain(&fixture, store) > 0);
    feed_name(&fixture, A, 7, "seven", 4);
    assert_true(decoder_catch_up(fixture.decoder, fixture.now_ns)); /* the end is near: nothing waits */
    assert_int_equal(feed_drain(&fixture, store), 1);
    life_end(&fixture);
    life_begin(&fixture, store);
    assert_string_equal(name_of(&fixture, A, 5), "fuenf");
    assert_string_equal(name_of(&fixture, A, 6), "six");
    assert_string_equal(name_of(&fixture, A, 7), "seven");
    assert_int_equal(fixture_count(&fixture, COUNTER_facts_restored), 3);
    assert_int_equal(fixture_count(&fixture, COUNTER_facts_learned), 0);
    housekeep(&fixture, NS_PER_S);
    assert_int_equal(feed_drain(&fixture, store), 0);
    feed_name(&fixture, A, 6, "", 5); /* it has no name now, and the page nothing else */
    housekeep(&fixture, NS_PER_S);
    assert_int_equal(feed_drain(&fixture, store), 1);
    life_end(&fixture);
    store = store_again(store);
    life_begin(&fixture, store);
    assert_string_equal(name_of(&fixture, A, 5), "fuenf");
    assert_string_equal(name_of(&fixture, A, 6), "");
    life_end(&fixture);
    template_store_free(store);
}

/* In use they are told again once a timeout; with their session they go. */
static void renewed_and_removed(void **state)
{
    struct template_store *store = template_store_new();
    struct fixture fixture;
    life_begin(&fixture, NULL);
    housekeep(&fixture, 0);
    feed_name(&fixture, A, 5, "five", 1);
    housekeep(&fixture, NS_PER_S);
    assert_int_equal(feed_drain(&fixture, store), 1);
    uint32_t pages = 0;
    for (int i = 0; i < 30; i++) {
        name_of(&fixture, A, 5);
        housekeep(&fixture, TIMEOUT_NS / 10);
        pages += feed_drain(&fixture, store);
    }
    assert_in_range(pages, 2, 4);
    assert_string_equal(name_of(&fixture, A, 5), "five");
    for (int i = 0; i < 30; i++)
        housekeep(&fixture, TIMEOUT_NS / 10);
    assert_in_range(feed_drain(&fixture, store), 1, 2); /* maybe renewed once more */
    assert_int_equal(template_store_count(store), 0);
    assert_string_equal(name_of(&fixture, A, 5), "");
    life_end(&fixture);
    template_store_free(store);
}

/* Two devices behind one address: nobody knows which of them said what. */
static void split_forgets(void **state)
{
    static const uint16_t one[] = {8, 4}, other[] = {12, 4, 8, 4};
    struct template_store *store = template_store_new();
    struct fixture fixture;
    life_begin(&fixture, NULL);
    feed_name(&fixture, A, 5, "five", 1);
    housekeep(&fixture, NS_PER_S);
    feed_drain(&fixture, store);
    feed_v9_template(&fixture, A, 256, one, 1);
    feed_v9_template(&fixture, "192.0.2.1:5001", 256, other, 2);
    feed_v9_template(&fixture, A, 256, one, 1);
    assert_int_equal(fixture_count(&fixture, COUNTER_addresses_split), 1);
    assert_string_equal(name_of(&fixture, A, 5), "");
    feed_name(&fixture, A, 5, "mine", 2);
    feed_name(&fixture, "192.0.2.1:5001", 5, "yours", 2);
    assert_string_equal(name_of(&fixture, A, 5), "mine");
    assert_string_equal(name_of(&fixture, "192.0.2.1:5001", 5), "yours");
    housekeep(&fixture, 2 * NS_PER_S);
    feed_drain(&fixture, store);
    life_end(&fixture);
    life_begin(&fixture, store);
    assert_string_equal(name_of(&fixture, A, 5), "mine");
    assert_string_equal(name_of(&fixture, "192.0.2.1:5001", 5), "yours");
    life_end(&fixture);
    template_store_free(store);
}

/* --- a tier --- */

struct box {
    struct fixture fixture;
    struct template_share share;
    struct counters counters;
};

static void box_open(struct box *box)
{
    fixture_init(&box->fixture, PROFILE_WEIR);
    box->fixture.feed = template_feed_new(FEED_BYTES);
    box->fixture.board = template_board_new(1 << 20, 1);
    template_share_init(&box->share, box->fixture.board, 0, &box->counters);
    template_board_open(box->fixture.board);
    fixture_open(&box->fixture);
}

static void box_close(struct box *box)
{
    fixture_close(&box->fixture);
    template_feed_free(box->fixture.feed);
    template_board_free(box->fixture.board);
}

/* All that one has to say reaches the other. Returns how much that was. */
static uint32_t carry(struct box *from, struct box *to)
{
    struct template_event event;
    struct board_entry *entry;
    uint32_t count = 0;
    decoder_catch_up(from->fixture.decoder, from->fixture.now_ns);
    for (; template_feed_peek(from->fixture.feed, &event); template_feed_pop(from->fixture.feed))
        template_share_say(&from->share, &event, FIXTURE_NOW);
    for (; (entry = template_share_next(&from->share)); count++) {
        board_entry_event(entry, &event);
        template_share_hear(&to->share, &event, FIXTURE_NOW);
        template_share_sent(&from->share, entry, true);
    }
    return count;
}

/* What one has learned the other knows when the exporter comes; each has its half, then both have both, and rest. */
static void tier_shares(void **state)
{
    struct box one, other;
    box_open(&one);
    box_open(&other);
    feed_name(&one.fixture, A, 5, "five", 1);
    feed_name(&other.fixture, A, 6, "six", 2);
    carry(&one, &other);
    carry(&other, &one);
    assert_string_equal(name_of(&one.fixture, A, 6), "six");
    assert_string_equal(name_of(&other.fixture, A, 5), "five");
    assert_int_equal(fixture_count(&other.fixture, COUNTER_facts_shared), 1);
    feed_name(&other.fixture, A, 5, "fuenf", 9);
    for (int i = 0; i < 3; i++) {
        carry(&other, &one);
        name_of(&one.fixture, A, 5);
        carry(&one, &other);
        name_of(&other.fixture, A, 5);
    }
    assert_string_equal(name_of(&one.fixture, A, 5), "fuenf");
    assert_string_equal(name_of(&other.fixture, A, 5), "fuenf");
    assert_int_equal(carry(&one, &other) + carry(&other, &one), 0);
    box_close(&one);
    box_close(&other);
}

/* --- the configuration --- */

static void rates_of_the_configuration(void **state)
{
    static char *texts[] = {"192.0.2.0/24=7", "192.0.2.1=10", "192.0.2.1%3=5", "192.0.2.0/24%3=6", "192.0.2.0/24%4=8",
                            "192.0.2.1=11", "2001:db8::/32%9=2", "::/0=99"};
    const struct text_list list = {.items = texts, .count = sizeof texts / sizeof *texts};
    bool failed;
    struct sampling_rules *rules = sampling_rules_new(&list, &failed);
    struct heap *heap = heap_new(1 << 20);
    struct address address;
    assert_false(failed);
    address_parse("192.0.2.1", &address);
    struct exporter_rates *rates = exporter_rates_new(rules, &address, heap);
    assert_int_equal(rates->whole.population, 11);
    assert_int_equal(rates->count, 2);
    assert_int_equal(exporter_rates_find(rates, 3)->population, 5);
    assert_int_equal(exporter_rates_find(rates, 4)->population, 8);
    assert_null(exporter_rates_find(rates, 5));
    assert_null(exporter_rates_find(rates, 1ull << 32 | 3));
    exporter_rates_free(rates, heap);
    address_parse("2001:db8::1", &address);
    rates = exporter_rates_new(rules, &address, heap);
    assert_int_equal(rates->whole.population, 99);
    assert_int_equal(exporter_rates_find(rates, 9)->population, 2);
    exporter_rates_free(rates, heap);
    address_parse("198.51.100.1", &address);
    assert_null(exporter_rates_new(rules, &address, heap));
    assert_int_equal(heap_used_bytes(heap), 0);
    heap_free_all(heap);
    free(rules);
}

static void rules_are_parsed(void **state)
{
    static const char *const bad[] = {"", "=5", "192.0.2.1", "192.0.2.1=", "192.0.2.1=0", "192.0.2.1=1x",
                                      "192.0.2.1=4294967296", "192.0.2.1%=5", "192.0.2.1%x=5", "192.0.2.1%-1=5",
                                      "192.0.2.300=5", "192.0.2.0/33=5", "host=5", "192.0.2.1= 5",
                                      "192.0.2.1%99999999999=5"};
    struct sampling_rule rule;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (sampling_rule_parse(bad[i], &rule))
            fail_msg("%s is taken for a rule", bad[i]);
    assert_true(sampling_rule_parse("2001:db8:1111:2222:3333:4444:5555:6666/128%4294967295=4294967295", &rule));
    assert_int_equal(rule.interface, UINT32_MAX);
    assert_int_equal(rule.rate, UINT32_MAX);
    assert_false(rule.any_interface);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learned_and_renamed), cmocka_unit_test(nothing_is_kept),
        cmocka_unit_test(caps),                cmocka_unit_test(reports_are_counted),
        cmocka_unit_test(reports_by_scopes),   cmocka_unit_test(every_report),
        cmocka_unit_test(restart_knows),       cmocka_unit_test(renewed_and_removed),
        cmocka_unit_test(split_forgets),       cmocka_unit_test(tier_shares),
        cmocka_unit_test(rates_of_the_configuration), cmocka_unit_test(rules_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
