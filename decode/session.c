/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/session.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "decode/pages.h"

#define SLOTS_LEAST 4

struct sessions {
    struct heap *heap;
    struct plans *plans;
    struct session **buckets;
    struct session *free;
    uint64_t seed;
    uint32_t bucket_mask;
    uint32_t count;
    uint32_t template_count; /* of all sessions */
};

static size_t buckets_bytes(const struct sessions *sessions)
{
    return ((size_t)sessions->bucket_mask + 1) * sizeof *sessions->buckets;
}

struct sessions *sessions_new(struct heap *heap, struct plans *plans, uint32_t most)
{
    struct sessions *sessions = calloc(1, sizeof *sessions);
    if (!sessions)
        return NULL;
    uint32_t buckets = 64;
    while (buckets < most && buckets < 1U << 24)
        buckets *= 2;
    sessions->heap = heap;
    sessions->plans = plans;
    sessions->bucket_mask = buckets - 1;
    sessions->buckets = pages_take(buckets_bytes(sessions));
    if (!sessions->buckets) {
        free(sessions);
        return NULL;
    }
    if (getrandom(&sessions->seed, sizeof sessions->seed, 0) != sizeof sessions->seed) {
        sessions_free(sessions);
        return NULL;
    }
    return sessions;
}

void sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return;
    for (uint32_t i = 0; i <= sessions->bucket_mask; i++)
        while (sessions->buckets[i])
            sessions_remove(sessions, sessions->buckets[i]);
    while (sessions->free) {
        struct session *session = sessions->free;
        sessions->free = session->next;
        heap_give(sessions->heap, session, sizeof *session);
    }
    pages_give(sessions->buckets, buckets_bytes(sessions));
    free(sessions);
}

static struct session **bucket_of(const struct sessions *sessions, const struct session_key *key)
{
    return &sessions->buckets[XXH3_64bits_withSeed(key, sizeof *key, sessions->seed) & sessions->bucket_mask];
}

struct session *sessions_find(const struct sessions *sessions, const struct session_key *key)
{
    struct session *session = *bucket_of(sessions, key);
    while (session && !session_is(session, key))
        session = session->next;
    return session;
}

struct session *sessions_add(struct sessions *sessions, const struct session_key *key, struct exporter *opener)
{
    struct session *session = sessions->free;
    if (session)
        sessions->free = session->next;
    else
        session = heap_take(sessions->heap, sizeof *session);
    if (!session)
        return NULL;
    struct session **bucket = bucket_of(sessions, key);
    *session = (struct session){.key = *key, .next = *bucket};
    *bucket = session;
    sessions->count++;
    session_adopt(session, opener);
    return session;
}

/* Relaxed: the worker's own number, which others look at. */
static void opener_count(struct exporter *opener, uint32_t change)
{
    uint32_t count = atomic_load_explicit(&opener->template_count, memory_order_relaxed);
    atomic_store_explicit(&opener->template_count, count + change, memory_order_relaxed);
}

void session_adopt(struct session *session, struct exporter *opener)
{
    if (session->opener) {
        opener_count(session->opener, -session->template_count);
        *session->opener_link = session->opener_next;
        if (session->opener_next)
            session->opener_next->opener_link = session->opener_link;
    }
    session->opener = opener;
    if (!opener)
        return;
    opener_count(opener, session->template_count);
    session->opener_next = opener->sessions;
    session->opener_link = &opener->sessions;
    if (session->opener_next)
        session->opener_next->opener_link = &session->opener_next;
    opener->sessions = session;
}

static void count_change(struct sessions *sessions, struct session *session, uint32_t change)
{
    sessions->template_count += change;
    session->template_count += change;
    if (session->opener)
        opener_count(session->opener, change);
}

uint32_t session_clear(struct sessions *sessions, struct session *session)
{
    uint32_t count = session->template_count;
    for (uint32_t i = 0; i < session->template_slots; i++)
        if (session->templates[i].plan)
            plans_release(sessions->plans, session->templates[i].plan);
    heap_give(sessions->heap, session->templates, session->template_slots * sizeof *session->templates);
    session->templates = NULL;
    session->template_slots = 0;
    count_change(sessions, session, -count);
    return count;
}

