/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "base/text.h"
#include "decode/element_names.h"
#include "decode/exporter_rates.h"
#include "decode/fact_rows.h"
#include "decode/properties.h"
#include "decode/state.h"

/* What options records say of their exporter, kept for the records of its flows. */

/* Of the session of the message; NULL for want of memory. */
static struct facts *facts_open(struct decoder *decoder)
{
    struct session *session = session_open(decoder);
    if (!session || session->facts)
        return session ? session->facts : NULL;
    session->facts = facts_new(decoder->heap, decoder->facts_seed);
    if (session->facts && session->key.domain == 0)
        decoder->general_facts++;
    return session->facts;
}

static enum counter counter_of(const struct decoder *decoder, enum fact_verdict verdict)
{
    if (verdict == FACT_OVER_CAP)
        return COUNTER_facts_over_exporter_cap;
    if (verdict == FACT_NO_MEMORY)
        return COUNTER_facts_over_memory_cap;
    if (decoder->told)
        return decoder->told_by_others ? COUNTER_facts_shared : COUNTER_facts_restored;
    return verdict == FACT_CHANGED ? COUNTER_facts_changed : COUNTER_facts_learned;
}

/* The facts were changed by the message at hand, or are taken from elsewhere. */
static void facts_date(const struct decoder *decoder, struct facts *facts)
{
    const struct message *message = &decoder->message;
    if (decoder->told)
        return;
    facts->source_port = exporter_port(message->exporter);
    facts->stamp = (struct template_stamp){.export_s = (uint32_t)(message->export_ns / NS_PER_S),
                                           .sequence = message->sequence,
                                           .received_s = (uint32_t)(message->received_ns / NS_PER_S)};
}

static void fact_keep(struct decoder *decoder, struct facts *facts, const struct fact_view *view)
{
    enum fact_verdict verdict = facts_put(facts, decoder->heap, view, decoder->config->limits.facts_per_exporter);
    if (verdict == FACT_SAME)
        return;
    decoder_count(decoder, counter_of(decoder, verdict), 1);
    facts->renamed |= view->kind == FACT_ELEMENT || view->kind == FACT_PROPERTY;
    facts_date(decoder, facts);
}

/* What has an empty name now has none. */
static void fact_drop(struct decoder *decoder, struct facts *facts, const struct fact_view *view)
{
    if (!facts_drop(facts, decoder->heap, view->kind, view->key))
        return;
    decoder_count(decoder, COUNTER_facts_changed, 1);
    facts->renamed |= view->kind == FACT_ELEMENT;
    facts_date(decoder, facts);
}

/* --- what a record says --- */

static bool text_view(const struct record *record, const struct fact_use *use, char *scratch, struct fact_view *view)
{
    const struct span span = record->spans[use->value_field];
    if (span.length == SPAN_ABSENT)
        return false;
    view->text = scratch;
    view->text_bytes = fact_text_write(scratch, record->bytes + span.offset, span.length);
    return true;
}

static bool time_view(const struct record *record, const struct fact_use *use, struct fact_view *view)
{
    const struct span span = record->spans[use->value_field];
    if (span.length != 8)
        return false;
    view->number = read_be64(record->bytes + span.offset);
    return view->number > 0 && view->number <= INT64_MAX;
}

/* Interface 0 is none: what is said of it holds for all. */
static bool rate_view(const struct record *record, const struct fact_use *use, struct fact_view *view)
{
    struct rate rate;
    if (!rate_read(&use->rate, record, &rate))
        return false;
    if (view->kind == FACT_INTERFACE_RATE && view->key == 0)
        view->kind = FACT_RATE;
    view->number = rate_number(&rate);
    return true;
}

/*
 * Whose total it is: all scopes together, each by its element and its value (RFC 7011 3.4.2.1). The value without the
 * zeroes in front, for templates may give it different lengths.
 */
static uint64_t scopes_hash(const struct plan *plan, const struct record *record)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < plan->field_count && plan->fields[i].flags & FIELD_SCOPE; i++) {
        uint64_t part[3] = {hash, (uint64_t)plan->fields[i].enterprise << 16 | plan->fields[i].id, 0};
        fact_key_read(record, (uint16_t)i, &part[2]);
        hash = XXH3_64bits(part, sizeof part);
    }
    return hash;
}

