/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/counter.h"
#include "config/config.h"

/* What runs that were killed had left, for the counters of this one. */
struct memory_recovered {
    uint64_t counts[OUTPUTS_MOST][COUNTER_COUNT]; /* by number of the output */
    uint64_t lost;                                /* records that are no output's: not in a body, or it is gone */
};

/*
 * Moves what is left in the memory of killed runs with the same spools to the spools, and removes it. Before this run
 * has threads, or memory of its own. Documents that are moved are not among the counts: they are recovered when the
 * spool is opened, as all that is in it. Those that a spool had no room for are, and those that are lost.
 *
 * What it is interrupted at is gone on with by the next start. Returns 0 or -errno, logged: a spool cannot be opened.
 */
int memory_recover(const struct config *config, struct memory_recovered *recovered);
