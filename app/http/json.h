/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "app/http/page.h"

/* Parts of the API's answers. */

/*
 * What every answer begins with, its brace included and open: the time as UTC and by the steady clock (for rates of
 * counters: it never jumps), and when weir was started.
 */
void json_begin(FILE *stream, const struct http_site *site);

/* A text with its quotes. */
void json_text(FILE *stream, const char *text);

/* "name":"2026-01-01T00:00:00.000Z" from UTC in nanoseconds; null for 0. With a comma in front. */
void json_time(FILE *stream, const char *name, int64_t utc_ns);
