/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "decode/exporter_rates.h"
#include "decode/fact_rows.h"
#include "export/encode/derive.h"

#define INTERVAL_BITS 0x3fff /* v5, v6: of the header's 16, the others are the mode */

static void places_fill(struct derived *derived, const struct program *program, const struct record *record,
                        const struct known *known)
{
    for (uint32_t i = 0; i < program->lookup_count; i++) {
        const struct fact_lookup *lookup = &program->lookups[i];
        uint64_t key, condition = 1ull << (WHEN_FACT_FIRST + lookup->place);
        if (derived->conditions & condition || !fact_key_read(record, lookup->field, &key))
            continue;
        const struct fact *fact = known_find(known, lookup->kind, key);
        if (!fact)
            continue;
        derived->facts[lookup->place] = fact;
        derived->conditions |= condition;
    }
}

/* A rate that somebody says, and who; population 0: nobody does. */
struct said_rate {
    struct rate rate;
    enum rate_source source;
    bool unknown; /* the record names a sampler that nobody has told of */
};

static bool rate_by_fact(const struct known *known, enum fact_kind kind, uint64_t key, struct rate *rate)
{
    const struct fact *fact = known_find(known, kind, key);
    if (fact)
        *rate = fact_rate(fact);
    return fact;
}

static bool rate_by_configuration(const struct program *program, const struct record *record,
                                  const struct exporter_rates *rates, struct rate *rate)
{
    const uint16_t fields[] = {program->rates.ingress, program->rates.egress};
    for (int i = 0; i < 2 && rates->count; i++) {
        const struct rate *found =
            field_is_present(record, fields[i]) ? exporter_rates_find(rates, field_number(record, fields[i])) : NULL;
        if (found) {
            *rate = *found;
            return true;
        }
    }
    *rate = rates->whole;
    return rate->population > 0;
}

static bool rate_by_interface(const struct program *program, const struct record *record, const struct known *known,
                              struct rate *rate)
{
    const uint16_t fields[] = {program->rates.ingress, program->rates.egress};
    for (int i = 0; i < 2; i++)
        if (field_is_present(record, fields[i]) &&
            rate_by_fact(known, FACT_INTERFACE_RATE, field_number(record, fields[i]), rate))
            return true;
    return false;
}

/* What domain 0 says is of its own templates, though others may have the same ids. */
static bool rate_by_template(const struct known *known, struct rate *rate)
{
    const struct fact *fact =
        known->own ? facts_find(known->own, FACT_TEMPLATE_RATE, known->template_id) : NULL;
    if (fact)
        *rate = fact_rate(fact);
    return fact;
}

/* By the sampler or selector that the record names: 0 is none, and then it is not sampled. */
static bool rate_by_name(const struct record *record, const struct known *known, uint16_t field, enum fact_kind kind,
                         struct said_rate *said)
{
    if (!field_is_present(record, field))
        return false;
    uint64_t number = field_number(record, field);
    if (rate_by_fact(known, kind, number, &said->rate))
        return true;
    if (number == 0 && kind == FACT_SAMPLER_RATE) {
        said->rate = (struct rate){.population = 1, .size = 1};
        return true;
    }
    said->unknown = true;
    return false;
}

static struct said_rate rate_find(const struct program *program, const struct record *record,
                                  const struct message *message, const struct known *known)
{
    const struct rate_fields *fields = &program->rates;
    struct said_rate said = {.source = RATE_CONFIGURATION};
    if (known->rates && rate_by_configuration(program, record, known->rates, &said.rate))
        return said;
    said.source = RATE_RECORD;
    if (fields->has_own && rate_read(&fields->own, record, &said.rate))
        return said;
    said.source = RATE_SAMPLER;
    if (rate_by_name(record, known, fields->sampler, FACT_SAMPLER_RATE, &said))
        return said;
    said.source = RATE_SELECTOR;
    if (rate_by_name(record, known, fields->selector, FACT_SELECTOR_RATE, &said))
        return said;
    said.source = RATE_INTERFACE;
    if (rate_by_interface(program, record, known, &said.rate))
        return said;
    said.source = RATE_TEMPLATE;
    if (rate_by_template(known, &said.rate))
        return said;
    said.source = RATE_EXPORTER;
    if (rate_by_fact(known, FACT_RATE, 0, &said.rate))
        return said;
    said.source = RATE_HEADER;
    uint16_t interval = message->sampling & INTERVAL_BITS;
    said.rate = (struct rate){.population = interval, .size = interval > 0};
    return said;
}

/* The slot keeps its text from record to record. */
static void rate_render(struct derived *derived, const struct rate *rate)
{
    struct slot *slot = &derived->slots[SLOT_RATE];
    struct rate *rendered = &derived->explanation.rendered;
    if (rendered->population == rate->population && rendered->size == rate->size)
        return;
    *rendered = *rate;
    char *end = rate->size == 1 ? text_unsigned(slot->text, rate->population)
                                : text_double(slot->text, (double)rate->population / rate->size);
    slot->size_bytes = (uint64_t)(end - slot->text);
}

void derive_facts(struct derived *derived, const struct program *program, const struct record *record,
                  const struct message *message, const struct derive_context *context)
{
    struct explanation *explanation = &derived->explanation;
    places_fill(derived, program, record, context->known);
    const struct said_rate said = rate_find(program, record, message, context->known);
    explanation->rate.population = 0;
    if (!said.rate.population) {
        explanation->unknown += said.unknown;
        return;
    }
    rate_render(derived, &said.rate);
    derived->words[WORD_RATE_SOURCE] = &context->words->rate_source[said.source];
    derived->conditions |= 1ull << WHEN_RATE;
    if (said.rate.population == said.rate.size)
        return;
    explanation->rate = said.rate;
    explanation->scaled++;
}
