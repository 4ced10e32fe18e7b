/* SPDX-License-Identifier: Apache-2.0 */
#include "app/collector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/arguments.h"
#include "base/clock.h"
#include "base/log.h"
#include "decode/profile.h"

bool collector_init(struct collector *collector, const struct config *config)
{
    struct config_problems problems = {0};
    *collector = (struct collector){.config = config};
    collector->elements = elements_new(profile_of(config->output.profile), &config->custom_definitions, &problems);
    problems_print(&problems);
    problems = (struct config_problems){0};
    collector->networks = networks_new(&config->internal_networks, &problems);
    problems_print(&problems);
    return collector->elements && collector->networks;
}

int collector_add_backend(struct collector *collector, const struct backend_ops *ops, void *input, uint32_t queues)
{
    struct backend *backend = &collector->backends[collector->backend_count];
    *backend = (struct backend){.ops = ops, .state = input};
    int result = ops->open(backend, collector->config, queues);
    if (!result)
        collector->backend_count++;
    return result;
}

bool collector_open_templates(struct collector *collector, uint32_t workers)
{
    const struct config *config = collector->config;
    if (journal_open(&collector->journal, config, workers) ||
        exchange_open(&collector->exchange, config, workers, collector->journal))
        return false;
    /* With the exchange, the workers hear of each other what other collectors do. */
    if (config->input.rss == RSS_SOURCE || workers == 1 || config->share_templates || collector->exchange)
        return true;
    return template_circle_open(&collector->circle, config, workers, collector->journal) == 0;
}

/* A device with fewer queues than there are workers leaves some without work, unless the others give of theirs. */
static bool queues_few(const struct collector *collector, uint32_t workers)
{
    const struct backend *first = &collector->backends[0];
    return collector->backend_count && first->queue_count < workers && !first->queues[0]->finite;
}

static bool backends_start(struct collector *collector)
{
    for (uint32_t i = 0; i < collector->backend_count; i++)
        if (collector->backends[i].ops->start && collector->backends[i].ops->start(&collector->backends[i]))
            return false;
    return true;
}

bool collector_start(struct collector *collector, uint32_t workers, const uint16_t *ports, uint32_t port_count)
{
    collector->outputs = outputs_open(collector->config, workers);
    if (!collector->outputs)
        return false;
    collector->crew = crew_new(&(struct crew_setup){.config = collector->config,
                                                    .profile = profile_of(collector->config->output.profile),
                                                    .elements = collector->elements,
                                                    .networks = collector->networks,
                                                    .outputs = collector->outputs,
                                                    .journal = collector->journal,
                                                    .exchange = collector->exchange,
                                                    .circle = collector->circle,
                                                    .nics = collector->nics,
                                                    .worker_count = workers,
                                                    .spread = queues_few(collector, workers),
                                                    .ports = ports,
                                                    .port_count = port_count});
    if (!collector->crew)
        return false;
    for (uint32_t i = 0; i < collector->backend_count; i++)
        if (crew_add_backend(collector->crew, &collector->backends[i]))
            return false;
    if (!backends_start(collector))
        return false;
    if (collector->journal && journal_start(collector->journal))
        return false;
    if (collector->exchange && exchange_start(collector->exchange))
        return false;
    if (collector->circle && template_circle_start(collector->circle))
        return false;
    collector->started_ns = clock_steady_ns();
    collector->started_utc_ns = clock_utc_ns();
    ledger_take(&collector->last, collector->crew, collector->outputs);
    return crew_start(collector->crew) == 0;
}

static void backends_close(struct collector *collector)
{
    for (uint32_t i = 0; i < collector->backend_count; i++)
        collector->backends[i].ops->close(&collector->backends[i]);
    collector->backend_count = 0;
}

/* The backends go first: the output may take its time to flush, and the interface is free meanwhile. */
void collector_finish(struct collector *collector)
{
    if (collector->nics)
        nics_read(collector->nics); /* what no reading has seen yet */
    if (collector->crew) {
        crew_stop(collector->crew);
        crew_join(collector->crew);
    }
    backends_close(collector);
    if (collector->journal)
        journal_finish(collector->journal);
    if (collector->exchange)
        exchange_finish(collector->exchange);
    template_circle_finish(collector->circle);
    if (collector->outputs && outputs_close(collector->outputs))
        log_error("an output did not take everything within its flush_timeout, and had no spool to keep it: "
                  "records_failed says how much was lost");
}

/* The exporter that was told apart last from others of its address, or NULL. */
static const struct exporter *split_last(const struct crew *crew)
{
    const struct exporter *last = NULL;
    int64_t last_ns = 0;
    for (uint32_t i = 0; i < crew_worker_count(crew); i++) {
        struct exporters *exporters = worker_exporters(crew_worker(crew, i));
        for (uint32_t slot = 0; slot < exporters_slots_used(exporters); slot++) {
            const struct exporter *exporter = exporters_at(exporters, slot);
            int64_t split_ns = exporter ? atomic_load_explicit(&exporter->split_ns, memory_order_relaxed) : 0;
            if (split_ns > last_ns) {
                last = exporter;
                last_ns = split_ns;
            }
        }
    }
    return last;
}

void collector_watch(struct collector *collector)
{
    static struct log_cause cause;
    char endpoint[ENDPOINT_TEXT_MOST] = "an exporter that is gone";
    uint64_t splits = 0;
    for (uint32_t i = 0; i < crew_worker_count(collector->crew); i++)
        splits += counter_read(&worker_counters(crew_worker(collector->crew, i))->value[COUNTER_addresses_split]);
    if (splits == collector->splits_said)
        return;
    const struct exporter *exporter = split_last(collector->crew);
    if (exporter)
        endpoint_format(&exporter->endpoint, endpoint);
    log_limited(&cause, LOG_LEVEL_WARNING,
                "%llu addresses have several devices behind them (NAT?) whose templates clash, %s was the last: they "
                "are told apart by UDP port from here on",
                (unsigned long long)splits, endpoint);
    collector->splits_said = splits;
}

/* As one write, so that no other line gets between. */
static void text_show(char *text, size_t size_bytes)
{
    if (text)
        fwrite(text, 1, size_bytes, stderr);
    free(text);
}

void collector_print_interval(struct collector *collector)
{
    struct ledger now;
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *stream = open_memstream(&text, &size_bytes);
    if (!stream)
        return;
    ledger_take(&now, collector->crew, collector->outputs);
    ledger_print_interval(stream, &collector->last, &now, collector->config->stats_format);
    fclose(stream);
    text_show(text, size_bytes);
    collector->last = now;
}

bool collector_print_ledger(struct collector *collector)
{
    struct ledger now;
    char *text = NULL;
    size_t size_bytes = 0;
    ledger_take(&now, collector->crew, collector->outputs);
    FILE *stream = open_memstream(&text, &size_bytes);
    if (!stream)
        return ledger_balanced(&now);
    ledger_print(stream, &now, (double)(now.steady_ns - collector->started_ns) / NS_PER_S,
                 collector->config->stats_format);
    fclose(stream);
    text_show(text, size_bytes);
    return ledger_balanced(&now);
}

void collector_close(struct collector *collector)
{
    backends_close(collector);
    if (collector->crew)
        crew_free(collector->crew);
    nics_free(collector->nics);
    journal_free(collector->journal);
    exchange_free(collector->exchange);
    template_circle_free(collector->circle);
    if (collector->outputs)
        outputs_free(collector->outputs);
    networks_free(collector->networks);
    elements_free(collector->elements);
}
