/* SPDX-License-Identifier: Apache-2.0 */
#include "base/counter.h"

#include <assert.h>

const struct counter_row counter_rows[COUNTER_COUNT] = {
#define COUNTER_ROW(row_name, row_unit, row_scope, row_part, row_help)                                                 \
    [COUNTER_##row_name] = {.name = #row_name,                                                                         \
                            .unit = UNIT_##row_unit,                                                                   \
                            .scope = SCOPE_##row_scope,                                                                \
                            .part = PART_##row_part,                                                                   \
                            .help = row_help},
    COUNTER_TABLE(COUNTER_ROW)
#undef COUNTER_ROW
};

/* The rows of an exporter come first: struct exporter_counters is the front of struct counters. */
#define COUNTER_PLACE(row_name, row_unit, row_scope, row_part, row_help)                                               \
    static_assert((SCOPE_##row_scope == SCOPE_EXPORTER) == ((int)COUNTER_##row_name < (int)COUNTER_EXPORTER_COUNT),    \
                  #row_name ": EXPORTER rows come before all WORKER rows");
COUNTER_TABLE(COUNTER_PLACE)
#undef COUNTER_PLACE

const char *counter_unit_name(enum counter_unit unit)
{
    static const char *const names[] = {
        [UNIT_PACKETS] = "packets", [UNIT_DATAGRAMS] = "datagrams", [UNIT_SETS] = "sets",
        [UNIT_RECORDS] = "records", [UNIT_TEMPLATES] = "templates", [UNIT_BYTES] = "bytes",
        [UNIT_EVENTS] = "events",
    };
    assert((unsigned)unit < sizeof names / sizeof names[0]);
    return names[unit];
}

const char *counter_scope_name(enum counter_scope scope)
{
    static const char *const names[] = {
        [SCOPE_EXPORTER] = "exporter", [SCOPE_WORKER] = "total", [SCOPE_OUTPUT] = "output"};
    assert((unsigned)scope < sizeof names / sizeof names[0]);
    return names[scope];
}

const char *counter_part_name(enum counter_part part)
{
    static const char *const names[] = {
        [PART_NONE] = "",       [PART_RECEIVED] = "received", [PART_DELIVERED] = "delivered",
        [PART_DROPPED] = "dropped", [PART_NOW] = "now"};
    assert((unsigned)part < sizeof names / sizeof names[0]);
    return names[part];
}

bool counter_is_loss(enum counter counter)
{
    return counter_rows[counter].part == PART_DROPPED ||
           (counter >= COUNTER_LOSSES_FIRST && counter <= COUNTER_LOSSES_LAST) ||
           counter == COUNTER_datagrams_missing || counter == COUNTER_records_missing ||
           counter == COUNTER_samples_missing;
}
