/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/bytes.h"
#include "decode/state.h"

#define ENTERPRISE_BIT 0x8000
#define HEADER_MOST    6 /* of an options template record */

/* Of what could not be said yet, in one call. */
#define SLICE_BUCKETS  1024
#define SLICE_SESSIONS 64

bool publisher_init(struct decoder *decoder, struct template_feed *feed, struct template_store *known)
{
    decoder->publisher.feed = feed;
    decoder->publisher.known = known;
    size_t template_most = HEADER_MOST + 2 * V9_FIELD_BYTES * (size_t)decoder->fields_most;
    if (feed)
        decoder->publisher.record = malloc(template_most > FACT_PAGE_MOST ? template_most : FACT_PAGE_MOST);
    return !feed || decoder->publisher.record;
}

void publisher_fini(struct decoder *decoder)
{
    free(decoder->publisher.record);
}

/* --- a plan as the template record that it was made of --- */

static uint8_t *put_be16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
    return to + 2;
}

static uint8_t *field_write(uint8_t *to, const struct field *field, bool enterprises)
{
    bool named = enterprises && field->enterprise;
    to = put_be16(to, named ? field->id | ENTERPRISE_BIT : field->id);
    to = put_be16(to, field->length);
    return named ? put_be16(put_be16(to, field->enterprise >> 16), field->enterprise & 0xffff) : to;
}

static uint8_t *header_write(uint8_t *to, const struct plan *plan, uint16_t id)
{
    uint32_t scopes = 0, bytes = plan->version == 9 ? V9_FIELD_BYTES : 1;
    while (scopes < plan->field_count && plan->fields[scopes].flags & FIELD_SCOPE)
        scopes++;
    to = put_be16(to, id);
    if (plan->kind != PLAN_OPTIONS)
        return put_be16(to, plan->field_count);
    if (plan->version == 9) /* RFC 3954 6.1: bytes of scopes, bytes of options */
        return put_be16(put_be16(to, scopes * bytes), (plan->field_count - scopes) * bytes);
    return put_be16(put_be16(to, plan->field_count), scopes); /* RFC 7011 3.4.2.2 */
}

/*
 * The record is that of the wire, but for an enterprise bit with number 0, which means the same without. Returns its
 * length, which is that of a set at most.
 */
static uint16_t record_write(uint8_t *record, const struct plan *plan, uint16_t id)
{
    uint8_t *at = header_write(record, plan, id);
    for (uint32_t i = 0; i < plan->field_count; i++)
        at = field_write(at, &plan->fields[i], plan->version == 10);
    return (uint16_t)(at - record);
}

/* --- saying it --- */

static bool push(struct decoder *decoder, const struct session *session, const struct template *template,
                 enum template_change change, int64_t now_ns)
{
    struct publisher *publisher = &decoder->publisher;
    if (publisher->removed_count) /* in order: who is removed and learned again must not end as removed */
        return false;
    const struct template_event event = {
        .key = session->key,
        .time_ns = now_ns,
        .stamp = template->stamp,
        .record = publisher->record,
        .record_bytes = record_write(publisher->record, template->plan, template->id),
        .id = template->id,
        .source_port = template->source_port,
        .change = (uint8_t)change,
        .options = template->plan->kind == PLAN_OPTIONS,
    };
    return template_feed_push(publisher->feed, &event);
}

void template_publish(struct decoder *decoder, struct session *session, struct template *template,
                      enum template_change change, int64_t now_ns)
{
    struct publisher *publisher = &decoder->publisher;
    if (!session_is_told(decoder, session))
        return;
    template->unpublished = !push(decoder, session, template, change, now_ns);
    if (!template->unpublished)
        return;
    session->unpublished = true;
    publisher->behind = publisher->again = true;
    counter_add(decoder->counters, COUNTER_template_events_late, 1);
}

static bool push_split(struct decoder *decoder, const struct session *session, int64_t now_ns)
{
    struct publisher *publisher = &decoder->publisher;
    return !publisher->removed_count &&
           template_feed_push(publisher->feed, &(struct template_event){.key = session->key,
                                                                        .time_ns = now_ns,
                                                                        .record = publisher->record,
                                                                        .change = CHANGE_SPLIT});
}

void session_publish_split(struct decoder *decoder, struct session *session, int64_t now_ns)
{
    struct publisher *publisher = &decoder->publisher;
    if (!session_is_told(decoder, session) || push_split(decoder, session, now_ns))
        return;
    session->unpublished = true;
    publisher->behind = publisher->again = true;
    counter_add(decoder->counters, COUNTER_template_events_late, 1);
}

static bool push_removed(struct publisher *publisher, const struct removed *removed, int64_t now_ns)
{
    return template_feed_push(publisher->feed, &(struct template_event){.key = removed->key,
                                                                        .time_ns = now_ns,
                                                                        .stamp = removed->stamp,
                                                                        .record = publisher->record,
                                                                        .id = removed->id,
                                                                        .change = CHANGE_REMOVED});
}

