/* SPDX-License-Identifier: Apache-2.0 */
#include "app/top/reading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/client.h"
#include "base/clock.h"

static const enum counter_unit exporter_units[TOP_UNITS] = {
    [TOP_DATAGRAMS] = UNIT_DATAGRAMS, [TOP_SETS] = UNIT_SETS, [TOP_RECORDS] = UNIT_RECORDS};

double reading_time(const char *text)
{
    struct tm day = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &day);
    return rest ? (double)timegm(&day) + (*rest == '.' ? strtod(rest, NULL) : 0) : 0;
}

static struct ledger_unit unit_read(const json_t *object)
{
    return (struct ledger_unit){.received = client_number(object, "received"),
                                .delivered = client_number(object, "delivered"),
                                .waiting = client_number(object, "waiting"),
                                .dropped = client_number(object, "dropped")};
}

static void counters_read(const json_t *object, uint64_t *counts, uint32_t count)
{
    const json_t *counters = json_object_get(object, "counters");
    for (uint32_t i = 0; i < count; i++)
        counts[i] = client_number(counters, counter_rows[i].name);
}

/* ---- outputs ---- */

/* The API names the buckets by their upper bounds in seconds. */
static void latency_read(const json_t *object, struct latency_sum *latency)
{
    const json_t *documents = json_object_get(object, "documents");
    latency->sum_us = (uint64_t)(client_real(object, "sum_seconds") * 1e6);
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++) {
        char bound[32] = "+Inf";
        if (i < LATENCY_BOUNDS)
            snprintf(bound, sizeof bound, "%g", (double)latency_bounds_ns[i] / NS_PER_S);
        latency->documents[i] = client_number(documents, bound);
    }
}

static void output_read(const json_t *object, struct top_output *output)
{
    output->name = client_text(object, "output");
    output->type = client_text(object, "type");
    output->unit = unit_read(object);
    output->spooled = client_number(object, "spooled");
    output->spool_bytes = client_number(object, "spool_bytes");
    counters_read(object, output->counts, COUNTER_COUNT);
    latency_read(json_object_get(object, "latency"), &output->latency);
}

/* ---- exporters ---- */

static void versions_read(const json_t *list, char *text, size_t room)
{
    size_t at = 0;
    for (size_t i = 0; i < json_array_size(list) && at < room; i++) {
        const char *version = json_string_value(json_array_get(list, i));
        at += (size_t)snprintf(text + at, room - at, "%s%s", i ? " " : "", version ? version : "?");
    }
}

static void exporter_read(const json_t *object, struct top_exporter *exporter)
{
    const json_t *units = json_object_get(object, "units");
    exporter->name = client_text(object, "exporter");
    exporter->address = client_text(object, "address");
    versions_read(json_object_get(object, "versions"), exporter->versions, sizeof exporter->versions);
    exporter->first_s = reading_time(client_text(object, "first_seen"));
    exporter->seen_s = reading_time(client_text(object, "last_seen"));
    exporter->skew_s = json_is_number(json_object_get(object, "clock_skew_ms"))
                           ? client_real(object, "clock_skew_ms") / 1000
                           : NAN;
    exporter->templates = client_number(object, "templates");
    exporter->in_flight = client_number(object, "in_flight");
    for (uint32_t i = 0; i < TOP_UNITS; i++)
        exporter->dropped[i] = client_number(json_object_get(units, counter_unit_name(exporter_units[i])), "dropped");
    counters_read(object, exporter->counts, COUNTER_EXPORTER_COUNT);
}

static int exporter_compare(const void *one, const void *other)
{
    return strcmp(((const struct top_exporter *)one)->name, ((const struct top_exporter *)other)->name);
}

/* ---- the whole ---- */

static void head_read(struct reading *reading)
{
    reading->version = client_text(reading->api, "version");
    reading->started = client_text(reading->api, "started");
    reading->ready = json_is_true(json_object_get(reading->api, "ready"));
    reading->steady_s = client_real(reading->ledger, "monotonic_seconds");
    reading->since_s = client_real(reading->ledger, "seconds");
    reading->utc_s = reading_time(client_text(reading->ledger, "@timestamp"));
    for (uint32_t i = 0; i < LEDGER_UNITS; i++)
        reading->units[i] =
            unit_read(json_object_get(json_object_get(reading->ledger, "units"), counter_unit_name(i)));
    counters_read(reading->ledger, reading->counts, COUNTER_COUNT);
}

