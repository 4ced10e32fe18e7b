/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/journal/event.h"

/*
 * What the collectors of a tier know of templates: the last announcement of each, in memory. One thread writes it while
 * all workers read, without a lock: what is replaced is kept until every worker has passed a point at which it looks at
 * nothing of it (template_board_pass()).
 */
struct template_board;

/* What is taken out is kept until nobody can be looking at it. The board's. */
struct board_leaving {
    struct board_leaving *next;
    uint64_t epoch;
    uint32_t size_bytes;
};

/* An announcement; constant but for its time. */
struct board_text {
    struct board_leaving leaving;
    struct template_stamp stamp;
    _Atomic uint32_t time_s; /* UTC: when somebody was last seen to use it */
    uint16_t source_port;
    uint16_t record_bytes;
    bool options;
    uint8_t record[];
};

/* A template of a session. */
struct board_entry {
    struct board_leaving leaving;
    struct session_key key;
    uint16_t id;
    _Atomic(struct board_text *) text; /* the writer's word, or NULL: removed */
    _Atomic(struct board_entry *) next; /* of the bucket */
    /* the writer's, which it may use as it likes: zero at first */
    struct board_entry *due_next; /* of what is to be published */
    uint32_t own_s;       /* UTC: when a worker here last spoke of it; 0: none here uses it */
    bool own;             /* the announcement on the topic is this collector's */
    bool due;
    bool in_flight;
};

/* memory_bytes: the cap. NULL for want of memory. */
struct template_board *template_board_new(uint64_t memory_bytes, uint32_t readers);
void template_board_free(struct template_board *board);

/* --- readers: any of them, with its number --- */

/* Changes with every announcement that readers may not know. */
uint32_t template_board_version(const struct template_board *board);

typedef void (*board_visitor)(const struct template_event *event, void *data);

/* Calls with each template of the session, of which the event's record is good until template_board_pass(). */
void template_board_visit(const struct template_board *board, const struct session_key *key, board_visitor visitor,
                          void *data);

/* The reader looks at nothing that it has got from the board any more. */
void template_board_pass(struct template_board *board, uint32_t reader);

/* --- the writer --- */

/* From now on there are readers; before, nothing has to be kept for them. */
void template_board_open(struct template_board *board);

struct board_entry *template_board_find(struct template_board *board, const struct session_key *key, uint16_t id);
/* The entry, new and without text where there was none; NULL at the cap. */
struct board_entry *template_board_take(struct template_board *board, const struct session_key *key, uint16_t id);
/* Gives the entry the event's announcement, of which readers hear with tell. False at the cap: it stays as it was. */
bool template_board_put(struct template_board *board, struct board_entry *entry, const struct template_event *event,
                        bool tell);
/* Takes its announcement away. */
void template_board_clear(struct template_board *board, struct board_entry *entry);
/* Removes it altogether. */
void template_board_remove(struct template_board *board, struct board_entry *entry);

/* What the entry says. False: nothing; then only key, id and change are set. */
bool board_entry_event(const struct board_entry *entry, struct template_event *event);

/* Gives back what nobody can be looking at any more. Call it now and then. */
void template_board_collect(struct template_board *board);

/* The buckets, for going through all entries: below template_board_buckets(). */
uint32_t template_board_buckets(const struct template_board *board);
struct board_entry *template_board_bucket(const struct template_board *board, uint32_t bucket);
uint32_t template_board_count(const struct template_board *board); /* entries */
