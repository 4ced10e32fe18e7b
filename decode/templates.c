/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "base/clock.h"
#include "decode/element_rows.h"
#include "decode/fact_rows.h"
#include "decode/properties.h"
#include "decode/state.h"

#define ENTERPRISE_BIT     0x8000
#define TEMPLATE_LEAST     8 /* id, count and one field */
#define OPTIONS_LEAST      6 /* id and two counts */
#define V9_SCOPE_TYPE_MOST 5 /* RFC 3954 6.1 */

/* The end of `count` field specifiers, NULL when the set ends first. */
static const uint8_t *fields_skip(const struct dialect *dialect, const uint8_t *at, const uint8_t *end, uint32_t count)
{
    if (!dialect->enterprises)
        return end - at >= (ptrdiff_t)count * V9_FIELD_BYTES ? at + count * V9_FIELD_BYTES : NULL;
    for (; count; count--) {
        if (end - at < 4)
            return NULL;
        uint32_t bytes = read_be16(at) & ENTERPRISE_BIT ? 8 : 4;
        if (end - at < (ptrdiff_t)bytes)
            return NULL;
        at += bytes;
    }
    return at;
}

static enum template_verdict fields_read(struct template_reader *reader, struct template_view *view)
{
    view->fields = reader->at;
    view->fields_end = fields_skip(reader->dialect, reader->at, reader->end, view->field_count);
    if (!view->fields_end)
        return TEMPLATE_CUT;
    reader->at = view->fields_end;
    return TEMPLATE_WHOLE;
}

/* Behind the id of an options template: RFC 3954 6.1, RFC 7011 3.4.2.2. */
static enum template_verdict options_read(struct template_reader *reader, struct template_view *view)
{
    uint32_t first = read_be16(reader->at + 2), second = read_be16(reader->at + 4);
    reader->at += OPTIONS_LEAST;
    if (reader->dialect->scope_in_bytes) {
        if (first % V9_FIELD_BYTES || second % V9_FIELD_BYTES || first + second == 0)
            return TEMPLATE_BAD;
        view->scope_count = (uint16_t)(first / V9_FIELD_BYTES);
        view->field_count = (uint16_t)((first + second) / V9_FIELD_BYTES);
    } else {
        if (second < 1 || second > first)
            return TEMPLATE_BAD;
        view->scope_count = (uint16_t)second;
        view->field_count = (uint16_t)first;
    }
    return fields_read(reader, view) == TEMPLATE_WHOLE ? TEMPLATE_WHOLE : TEMPLATE_BAD;
}

static enum template_verdict flow_read(struct template_reader *reader, struct template_view *view)
{
    uint32_t count = read_be16(reader->at + 2);
    reader->at += 4;
    if (count == 0)
        return reader->dialect->withdrawals ? TEMPLATE_WITHDRAWN : TEMPLATE_NOTHING;
    if (reader->end - reader->at < 2 * (ptrdiff_t)count) /* Elastic's check: half of what the fields need at least */
        return TEMPLATE_BAD;
    view->field_count = (uint16_t)count;
    view->scope_count = 0;
    return fields_read(reader, view);
}

enum template_verdict template_read(struct template_reader *reader, struct template_view *view)
{
    ptrdiff_t left = reader->end - reader->at;
    view->options = reader->set_id == reader->dialect->options_set;
    bool too_short = left < (view->options ? OPTIONS_LEAST : TEMPLATE_LEAST);
    if (left < 4)
        return TEMPLATE_END;
    view->id = read_be16(reader->at);
    bool nothing = read_be16(reader->at + 2) == 0;
    if (nothing && (too_short || !reader->strict)) {
        /* Where no template could stand, or where we may be kinder than Elastic: RFC 7011 8.1, or zeroes as padding. */
        if (view->id == 0)
            return TEMPLATE_END;
        if (reader->dialect->withdrawals && (view->id >= TEMPLATE_ID_LEAST || view->id == reader->set_id)) {
            reader->at += 4;
            return TEMPLATE_WITHDRAWN;
        }
    }
    if (too_short)
        return TEMPLATE_END;
    if (view->id < TEMPLATE_ID_LEAST)
        return TEMPLATE_BAD;
    return view->options ? options_read(reader, view) : flow_read(reader, view);
}

