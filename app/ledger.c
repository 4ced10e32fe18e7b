/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ledger.h"

#include <assert.h>
#include <string.h>

#include "app/ledger_json.h"
#include "app/ledger_text.h"
#include "base/clock.h"
#include "decode/exporter.h"

static_assert(UNIT_PACKETS == 0 && UNIT_DATAGRAMS == 1 && UNIT_SETS == 2 && UNIT_RECORDS == 3 && LEDGER_UNITS == 4,
              "units with an identity come first");

/* Keeps the exporters with the most records, in order. */
static void exporter_show(struct ledger *ledger, const struct exporter_view *exporter)
{
    uint64_t records = exporter->counts[COUNTER_records_received];
    uint32_t place = ledger->shown;
    while (place && ledger->exporters[place - 1].counts[COUNTER_records_received] < records)
        place--;
    if (place == LEDGER_EXPORTERS_MOST)
        return;
    if (ledger->shown < LEDGER_EXPORTERS_MOST)
        ledger->shown++;
    memmove(&ledger->exporters[place + 1], &ledger->exporters[place],
            (ledger->shown - 1 - place) * sizeof *ledger->exporters);
    struct ledger_exporter *shown = &ledger->exporters[place];
    exporter_view_name(exporter, shown->endpoint);
    memcpy(shown->counts, exporter->counts, sizeof shown->counts);
}

static void exporters_take(struct ledger *ledger, const struct exporters *exporters)
{
    struct exporter_view exporter;
    uint32_t slots = exporters_slots_used(exporters);
    for (uint32_t slot = 0; slot < slots; slot++)
        if (exporters_look(exporters, slot, &exporter))
            exporter_show(ledger, &exporter);
    ledger->exporter_count += exporters_count(exporters);
}

void ledger_unit_add(struct ledger_unit *sum, enum counter_unit unit, const uint64_t *counts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct counter_row *row = &counter_rows[i];
        if (row->unit != unit)
            continue;
        sum->received += row->part == PART_RECEIVED ? counts[i] : 0;
        sum->delivered += row->part == PART_DELIVERED ? counts[i] : 0;
        sum->dropped += row->part == PART_DROPPED ? counts[i] : 0;
    }
}

static void counters_add(struct ledger *ledger, const struct counters *counters)
{
    for (uint32_t i = 0; i < COUNTER_COUNT; i++)
        ledger->counts[i] += counter_read(&counters->value[i]);
}

static void outputs_take(struct ledger *ledger, const struct outputs *outputs)
{
    outputs_add_counters(outputs, ledger->counts);
    ledger->units[UNIT_RECORDS].waiting += outputs_spooled(outputs);
    ledger->output_count = outputs_count(outputs);
    for (uint32_t i = 0; i < ledger->output_count; i++)
        outputs_account(outputs, i, &ledger->outputs[i]);
}

struct ledger_unit ledger_output_unit(const struct output_account *account)
{
    struct ledger_unit unit = {.waiting = account->waiting + account->spooled};
    ledger_unit_add(&unit, UNIT_RECORDS, account->counts, COUNTER_COUNT);
    return unit;
}

/* A datagram in a ring between workers was handed over by the one and is still to be received by the other: it waits in
   neither's identity. What the outputs have not acknowledged does, in memory or in a spool, and data sets that wait for
   their template. */
void ledger_take_totals(struct ledger *ledger, const struct crew *crew, const struct outputs *outputs)
{
    *ledger = (struct ledger){.utc_ns = clock_utc_ns(), .steady_ns = clock_steady_ns()};
    for (uint32_t i = 0; i < crew_worker_count(crew); i++) {
        struct worker *worker = crew_worker(crew, i);
        counters_add(ledger, worker_counters(worker));
        ledger->units[UNIT_RECORDS].waiting += worker_waiting_records(worker);
        ledger->units[UNIT_SETS].waiting += worker_waiting_sets(worker);
    }
    if (crew_journal(crew))
        counters_add(ledger, journal_counters(crew_journal(crew)));
    if (crew_exchange(crew))
        counters_add(ledger, exchange_counters(crew_exchange(crew)));
    if (crew_nics(crew))
        counters_add(ledger, nics_counters(crew_nics(crew)));
    outputs_take(ledger, outputs);
    for (uint32_t unit = 0; unit < LEDGER_UNITS; unit++)
        ledger_unit_add(&ledger->units[unit], unit, ledger->counts, COUNTER_COUNT);
}

void ledger_take(struct ledger *ledger, const struct crew *crew, const struct outputs *outputs)
{
    ledger_take_totals(ledger, crew, outputs);
    for (uint32_t i = 0; i < crew_worker_count(crew); i++)
        exporters_take(ledger, worker_exporters(crew_worker(crew, i)));
}

int64_t ledger_difference(const struct ledger_unit *unit)
{
    return (int64_t)(unit->received - unit->delivered - unit->waiting - unit->dropped);
}

bool ledger_balanced(const struct ledger *ledger)
{
    for (uint32_t i = 0; i < LEDGER_UNITS; i++)
        if (ledger_difference(&ledger->units[i]))
            return false;
    for (uint32_t i = 0; i < ledger->output_count; i++) {
        struct ledger_unit unit = ledger_output_unit(&ledger->outputs[i]);
        if (ledger_difference(&unit))
            return false;
    }
    return true;
}

void ledger_print(FILE *stream, const struct ledger *ledger, double seconds, enum stats_format format)
{
    if (format == STATS_JSON)
        ledger_json_print(stream, ledger, seconds);
    else
        ledger_text_print(stream, ledger, seconds);
}

void ledger_print_interval(FILE *stream, const struct ledger *before, const struct ledger *now,
                           enum stats_format format)
{
    if (format == STATS_JSON)
        ledger_json_print_interval(stream, before, now);
    else
        ledger_text_print_interval(stream, before, now);
}
