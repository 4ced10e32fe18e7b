/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "decode/state.h"

/* Facts on their way to the journal: a page of them is an event, told anew when one of its facts has changed. */

#define PAUSE_NS NS_PER_S /* between two tellings of a session: a table of options comes in many records */

static bool page_say(struct decoder *decoder, struct session *session, uint32_t page, int64_t now_ns)
{
    struct publisher *publisher = &decoder->publisher;
    struct facts *facts = session->facts;
    uint32_t left_out;
    struct template_event event = {
        .key = session->key,
        .time_ns = now_ns,
        .stamp = facts->stamp,
        .record = publisher->record,
        .record_bytes = fact_page_write(publisher->record, facts, page, &left_out),
        .id = (uint16_t)(FACT_PAGE_LEAST + page),
        .source_port = facts->source_port,
        .change = CHANGE_LEARNED,
    };
    if (event.record_bytes == 0)
        event.change = CHANGE_REMOVED;
    if (!template_feed_push(publisher->feed, &event))
        return false;
    facts->dirty &= ~(1ull << page);
    facts->said |= 1ull << page;
    counter_add(decoder->counters, COUNTER_facts_unsaid, left_out);
    if (session->opener)
        counter_bump(&session->opener->counters.value[COUNTER_facts_unsaid], left_out);
    return true;
}

bool session_say_facts(struct decoder *decoder, struct session *session, int64_t now_ns)
{
    struct publisher *publisher = &decoder->publisher;
    struct facts *facts = session->facts;
    int64_t since_ns = now_ns - facts->said_ns;
    if (since_ns >= 0 && since_ns < PAUSE_NS && !publisher->urgent) {
        publisher->again = true;
        return true;
    }
    if (publisher->removed_count) /* in order, as templates */
        return false;
    while (facts->dirty)
        if (!page_say(decoder, session, (uint32_t)__builtin_ctzll(facts->dirty), now_ns))
            return false;
    facts->said_ns = now_ns;
    return true;
}

/* At once, unless it has just told some. */
void facts_publish(struct decoder *decoder, struct session *session, int64_t now_ns)
{
    struct publisher *publisher = &decoder->publisher;
    if (!session_is_told(decoder, session) || (session_say_facts(decoder, session, now_ns) && !session->facts->dirty))
        return;
    session->unpublished = true;
    publisher->behind = publisher->again = true;
}

void facts_publish_removed(struct decoder *decoder, const struct session *session, int64_t now_ns)
{
    const struct facts *facts = session->facts;
    for (uint32_t page = 0; facts && session_is_told(decoder, session) && page < FACT_PAGES; page++)
        if (facts->said >> page & 1)
            template_publish_removed(
                decoder, session, &(struct template){.id = (uint16_t)(FACT_PAGE_LEAST + page), .stamp = facts->stamp},
                now_ns);
}

void session_renew_facts(struct decoder *decoder, struct session *session, int64_t now_ns)
{
    if (!session->facts || !session->facts->said)
        return;
    session->facts->dirty |= session->facts->said;
    facts_publish(decoder, session, now_ns);
}
