/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * How far an exporter's clock is ahead of ours, by the export times in its messages and when they came. A message is
 * late, by the network and by queues, and never early: so of each window the message that came soonest counts. Of the
 * last windows the median counts, if most of them agree with it: so neither one message that lies, nor a backlog that
 * is worked off, makes an estimate, and a clock that is set is followed after three windows.
 */

#define SKEW_WINDOWS 5 /* of which the median is taken, once there are SKEW_AGREE */
#define SKEW_AGREE   3

#define SKEW_UNKNOWN INT64_MIN /* no estimate yet, or none that holds */

/* What an exporter's worker keeps of it. All zeroes: nothing yet. */
struct clock_skew {
    /* cold: when a window ends */
    int64_t closed_ms[SKEW_WINDOWS];
    int64_t estimate_ms;
    /* hot: for each message */
    int64_t ends_ns;   /* UTC, ours: of the window at hand; 0: there is none */
    int64_t best_ns;   /* of the window: the most that an export time was ahead of its receipt */
    int64_t shift_ms;  /* what the times of messages are corrected by; 0: not */
    bool off;          /* the estimate is skew_rules.tolerance_ms or more, to either side */
    bool known;
    uint8_t count, next;
    uint8_t disagreed; /* windows without an estimate that holds, one behind the other */
};

struct skew_rules {
    int64_t tolerance_ms; /* clock.tolerance */
    bool correct;         /* clock.correct, in a profile that does it */
};

#define SKEW_WINDOW_NS (10 * NS_PER_S)

/* The message is not of the window at hand: the next one begins with it. Returns as clock_skew_observe(). */
bool clock_skew_turn(struct clock_skew *skew, int64_t ahead_ns, int64_t received_ns, const struct skew_rules *rules);

/* Takes the times of a message. True: a window has ended, and estimate_ms, known, off and shift_ms may be others. */
static inline bool clock_skew_observe(struct clock_skew *skew, int64_t export_ns, int64_t received_ns,
                                      const struct skew_rules *rules)
{
    int64_t ahead_ns = export_ns - received_ns, left_ns = skew->ends_ns - received_ns;
    if (left_ns <= 0 || left_ns > 2 * SKEW_WINDOW_NS) /* it has ended, or our clock was set back */
        return clock_skew_turn(skew, ahead_ns, received_ns, rules);
    if (ahead_ns > skew->best_ns)
        skew->best_ns = ahead_ns;
    return false;
}

/* SKEW_UNKNOWN, or the estimate in milliseconds: positive where the exporter's clock is ahead. */
static inline int64_t clock_skew_ms(const struct clock_skew *skew)
{
    return skew->known ? skew->estimate_ms : SKEW_UNKNOWN;
}
