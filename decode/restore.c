/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/journal/record.h"
#include "decode/state.h"

/* Only the session's own limits stand against it: that the record is sound was seen when it was read. */
bool template_restore(struct decoder *decoder, const struct template_event *event)
{
    struct template_view view;
    decoder->told = event;
    bool good = template_event_read(event, &view) && template_learn(decoder, &view);
    decoder->told = NULL;
    return good;
}

static void split_restore(struct decoder *decoder)
{
    struct session *session = session_open(decoder);
    if (session)
        session->split = true;
}

/* The exporter may have begun anew while nobody listened. */
static void session_restored(const struct decoder *decoder, struct session *session)
{
    if (session && decoder->profile->misfits_disprove)
        session_doubt(session);
}

struct session *session_restore(struct decoder *decoder)
{
    struct walk *walk = &decoder->walk;
    struct template_store *known = decoder->publisher.known;
    uint32_t session = known ? template_store_session(known, &walk->key) : STORE_NONE;
    if (session == STORE_NONE || !template_store_take(known, session))
        return NULL;
    walk->session = NULL;
    for (uint32_t slot = template_store_first(known, session); slot != STORE_NONE;
         slot = template_store_next(known, slot)) {
        struct template_event event;
        if (!template_store_at(known, slot, &event) ||
            template_event_expired(&event, decoder->config->expiration_timeout, decoder->datagram.received_ns))
            continue;
        if (event.change == CHANGE_SPLIT)
            split_restore(decoder);
        else if (event_is_facts(&event))
            facts_restore(decoder, &event);
        else
            template_restore(decoder, &event);
    }
    session_restored(decoder, walk->session);
    return walk->session;
}
