/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "config/config.h"
#include "decode/journal/event.h"
#include "decode/journal/feed.h"
#include "decode/journal/store.h"

/*
 * The journal of templates: what earlier runs knew, read before the first datagram, and a thread that writes what the
 * workers learn. See docs/templates.md.
 */
struct journal;

/*
 * Reads the journal in config->templates.path, with a feed for each of so many workers. Returns 0; with *journal NULL
 * where there is no path; else -errno, logged.
 */
int journal_open(struct journal **journal, const struct config *config, uint32_t workers);

/* Starts the thread. Returns 0 or -errno, logged. */
int journal_start(struct journal *journal);

/* Once the workers have ended: ends the thread, and writes what they have said. */
void journal_finish(struct journal *journal);
void journal_free(struct journal *journal); /* may be NULL */

/* Without the thread, for tests: takes the events that there are, and does what is due. Returns how many events. */
uint32_t journal_turn(struct journal *journal);

/* Where the worker of that number says what it learns. */
struct template_feed *journal_feed(struct journal *journal, uint32_t worker);

/* All that the workers say is passed on to tap, too, which another thread empties. Before journal_start(). */
void journal_tap(struct journal *journal, struct template_feed *tap);

/* What earlier runs knew: constant, but for template_store_take(). */
struct template_store *journal_known(struct journal *journal);

/* Any thread. */
const struct counters *journal_counters(const struct journal *journal);
