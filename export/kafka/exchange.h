/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/counter.h"
#include "config/config.h"
#include "decode/journal/board.h"
#include "decode/journal/journal.h"

/*
 * The exchange of templates among the collectors of a tier, by a compacted topic: read to its end at the start, then
 * followed and written by a thread. See docs/templates.md.
 */
struct exchange;

/*
 * Reads the topic, for at most templates.kafka.wait, with a place on the board for so many workers. Where there is a
 * journal (else NULL), it passes on what the workers say, and what it knows is told to the others. Returns 0; with
 * *exchange NULL where no brokers are configured; else -errno, logged.
 */
int exchange_open(struct exchange **exchange, const struct config *config, uint32_t workers, struct journal *journal);

/* Starts the thread. Returns 0 or -errno, logged. */
int exchange_start(struct exchange *exchange);

/* Once the workers and the journal have ended: tells the others what was said, for a few seconds at most. */
void exchange_finish(struct exchange *exchange);
void exchange_free(struct exchange *exchange); /* may be NULL */

/* Where the worker says what it learns; without a journal. */
struct template_feed *exchange_feed(struct exchange *exchange, uint32_t worker);

struct template_board *exchange_board(struct exchange *exchange);

/* Any thread. */
const struct counters *exchange_counters(const struct exchange *exchange);
