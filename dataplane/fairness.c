/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/fairness.h"

#include <math.h> /* INFINITY */
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

#define PERIOD_NS     (20 * NS_PER_MS)
#define MEMORY        8    /* periods that recent time is of */
#define WINDOW        50   /* periods: about a second */
#define EPOCH         (10 * WINDOW)
#define LEAST         0.01 /* of the worker: what is too little to take it from others */
#define HEADROOM      1.25 /* over what all would have if they were alike: where they are, none is to blame */
#define BURST_STEP_NS NS_PER_MS
#define COST_MOST_NS  NS_PER_MS /* of a datagram: what is longer may be another that had the processor */

/* How full a queue is: a backlog that is worked off; one by which who has most shall have least; too much. */
#define FILL_LOW    0.25
#define FILL_MIDDLE 0.5
#define FILL_HIGH   0.75

/*
 * A queue that does not say how full it is is taken to be at FILL_LOW after half a second of backlog: what waited in it
 * while the worker was away is worked off before, without loss to anybody. From there on the backlog goes up and down.
 */
#define PATIENCE     25 /* periods */
#define BACKLOG_MORE (FILL_LOW / 5)
#define BACKLOG_LESS (FILL_LOW / 20)

void fairness_init(struct fairness *fairness, bool on, int64_t now_ns)
{
    *fairness = (struct fairness){
        .on = on,
        .saturated = true,
        .period = EPOCH,
        .window = EPOCH / WINDOW,
        .began_ns = now_ns,
        .seed = (uint64_t)now_ns,
    };
    if (getrandom(&fairness->seed, sizeof fairness->seed, GRND_NONBLOCK) < 0)
        return; /* the time will do: a part that is shared with others lasts no longer than an epoch */
}

static double least_of(double one, double other)
{
    return one < other ? one : other;
}

static double greatest_of(double one, double other)
{
    return one > other ? one : other;
}

/* The address's place in an epoch. */
static struct part *part_at(struct fairness *fairness, const struct exporter *exporter, uint32_t epoch)
{
    uint64_t high, low;
    memcpy(&high, exporter->endpoint.address.bytes, sizeof high);
    memcpy(&low, exporter->endpoint.address.bytes + sizeof high, sizeof low);
    unsigned __int128 product = (unsigned __int128)(high * 0x9e3779b97f4a7c15u ^ low ^ fairness->seed) *
                                (0xd6e8feb86659fd93u + 2ull * epoch);
    return &fairness->parts[(uint64_t)(product >> 64) % FAIRNESS_PLACES];
}

/* What of the time so many periods ago counts. */
static double faded(double time_ns, uint32_t periods)
{
    for (; periods && time_ns >= 1; periods--)
        time_ns -= time_ns / MEMORY;
    return time_ns;
}

/* The part that the exporter's address has of the period. In a new epoch it comes along from its place in the last. */
static struct part *part_of(struct fairness *fairness, const struct exporter *exporter)
{
    uint32_t epoch = fairness->period / EPOCH;
    struct part *part = part_at(fairness, exporter, epoch);
    if (part->period == fairness->period)
        return part;
    const struct part *last = part;
    if (part->period / EPOCH != epoch)
        last = part_at(fairness, exporter, epoch - 1);
    bool known = last == part || last->period / EPOCH == epoch - 1;
    part->recent_ns = known ? faded(last->recent_ns, fairness->period - last->period) : 0;
    part->period = fairness->period;
    return part;
}

void fairness_count(struct fairness *fairness, struct exporter *exporter)
{
    struct part *part = part_at(fairness, exporter, fairness->period / EPOCH);
    exporter->counted_window = fairness->window;
    if (part->window == fairness->window)
        return;
    part->window = fairness->window;
    fairness->addresses++;
}

/* What an address may have at least, of all the time. */
static double share_least(const struct fairness *fairness)
{
    uint32_t count = fairness->usual > fairness->addresses ? fairness->usual : fairness->addresses;
    double alike = count ? HEADROOM / count : HEADROOM;
    return alike > LEAST ? alike : LEAST;
}

/* What an address may have had where there is no more room: of the time that was spent, however little it is. */
static double recent_least(const struct fairness *fairness)
{
    return share_least(fairness) * greatest_of(fairness->recent_ns, PERIOD_NS);
}

