/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/counter.h"
#include "decode/facts.h"
#include "decode/rate.h"

/*
 * Which options records make which facts: the rows of decode/fact_rows.c, resolved for one options template when its
 * plan is made.
 */
struct fact_use {
    uint8_t kind;           /* enum fact_kind */
    uint8_t counter_row;    /* FACT_REPORT: index into the rows of reports */
    uint16_t key_field;     /* of the plan; FACT_NO_FIELD: the key is 0 */
    uint16_t value_field;   /* but for rates */
    struct rate_use rate;   /* of kinds of rates */
    uint16_t enterprise_field, type_field; /* of elements */
};

#define FACT_NO_FIELD 0xffff
#define FACT_USES_MOST 24 /* of one template */

/* Resolves the fields of an options template; returns how many uses there are. */
uint32_t fact_uses_find(const struct field *fields, uint32_t count, struct fact_use uses[FACT_USES_MOST]);

/* The counter that takes what a statistic grew by. */
enum counter fact_report_counter(const struct fact_use *use);

/* The key that a field of a record names: false where it has none. */
bool fact_key_read(const struct record *record, uint16_t field, uint64_t *key);
