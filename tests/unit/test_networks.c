/* SPDX-License-Identifier: Apache-2.0 */
/* internal_networks: Elastic's names and CIDRs, against a reference that looks at one rule after the other. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "enrich/networks.h"
#include "tests/unit/random.h"

static struct networks *networks_of(char **items, uint32_t count)
{
    struct config_problems problems = {0};
    struct networks *networks = networks_new(&(struct text_list){.items = items, .count = count}, &problems);
    assert_non_null(networks);
    assert_int_equal(problems.count, 0);
    return networks;
}

static bool internal(const struct networks *networks, const char *text)
{
    uint8_t bytes[16];
    if (inet_pton(AF_INET, text, bytes) != 1) {
        assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);
        return networks_internal_ipv6(networks, bytes);
    }
    /* the mapped form is judged as the same address */
    uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff};
    memcpy(mapped + 12, bytes, 4);
    bool answer = networks_internal_ipv4(networks, bytes);
    assert_int_equal(networks_internal_ipv6(networks, mapped), answer);
    return answer;
}

#define LIST_MOST 16

/* Addresses at the edges of a name: the first and last inside it, and their neighbours. */
static void names(void **state)
{
    static const struct {
        char *name;
        const char *inside[LIST_MOST], *outside[LIST_MOST];
    } rows[] = {
        {"private",
         {"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255", "fd00::",
          "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
         {"9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0", "fc00::",
          "fcff::1", "fe00::1", "8.8.8.8", "2001:db8::1", "::2", "224.0.1.0"}},
        {"multicast",
         {"224.0.0.0", "239.255.255.255", "224.0.1.1", "ff00::", "ff0e::1", "ff05::2"},
         {"223.255.255.255", "240.0.0.0", "10.0.0.1", "fe00::1", "feff::1"}},
        {"global_unicast",
         {"10.0.0.1", "8.8.8.8", "240.0.0.1", "255.255.255.254", "0.0.0.1", "2001:db8::1", "fd00::1", "fec0::1", "::2"},
         {"224.0.1.0", "239.1.2.3", "ff05::1", "ff0e::1"}},
        {"unicast", {"10.0.0.1", "8.8.8.8", "fd00::1", "2001:db8::1"}, {"224.0.1.0", "ff0e::1"}},
        {"public",
         {"8.8.8.8", "9.255.255.255", "224.0.1.0", "239.1.2.3", "240.0.0.1", "2001:db8::1", "fc00::1", "ff05::1",
          "ff0e::1", "0.0.0.1"},
         {"10.0.0.1", "172.16.0.1", "192.168.1.1", "fd00::1"}},
        /* these are internal in any case: nothing else is */
        {"loopback", {"127.0.0.1"}, {"8.8.8.8", "10.0.0.1", "::2"}},
        {"unspecified", {"0.0.0.0"}, {"8.8.8.8", "10.0.0.1"}},
        {"link_local_unicast", {"169.254.0.1"}, {"8.8.8.8", "10.0.0.1"}},
        {"link_local_multicast", {"224.0.0.1"}, {"8.8.8.8", "10.0.0.1", "224.0.1.0"}},
        {"interface_local_multicast", {"ff01::1"}, {"8.8.8.8", "10.0.0.1", "ff03::1"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *name = rows[i].name;
        struct networks *networks = networks_of(&name, 1);
        for (int k = 0; k < LIST_MOST && rows[i].inside[k]; k++)
            if (!internal(networks, rows[i].inside[k]))
                fail_msg("%s is not %s", rows[i].inside[k], name);
        for (int k = 0; k < LIST_MOST && rows[i].outside[k]; k++)
            if (internal(networks, rows[i].outside[k]))
                fail_msg("%s is %s", rows[i].outside[k], name);
        networks_free(networks);
    }
}

static void always_internal(void **state)
{
    static const char *const always[] = {
        "127.0.0.0", "127.255.255.255", "::1", "0.0.0.0", "::", "255.255.255.255", "169.254.0.0", "169.254.255.255",
        "fe80::", "febf:ffff::1", "224.0.0.0", "224.0.0.255", "ff02::1", "fff2::1", "ff01::", "ffa1::5",
    };
    static const char *const never[] = {
        "126.255.255.255", "128.0.0.0", "::2", "0.0.0.1", "255.255.255.254", "169.253.255.255", "169.255.0.0",
        "fec0::", "fe7f:ffff::1", "223.255.255.255", "224.0.1.0", "ff03::1", "ff20::1", "10.0.0.1", "fd00::1",
    };
    struct networks *networks = networks_of(NULL, 0);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (!internal(networks, always[i]))
            fail_msg("%s is external", always[i]);
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (internal(networks, never[i]))
            fail_msg("%s is internal", never[i]);
    networks_free(networks);
}

/* By bits, from the front. */
static bool bits_equal(const uint8_t *one, const uint8_t *other, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if ((one[i / 8] ^ other[i / 8]) >> (7 - i % 8) & 1)
            return false;
    return true;
}

/* 9.97.0.0/16 and 2001::/16 hold nothing that is internal anyway. */
static void lengths_ipv4(void **state)
{
    uint64_t random = 1;
    const uint8_t base[4] = {9, 97, 170, 85};
    for (unsigned length = 8; length <= 32; length++) {
        char entry[32], *items = entry;
        sprintf(entry, "9.97.170.85/%u", length);
        struct networks *networks = networks_of(&items, 1);
        for (unsigned i = 0; i < 2000; i++) {
            uint8_t bytes[4];
            memcpy(bytes, base, sizeof bytes);
            unsigned bit = 8 + random_below(&random, 25);
            if (bit < 32)
                bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
            bytes[3] ^= (uint8_t)(i % 3 ? 0 : random_below(&random, 256));
            assert_int_equal(networks_internal_ipv4(networks, bytes), bits_equal(bytes, base, length));
        }
        networks_free(networks);
    }
}

static void lengths_ipv6(void **state)
{
    uint64_t random = 2;
    uint8_t base[16];
    inet_pton(AF_INET6, "2001:db8:aaaa:5555:a5a5:5a5a:1234:fedc", base);
    for (unsigned length = 16; length <= 128; length++) {
        char entry[64], *items = entry;
        sprintf(entry, "2001:db8:aaaa:5555:a5a5:5a5a:1234:fedc/%u", length);
        struct networks *networks = networks_of(&items, 1);
        for (unsigned i = 0; i < 500; i++) {
            uint8_t bytes[16];
            memcpy(bytes, base, sizeof bytes);
            unsigned bit = 16 + random_below(&random, 113);
            if (bit < 128)
                bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
            assert_int_equal(networks_internal_ipv6(networks, bytes), bits_equal(bytes, base, length));
        }
        networks_free(networks);
    }
}

/* An IPv6 network holds no IPv4 address, the whole of IPv6 neither; and the other way round. */
static void families_stay_apart(void **state)
{
    char *six = "::/0", *mapped = "::ffff:0:0/96", *four = "0.0.0.0/0", *part = "::ffff:10.0.0.0/104";
    struct networks *networks = networks_of(&six, 1);
    assert_true(internal(networks, "2001:db8::1"));
    assert_false(internal(networks, "8.8.8.8"));
    assert_false(internal(networks, "::ffff:8.8.8.8"));
    networks_free(networks);
    networks = networks_of(&mapped, 1);
    assert_true(internal(networks, "8.8.8.8"));
    assert_false(internal(networks, "2001:db8::1"));
    networks_free(networks);
    networks = networks_of(&four, 1);
    assert_true(internal(networks, "8.8.8.8"));
    assert_true(internal(networks, "::ffff:8.8.8.8"));
    assert_false(internal(networks, "2001:db8::1"));
    networks_free(networks);
    networks = networks_of(&part, 1);
    assert_true(internal(networks, "10.200.0.1"));
    assert_false(internal(networks, "11.0.0.1"));
    networks_free(networks);
}

static const struct {
    char *text;
    uint8_t bytes[16];
    unsigned bits;
    bool six;
} reference_networks[] = {
    {"10.0.0.0/8", {10}, 8, false},
    {"192.0.2.128/25", {192, 0, 2, 128}, 25, false},
    {"192.0.2.3", {192, 0, 2, 3}, 32, false},
    {"203.0.112.0/20", {203, 0, 112, 0}, 20, false},
    {"8.8.0.0/16", {8, 8}, 16, false},
    {"2001:db8::/33", {0x20, 0x01, 0x0d, 0xb8}, 33, true},
    {"fc00::/7", {0xfc}, 7, true},
};
#define REFERENCES (sizeof reference_networks / sizeof *reference_networks)

static bool reference_ipv4(const uint8_t *a, unsigned count)
{
    uint32_t value = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
    if (a[0] == 127 || value == 0 || value == 0xffffffff || value >> 16 == 0xa9fe || value >> 8 == 0xe00000)
        return true;
    for (unsigned i = 0; i < count; i++)
        if (!reference_networks[i].six && bits_equal(a, reference_networks[i].bytes, reference_networks[i].bits))
            return true;
    return false;
}

static bool reference_ipv6(const uint8_t *a, unsigned count)
{
    static const uint8_t zeroes[16], loopback[16] = {[15] = 1};
    if (!memcmp(a, zeroes, 16) || !memcmp(a, loopback, 16) || (a[0] == 0xfe && a[1] >> 6 == 2) ||
        (a[0] == 0xff && ((a[1] & 15) == 1 || (a[1] & 15) == 2)))
        return true;
    for (unsigned i = 0; i < count; i++)
        if (reference_networks[i].six && bits_equal(a, reference_networks[i].bytes, reference_networks[i].bits))
            return true;
    return false;
}

/* Any address, often one of a network with a bit changed. */
static void random_addresses(void **state)
{
    uint64_t random = 3;
    for (unsigned count = 0; count <= REFERENCES; count++) {
        char *items[REFERENCES];
        for (unsigned i = 0; i < count; i++)
            items[i] = reference_networks[i].text;
        struct networks *networks = networks_of(items, count);
        for (int i = 0; i < 50000; i++) {
            uint8_t bytes[16];
            random_fill(&random, bytes, sizeof bytes);
            unsigned row = random_below(&random, REFERENCES);
            if (i % 4)
                memcpy(bytes, reference_networks[row].bytes, 1 + i % 4);
            if (i % 32 == 1)
                bytes[0] = 0xff;
            if (i % 32 == 2)
                memcpy(bytes, (const uint8_t[3]){224, 0, (uint8_t)(i / 32 % 2)}, 3);
            if (networks_internal_ipv4(networks, bytes) != reference_ipv4(bytes, count) ||
                networks_internal_ipv6(networks, bytes) != reference_ipv6(bytes, count))
                fail_msg("%u networks, address %d", count, i);
        }
        networks_free(networks);
    }
}

/* Every IPv4 /16 by its first, second and last address. */
static void every_block(void **state)
{
    char *items[REFERENCES];
    for (unsigned i = 0; i < REFERENCES; i++)
        items[i] = reference_networks[i].text;
    struct networks *networks = networks_of(items, REFERENCES);
    static const uint8_t ends[][2] = {{0, 0}, {0, 1}, {0, 255}, {1, 0}, {2, 127}, {2, 128}, {255, 254}, {255, 255}};
    for (unsigned block = 0; block < 65536; block++)
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
            const uint8_t bytes[4] = {(uint8_t)(block >> 8), (uint8_t)block, ends[i][0], ends[i][1]};
            if (networks_internal_ipv4(networks, bytes) != reference_ipv4(bytes, REFERENCES))
                fail_msg("%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
        }
    networks_free(networks);
}

static void unknown_entries(void **state)
{
    static char *const wrong[] = {"privat", "PRIVATE", "10.0.0.0/33", "10.0.0/8", "2001:db8::/129", "", "10.0.0.0/"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct config_problems problems = {0};
        char *items[] = {"private", wrong[i], "loopback"};
        assert_null(networks_new(&(struct text_list){.items = items, .count = 3}, &problems));
        assert_int_equal(problems.count, 1);
        assert_string_equal(problems.items[0].where, "internal_networks");
        assert_non_null(strstr(problems.items[0].what, wrong[i]));
        assert_non_null(problems.items[0].remedy);
        assert_false(problems.items[0].warning);
        config_problems_fini(&problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(always_internal),
        cmocka_unit_test(lengths_ipv4),
        cmocka_unit_test(lengths_ipv6),
        cmocka_unit_test(families_stay_apart),
        cmocka_unit_test(random_addresses),
        cmocka_unit_test(every_block),
        cmocka_unit_test(unknown_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
