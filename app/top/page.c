/* SPDX-License-Identifier: Apache-2.0 */
#include "app/top/page.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "app/client.h"

#define ROWS_MORE 64

/* What matters most stands within eighty columns. */
#define UNIT_FORM     "%-9s %7s %7s %7s %13s %13s %7s %10s"
#define LOSS_FORM     "%-28s %7s %13s  %s"
#define OUTPUT_FORM   "%-12.12s %-13s %7s %7s %7s %7s %9s %9s %9s %10s %7s"
#define TEMPLATE_FORM "%-7s %10s %6s %-8s %6s %12s %14s %7s  %-24s  %s"

/* ---- lines ---- */

void page_clear(struct top_page *page)
{
    for (uint32_t i = 0; i < page->count; i++)
        free(page->lines[i].text);
    free(page->lines);
    *page = (struct top_page){0};
}

/* Control characters, and DEL: names and reasons come from another machine. */
static void text_tame(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = '?';
}

static bool page_grow(struct top_page *page)
{
    if (page->count < page->room)
        return true;
    struct page_line *lines = realloc(page->lines, (page->room + ROWS_MORE) * sizeof *lines);
    if (!lines)
        return false;
    page->lines = lines;
    page->room += ROWS_MORE;
    return true;
}

void page_line(struct top_page *page, enum style style, const char *format, ...)
{
    char *text = NULL;
    va_list values;
    va_start(values, format);
    bool good = vasprintf(&text, format, values) >= 0;
    va_end(values);
    if (!good || !page_grow(page)) {
        if (good)
            free(text);
        page->failed = true;
        return;
    }
    text_tame(text);
    page->lines[page->count++] = (struct page_line){text, (uint8_t)style};
}

void page_print(const struct top_page *page, FILE *stream)
{
    for (uint32_t i = 0; i < page->count; i++) {
        const char *text = page->lines[i].text;
        size_t length = strlen(text);
        while (length && text[length - 1] == ' ')
            length--;
        fprintf(stream, "%.*s\n", (int)length, text);
    }
}

/* ---- the ledger ---- */

void page_title(struct top_page *page, const char *url, const struct reading *now, const struct reading *before)
{
    char up[FORMAT_MOST], over[FORMAT_MOST];
    double seconds = before ? now->steady_s - before->steady_s : now->since_s;
    page_line(page, STYLE_TITLE, "weir %s at %s, up %s, %s; %s %s", now->version, url,
              format_seconds(up, now->since_s), now->ready ? "ready" : "NOT READY",
              before ? "rates of the last" : "rates since the start,", format_seconds(over, seconds));
}

static void units_show(struct top_page *page, const struct reading *now, const struct reading *before)
{
    page_line(page, STYLE_HEADING, UNIT_FORM, "", "RECV/S", "DELIV/S", "DROP/S", "RECEIVED", "DELIVERED", "WAITING",
              "DROPPED");
    for (uint32_t i = 0; i < LEDGER_UNITS; i++) {
        static const struct ledger_unit none;
        const struct ledger_unit *unit = &now->units[i], *was = before ? &before->units[i] : &none;
        double dropped = reading_rate(now, before, unit->dropped, was->dropped);
        char t[7][FORMAT_MOST];
        page_line(page, dropped > 0 && before ? STYLE_WARNING : STYLE_PLAIN, UNIT_FORM, counter_unit_name(i),
                  format_rate(t[0], reading_rate(now, before, unit->received, was->received)),
                  format_rate(t[1], reading_rate(now, before, unit->delivered, was->delivered)),
                  format_rate(t[2], dropped), format_count(t[3], unit->received), format_count(t[4], unit->delivered),
                  format_count(t[5], unit->waiting), format_count(t[6], unit->dropped));
    }
}

/* ---- losses: every place that has any ---- */

/* Lost before weir could take it, which no identity has. */
static void losses_show(struct top_page *page, const struct reading *now, const struct reading *before)
{
    bool any = false;
    for (uint32_t i = 0; i < COUNTER_COUNT; i++) {
        if (!now->counts[i] || !counter_is_loss(i))
            continue;
        if (!any)
            page_line(page, STYLE_HEADING, LOSS_FORM, "LOST-AT", "PER-S", "TOTAL", "WHAT");
        any = true;
        double rate = reading_rate(now, before, now->counts[i], before ? before->counts[i] : 0);
        char t[2][FORMAT_MOST];
        page_line(page, rate > 0 && before ? STYLE_WARNING : STYLE_PLAIN, LOSS_FORM, counter_rows[i].name,
                  format_rate(t[0], rate), format_count(t[1], now->counts[i]), counter_rows[i].help);
    }
    if (!any)
        page_line(page, STYLE_QUIET, "nothing was lost");
}

/* ---- outputs ---- */

/* Not every sink counts what it sends; then it is what was rendered. */
static uint64_t bytes_sent(const struct top_output *output)
{
    uint64_t sent = output->counts[COUNTER_output_sent_bytes];
    return sent ? sent : output->counts[COUNTER_output_bytes];
}

