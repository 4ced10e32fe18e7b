/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sched.h>
#include <stdbool.h>

/*
 * The calling thread is on one processor for a while: memory that it touches first meanwhile is near that processor
 * (NUMA), and threads that it starts stay there.
 */
struct processor_visit {
    cpu_set_t home;
    bool away;
};

/* Negative: anywhere, which is not to move at all. Returns 0 or -errno, and then the thread is where it was. */
int processor_visit(struct processor_visit *visit, int processor);
void processor_return(const struct processor_visit *visit);
