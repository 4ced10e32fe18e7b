/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "decode/journal/board.h"
#include "decode/facts.h"
#include "decode/journal/event.h"

/*
 * What one collector of a tier says to the others, and what it believes of what they say: the writer of a board. It
 * keeps the newest of each template and what of it is still to be published; how that gets to the others is not its
 * matter. One thread.
 */
struct template_share {
    struct template_board *board;
    struct counters *counters;
    uint64_t timeout_ns;            /* expiration_timeout; 0: never */
    bool tells_workers;             /* what one worker here says is news to the others here */
    struct board_entry *due, **due_last;
    uint32_t due_count, flying_count;
    uint32_t sweep_bucket;
    uint8_t merged[FACT_PAGE_MOST]; /* scratch: pages of facts */
};

void template_share_init(struct template_share *share, struct template_board *board, uint64_t timeout_ns,
                         struct counters *counters);

/* A worker of this collector says so at that time (UTC). */
void template_share_say(struct template_share *share, const struct template_event *event, int64_t now_ns);
/* The journal knows so from an earlier run: the others hear it unless they know as much. */
void template_share_remember(struct template_share *share, const struct template_event *event, int64_t now_ns);
/* Another collector says so: an announcement, or a removal. */
void template_share_hear(struct template_share *share, const struct template_event *event, int64_t now_ns);

/*
 * The next template to publish, or NULL; what board_entry_event() says of it, or that it is removed. Each comes back
 * by template_share_sent(); until then it does not come again. delivered: false: it is to be published again.
 */
struct board_entry *template_share_next(struct template_share *share);
void template_share_sent(struct template_share *share, struct board_entry *entry, bool delivered);

/* Templates that the others have not been told of. */
static inline uint32_t template_share_waiting(const struct template_share *share)
{
    return share->due_count + share->flying_count;
}

/* A slice of expiry: what nobody has renewed for long is removed, for all. Call it now and then. */
void template_share_sweep(struct template_share *share, int64_t now_ns);
