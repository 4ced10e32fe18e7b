/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/exporter.h"

/* Addresses are told apart by a hash that changes every 512 periods: who shares a place does so till then. */
#define FAIRNESS_PLACES 4096

/*
 * Who gets how much of a worker's time while there is more to do than it can. Nobody is limited, and nothing measured,
 * unless bursts are full: then there is a backlog. While one lasts, the limit falls until those who take most of the
 * time leave enough for the others; what they send beyond it is refused before it is decoded. So an exporter whose
 * datagrams cost as much as a thousand of others', by templates that change or records that grow, takes nothing from
 * them; nor does one that sends too many. All ports of an address have one part, as ports are free for whoever sends.
 * Belongs to the worker's thread; times are of the steady clock, in ns.
 */
struct fairness {
    bool on;          /* input.fair, where what is not taken now is lost */
    bool measures;    /* the burst at hand is full, or there is a limit */
    bool full;        /* a burst of the round through the queues was */
    bool saturated;   /* one was in every round of the period */
    bool refused;     /* somebody was, in the period */
    uint32_t period;  /* its number; never 0 */
    uint32_t patience; /* saturated periods that pass before there is a limit */
    uint32_t calm;    /* periods in which nobody was refused, one behind the other */
    uint32_t addresses; /* that had a part of it */
    double usual;     /* so many have one, of late */
    int64_t began_ns;
    int64_t spent_ns; /* on all of them */
    int64_t most_ns;  /* on one */
    int64_t limit_ns; /* what one may have of a period */
    uint64_t seed;
    struct part {
        int64_t spent_ns;
        int64_t owed_ns; /* of this period and those before; it gets less by a limit in each */
        uint32_t period; /* of which it is */
    } parts[FAIRNESS_PLACES];
};

void fairness_init(struct fairness *fairness, bool on, int64_t now_ns);

#define NO_LIMIT INT64_MAX

/* A burst begins; full: it has as many packets as it can. */
static inline void fairness_burst(struct fairness *fairness, bool full)
{
    fairness->measures = fairness->on && (full || fairness->limit_ns != NO_LIMIT);
    fairness->full |= full;
}

/* May the exporter have another datagram decoded? While fairness->measures. */
bool fairness_admits(struct fairness *fairness, const struct exporter *exporter);

/* It was, and took that long. */
void fairness_charge(struct fairness *fairness, const struct exporter *exporter, int64_t began_ns, int64_t ended_ns);

/* A round through the queues is over. */
void fairness_round(struct fairness *fairness, int64_t now_ns);
