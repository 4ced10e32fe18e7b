/* SPDX-License-Identifier: Apache-2.0 */
/* Transports that have sessions: whose templates they are, for how long, and what may wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/decode_seen.h"

static const uint16_t eight[] = {8, 4, 12, 4}; /* 8 bytes a record */
static const uint16_t sixteen[] = {8, 4, 12, 4, 1, 8};

static struct exporter *session(struct fixture *fixture, enum transport transport, uint16_t number)
{
    struct endpoint endpoint;
    assert_true(endpoint_parse(A, &endpoint));
    struct exporter *exporter = exporters_add_stream(fixture->exporters, &endpoint, transport, number);
    assert_non_null(exporter);
    return exporter;
}

static uint32_t give(struct fixture *fixture, struct exporter *exporter, const struct wire *wire)
{
    uint32_t records = fixture_feed(fixture, exporter, wire->bytes, wire->size_bytes);
    fixture_check_ledger(fixture);
    return records;
}

static void give_template(struct fixture *fixture, struct exporter *exporter, uint32_t id)
{
    struct wire wire = {0};
    wire_ipfix(&wire, 1, 7);
    wire_template(&wire, 2, id, eight, 2);
    wire_message_end(&wire);
    assert_int_equal(give(fixture, exporter, &wire), 0);
}

/* An options template: one scope, one more. */
static void give_options_template(struct fixture *fixture, struct exporter *exporter, uint32_t id)
{
    struct wire wire = {0};
    wire_ipfix(&wire, 1, 7);
    wire_set(&wire, 3);
    wire_16(&wire, id);
    wire_16(&wire, 2);
    wire_16(&wire, 1);
    wire_16(&wire, 149);
    wire_16(&wire, 4);
    wire_16(&wire, 41);
    wire_16(&wire, 4);
    wire_set_end(&wire);
    wire_message_end(&wire);
    assert_int_equal(give(fixture, exporter, &wire), 0);
}

static void give_withdrawal(struct fixture *fixture, struct exporter *exporter, uint32_t set, uint32_t id)
{
    struct wire wire = {0};
    wire_ipfix(&wire, 1, 7);
    wire_set(&wire, set);
    wire_16(&wire, id);
    wire_16(&wire, 0);
    wire_set_end(&wire);
    wire_message_end(&wire);
    assert_int_equal(give(fixture, exporter, &wire), 0);
}

static uint32_t give_data(struct fixture *fixture, struct exporter *exporter, uint32_t id)
{
    struct wire wire = {0};
    wire_ipfix(&wire, 1, 7);
    wire_data(&wire, id, 1, 8);
    wire_message_end(&wire);
    return give(fixture, exporter, &wire);
}

static void withdrawals_are_obeyed_where_nothing_is_lost(void **state)
{
    for (int kind = PROFILE_WEIR; kind <= PROFILE_ELASTIC; kind++) {
        for (enum transport transport = TRANSPORT_TCP; transport < TRANSPORTS; transport++) {
            bool stays = !transport_is_reliable(transport);
            struct fixture fixture;
            begin(&fixture, (enum profile_kind)kind);
            struct exporter *exporter = session(&fixture, transport, 1);
            give_template(&fixture, exporter, 256);
            give_template(&fixture, exporter, 257);
            give_template(&fixture, exporter, 258);
            give_options_template(&fixture, exporter, 259);
            give_withdrawal(&fixture, exporter, 2, 257);
            assert_int_equal(give_data(&fixture, exporter, 256), 1);
            assert_int_equal(give_data(&fixture, exporter, 257), stays);
            give_withdrawal(&fixture, exporter, 2, 2); /* all but the options' */
            assert_int_equal(give_data(&fixture, exporter, 256), stays);
            assert_int_equal(give_data(&fixture, exporter, 258), stays);
            assert_int_equal(give_data(&fixture, exporter, 259), 1);
            give_withdrawal(&fixture, exporter, 3, 3);
            assert_int_equal(give_data(&fixture, exporter, 259), stays);
            assert_int_equal(fixture_count(&fixture, COUNTER_templates_withdrawn), 3);
            fixture_close(&fixture);
        }
    }
}

