/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/ledger.h"

/* The forms of a ledger, inside of ledger_text.c and ledger_json.c. */
void ledger_text_print(FILE *stream, const struct ledger *ledger, double seconds);
void ledger_text_print_interval(FILE *stream, const struct ledger *before, const struct ledger *now);
void ledger_json_print(FILE *stream, const struct ledger *ledger, double seconds);
void ledger_json_print_interval(FILE *stream, const struct ledger *before, const struct ledger *now);
