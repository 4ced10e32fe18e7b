/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "decode/park.h"
#include "decode/state.h"

/* What other collectors have announced, as a worker takes it: when a session's message comes, before its first set. */

static uint32_t export_s(const struct message *message)
{
    return (uint32_t)(message->export_ns / NS_PER_S);
}

static void announcement_take(struct decoder *decoder, const struct template_event *event)
{
    if (template_restore(decoder, event))
        parked_release(decoder, event->id);
}

static void announcement_weigh(const struct template_event *event, void *data)
{
    struct decoder *decoder = data;
    const struct session *session = decoder->walk.session;
    const struct template *known = session ? session_template(session, event->id) : NULL;
    if (template_event_expired(event, decoder->config->expiration_timeout, decoder->datagram.received_ns))
        return;
    if (event_is_facts(event))
        facts_restore(decoder, event);
    else if (!known || template_stamp_later(&event->stamp, &known->stamp, export_s(&decoder->message)))
        announcement_take(decoder, event);
}

void session_consult(struct decoder *decoder)
{
    struct walk *walk = &decoder->walk;
    uint32_t version = template_board_version(decoder->board);
    if (walk->session && walk->session->board_version == version)
        return;
    decoder->told_by_others = true;
    template_board_visit(decoder->board, &walk->key, announcement_weigh, decoder);
    decoder->told_by_others = false;
    if (walk->session)
        walk->session->board_version = version;
}

/* --- sets that wait for a template whose exporter may send nothing more here --- */

#define SLICE_PARKED 256 /* in one call */

/* The message of the parked set is the one at hand; true when its template is known now. */
static bool parked_consult(struct decoder *decoder, const struct parked *parked)
{
    struct walk *walk = &decoder->walk;
    struct exporter *exporter = parked->message.exporter;
    decoder->message = parked->message;
    decoder->datagram = (struct datagram){.exporter = exporter, .received_ns = parked->message.received_ns};
    walk->dialect = parked->key.version == 9 ? &dialect_v9 : &dialect_ipfix;
    walk->key = parked->key;
    walk->session = sessions_find(decoder->sessions, &walk->key);
    session_consult(decoder);
    return walk->session && session_template(walk->session, parked->id);
}

bool decoder_begin_parked(struct decoder *decoder)
{
    struct unparking *unparking = &decoder->unparking;
    if (!decoder->board || !park_count(decoder->park))
        return false;
    uint32_t version = template_board_version(decoder->board);
    if (!unparking->number && unparking->version == version)
        return false;
    if (!unparking->number)
        unparking->version = version;
    unparking->left = SLICE_PARKED;
    decoder->walk = (struct walk){.open = true, .unparking = true};
    return true;
}

bool board_unpark(struct decoder *decoder)
{
    struct unparking *unparking = &decoder->unparking;
    for (;;) {
        if ((decoder->released.count || decoder->released.at_hand) && parked_begin(decoder))
            return true;
        const struct parked *parked = unparking->left ? park_after(decoder->park, unparking->number) : NULL;
        if (!parked)
            break;
        unparking->left--;
        unparking->number = parked->number;
        if (parked_consult(decoder, parked))
            parked_release(decoder, parked->id);
    }
    if (unparking->left)
        unparking->number = 0;
    decoder->walk.open = false;
    return false;
}
