/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define FRACTION_MOST   1000000000ULL /* further digits of a fraction are below what any unit can hold */

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"", 1},
    {"b", 1},
    {"k", 1000ULL},
    {"kb", 1000ULL},
    {"ki", 1ULL << 10},
    {"kib", 1ULL << 10},
    {"m", 1000000ULL},
    {"mb", 1000000ULL},
    {"mi", 1ULL << 20},
    {"mib", 1ULL << 20},
    {"g", 1000000000ULL},
    {"gb", 1000000000ULL},
    {"gi", 1ULL << 30},
    {"gib", 1ULL << 30},
    {"t", 1000000000000ULL},
    {"tb", 1000000000000ULL},
    {"ti", 1ULL << 40},
    {"tib", 1ULL << 40},
    {"p", 1000000000000000ULL},
    {"pb", 1000000000000000ULL},
    {"pi", 1ULL << 50},
    {"pib", 1ULL << 50},
    {"e", 1000000000000000000ULL},
    {"eb", 1000000000000000000ULL},
    {"ei", 1ULL << 60},
    {"eib", 1ULL << 60},
};

/* The longer name before its own beginning. */
static const struct unit duration_units[] = {
    {"ns", 1},           {"us", 1000},    {"\xc2\xb5s", 1000}, /* U+00B5, micro sign */
    {"\xce\xbcs", 1000},                                       /* U+03BC, Greek mu */
    {"ms", NS_PER_MS},   {"s", NS_PER_S}, {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S}, {"d", 24 * 3600 * NS_PER_S},
};

/* A decimal number with an optional fraction: whole + part / FRACTION_MOST. */
struct decimal {
    uint64_t whole;
    uint64_t part;
    bool overflow;
};

enum value_verdict boolean_parse(const char *text, bool *value)
{
    static const char *const names[] = {"false", "true", "no", "yes", "off", "on"};
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (strcasecmp(text, names[i]) == 0) {
            *value = i & 1;
            return VALUE_GOOD;
        }
    }
    return VALUE_BAD;
}

static bool digit_is(char character)
{
    return character >= '0' && character <= '9';
}

/* Reads a number off the front of text; returns what follows, or NULL where there is none. */
static const char *decimal_read(const char *text, struct decimal *decimal)
{
    uint64_t place = FRACTION_MOST;
    bool digits = false;
    *decimal = (struct decimal){.whole = 0};
    for (; digit_is(*text); text++, digits = true) {
        decimal->overflow |= __builtin_mul_overflow(decimal->whole, 10, &decimal->whole);
        decimal->overflow |= __builtin_add_overflow(decimal->whole, (uint64_t)(*text - '0'), &decimal->whole);
    }
    if (*text == '.') {
        for (text++; digit_is(*text); text++, digits = true) {
            place /= 10;
            decimal->part += (uint64_t)(*text - '0') * place;
        }
    }
    return digits ? text : NULL;
}

/* Adds the number times the factor to sum; false when that does not fit. */
static bool decimal_add(const struct decimal *decimal, uint64_t factor, uint64_t *sum)
{
    uint64_t whole;
    uint64_t part = (uint64_t)((unsigned __int128)decimal->part * factor / FRACTION_MOST);
    return !decimal->overflow && !__builtin_mul_overflow(decimal->whole, factor, &whole) &&
           !__builtin_add_overflow(whole, part, &whole) && !__builtin_add_overflow(*sum, whole, sum);
}

enum value_verdict number_parse(const char *text, uint64_t *value)
{
    struct decimal decimal;
    const char *rest = decimal_read(text, &decimal);
    if (!rest || *rest || strchr(text, '.'))
        return VALUE_BAD;
    if (decimal.overflow)
        return VALUE_OVERFLOW;
    *value = decimal.whole;
    return VALUE_GOOD;
}

enum value_verdict size_parse(const char *text, uint64_t *value)
{
    struct decimal decimal;
    uint64_t sum = 0;
    const char *rest = decimal_read(text, &decimal);
    if (!rest)
        return VALUE_BAD;
    while (*rest == ' ')
        rest++;
    for (unsigned i = 0; i < COUNT_OF(size_units); i++) {
        if (strcasecmp(rest, size_units[i].name) != 0)
            continue;
        if (!decimal_add(&decimal, size_units[i].factor, &sum))
            return VALUE_OVERFLOW;
        *value = sum;
        return VALUE_GOOD;
    }
    return VALUE_BAD;
}

/* The unit at the front of text, or NULL. */
static const struct unit *duration_unit_find(const char *text)
{
    for (unsigned i = 0; i < COUNT_OF(duration_units); i++) {
        if (strncmp(text, duration_units[i].name, strlen(duration_units[i].name)) == 0)
            return &duration_units[i];
    }
    return NULL;
}

enum value_verdict duration_parse(const char *text, uint64_t *value)
{
    static const struct unit seconds = {"", NS_PER_S};
    uint64_t sum = 0;
    bool overflow = false, first = true;
    do {
        struct decimal decimal;
        text = decimal_read(text, &decimal);
        if (!text)
            return VALUE_BAD;
        const struct unit *unit = first && !*text ? &seconds : duration_unit_find(text);
        if (!unit)
            return VALUE_BAD;
        text += strlen(unit->name);
        overflow |= !decimal_add(&decimal, unit->factor, &sum);
        first = false;
    } while (*text);
    if (overflow)
        return VALUE_OVERFLOW;
    *value = sum;
    return VALUE_GOOD;
}

const char *size_format(uint64_t value, char text[VALUE_TEXT_MOST])
{
    static const char *const names[] = {"", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned step = 0;
    while (value && value % 1024 == 0 && step + 1 < COUNT_OF(names)) {
        value /= 1024;
        step++;
    }
    snprintf(text, VALUE_TEXT_MOST, "%" PRIu64 "%s", value, names[step]);
    return text;
}

const char *duration_format(uint64_t value_ns, char text[VALUE_TEXT_MOST])
{
    /* no days: Go, and so Elastic's agents, do not read them */
    static const struct unit units[] = {{"h", 3600 * NS_PER_S}, {"m", 60 * NS_PER_S}, {"s", NS_PER_S},
                                        {"ms", NS_PER_MS},      {"us", 1000},         {"ns", 1}};
    size_t length = 0;
    snprintf(text, VALUE_TEXT_MOST, "0s");
    for (unsigned i = 0; i < COUNT_OF(units); i++) {
        uint64_t count = value_ns / units[i].factor;
        value_ns %= units[i].factor;
        if (count)
            length += (size_t)snprintf(text + length, VALUE_TEXT_MOST - length, "%" PRIu64 "%s", count, units[i].name);
    }
    return text;
}

/* Bytes of the character at text, of which left are there; 0 where it is none. */
static size_t utf8_length(const unsigned char *text, size_t left)
{
    static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;
    if (length == 0 || length > left)
        return 0;
    uint32_t code = length == 1 ? text[0] : text[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if (text[i] >> 6 != 2)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    return code >= least[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? length : 0;
}

bool utf8_valid(const char *text, size_t length)
{
    while (length > 0) {
        size_t step = utf8_length((const unsigned char *)text, length);
        if (step == 0)
            return false;
        text += step;
        length -= step;
    }
    return true;
}
