/* SPDX-License-Identifier: Apache-2.0 */
#include "enrich/networks.h"

#include <stdlib.h>
#include <string.h>

/*
 * Classes of addresses, each a set of prefixes, and the names that Elastic gives to unions of them or to what is left
 * without them. "?" of ff?2::/16 in Elastic's text: any flags nibble.
 */
enum address_class {
    CLASS_PRIVATE = 1 << 0,
    CLASS_LOOPBACK = 1 << 1,
    CLASS_UNSPECIFIED = 1 << 2,
    CLASS_LINK_LOCAL_UNICAST = 1 << 3,
    CLASS_LINK_LOCAL_MULTICAST = 1 << 4,
    CLASS_INTERFACE_LOCAL_MULTICAST = 1 << 5,
    CLASS_MULTICAST = 1 << 6,
    CLASS_BROADCAST = 1 << 7,
};

/* Internal whatever is configured. */
#define CLASS_ALWAYS_INTERNAL                                                                                         \
    (CLASS_LOOPBACK | CLASS_UNSPECIFIED | CLASS_BROADCAST | CLASS_LINK_LOCAL_UNICAST | CLASS_LINK_LOCAL_MULTICAST |   \
     CLASS_INTERFACE_LOCAL_MULTICAST)

#define CLASS_NO_UNICAST                                                                                              \
    (CLASS_BROADCAST | CLASS_UNSPECIFIED | CLASS_LOOPBACK | CLASS_MULTICAST | CLASS_LINK_LOCAL_UNICAST)

static const struct network_name {
    const char *name;
    uint32_t classes;
    bool complement; /* everything but these classes */
} names[] = {
    {"private", CLASS_PRIVATE, false},
    {"loopback", CLASS_LOOPBACK, false},
    {"unspecified", CLASS_UNSPECIFIED, false},
    {"link_local_unicast", CLASS_LINK_LOCAL_UNICAST, false},
    {"link_local_multicast", CLASS_LINK_LOCAL_MULTICAST, false},
    {"interface_local_multicast", CLASS_INTERFACE_LOCAL_MULTICAST, false},
    {"multicast", CLASS_MULTICAST, false},
    {"global_unicast", CLASS_NO_UNICAST, true},
    {"unicast", CLASS_NO_UNICAST, true},
    {"public",
     CLASS_PRIVATE | CLASS_LOOPBACK | CLASS_UNSPECIFIED | CLASS_BROADCAST | CLASS_LINK_LOCAL_UNICAST |
         CLASS_LINK_LOCAL_MULTICAST | CLASS_INTERFACE_LOCAL_MULTICAST,
     true},
};

enum block { BLOCK_EXTERNAL, BLOCK_INTERNAL, BLOCK_MIXED };

struct networks {
    uint8_t blocks[65536];  /* enum block of each IPv4 /16 */
    uint32_t classes;       /* internal when the address is of one of these */
    uint32_t complement_count;
    uint32_t complements[sizeof names / sizeof *names]; /* internal when the address is of none of these */
    uint32_t prefix_count;
    struct prefix *prefixes;
};

static uint32_t classes_of_ipv4(const uint8_t *a)
{
    static const uint8_t broadcast[4] = {255, 255, 255, 255}, unspecified[4];
    uint32_t classes = 0;
    if (a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) || (a[0] == 192 && a[1] == 168))
        classes |= CLASS_PRIVATE;
    if (a[0] == 127)
        classes |= CLASS_LOOPBACK;
    if (memcmp(a, unspecified, 4) == 0)
        classes |= CLASS_UNSPECIFIED;
    if (memcmp(a, broadcast, 4) == 0)
        classes |= CLASS_BROADCAST;
    if (a[0] == 169 && a[1] == 254)
        classes |= CLASS_LINK_LOCAL_UNICAST;
    if (a[0] == 224 && a[1] == 0 && a[2] == 0)
        classes |= CLASS_LINK_LOCAL_MULTICAST;
    if ((a[0] & 0xf0) == 224)
        classes |= CLASS_MULTICAST;
    return classes;
}

static uint32_t classes_of_ipv6(const uint8_t *a)
{
    static const uint8_t loopback[16] = {[15] = 1}, unspecified[16];
    uint32_t classes = 0;
    if (a[0] == 0xfd)
        classes |= CLASS_PRIVATE;
    if (memcmp(a, loopback, 16) == 0)
        classes |= CLASS_LOOPBACK;
    if (memcmp(a, unspecified, 16) == 0)
        classes |= CLASS_UNSPECIFIED;
    if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80)
        classes |= CLASS_LINK_LOCAL_UNICAST;
    if (a[0] == 0xff)
        classes |= CLASS_MULTICAST | ((a[1] & 15) == 2 ? CLASS_LINK_LOCAL_MULTICAST : 0) |
                   ((a[1] & 15) == 1 ? CLASS_INTERFACE_LOCAL_MULTICAST : 0);
    return classes;
}

