/* SPDX-License-Identifier: Apache-2.0 */
#include "app/top/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ---- */

/*
 * Counts a second. An exporter that the reading before lacks is new, if that one had all; on the first reading its
 * average since it was first seen is told.
 */
static double rate_of(const struct reading *now, const struct reading *before, const struct top_exporter *exporter,
                      enum counter counter)
{
    if (!before) {
        double seconds = now->utc_s - exporter->first_s;
        return seconds > 0 && exporter->first_s > 0 ? (double)exporter->counts[counter] / seconds : NAN;
    }
    const struct top_exporter *earlier = reading_exporter(before, exporter->name);
    if (!earlier && before->exporter_count < before->exporter_total)
        return NAN;
    return reading_rate(now, before, exporter->counts[counter], earlier ? earlier->counts[counter] : 0);
}

#define RATE(counter)                                                                                                 \
    static double rate_##counter(const struct reading *now, const struct reading *before,                             \
                                 const struct top_exporter *exporter)                                                 \
    {                                                                                                                 \
        return rate_of(now, before, exporter, COUNTER_##counter);                                                     \
    }
#define VALUE(name, expression)                                                                                       \
    static double value_##name(const struct reading *now, const struct reading *before,                               \
                               const struct top_exporter *exporter)                                                   \
    {                                                                                                                 \
        (void)now, (void)before;                                                                                      \
        return expression;                                                                                            \
    }

RATE(records_received)
RATE(datagrams_received)
RATE(datagram_bytes)
VALUE(records, (double)exporter->counts[COUNTER_records_received])
VALUE(datagrams, (double)exporter->counts[COUNTER_datagrams_received])
VALUE(dropped_datagrams, (double)exporter->dropped[TOP_DATAGRAMS])
VALUE(dropped_sets, (double)exporter->dropped[TOP_SETS])
VALUE(dropped_records, (double)exporter->dropped[TOP_RECORDS])
VALUE(missing_datagrams, (double)exporter->counts[COUNTER_datagrams_missing])
VALUE(missing_records, (double)exporter->counts[COUNTER_records_missing])
VALUE(missing_samples, (double)exporter->counts[COUNTER_samples_missing])
VALUE(resets, (double)exporter->counts[COUNTER_sequence_resets])
VALUE(templates, (double)exporter->templates)
VALUE(in_flight, (double)exporter->in_flight)
VALUE(skew, exporter->skew_s)
VALUE(age, exporter->seen_s > 0 && now->utc_s > exporter->seen_s ? now->utc_s - exporter->seen_s : 0)

static const char *count_text(char *text, double number)
{
    return format_count(text, (uint64_t)number);
}

/* ---- the table ---- */

const struct column columns[] = {
    {"exporter", "EXPORTER", 0, "exporter", true, NULL, NULL, "address and port"},
    {"version", "VERSION", 8, "exporter", true, NULL, NULL, "what it sent"},
    {"records/s", "RECORDS/S", 10, "records_received", false, rate_records_received, format_rate,
     "data records decoded"},
    {"datagrams/s", "DATAGR/S", 9, "datagrams_received", false, rate_datagrams_received, format_rate,
     "datagrams handed to the decoder"},
    {"bytes/s", "BYTES/S", 8, "datagram_bytes", false, rate_datagram_bytes, format_rate, "bytes of their payload"},
    {"dropped-datagrams", "DROP-DGR", 9, "dropped_datagrams", false, value_dropped_datagrams, count_text,
     "datagrams dropped"},
    {"dropped-sets", "DROP-SETS", 10, "dropped_sets", false, value_dropped_sets, count_text,
     "sets dropped: of unknown templates, damaged"},
    {"dropped-records", "DROP-RECS", 10, "dropped_records", false, value_dropped_records, count_text,
     "records dropped: by full outputs, refused"},
    {"missing-datagrams", "MISS-DGR", 9, "datagrams_missing", false, value_missing_datagrams, count_text,
     "datagrams missing, by the sequence numbers of v9 and sFlow"},
    {"missing-records", "MISS-RECS", 10, "records_missing", false, value_missing_records, count_text,
     "records missing, by those of v5 to v8 and IPFIX"},
    {"missing-samples", "MISS-SMPL", 10, "samples_missing", false, value_missing_samples, count_text,
     "samples missing, by those of sFlow's data sources"},
    {"records", "RECORDS", 14, "records_received", false, value_records, count_text, "data records, in all"},
    {"datagrams", "DATAGRAMS", 13, "datagrams_received", false, value_datagrams, count_text, "datagrams, in all"},
    {"resets", "RESETS", 7, "sequence_resets", false, value_resets, count_text, "jumps of the sequence number"},
    {"templates", "TEMPL", 7, "templates", false, value_templates, count_text, "templates known"},
    {"in-flight", "IN-FLIGHT", 10, "in_flight", false, value_in_flight, count_text, "documents not acknowledged yet"},
    {"clock", "CLOCK", 8, "clock_skew_ms", false, value_skew, format_skew,
     "its clock less ours, estimated; the most off first"},
    {"seen", "SEEN", 7, "last_seen", true, value_age, format_seconds, "since its last datagram"},
};

const uint32_t column_count = sizeof columns / sizeof *columns;

uint32_t column_find(const char *name)
{
    uint32_t at = 0;
    while (at < column_count && strcmp(columns[at].name, name) != 0)
        at++;
    return at;
}

const char *table_cell(char *text, const struct column *column, const struct reading *now,
                       const struct reading *before, const struct top_exporter *exporter)
{
    if (column->number)
        return column->text(text, column->number(now, before, exporter));
    return column == &columns[COLUMN_VERSION] ? exporter->versions : exporter->name;
}

/* ---- sorting ---- */

struct sorted {
    const struct top_exporter *exporter;
    double number;
};

struct comparing {
    const struct column *column;
    bool descending;
};

static int sorted_compare(const void *one, const void *other, void *argument)
{
    const struct sorted *first = one, *second = other;
    const struct comparing *comparing = argument;
    int by_name = strcmp(first->exporter->name, second->exporter->name);
    int order = 0;
    if (comparing->column == &columns[COLUMN_FIRST])
        return comparing->descending ? -by_name : by_name;
    if (!comparing->column->number)
        order = strcmp(first->exporter->versions, second->exporter->versions);
    else if (first->number != second->number)
        order = first->number < second->number ? -1 : 1;
    return order == 0 ? by_name : comparing->descending ? -order : order;
}

const struct top_exporter **table_sort(const struct reading *now, const struct reading *before,
                                       const struct table_order *order)
{
    struct comparing comparing = {&columns[order->column], columns[order->column].small_first == order->reversed};
    struct sorted *sorted = calloc(now->exporter_count + 1, sizeof *sorted);
    const struct top_exporter **list = calloc(now->exporter_count + 1, sizeof *list);
    for (uint32_t i = 0; sorted && list && i < now->exporter_count; i++) {
        const struct top_exporter *exporter = &now->exporter_rows[i];
        double number = comparing.column->number ? comparing.column->number(now, before, exporter) : 0;
        sorted[i] = (struct sorted){exporter, isnan(number) ? -1 : fabs(number)};
    }
    if (sorted && list) {
        qsort_r(sorted, now->exporter_count, sizeof *sorted, sorted_compare, &comparing);
        for (uint32_t i = 0; i < now->exporter_count; i++)
            list[i] = sorted[i].exporter;
        free(sorted);
        return list;
    }
    free(sorted);
    free(list);
    return NULL;
}
