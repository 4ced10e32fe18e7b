/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/journal/share.h"

#include <string.h>

#include "base/clock.h"

#define SLICE_BUCKETS 4096
#define ANY_EXPORT_S  UINT32_MAX /* no message of the session is at hand */

void template_share_init(struct template_share *share, struct template_board *board, uint64_t timeout_ns,
                         struct counters *counters)
{
    *share = (struct template_share){.board = board, .timeout_ns = timeout_ns, .counters = counters};
    share->due_last = &share->due;
}

/* --- what is to be published --- */

static void due_link(struct template_share *share, struct board_entry *entry)
{
    entry->due_next = NULL;
    *share->due_last = entry;
    share->due_last = &entry->due_next;
    share->due_count++;
}

/* What is in flight is published again when it has come back, so that the order stays. */
static void due_mark(struct template_share *share, struct board_entry *entry)
{
    entry->own = true;
    if (entry->due)
        return;
    entry->due = true;
    if (!entry->in_flight)
        due_link(share, entry);
}

static void entry_tidy(struct template_share *share, struct board_entry *entry)
{
    struct template_event event;
    if (!entry->due && !entry->in_flight && !board_entry_event(entry, &event))
        template_board_remove(share->board, entry);
}

struct board_entry *template_share_next(struct template_share *share)
{
    while (share->due) {
        struct board_entry *entry = share->due;
        share->due = entry->due_next;
        if (!share->due)
            share->due_last = &share->due;
        share->due_count--;
        entry->due = false;
        if (entry->own) {
            entry->in_flight = true;
            share->flying_count++;
            return entry;
        }
        entry_tidy(share, entry); /* another collector has said as much meanwhile */
    }
    return NULL;
}

void template_share_sent(struct template_share *share, struct board_entry *entry, bool delivered)
{
    entry->in_flight = false;
    share->flying_count--;
    if (entry->due)
        due_link(share, entry);
    else if (!delivered && entry->own)
        due_mark(share, entry);
    else
        entry_tidy(share, entry);
}

/* --- what is said here --- */

static bool definition_same(const struct template_event *one, const struct template_event *other)
{
    return one->record_bytes == other->record_bytes && one->options == other->options &&
           memcmp(one->record, other->record, one->record_bytes) == 0;
}

/* Nobody has renewed it for half a timeout: the others would forget it in time. */
static bool renewal_due(const struct template_share *share, const struct template_event *known, int64_t now_ns)
{
    return share->timeout_ns && now_ns - known->time_ns >= (int64_t)(share->timeout_ns / 2);
}

static bool is_news(const struct template_share *share, const struct template_event *event,
                    const struct template_event *known, int64_t now_ns)
{
    bool later = template_stamp_later(&event->stamp, &known->stamp, ANY_EXPORT_S);
    if (!definition_same(event, known))
        return later || event_is_facts(event); /* merged, they say more */
    return (later && event->change != CHANGE_RENEWED) || renewal_due(share, known, now_ns);
}

static void full_count(struct template_share *share)
{
    counter_add(share->counters, COUNTER_template_topic_full, 1);
}

/* Of a page of facts each collector may have seen a part: both are kept. Of one key the later one counts. */
static void facts_merge(struct template_share *share, struct template_event *event, const struct template_event *known)
{
    if (!event_is_facts(event) || definition_same(event, known))
        return;
    bool older = template_stamp_later(&known->stamp, &event->stamp, ANY_EXPORT_S);
    const struct template_event *first = older ? known : event, *second = older ? event : known;
    event->record_bytes = fact_pages_merge(share->merged, first, second);
    event->stamp = first->stamp;
    event->record = share->merged;
}

/* The entry, having heard of it; NULL at the cap. */
static struct board_entry *event_weigh(struct template_share *share, const struct template_event *event, int64_t now_ns)
{
    struct template_event known, newest = *event;
    struct board_entry *entry = template_board_take(share->board, &event->key, event->id);
    if (!entry) {
        full_count(share);
        return NULL;
    }
    if (board_entry_event(entry, &known)) {
        facts_merge(share, &newest, &known);
        if (!is_news(share, &newest, &known, now_ns))
            return entry;
        /* a renewal may come from one that has not seen the last announcement of the same definition */
        if (template_stamp_later(&known.stamp, &newest.stamp, ANY_EXPORT_S))
            newest.stamp = known.stamp;
    }
    if (template_board_put(share->board, entry, &newest, share->tells_workers)) {
        due_mark(share, entry);
        return entry;
    }
    full_count(share);
    entry_tidy(share, entry);
    return NULL;
}

/*
 * A template that this collector needs no more: others may, and as long as theirs is the last word, it stays. Where the
 * id means something else by now, it goes.
 */
