/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "app/explanation.h"
#include "app/http/exporters.h"
#include "app/http/json.h"
#include "app/http/query.h"
#include "dataplane/window.h"

/* The formats without templates: what becomes of the fields that v1, v5, v6, v7, v8 and sFlow can have. */

static void format_print(FILE *stream, const struct http_site *site, const struct plan *plan)
{
    const struct explanation_subject subject = {.config = site->config,
                                                .elements = site->collector->elements,
                                                .plan = plan,
                                                .version = plan->version,
                                                .kind = plan->kind};
    fputs("{\"exporter\":null", stream); /* whoever sends it */
    version_print(stream, "version", plan->version);
    if (plan->aggregation)
        fprintf(stream, ",\"aggregation\":%u", plan->aggregation);
    fprintf(stream, ",\"fields\":%u,\"record_bytes\":%u,\"explanation\":", plan->field_count, plan->record_bytes);
    if (!explanation_print(stream, &subject))
        fputs("null", stream);
    fputc('}', stream);
}

void formats_print(FILE *stream, const struct http_site *site, uint32_t versions)
{
    const struct window *window = worker_window(crew_worker(site->collector->crew, 0)); /* all know the same */
    bool any = false;
    fputc('[', stream);
    for (uint32_t version = 1; version < VERSION_COUNT; version++)
        for (uint32_t scheme = 0; versions & 1U << version && scheme <= UINT8_MAX; scheme++) {
            const struct plan *plan = window_fixed_plan(window, (uint8_t)version, (uint8_t)scheme);
            if (!plan)
                continue;
            fputs(any ? "," : "", stream);
            format_print(stream, site, plan);
            any = true;
        }
    fputc(']', stream);
}

/* version=v5; without it, all. */
void page_formats(const struct http_request *request, struct http_page *page)
{
    const char *text = request_value(request, "version");
    uint32_t versions = 0;
    for (uint32_t version = 1; version < VERSION_COUNT; version++) {
        const char *name = version == 9 || version == 10 ? NULL : version_name(version); /* these have templates */
        if (name && (!text || strcmp(text, name) == 0))
            versions |= 1U << version;
    }
    if (!versions) {
        page_fail(page, 400,
                  "version is to be v1, v5, v6, v7, v8 or sflow; v9 and ipfix have templates, see /api/templates");
        return;
    }
    json_begin(page->stream, request_site(request));
    fputs(",\"formats\":", page->stream);
    formats_print(page->stream, request_site(request), versions);
    fputs("}\n", page->stream);
}
