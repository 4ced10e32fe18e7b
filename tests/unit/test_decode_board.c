/* SPDX-License-Identifier: Apache-2.0 */
/* Decoders of two collectors: what one has learned, the other decodes with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "decode/journal/share.h"
#include "tests/unit/decode_seen.h"

#define FEED_BYTES (1u << 18)
#define B          "192.0.2.2:5000"

static const uint16_t eight[] = {8, 4, 12, 4};
static const uint16_t sixteen[] = {8, 4, 12, 4, 1, 8};

/* A collector: its decoder, and what it exchanges with others. */
struct box {
    struct fixture fixture;
    struct template_share share;
    struct counters counters;
};

static void box_open(struct box *box, enum profile_kind kind)
{
    fixture_init(&box->fixture, kind);
    box->fixture.config.detect_sequence_reset = true;
    box->fixture.feed = template_feed_new(FEED_BYTES);
    box->fixture.board = template_board_new(1 << 20, 1);
    template_share_init(&box->share, box->fixture.board, 0, &box->counters);
    template_board_open(box->fixture.board);
    fixture_open(&box->fixture);
}

static void box_close(struct box *box)
{
    fixture_check_ledger(&box->fixture);
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
    for (; template_feed_peek(from->fixture.feed, &event); template_feed_pop(from->fixture.feed))
        template_share_say(&from->share, &event, FIXTURE_NOW);
    for (; (entry = template_share_next(&from->share)); count++) {
        board_entry_event(entry, &event);
        template_share_hear(&to->share, &event, FIXTURE_NOW);
        template_share_sent(&from->share, entry, true);
    }
    return count;
}

/* The message's time, and so the announcement's, is so many seconds after FIXTURE_NOW. */
static void header(struct wire *wire, uint32_t sequence, int32_t seconds)
{
    wire_v9(wire, 1, sequence, 7);
    uint32_t export_s = (uint32_t)(FIXTURE_NOW / NS_PER_S + seconds), swapped = __builtin_bswap32(export_s);
    memcpy(wire->bytes + 8, &swapped, sizeof swapped);
}

static void announce(struct box *box, const char *exporter, const uint16_t *pairs, uint32_t fields, int32_t seconds)
{
    struct wire wire = {0};
    header(&wire, 1, seconds);
    wire_template(&wire, 0, 256, pairs, fields);
    feed(&box->fixture, exporter, &wire);
}

/* Records of 48 bytes of data: six of eight, three of sixteen. */
static uint32_t data(struct box *box, const char *exporter, uint32_t sequence, int32_t seconds)
{
    struct wire wire = {0};
    header(&wire, sequence, seconds);
    wire_data(&wire, 256, 1, 48);
    return feed(&box->fixture, exporter, &wire);
}

static uint64_t count(const struct box *box, enum counter counter)
{
    return fixture_count(&box->fixture, counter);
}

static void test_moved(void **state)
{
    (void)state;
    for (int kind = PROFILE_WEIR; kind <= PROFILE_ELASTIC; kind++) {
        struct box one, other;
        box_open(&one, (enum profile_kind)kind);
        box_open(&other, (enum profile_kind)kind);
        announce(&one, A, eight, 2, 0);
        announce(&one, B, sixteen, 3, 0);
        assert_int_equal(carry(&one, &other), 2);
        assert_int_equal(data(&other, A, 2, 0), 6);
        assert_int_equal(data(&other, B, 2, 0), 3);
        assert_int_equal(count(&other, COUNTER_templates_shared), 2);
        assert_int_equal(count(&other, COUNTER_templates_learned), 0);
        assert_int_equal(carry(&other, &one), 0);
        /* to and fro, with the numbers of what went elsewhere missing: nothing is thrown away or told again */
        for (uint32_t turn = 1; turn < 20; turn++) {
            assert_int_equal(data(turn % 2 ? &one : &other, A, 5000 * turn, 0), 6);
            assert_int_equal(carry(&one, &other) + carry(&other, &one), 0);
        }
        assert_int_equal(count(&one, COUNTER_sequence_jumps) + count(&other, COUNTER_sequence_jumps), 0);
        assert_int_equal(count(&one, COUNTER_templates_discarded) + count(&other, COUNTER_templates_discarded), 0);
        box_close(&one);
        box_close(&other);
    }
}

static void test_changed(void **state)
{
    (void)state;
    struct box one, other;
    box_open(&one, PROFILE_WEIR);
    box_open(&other, PROFILE_WEIR);
    announce(&one, A, eight, 2, 0);
    carry(&one, &other);
    assert_int_equal(data(&other, A, 2, 0), 6);
    announce(&one, A, sixteen, 3, 10); /* the other is in the middle of the session */
    assert_int_equal(carry(&one, &other), 1);
    assert_int_equal(data(&other, A, 3, 11), 3);
    assert_int_equal(count(&other, COUNTER_templates_shared), 2);
    /* what is heard late is older than what was seen here */
    announce(&one, A, eight, 2, 20);
    announce(&other, A, sixteen, 3, 30);
    carry(&one, &other);
    assert_int_equal(data(&other, A, 4, 31), 3);
    assert_int_equal(count(&other, COUNTER_templates_shared), 2);
    box_close(&one);
    box_close(&other);
}

static uint32_t parked_decode(struct box *box)
{
    struct fixture *fixture = &box->fixture;
    uint32_t records = 0, more;
    if (!decoder_begin_parked(fixture->decoder))
        return 0;
    while ((more = decoder_next(fixture->decoder, &fixture->chunk)))
        records += more;
    return records;
}

/* The exporter's data is here before the news, and the exporter elsewhere by then. */
static void test_parked(void **state)
{
    (void)state;
    struct box one, other;
    char exporter[40];
    box_open(&one, PROFILE_WEIR);
    box_open(&other, PROFILE_WEIR);
    for (uint32_t i = 0; i < 400; i++) { /* more than one slice */
        snprintf(exporter, sizeof exporter, "192.0.3.%u:%u", 1 + i % 200, 5000 + i / 200);
        announce(&one, exporter, i % 2 ? eight : sixteen, i % 2 ? 2 : 3, 0);
        assert_int_equal(data(&other, exporter, 2, 0), 0);
    }
    assert_int_equal(decoder_parked_sets(other.fixture.decoder), 400);
    assert_int_equal(parked_decode(&other), 0);
    announce(&one, B, eight, 2, 0); /* that nothing waits for */
    assert_int_equal(carry(&one, &other), 201);
    uint32_t records = parked_decode(&other);
    assert_true(records >= 256 * 3 && records < 400 * 6);
    for (uint32_t i = 0; i < 4; i++)
        records += parked_decode(&other);
    assert_int_equal(records, 200 * 6 + 200 * 3);
    assert_int_equal(decoder_parked_sets(other.fixture.decoder), 0);
    assert_false(decoder_begin_parked(other.fixture.decoder));
    box_close(&one);
    box_close(&other);
}

/* Limits hold for what others say, too. */
static void test_limits(void **state)
{
    (void)state;
    struct box one, other;
    box_open(&one, PROFILE_WEIR);
    box_open(&other, PROFILE_WEIR);
    other.fixture.config.limits.templates_per_exporter = 0;
    announce(&one, A, eight, 2, 0);
    carry(&one, &other);
    assert_int_equal(data(&other, A, 2, 0), 0);
    assert_int_equal(count(&other, COUNTER_templates_over_exporter_cap), 1);
    box_close(&one);
    box_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_parked),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
