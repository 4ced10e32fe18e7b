/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/plans.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "decode/element_names.h"
#include "decode/fact_rows.h"
#include "decode/pages.h"
#include "decode/properties.h"
#include "decode/sections.h"

/*
 * Ten thousand exporters of one model share a plan, so the most are a network of very many models, or somebody who
 * makes them up. Plan and encode program together take more than the share, so memory is what ends first.
 */
#define PLANS_LEAST      256
#define PLANS_MOST       65536
#define PLAN_SHARE_BYTES 1024

struct plans {
    struct heap *heap;
    struct plan **buckets; /* as many chains as there may be plans */
    uint32_t most;         /* a power of two */
    uint32_t *free_indexes;
    uint32_t free_count;
    uint32_t index_next; /* indexes from here on were never used */
    uint32_t empty_count;
    uint64_t serial_last;
    uint64_t seed;
};

struct plans *plans_new(struct heap *heap, uint64_t memory_bytes)
{
    struct plans *plans = calloc(1, sizeof *plans);
    if (!plans)
        return NULL;
    plans->heap = heap;
    plans->most = PLANS_LEAST;
    while (plans->most < PLANS_MOST && plans->most < memory_bytes / PLAN_SHARE_BYTES)
        plans->most *= 2;
    plans->buckets = pages_take(plans->most * sizeof *plans->buckets);
    plans->free_indexes = pages_take(plans->most * sizeof *plans->free_indexes);
    if (!plans->buckets || !plans->free_indexes ||
        getrandom(&plans->seed, sizeof plans->seed, 0) != sizeof plans->seed) {
        plans_free(plans);
        return NULL;
    }
    return plans;
}

void plans_free(struct plans *plans)
{
    if (!plans)
        return;
    for (uint32_t i = 0; plans->buckets && plans->index_next && i < plans->most; i++) {
        for (struct plan *plan = plans->buckets[i], *next; plan; plan = next) {
            next = plan->next;
            heap_give(plans->heap, plan, plan->size_bytes);
        }
    }
    pages_give(plans->buckets, plans->most * sizeof *plans->buckets);
    pages_give(plans->free_indexes, plans->most * sizeof *plans->free_indexes);
    free(plans);
}

uint32_t plans_most(const struct plans *plans)
{
    return plans->most;
}

uint32_t plans_count(const struct plans *plans)
{
    return plans->index_next - plans->free_count;
}

uint32_t plans_empty_count(const struct plans *plans)
{
    return plans->empty_count;
}

static size_t properties_bytes(const struct plan_draft *draft)
{
    return draft->property_count * sizeof *draft->properties;
}

static uint64_t draft_hash(const struct plans *plans, const struct plan_draft *draft)
{
    uint64_t kind = (uint64_t)!draft->sections << 24 | (uint64_t)draft->version << 16 | (uint64_t)draft->kind << 8 |
                    draft->aggregation;
    if (draft->names)
        kind ^= XXH3_64bits_withSeed(draft->names, draft->names->size_bytes, plans->seed);
    if (draft->property_count)
        kind ^= XXH3_64bits_withSeed(draft->properties, properties_bytes(draft), plans->seed + 1);
    return XXH3_64bits_withSeed(draft->fields, draft->field_count * sizeof *draft->fields, plans->seed ^ kind);
}

static bool names_equal(const struct field_names *one, const struct field_names *other)
{
    if (!one || !other)
        return one == other;
    return one->size_bytes == other->size_bytes && memcmp(one, other, one->size_bytes) == 0;
}

static bool properties_equal(const struct plan *plan, const struct plan_draft *draft)
{
    return plan->property_count == draft->property_count &&
           (!draft->property_count || memcmp(plan->properties, draft->properties, properties_bytes(draft)) == 0);
}

/*
 * v8's schemes have spans of their own, but no two of them the same version and aggregation. Sectioned plans have, too,
 * and some the fields that a template has.
 */
static bool plan_matches(const struct plan *plan, const struct plan_draft *draft, uint64_t hash)
{
    return plan->hash == hash && plan->version == draft->version && plan->kind == draft->kind &&
           plan->aggregation == draft->aggregation && !plan->sections == !draft->sections &&
           plan->field_count == draft->field_count &&
           memcmp(plan->fields, draft->fields, draft->field_count * sizeof *draft->fields) == 0 &&
           names_equal(plan->names, draft->names) && properties_equal(plan, draft);
}

/*
 * One behind the other; returns the bytes of the shortest record. *variable: records have spans of their own. Offsets
 * that no record reaches are never read.
 */
static uint32_t spans_lay(const struct plan_draft *draft, struct span *spans, bool *variable)
{
    uint64_t offset = 0;
    for (uint32_t i = 0; i < draft->field_count; i++) {
        const struct field *field = &draft->fields[i];
        if (field->length == LENGTH_VARIABLE) {
            *variable = true;
            spans[i] = (struct span){.offset = (uint16_t)offset, .length = SPAN_ABSENT};
            offset += 1; /* its length byte */
        } else {
            *variable |= field->flags & FIELD_LONG;
            spans[i] = span_of(field->flags, (uint32_t)offset, field->length);
            offset += field->length;
        }
    }
    return offset < UINT16_MAX ? (uint32_t)offset : UINT16_MAX;
}

