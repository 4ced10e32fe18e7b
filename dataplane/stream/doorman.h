/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "config/config.h"
#include "dataplane/stream/queue.h"

/*
 * Accepts sessions, does their handshakes, gives each to the worker that has fewest, ends those that take too long or
 * are not allowed any more, and closes what is over. A thread of its own, so that no worker waits for a handshake. It
 * makes no promises to peers: what the caps leave out is closed at once, and counted.
 */
struct doorman;

/* What became of connections; totals. */
struct doorman_counts {
    _Atomic uint64_t accepted;     /* sessions that were given to a worker */
    _Atomic uint64_t full;         /* closed at input.streams.most */
    _Atomic uint64_t full_address; /* closed at input.streams.per_address */
    _Atomic uint64_t not_allowed;  /* closed: not on input.allow */
    _Atomic uint64_t handshake_failed;
    _Atomic uint64_t handshake_late; /* input.streams.handshake_timeout */
};

/* Opens ports and reads certificates. NULL with errno set and the reason logged. queues stay the caller's. */
struct doorman *doorman_open(const struct config *config);
/* The descriptor that workers write to when a session is over. */
int doorman_over_fd(const struct doorman *doorman);

/* Starts the thread. Returns 0 or -errno, logged. */
int doorman_start(struct doorman *doorman, struct stream_queue *const *queues, uint32_t queue_count);

/* By another configuration from now on: input.allow, input.tls.*. What cannot be read is logged and stays as it was. */
void doorman_set_rules(struct doorman *doorman, const struct config *config);

const struct doorman_counts *doorman_counts(const struct doorman *doorman);

/* After the workers have ended: closes everything. */
void doorman_close(struct doorman *doorman);
