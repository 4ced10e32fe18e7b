/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/blast.h"

#include <errno.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"

#define NAP_MOST_NS  (100 * NS_PER_MS) /* how soon a signal is noticed */
#define TIMER_SLACK  1000ul            /* ns: naps that end when they should */

/* Time as it goes by, or as it is counted. */
struct pace {
    struct blast_clock now;
    int64_t begin_ns;     /* steady */
    int64_t begin_utc_ns;
    bool counted;
};

static struct pace pace_begin(const struct blast_run *run)
{
    struct pace pace = {.begin_ns = clock_steady_ns(),
                        .begin_utc_ns = run->time_ns ? run->time_ns : clock_utc_ns(),
                        .counted = run->sender->ops->virtual_time};
    pace.now.utc_ns = pace.begin_utc_ns;
    return pace;
}

static void pace_update(struct pace *pace)
{
    if (!pace->counted)
        pace->now.steady_ns = clock_steady_ns() - pace->begin_ns;
    pace->now.utc_ns = pace->begin_utc_ns + pace->now.steady_ns;
}

static void pace_wait(struct pace *pace, int64_t due_ns)
{
    if (pace->counted) {
        pace->now.steady_ns = due_ns > pace->now.steady_ns ? due_ns : pace->now.steady_ns + 1;
        return;
    }
    int64_t until_ns = due_ns < pace->now.steady_ns + NAP_MOST_NS ? due_ns : pace->now.steady_ns + NAP_MOST_NS;
    until_ns += pace->begin_ns;
    struct timespec until = {until_ns / NS_PER_S, until_ns % NS_PER_S};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static bool pace_over(const struct pace *pace, const struct blast_run *run)
{
    return (run->seconds > 0 && (double)pace->now.steady_ns >= run->seconds * 1e9) || (run->stop && *run->stop);
}

/* Returns the number of datagrams that were due. */
static uint32_t burst_send(struct blast_run *run, const struct pace *pace)
{
    struct blast_datagram datagrams[BLAST_BURST];
    struct sender *sender = run->sender;
    uint32_t room = sender->ops->room(sender, datagrams, BLAST_BURST);
    if (!room)
        return 1; /* they may be due, but cannot be sent */
    uint32_t count = run->supply->ops->fill(run->supply, datagrams, room, &pace->now);
    if (!count)
        return 0;
    int taken = sender->ops->send(sender, datagrams, count);
    if (taken < 0)
        run->error = taken;
    for (int i = 0; i < taken; i++)
        supply_settle(run->supply, &datagrams[i]);
    run->refused += count - (uint32_t)(taken < 0 ? 0 : taken);
    return count;
}

void blast_run(struct blast_run *run)
{
    struct pace pace = pace_begin(run);
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK);
    while (!run->error && !pace_over(&pace, run)) {
        uint32_t count = burst_send(run, &pace);
        if (!count && run->supply->ended)
            break;
        if (!count)
            pace_wait(&pace, run->supply->due_ns);
        pace_update(&pace);
    }
    run->elapsed_s = (double)pace.now.steady_ns / 1e9;
}
