/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include "dataplane/crew.h"
#include "dataplane/frame.h"
#include "dataplane/handover.h"
#include "dataplane/owners.h"
#include "dataplane/rules.h"

#define ENTER_STEP_MS 1 /* between two looks at whether all workers can receive */

/* What the workers of a crew share; inside of crew.c and worker.c. Constant once the threads run, but for the atomics.
 */
struct crew_shared {
    struct crew_setup setup;
    struct owners *owners;
    struct rules *_Atomic rules; /* the control thread writes, workers read */
    struct handover **handovers; /* one a worker */
    _Atomic bool stopping;       /* crew_stop() sets, workers read */
    _Atomic uint32_t entering;   /* workers that cannot receive yet; each takes itself off, all read */
    _Atomic uint32_t receiving;  /* workers that may still hand over; each takes itself off, all read */
    _Atomic uint32_t running;    /* threads that have not ended; each takes itself off, any thread reads */
};

/* Where the worker says what it learns: to the journal, which passes it on, or to the other collectors or workers
   alone. */
static inline struct template_feed *crew_feed(const struct crew_setup *setup, uint32_t worker)
{
    if (setup->journal)
        return journal_feed(setup->journal, worker);
    if (setup->exchange)
        return exchange_feed(setup->exchange, worker);
    return setup->circle ? template_circle_feed(setup->circle, worker) : NULL;
}

/* Where it finds what others say. */
static inline struct template_board *crew_board(const struct crew_setup *setup)
{
    if (setup->exchange)
        return exchange_board(setup->exchange);
    return setup->circle ? template_circle_board(setup->circle) : NULL;
}

/* Is the datagram one for the ports that are to be taken? */
static inline bool crew_wants_port(const struct crew_setup *setup, const struct packet *packet,
                                   const struct frame *frame)
{
    if (!setup->port_count || packet->kind == PACKET_PAYLOAD)
        return true;
    for (uint32_t i = 0; i < setup->port_count; i++)
        if (setup->ports[i] == frame->destination_port)
            return true;
    return false;
}
