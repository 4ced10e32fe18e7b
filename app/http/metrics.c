/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/window.h"

/* ---- the format ---- */

void metric_text(FILE *stream, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            fputs("\\n", stream);
        else if (*text == '"' || *text == '\\')
            fprintf(stream, "\\%c", *text);
        else
            fputc(*text, stream);
    }
}

/* A row's name may say the group already: output_bytes of outputs is weir_output_bytes. */
static const char *name_of(const struct metric *metric)
{
    size_t length = strlen(metric->group);
    return strncmp(metric->name, metric->group, length) == 0 ? metric->name + length : metric->name;
}

void metric_name(FILE *stream, const struct metric *metric)
{
    fprintf(stream, "weir_%s%s%s", metric->group, name_of(metric), *metric->type == 'c' ? "_total" : "");
}

void metric_begin(FILE *stream, const struct metric *metric)
{
    fputs("# HELP ", stream);
    metric_name(stream, metric);
    fprintf(stream, " %s.\n# TYPE ", metric->help);
    metric_name(stream, metric);
    fprintf(stream, " %s\n", metric->type);
}

void metric_count(FILE *stream, const struct metric *metric, const char *label, const char *text, uint64_t value)
{
    metric_name(stream, metric);
    if (label) {
        fprintf(stream, "{%s=\"", label);
        metric_text(stream, text);
        fputs("\"}", stream);
    }
    fprintf(stream, " %" PRIu64 "\n", value);
}

void metric_single(FILE *stream, const struct metric *metric, double value)
{
    metric_begin(stream, metric);
    metric_name(stream, metric);
    fprintf(stream, " %.15g\n", value);
}

/* ---- workers ---- */

static void worker_count(FILE *stream, const struct metric *metric, uint32_t number, uint64_t value)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    metric_count(stream, metric, "worker", text, value);
}

/*
 * What belongs to no worker: of an output's counters what its own threads settled, documents of an earlier run, and
 * what interfaces lost. With them the sum over "worker" is the ledger's.
 */
static void counter_family(FILE *stream, const struct crew *crew, const uint64_t *of_outputs, uint32_t counter)
{
    const struct counter_row *row = &counter_rows[counter];
    struct metric metric = {"", row->name, row->part == PART_NOW ? "gauge" : "counter", row->help};
    metric_begin(stream, &metric);
    for (uint32_t i = 0; i < crew_worker_count(crew); i++)
        worker_count(stream, &metric, i, counter_read(&worker_counters(crew_worker(crew, i))->value[counter]));
    if (metric_of_outputs(row))
        metric_count(stream, &metric, "worker", "outputs", of_outputs[counter]);
    if (counter == COUNTER_losses_nic && crew_nics(crew))
        metric_count(stream, &metric, "worker", "none", counter_read(&nics_counters(crew_nics(crew))->value[counter]));
}

static void metrics_workers(FILE *stream, const struct collector *collector)
{
    uint64_t of_outputs[COUNTER_COUNT] = {0};
    outputs_add_counters(collector->outputs, of_outputs);
    for (uint32_t counter = 0; counter < COUNTER_COUNT; counter++)
        if (counter_rows[counter].scope != SCOPE_OUTPUT)
            counter_family(stream, collector->crew, of_outputs, counter);
}

static void metrics_windows(FILE *stream, const struct crew *crew)
{
    uint32_t count = crew_worker_count(crew);
    for (uint32_t gauge = 0; gauge < GAUGE_COUNT; gauge++) {
        struct metric metric = {"", gauge_rows[gauge].name, "gauge", gauge_rows[gauge].help};
        metric_begin(stream, &metric);
        for (uint32_t i = 0; i < count; i++)
            worker_count(stream, &metric, i,
                         window_gauge(worker_window(crew_worker(crew, i)), (enum gauge)gauge));
    }
    static const struct metric records = {"", "waiting_records", "gauge",
                                          "Documents in memory that no output has acknowledged"};
    static const struct metric packets = {"", "waiting_packets", "gauge",
                                          "Datagrams that other workers handed over and that wait"};
    metric_begin(stream, &records);
    for (uint32_t i = 0; i < count; i++)
        worker_count(stream, &records, i, worker_waiting_records(crew_worker(crew, i)));
    metric_begin(stream, &packets);
    for (uint32_t i = 0; i < count; i++)
        worker_count(stream, &packets, i, worker_waiting_packets(crew_worker(crew, i)));
}

/* ---- all of it ---- */

static void metrics_ledger(FILE *stream, const struct ledger *ledger)
{
    static const struct metric metric = {"", "ledger_difference", "gauge",
                                         "received - delivered - waiting - dropped: 0 at rest"};
    metric_begin(stream, &metric);
    for (uint32_t i = 0; i < LEDGER_UNITS; i++)
        fprintf(stream, "weir_ledger_difference{unit=\"%s\"} %" PRId64 "\n", counter_unit_name(i),
                ledger_difference(&ledger->units[i]));
}

static void metrics_build(FILE *stream, const struct http_site *site)
{
    static const struct metric build = {"", "build_info", "gauge", "1, with the version of weir"};
    static const struct metric ready = {"", "ready", "gauge", "1 while weir receives and its outputs are open"};
    metric_begin(stream, &build);
    fputs("weir_build_info{version=\"" WEIR_VERSION "\"} 1\n", stream);
    metric_single(stream, &ready, site_ready(site));
}

static void metrics_limits(FILE *stream, const struct config *config)
{
    static const struct metric exporters = {"", "limit_exporters", "gauge", "limits.exporters"};
    static const struct metric memory = {"", "limit_memory_bytes", "gauge", "limits.memory, of each worker"};
    metric_single(stream, &exporters, config->limits.exporters);
    metric_single(stream, &memory, (double)config->limits.memory);
}

static void metrics_http(FILE *stream, const struct http_site *site)
{
    static const struct metric metric = {"", "http_requests", "counter", "Requests answered, by status"};
    metric_begin(stream, &metric);
    for (uint32_t i = 0; i < HTTP_CODES_MOST && site->codes[i].status; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", site->codes[i].status);
        metric_count(stream, &metric, "code", text, site->codes[i].requests);
    }
}

void page_metrics(const struct http_request *request, struct http_page *page)
{
    const struct http_site *site = request_site(request);
    FILE *stream = page->stream;
    metrics_build(stream, site);
    metrics_limits(stream, site->config);
    if (site_phase(site) != HTTP_STARTING) {
        struct ledger ledger;
        ledger_take(&ledger, site->collector->crew, site->collector->outputs);
        metrics_ledger(stream, &ledger);
        metrics_workers(stream, site->collector);
        metrics_windows(stream, site->collector->crew);
        metrics_outputs(stream, site, &ledger);
        metrics_exporters(stream, site);
    }
    metrics_http(stream, site);
    metrics_process(stream);
}