static void output_show(struct top_page *page, const struct reading *now, const struct reading *before,
                        const struct top_output *output)
{
    static const struct top_output none;
    const struct top_output *found = before ? reading_output(before, output->name) : NULL;
    const struct top_output *was = found ? found : &none;
    struct top_lag lag = {NAN, NAN};
    bool any = reading_lag(output, found, &lag);
    double dropped = reading_rate(now, before, output->unit.dropped, was->unit.dropped);
    double errors = reading_rate(now, before, output->counts[COUNTER_output_write_errors],
                                 was->counts[COUNTER_output_write_errors]);
    char t[9][FORMAT_MOST], most[FORMAT_MOST + 1];
    snprintf(most, sizeof most, "%s%s", any && isfinite(lag.most_s) ? "<" : "", format_seconds(t[8], lag.most_s));
    page_line(page, before && (dropped > 0 || errors > 0) ? STYLE_WARNING : STYLE_PLAIN, OUTPUT_FORM, output->name,
              output->type,
              format_rate(t[0], reading_rate(now, before, output->unit.delivered, was->unit.delivered)),
              format_rate(t[1], reading_rate(now, before, bytes_sent(output), bytes_sent(was))),
              format_seconds(t[2], lag.mean_s), most, format_count(t[3], output->unit.waiting),
              format_count(t[4], output->spooled), format_bytes(t[5], output->spool_bytes),
              format_count(t[6], output->unit.dropped),
              format_count(t[7], output->counts[COUNTER_output_write_errors]));
}

static void outputs_show(struct top_page *page, const struct reading *now, const struct reading *before)
{
    page_line(page, STYLE_HEADING, OUTPUT_FORM, "OUTPUT", "TYPE", "DELIV/S", "BYTES/S", "LAG", "LAG-99%", "WAITING",
              "SPOOLED", "SPOOL", "DROPPED", "ERRORS");
    for (uint32_t i = 0; i < now->output_count; i++)
        output_show(page, now, before, &now->outputs[i]);
}

/* ---- exporters ---- */

static int name_width(const struct reading *now)
{
    size_t width = 20;
    for (uint32_t i = 0; i < now->exporter_count; i++) {
        size_t length = strlen(now->exporter_rows[i].name);
        width = length > width ? length : width;
    }
    return (int)width;
}

static void exporters_heading(struct top_page *page, const struct table_order *order, int width)
{
    char line[512];
    size_t at = 0;
    for (uint32_t i = 0; i < column_count && at < sizeof line; i++) {
        char title[FORMAT_MOST];
        const char *mark = i != order->column ? "" : order->reversed ? "^" : "*";
        snprintf(title, sizeof title, "%s%s", mark, columns[i].title);
        at += (size_t)snprintf(line + at, sizeof line - at, i <= COLUMN_VERSION ? "%-*s " : "%*s ",
                               i == COLUMN_FIRST ? width : columns[i].width, title);
    }
    page_line(page, STYLE_HEADING, "%s", line);
}

static void exporter_show(struct top_page *page, const struct reading *now, const struct reading *before,
                          const struct top_exporter *exporter, int width)
{
    char line[512], text[FORMAT_MOST];
    size_t at = 0;
    for (uint32_t i = 0; i < column_count && at < sizeof line; i++)
        at += (size_t)snprintf(line + at, sizeof line - at, i <= COLUMN_VERSION ? "%-*s " : "%*s ",
                               i == COLUMN_FIRST ? width : columns[i].width,
                               table_cell(text, &columns[i], now, before, exporter));
    page_line(page, STYLE_PLAIN, "%s", line);
}

struct page_rows page_overview(struct top_page *page, const struct reading *now, const struct reading *before,
                               const struct table_order *order, const struct top_exporter *const *exporters)
{
    char shown[FORMAT_MOST], total[FORMAT_MOST];
    int width = name_width(now);
    units_show(page, now, before);
    page_line(page, STYLE_PLAIN, "%s", "");
    losses_show(page, now, before);
    page_line(page, STYLE_PLAIN, "%s", "");
    outputs_show(page, now, before);
    page_line(page, STYLE_PLAIN, "%s", "");
    if (now->exporter_count < now->exporter_total)
        page_line(page, STYLE_QUIET, "%s of %s exporters; --limit asks for more",
                  format_count(shown, now->exporter_count), format_count(total, now->exporter_total));
    exporters_heading(page, order, width);
    struct page_rows rows = {page->count, now->exporter_count};
    for (uint32_t i = 0; i < now->exporter_count; i++)
        exporter_show(page, now, before, exporters[i], width);
    if (!now->exporter_count)
        page_line(page, STYLE_QUIET, "no exporter has sent anything yet");
    return rows;
}

/* ---- templates ---- */

static void template_show(struct top_page *page, const json_t *template)
{
    static const char *const numbers[] = {"domain", "id", "fields", "record_bytes", "uses"};
    char t[sizeof numbers / sizeof *numbers][FORMAT_MOST], bytes[FORMAT_MOST + 1], age[FORMAT_MOST];
    const char *used = client_text(template, "used");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        snprintf(t[i], sizeof t[i], "%" PRIu64, client_number(template, numbers[i]));
    snprintf(bytes, sizeof bytes, "%s%s", t[3], json_is_true(json_object_get(template, "variable")) ? "+" : "");
    page_line(page, STYLE_PLAIN, TEMPLATE_FORM, client_text(template, "version"), t[0], t[1],
              client_text(template, "kind"), t[2], bytes, t[4],
              format_seconds(age, (double)client_number(template, "age_seconds")), client_text(template, "announced"),
              *used ? used : "never");
}

struct page_rows page_templates_of(struct top_page *page, const char *address, const json_t *answer)
{
    const json_t *list = json_object_get(answer, "templates");
    page_line(page, STYLE_PLAIN, "templates of %s%s", address, answer ? "" : ": asking");
    page_line(page, STYLE_HEADING, TEMPLATE_FORM, "VERSION", "DOMAIN", "ID", "KIND",
              "FIELDS", "RECORD-BYTES", "DATA-SETS", "AGE", "ANNOUNCED", "USED");
    struct page_rows rows = {page->count, (uint32_t)json_array_size(list)};
    for (uint32_t i = 0; i < rows.count; i++)
        template_show(page, json_array_get(list, i));
    if (answer && !rows.count)
        page_line(page, STYLE_QUIET, "none: NetFlow v1 to v8 has none, or none came yet");
    return rows;
}