static void removal_weigh(struct template_share *share, const struct template_event *event)
{
    struct template_event known;
    struct board_entry *entry = template_board_find(share->board, &event->key, event->id);
    if (!entry)
        return;
    entry->own_s = 0;
    if (!board_entry_event(entry, &known) ||
        (!entry->own && !template_stamp_later(&event->stamp, &known.stamp, ANY_EXPORT_S)))
        return;
    template_board_clear(share->board, entry);
    due_mark(share, entry);
}

void template_share_say(struct template_share *share, const struct template_event *event, int64_t now_ns)
{
    if (event->change == CHANGE_REMOVED) {
        removal_weigh(share, event);
        return;
    }
    if (event->change == CHANGE_SPLIT) /* each collector finds out by itself */
        return;
    struct board_entry *entry = event_weigh(share, event, now_ns);
    if (entry)
        entry->own_s = (uint32_t)(now_ns / NS_PER_S);
}

void template_share_remember(struct template_share *share, const struct template_event *event, int64_t now_ns)
{
    if (event->change != CHANGE_SPLIT && !template_event_expired(event, share->timeout_ns, now_ns))
        event_weigh(share, event, now_ns);
}

/* --- what is heard --- */

static bool used_here(const struct template_share *share, const struct board_entry *entry, int64_t now_ns)
{
    return entry->own_s && (!share->timeout_ns || now_ns - entry->own_s * NS_PER_S < 2 * (int64_t)share->timeout_ns);
}

/* Somebody removed what may be in use here: then it is said again. */
static void removal_hear(struct template_share *share, const struct template_event *event, int64_t now_ns)
{
    struct template_event known;
    struct board_entry *entry = template_board_find(share->board, &event->key, event->id);
    if (!entry || !board_entry_event(entry, &known))
        return;
    if (used_here(share, entry, now_ns)) {
        due_mark(share, entry);
        return;
    }
    counter_add(share->counters, COUNTER_template_topic_applied, 1);
    template_board_clear(share->board, entry);
    entry->own = false;
    entry_tidy(share, entry);
}

/* It is no news, and older than what is known: whoever reads the topic later must not believe it. */
static void older_hear(struct template_share *share, struct board_entry *entry, const struct template_event *event,
                       const struct template_event *known)
{
    if (!definition_same(event, known) && (entry->own || entry->own_s))
        due_mark(share, entry);
}

void template_share_hear(struct template_share *share, const struct template_event *event, int64_t now_ns)
{
    struct template_event known, heard = *event;
    if (event->change == CHANGE_REMOVED) {
        removal_hear(share, event, now_ns);
        return;
    }
    if (heard.time_ns > now_ns) /* a clock is wrong */
        heard.time_ns = now_ns;
    if (template_event_expired(&heard, share->timeout_ns, now_ns))
        return;
    struct board_entry *entry = template_board_take(share->board, &event->key, event->id);
    bool is_known = entry && board_entry_event(entry, &known);
    if (is_known)
        facts_merge(share, &heard, &known);
    bool more = !definition_same(&heard, event); /* than was heard: the others are to know that, too */
    if (is_known && template_stamp_later(&known.stamp, &heard.stamp, ANY_EXPORT_S)) {
        older_hear(share, entry, &heard, &known);
        return;
    }
    if (is_known && heard.time_ns < known.time_ns && definition_same(&heard, &known))
        heard.time_ns = known.time_ns;
    bool tell = !is_known || !definition_same(&heard, &known);
    if (!entry || !template_board_put(share->board, entry, &heard, tell)) {
        full_count(share);
        if (entry)
            entry_tidy(share, entry);
        return;
    }
    entry->own = false;
    if (more)
        due_mark(share, entry);
    counter_add(share->counters, COUNTER_template_topic_applied, tell);
}

/* --- expiry --- */

/* Whoever said it last removes it; should that collector be gone, the others do a little later. */
static void entry_expire(struct template_share *share, struct board_entry *entry, int64_t now_ns)
{
    struct template_event event;
    int64_t late_ns = entry->own ? 0 : (int64_t)share->timeout_ns / 2;
    if (board_entry_event(entry, &event)) {
        if (!template_event_expired(&event, share->timeout_ns, now_ns - late_ns))
            return;
        entry->own_s = 0;
        template_board_clear(share->board, entry);
        due_mark(share, entry);
    }
    entry_tidy(share, entry);
}

void template_share_sweep(struct template_share *share, int64_t now_ns)
{
    uint32_t buckets = template_board_buckets(share->board);
    for (uint32_t i = 0; i < SLICE_BUCKETS; i++) {
        share->sweep_bucket = share->sweep_bucket + 1 < buckets ? share->sweep_bucket + 1 : 0;
        struct board_entry *next, *entry = template_board_bucket(share->board, share->sweep_bucket);
        for (; entry; entry = next) {
            next = atomic_load_explicit(&entry->next, memory_order_relaxed);
            entry_expire(share, entry, now_ns);
        }
    }
}
