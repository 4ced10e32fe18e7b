/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "decode/element_names.h"
#include "decode/pages.h"
#include "decode/state.h"

/* Names that an exporter's type information has for fields of its templates: RFC 5610. */

static size_t texts_bytes(const struct decoder *decoder)
{
    return (size_t)decoder->fields_most * ELEMENT_KEY_MOST;
}

static size_t names_bytes(const struct decoder *decoder)
{
    size_t items_bytes = (size_t)decoder->fields_most * sizeof(struct field_name);
    return sizeof(struct field_names) + items_bytes + texts_bytes(decoder) + sizeof(uint64_t);
}

bool naming_init(struct decoder *decoder)
{
    if (!decoder->facts_kept)
        return true;
    decoder->names = pages_take(names_bytes(decoder));
    decoder->name_texts = pages_take(texts_bytes(decoder));
    return decoder->names && decoder->name_texts;
}

void naming_fini(struct decoder *decoder)
{
    pages_give(decoder->names, names_bytes(decoder));
    pages_give(decoder->name_texts, texts_bytes(decoder));
}

static const struct facts *facts_with_names(const struct decoder *decoder)
{
    const struct session *session = decoder->walk.session;
    return session && session->facts && session->facts->counts[FACT_ELEMENT] ? session->facts : NULL;
}

/* The texts behind the items, and zeroes up to a multiple of eight: names are compared as bytes. */
static void names_close(struct field_names *names, const char *texts, uint32_t size_bytes)
{
    uint32_t texts_at = (uint32_t)(sizeof *names + names->count * sizeof *names->items);
    uint32_t end = texts_at + size_bytes;
    memcpy((char *)names + texts_at, texts, size_bytes);
    names->size_bytes = (end + 7) & ~7u;
    memset((char *)names + end, 0, names->size_bytes - end);
    for (uint32_t i = 0; i < names->count; i++)
        names->items[i].at += texts_at;
}

const struct field_names *fields_name(struct decoder *decoder, uint32_t field_count)
{
    const struct facts *facts = facts_with_names(decoder);
    struct field_names *names = decoder->names;
    uint32_t size_bytes = 0;
    if (!facts)
        return NULL;
    names->count = 0;
    for (uint32_t i = 0; i < field_count; i++) {
        struct field *field = &decoder->fields[i];
        char *key = decoder->name_texts + size_bytes;
        uint8_t type;
        if (field->element || !element_name_find(facts, decoder->elements, field, &type, key))
            continue;
        field->type = type;
        field->flags |= FIELD_NAMED;
        names->items[names->count++] = (struct field_name){.at = size_bytes, .field = i};
        size_bytes += (uint32_t)strlen(key) + 1;
    }
    if (!names->count)
        return NULL;
    names_close(names, decoder->name_texts, size_bytes);
    return names;
}

/* As the template was announced: what no table has is unknown. */
static void fields_unname(struct decoder *decoder, const struct plan *plan)
{
    memcpy(decoder->fields, plan->fields, plan->field_count * sizeof *plan->fields);
    for (uint32_t i = 0; i < plan->field_count; i++) {
        if (decoder->fields[i].element)
            continue;
        decoder->fields[i].type = TYPE_UNKNOWN_OCTETS;
        decoder->fields[i].flags &= (uint8_t)~FIELD_NAMED;
    }
}

void template_rename(struct decoder *decoder, struct template *template)
{
    template->stale = false;
    fields_unname(decoder, template->plan);
    struct plan *plan = plan_of_fields(decoder, template->plan->field_count, template->plan->kind);
    if (!plan) {
        decoder_count(decoder, COUNTER_facts_over_memory_cap, 1); /* it keeps the names that it has */
        return;
    }
    decoder_count(decoder, COUNTER_templates_renamed, plan != template->plan);
    plans_release(decoder->plans, template->plan); /* of two uses of the same plan one stays */
    template->plan = plan;
}

const struct plan *decoder_list_plan(struct decoder *decoder, uint16_t id)
{
    struct session *session = decoder->walk.session;
    struct template *template = session ? session_template(session, id) : NULL;
    if (!template)
        return NULL;
    template->marked = false; /* it is in use */
    if (template->stale) /* so neither the chunk's, nor one that the list around this one is of: these were asked for */
        template_rename(decoder, template);
    return template->plan;
}

void session_rename(struct session *session)
{
    if (session->facts)
        session->facts->renamed = false;
    for (uint32_t i = 0; i < session->template_slots; i++)
        if (session->templates[i].plan && session->templates[i].plan->nameable)
            session->templates[i].stale = true;
}
