/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/heap.h"
#include "decode/plan.h"

/* More than 8 bytes of an integer: its span holds the last 8 of them, for the value is their low 64 bits. */
#define FIELD_WIDE (1 << 2)

/* What a plan is made of: fields resolved, one behind the other unless spans say otherwise. */
struct plan_draft {
    const struct field *fields;
    const struct span *spans; /* NULL: from the fields' lengths */
    uint32_t field_count;     /* at most 65535 */
    uint32_t record_bytes;    /* with spans */
    uint8_t version;
    uint8_t kind;             /* enum plan_kind */
    uint8_t aggregation;
    const struct fact_use *facts; /* fact_count; they follow from the fields */
    uint32_t fact_count;
    const struct field_names *names;       /* NULL: none */
    const struct field *properties;        /* property_count */
    uint32_t property_count;
    const struct section_layout *sections; /* they follow from the fields, too; NULL: none */
};

/* A worker's plans, interned by content. */
struct plans;

/* memory_bytes: the heap's cap, which says how many plans there can be at all. */
struct plans *plans_new(struct heap *heap, uint64_t memory_bytes);
void plans_free(struct plans *plans); /* all plans with it */

/* The plan of that content, with one use more: the one that is there, or a new one; NULL for want of memory. */
struct plan *plans_intern(struct plans *plans, const struct plan_draft *draft);
static inline void plan_retain(struct plan *plan)
{
    plan->uses++;
}

/* Ends one use. */
void plans_release(struct plans *plans, struct plan *plan);

uint32_t plans_most(const struct plans *plans);
uint32_t plans_count(const struct plans *plans);

/* Plans whose records have no bytes: as long as there are none, no data set can be of such a template. */
uint32_t plans_empty_count(const struct plans *plans);

static inline bool plan_is_empty(const struct plan *plan)
{
    return plan->record_bytes == 0;
}

/* Where the value lies in a field of `length` bytes at `offset`. */
static inline struct span span_of(uint8_t flags, uint32_t offset, uint32_t length)
{
    if (flags & FIELD_WIDE)
        return (struct span){.offset = (uint16_t)(offset + length - 8), .length = 8};
    return (struct span){.offset = (uint16_t)offset, .length = (uint16_t)length};
}