bool template_is_empty(const struct dialect *dialect, const struct template_view *view)
{
    for (const uint8_t *at = view->fields; at < view->fields_end;) {
        if (read_be16(at + 2))
            return false;
        at += dialect->enterprises && read_be16(at) & ENTERPRISE_BIT ? 8 : 4;
    }
    return true;
}

/* v9's scope types have numbers of their own. Beyond the five, exporters use those of elements. */
static uint32_t scope_enterprise(const struct decoder *decoder, const struct field *field)
{
    bool own = !decoder->profile->v9_scopes_as_elements && field->id >= 1 && field->id <= V9_SCOPE_TYPE_MOST;
    return own ? ENTERPRISE_V9_SCOPE : 0;
}

/* A vendor's number at a length that the vendor's element cannot have is somebody else's: kept as unknown ones are. */
static bool field_is_foreign(const struct element *element, const struct field *field)
{
    return element->rare && field->length != LENGTH_VARIABLE && !element_takes(element, field->length);
}

/* Says of a field with its number, length and FIELD_SCOPE what is to be read there. */
static void field_resolve(const struct decoder *decoder, struct field *field)
{
    const struct element *element = elements_find(decoder->elements, field->enterprise, field->id);
    if (!element || field_is_foreign(element, field)) {
        field->element = 0;
        field->type = decoder->profile->keep_unknown && field->length ? TYPE_UNKNOWN_OCTETS : TYPE_NONE;
        return;
    }
    field->element = elements_index(decoder->elements, element);
    field->type = element->type;
    if (element->type == TYPE_NONE)
        return;
    if (field->length == LENGTH_VARIABLE) {
        if (element->least_bytes > 0 || element->most_bytes < UINT16_MAX)
            field->flags |= FIELD_OPTIONAL;
    } else if (!element_takes(element, field->length)) {
        field->type = field->enterprise == ENTERPRISE_V9_SCOPE && field->length ? TYPE_OCTETS : TYPE_NONE;
    } else if (element->value_bytes && field->length > element->value_bytes) {
        field->flags |= FIELD_OPTIONAL | FIELD_LONG;
    } else if (field->length > 8 && (field->type == TYPE_UNSIGNED || field->type == TYPE_SIGNED)) {
        field->flags |= FIELD_WIDE;
    }
}

/* The fields of the view in decoder->fields. */
static void fields_compile(struct decoder *decoder, const struct template_view *view)
{
    const struct dialect *dialect = decoder->walk.dialect;
    const uint8_t *at = view->fields;
    for (uint32_t i = 0; i < view->field_count; i++) {
        struct field *field = &decoder->fields[i];
        *field = (struct field){.id = read_be16(at), .length = read_be16(at + 2)};
        at += 4;
        if (i < view->scope_count)
            field->flags = FIELD_SCOPE;
        if (dialect->enterprises && field->id & ENTERPRISE_BIT) {
            field->id &= (uint16_t)~ENTERPRISE_BIT;
            field->flags |= FIELD_ENTERPRISE;
            field->enterprise = read_be32(at);
            at += 4;
        } else if (dialect->scope_in_bytes && i < view->scope_count) {
            field->enterprise = scope_enterprise(decoder, field);
        }
        field_resolve(decoder, field);
    }
}

struct session *session_open(struct decoder *decoder)
{
    struct walk *walk = &decoder->walk;
    if (!walk->session) {
        walk->session = sessions_add(decoder->sessions, &walk->key, decoder->datagram.exporter);
        if (!walk->session)
            return NULL;
        walk->session->sequence = decoder->message.sequence;
        decoder->datagram.exporter->session = walk->session;
    }
    return walk->session;
}

static uint16_t announcer_port(const struct decoder *decoder)
{
    return decoder->told ? decoder->told->source_port : exporter_port(decoder->datagram.exporter);
}

static uint32_t announced_s(const struct decoder *decoder)
{
    return decoder->told ? (uint32_t)(decoder->told->time_ns / NS_PER_S) : decoder_now_s(decoder);
}

void template_date(const struct decoder *decoder, struct template *template)
{
    const struct message *message = &decoder->message;
    template->source_port = announcer_port(decoder);
    if (decoder->told)
        template->stamp = decoder->told->stamp;
    else
        template->stamp = (struct template_stamp){.export_s = (uint32_t)(message->export_ns / NS_PER_S),
                                              .sequence = message->sequence,
                                              .received_s = (uint32_t)(message->received_ns / NS_PER_S)};
}