/* A total that fell began anew. What it was before it was first told is not known to be of this run. */
static void report_take(struct decoder *decoder, struct facts *facts, const struct record *record,
                        const struct fact_use *use)
{
    const struct span span = record->spans[use->value_field];
    if (span.length == SPAN_ABSENT)
        return;
    uint64_t total = read_be(record->bytes + span.offset, span.length);
    const struct fact_view view = {.kind = FACT_REPORT,
                                   .key = (uint64_t)use->counter_row << 56 |
                                          scopes_hash(decoder->walk.plan, record) >> 8,
                                   .number = total,
                                   .text = ""};
    const struct fact *before = facts_find(facts, FACT_REPORT, view.key);
    uint64_t grew = !before ? 0 : total < before->number ? total : total - before->number;
    if (grew)
        decoder_count(decoder, fact_report_counter(use), grew);
    facts_put(facts, decoder->heap, &view, decoder->config->limits.facts_per_exporter);
}

/* The key that the name becomes keeps its type, whatever its elements are called later. */
static bool key_keep(struct decoder *decoder, struct facts *facts, const struct fact_view *view)
{
    enum fact_verdict verdict = facts_put(facts, decoder->heap, view, decoder->config->limits.facts_per_exporter);
    if (verdict <= FACT_CHANGED)
        return true;
    decoder_count(decoder, counter_of(decoder, verdict), 1);
    return false;
}

#define ENTERPRISE_BIT 0x8000 /* of IPFIX's numbers, which may stand in them here, too; v9's have all bits */

static bool element_view(const struct record *record, const struct fact_use *use, uint64_t number,
                         struct element_told *told)
{
    const struct span name = record->spans[use->value_field], type = record->spans[use->type_field];
    uint64_t enterprise = 0;
    if (name.length == SPAN_ABSENT || type.length == SPAN_ABSENT ||
        (use->enterprise_field != FACT_NO_FIELD && !fact_key_read(record, use->enterprise_field, &enterprise)))
        return false;
    *told = (struct element_told){.enterprise = (uint32_t)enterprise,
                                  .id = (uint16_t)number,
                                  .type = read_be(record->bytes + type.offset, type.length),
                                  .name = record->bytes + name.offset,
                                  .name_bytes = name.length};
    return true;
}

/* RFC 5610: number, name and type of an element. */
static void element_learn(struct decoder *decoder, struct facts *facts, const struct record *record,
                          const struct fact_use *use, uint64_t number)
{
    char scratch[ELEMENT_KEY_MOST];
    struct element_told told;
    struct fact_view views[2];
    if (!element_view(record, use, number, &told))
        return;
    if (decoder->message.version == 10)
        told.id &= (uint16_t)~ENTERPRISE_BIT;
    enum element_verdict verdict = element_told_read(&told, decoder->elements, facts, scratch, views);
    if (verdict == ELEMENT_KNOWN)
        return;
    if (verdict == ELEMENT_REFUSED)
        decoder_count(decoder, COUNTER_element_names_refused, 1);
    if (verdict != ELEMENT_GOOD)
        fact_drop(decoder, facts, &views[0]);
    else if (key_keep(decoder, facts, &views[1]))
        fact_keep(decoder, facts, &views[0]);
}

/* Which elements are properties: they become fields of templates. */
static void property_elements_learn(struct decoder *decoder, struct facts *facts, const struct plan *plan)
{
    for (uint32_t i = 0; i < plan->field_count; i++) {
        const struct fact_view view = {.kind = FACT_PROPERTY, .key = property_number(&plan->fields[i]), .text = ""};
        if (!property_is_kept(&plan->fields[i]) || facts_find(facts, FACT_PROPERTY, view.key))
            continue;
        if (facts->counts[FACT_PROPERTY] < PROPERTIES_MOST)
            fact_keep(decoder, facts, &view);
        else
            decoder_count(decoder, COUNTER_properties_refused, 1);
    }
}

/* RFC 5473: what the id stands for from now on, and nothing else. */
static void properties_learn(struct decoder *decoder, struct facts *facts, const struct plan *plan,
                             const struct record *record, uint64_t id)
{
    struct property_pieces pieces;
    struct fact_view view = {.kind = FACT_PROPERTIES};
    uint32_t i = 0;
    property_pieces_read(&pieces, plan, record);
    for (; i < pieces.count; i++) {
        view.key = property_key(id, i);
        view.text = pieces.pieces[i].text;
        view.text_bytes = pieces.pieces[i].text_bytes;
        fact_keep(decoder, facts, &view);
    }
    for (; i < PROPERTY_PIECES; i++) {
        view.key = property_key(id, i);
        fact_drop(decoder, facts, &view);
    }
    if (pieces.refused)
        decoder_count(decoder, COUNTER_properties_refused, pieces.refused);
}

/* A record of an options template whose scope is an id of properties, which says nothing else. */
static void common_learn(struct decoder *decoder, struct facts *facts, const struct chunk *chunk)
{
    uint64_t id;
    property_elements_learn(decoder, facts, chunk->plan);
    for (uint32_t i = 0; i < chunk->count; i++)
        if (fact_key_read(&chunk->records[i], chunk->plan->facts->key_field, &id))
            properties_learn(decoder, facts, chunk->plan, &chunk->records[i], id);
}

