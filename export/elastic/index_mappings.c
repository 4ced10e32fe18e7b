/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/index_template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/sections.h"
#include "export/encode/ecs.h"

/* A term of Lucene's has at most 32,766 bytes; beyond this many characters a text is stored, but not searchable. */
#define IGNORE_ABOVE 1024

#define KEYWORD  "keyword"
#define CONSTANT "constant_keyword"
#define OBJECT   "object"

static bool is(const char *one, const char *other)
{
    return strcmp(one, other) == 0;
}

static json_t *type_mapping(const char *type)
{
    if (is(type, KEYWORD))
        return json_pack("{s:s,s:i}", "type", type, "ignore_above", IGNORE_ABOVE);
    return json_pack("{s:s}", "type", type);
}

/* --- properties --- */

/* The member of that name of an object, made when it is missing; a borrowed reference. */
static json_t *member(json_t *object, const char *name)
{
    if (!json_object_get(object, name))
        json_object_set_new(object, name, json_object());
    return json_object_get(object, name);
}

/* Defines the field at path below properties: objects on the way are made. */
static void field_define(json_t *properties, const char *path, json_t *mapping)
{
    char name[ECS_PATH_MOST];
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
        properties = member(member(properties, name), "properties");
    }
    json_object_update_new(member(properties, path), mapping);
}

/* Of the rows, those of type constant_keyword stand in a component of their own. */
static void rows_define(json_t *properties)
{
    for (uint32_t i = 0; i < ecs_row_count; i++) {
        const struct ecs_row *row = &ecs_rows[i];
        bool elements = row->value == VALUE_ELEMENTS || row->value == VALUE_SFLOW || row->value == VALUE_SECTION;
        if (is(row->es_type, CONSTANT) || elements || ecs_row_is_repeated(row))
            continue;
        json_t *mapping = type_mapping(row->es_type);
        /* data streams refuse a time stamp that may be malformed, and the settings allow it for all fields */
        if (is(row->path, "@timestamp"))
            json_object_set_new(mapping, "ignore_malformed", json_false());
        field_define(properties, row->path, mapping);
    }
}

/* --- elements --- */

/* Lists are stored and not searched, or exporters could define as many fields as they like. */
static json_t *element_mapping(const char *type)
{
    return is(type, OBJECT) ? json_pack("{s:s,s:b}", "type", type, "enabled", 0) : type_mapping(type);
}

/* Types of numbers, each of which takes the values of those before it. */
static const char *const number_types[] = {"byte", "short", "integer", "long", "float", "double"};

static int number_rank(const char *type)
{
    for (size_t i = 0; i < sizeof number_types / sizeof *number_types; i++)
        if (is(number_types[i], type))
            return (int)i;
    return -1;
}

/* A type for the values of both: elements of different vendors can have one key. */
static const char *type_of_both(const char *one, const char *other)
{
    int first = number_rank(one), second = number_rank(other);
    if (is(one, other))
        return one;
    if (first < 0 || second < 0)
        return KEYWORD;
    return first > second ? one : other;
}

enum place { BELOW_NETFLOW, BELOW_NETFLOW_RARE, BELOW_SFLOW };

static enum place place_of(const struct element *element)
{
    if (element->enterprise == ENTERPRISE_SFLOW)
        return BELOW_SFLOW;
    return element->rare ? BELOW_NETFLOW_RARE : BELOW_NETFLOW;
}

/* Keys of the elements of one place, with their types; a borrowed text each. Without those of others, if not NULL. */
static json_t *element_types(const struct elements *elements, enum place place, json_t *others)
{
    json_t *types = json_object();
    for (uint32_t i = 1; i <= elements_count(elements); i++) {
        const struct element *element = elements_at(elements, (uint16_t)i);
        if (!*element->es_type || place_of(element) != place || (others && json_object_get(others, element->key)))
            continue;
        const char *known = json_string_value(json_object_get(types, element->key));
        const char *type = known ? type_of_both(known, element->es_type) : element->es_type;
        json_object_set_new(types, element->key, json_string(type));
    }
    return types;
}

/* Keys that a fixed field of ECS's has taken keep its type. */
static void elements_define(json_t *parent, json_t *types)
{
    const char *key;
    json_t *type;
    json_object_foreach(types, key, type) if (!json_object_get(parent, key))
        field_define(parent, key, element_mapping(json_string_value(type)));
}

/* What sections of packets say stands below netflow by the names that samples of sFlow's have for it. */
static void section_define(json_t *netflow, const struct elements *elements)
{
    for (uint32_t i = 1; i <= elements_count(elements); i++) {
        const struct element *element = elements_at(elements, (uint16_t)i);
        char path[ECS_PATH_MOST];
        if (!section_has(element))
            continue;
        snprintf(path, sizeof path, "section.%s", element->key);
        field_define(netflow, path, type_mapping(element->es_type));
    }
}

/* What exporters tell of their losses: the dashboards of deploy/ ask for these fields before any document has them. */
static const char *const watched_options[] = {
    "exported_flow_record_total_count", "ignored_packet_total_count",  "not_sent_flow_total_count",
    "not_sent_octet_total_count",       "not_sent_packet_total_count",
};

static void options_define(json_t *netflow, json_t *types)
{
    json_t *options = member(member(netflow, "options"), "properties");
    for (size_t i = 0; i < sizeof watched_options / sizeof *watched_options; i++) {
        const char *type = json_string_value(json_object_get(types, watched_options[i]));
        if (type)
            field_define(options, watched_options[i], type_mapping(type));
    }
}

/* --- what is not listed --- */

