/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/allow.h"

#include <errno.h>
#include <stdlib.h>

/* Addresses from first to last. */
struct range {
    struct address first;
    struct address last;
};

struct allow {
    uint32_t count;
    struct range ranges[]; /* disjoint, in order */
};

static int address_compare(const struct address *one, const struct address *other)
{
    return memcmp(one->bytes, other->bytes, sizeof one->bytes);
}

static int range_compare(const void *one, const void *other)
{
    return address_compare(&((const struct range *)one)->first, &((const struct range *)other)->first);
}

static struct range range_of_prefix(const struct prefix *prefix)
{
    struct range range = {.first = prefix->address, .last = prefix->address};
    for (unsigned i = 0; i < sizeof prefix->address.bytes; i++) {
        unsigned kept_bits = prefix->length > i * 8 ? prefix->length - i * 8 : 0;
        uint8_t rest = kept_bits >= 8 ? 0 : (uint8_t)(0xff >> kept_bits);
        range.first.bytes[i] &= (uint8_t)~rest;
        range.last.bytes[i] |= rest;
    }
    return range;
}

/* Appends the prefix; around the mapped addresses where it is of IPv6 and has them between its own. */
static void allow_add(struct allow *allow, const struct prefix *prefix)
{
    static const struct address before_ipv4 = {.bytes = {[10] = 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff}},
                                behind_ipv4 = {.bytes = {[9] = 1}};
    struct range range = range_of_prefix(prefix);
    if (prefix_is_ipv6_over_ipv4(prefix)) {
        allow->ranges[allow->count++] = (struct range){range.first, before_ipv4};
        if (address_compare(&behind_ipv4, &range.last) > 0)
            return;
        range.first = behind_ipv4;
    }
    allow->ranges[allow->count++] = range;
}

/* Prefixes either nest or are disjoint: in order of their first addresses, a nested one lies in the one kept last. */
static void allow_merge(struct allow *allow)
{
    uint32_t kept = 0;
    qsort(allow->ranges, allow->count, sizeof *allow->ranges, range_compare);
    for (uint32_t i = 0; i < allow->count; i++) {
        struct range *range = &allow->ranges[i];
        if (!kept || address_compare(&range->first, &allow->ranges[kept - 1].last) > 0)
            allow->ranges[kept++] = *range;
        else if (address_compare(&range->last, &allow->ranges[kept - 1].last) > 0)
            allow->ranges[kept - 1].last = range->last;
    }
    allow->count = kept;
}

struct allow *allow_new(const struct text_list *prefixes)
{
    struct allow *allow = calloc(1, sizeof *allow + 2 * (size_t)prefixes->count * sizeof *allow->ranges);
    if (!allow)
        return NULL;
    for (uint32_t i = 0; i < prefixes->count; i++) {
        struct prefix prefix;
        if (!prefix_parse(prefixes->items[i], &prefix)) {
            free(allow);
            errno = EINVAL;
            return NULL;
        }
        allow_add(allow, &prefix);
    }
    if (allow->count)
        allow_merge(allow);
    return allow;
}

void allow_free(struct allow *allow)
{
    free(allow);
}

bool allow_contains(const struct allow *allow, const struct address *address)
{
    uint32_t low = 0,
             high = allow->count; /* the range looked for, if any, is the last that begins at or before address */
    if (!allow->count)
        return true;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (address_compare(&allow->ranges[middle].first, address) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low && address_compare(address, &allow->ranges[low - 1].last) <= 0;
}