static bool lists_read(struct reading *reading)
{
    const json_t *outputs = json_object_get(reading->ledger, "outputs");
    const json_t *exporters = json_object_get(reading->exporters, "exporters");
    reading->output_count = (uint32_t)json_array_size(outputs);
    reading->exporter_count = (uint32_t)json_array_size(exporters);
    reading->exporter_total = (uint32_t)client_number(reading->exporters, "total");
    reading->outputs = calloc(reading->output_count + 1, sizeof *reading->outputs);
    reading->exporter_rows = calloc(reading->exporter_count + 1, sizeof *reading->exporter_rows);
    if (!reading->outputs || !reading->exporter_rows)
        return false;
    for (uint32_t i = 0; i < reading->output_count; i++)
        output_read(json_array_get(outputs, i), &reading->outputs[i]);
    for (uint32_t i = 0; i < reading->exporter_count; i++)
        exporter_read(json_array_get(exporters, i), &reading->exporter_rows[i]);
    qsort(reading->exporter_rows, reading->exporter_count, sizeof *reading->exporter_rows, exporter_compare);
    return true;
}

struct reading *reading_new(json_t *api, json_t *ledger, json_t *exporters)
{
    if (!json_is_object(api) || !json_is_object(json_object_get(ledger, "units")) ||
        !json_is_array(json_object_get(exporters, "exporters")))
        return NULL;
    struct reading *reading = calloc(1, sizeof *reading);
    if (!reading)
        return NULL;
    reading->api = json_incref(api);
    reading->ledger = json_incref(ledger);
    reading->exporters = json_incref(exporters);
    head_read(reading);
    if (lists_read(reading))
        return reading;
    reading_free(reading);
    return NULL;
}

void reading_free(struct reading *reading)
{
    if (!reading)
        return;
    json_decref(reading->api);
    json_decref(reading->ledger);
    json_decref(reading->exporters);
    free(reading->outputs);
    free(reading->exporter_rows);
    free(reading);
}

bool reading_follows(const struct reading *now, const struct reading *before)
{
    return before && strcmp(now->started, before->started) == 0 && now->steady_s >= before->steady_s;
}

const struct top_exporter *reading_exporter(const struct reading *reading, const char *name)
{
    const struct top_exporter key = {.name = name};
    return bsearch(&key, reading->exporter_rows, reading->exporter_count, sizeof key, exporter_compare);
}

const struct top_output *reading_output(const struct reading *reading, const char *name)
{
    for (uint32_t i = 0; i < reading->output_count; i++)
        if (strcmp(reading->outputs[i].name, name) == 0)
            return &reading->outputs[i];
    return NULL;
}

double reading_rate(const struct reading *now, const struct reading *before, uint64_t count, uint64_t count_before)
{
    double seconds = before ? now->steady_s - before->steady_s : now->since_s;
    if (!before || count < count_before)
        count_before = 0;
    return seconds > 0 ? (double)(count - count_before) / seconds : NAN;
}

bool reading_lag(const struct top_output *now, const struct top_output *before, struct top_lag *lag)
{
    static const struct latency_sum none;
    const struct latency_sum *from = before ? &before->latency : &none;
    uint64_t total = 0, passed = 0;
    uint32_t bucket = 0;
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++)
        total += now->latency.documents[i] - from->documents[i];
    if (!total)
        return false;
    for (; bucket < LATENCY_BUCKETS; bucket++) {
        passed += now->latency.documents[bucket] - from->documents[bucket];
        if (passed * 100 >= total * 99)
            break;
    }
    lag->mean_s = (double)(now->latency.sum_us - from->sum_us) / 1e6 / (double)total;
    lag->most_s = bucket < LATENCY_BOUNDS ? (double)latency_bounds_ns[bucket] / NS_PER_S : INFINITY;
    return true;
}
