/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <signal.h>

#include "blast/sender.h"

/* One run: sends what the supply has until it ends, time is up or a signal has come. */
struct blast_run {
    struct sender *sender;
    struct blast_supply *supply;
    double seconds;                      /* 0: no bound */
    int64_t time_ns;                     /* UTC at the begin; 0: the machine's clock */
    const volatile sig_atomic_t *stop;   /* set by a signal handler; NULL: none */
    /* results */
    uint64_t refused;                    /* datagrams that the sender did not take */
    double elapsed_s;                    /* by the clock that runs */
    int error;                           /* 0, or -errno of the sender, which has logged it */
};

/* The sender is open. */
void blast_run(struct blast_run *run);
