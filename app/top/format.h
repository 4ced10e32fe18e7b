/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* Numbers as people read them. Each writes into a text of FORMAT_MOST bytes and returns it. */

#define FORMAT_MOST 32

/* "0", "12.3", "4567", "89.0k", "1.23M": four digits or less, but a letter; "-" for NAN. */
const char *format_rate(char *text, double rate);

/* "1,234,567" */
const char *format_count(char *text, uint64_t count);

/* "512B", "1.50MiB" */
const char *format_bytes(char *text, uint64_t bytes);

/* "350us", "12ms", "3.2s", "4m05s", "2h03m", "5d04h"; "-" for NAN, ">100s" for INFINITY, beyond the histogram. */
const char *format_seconds(char *text, double seconds);

/* The same with its sign: "+12ms", "-1h00m", "0s"; "-" for NAN. */
const char *format_skew(char *text, double seconds);
