/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Values as text, as Elastic's agents read them. Each parse function is false where text is none, and then leaves value
 * as it was; VALUE_OVERFLOW tells a value too large from no value at all.
 */

enum value_verdict { VALUE_GOOD, VALUE_BAD, VALUE_OVERFLOW };

/* true, false, yes, no, on, off in any case. */
enum value_verdict boolean_parse(const char *text, bool *value);

/* Decimal digits alone. */
enum value_verdict number_parse(const char *text, uint64_t *value);

/* Bytes: "1500", "10KiB", "1.5 MiB" (powers of 1024), "10KB", "64k" (powers of 1000), up to E. */
enum value_verdict size_parse(const char *text, uint64_t *value);

/* Nanoseconds: Go's "1h30m", "500ms", "1.5s", also "2d"; a number without unit is of seconds. */
enum value_verdict duration_parse(const char *text, uint64_t *value);

#define VALUE_TEXT_MOST 64

/* The shortest exact text that the parse function reads back as value; returns text. */
const char *size_format(uint64_t value, char text[VALUE_TEXT_MOST]);
const char *duration_format(uint64_t value_ns, char text[VALUE_TEXT_MOST]);

/* True where all of it is UTF-8 (RFC 3629) and no byte is NUL. */
bool utf8_valid(const char *text, size_t length);
