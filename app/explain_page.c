/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/client.h"
#include "app/explain.h"

#define WORDS_A_LINE 24 /* of the template's bytes */
#define PATH_WIDTH   40

/* ---- what it is ---- */

static void head_show(struct top_page *page, const json_t *template, const json_t *explanation)
{
    const char *version = client_text(template, "version");
    char whose[96] = "", bytes[48];
    const json_t *port = json_object_get(template, "port");
    if (json_is_integer(port))
        snprintf(whose, sizeof whose, "%s port %" PRIu64, client_text(template, "exporter"),
                 client_number(template, "port"));
    else
        snprintf(whose, sizeof whose, "%s", client_text(template, "exporter"));
    snprintf(bytes, sizeof bytes, "%s%" PRIu64 " bytes a record",
             json_is_true(json_object_get(template, "variable")) ? "at least " : "",
             client_number(template, "record_bytes"));
    if (!json_object_get(template, "id"))
        page_line(page, STYLE_TITLE,
                  "%s%s%.0" PRIu64 ": a format without templates, %" PRIu64 " fields, %s, profile %s", version,
                  json_object_get(template, "aggregation") ? ", aggregation scheme " : "",
                  client_number(template, "aggregation"), client_number(template, "fields"), bytes,
                  client_text(explanation, "profile"));
    else
        page_line(page, STYLE_TITLE,
                  "%s%s%s, %s %" PRIu64 ", template %" PRIu64 ": %s, %" PRIu64 " fields, %s, profile %s", whose,
                  *whose ? ", " : "any exporter, ", version,
                  strcmp(version, "v9") == 0 ? "source id" : "observation domain", client_number(template, "domain"),
                  client_number(template, "id"), client_text(template, "kind"), client_number(template, "fields"),
                  bytes, client_text(explanation, "profile"));
}

static void bytes_show(struct top_page *page, const char *hex)
{
    char line[5 * WORDS_A_LINE + 1];
    size_t length = strlen(hex);
    for (size_t at = 0; at < length; at += 4 * WORDS_A_LINE) {
        size_t out = 0;
        for (size_t i = at; i < length && i < at + 4 * WORDS_A_LINE; i++) {
            if (i > at && i % 4 == 0)
                line[out++] = ' ';
            line[out++] = hex[i];
        }
        line[out] = '\0';
        page_line(page, STYLE_PLAIN, "%-9s %s", at ? "" : "template", line);
    }
}

/* ---- fields ---- */

static bool is_from(const json_t *member, json_int_t number)
{
    const json_t *from = json_object_get(member, "from");
    for (size_t i = 0; i < json_array_size(from); i++)
        if (json_integer_value(json_array_get(from, i)) == number)
            return true;
    return false;
}

static bool is_way(const json_t *member, const char *way)
{
    return strcmp(client_text(member, "value"), way) == 0;
}

static void path_show(struct top_page *page, const json_t *member)
{
    const char *when = client_text(member, "when");
    page_line(page, STYLE_PLAIN, "%22s%s%s%s", "", client_text(member, "path"), *when ? "   where " : "", when);
}

static void number_text(const json_t *object, const char *name, const char *otherwise, char text[24])
{
    if (json_is_integer(json_object_get(object, name)))
        snprintf(text, 24, "%" PRIu64, client_number(object, name));
    else
        snprintf(text, 24, "%s", otherwise);
}