/* Nothing is left of a removed template to look for later, so removals that wait have a list. */
void template_publish_removed(struct decoder *decoder, const struct session *session, const struct template *template,
                              int64_t now_ns)
{
    struct publisher *publisher = &decoder->publisher;
    const struct removed removed = {.key = session->key, .stamp = template->stamp, .id = template->id};
    if (!session_is_told(decoder, session))
        return;
    if (!publisher->removed_count && push_removed(publisher, &removed, now_ns))
        return;
    bool fits = publisher->removed_count < REMOVED_MOST;
    counter_add(decoder->counters, fits ? COUNTER_template_events_late : COUNTER_template_events_lost, 1);
    if (fits)
        publisher->removed[publisher->removed_count++] = removed;
    publisher->behind = true;
}

void session_publish_removed(struct decoder *decoder, const struct session *session, int64_t now_ns)
{
    for (uint32_t i = 0; session_is_told(decoder, session) && i < session->template_slots; i++)
        if (session->templates[i].plan)
            template_publish_removed(decoder, session, &session->templates[i], now_ns);
    facts_publish_removed(decoder, session, now_ns);
    if (session->split)
        template_publish_removed(decoder, session, &(struct template){.id = 0}, now_ns);
}

void session_publish_sweep(struct decoder *decoder, struct session *session, int64_t now_ns)
{
    for (uint32_t i = 0; session_is_told(decoder, session) && i < session->template_slots; i++) {
        struct template *template = &session->templates[i];
        if (template->plan && template->marked)
            template_publish_removed(decoder, session, template, now_ns);
        else if (template->plan)
            template_publish(decoder, session, template, CHANGE_RENEWED, now_ns);
    }
    session_renew_facts(decoder, session, now_ns);
    if (session->split)
        session_publish_split(decoder, session, now_ns);
}

/* --- what could not be said --- */

/* True when all of them are said. */
static bool removed_catch_up(struct publisher *publisher, int64_t now_ns)
{
    uint32_t said = 0;
    while (said < publisher->removed_count && push_removed(publisher, &publisher->removed[said], now_ns))
        said++;
    publisher->removed_count -= said;
    memmove(publisher->removed, publisher->removed + said, publisher->removed_count * sizeof *publisher->removed);
    return publisher->removed_count == 0;
}

/* True when all of its templates are said. */
static bool session_catch_up(struct decoder *decoder, struct session *session, int64_t now_ns)
{
    for (uint32_t i = 0; session->unpublished && i < session->template_slots; i++) {
        struct template *template = &session->templates[i];
        if (!template->plan || !template->unpublished)
            continue;
        if (!push(decoder, session, template, CHANGE_LEARNED, now_ns))
            return false;
        template->unpublished = false;
    }
    if (session->unpublished && session->split && !push_split(decoder, session, now_ns))
        return false;
    bool facts = session->facts && session->facts->dirty && session_is_told(decoder, session);
    if (facts && !session_say_facts(decoder, session, now_ns))
        return false;
    session->unpublished = facts && session->facts->dirty;
    return true;
}

/* The bucket where the last call stopped is looked at again: what it has said is marked. */
static bool buckets_catch_up(struct decoder *decoder, int64_t now_ns)
{
    struct publisher *publisher = &decoder->publisher;
    uint32_t most = sessions_buckets(decoder->sessions), looked_at = 0;
    for (uint32_t i = 0; i < SLICE_BUCKETS && looked_at < SLICE_SESSIONS; i++) {
        if (publisher->bucket == most)
            return true;
        struct session *session = sessions_bucket(decoder->sessions, publisher->bucket);
        for (; session; session = session->next, looked_at++)
            if (!session_catch_up(decoder, session, now_ns))
                return false;
        publisher->bucket++;
    }
    return false;
}

bool decoder_catch_up(struct decoder *decoder, int64_t now_ns)
{
    decoder->publisher.urgent = true;
    uint32_t slices = 2 * (sessions_buckets(decoder->sessions) / SLICE_BUCKETS + 1);
    /* a slice ends early at many sessions; who calls again gets the rest */
    while (decoder->publisher.behind && slices--)
        publisher_catch_up(decoder, now_ns);
    decoder->publisher.urgent = false;
    return !decoder->publisher.behind;
}

void publisher_catch_up(struct decoder *decoder, int64_t now_ns)
{
    struct publisher *publisher = &decoder->publisher;
    if (!publisher->behind || !removed_catch_up(publisher, now_ns))
        return;
    if (publisher->bucket == 0)
        publisher->again = false;
    if (!buckets_catch_up(decoder, now_ns))
        return;
    publisher->bucket = 0;
    publisher->behind = publisher->again;
}
