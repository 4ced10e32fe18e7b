/* SPDX-License-Identifier: Apache-2.0 */
#include "export/latency.h"

#include "base/clock.h"
#include "base/counter.h"
#include "export/batch.h"

/* clang-format off */
const int64_t latency_bounds_ns[LATENCY_BOUNDS] = {
    1 * NS_PER_MS, 2 * NS_PER_MS, 5 * NS_PER_MS,
    10 * NS_PER_MS, 20 * NS_PER_MS, 50 * NS_PER_MS,
    100 * NS_PER_MS, 200 * NS_PER_MS, 500 * NS_PER_MS,
    1 * NS_PER_S, 2 * NS_PER_S, 5 * NS_PER_S,
    10 * NS_PER_S, 20 * NS_PER_S, 50 * NS_PER_S,
    100 * NS_PER_S,
};
/* clang-format on */

/* A view knows its first document by the steady clock; what was on disk has only the time of day. */
static int64_t age_ns(const struct batch *batch)
{
    int64_t age = batch->body ? clock_steady_ns() - batch->opened_ns : clock_utc_ns() - batch->sealed_ns;
    return age < 0 ? 0 : age; /* the clock was set back */
}

void latency_count(struct latency *latency, const struct batch *batch)
{
    uint32_t delivered = batch->count - batch->refused - batch->failed - batch->spooled;
    if (!delivered)
        return;
    int64_t age = age_ns(batch);
    uint32_t bucket = 0;
    while (bucket < LATENCY_BOUNDS && age > latency_bounds_ns[bucket])
        bucket++;
    counter_bump(&latency->documents[bucket], delivered);
    counter_bump(&latency->sum_us, (uint64_t)age / 1000 * delivered);
}

void latency_add(struct latency_sum *sum, const struct latency *latency)
{
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++)
        sum->documents[i] += counter_read(&latency->documents[i]);
    sum->sum_us += counter_read(&latency->sum_us);
}
