/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "config/config.h"

/*
 * What a worker does when its queues are empty. While packets keep coming it naps by the clock until about half a burst
 * is there, instead of being woken for each few: a wake-up costs as much CPU time as dozens of records. Belongs to the
 * worker's thread.
 */
struct pause {
    int64_t busy_poll_ns; /* input.busy_poll */
    int64_t busy_ns;      /* steady clock, when the last empty burst followed one with packets */
    int64_t slept_ns;     /* steady clock, when the last nap began or the last wait ended */
    uint64_t packets;     /* since then */
    int64_t wait_ns;      /* longest wait, less than a second: housekeeping goes on in quiet hours */
};

enum pause_advice {
    PAUSE_NOT,  /* look again at once */
    PAUSE_NAP,  /* sleep for *nap_ns, whatever comes meanwhile */
    PAUSE_WAIT, /* wait for packets, at most wait_ns; pause_waited() afterwards */
};

void pause_init(struct pause *pause, const struct config *config);

/* A queue of the worker does not tell of packets: waits are short from here on. */
void pause_poll(struct pause *pause);

/* Called with the steady clock's time when a burst brought nothing. */
enum pause_advice pause_advise(struct pause *pause, int64_t now_ns, int64_t *nap_ns);

void pause_waited(struct pause *pause, int64_t now_ns);
