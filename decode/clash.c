/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/state.h"

/*
 * Two devices behind one address (NAT), in profile weir. Templates go by address whatever the port is, because a
 * device that begins anew may come from another one. But when an id goes from one definition to another and back, each
 * time from another port, there are two devices, and from then on there is a session for each port. What is left of the
 * session by address is a mark, so that others that come from there are kept apart as well.
 */

bool session_is_by_address(const struct decoder *decoder)
{
    return !decoder->config->share_templates && !decoder->profile->sessions_by_port && decoder->walk.key.port == 0;
}

bool template_goes_back(struct template *template, uint16_t port)
{
    if (template->source_port == port)
        return false;
    if (template->former_port == port)
        return true;
    template->former_port = template->source_port;
    return false;
}

/* What another device has announced since is not this one's; other ports' templates have to fit. */
bool template_is_for_port(struct decoder *decoder, const struct template *template, const struct set *set)
{
    uint16_t port = exporter_port(decoder->datagram.exporter);
    bool any;
    if (template->source_port == port || !session_is_by_address(decoder))
        return true;
    return template->former_port != port && records_fit(decoder, template->plan, set, &any);
}

static struct session *port_session(struct decoder *decoder, const struct session *from, uint16_t port)
{
    struct session_key key = from->key;
    key.port = port;
    struct session *session = sessions_find(decoder->sessions, &key);
    if (!session)
        session = sessions_add(decoder->sessions, &key, NULL); /* its exporter adopts it with its next message */
    if (session)
        session->sequence = from->sequence;
    return session;
}

/* The template goes to the session of the port that it came from. */
static void template_move(struct decoder *decoder, struct session *from, struct template *template)
{
    int64_t now_ns = decoder->datagram.received_ns;
    struct session *to = port_session(decoder, from, template->source_port);
    plan_retain(template->plan);
    struct template like = *template;
    like.former_port = 0;
    like.marked = like.unpublished = false;
    like.stale = template->plan->nameable; /* its names are forgotten below */
    struct template *moved = to ? session_add(decoder->sessions, to, &like) : NULL;
    if (moved) {
        template_publish(decoder, to, moved, CHANGE_LEARNED, now_ns);
    } else {
        plans_release(decoder->plans, template->plan);
        decoder_count(decoder, COUNTER_templates_over_memory_cap, 1);
    }
    template_publish_removed(decoder, from, template, now_ns);
    session_drop(decoder->sessions, from, template);
}

static void templates_move(struct decoder *decoder, struct session *from)
{
    for (uint32_t i = 0; i < from->template_slots;) {
        if (from->templates[i].plan)
            template_move(decoder, from, &from->templates[i]); /* another one may stand here now */
        else
            i++;
    }
}

void exporter_mark_split(struct exporter *exporter, int64_t now_ns)
{
    if (!atomic_load_explicit(&exporter->split_ns, memory_order_relaxed))
        atomic_store_explicit(&exporter->split_ns, now_ns, memory_order_relaxed); /* a time to look at */
}

void session_split(struct decoder *decoder)
{
    struct walk *walk = &decoder->walk;
    struct session *session = walk->session;
    struct exporter *exporter = decoder->datagram.exporter;
    session->split = true;
    session_publish_split(decoder, session, decoder->datagram.received_ns);
    templates_move(decoder, session);
    facts_publish_removed(decoder, session, decoder->datagram.received_ns);
    session_forget(decoder->sessions, session); /* nobody knows which of the devices said what */
    park_rekey(decoder->park, &session->key);
    decoder_count(decoder, COUNTER_addresses_split, 1);
    exporter_mark_split(exporter, decoder->datagram.received_ns);
    walk->key.port = exporter_port(exporter);
    walk->session = sessions_find(decoder->sessions, &walk->key);
    exporter->session = walk->session;
    if (walk->session && !walk->session->opener)
        session_adopt(walk->session, exporter);
}
