/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The XDP program in the kernel (BPF_PROG_TEST_RUN), on a loopback of its own: each verdict, its action and its
 * counter, every frame cut at every length, and that frame_parse() finds the same sender in the same frame.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/frame_build.h"
#include "tests/unit/xdp_fixture.h"

/* --- frames --- */

static struct build ipv4_frame(uint32_t payload_bytes)
{
    struct build build = {.size_bytes = 0};
    put_ethernet(&build, ETHERTYPE_IPV4);
    put_ipv4(&build, 8 + payload_bytes, 0, 0);
    put_udp(&build, payload_bytes);
    return build;
}

static struct build ipv6_frame(uint32_t payload_bytes)
{
    struct build build = {.size_bytes = 0};
    put_ethernet(&build, ETHERTYPE_IPV6);
    put_ipv6(&build, 8 + payload_bytes, 17);
    put_udp(&build, payload_bytes);
    return build;
}

static struct build tagged_frame(uint32_t tags)
{
    struct build build = {.size_bytes = 0};
    put_ethernet(&build, tags > 1 ? ETHERTYPE_QINQ : ETHERTYPE_VLAN);
    for (uint32_t i = 0; i < tags; i++)
        put_tag(&build, i + 1 < tags ? ETHERTYPE_VLAN : ETHERTYPE_IPV4);
    put_ipv4(&build, 8 + 48, 0, 0);
    put_udp(&build, 48);
    return build;
}

static struct build fragment_frame(uint32_t position)
{
    struct build build = {.size_bytes = 0};
    put_ethernet(&build, ETHERTYPE_IPV4);
    put_ipv4(&build, 8 + 48, 0, position);
    put_udp(&build, 48);
    return build;
}

/* An IPv6 datagram behind extension headers of one type, 8 and 24 bytes long in turn. */
static struct build extended_frame(uint32_t count, uint8_t type)
{
    struct build build = {.size_bytes = 0};
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += i % 2 ? 24 : 8;
    put_ethernet(&build, ETHERTYPE_IPV6);
    put_ipv6(&build, bytes + 8 + 48, count ? type : 17);
    for (uint32_t i = 0; i < count; i++) {
        put_16(&build, (uint32_t)(i + 1 < count ? type : 17) << 8 | (i % 2 ? 2 : 0));
        put_fill(&build, 0, i % 2 ? 22 : 6);
    }
    put_udp(&build, 48);
    return build;
}

/* --- verdicts --- */

/* Until there is one, the kernel has everything. */
static void frames_without_a_socket_are_passed(void **state)
{
    struct rig *rig = rig_of(state);
    struct build build = ipv4_frame(48);
    assert_int_equal(judge(rig, &build), STEER_NO_SOCKET);
    assert_int_equal(socket_make(rig), 0);
    assert_int_equal(xdp_program_add_socket(rig->program, 0, xsk_socket__fd(rig->socket)), 0);
    assert_int_equal(judge(rig, &build), STEER_TAKEN);
}

static void whole_datagrams_are_taken(void **state)
{
    struct rig *rig = rig_of(state);
    struct build frames[] = {ipv4_frame(48),   ipv6_frame(48),         tagged_frame(1),       tagged_frame(2),
                             ipv4_frame(0),    extended_frame(1, 0),   extended_frame(8, 60), extended_frame(3, 43)};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        assert_int_equal(judge(rig, &frames[i]), STEER_TAKEN);
    struct build longer = ipv4_frame(0);
    put_fill(&longer, 0, 6); /* Ethernet's padding */
    assert_int_equal(judge(rig, &longer), STEER_TAKEN);
}

static void others_are_passed(void **state)
{
    struct rig *rig = rig_of(state);
    struct build build = ipv4_frame(48);
    build.bytes[36] ^= 1; /* another port */
    assert_int_equal(judge(rig, &build), STEER_OTHER);
    build = ipv4_frame(48);
    build.bytes[23] = 6; /* TCP */
    assert_int_equal(judge(rig, &build), STEER_OTHER);
    build = ipv4_frame(48);
    build.bytes[33] ^= 1; /* not an address of this machine */
    assert_int_equal(judge(rig, &build), STEER_OTHER);
    build = ipv4_frame(48);
    build.bytes[13] = 6; /* ARP */
    assert_int_equal(judge(rig, &build), STEER_OTHER);
    build = ipv4_frame(48);
    build.bytes[14] = 0x44; /* a header shorter than any */
    assert_int_equal(judge(rig, &build), STEER_OTHER);
    build = tagged_frame(3);
    assert_int_equal(judge(rig, &build), STEER_OTHER);
    build = extended_frame(9, 60);
    assert_int_equal(judge(rig, &build), STEER_OTHER);
    build = ipv6_frame(48);
    build.bytes[38] ^= 1; /* not an address of this machine */
    assert_int_equal(judge(rig, &build), STEER_OTHER);
}

