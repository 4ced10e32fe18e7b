/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "bpf/shared.h"
#include "dataplane/xdp_hints.h"

#define UTC_NS  (1790000000 * NS_PER_S)
#define TAI_NS  (UTC_NS + 37 * NS_PER_S)
#define MONO_NS (5000 * NS_PER_S)

static const struct hint_clocks clocks = {.utc_ns = UTC_NS, .tai_ns = TAI_NS, .monotonic_ns = MONO_NS};

static uint8_t bytes[64]; /* a frame begins in its middle */
static struct hint_counts counts;

/* What is found of a hint that the program wrote. */
static int64_t taken(int64_t nic_ns, int64_t kernel_ns)
{
    struct steer_hint hint = {.nic_ns = (uint64_t)nic_ns, .kernel_ns = (uint64_t)kernel_ns};
    hint.check = STEER_HINT_CHECK ^ hint.nic_ns ^ hint.kernel_ns;
    memcpy(bytes + 32 - sizeof hint, &hint, sizeof hint);
    return hint_take(bytes + 32, &clocks, &counts);
}

static int setup(void **state)
{
    (void)state;
    memset(bytes, 0, sizeof bytes);
    counts = (struct hint_counts){0};
    return 0;
}

static void the_kernels_time_is_taken(void **state)
{
    (void)state;
    assert_int_equal(taken(0, MONO_NS - 1500), UTC_NS - 1500);
    assert_int_equal(taken(0, MONO_NS), UTC_NS);
    assert_int_equal(counts.kernel, 2);
    assert_int_equal(counts.nic, 0);
}

static void the_nics_time_goes_first(void **state)
{
    (void)state;
    assert_int_equal(taken(UTC_NS - 2000, MONO_NS - 1500), UTC_NS - 2000);
    assert_int_equal(taken(TAI_NS - 2000, MONO_NS - 1500), UTC_NS - 2000); /* as PTP has it */
    assert_int_equal(counts.nic, 2);
    assert_int_equal(counts.kernel, 0);
}

/* It counts from when it was switched on, or is a day off, or absurd. */
static void a_clock_that_nobody_set_is_not_believed(void **state)
{
    (void)state;
    const int64_t wrong[] = {1, 77 * NS_PER_S, UTC_NS + 86400 * NS_PER_S, UTC_NS - HINT_NIC_OFF_NS, INT64_MAX, -1};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(taken(wrong[i], MONO_NS - 1500), UTC_NS - 1500);
    assert_int_equal(counts.kernel, sizeof wrong / sizeof *wrong);
    assert_int_equal(counts.nic, 0);
}

static void a_hint_counts_once(void **state)
{
    (void)state;
    assert_int_equal(taken(0, MONO_NS - 1500), UTC_NS - 1500);
    assert_int_equal(hint_take(bytes + 32, &clocks, &counts), UTC_NS);
    assert_int_equal(counts.kernel, 1);
}

static void what_is_no_hint_is_none(void **state)
{
    (void)state;
    assert_int_equal(hint_take(bytes + 32, &clocks, &counts), UTC_NS);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(hint_take(bytes + 32, &clocks, &counts), UTC_NS);
    assert_int_equal(taken(0, MONO_NS + 1), UTC_NS);                     /* to come */
    assert_int_equal(taken(0, MONO_NS - HINT_WAIT_MOST_NS - 1), UTC_NS); /* no ring holds a frame for so long */
    assert_int_equal(counts.kernel, 0);
    assert_int_equal(counts.nic, 0);
}

static void clocks_are_of_one_moment(void **state)
{
    (void)state;
    struct hint_clocks now;
    hint_clocks_read(&now);
    assert_true(now.tai_ns - now.utc_ns > -NS_PER_S && now.tai_ns - now.utc_ns < 100 * NS_PER_S);
    assert_true(clock_steady_ns() - now.monotonic_ns < 10 * NS_PER_S && clock_steady_ns() >= now.monotonic_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_kernels_time_is_taken, setup),
        cmocka_unit_test_setup(the_nics_time_goes_first, setup),
        cmocka_unit_test_setup(a_clock_that_nobody_set_is_not_believed, setup),
        cmocka_unit_test_setup(a_hint_counts_once, setup),
        cmocka_unit_test_setup(what_is_no_hint_is_none, setup),
        cmocka_unit_test_setup(clocks_are_of_one_moment, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
