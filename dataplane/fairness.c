/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/fairness.h"

#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

#define PERIOD_NS (20 * NS_PER_MS) /* rings have room for what comes meanwhile */
#define LEAST_NS  (PERIOD_NS / 100)
#define PATIENCE  5  /* periods: a backlog of a tenth of a second is worked off, while rings have room */
#define COST_MOST NS_PER_MS /* of a datagram: what is longer may be another thread that had the processor meanwhile */
#define SAVED     8  /* periods that an address may have at once, if it had nothing before: backlogs are worked off */
#define CALM      50 /* periods without refusals, after which the limit is forgotten */

void fairness_init(struct fairness *fairness, bool on, int64_t now_ns)
{
    *fairness = (struct fairness){
        .on = on,
        .saturated = true,
        .period = 1,
        .patience = PATIENCE,
        .began_ns = now_ns,
        .limit_ns = NO_LIMIT,
        .seed = (uint64_t)now_ns,
    };
    if (getrandom(&fairness->seed, sizeof fairness->seed, GRND_NONBLOCK) < 0)
        return; /* the time will do: a part that is shared with others lasts no longer than a period */
}

static int64_t least_of(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static int64_t greatest_of(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

/*
 * A quarter less than the greatest part, or than before; but never less than a quarter more than everyone would have if
 * all had the same, for where all are alike none is to blame; nor less than what is too little to take it from others.
 */
static int64_t limit_lower(const struct fairness *fairness, int64_t elapsed_ns)
{
    double scale = (double)PERIOD_NS / (double)elapsed_ns;
    int64_t most_ns = (int64_t)((double)fairness->most_ns * scale);
    int64_t alike_ns = (int64_t)((double)fairness->spent_ns * scale / fairness->usual * 1.25);
    int64_t limit_ns = least_of(fairness->limit_ns, most_ns) / 4 * 3;
    return greatest_of(greatest_of(limit_ns, alike_ns), LEAST_NS);
}

/* While somebody is refused datagrams, no further than up to all of a period: it takes effect anew at once. */
static void limit_raise(struct fairness *fairness)
{
    fairness->calm = fairness->refused ? 0 : fairness->calm + 1;
    if (fairness->limit_ns != NO_LIMIT)
        fairness->limit_ns = least_of(fairness->limit_ns + fairness->limit_ns / 16, PERIOD_NS);
    if (fairness->calm >= CALM)
        fairness->limit_ns = NO_LIMIT;
}

static void limit_change(struct fairness *fairness, int64_t elapsed_ns)
{
    bool overloaded = fairness->saturated && fairness->usual > 1.1;
    if (!overloaded || fairness->limit_ns != NO_LIMIT)
        fairness->patience = PATIENCE;
    if (overloaded)
        fairness->calm = 0;
    if (!overloaded)
        limit_raise(fairness);
    else if (fairness->limit_ns == NO_LIMIT && fairness->patience > 0)
        fairness->patience--;
    else
        fairness->limit_ns = limit_lower(fairness, elapsed_ns);
}

static void period_end(struct fairness *fairness, int64_t now_ns)
{
    double fewer = fairness->usual - fairness->addresses;
    fairness->usual -= fewer > 0 ? fewer / 16 : fewer;
    limit_change(fairness, now_ns - fairness->began_ns);
    fairness->period += fairness->period == UINT32_MAX ? 2 : 1;
    fairness->addresses = 0;
    fairness->spent_ns = fairness->most_ns = 0;
    fairness->refused = false;
    fairness->saturated = true;
    fairness->began_ns = now_ns;
}

static struct part *part_at(struct fairness *fairness, const struct exporter *exporter)
{
    uint64_t high, low;
    memcpy(&high, exporter->endpoint.address.bytes, sizeof high);
    memcpy(&low, exporter->endpoint.address.bytes + sizeof high, sizeof low);
    unsigned __int128 product = (unsigned __int128)(high * 0x9e3779b97f4a7c15u ^ low ^ fairness->seed) *
                                (0xd6e8feb86659fd93u + 2ull * (fairness->period >> 9));
    return &fairness->parts[(uint64_t)(product >> 64) % FAIRNESS_PLACES];
}

/* The part that the exporter's address has of the period. Without a limit, it may have what all would have alike. */
static struct part *part_of(struct fairness *fairness, const struct exporter *exporter)
{
    struct part *part = part_at(fairness, exporter);
    if (part->period == fairness->period)
        return part;
    bool limited = fairness->limit_ns != NO_LIMIT;
    double paid = (double)(limited ? fairness->limit_ns : (int64_t)((double)PERIOD_NS / (fairness->usual + 1)));
    double owed = (double)part->owed_ns - paid * (fairness->period - part->period);
    *part = (struct part){.period = fairness->period, .owed_ns = owed > 0 ? (int64_t)owed : 0};
    fairness->addresses++;
    return part;
}

bool fairness_admits(struct fairness *fairness, const struct exporter *exporter)
{
    const struct part *part = part_of(fairness, exporter);
    /* a session's exporter waits for us, and loses nothing */
    if (fairness->limit_ns == NO_LIMIT || part->owed_ns < SAVED * fairness->limit_ns || exporter->stream_number)
        return true;
    fairness->refused = true;
    return false;
}

void fairness_charge(struct fairness *fairness, const struct exporter *exporter, int64_t began_ns, int64_t ended_ns)
{
    struct part *part = part_of(fairness, exporter);
    int64_t cost_ns = least_of(ended_ns - began_ns, COST_MOST);
    part->spent_ns += cost_ns;
    part->owed_ns = least_of(part->owed_ns + cost_ns, SAVED * PERIOD_NS);
    fairness->spent_ns += cost_ns;
    if (part->spent_ns > fairness->most_ns)
        fairness->most_ns = part->spent_ns;
    if (ended_ns - fairness->began_ns >= PERIOD_NS)
        period_end(fairness, ended_ns);
}

void fairness_round(struct fairness *fairness, int64_t now_ns)
{
    if (!fairness->full)
        fairness->saturated = false;
    fairness->full = false;
    if (now_ns - fairness->began_ns >= PERIOD_NS)
        period_end(fairness, now_ns);
}
