/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/http/page.h"
#include "base/address.h"

/* Parameters of the query. Where a value is impossible they make the page an answer of 400 that says what to write. */

/* Absent: *value stays. */
bool query_number(const struct http_request *request, struct http_page *page, const char *name, uint64_t most,
                  uint64_t *value);
bool query_given(const struct http_request *request, const char *name);

/* network=: an address, or CIDR notation. */
struct query_network {
    struct prefix prefix;
    bool given;
};

bool query_network(const struct http_request *request, struct http_page *page, struct query_network *network);

static inline bool query_network_contains(const struct query_network *network, const struct address *address)
{
    return !network->given || prefix_contains(&network->prefix, address);
}

/* Which part of a sorted list is wanted. */
struct query_slice {
    uint64_t offset;
    uint64_t limit;
    bool descending;
    const char *sort; /* a name, not checked yet */
};

#define QUERY_LIMIT_DEFAULT 100
#define QUERY_LIMIT_MOST    10000

/* offset=, limit=, sort=, order=; sort and descending begin as the default. */
bool query_slice(const struct http_request *request, struct http_page *page, struct query_slice *slice);

/* Writes "offset", "limit", "sort" and "order" with a comma in front. */
void query_slice_print(FILE *stream, const struct query_slice *slice);
