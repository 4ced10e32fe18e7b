/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "export/elastic/http.h"

#define EVENTS_MOST 32

static int watch_socket(CURL *handle, curl_socket_t socket, int what, void *context, void *unused)
{
    struct elastic_loop *loop = context;
    struct epoll_event event = {.data.fd = socket};
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, socket, &event);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, socket, &event) < 0 && errno == ENOENT)
        return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, socket, &event);
    return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *context)
{
    struct elastic_loop *loop = context;
    loop->due_ns = timeout_ms < 0 ? INT64_MAX : clock_steady_ns() + timeout_ms * NS_PER_MS;
    return 0;
}

int elastic_loop_init(struct elastic_loop *loop, uint32_t connections)
{
    *loop = (struct elastic_loop){.due_ns = INT64_MAX, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    if (loop->epoll_fd < 0)
        return -errno;
    loop->multi = curl_multi_init();
    if (!loop->multi)
        return -ENOMEM;
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, (long)connections);
    curl_multi_setopt(loop->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return 0;
}

void elastic_loop_fini(struct elastic_loop *loop)
{
    if (loop->multi)
        curl_multi_cleanup(loop->multi);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    loop->multi = NULL;
    loop->epoll_fd = -1;
}

bool elastic_loop_add(struct elastic_loop *loop, CURL *handle)
{
    return curl_multi_add_handle(loop->multi, handle) == CURLM_OK;
}

void elastic_loop_remove(struct elastic_loop *loop, CURL *handle)
{
    curl_multi_remove_handle(loop->multi, handle);
}

static void run_sockets(struct elastic_loop *loop)
{
    struct epoll_event events[EVENTS_MOST];
    int running;
    int count = epoll_wait(loop->epoll_fd, events, EVENTS_MOST, 0);
    for (int i = 0; i < count; i++) {
        uint32_t seen = events[i].events;
        int mask = (seen & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) | (seen & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (seen & EPOLLERR ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(loop->multi, events[i].data.fd, mask, &running);
    }
    if (loop->due_ns <= clock_steady_ns()) {
        loop->due_ns = INT64_MAX;
        curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

void elastic_loop_run(struct elastic_loop *loop, elastic_finished finished, void *context)
{
    int left;
    CURLMsg *message;
    run_sockets(loop);
    while ((message = curl_multi_info_read(loop->multi, &left))) {
        CURL *handle = message->easy_handle;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_multi_remove_handle(loop->multi, handle); /* the message is gone with that */
        finished(context, handle, code);
    }
}
