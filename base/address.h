/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* An IPv4 or IPv6 address in network order; IPv4 in its mapped form (RFC 4291 2.5.5.2), so that one compare does. */
struct address {
    uint8_t bytes[16];
};

/* An address and a UDP port in host order. */
struct endpoint {
    struct address address;
    uint16_t port;
};

/* A prefix. length is 0..128 and counts from the front of the 16 bytes: an IPv4 /8 is 104. */
struct prefix {
    struct address address;
    uint8_t length;
};

#define ADDRESS_TEXT_MOST 46           /* longest text of an address with its NUL */
#define ENDPOINT_TEXT_MOST (46 + 2 + 6) /* [address]:port with its NUL */

static inline struct address address_from_ipv4(const void *four_bytes)
{
    struct address address = {.bytes = {[10] = 0xff, [11] = 0xff}};
    memcpy(address.bytes + 12, four_bytes, 4);
    return address;
}

static inline struct address address_from_ipv6(const void *sixteen_bytes)
{
    struct address address;
    memcpy(address.bytes, sixteen_bytes, 16);
    return address;
}

static inline bool address_is_ipv4(const struct address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

static inline bool address_equal(const struct address *one, const struct address *other)
{
    return memcmp(one->bytes, other->bytes, sizeof one->bytes) == 0;
}

static inline bool endpoint_equal(const struct endpoint *one, const struct endpoint *other)
{
    return one->port == other->port && address_equal(&one->address, &other->address);
}

/* Writes the text (dotted, or RFC 5952) and a NUL; returns its length. text has ADDRESS_TEXT_MOST bytes. */
size_t address_format(const struct address *address, char *text);

/* Writes "192.0.2.1:2055" or "[2001:db8::1]:2055" and a NUL; returns its length. text has ENDPOINT_TEXT_MOST bytes. */
size_t endpoint_format(const struct endpoint *endpoint, char *text);

/* Reads an IPv4 or IPv6 address without zone. False when text is none. */
bool address_parse(const char *text, struct address *address);

/* Reads "a.b.c.d:port", "[v6]:port" or ":port" (any address: ::). False when text is none. */
bool endpoint_parse(const char *text, struct endpoint *endpoint);

/* Reads CIDR notation, or a bare address as a prefix of full length. False when text is none. */
bool prefix_parse(const char *text, struct prefix *prefix);

/* A prefix of less than 96 bits is IPv6's and contains no IPv4 address, although the mapped form lies inside ::/0. */
bool prefix_contains(const struct prefix *prefix, const struct address *address);

/* Is it one of IPv6 that has the mapped addresses within its bits? */
bool prefix_is_ipv6_over_ipv4(const struct prefix *prefix);