/*
 * A template that cannot be kept. What its id meant before must go, too: data would be read with the wrong template.
 * Returns false.
 */
static bool template_refuse(struct decoder *decoder, uint16_t id, enum counter why)
{
    struct session *session = decoder->walk.session;
    struct template *old = session ? session_template(session, id) : NULL;
    if (old) {
        template_date(decoder, old);
        template_publish_removed(decoder, session, old, decoder->datagram.received_ns);
        session_drop(decoder->sessions, session, old);
    }
    decoder_count(decoder, why, 1);
    return false;
}

/* What comes from the journal is no news to it. */
static void template_added(struct decoder *decoder, struct session *session, struct template *template)
{
    bool known = decoder->told && !decoder->told_by_others;
    decoder_count(decoder,
                  known           ? COUNTER_templates_restored
                  : decoder->told ? COUNTER_templates_shared
                                  : COUNTER_templates_learned,
                  1);
    if (!known)
        template_publish(decoder, session, template, CHANGE_LEARNED, decoder->datagram.received_ns);
}

/* Adds an id with the plan, whose use is the session's then. */
static bool template_add(struct decoder *decoder, uint16_t id, struct plan *plan)
{
    const struct session *known = decoder->walk.session;
    const struct exporter *opener = known && known->opener ? known->opener : decoder->datagram.exporter;
    enum counter why = COUNTER_templates_over_exporter_cap;
    if (opener->template_count < decoder->config->limits.templates_per_exporter) {
        struct session *session = session_open(decoder);
        uint32_t time_s = announced_s(decoder);
        const struct template like = {.plan = plan, .learned_s = time_s, .announced_s = time_s, .id = id};
        struct template *template = session ? session_add(decoder->sessions, session, &like) : NULL;
        if (template) {
            template_date(decoder, template);
            template_added(decoder, session, template);
            return true;
        }
        why = COUNTER_templates_over_memory_cap;
    }
    plans_release(decoder->plans, plan);
    return template_refuse(decoder, id, why);
}

static void template_replace(struct decoder *decoder, struct template *template, struct plan *plan)
{
    bool same = template->plan == plan;
    uint16_t port = announcer_port(decoder);
    if (!decoder->told)
        decoder_count(decoder, same ? COUNTER_templates_refreshed : COUNTER_templates_changed, 1);
    else if (!same)
        decoder_count(decoder, COUNTER_templates_shared, 1);
    if (template->former_port == port)
        template->former_port = 0; /* both ports mean the same now */
    session_announce(decoder->sessions, template, plan, announced_s(decoder));
    template->trust = decoder->walk.session->trust;
    template_date(decoder, template);
    if (!same)
        template_publish(decoder, decoder->walk.session, template, CHANGE_REPLACED, decoder->datagram.received_ns);
}

/* What the id means up to now, or NULL. Where this shows that there are two devices, they are told apart first. */
static struct template *template_before(struct decoder *decoder, uint16_t id, const struct plan *plan)
{
    struct walk *walk = &decoder->walk;
    struct template *old = walk->session ? session_template(walk->session, id) : NULL;
    if (!old || old->plan == plan || decoder->told || !session_is_by_address(decoder) ||
        !template_goes_back(old, exporter_port(decoder->datagram.exporter)))
        return old;
    session_split(decoder);
    return walk->session ? session_template(walk->session, id) : NULL;
}

/* The plan of that content; NULL for want of memory. */
static struct plan *plan_take(struct decoder *decoder, const struct plan_draft *draft)
{
    struct plan *plan = plans_intern(decoder->plans, draft);
    bool is_new = plan && plan->uses == 1;
    if (!is_new || sections_attach(decoder, plan))
        return plan;
    plans_release(decoder->plans, plan);
    return NULL;
}

/* What flow records of the draft have more by the ids of properties in them; returns how many fields these are. */
static uint32_t fields_complete(const struct decoder *decoder, const struct plan_draft *draft,
                                struct field properties[PROPERTIES_MOST])
{
    const struct session *session = decoder->walk.session;
    if (!decoder->facts_kept || !session || !session->facts)
        return 0;
    for (uint32_t i = 0; i < draft->field_count; i++)
        if (field_is_properties_id(&draft->fields[i]))
            return properties_find(session->facts, decoder->elements, draft, properties);
    return 0;
}

