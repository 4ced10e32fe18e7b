/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "app/collector.h"

/*
 * Metrics for Prometheus, health, and the API, over HTTP by libmicrohttpd: docs/http.md. One thread serves all
 * listeners; it reads what any thread may read, so no worker and no output ever waits for it. Connections are limited
 * in number and time.
 */
struct http;

/* How far weir has come. */
enum http_phase {
    HTTP_STARTING, /* nothing of the collector may be looked at */
    HTTP_RUNNING,
    HTTP_STOPPING, /* workers end, outputs flush: counters can be read, workers not be asked */
};

/*
 * Listens as the configuration says and reads certificates: nobody is answered yet. *http is NULL where it is off, or
 * where the default address is taken, which is a warning alone. The collector outlives it. Returns 0 or -errno, logged.
 */
int http_open(struct http **http, struct collector *collector);

/* Starts the thread, which has the rights of its caller; nothing is ready yet. http may be NULL. Returns 0 or -errno,
   logged. */
int http_start(struct http *http);

/* The collector is as far; its members stay as they are until http_close(). http may be NULL. */
void http_enter(struct http *http, enum http_phase phase);

/* Ends all connections. http may be NULL. */
void http_close(struct http *http);
