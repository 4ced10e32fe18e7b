/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/top/format.h"
#include "app/top/reading.h"

/* The table of exporters: its columns, and the order of its rows. */

struct column {
    const char *name;    /* of --sort */
    const char *title;
    int width;           /* of numbers; the first column has what the longest name takes */
    const char *sort;    /* what /api/exporters sorts by to have the ones with most first */
    bool small_first;    /* as text, and as ages */
    /* The number to show, and to sort by whatever its sign; NAN: not known. NULL: sorted by text. */
    double (*number)(const struct reading *now, const struct reading *before, const struct top_exporter *exporter);
    const char *(*text)(char *text, double number);
    const char *help;
};

extern const struct column columns[];
extern const uint32_t column_count;

#define COLUMN_FIRST   0 /* the exporter */
#define COLUMN_VERSION 1
#define COLUMN_DEFAULT 2 /* records a second */

/* column_count when there is none of that name. */
uint32_t column_find(const char *name);

struct table_order {
    uint32_t column;
    bool reversed;
};

/* The exporters of a reading in order; the caller frees it. NULL for want of memory. Equal ones stand by name. */
const struct top_exporter **table_sort(const struct reading *now, const struct reading *before,
                                       const struct table_order *order);

/* A cell's text: FORMAT_MOST bytes of room for those that are numbers. */
const char *table_cell(char *text, const struct column *column, const struct reading *now,
                       const struct reading *before, const struct top_exporter *exporter);
