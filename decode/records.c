/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "decode/element_rows.h"
#include "decode/state.h"

/* Elastic's loop over records of variable length counts in 16 bits with sign. */
#define CAPPED_RECORDS 32767

#define ALIGNMENT 4 /* of sets, as RFC 3954 5.3 asks and RFC 7011 3.3.1 allows */

/*
 * Padding is zeroes (RFC 7011 3.3.1), but for what fills a set up to four bytes: there, exporters leave what their
 * memory held (nProbe). `filler` is how many bytes that may be.
 */
static bool is_padding(const uint8_t *at, const uint8_t *end, uint32_t filler)
{
    if (end - at <= (ptrdiff_t)filler)
        return true;
    while (at < end && *at == 0)
        at++;
    return at == end;
}

static uint8_t filler_most(const struct set *set)
{
    return (set->end - set->body) % ALIGNMENT ? 0 : ALIGNMENT - 1;
}

/* Anything else that no record fits into is a record that was cut. */
static void rest_count(struct decoder *decoder, const uint8_t *at, const uint8_t *end)
{
    if (is_padding(at, end, decoder->walk.filler))
        return;
    decoder->walk.counts.unread += (uint16_t)(end - at);
    decoder_count(decoder, COUNTER_records_cut, 1);
}

void records_begin(struct decoder *decoder, const struct plan *plan, const struct set *set)
{
    struct walk *walk = &decoder->walk;
    walk->plan = plan;
    walk->set_id = set->id;
    walk->filler = filler_most(set);
    walk->record = set->body;
    walk->record_end = set->end;
    if (plan->variable) {
        walk->records_left = decoder->profile->records_per_set_capped ? CAPPED_RECORDS : UINT32_MAX;
        return;
    }
    uint32_t body_bytes = (uint32_t)(set->end - set->body);
    walk->records_left = body_bytes / plan->record_bytes;
    rest_count(decoder, set->body + walk->records_left * plan->record_bytes, set->end);
}

static uint32_t records_fixed(struct walk *walk, struct chunk *chunk)
{
    const struct plan *plan = walk->plan;
    uint32_t count = walk->records_left < CHUNK_RECORDS ? walk->records_left : CHUNK_RECORDS;
    uint32_t record_bytes = plan->record_bytes;
    const uint8_t *at = walk->record;
    for (uint32_t i = 0; i < count; i++, at += record_bytes)
        chunk->records[i] = (struct record){.bytes = at, .spans = plan->spans, .size_bytes = record_bytes};
    walk->record = at;
    walk->records_left -= count;
    return count;
}

struct span span_checked(const struct elements *elements, const struct field *field, const uint8_t *at,
                         struct span span)
{
    const struct element *element = elements_at(elements, field->element);
    uint32_t offset = span.offset, length = span.length;
    span.length = SPAN_ABSENT;
    if (!element_takes(element, length))
        return span;
    if (element->value_bytes && length > element->value_bytes) {
        uint32_t surplus = length - element->value_bytes;
        return is_padding(at, at + surplus, 0) ? span_of(0, offset + surplus, element->value_bytes) : span;
    }
    return span_of(length > 8 && (field->type == TYPE_UNSIGNED || field->type == TYPE_SIGNED) ? FIELD_WIDE : 0, offset,
                   length);
}

const uint8_t *plan_resolve(const struct plan *plan, const struct elements *elements, const uint8_t *at,
                            const uint8_t *end, struct span *spans)
{
    const uint8_t *start = at;
    for (uint32_t i = 0; i < plan->field_count; i++) {
        const struct field *field = &plan->fields[i];
        uint32_t length = field->length;
        if (length == LENGTH_VARIABLE) {
            if (end - at < 1)
                return NULL;
            length = *at++;
            if (length == 255) {
                if (end - at < 2)
                    return NULL;
                length = read_be16(at);
                at += 2;
            }
        }
        if (end - at < (ptrdiff_t)length)
            return NULL;
        uint32_t offset = (uint32_t)(at - start);
        spans[i] = span_of(field->flags, offset, length);
        if (field->flags & FIELD_OPTIONAL)
            spans[i] = span_checked(elements, field, at, spans[i]);
        at += length;
    }
    return at;
}

bool records_fit(struct decoder *decoder, const struct plan *plan, const struct set *set, bool *any)
{
    const uint8_t *at = set->body;
    if (plan->variable) {
        for (const uint8_t *next = at; next && set->end - at >= plan->record_bytes;) {
            next = plan_resolve(plan, decoder->elements, at, set->end, decoder->spans);
            at = next ? next : at;
        }
    } else if (!plan_is_empty(plan)) {
        at = set->end - (set->end - set->body) % plan->record_bytes;
    }
    *any = at > set->body;
    return is_padding(at, set->end, filler_most(set));
}

static uint32_t records_variable(struct decoder *decoder, struct chunk *chunk)
{
    struct walk *walk = &decoder->walk;
    uint32_t most = walk->records_left < CHUNK_RECORDS ? walk->records_left : CHUNK_RECORDS, count = 0;
    struct span *spans = decoder->spans;
    while (count < most) {
        const uint8_t *end = NULL;
        if (walk->record_end - walk->record >= walk->plan->record_bytes)
            end = plan_resolve(walk->plan, decoder->elements, walk->record, walk->record_end, spans);
        if (!end) {
            rest_count(decoder, walk->record, walk->record_end);
            walk->records_left = 0;
            return count;
        }
        chunk->records[count++] =
            (struct record){.bytes = walk->record, .spans = spans, .size_bytes = (uint32_t)(end - walk->record)};
        spans += walk->plan->field_count;
        walk->record = end;
        walk->records_left--;
    }
    return count;
}

/* Records of an exporter whose clock is off. */
static void clock_count(struct decoder *decoder, uint32_t count)
{
    decoder_count(decoder, COUNTER_records_clock_off, count);
    if (decoder->message.shift_ms)
        decoder_count(decoder, COUNTER_records_clock_corrected, count);
}

uint32_t records_take(struct decoder *decoder, struct chunk *chunk)
{
    struct walk *walk = &decoder->walk;
    uint32_t count = walk->plan->variable ? records_variable(decoder, chunk) : records_fixed(walk, chunk);
    if (count == 0)
        return 0;
    chunk->plan = walk->plan;
    if (walk->plan->sectioned)
        sections_convert(decoder, chunk, count);
    chunk->message = &decoder->message;
    chunk->position = walk->records_taken;
    chunk->count = count;
    chunk->known = known_of(decoder);
    walk->records_taken += count;
    walk->counts.records += (uint16_t)count;
    decoder_count(decoder, COUNTER_records_received, count);
    if (decoder->message.clock_off)
        clock_count(decoder, count);
    if (walk->plan->kind == PLAN_OPTIONS) {
        walk->counts.options += (uint16_t)count;
        decoder_count(decoder, COUNTER_options_records, count);
        if (walk->plan->fact_count)
            facts_learn(decoder, chunk);
    }
    return count;
}
