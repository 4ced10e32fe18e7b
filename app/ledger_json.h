/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/ledger.h"

/* The ledger as a line of JSON, and the parts of it that the API has, too. */

void ledger_json_print(FILE *stream, const struct ledger *ledger, double seconds);
void ledger_json_print_interval(FILE *stream, const struct ledger *before, const struct ledger *now);

/* "name":{"received":...}, with its difference. */
void ledger_json_unit(FILE *stream, const char *name, const struct ledger_unit *unit);

/* "counters":{...}: the first `count` of them, or (sparse) those that are not zero. */
void ledger_json_counters(FILE *stream, const uint64_t *counts, uint32_t count, bool sparse);

/* "file", "kafka" and so on. */
const char *ledger_output_type(const struct output_config *output);
