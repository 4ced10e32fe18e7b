/* SPDX-License-Identifier: Apache-2.0 */

/* Which frames of a device are flow export to where weir listens, which are fragments, and which the kernel's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "dataplane/sorter.h"

#define MAC         2, 0, 0, 0, 0, 1
#define OTHER_MAC   2, 0, 0, 0, 0, 2
#define FROM        2, 0, 0, 0, 0, 9
#define PORT_2055   0x08, 0x07
#define UDP_HEADER  0x9c, 0x40, PORT_2055, 0, 12, 0, 0, 1, 2, 3, 4
#define HOST        198, 51, 100, 9
#define IPV4(flags) 0x45, 0, 0, 32, 0, 1, (flags), 0, 64, 17, 0, 0, 192, 0, 2, 7, HOST
#define HOST6       0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9
#define IPV6(next)  0x60, 0, 0, 0, 0, 12, (next), 64, HOST6, HOST6

static struct sorter everywhere(void)
{
    return (struct sorter){.listens = {{.endpoint = {.port = 2055}, .any = true, .ipv4 = true, .ipv6 = true}},
                           .listen_count = 1,
                           .mac = {MAC}};
}

static struct unpack unpack; /* nothing, but where a test says what */

#define SORT(sorter, packet_kind, ...)                                                                                 \
    sort((sorter), (packet_kind), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static enum sort_verdict sort(struct sorter sorter, enum packet_kind kind, const uint8_t *bytes, uint32_t size_bytes)
{
    const struct packet packet = {.bytes = bytes, .size_bytes = size_bytes, .kind = (uint8_t)kind};
    return sorter_sort(&sorter, &unpack, &packet);
}

static void export_is_ours(void **state)
{
    assert_int_equal(SORT(everywhere(), PACKET_ETHERNET, MAC, FROM, 8, 0, IPV4(0), UDP_HEADER), SORT_OURS);
    assert_int_equal(SORT(everywhere(), PACKET_ETHERNET, MAC, FROM, 0x81, 0, 0, 42, 8, 0, IPV4(0), UDP_HEADER),
                     SORT_OURS);
    assert_int_equal(SORT(everywhere(), PACKET_ETHERNET, MAC, FROM, 0x88, 0xa8, 0, 7, 0x81, 0, 0, 42, 8, 0, IPV4(0x40),
                          UDP_HEADER),
                     SORT_OURS);
    assert_int_equal(SORT(everywhere(), PACKET_ETHERNET, MAC, FROM, 0x86, 0xdd, IPV6(17), UDP_HEADER), SORT_OURS);
    assert_int_equal(SORT(everywhere(), PACKET_ETHERNET, MAC, FROM, 0x86, 0xdd, IPV6(0), 17, 0, 1, 4, 0, 0, 0, 0,
                          UDP_HEADER),
                     SORT_OURS);
    assert_int_equal(SORT(everywhere(), PACKET_IP, IPV4(0), UDP_HEADER), SORT_OURS);
    assert_int_equal(SORT(everywhere(), PACKET_IP, IPV6(17), UDP_HEADER), SORT_OURS);
}

static void what_is_for_others_is_not(void **state)
{
    struct sorter sorter = everywhere();
    assert_int_equal(SORT(sorter, PACKET_ETHERNET, OTHER_MAC, FROM, 8, 0, IPV4(0), UDP_HEADER), SORT_OTHER);
    sorter.every_mac = true;
    assert_int_equal(SORT(sorter, PACKET_ETHERNET, OTHER_MAC, FROM, 8, 0, IPV4(0), UDP_HEADER), SORT_OURS);
    assert_int_equal(SORT(sorter, PACKET_ETHERNET, MAC, FROM, 8, 6, IPV4(0), UDP_HEADER), SORT_OTHER); /* ARP's type */
    sorter.listens[0].endpoint.port = 4739;
    assert_int_equal(SORT(sorter, PACKET_ETHERNET, MAC, FROM, 8, 0, IPV4(0), UDP_HEADER), SORT_OTHER);
}

static void addresses_and_families_are_kept_apart(void **state)
{
    struct sorter sorter = everywhere();
    static const uint8_t host[] = {HOST};
    sorter.listens[0] = (struct listen){.endpoint = {address_from_ipv4(host), 2055}, .ipv4 = true};
    assert_int_equal(SORT(sorter, PACKET_IP, IPV4(0), UDP_HEADER), SORT_OURS);
    assert_int_equal(SORT(sorter, PACKET_IP, IPV6(17), UDP_HEADER), SORT_OTHER);
    sorter.listens[0].endpoint.address.bytes[15]++;
    assert_int_equal(SORT(sorter, PACKET_IP, IPV4(0), UDP_HEADER), SORT_OTHER);
    sorter = everywhere();
    sorter.listens[0].ipv4 = false;
    assert_int_equal(SORT(sorter, PACKET_IP, IPV4(0), UDP_HEADER), SORT_OTHER);
    assert_int_equal(SORT(sorter, PACKET_IP, IPV6(17), UDP_HEADER), SORT_OURS);
}

static void fragments_are_told(void **state)
{
    assert_int_equal(SORT(everywhere(), PACKET_ETHERNET, MAC, FROM, 8, 0, IPV4(0x20), UDP_HEADER), SORT_FRAGMENT);
    assert_int_equal(SORT(everywhere(), PACKET_IP, IPV4(1), UDP_HEADER), SORT_FRAGMENT);
    assert_int_equal(SORT(everywhere(), PACKET_IP, IPV6(44), 17, 0, 0, 1, 0, 0, 0, 1, UDP_HEADER), SORT_FRAGMENT);
    /* an atomic one is whole */
    assert_int_equal(SORT(everywhere(), PACKET_IP, IPV6(44), 17, 0, 0, 0, 0, 0, 0, 1, UDP_HEADER), SORT_OURS);
    /* of ping */
    assert_int_equal(SORT(everywhere(), PACKET_IP, IPV6(44), 58, 0, 0, 1, 0, 0, 0, 1, UDP_HEADER), SORT_OTHER);
}

/* From believed load balancers alone, and to a port where weir listens; its address is theirs. */
static void tunnels_are_ours(void **state)
{
    char *items[] = {"203.0.113.0/24"};
    struct allow *balancers = allow_new(&(struct text_list){items, 1});
    struct sorter sorter = everywhere();
    static const uint8_t address[] = {198, 51, 100, 200}; /* weir's: another than the one within the tunnel */
    sorter.listens[0] = (struct listen){.endpoint = {address_from_ipv4(address), 2055}, .ipv4 = true};
    unpack = (struct unpack){.kinds = UNPACK_IPIP | UNPACK_GRE | UNPACK_GUE, .gue_port = 6080, .balancers = balancers};
#define OUTER(last, protocol, size) 0x45, 0, 0, (size), 0, 1, 0, 0, 64, (protocol), 0, 0, 203, 0, (last), 9, HOST
    assert_int_equal(SORT(sorter, PACKET_ETHERNET, MAC, FROM, 8, 0, OUTER(113, 4, 52), IPV4(0), UDP_HEADER), SORT_OURS);
    assert_int_equal(SORT(sorter, PACKET_IP, OUTER(113, 47, 56), 0, 0, 8, 0, IPV4(0), UDP_HEADER), SORT_OURS);
    assert_int_equal(SORT(sorter, PACKET_IP, OUTER(113, 17, 60), 0x9c, 0x40, 0x17, 0xc0, 0, 40, 0, 0, IPV4(0),
                          UDP_HEADER),
                     SORT_OURS);
    /* somebody else's, another port's, a fragment's, not to this machine */
    assert_int_equal(SORT(sorter, PACKET_ETHERNET, MAC, FROM, 8, 0, OUTER(114, 4, 52), IPV4(0), UDP_HEADER),
                     SORT_OTHER);
    sorter.listens[0].endpoint.port = 4739;
    assert_int_equal(SORT(sorter, PACKET_ETHERNET, MAC, FROM, 8, 0, OUTER(113, 4, 52), IPV4(0), UDP_HEADER),
                     SORT_OTHER);
    sorter.listens[0].endpoint.port = 2055;
    assert_int_equal(SORT(sorter, PACKET_ETHERNET, MAC, FROM, 8, 0, OUTER(113, 4, 52), IPV4(0x20), UDP_HEADER),
                     SORT_OTHER);
    assert_int_equal(SORT(sorter, PACKET_ETHERNET, OTHER_MAC, FROM, 8, 0, OUTER(113, 4, 52), IPV4(0), UDP_HEADER),
                     SORT_OTHER);
    unpack.kinds = UNPACK_GRE;
    assert_int_equal(SORT(sorter, PACKET_ETHERNET, MAC, FROM, 8, 0, OUTER(113, 4, 52), IPV4(0), UDP_HEADER),
                     SORT_OTHER);
    unpack = (struct unpack){0};
    allow_free(balancers);
}

/* A frame that ends anywhere before the ports is nobody's; no byte behind it is read (the sanitizers watch). */
static void cut_frames_are_not_ours(void **state)
{
    static const uint8_t frame[] = {MAC, FROM, 0x81, 0, 0, 42, 0x86, 0xdd, IPV6(0), 17, 0, 1, 4, 0, 0, 0, 0,
                                    UDP_HEADER};
    for (uint32_t size_bytes = 0; size_bytes < sizeof frame - 4; size_bytes++) {
        uint8_t *copy = test_malloc(size_bytes + 1);
        memcpy(copy + 1, frame, size_bytes);
        assert_int_equal(sort(everywhere(), PACKET_ETHERNET, copy + 1, size_bytes), SORT_OTHER);
        test_free(copy);
    }
    assert_int_equal(sort(everywhere(), PACKET_ETHERNET, frame, sizeof frame - 4), SORT_OURS);
    assert_int_equal(sort(everywhere(), PACKET_IP, frame, 0), SORT_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(export_is_ours),
        cmocka_unit_test(what_is_for_others_is_not),
        cmocka_unit_test(addresses_and_families_are_kept_apart),
        cmocka_unit_test(fragments_are_told),
        cmocka_unit_test(tunnels_are_ours),
        cmocka_unit_test(cut_frames_are_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
