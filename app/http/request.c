/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/request.h"

#include <stdarg.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "app/http/auth.h"
#include "app/http/encoding.h"
#include "app/http/json.h"

#define TYPE_JSON    "application/json"
#define TYPE_TEXT    "text/plain; charset=utf-8"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8" /* Prometheus' text format */

enum route_flag {
    OPEN = 1 << 0,  /* needs no token */
    EARLY = 1 << 1, /* is there before weir runs */
};

struct http_route {
    const char *path; /* with a / at its end: what stands behind it belongs to the page */
    void (*make)(const struct http_request *request, struct http_page *page);
    const char *type;
    unsigned flags;   /* enum route_flag */
    const char *help; /* what it has, or takes; NULL: not listed */
};

static void page_index(const struct http_request *request, struct http_page *page);

static const struct http_route routes[] = {
    {"/", page_index, TYPE_TEXT, OPEN | EARLY, "this list; the console for browsers"},
    {"/console", page_console, TYPE_TEXT, OPEN | EARLY, "the same to look at, in a browser"},
    {"/console/", page_console_file, TYPE_TEXT, OPEN | EARLY, NULL},
    {"/livez", page_livez, TYPE_TEXT, OPEN | EARLY, "the process answers"},
    {"/readyz", page_readyz, TYPE_TEXT, OPEN | EARLY, "inputs and outputs are open; ?verbose says what is not"},
    {"/metrics", page_metrics, TYPE_METRICS, EARLY, "for Prometheus"},
    {"/api", page_api, TYPE_JSON, EARLY, "version and times"},
    {"/api/counters", page_counters, TYPE_JSON, EARLY, "what is counted, and where it stands in the ledger"},
    {"/api/ledger", page_ledger, TYPE_JSON, 0, "received = delivered + waiting + dropped, in all and by output"},
    {"/api/history", page_history, TYPE_JSON, 0, "readings of the last hour, one every 10 s; ?after="},
    {"/api/workers", page_workers, TYPE_JSON, 0, "counters and sizes of each worker"},
    {"/api/exporters", page_exporters, TYPE_JSON, 0, "?network= &sort= &order= &offset= &limit="},
    {"/api/exporters/", page_exporter, TYPE_JSON, 0, "ADDRESS, or ADDRESS:PORT: all of it, with its templates"},
    {"/api/talkers", page_talkers, TYPE_JSON, 0, "who talks most; ?seconds= &limit="},
    {"/api/templates", page_templates, TYPE_JSON, 0,
     "?exporter= &domain= &id= &version= &explain &sort= &order= &offset= &limit="},
    {"/api/formats", page_formats, TYPE_JSON, 0, "?version=: what becomes of the fields of v1, v5, v6, v7, v8"},
};

#define ROUTE_COUNT (sizeof routes / sizeof routes[0])

struct http_request {
    struct http_site *site;
    struct MHD_Connection *connection;
    const struct http_route *route;
    const char *rest;
};

/* What is being written, as a stream that can be begun anew. */
struct body {
    struct http_page page; /* first: page_fail() has it back from there */
    const struct http_site *site;
    char *text;
    size_t size_bytes;
};

