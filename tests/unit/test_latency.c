/* SPDX-License-Identifier: Apache-2.0 */

/* The histogram from receipt to acknowledgement: of batches by hand, and of an output that writes a file. */
#include "tests/unit/output_fixture.h"

#include "export/latency.h"

static struct latency_sum read_latency(const struct latency *latency)
{
    struct latency_sum sum = {0};
    latency_add(&sum, latency);
    return sum;
}

static uint64_t documents(const struct latency_sum *sum)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++)
        count += sum->documents[i];
    return count;
}

static struct batch aged(struct batch *body, int64_t age_ns, uint32_t count)
{
    return (struct batch){.body = body, .opened_ns = clock_steady_ns() - age_ns, .count = count};
}

static void documents_count_by_age(void **state)
{
    static const struct {
        int64_t age_ns;
        uint32_t bucket;
    } cases[] = {
        {0, 0},
        {1500000, 1},
        {30 * NS_PER_MS, 5},
        {900 * NS_PER_MS, 9},
        {99 * NS_PER_S, 15},
        {101 * NS_PER_S, 16},
        {90000 * NS_PER_S, 16},
    };
    struct batch body = {0};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct latency latency = {0};
        struct batch batch = aged(&body, cases[i].age_ns, 7);
        latency_count(&latency, &batch);
        struct latency_sum sum = read_latency(&latency);
        assert_int_equal(sum.documents[cases[i].bucket], 7);
        assert_int_equal(documents(&sum), 7);
        assert_in_range(sum.sum_us, cases[i].age_ns / 1000 * 7, cases[i].age_ns / 1000 * 7 + 7000000);
    }
}

static void only_delivered_ones_count(void **state)
{
    struct batch body = {0}, batch = aged(&body, 30 * NS_PER_MS, 10);
    struct latency latency = {0};
    batch.refused = 1;
    batch.failed = 2;
    batch.spooled = 3;
    latency_count(&latency, &batch);
    batch.spooled = 7;
    latency_count(&latency, &batch);
    struct latency_sum sum = read_latency(&latency);
    assert_int_equal(sum.documents[5], 4);
    assert_int_equal(documents(&sum), 4);
}

/* What was on disk has the time of day alone, and that may have been set back. */
static void spooled_ones_count_from_their_sealing(void **state)
{
    struct latency latency = {0};
    struct batch batch = {.sealed_ns = clock_utc_ns() - 15 * NS_PER_S, .count = 3};
    latency_count(&latency, &batch);
    batch.sealed_ns = clock_utc_ns() + 1000 * NS_PER_S;
    latency_count(&latency, &batch);
    struct latency_sum sum = read_latency(&latency);
    assert_int_equal(sum.documents[13], 3);
    assert_int_equal(sum.documents[0], 3);
}

/* Each delivered document is in the histogram, also those of a batch that is filled before any time is told. */
static void an_output_counts_what_it_delivers(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    struct output_account account;
    struct outputs *outputs = open_with(fixture, &producer);
    produce_many(&producer, 1000, true);
    assert_int_equal(outputs_close(outputs), 0);
    outputs_account(outputs, 0, &account);
    assert_int_equal(account.counts[COUNTER_records_delivered], 1000);
    assert_int_equal(documents(&account.latency), 1000);
    assert_true(account.latency.sum_us < 1000 * 20 * 1000000ull);
    outputs_free(outputs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_count_by_age),
        cmocka_unit_test(only_delivered_ones_count),
        cmocka_unit_test(spooled_ones_count_from_their_sealing),
        cmocka_unit_test_setup_teardown(an_output_counts_what_it_delivers, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
