/* SPDX-License-Identifier: Apache-2.0 */

/* The XDP program and what load balancers put around datagrams, run by the kernel: see test_xdp.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/frame_tunnels.h"
#include "tests/unit/xdp_fixture.h"

static struct tunnelled frames[TUNNELS_MOST];
static uint32_t frame_count;

/* Everything is unpacked, and with it all is taken. */
static int everything_open(void **state)
{
    frame_count = tunnelled_make(frames);
    if (rig_open(state))
        return -1;
    struct rig *rig = *state;
    if (!rig)
        return 0;
    if (socket_make(rig) || xdp_program_add_socket(rig->program, 0, xsk_socket__fd(rig->socket)))
        return -1;
    rig->settings[0] = "input.unpack=ipip,gre,gue,proxy";
    rig->settings[1] = "input.balancers=" BALANCERS;
    rules_set(rig, "input.allow", "");
    return 0;
}

static void tunnels_are_taken(void **state)
{
    struct rig *rig = rig_of(state);
    rules_set(rig, "input.allow", "");
    for (uint32_t i = 0; i < frame_count; i++)
        assert_int_equal(judge(rig, &frames[i].build), STEER_TAKEN);
}

/* The list is of exporters: that the balancer is on it helps nobody. */
static void the_exporter_s_own_address_is_judged(void **state)
{
    static const char *const lists[] = {EXPORTER_IPV4, EXPORTER_IPV6, BALANCERS};
    struct rig *rig = rig_of(state);
    for (int list = 0; list < 3; list++) {
        rules_set(rig, "input.allow", lists[list]);
        for (uint32_t i = 0; i < frame_count; i++)
            assert_int_equal(judge(rig, &frames[i].build),
                             list == (frames[i].ipv6 ? 1 : 0) ? STEER_TAKEN : STEER_NOT_ALLOWED);
    }
}

/* A tunnel is the kernel's then, and a PROXY header the sender's own business; so it is to other addresses. */
static void others_are_not_believed(void **state)
{
    struct rig *rig = rig_of(state);
    rig->settings[1] = "input.balancers=198.51.100.0/24,2001:db8:c::/48";
    rules_set(rig, "input.allow", BALANCERS);
    for (uint32_t i = 0; i < frame_count; i++)
        assert_int_equal(judge(rig, &frames[i].build), frames[i].kind == UNPACK_PROXY ? STEER_TAKEN : STEER_OTHER);
    rig->settings[1] = "input.balancers=" BALANCERS;
    rules_set(rig, "input.allow", "");
    for (uint32_t i = 0; i < frame_count; i++) {
        struct build build = frames[i].build;
        build.bytes[build.bytes[12] == 8 ? 33 : 53] ^= 1; /* of the tunnel's destination */
        assert_int_equal(judge(rig, &build), STEER_OTHER);
    }
}

static void what_is_not_named_is_passed(void **state)
{
    struct rig *rig = rig_of(state);
    const char *settings[2] = {rig->settings[0], rig->settings[1]};
    rig->settings[0] = NULL;
    rules_set(rig, "input.allow", "");
    for (uint32_t i = 0; i < frame_count; i++)
        assert_int_equal(judge(rig, &frames[i].build), frames[i].kind == UNPACK_PROXY ? STEER_TAKEN : STEER_OTHER);
    rig->settings[0] = settings[0];
    rules_set(rig, "input.allow", "");
}

static void fragments_are_passed(void **state)
{
    struct rig *rig = rig_of(state);
    for (uint32_t i = 0; i < frame_count; i++) {
        struct build outer = frames[i].build;
        if (outer.bytes[12] != 8)
            continue;
        outer.bytes[20] = 0x20;
        assert_int_equal(judge(rig, &outer), STEER_FRAGMENT);
    }
    struct build inner = frame_ipip(true, false);
    inner.bytes[14 + 40 + 6] = 0x20;
    assert_int_equal(judge(rig, &inner), STEER_FRAGMENT);
}

static void cut_frames_agree(void **state)
{
    struct rig *rig = rig_of(state);
    for (uint32_t i = 0; i < frame_count; i++)
        for (uint32_t size = 0; size <= frames[i].build.size_bytes; size++) {
            uint8_t *copy = malloc(size ? size : 1);
            memcpy(copy, frames[i].build.bytes, size);
            assert_agreement(rig, copy, size, size == frames[i].build.size_bytes);
            free(copy);
        }
}

/* Bytes behind the outer IP header changed at random. */
static void changed_frames_agree(void **state)
{
    enum { ROUNDS = 40000 };
    struct rig *rig = rig_of(state);
    uint32_t seed = 7;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct build build = frames[round % frame_count].build;
        uint32_t first = build.bytes[12] == 8 ? 34 : 54;
        for (uint32_t change = 0; change < 1 + round % 3; change++) {
            seed = seed * 1664525 + 1013904223;
            build.bytes[first + (seed >> 8) % (build.size_bytes - first)] = (uint8_t)(seed >> 24);
        }
        assert_agreement(rig, build.bytes, build.size_bytes, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tunnels_are_taken),
        cmocka_unit_test(the_exporter_s_own_address_is_judged),
        cmocka_unit_test(others_are_not_believed),
        cmocka_unit_test(what_is_not_named_is_passed),
        cmocka_unit_test(fragments_are_passed),
        cmocka_unit_test(cut_frames_agree),
        cmocka_unit_test(changed_frames_agree),
    };
    return cmocka_run_group_tests(tests, everything_open, rig_close);
}
