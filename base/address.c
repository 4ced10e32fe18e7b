/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define GROUPS           8
#define IPV4_PREFIX_BITS 96 /* the bits in front of a mapped IPv4 address */

struct group_run {
    int start, count;
};

static char *byte_format(char *text, unsigned value)
{
    if (value >= 100)
        *text++ = (char)('0' + value / 100);
    if (value >= 10)
        *text++ = (char)('0' + value / 10 % 10);
    *text++ = (char)('0' + value % 10);
    return text;
}

static size_t ipv4_format(const uint8_t *bytes, char *text)
{
    char *end = byte_format(text, bytes[0]);
    for (int i = 1; i < 4; i++) {
        *end++ = '.';
        end = byte_format(end, bytes[i]);
    }
    *end = '\0';
    return (size_t)(end - text);
}

/* RFC 5952 4.2: the longest run of two or more zero groups is shortened, the first one of equals. */
static struct group_run zero_run_find(const uint16_t *groups)
{
    struct group_run best = {.start = -1, .count = 1};
    for (int i = 0; i < GROUPS; i++) {
        int end = i;
        while (end < GROUPS && groups[end] == 0)
            end++;
        if (end - i > best.count)
            best = (struct group_run){.start = i, .count = end - i};
        if (end > i)
            i = end - 1;
    }
    return best;
}

static char *group_format(char *text, uint16_t group)
{
    static const char digits[] = "0123456789abcdef";
    for (int shift = 12; shift >= 0; shift -= 4) {
        if (group >> shift || shift == 0)
            *text++ = digits[group >> shift & 15];
    }
    return text;
}

static size_t ipv6_format(const uint8_t *bytes, char *text)
{
    uint16_t groups[GROUPS];
    for (int i = 0; i < GROUPS; i++)
        groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);

    struct group_run run = zero_run_find(groups);
    char *end = text;
    for (int i = 0; i < GROUPS; i++) {
        if (i == run.start) {
            *end++ = ':';
            *end++ = ':';
            i += run.count - 1;
            continue;
        }
        if (i > 0 && end[-1] != ':')
            *end++ = ':';
        end = group_format(end, groups[i]);
    }
    *end = '\0';
    return (size_t)(end - text);
}

size_t address_format(const struct address *address, char *text)
{
    if (address_is_ipv4(address))
        return ipv4_format(address->bytes + 12, text);
    return ipv6_format(address->bytes, text);
}

static char *port_format(char *text, uint16_t port)
{
    char digits[5];
    int count = 0;
    do {
        digits[count++] = (char)('0' + port % 10);
        port /= 10;
    } while (port);
    while (count)
        *text++ = digits[--count];
    *text = '\0';
    return text;
}

size_t endpoint_format(const struct endpoint *endpoint, char *text)
{
    bool brackets = !address_is_ipv4(&endpoint->address);
    char *end = text;
    if (brackets)
        *end++ = '[';
    end += address_format(&endpoint->address, end);
    if (brackets)
        *end++ = ']';
    *end++ = ':';
    return (size_t)(port_format(end, endpoint->port) - text);
}

bool address_parse(const char *text, struct address *address)
{
    uint8_t bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1) {
        *address = address_from_ipv4(bytes);
        return true;
    }
    if (inet_pton(AF_INET6, text, bytes) != 1)
        return false;
    *address = address_from_ipv6(bytes);
    return true;
}

/* Decimal digits alone, as strtoul() would take signs and blanks. */
static bool decimal_parse(const char *text, unsigned most, unsigned *value)
{
    unsigned sum = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        sum = sum * 10 + (unsigned)(*text - '0');
        if (sum > most)
            return false;
    }
    *value = sum;
    return true;
}

/* Reads the address in the first length bytes of text, which must be of the family that its brackets promise. */
static bool endpoint_address_parse(const char *text, size_t length, struct address *address)
{
    char copy[ADDRESS_TEXT_MOST];
    bool brackets = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    if (brackets) {
        text++;
        length -= 2;
    }
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    bool colons = memchr(copy, ':', length) != NULL;
    return brackets == colons && address_parse(copy, address);
}

bool endpoint_parse(const char *text, struct endpoint *endpoint)
{
    struct endpoint result = {.port = 0};
    unsigned port;
    const char *colon = strrchr(text, ':');
    if (!colon || !decimal_parse(colon + 1, UINT16_MAX, &port))
        return false;
    if (colon != text && !endpoint_address_parse(text, (size_t)(colon - text), &result.address))
        return false;
    result.port = (uint16_t)port;
    *endpoint = result;
    return true;
}

static void address_mask(struct address *address, unsigned length)
{
    for (unsigned i = 0; i < sizeof address->bytes; i++) {
        unsigned kept = length > 8 * i ? length - 8 * i : 0;
        if (kept < 8)
            address->bytes[i] &= (uint8_t)(0xff00 >> kept);
    }
}

bool prefix_parse(const char *text, struct prefix *prefix)
{
    char copy[ADDRESS_TEXT_MOST];
    struct prefix result;
    size_t length = strcspn(text, "/");
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (!address_parse(copy, &result.address))
        return false;

    /* by the notation, not by the value: ::ffff:10.0.0.0/104 counts from the front of all 128 bits */
    unsigned before = strchr(copy, ':') ? 0 : IPV4_PREFIX_BITS;
    unsigned bits = 128 - before;
    if (text[length] == '/' && !decimal_parse(text + length + 1, bits, &bits))
        return false;
    result.length = (uint8_t)(before + bits);
    address_mask(&result.address, result.length);
    *prefix = result;
    return true;
}

static bool prefix_matches(const struct prefix *prefix, const struct address *address)
{
    unsigned whole = prefix->length / 8, rest = prefix->length % 8;
    if (memcmp(prefix->address.bytes, address->bytes, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    return ((prefix->address.bytes[whole] ^ address->bytes[whole]) & 0xff00 >> rest & 0xff) == 0;
}

bool prefix_contains(const struct prefix *prefix, const struct address *address)
{
    /* ::/0 and its like mean IPv6: that IPv4 lies inside them is an accident of how we store it */
    if (prefix->length < IPV4_PREFIX_BITS && address_is_ipv4(address))
        return false;
    return prefix_matches(prefix, address);
}

bool prefix_is_ipv6_over_ipv4(const struct prefix *prefix)
{
    static const struct address mapped = {.bytes = {[10] = 0xff, [11] = 0xff}};
    return prefix->length < IPV4_PREFIX_BITS && prefix_matches(prefix, &mapped);
}
