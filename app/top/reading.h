/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/ledger.h"
#include "base/counter.h"
#include "export/latency.h"

/* What the API said at one time, as numbers; and what happened between two such readings. */

enum top_unit { TOP_DATAGRAMS, TOP_SETS, TOP_RECORDS, TOP_UNITS }; /* that exporters have */

struct top_exporter {
    const char *name;    /* "192.0.2.1:2055" */
    const char *address;
    char versions[32];   /* "v9 ipfix" */
    double first_s, seen_s; /* UTC */
    double skew_s;          /* its clock less the collector's; NAN: not known */
    uint64_t templates, in_flight;
    uint64_t dropped[TOP_UNITS];
    uint64_t counts[COUNTER_EXPORTER_COUNT];
};

struct top_output {
    const char *name, *type;
    struct ledger_unit unit;
    uint64_t spooled, spool_bytes;
    uint64_t counts[COUNTER_COUNT];
    struct latency_sum latency;
};

struct reading {
    json_t *api, *ledger, *exporters; /* texts below belong to them */
    const char *version, *started;
    bool ready;
    double steady_s;  /* the collector's clock that never jumps */
    double since_s;   /* since its start */
    double utc_s;
    struct ledger_unit units[LEDGER_UNITS];
    uint64_t counts[COUNTER_COUNT];
    struct top_output *outputs;
    uint32_t output_count;
    struct top_exporter *exporter_rows;
    uint32_t exporter_count; /* rows */
    uint32_t exporter_total; /* that there are */
};

/*
 * Takes references to the answers of /api, /api/ledger and /api/exporters. NULL for want of memory, or where the
 * answers are not of that form. reading_free() ends it.
 */
struct reading *reading_new(json_t *api, json_t *ledger, json_t *exporters);
void reading_free(struct reading *reading);

/* Is it the same run of weir, later? Otherwise nothing can be said of what happened between the two. */
bool reading_follows(const struct reading *now, const struct reading *before);

/* The exporter of that name in a reading, NULL when it is not listed. */
const struct top_exporter *reading_exporter(const struct reading *reading, const char *name);
const struct top_output *reading_output(const struct reading *reading, const char *name);

/*
 * Counts a second between two readings; since the start where before is NULL. A counter that went back began anew.
 * NAN where no time passed.
 */
double reading_rate(const struct reading *now, const struct reading *before, uint64_t count, uint64_t count_before);

/* Time from receipt to acknowledgement of what was acknowledged between two readings. False when nothing was. */
struct top_lag {
    double mean_s;
    double most_s; /* 99 of 100 took no longer; INFINITY: longer than the histogram goes */
};

bool reading_lag(const struct top_output *now, const struct top_output *before, struct top_lag *lag);

/* "2026-01-01T00:00:00.123Z" as seconds since 1970; 0 when it is none. */
double reading_time(const char *text);
