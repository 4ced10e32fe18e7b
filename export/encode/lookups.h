/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/facts.h"
#include "decode/plan.h"

/* What records of a plan have looked up in the facts of their exporter: found once, when the plan is compiled. */

struct fact_lookup {
    uint16_t field; /* whose value is the key */
    uint8_t kind;   /* enum fact_kind */
    uint8_t place;  /* enum fact_place; the first lookup that finds something fills it */
};

#define LOOKUPS_MOST 32

/* The fields that tell which sampling rate a record's counters have; FIELD_NONE where there are none. */
struct rate_fields {
    struct rate_use own; /* with has_own */
    bool has_own;
    uint16_t sampler, selector;
    uint16_t ingress, egress;
};

/* Returns how many lookups there are. swaps: source and destination may change places in a document. */
uint32_t lookups_find(const struct plan *plan, bool swaps, struct fact_lookup lookups[LOOKUPS_MOST]);

void rate_fields_find(const struct plan *plan, struct rate_fields *rates);

/* Do records of the plan say by themselves that they are sampled? */
bool plan_tells_sampling(const struct plan *plan);