struct plan *plan_of_fields(struct decoder *decoder, uint32_t field_count, uint8_t kind)
{
    struct fact_use facts[FACT_USES_MOST];
    struct field properties[PROPERTIES_MOST];
    struct plan_draft draft = {
        .fields = decoder->fields,
        .field_count = field_count,
        .names = fields_name(decoder, field_count),
        .version = (uint8_t)decoder->message.version,
        .kind = kind,
        .facts = facts,
        .properties = properties,
    };
    if (kind == PLAN_OPTIONS && decoder->facts_kept)
        draft.fact_count = fact_uses_find(decoder->fields, field_count, facts);
    if (kind == PLAN_FLOW)
        draft.property_count = fields_complete(decoder, &draft, properties);
    return plan_take(decoder, &draft);
}

/* The plan of the template by the names that the session has for its elements now; so is that of what the id meant. */
static struct plan *plan_of_view(struct decoder *decoder, const struct template_view *view)
{
    struct session *session = decoder->walk.session;
    struct template *old = session && session->facts ? session_template(session, view->id) : NULL;
    if (old && old->stale)
        template_rename(decoder, old);
    fields_compile(decoder, view);
    return plan_of_fields(decoder, view->field_count, view->options ? PLAN_OPTIONS : PLAN_FLOW);
}

bool template_learn(struct decoder *decoder, const struct template_view *view)
{
    if (view->field_count > decoder->fields_most)
        return template_refuse(decoder, view->id, COUNTER_templates_over_field_cap);
    struct session *named_by = decoder->walk.session;
    struct plan *plan = plan_of_view(decoder, view);
    if (!plan)
        return template_refuse(decoder, view->id, COUNTER_templates_over_memory_cap);
    struct template *old = template_before(decoder, view->id, plan);
    bool learned = true;
    if (old)
        template_replace(decoder, old, plan);
    else
        learned = template_add(decoder, view->id, plan);
    if (named_by && decoder->walk.session && decoder->walk.session != named_by)
        session_rename(decoder->walk.session); /* the address was split, and its names are forgotten */
    return learned;
}

/*
 * RFC 7011 8.1: an id is withdrawn, or by the id of the set, all templates of its kind. Over UDP nothing is (8.4): the
 * message may be an old one.
 */
static void templates_withdraw(struct decoder *decoder, const struct template_view *view)
{
    struct session *session = decoder->walk.session;
    decoder_count(decoder, COUNTER_templates_withdrawn, 1);
    if (!session || session->key.space != KEY_RELIABLE)
        return;
    if (view->id >= TEMPLATE_ID_LEAST) {
        struct template *template = session_template(session, view->id);
        if (template)
            session_drop(decoder->sessions, session, template);
        return;
    }
    enum plan_kind kind = view->options ? PLAN_OPTIONS : PLAN_FLOW;
    for (uint32_t i = 0; i < session->template_slots;) {
        struct template *template = &session->templates[i];
        if (template->plan && template->plan->kind == kind)
            session_drop(decoder->sessions, session, template); /* another one may stand here now */
        else
            i++;
    }
}

void templates_learn(struct decoder *decoder, const struct set *set)
{
    struct template_reader reader = {
        .dialect = decoder->walk.dialect,
        .at = set->body,
        .end = set->end,
        .set_id = set->id,
        .strict = decoder->profile->bad_set_drops_datagram,
    };
    bool all = true;
    for (;;) {
        struct template_view view;
        enum template_verdict verdict = template_read(&reader, &view);
        if (verdict == TEMPLATE_WHOLE) {
            decoder->walk.counts.templates++;
            if (template_learn(decoder, &view))
                parked_release(decoder, view.id);
            else
                all = false;
        } else if (verdict == TEMPLATE_WITHDRAWN) {
            templates_withdraw(decoder, &view);
        } else if (verdict == TEMPLATE_END) {
            decoder_count(decoder, all ? COUNTER_sets_template : COUNTER_sets_no_memory, 1);
            return;
        } else if (verdict != TEMPLATE_NOTHING) {
            decoder_count(decoder, COUNTER_sets_bad_template, 1);
            return;
        }
    }
}
