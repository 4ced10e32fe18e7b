/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

void json_text(FILE *stream, const char *text)
{
    size_t length = strlen(text);
    char *escaped = malloc(6 * length + TEXT_OVERRUN);
    if (!escaped) {
        fputs("\"\"", stream);
        return;
    }
    char *end = text_json(escaped, (const uint8_t *)text, length);
    fprintf(stream, "\"%.*s\"", (int)(end - escaped), escaped);
    free(escaped);
}

static void time_print(FILE *stream, int64_t utc_ns)
{
    char text[TEXT_TIME_MOST + TEXT_OVERRUN];
    struct text_day day = {0};
    char *end = text_time(text, utc_ns / NS_PER_MS, &day);
    fprintf(stream, "\"%.*s\"", (int)(end - text), text);
}

void json_time(FILE *stream, const char *name, int64_t utc_ns)
{
    fprintf(stream, ",\"%s\":", name);
    if (utc_ns)
        time_print(stream, utc_ns);
    else
        fputs("null", stream);
}

void json_begin(FILE *stream, const struct http_site *site)
{
    int64_t steady_ns = clock_steady_ns(), utc_ns = clock_utc_ns();
    fputs("{\"@timestamp\":", stream);
    time_print(stream, utc_ns);
    fprintf(stream, ",\"monotonic_seconds\":%.6f", (double)steady_ns / NS_PER_S);
    if (site_phase(site) != HTTP_STARTING)
        json_time(stream, "started", site->collector->started_utc_ns);
}
