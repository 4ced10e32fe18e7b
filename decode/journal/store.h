/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/journal/event.h"

/*
 * Templates of many sessions as their bytes, small: some 30 bytes a template, 40 a session, and each definition once,
 * however many sessions have it. One thread fills it; once nobody does, any thread may read it, but a session is taken
 * by the one worker that owns it.
 */
struct template_store;

#define STORE_NONE UINT32_MAX

/* NULL for want of memory. */
struct template_store *template_store_new(void);
void template_store_free(struct template_store *store);

/*
 * Takes what the event says of its template: the definition, or that it was removed. The record is copied. False for
 * want of memory: then the store knows what it knew before.
 */
bool template_store_put(struct template_store *store, const struct template_event *event);

/* Templates, in the order in which their keys came first: below template_store_slots(), some of them removed. */
uint32_t template_store_slots(const struct template_store *store);
uint32_t template_store_count(const struct template_store *store);   /* that are not removed */
uint64_t template_store_live_bytes(const struct template_store *store); /* of their records in a journal */
size_t template_store_memory(const struct template_store *store);    /* bytes taken from the system */

/* The slot of a template, removed or not, or STORE_NONE. */
uint32_t template_store_find(const struct template_store *store, const struct session_key *key, uint16_t id);
/* What the slot knows: its last event, of which the time is in whole seconds. Returns false for a removed one. */
bool template_store_at(const struct template_store *store, uint32_t slot, struct template_event *event);

/* The session, or STORE_NONE; the slot of its first template, and the one after: STORE_NONE is the end. */
uint32_t template_store_session(const struct template_store *store, const struct session_key *key);
uint32_t template_store_first(const struct template_store *store, uint32_t session);
uint32_t template_store_next(const struct template_store *store, uint32_t slot);

/* True the first time for each session. The worker's that owns it, while others do the same with theirs. */
bool template_store_take(struct template_store *store, uint32_t session);
