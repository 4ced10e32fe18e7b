/* SPDX-License-Identifier: Apache-2.0 */

/* What load balancers put around datagrams: taken off, whole or cut anywhere, from those who are believed alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/rules.h"
#include "tests/unit/frame_tunnels.h"

#define EVERYTHING (UNPACK_IPIP | UNPACK_GRE | UNPACK_GUE | UNPACK_PROXY)

static struct allow *balancers;

static struct unpack unpack_of(uint32_t kinds)
{
    return (struct unpack){.kinds = kinds, .gue_port = GUE_PORT, .balancers = balancers};
}

/* Of a copy that ends where its memory ends, so that the sanitizer sees a read behind it. */
static enum frame_verdict parse(const struct build *build, uint32_t size_bytes, const struct unpack *unpack,
                                struct frame *frame)
{
    uint8_t *copy = malloc(size_bytes ? size_bytes : 1);
    memcpy(copy, build->bytes, size_bytes);
    struct packet packet = {.bytes = copy, .size_bytes = size_bytes, .kind = PACKET_ETHERNET};
    memset(frame, 0, sizeof *frame);
    enum frame_verdict verdict = frame_parse(&packet, unpack, frame);
    if (verdict == FRAME_DATAGRAM)
        assert_true(frame->payload >= copy && frame->payload + frame->size_bytes <= copy + size_bytes);
    free(copy);
    return verdict;
}

static void assert_source(const struct frame *frame, const char *address, uint16_t port)
{
    char found[ADDRESS_TEXT_MOST];
    address_format(&frame->source.address, found);
    assert_string_equal(found, address);
    assert_int_equal(frame->source.port, port);
}

static void the_exporter_s_own_address_counts(void **state)
{
    static struct tunnelled frames[TUNNELS_MOST];
    uint32_t count = tunnelled_make(frames);
    struct unpack unpack = unpack_of(EVERYTHING);
    for (uint32_t i = 0; i < count; i++) {
        const struct build *build = &frames[i].build;
        struct frame frame;
        assert_int_equal(parse(build, build->size_bytes, &unpack, &frame), FRAME_DATAGRAM);
        assert_source(&frame, frames[i].ipv6 ? EXPORTER_IPV6 : EXPORTER_IPV4, 40000);
        assert_true(frame.unpacked);
        assert_int_equal(frame.size_bytes, 48);
        assert_int_equal(frame.destination_port, 2055);
        for (uint32_t size = 0; size < build->size_bytes; size++)
            assert_int_equal(parse(build, size, &unpack, &frame), FRAME_MALFORMED);
    }
}

/* What is not named stays as it is: a datagram to GUE's port, or one that begins with a PROXY header. */
static void only_what_is_named_is_unpacked(void **state)
{
    static struct tunnelled frames[TUNNELS_MOST];
    uint32_t count = tunnelled_make(frames);
    for (uint32_t i = 0; i < count; i++) {
        struct unpack unpack = unpack_of(EVERYTHING & ~frames[i].kind);
        struct frame frame;
        enum frame_verdict verdict = parse(&frames[i].build, frames[i].build.size_bytes, &unpack, &frame);
        bool udp = frames[i].kind == UNPACK_GUE || frames[i].kind == UNPACK_PROXY;
        assert_int_equal(verdict, udp ? FRAME_DATAGRAM : FRAME_NOT_UDP);
        assert_false(frame.unpacked);
    }
}

static void nobody_else_is_believed(void **state)
{
    static struct tunnelled frames[TUNNELS_MOST];
    uint32_t count = tunnelled_make(frames);
    char *items[] = {"198.51.100.0/24", EXPORTER_IPV4, EXPORTER_IPV6};
    struct text_list list = {items, 3};
    struct allow *others = allow_new(&list);
    struct unpack unpack = unpack_of(EVERYTHING);
    for (uint32_t i = 0; i < count; i++) {
        struct frame frame;
        unpack.balancers = others;
        assert_int_equal(parse(&frames[i].build, frames[i].build.size_bytes, &unpack, &frame), FRAME_NOT_BALANCER);
        unpack.balancers = NULL;
        assert_int_equal(parse(&frames[i].build, frames[i].build.size_bytes, &unpack, &frame), FRAME_NOT_BALANCER);
    }
    allow_free(others);
}

/* Changes one byte of a frame and says what becomes of it. */
static enum frame_verdict changed(struct build build, uint32_t at, uint8_t value)
{
    struct unpack unpack = unpack_of(EVERYTHING);
    struct frame frame;
    build.bytes[at] = value;
    return parse(&build, build.size_bytes, &unpack, &frame);
}

