/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/counter.h"
#include "dataplane/crew.h"
#include "export/outputs.h"

#define LEDGER_UNITS          4  /* packets, datagrams, sets and records: the first of counter_unit, with an identity */
#define LEDGER_EXPORTERS_MOST 20 /* exporters shown: those with the most records */

/* The identity of a unit: received = delivered + waiting + dropped. */
struct ledger_unit {
    uint64_t received;
    uint64_t delivered;
    uint64_t waiting;
    uint64_t dropped;
};

struct ledger_exporter {
    char endpoint[EXPORTER_NAME_MOST];
    uint64_t counts[COUNTER_EXPORTER_COUNT];
};

/* All counters, summed over the workers at one time. Exact at rest; while packets flow, a reading. */
struct ledger {
    int64_t utc_ns;
    int64_t steady_ns;
    uint64_t counts[COUNTER_COUNT];
    struct ledger_unit units[LEDGER_UNITS];
    uint32_t output_count;
    struct output_account outputs[OUTPUTS_MOST];
    uint32_t exporter_count; /* live ones, in all */
    uint32_t shown;
    struct ledger_exporter exporters[LEDGER_EXPORTERS_MOST]; /* most records first */
};

/* Reads the counters of every worker and output. Any thread. */
void ledger_take(struct ledger *ledger, const struct crew *crew, const struct outputs *outputs);

/* The same without the exporters, whose number it costs. */
void ledger_take_totals(struct ledger *ledger, const struct crew *crew, const struct outputs *outputs);

/* An output's part: every document that was routed to it, or that an earlier run left in its spool. */
struct ledger_unit ledger_output_unit(const struct output_account *account);

/* Adds what the first `count` counters say of a unit; what waits is no counter. */
void ledger_unit_add(struct ledger_unit *sum, enum counter_unit unit, const uint64_t *counts, uint32_t count);

/* received - delivered - waiting - dropped; 0 is as it must be at rest. */
int64_t ledger_difference(const struct ledger_unit *unit);
bool ledger_balanced(const struct ledger *ledger);

/* The whole ledger, as tables for people or as one line of JSON. seconds: since start. */
void ledger_print(FILE *stream, const struct ledger *ledger, double seconds, enum stats_format format);

/* One line of what happened between two readings, as text or JSON. */
void ledger_print_interval(FILE *stream, const struct ledger *before, const struct ledger *now,
                           enum stats_format format);
