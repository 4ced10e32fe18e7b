/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "app/http/json.h"
#include "app/http/page.h"
#include "app/ledger_json.h"
#include "base/clock.h"
#include "dataplane/window.h"

/* The small pages: who answers, the ledger, the table of counters, workers. */

void page_api(const struct http_request *request, struct http_page *page)
{
    static const char *const phases[] = {
        [HTTP_STARTING] = "starting", [HTTP_RUNNING] = "running", [HTTP_STOPPING] = "stopping"};
    const struct http_site *site = request_site(request);
    json_begin(page->stream, site);
    fprintf(page->stream, ",\"name\":\"weir\",\"version\":\"" WEIR_VERSION "\",\"phase\":\"%s\",\"ready\":%s}\n",
            phases[site_phase(site)], site_ready(site) ? "true" : "false");
}

void page_ledger(const struct http_request *request, struct http_page *page)
{
    const struct collector *collector = request_site(request)->collector;
    struct ledger ledger;
    ledger_take(&ledger, collector->crew, collector->outputs);
    ledger_json_print(page->stream, &ledger, (double)(ledger.steady_ns - collector->started_ns) / NS_PER_S);
}

void page_counters(const struct http_request *request, struct http_page *page)
{
    FILE *stream = page->stream;
    json_begin(stream, request_site(request));
    fputs(",\"counters\":[", stream);
    for (uint32_t i = 0; i < COUNTER_COUNT; i++) {
        const struct counter_row *row = &counter_rows[i];
        fprintf(stream, "%s{\"counter\":\"%s\",\"unit\":\"%s\",\"scope\":\"%s\",\"part\":\"%s\",\"help\":",
                i ? "," : "", row->name, counter_unit_name(row->unit), counter_scope_name(row->scope),
                counter_part_name(row->part));
        json_text(stream, row->help);
        fputc('}', stream);
    }
    fputs("]}\n", stream);
}

static void worker_print(FILE *stream, struct worker *worker, uint32_t number)
{
    const struct counters *counters = worker_counters(worker);
    uint64_t counts[COUNTER_COUNT];
    for (uint32_t i = 0; i < COUNTER_COUNT; i++)
        counts[i] = counter_read(&counters->value[i]);
    fprintf(stream, "{\"worker\":%u,\"waiting_records\":%" PRIu64 ",\"waiting_packets\":%" PRIu64 ",\"gauges\":{",
            number, worker_waiting_records(worker), worker_waiting_packets(worker));
    for (uint32_t i = 0; i < GAUGE_COUNT; i++)
        fprintf(stream, "%s\"%s\":%" PRIu64, i ? "," : "", gauge_rows[i].name,
                window_gauge(worker_window(worker), (enum gauge)i));
    fputs("},", stream);
    ledger_json_counters(stream, counts, COUNTER_COUNT, true);
    fputc('}', stream);
}

void page_workers(const struct http_request *request, struct http_page *page)
{
    const struct crew *crew = request_site(request)->collector->crew;
    json_begin(page->stream, request_site(request));
    fputs(",\"workers\":[", page->stream);
    for (uint32_t i = 0; i < crew_worker_count(crew); i++) {
        fputs(i ? "," : "", page->stream);
        worker_print(page->stream, crew_worker(crew, i), i);
    }
    fputs("]}\n", page->stream);
}
