/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "app/http/page.h"
#include "decode/exporter.h"

/* One exporter as an object. sparse: without counters that are 0. */
void exporter_print(FILE *stream, const struct exporter_view *exporter, uint32_t worker, bool sparse);

/* "v5", "ipfix", "sflow"; NULL: there is no such version. */
const char *version_name(uint32_t version);

/* "name":"v9" with a comma in front. */
void version_print(FILE *stream, const char *name, uint32_t version);

/*
 * "templates": the list of an address's templates, with a comma in front; null where the workers did not tell in time.
 */
void templates_of_address(FILE *stream, const struct http_site *site, const struct address *address);

/*
 * For captures, when the workers have ended: a list of all templates with what becomes of each; address: NULL for those
 * of every exporter. False for want of memory.
 */
bool templates_at_rest(FILE *stream, const struct http_site *site, const struct address *address);

/*
 * A list of the formats without templates among `versions` (1 << N each), with what becomes of each: of v8 all schemes.
 */
void formats_print(FILE *stream, const struct http_site *site, uint32_t versions);
