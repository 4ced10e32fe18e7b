/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "app/http/page.h"
#include "decode/exporter.h"

/* One exporter as an object. sparse: without counters that are 0. */
void exporter_print(FILE *stream, const struct exporter_view *exporter, uint32_t worker, bool sparse);

/* "name":"v9" with a comma in front. */
void version_print(FILE *stream, const char *name, uint32_t version);

/*
 * "templates": the list of an address's templates, with a comma in front; null where the workers did not tell in time.
 */
void templates_of_address(FILE *stream, const struct http_site *site, const struct address *address);