static void other_tunnels_are_counted(void **state)
{
    enum { OUTER = 14 + 20, INNER = OUTER + 4 };
    struct build gre = frame_gre(false, false, 0, false), gue = frame_gue(false, false, 0, 0),
                 ipip = frame_ipip(false, false), proxy = frame_proxy(false, 0x21, 0x12, 12);
    assert_int_equal(changed(gre, OUTER, 0x40), FRAME_TUNNEL_OTHER);     /* source routes */
    assert_int_equal(changed(gre, OUTER + 1, 1), FRAME_TUNNEL_OTHER);    /* PPTP's version */
    assert_int_equal(changed(gre, OUTER + 3, 6), FRAME_TUNNEL_OTHER);    /* ARP */
    assert_int_equal(changed(gre, INNER + 9, 6), FRAME_TUNNEL_OTHER);    /* TCP */
    assert_int_equal(changed(gre, INNER + 9, 47), FRAME_TUNNEL_OTHER);   /* a tunnel in a tunnel */
    assert_int_equal(changed(gre, INNER + 6, 0x20), FRAME_TUNNEL_FRAGMENT);
    assert_int_equal(changed(ipip, OUTER + 6, 0x20), FRAME_TUNNEL_FRAGMENT);
    assert_int_equal(changed(ipip, OUTER, 0x75), FRAME_MALFORMED);       /* a version that there is not */
    assert_int_equal(changed(ipip, 14 + 6, 0x20), FRAME_NOT_UDP);        /* the tunnel itself is in fragments */
    assert_int_equal(changed(gue, OUTER + 8, 0x20), FRAME_TUNNEL_OTHER); /* a control message */
    assert_int_equal(changed(gue, OUTER + 8, 0x80), FRAME_TUNNEL_OTHER); /* variant 2 */
    assert_int_equal(changed(gue, OUTER + 9, 17), FRAME_TUNNEL_OTHER);   /* UDP at once */
    assert_int_equal(changed(gue, OUTER + 8, 0x1f), FRAME_MALFORMED);    /* more optional fields than there is */
    assert_int_equal(changed(proxy, OUTER + 8 + 12, 0x22), FRAME_TUNNEL_OTHER); /* a command that there is not */
    assert_int_equal(changed(proxy, OUTER + 8 + 12, 0x11), FRAME_TUNNEL_OTHER); /* version 1 */
    assert_int_equal(changed(proxy, OUTER + 8 + 13, 0x11), FRAME_TUNNEL_OTHER); /* TCP */
    assert_int_equal(changed(proxy, OUTER + 8 + 13, 0x32), FRAME_TUNNEL_OTHER); /* a path */
    assert_int_equal(changed(proxy, OUTER + 8 + 15, 11), FRAME_MALFORMED);      /* shorter than its addresses */
    assert_int_equal(changed(proxy, OUTER + 8 + 14, 1), FRAME_MALFORMED);       /* longer than the datagram */
}

/* A proxy that speaks for itself keeps its address; the header goes all the same. */
static void proxies_speak_for_themselves(void **state)
{
    struct unpack unpack = unpack_of(EVERYTHING);
    struct build frames[] = {frame_proxy(false, 0x20, 0, 0), frame_proxy(false, 0x20, 0x12, 12),
                             frame_proxy(false, 0x21, 0, 7)};
    for (size_t i = 0; i < 3; i++) {
        struct frame frame;
        assert_int_equal(parse(&frames[i], frames[i].size_bytes, &unpack, &frame), FRAME_DATAGRAM);
        assert_source(&frame, "203.0.113.3", 31000);
        assert_int_equal(frame.size_bytes, 48);
    }
}

/* Datagrams of sockets have lost their headers already. */
static void sockets_unpack_too(void **state)
{
    struct unpack unpack = unpack_of(UNPACK_GUE | UNPACK_PROXY);
    struct build gue = frame_gue(false, true, 0, 2), proxy = frame_proxy(true, 0x21, 0x12, 20);
    struct packet packets[] = {
        {.bytes = gue.bytes + 42, .size_bytes = gue.size_bytes - 42, .kind = PACKET_GUE},
        {.bytes = proxy.bytes + 62, .size_bytes = proxy.size_bytes - 62, .kind = PACKET_PAYLOAD},
    };
    for (size_t i = 0; i < 2; i++) {
        struct frame frame;
        packets[i].source = (struct endpoint){address_from_ipv4(balancer_ipv4), 31000};
        assert_int_equal(frame_parse(&packets[i], &unpack, &frame), FRAME_DATAGRAM);
        assert_source(&frame, i ? EXPORTER_IPV4 : EXPORTER_IPV6, 40000);
        assert_int_equal(frame.size_bytes, 48);
        assert_int_equal(frame.payload[0], 0xaa);
        packets[i].source.address.bytes[13]++;
        assert_int_equal(frame_parse(&packets[i], &unpack, &frame), FRAME_NOT_BALANCER);
    }
}

static void rules_have_what_the_configuration_says(void **state)
{
    struct config config;
    struct config_problems problems = {0};
    static const char balancer_list[] = "input.balancers=" BALANCERS;
    const char *settings[] = {"input.unpack=gue,proxy", balancer_list, "input.gue_port=9886"};
    const struct config_sources sources = {.settings = settings, .setting_count = 3};
    assert_int_equal(config_load(&config, &sources, &problems), 0);
    assert_int_equal(problems.count, 0);
    struct rules *rules = rules_new(&config);
    struct address address = address_from_ipv4(balancer_ipv4);
    assert_int_equal(rules->unpack.kinds, UNPACK_GUE | UNPACK_PROXY);
    assert_int_equal(rules->unpack.gue_port, 9886);
    assert_true(allow_contains(rules->unpack.balancers, &address));
    assert_true(rules_want_port(rules, 2055) && rules_want_port(rules, 4739) && !rules_want_port(rules, 9886));
    rules_free(rules);
    config_fini(&config);
}

static int balancers_make(void **state)
{
    char *items[] = {"203.0.113.0/24", "2001:db8:b::/48"};
    struct text_list list = {items, 2};
    balancers = allow_new(&list);
    return balancers ? 0 : -1;
}

static int balancers_free(void **state)
{
    allow_free(balancers);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exporter_s_own_address_counts),
        cmocka_unit_test(only_what_is_named_is_unpacked),
        cmocka_unit_test(nobody_else_is_believed),
        cmocka_unit_test(other_tunnels_are_counted),
        cmocka_unit_test(proxies_speak_for_themselves),
        cmocka_unit_test(sockets_unpack_too),
        cmocka_unit_test(rules_have_what_the_configuration_says),
    };
    return cmocka_run_group_tests(tests, balancers_make, balancers_free);
}