static void field_show(struct top_page *page, const json_t *field, const json_t *members)
{
    char offset[24], length[24], number[48];
    const char *name = client_text(field, "name"), *left_out = client_text(field, "left_out");
    const json_t *enterprise = json_object_get(field, "enterprise");
    number_text(field, "offset", "-", offset);
    number_text(field, "length", "var", length);
    if (json_is_null(enterprise))
        snprintf(number, sizeof number, "v9 scope %" PRIu64, client_number(field, "id"));
    else if (json_integer_value(enterprise))
        snprintf(number, sizeof number, "%" PRIu64 "/%" PRIu64, client_number(field, "enterprise"),
                 client_number(field, "id"));
    else
        snprintf(number, sizeof number, "%" PRIu64, client_number(field, "id"));
    page_line(page, STYLE_HEADING, "%3" PRIu64 " %7s %6s   %s %s%s%s%s%s", client_number(field, "number"), offset,
              length, number, *name ? name : "unknown", *name ? ", " : "", client_text(field, "type"),
              *name ? ", named by " : "", client_text(field, "named_by"));
    if (*left_out)
        page_line(page, STYLE_WARNING, "%22sleft out: %s", "", left_out);
    for (size_t i = json_array_size(members); i-- > 0;) { /* its own path stands behind all others in documents */
        const json_t *member = json_array_get(members, i);
        if (is_way(member, "field") && is_from(member, json_integer_value(json_object_get(field, "number"))))
            path_show(page, member);
    }
}

/* ---- what is made of them ---- */

static void sources_text(const json_t *member, const json_t *fields, char *text, size_t room)
{
    const json_t *from = json_object_get(member, "from");
    size_t at = 0, count = json_array_size(from);
    text[0] = '\0';
    for (size_t i = 0; i < count && at < room; i++) {
        json_int_t number = json_integer_value(json_array_get(from, i));
        const json_t *field = json_array_get(fields, (size_t)number - 1);
        at += (size_t)snprintf(text + at, room - at, "%s%lld %s", i ? ", " : "", (long long)number,
                               client_text(field, "name"));
    }
    if (!count)
        snprintf(text, room, "no field of the record");
}

static void derived_show(struct top_page *page, const json_t *members, const json_t *fields)
{
    bool any = false;
    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *member = json_array_get(members, i);
        const char *when = client_text(member, "when");
        char sources[2048];
        if (!is_way(member, "derived"))
            continue;
        if (!any)
            page_line(page, STYLE_HEADING, "%-*s %s", PATH_WIDTH, "derived", "from");
        any = true;
        sources_text(member, fields, sources, sizeof sources);
        page_line(page, STYLE_PLAIN, "%-*s %s", PATH_WIDTH, client_text(member, "path"), sources);
        page_line(page, STYLE_QUIET, "%-*s %s%s%s", PATH_WIDTH, "", client_text(member, "help"),
                  *when ? "; where " : "", when);
    }
}

static void constants_show(struct top_page *page, const json_t *members)
{
    bool any = false;
    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *member = json_array_get(members, i);
        const char *when = client_text(member, "when");
        if (!is_way(member, "constant"))
            continue;
        char *value = json_dumps(json_object_get(member, "constant"), JSON_ENCODE_ANY | JSON_COMPACT);
        if (!any)
            page_line(page, STYLE_HEADING, "%-*s %s", PATH_WIDTH, "the same in each record", "value");
        any = true;
        page_line(page, STYLE_PLAIN, "%-*s %s%s%s", PATH_WIDTH, client_text(member, "path"), value ? value : "",
                  *when ? "   where " : "", when);
        free(value);
    }
}

void explain_page(struct top_page *page, const json_t *template)
{
    const json_t *explanation = json_object_get(template, "explanation");
    const json_t *fields = json_object_get(explanation, "field_list");
    const json_t *members = json_object_get(explanation, "members");
    head_show(page, template, explanation);
    if (!json_is_object(explanation)) {
        page_line(page, STYLE_WARNING, "there was no room to explain it");
        return;
    }
    bytes_show(page, client_text(explanation, "bytes"));
    page_line(page, STYLE_PLAIN, "%3s %7s %6s   %s", "#", "OFFSET", "BYTES",
              "ELEMENT, TYPE, WHO NAMES IT; AND WHAT IT BECOMES");
    for (size_t i = 0; i < json_array_size(fields); i++)
        field_show(page, json_array_get(fields, i), members);
    derived_show(page, members, fields);
    constants_show(page, members);
    if (!json_is_true(json_object_get(explanation, "compiled")))
        page_line(page, STYLE_WARNING, "it is too large for an encode program: its records are dropped and counted");
}