/* Characters with a meaning of their own in a regular expression get a backslash. */
static void regex_put(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, strchr("\\.[]{}()*+?^$|&~#@<>\"", *text) ? "\\%c" : "%c", *text);
}

/* A regular expression for the elements of one type behind a prefix; NULL if there are none. The caller frees it. */
static char *elements_regex(json_t *types, const char *wanted, const char *prefix)
{
    char *text = NULL;
    size_t size_bytes;
    FILE *out = open_memstream(&text, &size_bytes);
    if (!out)
        return NULL;
    const char *key;
    json_t *type;
    const char *separator = prefix;
    json_object_foreach(types, key, type)
    {
        if (!is(json_string_value(type), wanted))
            continue;
        fputs(separator, out);
        regex_put(out, key);
        separator = "|";
    }
    fputs(")$", out);
    fclose(out);
    if (separator != prefix)
        return text;
    free(text);
    return NULL;
}

static void template_add(json_t *templates, const char *name, json_t *rule)
{
    json_array_append_new(templates, json_pack("{s:o}", name, rule));
}

/* Rules by which fields of elements come into being when they are seen, with the type of the table. */
static void element_templates(json_t *templates, json_t *types, const char *name, const char *prefix)
{
    static const char *const wanted[] = {"ip",     "date",  "long",    "integer", "short", "byte",
                                         "double", "float", "boolean", KEYWORD,   OBJECT};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        char title[32], *regex = elements_regex(types, wanted[i], prefix);
        if (!regex)
            continue;
        snprintf(title, sizeof title, "%s_%s", name, wanted[i]);
        template_add(templates, title,
                     json_pack("{s:s,s:s,s:o}", "match_pattern", "regex", "path_match", regex, "mapping",
                               element_mapping(wanted[i])));
        free(regex);
    }
}

/*
 * Every element can also stand below netflow.scope and netflow.options, and few of them do. Vendors' own elements,
 * thousands, are in few indices: they have no field anywhere before one comes.
 */
static void netflow_templates(json_t *templates, json_t *types, json_t *rare_types)
{
    element_templates(templates, types, "netflow", "^netflow\\.(scope|options)\\.(");
    element_templates(templates, rare_types, "vendor", "^netflow\\.((scope|options)\\.)?(");
}

/* Elements that no table has, the option fields, and what pipelines add. */
static void other_templates(json_t *templates)
{
    template_add(templates, "geo_points",
                 json_pack("{s:s,s:o}", "path_match", "*.geo.location", "mapping", type_mapping("geo_point")));
    template_add(templates, "strings",
                 json_pack("{s:s,s:o}", "match_mapping_type", "string", "mapping", type_mapping(KEYWORD)));
    template_add(templates, "floats",
                 json_pack("{s:s,s:o}", "match_mapping_type", "double", "mapping", type_mapping("double")));
}

static uint32_t fields_count(json_t *properties)
{
    uint32_t count = 0;
    const char *key;
    json_t *field;
    json_object_foreach(properties, key, field)
    {
        const char *inner;
        json_t *below;
        count++;
        json_object_foreach(json_object_get(field, "properties"), inner, below) count +=
            1 + (uint32_t)json_object_size(json_object_get(below, "properties"));
    }
    return count;
}

json_t *index_mappings(const struct elements *elements, uint32_t *fields)
{
    json_t *properties = json_object(), *templates = json_array();
    json_t *types = element_types(elements, BELOW_NETFLOW, NULL);
    json_t *rare_types = element_types(elements, BELOW_NETFLOW_RARE, types);
    json_t *sflow_types = element_types(elements, BELOW_SFLOW, NULL);
    rows_define(properties);
    json_t *netflow = member(member(properties, "netflow"), "properties");
    elements_define(netflow, types);
    section_define(netflow, elements);
    elements_define(member(member(properties, "sflow"), "properties"), sflow_types);
    options_define(netflow, types);
    netflow_templates(templates, types, rare_types);
    other_templates(templates);
    json_decref(types);
    json_decref(rare_types);
    json_decref(sflow_types);
    *fields = fields_count(properties);
    return json_pack("{s:b,s:b,s:o,s:o}", "date_detection", 0, "numeric_detection", 0, "dynamic_templates", templates,
                     "properties", properties);
}

json_t *index_default_fields(void)
{
    json_t *fields = json_array();
    for (uint32_t i = 0; i < ecs_row_count; i++) {
        const struct ecs_row *row = &ecs_rows[i];
        bool searched = is(row->es_type, KEYWORD) || is(row->es_type, "ip");
        if (searched && row->value != VALUE_TEXT && !ecs_row_is_repeated(row)) /* constants find nothing */
            json_array_append_new(fields, json_string(row->path));
    }
    return fields;
}

/* OpenSearch wants the value of a constant_keyword in the mapping; where it is not known beforehand, keyword will do.
 */
json_t *index_constant_mappings(enum output_kind product)
{
    json_t *properties = json_object();
    for (uint32_t i = 0; i < ecs_row_count; i++) {
        const struct ecs_row *row = &ecs_rows[i];
        if (!is(row->es_type, CONSTANT))
            continue;
        bool known = row->value == VALUE_TEXT;
        json_t *mapping = type_mapping(product == OUTPUT_OPENSEARCH && !known ? KEYWORD : CONSTANT);
        if (known)
            json_object_set_new(mapping, "value", json_loads(row->text, JSON_DECODE_ANY, NULL));
        field_define(properties, row->path, mapping);
    }
    return json_pack("{s:o}", "properties", properties);
}
