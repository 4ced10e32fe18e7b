/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the doorman is made of: for doorman.c, which is the thread, and doorman_make.c. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "dataplane/stream/doorman.h"
#include "dataplane/stream/rules.h"
#include "dataplane/stream/sockets.h"

struct doorman {
    const struct config *config;
    struct stream_listener listeners[STREAM_LISTENERS_MOST];
    int listener_count;
    struct connection *streams; /* config->input.streams.most */
    uint8_t *buffers;
    uint32_t used; /* streams beyond were never open */
    struct stream_queue *const *queues;
    uint32_t queue_count;
    struct door_rules rules; /* the thread's */
    int epoll_fd;
    int over_fd;
    bool accepting; /* listeners are in the epoll */
    int64_t tick_ns;
    struct doorman_counts counts;
    pthread_t thread;
    bool running;
    _Atomic bool stopping; /* the control thread writes */
    pthread_mutex_t lock;  /* of the two below */
    struct door_rules news;
    bool is_news;
};

/* Also what the worker may have done with it is seen. */
static inline enum stream_state state_of(const struct connection *connection)
{
    return atomic_load_explicit(&connection->state, memory_order_acquire);
}

/* Of one that no worker has. */
void stream_close(struct connection *connection);
