/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter_table.h"

enum counter {
#define COUNTER_ENUM(name, unit, scope, part, help) COUNTER_##name,
    COUNTER_TABLE(COUNTER_ENUM)
#undef COUNTER_ENUM
        COUNTER_COUNT
};

enum counter_unit { UNIT_PACKETS, UNIT_DATAGRAMS, UNIT_SETS, UNIT_RECORDS, UNIT_TEMPLATES, UNIT_BYTES, UNIT_EVENTS };
enum counter_scope { SCOPE_EXPORTER, SCOPE_WORKER, SCOPE_OUTPUT };
enum counter_part { PART_NONE, PART_RECEIVED, PART_DELIVERED, PART_DROPPED, PART_NOW };

struct counter_row {
    const char *name;
    enum counter_unit unit;
    enum counter_scope scope;
    enum counter_part part;
    const char *help;
};

/* The table, COUNTER_COUNT rows, indexed by enum counter. */
extern const struct counter_row counter_rows[];

/* Number of rows with SCOPE_EXPORTER; they are the first ones (asserted where counter_rows is defined). */
#define COUNTER_EXPORTER_COUNT COUNTER_packets_received

/* The rows of what never came to a worker stand together. */
#define COUNTER_LOSSES_FIRST COUNTER_losses_socket
#define COUNTER_LOSSES_LAST  COUNTER_losses_budget

const char *counter_unit_name(enum counter_unit unit);
const char *counter_scope_name(enum counter_scope scope); /* "exporter", "total", "output" */
const char *counter_part_name(enum counter_part part);    /* "received", ...; "" for PART_NONE */

/* What an operator has to know at once: dropped here, in the kernel or the driver, or missing by sequence number. */
bool counter_is_loss(enum counter counter);

/*
 * One worker's counters. The worker alone writes them; any thread may read. A relaxed load and store instead of an
 * atomic addition: there is one writer, and readers need no order between counters while traffic flows.
 */
struct counters {
    _Atomic uint64_t value[COUNTER_COUNT];
};

/* The part of the ledger that an exporter carries. Same rule: its worker writes, any thread reads. */
struct exporter_counters {
    _Atomic uint64_t value[COUNTER_EXPORTER_COUNT];
};

static inline uint64_t counter_read(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static inline void counter_bump(_Atomic uint64_t *value, uint64_t amount)
{
    atomic_store_explicit(value, counter_read(value) + amount, memory_order_relaxed);
}

static inline void counter_add(struct counters *counters, enum counter counter, uint64_t amount)
{
    counter_bump(&counters->value[counter], amount);
}
