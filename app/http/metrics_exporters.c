/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/metrics.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "decode/exporter.h"

#define GROUP "exporter_"

/* Copies of those that have series, with their labels. */
struct shown {
    struct exporter_view view;
    char name[EXPORTER_NAME_MOST];
};

struct shown_list {
    struct shown *items;
    uint32_t count;
    uint32_t known; /* exporters, in all */
};

/*
 * The first slots of every worker: an exporter keeps its slot, so a series does not come and go with the traffic of
 * others. A session that has ended has no series any more: the exporter may be back from the same port.
 */
static void worker_show(struct shown_list *list, const struct exporters *exporters, uint32_t most)
{
    uint32_t slots = exporters_slots_used(exporters), ended = 0;
    for (uint32_t slot = 0; slot < slots && slot < most; slot++) {
        struct shown *shown = &list->items[list->count];
        if (!exporters_look(exporters, slot, &shown->view))
            continue;
        if (shown->view.ended_ns) {
            ended++;
            continue;
        }
        exporter_view_name(&shown->view, shown->name);
        list->count++;
    }
    list->known += exporters_count(exporters) - ended;
}

/*
 * Counters that are 0 are left out: of fifty reasons an exporter has a few. There may be a hundred thousand samples, so
 * they are put together without the formats of printf.
 */
static void counter_family(FILE *stream, const struct shown_list *list, uint32_t counter)
{
    const struct counter_row *row = &counter_rows[counter];
    struct metric metric = {GROUP, row->name, "counter", row->help};
    char head[128], number[TEXT_UNSIGNED_MOST + TEXT_OVERRUN];
    size_t head_bytes = (size_t)snprintf(head, sizeof head, "weir_" GROUP "%s_total{exporter=\"", row->name);
    bool begun = false;
    for (uint32_t i = 0; i < list->count; i++) {
        uint64_t value = list->items[i].view.counts[counter];
        if (!value)
            continue;
        if (!begun)
            metric_begin(stream, &metric);
        begun = true;
        char *end = text_unsigned(number, value);
        *end++ = '\n';
        fwrite_unlocked(head, 1, head_bytes, stream);
        fputs_unlocked(list->items[i].name, stream);
        fwrite_unlocked("\"} ", 1, 3, stream);
        fwrite_unlocked(number, 1, (size_t)(end - number), stream);
    }
}

static void gauges_print(FILE *stream, const struct shown_list *list)
{
    static const struct metric seen = {GROUP, "last_seen_timestamp_seconds", "gauge",
                                       "When the last datagram came, since 1970 (UTC)"};
    static const struct metric templates = {GROUP, "templates", "gauge", "Templates known of the exporter"};
    if (!list->count)
        return;
    metric_begin(stream, &seen);
    for (uint32_t i = 0; i < list->count; i++) {
        metric_name(stream, &seen);
        fprintf(stream, "{exporter=\"%s\"} %.3f\n", list->items[i].name,
                (double)list->items[i].view.seen_ns / NS_PER_S);
    }
    metric_begin(stream, &templates);
    for (uint32_t i = 0; i < list->count; i++)
        metric_count(stream, &templates, "exporter", list->items[i].name, list->items[i].view.template_count);
}

/* Exporters of which an estimate is there. */
static void clocks_print(FILE *stream, const struct shown_list *list)
{
    static const struct metric skew = {
        GROUP, "clock_skew_seconds", "gauge",
        "The exporter's clock less ours, by an estimate over its messages: positive where it is ahead"};
    bool begun = false;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct shown *shown = &list->items[i];
        if (shown->view.clock_skew_ms == SKEW_UNKNOWN)
            continue;
        if (!begun)
            metric_begin(stream, &skew);
        begun = true;
        metric_name(stream, &skew);
        fprintf(stream, "{exporter=\"%s\"} %.3f\n", shown->name, (double)shown->view.clock_skew_ms / 1000);
    }
}

void metrics_exporters(FILE *stream, const struct http_site *site)
{
    static const struct metric left_out = {"", "metrics_exporters_left_out", "gauge",
                                           "Exporters without series of their own, by http.metrics_exporters"};
    const struct crew *crew = site->collector->crew;
    uint32_t workers = crew_worker_count(crew);
    uint32_t of_worker = (site->config->http.metrics_exporters + workers - 1) / workers;
    size_t slots = 0;
    for (uint32_t i = 0; i < workers; i++) {
        uint32_t used = exporters_slots_used(worker_exporters(crew_worker(crew, i)));
        slots += used < of_worker ? used : of_worker;
    }
    /* more may be used by now: they come with the next scrape */
    struct shown_list list = {.items = malloc((slots + 1) * sizeof *list.items)};
    for (uint32_t i = 0; i < workers && list.items; i++) {
        uint32_t room = (uint32_t)slots - list.count;
        worker_show(&list, worker_exporters(crew_worker(crew, i)), of_worker < room ? of_worker : room);
    }
    metric_single(stream, &left_out, list.known - list.count);
    for (uint32_t counter = 0; counter < COUNTER_EXPORTER_COUNT; counter++)
        counter_family(stream, &list, counter);
    gauges_print(stream, &list);
    clocks_print(stream, &list);
    free(list.items);
}
