/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ledger_text.h"

#include <inttypes.h>
#include <time.h>

#include "base/clock.h"

#define GROUPED_MOST 28 /* 20 digits, 6 commas and a NUL, rounded up */

/* "1,234,567" into text; returns text. */
static const char *grouped(uint64_t value, char text[GROUPED_MOST])
{
    char *at = text + GROUPED_MOST - 1;
    int digits = 0;
    *at = '\0';
    do {
        if (digits && digits % 3 == 0)
            *--at = ',';
        *--at = (char)('0' + value % 10);
        value /= 10;
        digits++;
    } while (value);
    return at;
}

static void units_print(FILE *stream, const struct ledger *ledger)
{
    char texts[4][GROUPED_MOST];
    fprintf(stream, "%-10s %18s %18s %14s %14s\n", "", "received", "delivered", "waiting", "dropped");
    for (uint32_t i = 0; i < LEDGER_UNITS; i++) {
        const struct ledger_unit *unit = &ledger->units[i];
        fprintf(stream, "%-10s %18s %18s %14s %14s", counter_unit_name(i), grouped(unit->received, texts[0]),
                grouped(unit->delivered, texts[1]), grouped(unit->waiting, texts[2]), grouped(unit->dropped, texts[3]));
        if (ledger_difference(unit))
            fprintf(stream, "  DOES NOT BALANCE: %" PRId64 " unaccounted for", ledger_difference(unit));
        fputc('\n', stream);
    }
    fputs(ledger_balanced(ledger) ? "balanced: received = delivered + waiting + dropped, in every row\n"
                                  : "NOT BALANCED: please report this\n",
          stream);
}

/* Counters of one kind that are not zero, with their meaning. */
static void counters_print(FILE *stream, const struct ledger *ledger, const char *title, bool dropped)
{
    char text[GROUPED_MOST];
    bool any = false;
    for (uint32_t i = 0; i < COUNTER_COUNT; i++) {
        const struct counter_row *row = &counter_rows[i];
        bool wanted = dropped ? row->part == PART_DROPPED : row->part == PART_NONE || row->part == PART_NOW;
        if (!wanted || !ledger->counts[i])
            continue;
        if (!any)
            fprintf(stream, "%s\n", title);
        any = true;
        fprintf(stream, "  %-28s %15s  %s\n", row->name, grouped(ledger->counts[i], text), row->help);
    }
}

static uint64_t exporter_dropped(const struct ledger_exporter *exporter, enum counter_unit unit)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < COUNTER_EXPORTER_COUNT; i++)
        if (counter_rows[i].unit == unit && counter_rows[i].part == PART_DROPPED)
            sum += exporter->counts[i];
    return sum;
}

static void exporters_print(FILE *stream, const struct ledger *ledger)
{
    char texts[7][GROUPED_MOST];
    if (!ledger->shown)
        return;
    fprintf(stream, "exporters: %u%s; missing: sent, by sequence number, and never arrived\n", ledger->exporter_count,
            ledger->shown < ledger->exporter_count ? ", those with the most records" : "");
    fprintf(stream, "  %-28s %14s %14s %14s %12s %12s %12s %12s\n", "", "datagrams", "records", "delivered",
            "lost sets", "lost records", "missing dgr.", "missing rec.");
    for (uint32_t i = 0; i < ledger->shown; i++) {
        const struct ledger_exporter *exporter = &ledger->exporters[i];
        fprintf(stream, "  %-28s %14s %14s %14s %12s %12s %12s %12s\n", exporter->endpoint,
                grouped(exporter->counts[COUNTER_datagrams_received], texts[0]),
                grouped(exporter->counts[COUNTER_records_received], texts[1]),
                grouped(exporter->counts[COUNTER_records_delivered], texts[2]),
                grouped(exporter_dropped(exporter, UNIT_SETS), texts[3]),
                grouped(exporter_dropped(exporter, UNIT_RECORDS), texts[4]),
                grouped(exporter->counts[COUNTER_datagrams_missing], texts[5]),
                grouped(exporter->counts[COUNTER_records_missing], texts[6]));
    }
}

static void outputs_print(FILE *stream, const struct ledger *ledger)
{
    char texts[5][GROUPED_MOST];
    fprintf(stream, "outputs\n  %-28s %14s %14s %14s %14s %12s\n", "", "documents", "delivered", "in memory",
            "in spool", "dropped");
    for (uint32_t i = 0; i < ledger->output_count; i++) {
        const struct output_account *account = &ledger->outputs[i];
        struct ledger_unit unit = ledger_output_unit(account);
        fprintf(stream, "  %-28s %14s %14s %14s %14s %12s", account->config->name, grouped(unit.received, texts[0]),
                grouped(unit.delivered, texts[1]), grouped(account->waiting, texts[2]),
                grouped(account->spooled, texts[3]), grouped(unit.dropped, texts[4]));
        if (ledger_difference(&unit))
            fprintf(stream, "  DOES NOT BALANCE: %" PRId64, ledger_difference(&unit));
        fputc('\n', stream);
    }
}

void ledger_text_print(FILE *stream, const struct ledger *ledger, double seconds)
{
    fprintf(stream, "ledger of %.1f seconds\n", seconds);
    units_print(stream, ledger);
    counters_print(stream, ledger, "dropped, by reason", true);
    counters_print(stream, ledger, "further counters", false);
    outputs_print(stream, ledger);
    exporters_print(stream, ledger);
}

void ledger_text_print_interval(FILE *stream, const struct ledger *before, const struct ledger *now)
{
    double seconds = (double)(now->steady_ns - before->steady_ns) / NS_PER_S;
    char texts[3][GROUPED_MOST], clock[16];
    time_t time = now->utc_ns / NS_PER_S;
    struct tm parts;
    gmtime_r(&time, &parts);
    strftime(clock, sizeof clock, "%H:%M:%SZ", &parts);
    const enum counter rates[] = {COUNTER_datagrams_received, COUNTER_records_received, COUNTER_records_delivered};
    uint64_t values[3];
    for (uint32_t i = 0; i < 3; i++)
        values[i] = (uint64_t)((double)(now->counts[rates[i]] - before->counts[rates[i]]) / seconds + 0.5);
    fprintf(stream, "%s  %s datagrams/s  %s records/s  %s documents/s", clock, grouped(values[0], texts[0]),
            grouped(values[1], texts[1]), grouped(values[2], texts[2]));
    fprintf(stream, "  waiting %s  exporters %u", grouped(now->units[UNIT_RECORDS].waiting, texts[0]),
            now->exporter_count);
    bool any = false;
    for (uint32_t i = 0; i < COUNTER_COUNT; i++) {
        if (!counter_is_loss(i) || now->counts[i] == before->counts[i])
            continue;
        fprintf(stream, "%s %s %s", any ? "," : "  lost:", counter_rows[i].name,
                grouped(now->counts[i] - before->counts[i], texts[0]));
        any = true;
    }
    fputs(any ? "\n" : "  nothing lost\n", stream);
}
