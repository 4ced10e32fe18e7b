/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/ledger.h"

/* The ledger as tables for people. */
void ledger_text_print(FILE *stream, const struct ledger *ledger, double seconds);
void ledger_text_print_interval(FILE *stream, const struct ledger *before, const struct ledger *now);
