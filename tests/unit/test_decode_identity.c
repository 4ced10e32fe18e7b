/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's identities over random damage of all synthetic captures, in both profiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/capture_folder.h"
#include "tests/unit/decode_fixture.h"

#define ROUNDS 60

static uint64_t random_state;

/* xorshift64*: the same damage in every run. */
static uint32_t random_below(uint32_t most)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)(random_state * 0x2545f4914f6cdd1du >> 33) % most;
}

/* Changes, cuts or lengthens a datagram; room is what bytes has. Returns the new size. */
static size_t damage(uint8_t *bytes, size_t size_bytes, size_t room)
{
    static const uint8_t favourites[] = {0, 1, 2, 3, 4, 255};
    for (uint32_t changes = random_below(6); changes && size_bytes > 2; changes--) {
        uint32_t at = 2 + random_below((uint32_t)size_bytes - 2);
        bytes[at] = random_below(2) ? favourites[random_below(sizeof favourites)] : (uint8_t)random_below(256);
    }
    uint32_t kind = random_below(10);
    if (kind < 2 && size_bytes > 2)
        return 2 + random_below((uint32_t)size_bytes - 2);
    if (kind == 2)
        for (uint32_t more = random_below(40); more && size_bytes < room; more--)
            bytes[size_bytes++] = (uint8_t)random_below(3);
    return size_bytes;
}

/* What remains after a few thousand damaged datagrams must still decode what is whole. */
static void run(const struct capture *capture, enum profile_kind kind, bool detect, bool share, size_t memory)
{
    static uint8_t bytes[1 << 17];
    struct fixture fixture;
    fixture_init(&fixture, kind);
    fixture.config.detect_sequence_reset = detect;
    fixture.config.share_templates = share;
    fixture.config.expiration_timeout = 10000;
    fixture.config.limits.templates_per_exporter = 100;
    fixture.config.limits.fields_per_template = 20;
    fixture.config.limits.memory = memory;
    fixture_open(&fixture);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < capture->count; i++) {
            const struct capture_datagram *item = &capture->items[random_below((uint32_t)capture->count)];
            memcpy(bytes, item->bytes, item->size_bytes);
            size_t size_bytes = damage(bytes, item->size_bytes, sizeof bytes);
            struct exporter *exporter = fixture_exporter(&fixture, item->exporter);
            fixture_feed(&fixture, exporter, bytes, size_bytes);
            fixture.now_ns += random_below(100);
            decoder_housekeep(fixture.decoder, fixture.now_ns);
        }
        fixture_check_ledger(&fixture);
    }
    assert_true(fixture_count(&fixture, COUNTER_records_received) > 0);
    assert_true(fixture_count(&fixture, COUNTER_datagrams_decoded) > 0);
    bool short_of = memory < 1 << 20;
    assert_int_equal(fixture_count(&fixture, COUNTER_templates_over_memory_cap) > 0, short_of);
    assert_true(fixture_count(&fixture, COUNTER_templates_over_field_cap) > 0);
    assert_true(fixture_count(&fixture, COUNTER_templates_expired) > 0);
    assert_int_equal(fixture_count(&fixture, COUNTER_sequence_jumps) > 0, detect && kind == PROFILE_ELASTIC);
    fixture_close(&fixture);
}

static struct capture all;

static int captures_load(void **state)
{
    const char *golden = getenv("WEIR_GOLDEN");
    struct dirent **entries;
    int count = golden ? scandir(golden, &entries, NULL, alphasort) : -1;
    for (int i = 0; i < count; i++) {
        char folder[2048];
        struct capture one;
        snprintf(folder, sizeof folder, "%s/%s", golden, entries[i]->d_name);
        capture_read(&one, folder);
        for (size_t k = 0; k < one.count; k++)
            capture_add(&all, one.items[k].exporter, one.items[k].bytes, one.items[k].size_bytes);
        capture_free(&one);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return all.count > 100 ? 0 : -1;
}

static int captures_forget(void **state)
{
    capture_free(&all);
    return 0;
}

static void elastic_damaged(void **state)
{
    random_state = 1;
    run(&all, PROFILE_ELASTIC, false, false, 16 << 20);
    run(&all, PROFILE_ELASTIC, true, true, 16 << 20);
}

static void weir_damaged(void **state)
{
    random_state = 2;
    run(&all, PROFILE_WEIR, false, false, 16 << 20);
    run(&all, PROFILE_WEIR, true, true, 16 << 20);
}

/* Memory for hardly more than the built-in plans. */
static void memory_short(void **state)
{
    random_state = 3;
    run(&all, PROFILE_ELASTIC, false, false, 12 << 10);
    run(&all, PROFILE_WEIR, false, false, 28 << 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elastic_damaged),
        cmocka_unit_test(weir_damaged),
        cmocka_unit_test(memory_short),
    };
    return cmocka_run_group_tests(tests, captures_load, captures_forget);
}