static void templates_are_of_one_session(void **state)
{
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.share_templates = true;
    fixture_open(&fixture);
    struct exporter *first = session(&fixture, TRANSPORT_TCP, 1), *second = session(&fixture, TRANSPORT_TCP, 2);
    give_template(&fixture, first, 256);
    assert_int_equal(give_data(&fixture, first, 256), 1);
    assert_int_equal(give_data(&fixture, second, 256), 0);
    assert_int_equal(give_data(&fixture, fixture_exporter(&fixture, A), 256), 0); /* UDP of the same port */
    give_template(&fixture, fixture_exporter(&fixture, A), 300);
    assert_int_equal(give_data(&fixture, first, 300), 0);
    decoder_forget(fixture.decoder, first);
    assert_int_equal(decoder_sizes(fixture.decoder).templates, 1);
    struct exporter *next = session(&fixture, TRANSPORT_TCP, 1);
    assert_int_equal(give_data(&fixture, next, 256), 0);
    fixture_close(&fixture);
}

static void templates_last_as_long_as_what_is_reliable(void **state)
{
    for (enum transport transport = TRANSPORT_TCP; transport < TRANSPORTS; transport++) {
        struct fixture fixture;
        fixture_init(&fixture, PROFILE_WEIR);
        fixture.config.expiration_timeout = 60 * NS_PER_S;
        fixture_open(&fixture);
        struct exporter *exporter = session(&fixture, transport, 9);
        give_template(&fixture, exporter, 256);
        for (int minute = 0; minute < 100; minute++) {
            fixture.now_ns += 60 * NS_PER_S;
            for (int slice = 0; slice < 4; slice++)
                decoder_housekeep(fixture.decoder, fixture.now_ns);
        }
        assert_int_equal(give_data(&fixture, exporter, 256), transport_is_reliable(transport));
        fixture_close(&fixture);
    }
}

static void data_waits_where_it_may_have_overtaken(void **state)
{
    for (enum transport transport = TRANSPORT_TCP; transport < TRANSPORTS; transport++) {
        struct fixture fixture;
        begin(&fixture, PROFILE_WEIR);
        struct exporter *exporter = session(&fixture, transport, 3);
        assert_int_equal(give_data(&fixture, exporter, 256), 0);
        struct wire wire = {0};
        wire_ipfix(&wire, 1, 7);
        wire_template(&wire, 2, 256, eight, 2);
        wire_message_end(&wire);
        assert_int_equal(give(&fixture, exporter, &wire), !transport_is_ordered(transport));
        assert_int_equal(fixture_count(&fixture, COUNTER_sets_without_template), transport_is_ordered(transport));
        fixture_close(&fixture);
    }
}

/* Neither the journal nor an earlier run's is concerned. */
static void nothing_is_told(void **state)
{
    struct fixture fixture;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.expiration_timeout = 60 * NS_PER_S;
    fixture.feed = template_feed_new(1u << 18);
    fixture_open(&fixture);
    struct template_event event;
    struct exporter *stream = session(&fixture, TRANSPORT_TLS, 1), *dtls = session(&fixture, TRANSPORT_DTLS, 2);
    give_template(&fixture, stream, 256);
    give_template(&fixture, dtls, 256);
    give_withdrawal(&fixture, stream, 2, 256);
    give_template(&fixture, stream, 257);
    for (int minute = 0; minute < 5; minute++) {
        fixture.now_ns += 60 * NS_PER_S;
        decoder_housekeep(fixture.decoder, fixture.now_ns);
    }
    decoder_forget(fixture.decoder, stream);
    decoder_forget(fixture.decoder, dtls);
    assert_false(template_feed_peek(fixture.feed, &event));
    struct wire wire = {0};
    wire_ipfix(&wire, 1, 7);
    wire_template(&wire, 2, 256, sixteen, 3);
    wire_message_end(&wire);
    give(&fixture, fixture_exporter(&fixture, A), &wire); /* UDP */
    assert_true(template_feed_peek(fixture.feed, &event));
    fixture_close(&fixture);
    template_feed_free(fixture.feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(withdrawals_are_obeyed_where_nothing_is_lost),
        cmocka_unit_test(templates_are_of_one_session),
        cmocka_unit_test(templates_last_as_long_as_what_is_reliable),
        cmocka_unit_test(data_waits_where_it_may_have_overtaken),
        cmocka_unit_test(nothing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
