/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What the calling thread uses between begin and end: CPU time, and cycles and instructions in user space where the
 * machine counts them. Of one thread.
 */
struct meter {
    int cycles_fd; /* -1: cannot be had */
    int instructions_fd;
};

/* Sums over intervals. */
struct reading {
    double cpu_ns;       /* of the thread */
    double others_ns;    /* CPU time of the process' other threads: the output's */
    double cycles;       /* only with counted */
    double instructions; /* only with counted */
    bool counted;
};

void meter_open(struct meter *meter);
void meter_close(struct meter *meter);

/* Takes the present values off the sums; meter_end() adds those of its time. */
void meter_begin(const struct meter *meter, struct reading *reading);
void meter_end(const struct meter *meter, struct reading *reading);
