/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/query.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/http/json.h"

#define DIGITS_MOST 18 /* of a number below 2^63 in any case */

bool query_given(const struct http_request *request, const char *name)
{
    return request_value(request, name) != NULL;
}

bool query_number(const struct http_request *request, struct http_page *page, const char *name, uint64_t most,
                  uint64_t *value)
{
    const char *text = request_value(request, name);
    if (!text)
        return true;
    size_t length = strlen(text);
    bool number = length > 0 && length <= DIGITS_MOST && strspn(text, "0123456789") == length;
    uint64_t given = number ? strtoull(text, NULL, 10) : 0;
    if (!number || given > most)
        return page_fail(page, 400, "%s is to be a number from 0 to %" PRIu64, name, most);
    *value = given;
    return true;
}

bool query_network(const struct http_request *request, struct http_page *page, struct query_network *network)
{
    const char *text = request_value(request, "network");
    network->given = text != NULL;
    if (!text || prefix_parse(text, &network->prefix))
        return true;
    return page_fail(page, 400, "network is to be an address or CIDR notation, as 192.0.2.0/24");
}

bool query_slice(const struct http_request *request, struct http_page *page, struct query_slice *slice)
{
    const char *sort = request_value(request, "sort"), *order = request_value(request, "order");
    slice->offset = 0;
    slice->limit = QUERY_LIMIT_DEFAULT;
    if (sort)
        slice->sort = sort;
    if (order && strcmp(order, "asc") != 0 && strcmp(order, "desc") != 0)
        return page_fail(page, 400, "order is to be asc or desc");
    if (order)
        slice->descending = strcmp(order, "desc") == 0;
    return query_number(request, page, "offset", UINT32_MAX, &slice->offset) &&
           query_number(request, page, "limit", QUERY_LIMIT_MOST, &slice->limit);
}

void query_slice_print(FILE *stream, const struct query_slice *slice)
{
    fprintf(stream, ",\"offset\":%" PRIu64 ",\"limit\":%" PRIu64 ",\"sort\":", slice->offset, slice->limit);
    json_text(stream, slice->sort);
    fprintf(stream, ",\"order\":\"%s\"", slice->descending ? "desc" : "asc");
}
