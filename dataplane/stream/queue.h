/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "dataplane/backend.h"
#include "dataplane/stream/connection.h"

/*
 * A worker's side of its sessions: reads what is there, cuts it into messages, and notices ends. The functions are
 * those of struct backend_ops, and the worker's alone but for init and fini.
 */
struct stream_queue {
    struct backend_queue queue; /* fd: an epoll of its sessions, edge-triggered; the doorman adds them */
    int over_fd;                /* written when a session is over: wakes the doorman */
    struct connection *first, *last; /* those with something to read or take */
    struct connection *ended;        /* whose exporter is to be told */
    uint64_t ends[STREAM_ENDS];
    _Atomic uint32_t given; /* sessions that the doorman gave and has not taken back; he writes */
};

/* Returns 0, or -errno. */
int stream_queue_init(struct stream_queue *queue, struct backend *backend, uint32_t number, int over_fd);
void stream_queue_fini(struct stream_queue *queue);

int stream_queue_receive(struct backend_queue *base, struct packet *packets, int most);
void stream_queue_release(struct backend_queue *base);
struct exporter *stream_queue_ended(struct backend_queue *base);