static bool index_take(struct plans *plans, uint32_t *index)
{
    if (plans->free_count)
        *index = plans->free_indexes[--plans->free_count];
    else if (plans->index_next < plans->most)
        *index = plans->index_next++;
    else
        return false;
    return true;
}

static_assert((sizeof(struct field) + sizeof(struct span)) % _Alignof(struct field_names) == 0, "names follow spans");
static_assert(_Alignof(struct field) <= _Alignof(struct field_names), "properties follow names");
static_assert(_Alignof(struct fact_use) <= _Alignof(struct field), "facts follow properties");
static_assert(_Alignof(struct section_layout) <= _Alignof(struct fact_use), "sections follow facts");

static bool any_nameable(const struct plan_draft *draft)
{
    for (uint32_t i = 0; i < draft->field_count; i++)
        if ((!draft->fields[i].element && !(draft->fields[i].flags & FIELD_COMPUTED)) ||
            field_is_properties_id(&draft->fields[i]))
            return true;
    return false;
}

/* The plan, its fields, its spans, their names, properties, what is to be learned, where packets are: one block. */
static struct plan *plan_make(struct plans *plans, const struct plan_draft *draft, uint64_t hash)
{
    size_t fields_bytes = draft->field_count * sizeof(struct field);
    size_t spans_bytes = draft->field_count * sizeof(struct span);
    size_t facts_bytes = draft->fact_count * sizeof(struct fact_use);
    size_t names_bytes = draft->names ? draft->names->size_bytes : 0;
    size_t sections_bytes = draft->sections ? sizeof *draft->sections : 0;
    size_t size_bytes = sizeof(struct plan) + fields_bytes + spans_bytes + names_bytes + properties_bytes(draft) +
                        facts_bytes + sections_bytes;
    uint32_t index;
    struct plan *plan = heap_take(plans->heap, size_bytes);
    if (!plan)
        return NULL;
    if (!index_take(plans, &index)) {
        heap_give(plans->heap, plan, size_bytes);
        return NULL;
    }
    struct field *fields = (struct field *)(plan + 1);
    struct span *spans = (struct span *)(fields + draft->field_count);
    bool variable = false;
    uint32_t record_bytes = draft->record_bytes;
    struct field_names *names = (struct field_names *)(spans + draft->field_count);
    struct field *properties = (struct field *)((char *)names + names_bytes);
    struct fact_use *facts = (struct fact_use *)(properties + draft->property_count);
    struct section_layout *sections = draft->sections ? (struct section_layout *)(facts + draft->fact_count) : NULL;
    memcpy(fields, draft->fields, fields_bytes);
    if (sections)
        *sections = *draft->sections;
    if (draft->names)
        memcpy(names, draft->names, names_bytes);
    if (draft->property_count)
        memcpy(properties, draft->properties, properties_bytes(draft));
    if (facts_bytes)
        memcpy(facts, draft->facts, facts_bytes);
    if (draft->spans)
        memcpy(spans, draft->spans, spans_bytes);
    else
        record_bytes = spans_lay(draft, spans, &variable);
    *plan = (struct plan){
        .index = index,
        .field_count = (uint16_t)draft->field_count,
        .record_bytes = (uint16_t)record_bytes,
        .version = draft->version,
        .kind = draft->kind,
        .nameable = any_nameable(draft),
        .variable = variable,
        .aggregation = draft->aggregation,
        .serial = ++plans->serial_last,
        .spans = spans,
        .fields = fields,
        .facts = facts,
        .fact_count = draft->fact_count,
        .properties = properties,
        .property_count = draft->property_count,
        .sections = sections,
        .names = draft->names ? names : NULL,
        .hash = hash,
        .size_bytes = (uint32_t)size_bytes,
    };
    return plan;
}

struct plan *plans_intern(struct plans *plans, const struct plan_draft *draft)
{
    uint64_t hash = draft_hash(plans, draft);
    struct plan **bucket = &plans->buckets[hash & (plans->most - 1)];
    struct plan *plan = *bucket;
    while (plan && !plan_matches(plan, draft, hash))
        plan = plan->next;
    if (!plan) {
        plan = plan_make(plans, draft, hash);
        if (!plan)
            return NULL;
        plan->next = *bucket;
        *bucket = plan;
        plans->empty_count += plan_is_empty(plan);
    }
    plan->uses++;
    return plan;
}

void plans_release(struct plans *plans, struct plan *plan)
{
    if (--plan->uses)
        return;
    if (plan->sectioned)
        plans_release(plans, plan->sectioned); /* which has none itself */
    struct plan **link = &plans->buckets[plan->hash & (plans->most - 1)];
    while (*link != plan)
        link = &(*link)->next;
    *link = plan->next;
    plans->empty_count -= plan_is_empty(plan);
    plans->free_indexes[plans->free_count++] = plan->index;
    heap_give(plans->heap, plan, plan->size_bytes);
}
