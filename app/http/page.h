/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "app/collector.h"
#include "app/http/server.h"

/* What pages are made from and into. All of it is of the server's thread, but for what is said to be others'. */

#define HTTP_CODES_MOST 8

/* How often a status was answered. */
struct http_code {
    unsigned status;
    uint64_t requests;
};

struct history;
struct top;

struct http_site {
    struct collector *collector;
    const struct config *config;
    _Atomic int phase;                /* enum http_phase; the main thread writes */
    uint8_t token_digest[32];         /* SHA-256 */
    struct http_code codes[HTTP_CODES_MOST];
    struct history *history;
    struct top *top;
};

/* Pairs with the release in http_enter(): what the phase promises is there. */
static inline enum http_phase site_phase(const struct http_site *site)
{
    return (enum http_phase)atomic_load_explicit(&site->phase, memory_order_acquire);
}

/* Does weir do all that it is for? */
bool site_ready(const struct http_site *site);

struct http_request;

/* The value of a parameter of the query, decoded: "" where it stands without one, NULL where it is not there. */
const char *request_value(const struct http_request *request, const char *name);

/* What stands behind the path of the page, decoded: "192.0.2.1" of /api/exporters/192.0.2.1. */
const char *request_rest(const struct http_request *request);

struct http_site *request_site(const struct http_request *request);

/* Does a browser ask, which would rather have HTML? */
bool request_wants_html(const struct http_request *request);

/* Does the client have the content of that tag already (If-None-Match)? */
bool request_has_tag(const struct http_request *request, const char *tag);

struct http_header {
    const char *name, *value; /* NULL ends an array */
};

/* A page being made: the body is what was written to the stream. */
struct http_page {
    FILE *stream;
    unsigned status; /* 200 */
    bool failed;     /* by page_fail(): it is JSON then, and nothing below counts */
    const char *type;                  /* Content-Type; NULL: the route's */
    const char *tag;                   /* ETag: may be kept and asked for again. NULL: not to be stored */
    const struct http_header *headers; /* more; or NULL */
};

/*
 * Starts the page anew as an answer of that status: {"error": ...}. Always returns false, so that a check can end with
 * it.
 */
bool page_fail(struct http_page *page, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- the pages --- */

void page_console(const struct http_request *request, struct http_page *page);
void page_console_file(const struct http_request *request, struct http_page *page);
void page_metrics(const struct http_request *request, struct http_page *page);
void page_livez(const struct http_request *request, struct http_page *page);
void page_readyz(const struct http_request *request, struct http_page *page);
void page_api(const struct http_request *request, struct http_page *page);
void page_ledger(const struct http_request *request, struct http_page *page);
void page_counters(const struct http_request *request, struct http_page *page);
void page_history(const struct http_request *request, struct http_page *page);
void page_talkers(const struct http_request *request, struct http_page *page);
void page_workers(const struct http_request *request, struct http_page *page);
void page_exporters(const struct http_request *request, struct http_page *page);
void page_exporter(const struct http_request *request, struct http_page *page);
void page_templates(const struct http_request *request, struct http_page *page);
void page_formats(const struct http_request *request, struct http_page *page);
