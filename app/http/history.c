/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/history.h"

#include <inttypes.h>
#include <stdlib.h>

#include "app/http/json.h"
#include "app/http/query.h"
#include "app/ledger.h"
#include "base/clock.h"

#define READINGS    361 /* an hour lies between the first and the last */
#define INTERVAL_NS (10 * NS_PER_S)

/* What is read: a sum of counters since start, or (waiting, spooled) what there is now. */
enum series {
    SERIES_packets_received,
    SERIES_datagrams_received,
    SERIES_datagram_bytes,
    SERIES_records_received,
    SERIES_records_copied,
    SERIES_records_delivered,
    SERIES_packets_dropped,
    SERIES_datagrams_dropped,
    SERIES_sets_dropped,
    SERIES_records_dropped,
    SERIES_losses,
    SERIES_records_waiting,
    SERIES_COUNT
};

static const char *const series_names[SERIES_COUNT] = {
    [SERIES_packets_received] = "packets_received",     [SERIES_datagrams_received] = "datagrams_received",
    [SERIES_datagram_bytes] = "datagram_bytes",         [SERIES_records_received] = "records_received",
    [SERIES_records_copied] = "records_copied",         [SERIES_records_delivered] = "records_delivered",
    [SERIES_packets_dropped] = "packets_dropped",       [SERIES_datagrams_dropped] = "datagrams_dropped",
    [SERIES_sets_dropped] = "sets_dropped",             [SERIES_records_dropped] = "records_dropped",
    [SERIES_losses] = "losses",                         [SERIES_records_waiting] = "records_waiting",
};

struct output_reading {
    uint64_t delivered, dropped, waiting, spooled;
};

struct reading {
    uint64_t number; /* from 1; 0: none yet */
    int64_t utc_ns;
    int64_t steady_ns;
    uint64_t values[SERIES_COUNT];
    struct output_reading outputs[OUTPUTS_MOST];
};

struct history {
    uint64_t count; /* readings taken in all */
    int64_t due_ns; /* steady clock */
    struct reading readings[READINGS];
    struct ledger ledger;
};

struct history *history_new(void)
{
    return calloc(1, sizeof(struct history));
}

void history_free(struct history *history)
{
    free(history);
}

/* ---- reading ---- */

static void values_take(uint64_t *values, const struct ledger *ledger)
{
    const uint64_t *counts = ledger->counts;
    values[SERIES_packets_received] = ledger->units[UNIT_PACKETS].received;
    values[SERIES_datagrams_received] = counts[COUNTER_datagrams_received];
    values[SERIES_datagram_bytes] = counts[COUNTER_datagram_bytes];
    values[SERIES_records_received] = counts[COUNTER_records_received];
    values[SERIES_records_copied] = counts[COUNTER_records_copied];
    values[SERIES_records_delivered] = counts[COUNTER_records_delivered];
    values[SERIES_packets_dropped] = ledger->units[UNIT_PACKETS].dropped;
    values[SERIES_datagrams_dropped] = ledger->units[UNIT_DATAGRAMS].dropped;
    values[SERIES_sets_dropped] = ledger->units[UNIT_SETS].dropped;
    values[SERIES_records_dropped] = ledger->units[UNIT_RECORDS].dropped;
    values[SERIES_losses] = 0;
    for (enum counter i = COUNTER_LOSSES_FIRST; i <= COUNTER_LOSSES_LAST; i++)
        values[SERIES_losses] += counts[i];
    values[SERIES_records_waiting] = ledger->units[UNIT_RECORDS].waiting;
}

static void outputs_take(struct output_reading *readings, const struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->output_count; i++) {
        const struct output_account *account = &ledger->outputs[i];
        struct ledger_unit unit = ledger_output_unit(account);
        readings[i] = (struct output_reading){.delivered = unit.delivered,
                                              .dropped = unit.dropped,
                                              .waiting = account->waiting,
                                              .spooled = account->spooled};
    }
}

void history_tick(struct http_site *site)
{
    struct history *history = site->history;
    int64_t now_ns = clock_steady_ns();
    if (now_ns < history->due_ns || site_phase(site) == HTTP_STARTING)
        return;
    /* by the grid of the first one; what was missed, by a clock that stood still, is left out */
    history->due_ns = history->count && now_ns - history->due_ns < INTERVAL_NS ? history->due_ns + INTERVAL_NS
                                                                               : now_ns + INTERVAL_NS;
    struct reading *reading = &history->readings[history->count % READINGS];
    ledger_take_totals(&history->ledger, site->collector->crew, site->collector->outputs);
    reading->number = ++history->count;
    reading->utc_ns = history->ledger.utc_ns;
    reading->steady_ns = history->ledger.steady_ns;
    values_take(reading->values, &history->ledger);
    outputs_take(reading->outputs, &history->ledger);
}

/* ---- the page ---- */

static void names_print(FILE *stream, const struct history *history)
{
    fputs(",\"series\":[", stream);
    for (uint32_t i = 0; i < SERIES_COUNT; i++)
        fprintf(stream, "%s\"%s\"", i ? "," : "", series_names[i]);
    fputs("],\"outputs\":[", stream);
    for (uint32_t i = 0; i < history->ledger.output_count; i++) {
        fputs(i ? "," : "", stream);
        json_text(stream, history->ledger.outputs[i].config->name);
    }
    fputc(']', stream);
}

static void reading_print(FILE *stream, const struct reading *reading, uint32_t output_count)
{
    fprintf(stream, "{\"number\":%" PRIu64 ",\"monotonic_seconds\":%.3f", reading->number,
            (double)reading->steady_ns / NS_PER_S);
    json_time(stream, "@timestamp", reading->utc_ns);
    fputs(",\"values\":[", stream);
    for (uint32_t i = 0; i < SERIES_COUNT; i++)
        fprintf(stream, "%s%" PRIu64, i ? "," : "", reading->values[i]);
    fputs("],\"outputs\":[", stream);
    for (uint32_t i = 0; i < output_count; i++) {
        const struct output_reading *output = &reading->outputs[i];
        fprintf(stream,
                "%s{\"delivered\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"waiting\":%" PRIu64 ",\"spooled\":%" PRIu64 "}",
                i ? "," : "", output->delivered, output->dropped, output->waiting, output->spooled);
    }
    fputs("]}", stream);
}

void page_history(const struct http_request *request, struct http_page *page)
{
    const struct http_site *site = request_site(request);
    const struct history *history = site->history;
    uint64_t after = 0;
    bool any = false;
    if (!query_number(request, page, "after", INT64_MAX / 10, &after))
        return;
    json_begin(page->stream, site);
    fprintf(page->stream, ",\"interval_seconds\":%lld", (long long)(INTERVAL_NS / NS_PER_S));
    names_print(page->stream, history);
    fputs(",\"readings\":[", page->stream);
    for (uint32_t i = 0; i < READINGS; i++) {
        const struct reading *reading = &history->readings[(history->count + i) % READINGS]; /* the oldest first */
        if (!reading->number || reading->number <= after)
            continue;
        fputs(any ? "," : "", page->stream);
        reading_print(page->stream, reading, history->ledger.output_count);
        any = true;
    }
    fputs("]}\n", page->stream);
}
