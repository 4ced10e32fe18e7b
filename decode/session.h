/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "decode/exporter.h"
#include "decode/facts.h"
#include "decode/journal/event.h"
#include "decode/plans.h"
#include "decode/session_key.h"

/* What a session knows of a template id. */
struct template {
    struct plan *plan;      /* NULL: the slot is free */
    uint64_t uses;          /* data sets decoded by it */
    uint32_t learned_s;     /* UTC, when it came with this definition first; */
    uint32_t announced_s;   /* when it came last; */
    uint32_t used_s;        /* and when data of it came last: 0 = never */
    struct template_stamp stamp; /* of its last announcement */
    uint16_t id;
    uint16_t source_port;   /* that it came from */
    uint16_t former_port;   /* that had another definition of the id before, and not this one since; 0: none */
    uint8_t trust;          /* that of the session: announced, or seen to fit, since there was reason for doubt */
    bool marked : 1;        /* not used since the last sweep */
    bool unpublished : 1;   /* the journal was not told yet */
    bool stale : 1;         /* its plan may have names of elements that are not those of the session any more */
};

/*
 * Templates of one key, in open addressing by id. The memory of a session is only ever used for sessions, so an
 * exporter may keep a pointer to one that is gone: the key tells.
 */
struct session {
    struct session_key key;
    struct template *templates;
    uint32_t template_count;
    uint32_t template_slots;  /* a power of two, or 0 */
    uint32_t sequence;        /* of the last message */
    uint32_t board_version;   /* of what other collectors have announced, as far as it knows */
    uint8_t trust;            /* another one whenever there is reason to doubt all templates */
    bool marked;              /* no message since the last sweep */
    bool unpublished;         /* some of its templates are */
    bool split;               /* by address, and without templates: there is a session for each port instead */
    struct session *next;     /* of its bucket or the free list */
    struct facts *facts;      /* what its options records have said; NULL: nothing yet */
    /* cold */
    struct exporter *opener;  /* its template_count counts these; NULL when it was forgotten */
    struct session *opener_next;
    struct session **opener_link;
};

struct sessions;

/* most: about how many there may be, for the number of hash buckets. */
struct sessions *sessions_new(struct heap *heap, struct plans *plans, uint32_t most);
void sessions_free(struct sessions *sessions);

static inline bool session_is(const struct session *session, const struct session_key *key)
{
    return session_key_equal(&session->key, key);
}

/* NULL when there is none. */
struct session *sessions_find(const struct sessions *sessions, const struct session_key *key);
/* A new session that exporter opens, or NULL for want of memory. */
struct session *sessions_add(struct sessions *sessions, const struct session_key *key, struct exporter *opener);
void sessions_remove(struct sessions *sessions, struct session *session);

/* Makes exporter the opener of a session that has none, or frees it from the one it has (NULL). */
void session_adopt(struct session *session, struct exporter *opener);

/* NULL when the id is not known. */
static inline struct template *session_template(const struct session *session, uint16_t id)
{
    if (session->template_slots == 0)
        return NULL;
    uint32_t mask = session->template_slots - 1;
    for (uint32_t at = id & mask; session->templates[at].plan; at = (at + 1) & mask)
        if (session->templates[at].id == id)
            return &session->templates[at];
    return NULL;
}

/* The exporter may have given its ids to other templates. Those of before are believed once they are seen to fit. */
static inline void session_doubt(struct session *session)
{
    session->trust++; /* once round, a template that nothing was sent for since is believed again */
}

/* Adds an id that is not there, believed, taking over the caller's use of its plan. NULL for want of memory. */
struct template *session_add(struct sessions *sessions, struct session *session, const struct template *template);
/* The id was announced again, with this plan: takes over the caller's use of it. */
void session_announce(struct sessions *sessions, struct template *template, struct plan *plan, uint32_t time_s);
void session_drop(struct sessions *sessions, struct session *session, struct template *template);
/* Forgets what its options records have said. */
void session_forget(struct sessions *sessions, struct session *session);
/* Drops all templates; returns how many. */
uint32_t session_clear(struct sessions *sessions, struct session *session);
/* Drops the marked templates and marks the others; returns how many were dropped. */
uint32_t session_sweep(struct sessions *sessions, struct session *session);

/* Buckets, for a sweep in slices. */
uint32_t sessions_buckets(const struct sessions *sessions);
struct session *sessions_bucket(const struct sessions *sessions, uint32_t bucket);

uint32_t sessions_count(const struct sessions *sessions);
uint32_t sessions_template_count(const struct sessions *sessions); /* of all sessions */
