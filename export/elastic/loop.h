/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

/* libcurl's transfers behind one descriptor to sleep on and one time to wake at. One thread. */
struct elastic_loop {
    CURLM *multi;
    int epoll_fd;
    int64_t due_ns; /* steady clock: when libcurl wants to be called; INT64_MAX = never */
};

/* Called for each transfer that is over; the handle is out of the loop by then. */
typedef void (*elastic_finished)(void *context, CURL *handle, CURLcode code);

/* connections: kept open while no transfer needs them. Returns 0 or -errno; ended by elastic_loop_fini() either way. */
int elastic_loop_init(struct elastic_loop *loop, uint32_t connections);
void elastic_loop_fini(struct elastic_loop *loop);

/* Begins the transfer. False when there is no memory. */
bool elastic_loop_add(struct elastic_loop *loop, CURL *handle);
/* Breaks it off. */
void elastic_loop_remove(struct elastic_loop *loop, CURL *handle);

/* Does what can be done without waiting. finished may add and remove handles. */
void elastic_loop_run(struct elastic_loop *loop, elastic_finished finished, void *context);
