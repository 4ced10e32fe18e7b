/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/xdp_memory.h"

enum { SIZE_BYTES = 65 * 4096 };

/* Huge pages or not, there is room, to the last byte, at a place that the kernel takes for a UMEM. */
static void there_is_room(void **state)
{
    for (int huge = 0; huge <= 1; huge++) {
        struct xdp_memory memory;
        assert_int_equal(xdp_memory_take(&memory, "lo", SIZE_BYTES, huge), 0);
        assert_true(memory.mapped_bytes >= SIZE_BYTES);
        assert_int_equal((uintptr_t)memory.bytes % 4096, 0);
        assert_true(huge || !memory.huge);
        memset(memory.bytes, 0x5a, SIZE_BYTES);
        assert_int_equal(memory.bytes[SIZE_BYTES - 1], 0x5a);
        xdp_memory_give(&memory);
        assert_null(memory.bytes);
    }
}

/* The loopback is at no node; neither is what does not exist. */
static void no_node_is_none(void **state)
{
    struct xdp_memory memory;
    assert_int_equal(xdp_memory_take(&memory, "no-such-nic", SIZE_BYTES, false), 0);
    assert_int_equal(memory.node, -1);
    xdp_memory_give(&memory);
}

static void too_much_is_refused(void **state)
{
    struct xdp_memory memory;
    assert_true(xdp_memory_take(&memory, "lo", (size_t)1 << 60, true) < 0);
    assert_null(memory.bytes);
    xdp_memory_give(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_room),
        cmocka_unit_test(no_node_is_none),
        cmocka_unit_test(too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
