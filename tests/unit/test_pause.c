/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dataplane/pause.h"

static struct pause pause_with(uint32_t busy_poll_us, uint64_t batch_age_ns)
{
    struct config config = {.input.busy_poll = busy_poll_us, .output.batch_age = batch_age_ns};
    struct pause pause;
    pause_init(&pause, &config);
    return pause;
}

static void quiet_queues_are_waited_for(void **state)
{
    struct pause pause = pause_with(0, NS_PER_S);
    int64_t nap_ns;
    assert_int_equal(pause_advise(&pause, 1000, &nap_ns), PAUSE_WAIT);
    assert_int_equal(pause.wait_ns, 100 * NS_PER_MS);
    assert_int_equal(pause_with(0, 20 * NS_PER_MS).wait_ns, 5 * NS_PER_MS);
    assert_int_equal(pause_with(0, 1).wait_ns, NS_PER_MS);
    pause_poll(&pause);
    assert_in_range(pause.wait_ns, 1, NS_PER_MS - 1);
}

static void naps_gather_half_a_burst(void **state)
{
    struct pause pause = pause_with(0, NS_PER_S);
    int64_t nap_ns;
    pause_waited(&pause, 0);
    pause.packets = 10; /* in 100 us: 32 take 320 us */
    assert_int_equal(pause_advise(&pause, 100000, &nap_ns), PAUSE_NAP);
    assert_int_equal(nap_ns, 320000);
    /* the nap brought nothing: the next packet has to wake us */
    assert_int_equal(pause_advise(&pause, 420000, &nap_ns), PAUSE_WAIT);
}

static void naps_have_bounds(void **state)
{
    struct pause pause = pause_with(0, NS_PER_S);
    int64_t nap_ns;
    pause.packets = 1; /* in a second: as long as a nap may be */
    assert_int_equal(pause_advise(&pause, NS_PER_S, &nap_ns), PAUSE_NAP);
    assert_int_equal(nap_ns, NS_PER_MS);
    pause.packets = 1000; /* in a millisecond: no timer is so short */
    assert_int_equal(pause_advise(&pause, NS_PER_S + NS_PER_MS, &nap_ns), PAUSE_WAIT);
}

static void busy_polling_comes_first(void **state)
{
    struct pause pause = pause_with(50, NS_PER_S);
    int64_t nap_ns;
    pause.packets = 3;
    assert_int_equal(pause_advise(&pause, NS_PER_S, &nap_ns), PAUSE_NOT);
    assert_int_equal(pause_advise(&pause, NS_PER_S + 49000, &nap_ns), PAUSE_NOT);
    assert_int_equal(pause_advise(&pause, NS_PER_S + 51000, &nap_ns), PAUSE_WAIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_queues_are_waited_for),
        cmocka_unit_test(naps_gather_half_a_burst),
        cmocka_unit_test(naps_have_bounds),
        cmocka_unit_test(busy_polling_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
