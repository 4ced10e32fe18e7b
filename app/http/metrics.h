/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "app/http/page.h"
#include "app/ledger.h"

/* Prometheus' text format (0.0.4), family by family. Inside of the metrics' .c files. */

/* A metric's name is put together of up to three parts: "weir_", "exporter_" and a row's name, "_total". */
struct metric {
    const char *group; /* "", "exporter_", "output_" */
    const char *name;
    const char *type;  /* "counter", "gauge", "histogram" */
    const char *help;
};

/* HELP and TYPE; begins the family. */
void metric_begin(FILE *stream, const struct metric *metric);

/* The name of a sample, with _total for a counter. Labels, a blank and the value follow. */
void metric_name(FILE *stream, const struct metric *metric);

/* A sample with one label, its text escaped; label NULL: without. */
void metric_count(FILE *stream, const struct metric *metric, const char *label, const char *text, uint64_t value);

/* A family of one sample without labels. */
void metric_single(FILE *stream, const struct metric *metric, double value);

/* The inside of a label's quotes. */
void metric_text(FILE *stream, const char *text);

/* The process: what Prometheus' client libraries have of every process, under their names. */
void metrics_process(FILE *stream);

/* One sample an exporter, for those that have series of their own. */
void metrics_exporters(FILE *stream, const struct http_site *site);

/* Counters, gauges and the histogram of each output. */
void metrics_outputs(FILE *stream, const struct http_site *site, const struct ledger *ledger);

/* Does an output keep this counter of its own? */
static inline bool metric_of_outputs(const struct counter_row *row)
{
    return row->scope == SCOPE_OUTPUT || (row->unit == UNIT_RECORDS && row->part != PART_NONE);
}
