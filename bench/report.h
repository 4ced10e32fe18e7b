/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The results as JSON: an object of lists of rows, written as they come, and the verdicts on the targets, which are
 * printed at the end. The table on standard output is each section's own.
 */
#define REPORT_TARGETS_MOST 16

struct report_target {
    const char *name; /* static, as is unit */
    const char *unit;
    double most;
    double value;
};

struct report {
    FILE *json;
    bool first_row;
    bool first_value;
    struct report_target targets[REPORT_TARGETS_MOST];
    uint32_t target_count;
};

/* Returns 0 or -errno, having said so. */
int report_open(struct report *report, const char *path);
/* Prints the targets and whether they were met, and ends the file. Returns 0 or -errno, having said so. */
int report_close(struct report *report);

void report_list_begin(struct report *report, const char *name);
void report_list_end(struct report *report);
void report_row_begin(struct report *report);
void report_row_end(struct report *report);
void report_text(struct report *report, const char *name, const char *text); /* text needs no escapes */
void report_number(struct report *report, const char *name, double value);
void report_unknown(struct report *report, const char *name);

void report_target(struct report *report, const struct report_target *target);
