/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/clock_skew.h"

#include <stdlib.h>

/* The first windows are short, so that an estimate is there soon. */
#define WINDOW_FIRST_NS NS_PER_S

#define STEADY_MS       1000  /* an estimate stays while the median is no further off: v9 has whole seconds */
#define JITTER_LEAST_MS 1000
#define JITTER_FAR_MS   60000 /* what windows of a clock that is far off may differ more */

static int64_t magnitude(int64_t ms)
{
    return ms < 0 ? -ms : ms;
}

/* Of an even number the one in the middle that corrects less. */
static int64_t median_of(const struct clock_skew *skew)
{
    int64_t sorted[SKEW_WINDOWS];
    for (unsigned i = 0; i < skew->count; i++) {
        unsigned at = i;
        for (; at > 0 && sorted[at - 1] > skew->closed_ms[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = skew->closed_ms[i];
    }
    int64_t low = sorted[(skew->count - 1) / 2], high = sorted[skew->count / 2];
    return magnitude(low) < magnitude(high) ? low : high;
}

static bool windows_agree(const struct clock_skew *skew, int64_t median_ms, int64_t tolerance_ms)
{
    int64_t jitter_ms = tolerance_ms / 2 > JITTER_LEAST_MS ? tolerance_ms / 2 : JITTER_LEAST_MS;
    int64_t far_ms = magnitude(median_ms) / 8;
    unsigned agreeing = 0;
    jitter_ms += far_ms < JITTER_FAR_MS ? far_ms : JITTER_FAR_MS;
    for (unsigned i = 0; i < skew->count; i++)
        agreeing += magnitude(skew->closed_ms[i] - median_ms) <= jitter_ms;
    return agreeing >= SKEW_AGREE;
}

static void estimate(struct clock_skew *skew, const struct skew_rules *rules)
{
    if (skew->count < SKEW_AGREE)
        return;
    int64_t median_ms = median_of(skew);
    if (windows_agree(skew, median_ms, rules->tolerance_ms)) {
        if (!skew->known || magnitude(median_ms - skew->estimate_ms) > STEADY_MS)
            skew->estimate_ms = median_ms;
        skew->known = true;
        skew->disagreed = 0;
    } else if (++skew->disagreed >= SKEW_WINDOWS) {
        skew->known = false;
        skew->disagreed = SKEW_WINDOWS;
    }
    skew->off = skew->known && magnitude(skew->estimate_ms) >= rules->tolerance_ms;
    skew->shift_ms = skew->off && rules->correct ? skew->estimate_ms : 0;
}

static void window_begin(struct clock_skew *skew, int64_t ahead_ns, int64_t received_ns)
{
    skew->ends_ns = received_ns + (skew->count < SKEW_AGREE ? WINDOW_FIRST_NS : SKEW_WINDOW_NS);
    skew->best_ns = ahead_ns;
}

static void window_close(struct clock_skew *skew, const struct skew_rules *rules)
{
    skew->closed_ms[skew->next] = skew->best_ns / NS_PER_MS;
    skew->next = (uint8_t)((skew->next + 1) % SKEW_WINDOWS);
    if (skew->count < SKEW_WINDOWS)
        skew->count++;
    estimate(skew, rules);
}

bool clock_skew_turn(struct clock_skew *skew, int64_t ahead_ns, int64_t received_ns, const struct skew_rules *rules)
{
    /* where our clock was set back, what the window had is of another clock */
    bool closes = skew->ends_ns && received_ns >= skew->ends_ns;
    if (closes)
        window_close(skew, rules);
    window_begin(skew, ahead_ns, received_ns);
    return closes;
}
