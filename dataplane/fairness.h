/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/exporter.h"

/* Addresses are told apart by a hash that changes every 500 periods: who shares a place does so till then. */
#define FAIRNESS_PLACES 4096

#define FILL_UNKNOWN (-1.0)

/*
 * Who gets how much of a worker's time while there is more to do than it can. Nobody is limited, and nothing measured,
 * unless bursts are full: then there is a backlog. The fuller the queue gets behind which it waits, the less of the
 * worker's recent time an address may have had: who had more is refused what it sends, before it is decoded, which is
 * so quick that the queue empties. So an exporter whose datagrams cost as much as a thousand of others', by templates
 * that change or records that grow, takes nothing from them; nor does one that sends too many; and none is refused more
 * than the others need. All ports of an address have one part, as ports are free for whoever sends. Belongs to the
 * worker's thread; times are of the steady clock, in ns.
 */
struct fairness {
    bool on;            /* input.fair, where what is not taken now is lost */
    bool measures;      /* the burst at hand came full from its queue, or one that does not tell has a backlog */
    bool full;          /* a burst of such a queue was, in this round through the queues */
    bool saturated;     /* one was in every round of the period */
    uint32_t period;    /* its number; never 0 */
    uint32_t window;    /* of periods, in which addresses are counted; never 0 */
    uint32_t addresses; /* that sent in it so far */
    uint32_t usual;     /* that did in the one before */
    double filling;     /* how full the fullest queue was, in this round */
    double filled;      /* in the last one */
    uint32_t behind;    /* periods without a break that were saturated */
    double backlog;     /* as full as queues are taken to be that do not say it */
    bool pressed;       /* somebody may be refused in the burst at hand */
    int64_t step_ns;    /* when its first datagram was begun, or the limit was lowered within it; 0: none was */
    double recent_ns;   /* that all of them had of the last periods, the older the less of them */
    double recent_most_ns; /* of the burst at hand: beyond it an address is refused */
    int64_t began_ns;   /* the period */
    uint64_t seed;
    struct part {
        double recent_ns;  /* the same, of one */
        uint32_t period;
        uint32_t window;   /* in which its address was counted last */
    } parts[FAIRNESS_PLACES];
};

void fairness_init(struct fairness *fairness, bool on, int64_t now_ns);

/* For fairness_meet(). */
void fairness_count(struct fairness *fairness, struct exporter *exporter);

/* A datagram of the exporter's is there. */
static inline void fairness_meet(struct fairness *fairness, struct exporter *exporter)
{
    if (exporter->counted_window != fairness->window)
        fairness_count(fairness, exporter);
}

/*
 * A burst is to be decoded. Full: it has as many packets as it can. Fill: how full its queue is behind it, 0 to 1, or
 * FILL_UNKNOWN.
 */
void fairness_burst(struct fairness *fairness, bool full, double fill);

/* May the exporter have another datagram decoded? While fairness->measures. */
bool fairness_admits(struct fairness *fairness, const struct exporter *exporter);

/* It was, and took that long. */
void fairness_charge(struct fairness *fairness, const struct exporter *exporter, int64_t began_ns, int64_t ended_ns);

/* A round through the queues is over. */
void fairness_round(struct fairness *fairness, int64_t now_ns);
