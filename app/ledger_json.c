/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "app/ledger_json.h"
#include "base/clock.h"
#include "base/text.h"

/*
 * One object a line: "weir" is "ledger" (the whole, printed at the end) or "interval" (a reading every stats_interval).
 * Both have counters (all of them, since start), units, waiting documents, the outputs and the exporters with the most
 * records; an interval has rates, too.
 */

static void time_print(FILE *stream, const struct ledger *ledger)
{
    char text[TEXT_TIME_MOST + TEXT_OVERRUN];
    struct text_day day = {0};
    char *end = text_time(text, ledger->utc_ns / NS_PER_MS, &day);
    fprintf(stream, "\"@timestamp\":\"%.*s\",\"monotonic_seconds\":%.6f", (int)(end - text), text,
            (double)ledger->steady_ns / NS_PER_S);
}

void ledger_json_unit(FILE *stream, const char *name, const struct ledger_unit *unit)
{
    fprintf(stream,
            "\"%s\":{\"received\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"waiting\":%" PRIu64 ",\"dropped\":%" PRIu64
            ",\"difference\":%" PRId64 "}",
            name, unit->received, unit->delivered, unit->waiting, unit->dropped, ledger_difference(unit));
}

static void units_print(FILE *stream, const struct ledger *ledger)
{
    fputs(",\"units\":{", stream);
    for (uint32_t i = 0; i < LEDGER_UNITS; i++) {
        fputs(i ? "," : "", stream);
        ledger_json_unit(stream, counter_unit_name(i), &ledger->units[i]);
    }
    fputc('}', stream);
}

void ledger_json_counters(FILE *stream, const uint64_t *counts, uint32_t count, bool sparse)
{
    bool any = false;
    fputs("\"counters\":{", stream);
    for (uint32_t i = 0; i < count; i++) {
        if (sparse && !counts[i])
            continue;
        fprintf(stream, "%s\"%s\":%" PRIu64, any ? "," : "", counter_rows[i].name, counts[i]);
        any = true;
    }
    fputc('}', stream);
}

const char *ledger_output_type(const struct output_config *output)
{
    static const char *const types[] = {[OUTPUT_FILE] = "file",
                                        [OUTPUT_STDOUT] = "stdout",
                                        [OUTPUT_KAFKA] = "kafka",
                                        [OUTPUT_ELASTICSEARCH] = "elasticsearch",
                                        [OUTPUT_OPENSEARCH] = "opensearch"};
    return types[output->kind];
}

/* Documents by the time from receipt to acknowledgement: the upper bounds in seconds of those buckets that have any. */
static void latency_print(FILE *stream, const struct latency_sum *latency)
{
    bool any = false;
    fprintf(stream, ",\"latency\":{\"sum_seconds\":%.6f,\"documents\":{", (double)latency->sum_us / 1e6);
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++) {
        if (!latency->documents[i])
            continue;
        fputs(any ? ",\"" : "\"", stream);
        if (i < LATENCY_BOUNDS)
            fprintf(stream, "%g", (double)latency_bounds_ns[i] / NS_PER_S);
        else
            fputs("+Inf", stream);
        fprintf(stream, "\":%" PRIu64, latency->documents[i]);
        any = true;
    }
    fputs("}}", stream);
}

static void output_print(FILE *stream, const struct output_account *account)
{
    struct ledger_unit unit = ledger_output_unit(account);
    fprintf(stream,
            "{\"output\":\"%s\",\"type\":\"%s\",\"received\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"waiting\":%" PRIu64
            ",\"spooled\":%" PRIu64 ",\"spool_bytes\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"difference\":%" PRId64 ",",
            account->config->name, ledger_output_type(account->config), unit.received, unit.delivered, unit.waiting,
            account->spooled, account->spool_bytes, unit.dropped, ledger_difference(&unit));
    ledger_json_counters(stream, account->counts, COUNTER_COUNT, true);
    latency_print(stream, &account->latency);
    fputc('}', stream);
}

static void outputs_print(FILE *stream, const struct ledger *ledger)
{
    fputs(",\"outputs\":[", stream);
    for (uint32_t i = 0; i < ledger->output_count; i++) {
        if (i)
            fputc(',', stream);
        output_print(stream, &ledger->outputs[i]);
    }
    fputc(']', stream);
}

static void exporters_print(FILE *stream, const struct ledger *ledger)
{
    fprintf(stream, ",\"exporter_count\":%u,\"exporters\":[", ledger->exporter_count);
    for (uint32_t i = 0; i < ledger->shown; i++) {
        fprintf(stream, "%s{\"exporter\":\"%s\",", i ? "," : "", ledger->exporters[i].endpoint);
        ledger_json_counters(stream, ledger->exporters[i].counts, COUNTER_EXPORTER_COUNT, true);
        fputc('}', stream);
    }
    fputc(']', stream);
}

static void body_print(FILE *stream, const struct ledger *ledger)
{
    units_print(stream, ledger);
    fputc(',', stream);
    ledger_json_counters(stream, ledger->counts, COUNTER_COUNT, false);
    outputs_print(stream, ledger);
    exporters_print(stream, ledger);
    fputs("}\n", stream);
}

void ledger_json_print(FILE *stream, const struct ledger *ledger, double seconds)
{
    fputs("{\"weir\":\"ledger\",", stream);
    time_print(stream, ledger);
    fprintf(stream, ",\"seconds\":%.3f,\"balanced\":%s", seconds, ledger_balanced(ledger) ? "true" : "false");
    body_print(stream, ledger);
}

void ledger_json_print_interval(FILE *stream, const struct ledger *before, const struct ledger *now)
{
    static const struct {
        const char *name;
        enum counter counter;
    } rates[] = {
        {"datagrams", COUNTER_datagrams_received},
        {"records", COUNTER_records_received},
        {"documents", COUNTER_records_delivered},
    };
    double seconds = (double)(now->steady_ns - before->steady_ns) / NS_PER_S;
    fputs("{\"weir\":\"interval\",", stream);
    time_print(stream, now);
    fprintf(stream, ",\"seconds\":%.3f,\"per_second\":{", seconds);
    for (uint32_t i = 0; i < sizeof rates / sizeof *rates; i++)
        fprintf(stream, "%s\"%s\":%.1f", i ? "," : "", rates[i].name,
                (double)(now->counts[rates[i].counter] - before->counts[rates[i].counter]) / seconds);
    fputc('}', stream);
    body_print(stream, now);
}
