/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What the checks of weir doctor found, in their order. One thread. */

enum finding_kind {
    FINDING_OK,
    FINDING_CHANGE,  /* weir runs, and would run better */
    FINDING_STOP,    /* weir does not start like this, or receives nothing */
    FINDING_UNKNOWN, /* it cannot be seen from here */
    FINDING_KINDS
};

struct finding {
    const char *check;     /* name of its row; constant */
    const char *interface; /* NULL: of the whole machine */
    enum finding_kind kind;
    char *found;
    char *remedy; /* a command, or a line of the configuration; NULL: none */
};

struct report {
    struct finding *items;
    uint32_t count;
    bool no_memory;    /* something is missing */
    const char *check; /* what the next findings belong to */
    const char *interface;
};

/* Adds a finding. */
void report_add(struct report *report, enum finding_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What mends the last finding. */
void report_remedy(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How many findings are of that kind. */
uint32_t report_count(const struct report *report, enum finding_kind kind);

void report_print_text(FILE *stream, const struct report *report);

/* One object: {"findings": [...], "counts": {...}}. Returns false for want of memory. */
bool report_print_json(FILE *stream, const struct report *report);

void report_fini(struct report *report);
