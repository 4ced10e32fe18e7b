/* SPDX-License-Identifier: Apache-2.0 */
#include "app/doctor/report.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define INDENT 24 /* columns before what was found */

static const struct kind_row {
    const char *word; /* of the text */
    const char *name; /* of the JSON */
    const char *sum;
} kind_rows[FINDING_KINDS] = {
    [FINDING_OK] = {"ok", "ok", "ok"},
    [FINDING_CHANGE] = {"change", "change", "worth changing"},
    [FINDING_STOP] = {"STOP", "stop", "stopping weir"},
    [FINDING_UNKNOWN] = {"?", "unknown", "not to be seen from here"},
};

void report_add(struct report *report, enum finding_kind kind, const char *format, ...)
{
    struct finding *items = realloc(report->items, (report->count + 1) * sizeof *items);
    char *found = NULL;
    va_list arguments;
    if (items)
        report->items = items;
    va_start(arguments, format);
    bool good = items && vasprintf(&found, format, arguments) >= 0;
    va_end(arguments);
    if (!good) {
        report->no_memory = true;
        return;
    }
    items[report->count++] =
        (struct finding){.check = report->check, .interface = report->interface, .kind = kind, .found = found};
}

void report_remedy(struct report *report, const char *format, ...)
{
    char *remedy = NULL;
    va_list arguments;
    va_start(arguments, format);
    bool good = report->count && vasprintf(&remedy, format, arguments) >= 0;
    va_end(arguments);
    if (!good) {
        report->no_memory = true;
        return;
    }
    free(report->items[report->count - 1].remedy);
    report->items[report->count - 1].remedy = remedy;
}

uint32_t report_count(const struct report *report, enum finding_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < report->count; i++)
        count += report->items[i].kind == kind;
    return count;
}

static void finding_print(FILE *stream, const struct finding *finding)
{
    fprintf(stream, "  %-7s %-*s %s\n", kind_rows[finding->kind].word, INDENT - 8, finding->check, finding->found);
    if (finding->remedy)
        fprintf(stream, "  %*s%s\n", INDENT + 3, "-> ", finding->remedy);
}

void report_print_text(FILE *stream, const struct report *report)
{
    for (uint32_t i = 0; i < report->count; i++) {
        const struct finding *finding = &report->items[i];
        if (!i || finding->interface != report->items[i - 1].interface)
            fprintf(stream, "%s%s\n", i ? "\n" : "", finding->interface ? finding->interface : "this machine");
        finding_print(stream, finding);
    }
    fprintf(stream, "\n");
    for (int kind = 0; kind < FINDING_KINDS; kind++)
        fprintf(stream, "%s%u %s", kind ? ", " : "", report_count(report, kind), kind_rows[kind].sum);
    fprintf(stream, "\n");
}

static json_t *finding_json(const struct finding *finding)
{
    return json_pack("{s:s, s:s?, s:s, s:s, s:s?}", "check", finding->check, "interface", finding->interface, "verdict",
                     kind_rows[finding->kind].name, "found", finding->found, "remedy", finding->remedy);
}

bool report_print_json(FILE *stream, const struct report *report)
{
    json_t *findings = json_array(), *counts = json_object();
    int failed = 0;
    for (uint32_t i = 0; i < report->count; i++)
        failed |= json_array_append_new(findings, finding_json(&report->items[i]));
    for (int kind = 0; kind < FINDING_KINDS; kind++)
        failed |= json_object_set_new(counts, kind_rows[kind].name, json_integer(report_count(report, kind)));
    json_t *root = json_pack("{s:s, s:o, s:o}", "weir", WEIR_VERSION, "findings", findings, "counts", counts);
    failed |= !root || json_dumpf(root, stream, JSON_INDENT(1));
    fputc('\n', stream);
    json_decref(root);
    return !failed;
}

void report_fini(struct report *report)
{
    for (uint32_t i = 0; i < report->count; i++) {
        free(report->items[i].found);
        free(report->items[i].remedy);
    }
    free(report->items);
    *report = (struct report){0};
}