static bool internal_by_rules(const struct networks *networks, uint32_t classes, const struct address *address)
{
    if (classes & networks->classes)
        return true;
    for (uint32_t i = 0; i < networks->complement_count; i++)
        if (!(classes & networks->complements[i]))
            return true;
    /* an IPv6 network, ::/0 included, holds no IPv4 address */
    bool is_ipv4 = address_is_ipv4(address);
    for (uint32_t i = 0; i < networks->prefix_count; i++) {
        const struct prefix *prefix = &networks->prefixes[i];
        if (address_is_ipv4(&prefix->address) == is_ipv4 && prefix_contains(prefix, address))
            return true;
    }
    return false;
}

static bool internal_ipv4_by_rules(const struct networks *networks, const uint8_t *bytes)
{
    struct address address = address_from_ipv4(bytes);
    return internal_by_rules(networks, classes_of_ipv4(bytes), &address);
}

bool networks_internal_ipv4(const struct networks *networks, const uint8_t *four_bytes)
{
    uint8_t block = networks->blocks[four_bytes[0] << 8 | four_bytes[1]];
    if (block != BLOCK_MIXED)
        return block == BLOCK_INTERNAL;
    return internal_ipv4_by_rules(networks, four_bytes);
}

bool networks_internal_ipv6(const struct networks *networks, const uint8_t *sixteen_bytes)
{
    struct address address = address_from_ipv6(sixteen_bytes);
    if (address_is_ipv4(&address))
        return networks_internal_ipv4(networks, sixteen_bytes + 12);
    return internal_by_rules(networks, classes_of_ipv6(sixteen_bytes), &address);
}

/* A block is mixed when a rule may tell its addresses apart; any other is judged by its second address. */
static void blocks_fill(struct networks *networks)
{
    for (uint32_t block = 0; block < 65536; block++) {
        const uint8_t second[4] = {(uint8_t)(block >> 8), (uint8_t)block, 0, 1};
        networks->blocks[block] = internal_ipv4_by_rules(networks, second) ? BLOCK_INTERNAL : BLOCK_EXTERNAL;
    }
    static const uint16_t told_apart[] = {0x0000 /* unspecified */, 0xe000 /* link-local multicast */,
                                          0xffff /* broadcast */};
    for (size_t i = 0; i < sizeof told_apart / sizeof *told_apart; i++)
        networks->blocks[told_apart[i]] = BLOCK_MIXED;
    for (uint32_t i = 0; i < networks->prefix_count; i++) {
        const struct prefix *prefix = &networks->prefixes[i];
        if (prefix->length > 96 + 16 && address_is_ipv4(&prefix->address))
            networks->blocks[prefix->address.bytes[12] << 8 | prefix->address.bytes[13]] = BLOCK_MIXED;
    }
}

static const struct network_name *name_find(const char *text)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, text) == 0)
            return &names[i];
    return NULL;
}

static void complement_add(struct networks *networks, uint32_t classes)
{
    for (uint32_t i = 0; i < networks->complement_count; i++)
        if (networks->complements[i] == classes)
            return;
    networks->complements[networks->complement_count++] = classes;
}

static bool entry_add(struct networks *networks, const char *entry)
{
    const struct network_name *name = name_find(entry);
    if (name && name->complement)
        complement_add(networks, name->classes);
    else if (name)
        networks->classes |= name->classes;
    else if (prefix_parse(entry, &networks->prefixes[networks->prefix_count]))
        networks->prefix_count++;
    else
        return false;
    return true;
}

static void problem_add(struct config_problems *problems, const char *entry)
{
    config_problem_add(problems, "internal_networks",
                       "write private, public, loopback, multicast, ... or a network such as 10.0.0.0/8",
                       "'%s' is neither a network's name nor a CIDR", entry);
}

struct networks *networks_new(const struct text_list *entries, struct config_problems *problems)
{
    struct networks *networks = calloc(1, sizeof *networks);
    if (!networks)
        return NULL;
    networks->prefixes = calloc(entries->count + 1, sizeof *networks->prefixes);
    networks->classes = CLASS_ALWAYS_INTERNAL;
    bool good = networks->prefixes != NULL;
    for (uint32_t i = 0; good && i < entries->count; i++)
        if (!entry_add(networks, entries->items[i])) {
            problem_add(problems, entries->items[i]);
            good = false;
        }
    if (!good) {
        networks_free(networks);
        return NULL;
    }
    blocks_fill(networks);
    return networks;
}

void networks_free(struct networks *networks)
{
    if (!networks)
        return;
    free(networks->prefixes);
    free(networks);
}
