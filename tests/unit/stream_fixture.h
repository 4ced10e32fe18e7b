/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A session over a pair of sockets, without a doorman: what is written at one end is read by a worker's queue. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/stream/queue.h"

struct stream_rig {
    struct backend backend;
    struct stream_queue queue;
    int over_fd;
};

struct stream_end_pair {
    struct connection connection;
    int peer; /* -1: closed */
};

static inline void stream_rig_init(struct stream_rig *rig)
{
    rig->over_fd = eventfd(0, EFD_NONBLOCK);
    int result = stream_queue_init(&rig->queue, &rig->backend, 0, rig->over_fd);
    assert(result == 0 && rig->over_fd >= 0);
    (void)result;
}

static inline void stream_rig_fini(struct stream_rig *rig)
{
    stream_queue_fini(&rig->queue);
    close(rig->over_fd);
}

/* As the doorman gives it. */
static inline void stream_pair_open(struct stream_rig *rig, struct stream_end_pair *pair, uint16_t number)
{
    int fds[2];
    int result = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
    assert(result == 0);
    *pair = (struct stream_end_pair){.connection = {.fd = fds[0], .session.number = number}, .peer = fds[1]};
    pair->connection.buffer = malloc(STREAM_BUFFER_BYTES);
    pair->connection.queue = &rig->queue;
    atomic_store(&pair->connection.state, STREAM_OPEN);
    atomic_fetch_add(&rig->queue.given, 1);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = &pair->connection};
    result = epoll_ctl(rig->queue.queue.fd, EPOLL_CTL_ADD, fds[0], &event);
    assert(result == 0 && pair->connection.buffer);
    (void)result;
}

static inline void stream_pair_hang_up(struct stream_end_pair *pair)
{
    if (pair->peer >= 0)
        close(pair->peer);
    pair->peer = -1;
}

static inline void stream_pair_close(struct stream_rig *rig, struct stream_end_pair *pair)
{
    stream_pair_hang_up(pair);
    close(pair->connection.fd);
    free(pair->connection.buffer);
    atomic_fetch_sub(&rig->queue.given, 1);
}