void session_forget(struct sessions *sessions, struct session *session)
{
    facts_free(session->facts, sessions->heap);
    session->facts = NULL;
}

void sessions_remove(struct sessions *sessions, struct session *session)
{
    session_clear(sessions, session);
    session_forget(sessions, session);
    session_adopt(session, NULL);
    struct session **link = bucket_of(sessions, &session->key);
    while (*link != session)
        link = &(*link)->next;
    *link = session->next;
    *session = (struct session){.next = sessions->free};
    sessions->free = session;
    sessions->count--;
}

static struct template *slot_fill(struct template *slots, uint32_t slot_count, const struct template *template)
{
    uint32_t at = template->id & (slot_count - 1);
    while (slots[at].plan)
        at = (at + 1) & (slot_count - 1);
    slots[at] = *template;
    return &slots[at];
}

/* At most three quarters full. */
static bool slots_grow(struct sessions *sessions, struct session *session)
{
    if (4 * (session->template_count + 1) <= 3 * session->template_slots)
        return true;
    uint32_t slot_count = session->template_slots ? 2 * session->template_slots : SLOTS_LEAST;
    struct template *slots = heap_take(sessions->heap, slot_count * sizeof *slots);
    if (!slots)
        return false;
    memset(slots, 0, slot_count * sizeof *slots);
    for (uint32_t i = 0; i < session->template_slots; i++)
        if (session->templates[i].plan)
            slot_fill(slots, slot_count, &session->templates[i]);
    heap_give(sessions->heap, session->templates, session->template_slots * sizeof *slots);
    session->templates = slots;
    session->template_slots = slot_count;
    return true;
}

struct template *session_add(struct sessions *sessions, struct session *session, const struct template *template)
{
    if (!slots_grow(sessions, session))
        return NULL;
    count_change(sessions, session, 1);
    struct template *added = slot_fill(session->templates, session->template_slots, template);
    added->trust = session->trust;
    return added;
}

void session_announce(struct sessions *sessions, struct template *template, struct plan *plan, uint32_t time_s)
{
    plans_release(sessions->plans, template->plan); /* of two uses of the same plan one stays */
    if (template->plan != plan) {
        template->plan = plan;
        template->learned_s = time_s;
        template->uses = template->used_s = 0;
    }
    template->announced_s = time_s;
    template->marked = false;
}

void session_drop(struct sessions *sessions, struct session *session, struct template *template)
{
    plans_release(sessions->plans, template->plan);
    template->plan = NULL;
    count_change(sessions, session, -1u);
    /* What stands behind the gap up to the next one moves up, unless it would come before its own place. */
    uint32_t mask = session->template_slots - 1, gap = (uint32_t)(template - session->templates);
    for (uint32_t at = (gap + 1) & mask; session->templates[at].plan; at = (at + 1) & mask) {
        uint32_t home = session->templates[at].id & mask;
        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        session->templates[gap] = session->templates[at];
        session->templates[at].plan = NULL;
        gap = at;
    }
}

uint32_t session_sweep(struct sessions *sessions, struct session *session)
{
    uint32_t dropped = 0;
    for (uint32_t i = 0; i < session->template_slots;) {
        struct template *template = &session->templates[i];
        if (template->plan && template->marked) {
            session_drop(sessions, session, template); /* another one may stand here now */
            dropped++;
        } else {
            i++;
        }
    }
    for (uint32_t i = 0; i < session->template_slots; i++)
        session->templates[i].marked = true;
    return dropped;
}

uint32_t sessions_buckets(const struct sessions *sessions)
{
    return sessions->bucket_mask + 1;
}

struct session *sessions_bucket(const struct sessions *sessions, uint32_t bucket)
{
    return sessions->buckets[bucket];
}

uint32_t sessions_count(const struct sessions *sessions)
{
    return sessions->count;
}

uint32_t sessions_template_count(const struct sessions *sessions)
{
    return sessions->template_count;
}
