/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/counter.h"
#include "config/config.h"
#include "decode/journal/board.h"
#include "decode/journal/journal.h"

/*
 * The workers of one collector that share exporters (input.rss: source-port) tell each other of templates: a thread
 * puts on a board what each of them says. Data that comes to a worker before it has heard of the template is parked.
 */
struct template_circle;

/* With a place on the board for so many workers. Where there is a journal (else NULL), it passes on what the workers
   say. Returns 0 or -ENOMEM, logged. */
int template_circle_open(struct template_circle **circle, const struct config *config, uint32_t workers,
                         struct journal *journal);

/* Starts the thread. Returns 0 or -errno, logged. */
int template_circle_start(struct template_circle *circle);

/* Once the workers and the journal have ended. circle may be NULL. */
void template_circle_finish(struct template_circle *circle);
void template_circle_free(struct template_circle *circle);

/* Where the worker says what it learns; without a journal. */
struct template_feed *template_circle_feed(struct template_circle *circle, uint32_t worker);

struct template_board *template_circle_board(struct template_circle *circle);