/* An address that is listened on by itself needs not be this machine's yet, and its port is open there alone. */
static void addresses_are_told_apart(void **state)
{
    static const uint8_t listened[] = {203, 0, 113, 5};
    struct rig *rig = rig_of(state);
    struct build build = ipv4_frame(48);
    build.bytes[36] = 4739 >> 8;
    build.bytes[37] = 4739 & 0xff;
    assert_int_equal(judge(rig, &build), STEER_OTHER);
    memcpy(build.bytes + 30, listened, 4);
    assert_int_equal(judge(rig, &build), STEER_TAKEN);
    build.bytes[36] = 2055 >> 8;
    build.bytes[37] = 2055 & 0xff;
    assert_int_equal(judge(rig, &build), STEER_OTHER);
    assert_int_equal(system("ip addr add 203.0.113.5/32 dev lo"), 0);
    xdp_program_refresh(rig->program);
    assert_int_equal(judge(rig, &build), STEER_TAKEN);
    assert_int_equal(system("ip addr del 203.0.113.5/32 dev lo"), 0);
    xdp_program_refresh(rig->program);
    assert_int_equal(judge(rig, &build), STEER_OTHER);
}

static void fragments_are_passed(void **state)
{
    struct rig *rig = rig_of(state);
    struct build frames[] = {fragment_frame(0x2000), fragment_frame(0x2001), fragment_frame(5),
                             extended_frame(1, 44), extended_frame(1, 44)};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        assert_int_equal(judge(rig, &frames[i]), STEER_FRAGMENT);
    struct build tcp = fragment_frame(0x2000);
    tcp.bytes[23] = 6;
    assert_int_equal(judge(rig, &tcp), STEER_OTHER);
    struct build whole = fragment_frame(0x4000); /* "don't fragment" */
    assert_int_equal(judge(rig, &whole), STEER_TAKEN);
}

/* A test run takes no frame of that length, but the loopback does. */
static void long_frames_are_passed(void **state)
{
    static uint8_t payload[STEER_PACKET_MOST + 1];
    struct rig *rig = rig_of(state);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(2055), .sin_addr.s_addr = htonl(0xc6336409)};
    int sender = socket(AF_INET, SOCK_DGRAM, 0);
    size_t most = STEER_PACKET_MOST - 14 - 20 - 8;
    for (size_t longer = 0; longer < 2; longer++) {
        uint64_t before = xdp_program_counts(rig->program)->value[longer ? STEER_LONG : STEER_TAKEN];
        assert_int_equal(sendto(sender, payload, most + longer, 0, (void *)&to, sizeof to), most + longer);
        assert_int_equal(xdp_program_counts(rig->program)->value[longer ? STEER_LONG : STEER_TAKEN], before + 1);
    }
    close(sender);
    memcpy(rig->seen, xdp_program_counts(rig->program)->value, sizeof rig->seen);
}

/* --- the rules --- */

static void only_the_allowed_get_in(void **state)
{
    struct rig *rig = rig_of(state);
    struct build four = ipv4_frame(48), six = ipv6_frame(48); /* 192.0.2.7 and 2001:db8:707:... */
    static const struct {
        const char *allow;
        bool four, six;
    } rows[] = {
        {"192.0.2.7", true, false},
        {"192.0.2.6", false, false},
        {"192.0.2.0/24,2001:db8::/32", true, true},
        {"2001:db8:707::/48", false, true},
        {"2001:db8:708::/48", false, false},
        {"::/0", false, true},
        {"0.0.0.0/0", true, false},
        {"::/0,192.0.2.0/30", false, true},
        {"::/0,192.0.2.0/29", true, true},
        {"", true, true},
        {"10.0.0.0/8", false, false},
        {"", true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rules_set(rig, "input.allow", rows[i].allow);
        assert_int_equal(judge(rig, &four), rows[i].four ? STEER_TAKEN : STEER_NOT_ALLOWED);
        assert_int_equal(judge(rig, &six), rows[i].six ? STEER_TAKEN : STEER_NOT_ALLOWED);
    }
    rules_set(rig, "input.allow", "10.0.0.0/8");
    four.bytes[36] ^= 1; /* who does not send to weir is none of the rules' business */
    assert_int_equal(judge(rig, &four), STEER_OTHER);
    rules_set(rig, "input.allow", "");
}

/* A list that does not fit changes nothing. */
static void too_long_a_list_is_refused(void **state)
{
    enum { COUNT = STEER_PREFIXES_MOST + 1 };
    struct rig *rig = rig_of(state);
    static char texts[COUNT][20];
    static char *items[COUNT];
    struct config config = {.input.allow = {items, COUNT}};
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i], "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        items[i] = texts[i];
    }
    struct build build = ipv4_frame(48);
    rules_set(rig, "input.allow", "192.0.2.7");
    assert_true(xdp_program_prepare_rules(rig->program, &config) < 0);
    assert_int_equal(judge(rig, &build), STEER_TAKEN);
    build.bytes[26] = 10;
    assert_int_equal(judge(rig, &build), STEER_NOT_ALLOWED);
    rules_set(rig, "input.allow", "");
}

