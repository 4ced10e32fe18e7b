/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <curl/curl.h>
#include <stddef.h>

#include "config/config.h"

/*
 * libcurl's handles for Elasticsearch and OpenSearch: TLS (CA, fingerprint, client certificate), credentials (basic,
 * API key, bearer), HTTP/1.1, no signals. What the sink and "weir setup" have in common.
 */

/* A handle that has everything of the output's configuration but URL, body and time-out; NULL when out of memory. The
   caller ends it with http_handle_free(). */
CURL *http_handle_new(const struct output_config *output);
void http_handle_free(CURL *handle);

/* Headers that every request has: Content-Type, Authorization for API key and bearer. ndjson: of a bulk body, else of
   JSON. NULL when out of memory; curl_slist_free_all() ends it. */
struct curl_slist *http_headers(const struct output_config *output, bool ndjson);

/* An answer in memory, NUL-terminated, at most HTTP_ANSWER_MOST bytes of it. */
#define HTTP_ANSWER_MOST (16U << 20)

struct http_answer {
    long status;      /* HTTP's; 0 = no answer */
    char *body;       /* never NULL where http_request() returned 0 */
    size_t size_bytes;
    char error[CURL_ERROR_SIZE]; /* why there is none */
};

/*
 * One request to a host of output->elastic.hosts, waiting for the answer at most output->elastic.timeout: for "weir
 * setup". path begins with a slash; body: PUT, NULL: GET. Returns 0, or -EIO without an answer, or -ENOMEM. The caller
 * frees answer->body.
 */
int http_request(const struct output_config *output, const char *host, const char *path, const char *body,
                 struct http_answer *answer);
