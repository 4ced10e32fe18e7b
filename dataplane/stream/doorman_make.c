/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/stream/doorman_state.h"

static int streams_init(struct doorman *doorman)
{
    uint32_t most = doorman->config->input.streams.most;
    doorman->streams = calloc(most, sizeof *doorman->streams);
    doorman->buffers = mmap(NULL, (size_t)most * STREAM_BUFFER_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!doorman->streams || doorman->buffers == MAP_FAILED)
        return -ENOMEM;
    for (uint32_t i = 0; i < most; i++) {
        doorman->streams[i].session.number = (uint16_t)(i + 1);
        doorman->streams[i].buffer = doorman->buffers + (size_t)i * STREAM_BUFFER_BYTES;
        doorman->streams[i].fd = -1;
    }
    return 0;
}

static int doorman_init(struct doorman *doorman)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = doorman};
    int result = streams_init(doorman);
    doorman->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    doorman->over_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!result && (doorman->epoll_fd < 0 || doorman->over_fd < 0 ||
                    epoll_ctl(doorman->epoll_fd, EPOLL_CTL_ADD, doorman->over_fd, &event) < 0))
        result = -errno;
    if (!result && !door_rules_init(&doorman->rules, doorman->config, doorman->config))
        result = -EINVAL;
    if (!result)
        result = stream_listeners_open(doorman->config, doorman->listeners, &doorman->listener_count,
                                       doorman->over_fd);
    return result;
}

struct doorman *doorman_open(const struct config *config)
{
    struct doorman *doorman = calloc(1, sizeof *doorman);
    if (!doorman)
        return NULL;
    doorman->config = config;
    doorman->buffers = MAP_FAILED;
    doorman->epoll_fd = doorman->over_fd = -1;
    pthread_mutex_init(&doorman->lock, NULL);
    int result = doorman_init(doorman);
    if (!result) {
        stream_files_allow(config->input.streams.most);
        return doorman;
    }
    doorman_close(doorman);
    errno = -result;
    return NULL;
}

int doorman_over_fd(const struct doorman *doorman)
{
    return doorman->over_fd;
}

const struct doorman_counts *doorman_counts(const struct doorman *doorman)
{
    return &doorman->counts;
}

void doorman_close(struct doorman *doorman)
{
    if (!doorman)
        return;
    if (doorman->running) {
        atomic_store_explicit(&doorman->stopping, true, memory_order_relaxed);
        eventfd_write(doorman->over_fd, 1);
        pthread_join(doorman->thread, NULL);
    }
    for (uint32_t i = 0; i < doorman->used; i++)
        if (state_of(&doorman->streams[i]) != STREAM_FREE)
            stream_close(&doorman->streams[i]);
    bool sctp_here = false;
    for (int i = 0; i < doorman->listener_count; i++) {
        sctp_here |= doorman->listeners[i].sctp_here;
        stream_listener_close(&doorman->listeners[i]);
    }
    if (sctp_here)
        sctp_here_stop();
    if (doorman->epoll_fd >= 0)
        close(doorman->epoll_fd);
    if (doorman->over_fd >= 0)
        close(doorman->over_fd);
    if (doorman->buffers != MAP_FAILED)
        munmap(doorman->buffers, (size_t)doorman->config->input.streams.most * STREAM_BUFFER_BYTES);
    free(doorman->streams);
    door_rules_fini(&doorman->rules);
    door_rules_fini(&doorman->news);
    pthread_mutex_destroy(&doorman->lock);
    free(doorman);
}
