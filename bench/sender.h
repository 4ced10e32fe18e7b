/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SENDER_STEP_MOST 64
#define SENDER_RECORDS 24 /* a datagram: v9, 18 fields, 1,200 bytes */

/*
 * Sends v9 over the loopback interface: one exporter, templates first, then datagrams of
 * SENDER_RECORDS records in steps of sendmmsg(), until the time or the count is reached.
 */
struct sender_setup {
    uint16_t port;
    double rate;       /* datagrams a second; 0 = as fast as it can */
    double seconds;
    uint64_t most;     /* datagrams of data; 0 = no bound but the time */
    uint32_t step;     /* datagrams sent at once, at most SENDER_STEP_MOST */
    int cpu;           /* -1: any */
};

struct sender_result {
    uint64_t datagrams; /* that the kernel took, the template's among them */
    uint64_t records;
    uint64_t refused;   /* datagrams that the kernel did not take */
    int64_t wall_ns;    /* of the data */
    int error;          /* 0 or -errno */
};

/* In a process of its own. False when that failed; result->error says when sending did. */
bool sender_spawn(const struct sender_setup *setup, struct sender_result *result);