static const char *header_value(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* ---- for the pages ---- */

const char *request_value(const struct http_request *request, const char *name)
{
    const char *value = NULL;
    size_t length = 0;
    if (MHD_lookup_connection_value_n(request->connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value,
                                      &length) == MHD_NO)
        return NULL;
    return value ? value : "";
}

const char *request_rest(const struct http_request *request)
{
    return request->rest;
}

struct http_site *request_site(const struct http_request *request)
{
    return request->site;
}

bool request_wants_html(const struct http_request *request)
{
    const char *accept = header_value(request->connection, MHD_HTTP_HEADER_ACCEPT);
    return accept && strstr(accept, "text/html");
}

bool request_has_tag(const struct http_request *request, const char *tag)
{
    const char *has = header_value(request->connection, MHD_HTTP_HEADER_IF_NONE_MATCH);
    return has && strstr(has, tag);
}

bool page_fail(struct http_page *page, unsigned status, const char *format, ...)
{
    struct body *body = (struct body *)page;
    char why[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    rewind(page->stream); /* what is behind the new end is cut in body_end() */
    page->status = status;
    page->failed = true;
    json_begin(page->stream, body->site);
    fprintf(page->stream, ",\"status\":%u,\"error\":", status);
    json_text(page->stream, why);
    fputs("}\n", page->stream);
    return false;
}

static void page_index(const struct http_request *request, struct http_page *page)
{
    if (request_wants_html(request)) {
        page_console(request, page);
        return;
    }
    fputs("weir " WEIR_VERSION "\n\n", page->stream);
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        if (routes[i].help)
            fprintf(page->stream, "%-16s  %s\n", routes[i].path, routes[i].help);
}

/* ---- finding the page ---- */

static const struct http_route *route_find(const char *path, const char **rest)
{
    *rest = "";
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct http_route *route = &routes[i];
        size_t length = strlen(route->path);
        if (strcmp(path, route->path) == 0 && (length == 1 || path[length - 1] != '/'))
            return route;
        if (length > 1 && route->path[length - 1] == '/' && strncmp(path, route->path, length) == 0 && path[length]) {
            *rest = path + length;
            return route;
        }
    }
    return NULL;
}

static bool method_is_read(const char *method)
{
    return strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

/* Details are for those who may read everything. */
static bool is_allowed(const struct http_request *request)
{
    if (!*request->site->config->http.token)
        return true;
    if (request->route && request->route->flags & OPEN && !request_value(request, "verbose"))
        return true;
    return auth_passes(request->site->token_digest,
                       header_value(request->connection, MHD_HTTP_HEADER_AUTHORIZATION));
}

/* Makes the page, or what says why there is none. Who may not read does not learn what there would be. */
static void page_make(const struct http_request *request, const char *method, struct http_page *page)
{
    if (!is_allowed(request))
        page_fail(page, MHD_HTTP_UNAUTHORIZED, "send the token as a header, Authorization: Bearer TOKEN");
    else if (!request->route)
        page_fail(page, MHD_HTTP_NOT_FOUND, "there is no such page; / lists those that there are");
    else if (!method_is_read(method))
        page_fail(page, MHD_HTTP_METHOD_NOT_ALLOWED, "pages can be read alone, by GET and HEAD");
    else if (!(request->route->flags & EARLY) && site_phase(request->site) == HTTP_STARTING)
        page_fail(page, MHD_HTTP_SERVICE_UNAVAILABLE, "weir is starting");
    else
        request->route->make(request, page);
}

bool request_has_body(struct MHD_Connection *connection)
{
    const char *length = header_value(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length && strcmp(length, "0") != 0) || header_value(connection, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

/* ---- answering ---- */

static void status_count(struct http_site *site, unsigned status)
{
    for (uint32_t i = 0; i < HTTP_CODES_MOST; i++) {
        if (site->codes[i].status && site->codes[i].status != status)
            continue;
        site->codes[i].status = status;
        site->codes[i].requests++;
        return;
    }
}

static bool body_begin(struct body *body, const struct http_site *site)
{
    *body = (struct body){.site = site, .page.status = MHD_HTTP_OK};
    body->page.stream = open_memstream(&body->text, &body->size_bytes);
    if (body->page.stream)
        __fsetlocking(body->page.stream, FSETLOCKING_BYCALLER); /* nobody else writes to it */
    return body->page.stream;
}

/* False when there was no memory for all of it. */
static bool body_end(struct body *body)
{
    long end = ftell(body->page.stream);
    bool good = end >= 0 && !ferror(body->page.stream);
    if (fclose(body->page.stream) || !good) {
        free(body->text);
        return false;
    }
    body->size_bytes = (size_t)end;
    return true;
}

static void headers_add(struct MHD_Response *response, const struct http_request *request,
                        const struct http_page *page)
{
    unsigned status = page->status;
    const char *type = page->type ? page->type : request->route ? request->route->type : TYPE_JSON;
    bool keeps = page->tag && !page->failed;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page->failed ? TYPE_JSON : type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, keeps ? "no-cache" : "no-store");
    MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding, Authorization");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (keeps)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, page->tag);
    for (const struct http_header *header = page->headers; header && header->name && !page->failed; header++)
        MHD_add_response_header(response, header->name, header->value);
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"weir\"");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
}

/* The response has the body's memory then. NULL without memory. */
static struct MHD_Response *response_make(const struct http_request *request, struct body *body)
{
    size_t gzip_bytes = 0;
    bool wanted = encoding_takes_gzip(header_value(request->connection, MHD_HTTP_HEADER_ACCEPT_ENCODING));
    void *gzip = wanted ? encoding_gzip(body->text, body->size_bytes, &gzip_bytes) : NULL;
    if (gzip) {
        free(body->text);
        body->text = gzip;
        body->size_bytes = gzip_bytes;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->size_bytes, body->text, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(body->text);
    else if (gzip)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    return response;
}

enum MHD_Result request_answer(struct http_site *site, struct MHD_Connection *connection, const char *method,
                               const char *path)
{
    struct http_request request = {.site = site, .connection = connection};
    struct body body;
    request.route = route_find(path, &request.rest);
    if (!body_begin(&body, site))
        return MHD_NO; /* ends the connection */
    page_make(&request, method, &body.page);
    struct MHD_Response *response = body_end(&body) ? response_make(&request, &body) : NULL;
    if (!response)
        return MHD_NO;
    status_count(site, body.page.status);
    headers_add(response, &request, &body.page);
    enum MHD_Result result = MHD_queue_response(connection, body.page.status, response);
    MHD_destroy_response(response);
    return result;
}
