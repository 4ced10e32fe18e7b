/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/reasons.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define FIRST_NS    (1 * NS_PER_S) /* the first refusals of all are said soon */
#define INTERVAL_NS (60 * NS_PER_S)
#define LINE_MOST   800

void elastic_reasons_init(struct elastic_reasons *reasons, const struct output_config *output)
{
    *reasons = (struct elastic_reasons){.output = output, .due_ns = INT64_MAX};
}

static struct elastic_reason *row_of(struct elastic_reasons *reasons, const char *type)
{
    for (uint32_t i = 0; i < reasons->row_count; i++)
        if (strncmp(reasons->rows[i].type, type, sizeof reasons->rows[i].type - 1) == 0)
            return &reasons->rows[i];
    if (reasons->row_count == ELASTIC_REASONS_MOST)
        return &reasons->rows[ELASTIC_REASONS_MOST - 1];
    struct elastic_reason *row = &reasons->rows[reasons->row_count++];
    snprintf(row->type, sizeof row->type, "%s", reasons->row_count == ELASTIC_REASONS_MOST ? "others" : type);
    return row;
}

void elastic_reasons_add(struct elastic_reasons *reasons, const char *type, const char *reason)
{
    struct elastic_reason *row = row_of(reasons, *type ? type : "unknown");
    if (!row->count)
        snprintf(row->example, sizeof row->example, "%s", reason);
    row->count++;
    row->total++;
    reasons->count++;
    if (reasons->due_ns != INT64_MAX)
        return;
    int64_t now_ns = clock_steady_ns();
    int64_t next_ns = reasons->said_ns ? reasons->said_ns + INTERVAL_NS : 0;
    reasons->due_ns = next_ns > now_ns + FIRST_NS ? next_ns : now_ns + FIRST_NS;
}

/* "document_parsing_exception 12 (\"failed to parse ...\"), ..." */
static void render_rows(const struct elastic_reasons *reasons, char line[LINE_MOST])
{
    size_t length = 0;
    line[0] = '\0';
    for (uint32_t i = 0; i < reasons->row_count && length < LINE_MOST; i++) {
        const struct elastic_reason *row = &reasons->rows[i];
        if (row->count)
            length += (size_t)snprintf(line + length, LINE_MOST - length, "%s%s %" PRIu64 " (%s)", length ? ", " : "",
                                       row->type, row->count, row->example);
    }
}

static void say(struct elastic_reasons *reasons)
{
    char line[LINE_MOST];
    const struct output_config *output = reasons->output;
    bool kept = *output->elastic.dead_letter;
    render_rows(reasons, line);
    log_warning("output %s: the server refused %" PRIu64 " documents, %s%s: %s", output->name, reasons->count,
                kept ? "kept in " : "not kept (elasticsearch.dead_letter names a file for them)",
                kept ? output->elastic.dead_letter : "", line);
    reasons->count = 0;
    for (uint32_t i = 0; i < reasons->row_count; i++)
        reasons->rows[i].count = 0;
}

void elastic_reasons_poll(struct elastic_reasons *reasons, int64_t now_ns)
{
    if (now_ns < reasons->due_ns)
        return;
    say(reasons);
    reasons->said_ns = now_ns;
    reasons->due_ns = INT64_MAX;
}

void elastic_reasons_close(struct elastic_reasons *reasons)
{
    uint64_t total = 0;
    if (reasons->count)
        say(reasons);
    for (uint32_t i = 0; i < reasons->row_count; i++) {
        reasons->rows[i].count = reasons->rows[i].total;
        total += reasons->rows[i].total;
    }
    char line[LINE_MOST];
    render_rows(reasons, line);
    if (total)
        log_info("output %s: the server refused %" PRIu64 " documents in all: %s", reasons->output->name, total, line);
}
