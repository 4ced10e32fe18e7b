/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/journal/event.h"

/*
 * A worker's events on their way to the journal's thread: a ring of bytes with one producer and one consumer, without
 * lock or system call. Pages come with their first use.
 */
struct template_feed;

/* size_bytes: a power of two, at least four times TEMPLATE_RECORD_MOST. NULL for want of memory. */
struct template_feed *template_feed_new(uint32_t size_bytes);
void template_feed_free(struct template_feed *feed);

/* Copies the event and its record; false when there is no room. The worker's. */
bool template_feed_push(struct template_feed *feed, const struct template_event *event);

/* The next event, whose record stays where it is until template_feed_pop(); false: there is none. The consumer's. */
bool template_feed_peek(struct template_feed *feed, struct template_event *event);
void template_feed_pop(struct template_feed *feed);
