/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/heap.h"
#include "decode/sequence.h"

/*
 * The numberings of a worker's exporters. The first of an exporter lies in the exporter; further ones, of other source
 * ids, domains, engines or versions, come from the heap: at most NUMBERINGS_EACH of an exporter, of which another one
 * takes the place of the oldest, and `most` in all, beyond which datagrams are counted as unfollowed.
 *
 * Some exporters use one numbering for all of their domains. That is found out, too: struct exporter's sequence_scope.
 *
 * The samples of sFlow's data sources are numbered in a table of their own, by books whose samples is true.
 */
struct numberings;

#define NUMBERINGS_EACH 256
#define SOURCES_EACH    2048 /* data sources: a chassis has two for each interface */

/* each: the most of an exporter. */
struct numberings *numberings_new(struct heap *heap, uint32_t most, uint32_t each);
void numberings_free(struct numberings *numberings);

/* Follows the numbering that the message is of. */
void numberings_observe(struct numberings *numberings, const struct sequence_message *message,
                        const struct sequence_books *books);

/* Follows the numbering of a data source, by the message's domain: its samples, one at a time. */
void numberings_observe_sample(struct numberings *numberings, const struct sequence_message *sample,
                               const struct sequence_books *books);

/* Closes the open gaps of an exporter, samples' too: those that opened before a time, or all (INT64_MAX). */
void numberings_close_gaps(const struct sequence_books *books, int64_t before_ns);

/* Gives back what an exporter that is about to be removed has here: one of its lists. Its gaps are closed. */
void numberings_forget(struct numberings *numberings, struct exporter *exporter, struct numbering_list *list);
