/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/page.h"

/* A condition of readiness. Reasons are constant texts. */
struct check {
    const char *name;
    bool (*passes)(const struct http_site *site);
    const char *good, *bad;
};

static bool inputs_open(const struct http_site *site)
{
    return site_phase(site) == HTTP_RUNNING && !crew_ended(site->collector->crew);
}

static bool outputs_are_open(const struct http_site *site)
{
    return site_phase(site) != HTTP_STARTING && !outputs_broken(site->collector->outputs);
}

static bool goes_on(const struct http_site *site)
{
    return site_phase(site) != HTTP_STOPPING;
}

static const struct check checks[] = {
    {"inputs", inputs_open, "workers receive", "not open"},
    {"outputs", outputs_are_open, "all are open", "not open yet, or nobody reads one any more"},
    {"shutdown", goes_on, "not asked for", "weir is stopping"},
};

#define CHECK_COUNT (sizeof checks / sizeof checks[0])

bool site_ready(const struct http_site *site)
{
    bool ready = true;
    for (unsigned i = 0; i < CHECK_COUNT; i++)
        ready = ready && checks[i].passes(site);
    return ready;
}

void page_livez(const struct http_request *request, struct http_page *page)
{
    (void)request;
    fputs("ok\n", page->stream);
}

/* In the form that Kubernetes' own have. */
static void reasons_print(const struct http_site *site, FILE *stream)
{
    for (unsigned i = 0; i < CHECK_COUNT; i++) {
        bool good = checks[i].passes(site);
        fprintf(stream, "[%c]%s %s: %s\n", good ? '+' : '-', checks[i].name, good ? "ok" : "failed",
                good ? checks[i].good : checks[i].bad);
    }
}

void page_readyz(const struct http_request *request, struct http_page *page)
{
    const struct http_site *site = request_site(request);
    bool ready = site_ready(site);
    if (request_value(request, "verbose"))
        reasons_print(site, page->stream);
    fputs(ready ? "ready\n" : "not ready\n", page->stream);
    page->status = ready ? 200 : 503;
}
