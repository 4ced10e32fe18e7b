/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/heap.h"
#include "decode/exporter.h"
#include "decode/plans.h"

/*
 * Whose templates a message speaks of: the exporter's address (and port, where sessions go by port), version and
 * observation domain (RFC 7011 2 and 8, RFC 3954 5.1). Address and port are zero where templates are shared.
 */
struct session_key {
    struct address address;
    uint32_t domain;
    uint16_t port;
    uint16_t version; /* 0: this session is free */
};

/* What a session knows of a template id. */
struct template {
    struct plan *plan;      /* NULL: the slot is free */
    uint64_t uses;          /* data sets decoded by it */
    uint32_t learned_s;     /* UTC, when it came with this definition first; */
    uint32_t announced_s;   /* when it came last; */
    uint32_t used_s;        /* and when data of it came last: 0 = never */
    uint16_t id;
    bool marked;            /* not used since the last sweep */
};

static_assert(sizeof(struct template) == 32, "two a cache line");

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
    bool marked;              /* no message since the last sweep */
    struct session *next;     /* of its bucket or the free list */
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
    return memcmp(&session->key, key, sizeof *key) == 0;
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

/* Adds an id that is not there, taking over the caller's use of its plan. False for want of memory. */
bool session_add(struct sessions *sessions, struct session *session, const struct template *template);
/* The id was announced again, with this plan: takes over the caller's use of it. */
void session_announce(struct sessions *sessions, struct template *template, struct plan *plan, uint32_t now_s);
void session_drop(struct sessions *sessions, struct session *session, struct template *template);
/* Drops all templates; returns how many. */
uint32_t session_clear(struct sessions *sessions, struct session *session);
/* Drops the marked templates and marks the others; returns how many were dropped. */
uint32_t session_sweep(struct sessions *sessions, struct session *session);

/* Buckets, for a sweep in slices. */
uint32_t sessions_buckets(const struct sessions *sessions);
struct session *sessions_bucket(const struct sessions *sessions, uint32_t bucket);

uint32_t sessions_count(const struct sessions *sessions);
uint32_t sessions_template_count(const struct sessions *sessions); /* of all sessions */