/*
 * From all the time that there is, where the queue begins to be full, down to the least of it in the middle: who sent
 * little up to now may have a burst.
 */
static void limit_set(struct fairness *fairness)
{
    double fill = greatest_of(greatest_of(fairness->filling, fairness->filled), fairness->backlog);
    double above = (fill - FILL_LOW) / (FILL_MIDDLE - FILL_LOW);
    double share = 1 - (1 - share_least(fairness)) * least_of(above, 1);
    fairness->step_ns = 0;
    fairness->pressed = above > 0;
    if (!fairness->pressed)
        fairness->recent_most_ns = INFINITY;
    else if (fill >= FILL_HIGH)
        fairness->recent_most_ns = recent_least(fairness);
    else
        fairness->recent_most_ns = share * greatest_of(fairness->recent_ns, MEMORY * PERIOD_NS);
}

void fairness_burst(struct fairness *fairness, bool full, double fill)
{
    if (fill < 0)
        fairness->full |= full;
    else
        fairness->filling = greatest_of(fairness->filling, fill);
    fairness->measures = fairness->on && (full || fill > 0 || fairness->backlog > 0);
    if (fairness->measures)
        limit_set(fairness);
}

bool fairness_admits(struct fairness *fairness, const struct exporter *exporter)
{
    if (exporter->stream_number)
        return true; /* a session's exporter waits for us, and loses nothing */
    return part_of(fairness, exporter)->recent_ns <= fairness->recent_most_ns;
}

/* After so many periods, of which what was seen is the first. */
static void backlog_change(struct fairness *fairness, int64_t periods)
{
    fairness->behind = fairness->saturated ? fairness->behind + 1 : 0;
    if (!fairness->saturated)
        fairness->backlog = greatest_of(fairness->backlog - BACKLOG_LESS * (double)periods, 0);
    else if (fairness->backlog > 0)
        fairness->backlog = least_of(fairness->backlog + BACKLOG_MORE, FILL_HIGH);
    else if (fairness->behind >= PATIENCE)
        fairness->backlog = FILL_LOW;
}

static void period_end(struct fairness *fairness, int64_t now_ns)
{
    int64_t periods = (now_ns - fairness->began_ns) / PERIOD_NS; /* several, if the worker slept, or was kept from it */
    backlog_change(fairness, periods);
    fairness->saturated = true;
    fairness->began_ns += periods * PERIOD_NS;
    fairness->recent_ns = faded(fairness->recent_ns, periods < UINT32_MAX ? (uint32_t)periods : UINT32_MAX);
    fairness->period = fairness->period + periods < UINT32_MAX ? fairness->period + (uint32_t)periods : EPOCH;
    if (fairness->window == fairness->period / WINDOW)
        return;
    fairness->window = fairness->period / WINDOW;
    fairness->usual = fairness->addresses;
    fairness->addresses = 0;
}

/* Queues fill further meanwhile: the longer a burst takes, the less of it is for those who had most. */
static void burst_watch(struct fairness *fairness, int64_t began_ns, int64_t ended_ns)
{
    if (!fairness->step_ns)
        fairness->step_ns = began_ns;
    if (ended_ns - fairness->step_ns < BURST_STEP_NS)
        return;
    fairness->step_ns = ended_ns;
    double lower_ns = greatest_of(fairness->recent_most_ns / 2, recent_least(fairness));
    fairness->recent_most_ns = least_of(fairness->recent_most_ns, lower_ns);
}

void fairness_charge(struct fairness *fairness, const struct exporter *exporter, int64_t began_ns, int64_t ended_ns)
{
    struct part *part = part_of(fairness, exporter);
    int64_t cost_ns = ended_ns - began_ns < COST_MOST_NS ? ended_ns - began_ns : COST_MOST_NS;
    part->recent_ns += (double)cost_ns;
    fairness->recent_ns += (double)cost_ns;
    if (fairness->pressed)
        burst_watch(fairness, began_ns, ended_ns);
    if (ended_ns - fairness->began_ns >= PERIOD_NS)
        period_end(fairness, ended_ns);
}

void fairness_round(struct fairness *fairness, int64_t now_ns)
{
    fairness->saturated = fairness->saturated && fairness->full;
    fairness->full = false;
    fairness->filled = fairness->filling;
    fairness->filling = 0;
    if (now_ns - fairness->began_ns >= PERIOD_NS)
        period_end(fairness, now_ns);
}