static void fact_learn(struct decoder *decoder, struct facts *facts, const struct record *record,
                       const struct fact_use *use)
{
    char scratch[FACT_TEXT_ROOM];
    struct fact_view view = {.kind = use->kind, .text = ""};
    if (use->key_field != FACT_NO_FIELD && !fact_key_read(record, use->key_field, &view.key))
        return;
    bool good;
    if (use->kind == FACT_REPORT) {
        report_take(decoder, facts, record, use);
        return;
    }
    if (use->kind == FACT_ELEMENT) {
        element_learn(decoder, facts, record, use, view.key);
        return;
    }
    bool named = use->kind != FACT_INIT_TIME && !fact_is_rate(use->kind);
    if (named)
        good = text_view(record, use, scratch, &view);
    else if (use->kind == FACT_INIT_TIME)
        good = time_view(record, use, &view);
    else
        good = rate_view(record, use, &view);
    if (good && named && view.text_bytes == 0)
        fact_drop(decoder, facts, &view);
    else if (good)
        fact_keep(decoder, facts, &view);
}

void facts_learn(struct decoder *decoder, const struct chunk *chunk)
{
    struct facts *facts = facts_open(decoder);
    if (!facts) {
        decoder_count(decoder, COUNTER_facts_over_memory_cap, chunk->count);
        return;
    }
    if (chunk->plan->facts->kind == FACT_PROPERTIES)
        common_learn(decoder, facts, chunk);
    else
        for (uint32_t i = 0; i < chunk->count; i++)
            for (uint32_t use = 0; use < chunk->plan->fact_count; use++)
                fact_learn(decoder, facts, &chunk->records[i], &chunk->plan->facts[use]);
    if (facts->renamed)
        session_rename(decoder->walk.session);
    if (facts->dirty)
        facts_publish(decoder, decoder->walk.session, decoder->message.received_ns);
}

/* --- what was said before, or to others --- */

/* Of two that differ the later one counts; what is not known at all is better than nothing. */
void facts_restore(struct decoder *decoder, const struct template_event *event)
{
    struct facts *facts = decoder->facts_kept ? facts_open(decoder) : NULL;
    if (!facts)
        return;
    bool later = template_stamp_later(&event->stamp, &facts->stamp, UINT32_MAX) || facts->count == 0;
    uint64_t dirty = facts->dirty;
    struct fact_view view;
    decoder->told = event;
    for (uint32_t at = 0; fact_page_next(event->record, event->record_bytes, &at, &view);)
        if (later || !facts_find(facts, view.kind, view.key))
            fact_keep(decoder, facts, &view);
    decoder->told = NULL;
    if (facts->renamed)
        session_rename(decoder->walk.session);
    uint64_t page = 1ull << (event->id - FACT_PAGE_LEAST);
    if (later) {
        facts->stamp = event->stamp;
        facts->source_port = event->source_port;
    }
    facts->said |= page;
    if (!decoder->told_by_others)
        facts->dirty = dirty; /* it is no news to the journal */
    else if (facts->dirty)
        facts_publish(decoder, decoder->walk.session, decoder->message.received_ns);
}

/* --- what is known --- */

static const struct facts *general_facts(const struct decoder *decoder)
{
    const struct walk *walk = &decoder->walk;
    if (!walk->session || walk->key.domain == 0)
        return NULL;
    struct session_key key = walk->key;
    key.domain = 0;
    const struct session *session = sessions_find(decoder->sessions, &key);
    return session ? session->facts : NULL;
}

static const struct exporter_rates *rates_of(struct decoder *decoder)
{
    struct exporter *exporter = decoder->message.exporter;
    if (!exporter->rates_known) {
        exporter->rates_known = true;
        exporter->rates = exporter_rates_new(decoder->sampling, &exporter->endpoint.address, decoder->heap);
    }
    return exporter->rates;
}

void rates_forget(struct decoder *decoder, struct exporter *exporter)
{
    exporter_rates_free(exporter->rates, decoder->heap);
    exporter->rates = NULL;
    exporter->rates_known = false;
}

struct known known_of(struct decoder *decoder)
{
    struct session *session = decoder->walk.session;
    struct known known = {.own = session ? session->facts : NULL, .decoder = decoder};
    if (__builtin_expect(decoder->general_facts > 0, 0))
        known.general = general_facts(decoder);
    if (decoder->sampling)
        known.rates = rates_of(decoder);
    if (decoder->walk.dialect)
        known.template_id = decoder->walk.set_id;
    return known;
}
