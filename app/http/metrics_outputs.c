/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/metrics.h"

#include <inttypes.h>

#include "base/clock.h"
#include "dataplane/window.h"

#define GROUP "output_"

static void output_count(FILE *stream, const struct metric *metric, const struct output_account *account,
                         uint64_t value)
{
    metric_count(stream, metric, "output", account->config->name, value);
}

/* output="": what came to no output, being lost with an earlier run. With it the sum is the ledger's. */
static void counters_print(FILE *stream, const struct outputs *outputs, const struct ledger *ledger)
{
    uint64_t lost[COUNTER_COUNT] = {0};
    outputs_add_lost(outputs, lost);
    for (uint32_t counter = 0; counter < COUNTER_COUNT; counter++) {
        const struct counter_row *row = &counter_rows[counter];
        struct metric metric = {GROUP, row->name, "counter", row->help};
        if (!metric_of_outputs(row))
            continue;
        metric_begin(stream, &metric);
        for (uint32_t i = 0; i < ledger->output_count; i++)
            output_count(stream, &metric, &ledger->outputs[i], ledger->outputs[i].counts[counter]);
        if (lost[counter])
            metric_count(stream, &metric, "output", "", lost[counter]);
    }
}

static uint64_t waiting(const struct output_account *account)
{
    return account->waiting;
}

static uint64_t spooled(const struct output_account *account)
{
    return account->spooled;
}

static uint64_t spool_bytes_now(const struct output_account *account)
{
    return account->spool_bytes;
}

static uint64_t spool_bytes_most(const struct output_account *account)
{
    return *account->config->spool.path ? account->config->spool.size : 0;
}

static void gauges_print(FILE *stream, const struct ledger *ledger)
{
    static const struct {
        struct metric metric;
        uint64_t (*read)(const struct output_account *account);
    } gauges[] = {
        {{GROUP, "waiting_records", "gauge", "Documents in memory that the output has not acknowledged"}, waiting},
        {{GROUP, "spooled_records", "gauge", "Documents in the spool"}, spooled},
        {{GROUP, "spool_bytes", "gauge", "Size of the spool on disk"}, spool_bytes_now},
        {{GROUP, "spool_limit_bytes", "gauge", "Size that the spool may have; 0 without one"}, spool_bytes_most},
    };
    for (unsigned i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        metric_begin(stream, &gauges[i].metric);
        for (uint32_t output = 0; output < ledger->output_count; output++)
            output_count(stream, &gauges[i].metric, &ledger->outputs[output],
                         gauges[i].read(&ledger->outputs[output]));
    }
}

/* By worker, for each has batches of its own: one without is one that loses. */
static void batches_print(FILE *stream, const struct crew *crew, const struct ledger *ledger)
{
    static const struct metric have = {GROUP, "batches", "gauge", "Batches of each worker that the output may hold"};
    static const struct metric free = {GROUP, "batches_free", "gauge", "Batches that the output does not hold"};
    metric_begin(stream, &have);
    for (uint32_t i = 0; i < ledger->output_count; i++)
        output_count(stream, &have, &ledger->outputs[i], ledger->outputs[i].config->batches);
    metric_begin(stream, &free);
    for (uint32_t i = 0; i < ledger->output_count; i++) {
        for (uint32_t worker = 0; worker < crew_worker_count(crew); worker++) {
            metric_name(stream, &free);
            fputs("{output=\"", stream);
            metric_text(stream, ledger->outputs[i].config->name);
            fprintf(stream, "\",worker=\"%u\"} %u\n", worker,
                    window_views_free(worker_window(crew_worker(crew, worker)), i));
        }
    }
}

static void latency_bucket(FILE *stream, const struct metric *metric, const char *output, const char *bound,
                           uint64_t documents)
{
    metric_name(stream, metric);
    fputs("_bucket{output=\"", stream);
    metric_text(stream, output);
    fprintf(stream, "\",le=\"%s\"} %" PRIu64 "\n", bound, documents);
}

static void latency_print(FILE *stream, const struct metric *metric, const struct output_account *account)
{
    const char *output = account->config->name;
    uint64_t documents = 0;
    char bound[32] = "+Inf";
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++) {
        documents += account->latency.documents[i];
        if (i < LATENCY_BOUNDS)
            snprintf(bound, sizeof bound, "%g", (double)latency_bounds_ns[i] / NS_PER_S);
        else
            snprintf(bound, sizeof bound, "+Inf");
        latency_bucket(stream, metric, output, bound, documents);
    }
    metric_name(stream, metric);
    fputs("_sum{output=\"", stream);
    metric_text(stream, output);
    fprintf(stream, "\"} %.6f\n", (double)account->latency.sum_us / 1e6);
    metric_name(stream, metric);
    fputs("_count{output=\"", stream);
    metric_text(stream, output);
    fprintf(stream, "\"} %" PRIu64 "\n", documents);
}

void metrics_outputs(FILE *stream, const struct http_site *site, const struct ledger *ledger)
{
    static const struct metric latency = {GROUP, "latency_seconds", "histogram",
                                          "Time from receipt to acknowledgement, in documents"};
    counters_print(stream, site->collector->outputs, ledger);
    gauges_print(stream, ledger);
    batches_print(stream, site->collector->crew, ledger);
    metric_begin(stream, &latency);
    for (uint32_t i = 0; i < ledger->output_count; i++)
        latency_print(stream, &latency, &ledger->outputs[i]);
}
