/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/survey.h"

#include <string.h>

#include "decode/element_names.h"
#include "decode/state.h"

/* Of one slice: a small part of what a burst takes, and yet 50,000 templates are listed in 200 of them. */
#define SLICE_BUCKETS  1024
#define SLICE_EFFORT   256 /* templates looked at */
#define FIELDS_EFFORT  16  /* fields that are copied as fast as a template is looked at */

static bool session_wanted(const struct survey_filter *filter, const struct session_key *key)
{
    return (!filter->by_address || address_equal(&key->address, &filter->address)) &&
           (!filter->by_domain || key->domain == filter->domain) &&
           (!filter->by_version || key->version == filter->version);
}

/* Returns the effort. */
static uint32_t fields_copy(struct survey *survey, const struct plan *plan, struct template_row *row)
{
    uint32_t names_bytes = plan->names ? plan->names->size_bytes : 0;
    if (!survey->fields || survey->fields_most - survey->field_count < plan->field_count ||
        survey->names_most - survey->names_bytes < names_bytes)
        return 0;
    if (names_bytes)
        memcpy(survey->names + survey->names_bytes, plan->names, names_bytes);
    row->names_at = survey->names_bytes;
    row->has_names = names_bytes;
    survey->names_bytes += names_bytes;
    memcpy(survey->fields + survey->field_count, plan->fields, plan->field_count * sizeof *plan->fields);
    row->fields_at = survey->field_count;
    row->has_fields = true;
    survey->field_count += plan->field_count;
    return plan->field_count / FIELDS_EFFORT;
}

/* Of a session of its own, the port is the opener's. */
static uint16_t session_port(const struct session *session)
{
    if (session->key.space == KEY_DATAGRAMS)
        return session->key.port;
    return session->opener ? session->opener->endpoint.port : 0;
}

static uint32_t row_add(struct survey *survey, const struct session *session, const struct template *template)
{
    const struct session_key *key = &session->key;
    const struct plan *plan = template->plan;
    if (survey->count == survey->rows_most) {
        survey->left_out++;
        return 0;
    }
    struct template_row *row = &survey->rows[survey->count++];
    *row = (struct template_row){
        .address = key->address,
        .domain = key->domain,
        .port = session_port(session),
        .session = key->space == KEY_DATAGRAMS ? 0 : key->port,
        .version = key->version,
        .id = template->id,
        .field_count = plan->field_count,
        .record_bytes = plan->record_bytes,
        .kind = plan->kind,
        .variable = plan->variable,
        .plan = plan->serial,
        .uses = template->uses,
        .learned_s = template->learned_s,
        .announced_s = template->announced_s,
        .used_s = template->used_s,
    };
    return fields_copy(survey, plan, row);
}

/* The session's templates from survey->slot on, while there is effort left; returns what is left of it. */
static uint32_t session_list(struct survey *survey, const struct session *session, uint32_t effort)
{
    while (effort && survey->slot < session->template_slots) {
        const struct template *template = &session->templates[survey->slot++];
        uint32_t cost = 1;
        if (template->plan && (!survey->filter.by_id || template->id == survey->filter.id))
            cost += row_add(survey, session, template);
        effort -= cost < effort ? cost : effort;
    }
    return effort;
}

/* The bucket's sessions from survey->session on. */
static uint32_t bucket_list(struct survey *survey, const struct session *session, uint32_t effort)
{
    for (uint32_t i = 0; i < survey->session && session; i++)
        session = session->next;
    for (; session && effort; session = session->next) {
        effort--;
        if (session_wanted(&survey->filter, &session->key))
            effort = session_list(survey, session, effort);
        if (!effort && survey->slot < session->template_slots)
            return 0; /* goes on here */
        survey->session++;
        survey->slot = 0;
    }
    if (!session) {
        survey->bucket++;
        survey->session = 0;
    }
    return effort;
}

bool survey_slice(struct survey *survey, const struct decoder *decoder)
{
    uint32_t most = sessions_buckets(decoder->sessions), effort = SLICE_EFFORT;
    for (uint32_t i = 0; i < SLICE_BUCKETS && effort && survey->bucket < most; i++)
        effort = bucket_list(survey, sessions_bucket(decoder->sessions, survey->bucket), effort);
    return survey->bucket == most;
}