/* So many frames of one exporter at once: how many are taken. */
static uint32_t taken_of(struct rig *rig, const struct build *build, uint32_t count)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; i < count; i++) {
        enum steer_verdict verdict = judge(rig, build);
        assert_true(verdict == STEER_TAKEN || verdict == STEER_OVER_BUDGET);
        taken += verdict == STEER_TAKEN;
    }
    return taken;
}

/* An exporter with so many in its bucket sends more: that many are taken, and what two a second came to since. */
static void expect_taken(struct rig *rig, const struct build *build, uint32_t least, int64_t since_ns)
{
    uint32_t taken = taken_of(rig, build, 1000);
    int64_t more = 1 + 2 * (clock_steady_ns() - since_ns) / NS_PER_S;
    assert_in_range(taken, least, least + more);
}

static void exporters_have_budgets(void **state)
{
    struct rig *rig = rig_of(state);
    struct build one = ipv4_frame(48), other = ipv4_frame(48), six = ipv6_frame(48);
    other.bytes[34] ^= 1; /* another source port is another exporter */
    rig->settings[0] = "input.exporter_burst=50";
    rules_set(rig, "input.exporter_rate", "2");
    int64_t began_ns = clock_steady_ns();
    expect_taken(rig, &one, 50, began_ns);
    expect_taken(rig, &other, 50, clock_steady_ns());
    assert_int_equal(taken_of(rig, &six, 20), 20);
    usleep(1100000);
    expect_taken(rig, &one, 2, began_ns);
    rig->settings[0] = NULL;
    rules_set(rig, "input.exporter_rate", "0");
    assert_int_equal(taken_of(rig, &one, 1000), 1000);
}

/* More exporters than the map has room for: each has a bucket while it is among the latest, and all are counted. */
static void budgets_have_a_cap(void **state)
{
    enum { EXPORTERS = 5000 };
    struct rig *rig = rig_of(state);
    struct build build = ipv4_frame(48);
    uint64_t before = xdp_program_counts(rig->program)->budgets_begun;
    rig->settings[0] = "input.exporter_burst=1";
    rules_set(rig, "input.exporter_rate", "1");
    build.bytes[26] = 10;
    for (uint32_t i = 0; i < EXPORTERS; i++) {
        build.bytes[27] = (uint8_t)(i >> 8);
        build.bytes[28] = (uint8_t)i;
        assert_int_equal(judge(rig, &build), STEER_TAKEN);
    }
    assert_int_equal(judge(rig, &build), STEER_OVER_BUDGET);
    assert_int_equal(xdp_program_counts(rig->program)->budgets_begun, before + EXPORTERS);
    rig->settings[0] = NULL;
    rules_set(rig, "input.exporter_rate", "0");
}

/* --- the two readers of frames --- */

static void cut_frames_agree(void **state)
{
    struct rig *rig = rig_of(state);
    struct build frames[] = {
        ipv4_frame(48),         ipv6_frame(48),       tagged_frame(1),       tagged_frame(2),
        fragment_frame(0x2000), extended_frame(1, 0), extended_frame(8, 60), extended_frame(1, 44),
        extended_frame(3, 43),
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        for (uint32_t size = 0; size <= frames[i].size_bytes; size++) {
            uint8_t *copy = malloc(size ? size : 1);
            memcpy(copy, frames[i].bytes, size);
            assert_agreement(rig, copy, size, size == frames[i].size_bytes);
            free(copy);
        }
}

/* Bytes of headers changed at random, but not the address and port that make a frame weir's. */
static void changed_frames_agree(void **state)
{
    enum { ROUNDS = 20000 };
    struct rig *rig = rig_of(state);
    struct build frames[] = {ipv4_frame(48), ipv6_frame(48), tagged_frame(2), extended_frame(3, 60),
                             extended_frame(1, 44)};
    static const uint32_t destinations[] = {30, 38, 38, 38, 38}; /* of IPv4 in the first and third */
    uint32_t count = sizeof frames / sizeof *frames, seed = 1;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct build build = frames[round % count];
        for (uint32_t change = 0; change < 1 + round % 3; change++) {
            seed = seed * 1664525 + 1013904223;
            uint32_t at = 12 + (seed >> 8) % 40;
            uint32_t destination = destinations[round % count];
            if (at >= destination && at < destination + (round % count % 2 || round % count > 2 ? 16 : 4))
                continue;
            build.bytes[at] = (uint8_t)(seed >> 24);
        }
        assert_agreement(rig, build.bytes, build.size_bytes, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_without_a_socket_are_passed),
        cmocka_unit_test(whole_datagrams_are_taken),
        cmocka_unit_test(others_are_passed),
        cmocka_unit_test(addresses_are_told_apart),
        cmocka_unit_test(fragments_are_passed),
        cmocka_unit_test(long_frames_are_passed),
        cmocka_unit_test(only_the_allowed_get_in),
        cmocka_unit_test(too_long_a_list_is_refused),
        cmocka_unit_test(exporters_have_budgets),
        cmocka_unit_test(budgets_have_a_cap),
        cmocka_unit_test(cut_frames_agree),
        cmocka_unit_test(changed_frames_agree),
    };
    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
