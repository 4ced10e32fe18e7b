/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/index_template.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME        "weir-netflow"
#define POLICY_NAME NAME

/* Above Elastic's: logs-*-* has 100, the templates of its integrations 200. */
#define TEMPLATE_PRIORITY 300

/* Fields that may come into being beyond the mapped ones: vendors' own elements, unknown ones, the option fields. */
#define OTHER_FIELDS 1000

const char *const index_part_names[INDEX_PARTS] = {
    [INDEX_LIFECYCLE] = "lifecycle",     [INDEX_MAPPINGS] = "mappings", [INDEX_SETTINGS] = "settings",
    [INDEX_DATA_STREAM] = "data-stream", [INDEX_CUSTOM] = "custom",     [INDEX_TEMPLATE] = "template",
};

static const char *const component_names[INDEX_TEMPLATE] = {
    [INDEX_LIFECYCLE] = NAME "@lifecycle",     [INDEX_MAPPINGS] = NAME "@mappings", [INDEX_SETTINGS] = NAME "@settings",
    [INDEX_DATA_STREAM] = NAME "@data-stream", [INDEX_CUSTOM] = NAME "@custom",
};

/* --- the pattern --- */

/* Behind one conversion of strftime's: flags, width, modifiers, letter. */
static const char *conversion_end(const char *text)
{
    text += strspn(text, "_-0^#+123456789EO");
    return *text ? text + 1 : text;
}

int index_pattern(const char *index, char pattern[INDEX_PATTERN_MOST], bool *dated)
{
    size_t length = 0;
    *dated = false;
    while (*index) {
        char next = *index++;
        if (next == '%' && *index == '%') {
            index++;
        } else if (next == '%') {
            const char *brace = *index == '{' ? strchr(index, '}') : NULL;
            *dated = *dated || !brace;
            index = brace ? brace + 1 : conversion_end(index);
            next = '*';
        }
        if (length + 1 == INDEX_PATTERN_MOST)
            return -EINVAL;
        if (next != '*' || length == 0 || pattern[length - 1] != '*')
            pattern[length++] = next;
    }
    pattern[length] = 0;
    return length == 0 || pattern[0] == '*' ? -EINVAL : 0;
}

/* --- bodies --- */

static json_t *meta(const char *what)
{
    return json_pack("{s:s,s:s,s:s}", "managed_by", "weir", "version", WEIR_VERSION, "description", what);
}

/* settings and mappings may be NULL: then there are none. */
static json_t *component(const char *what, json_t *settings, json_t *mappings)
{
    return json_pack("{s:{s:o*,s:o*},s:o}", "template", "settings", settings, "mappings", mappings, "_meta",
                     meta(what));
}

/* Room for what is mapped, for every such element below scope and options, and for some further ones, in thousands. */
static int fields_limit(const struct index_request *request, uint32_t fields)
{
    for (uint32_t i = 1; i <= elements_count(request->elements); i++) {
        const struct element *element = elements_at(request->elements, (uint16_t)i);
        if (element->enterprise != ENTERPRISE_SFLOW && !element->rare) /* options have none of sFlow's */
            fields += 2;
    }
    fields += OTHER_FIELDS;
    return (int)((fields + 999) / 1000 * 1000);
}

/* The limit stands beside the mappings, since a server checks each component by itself. */
static json_t *mappings_body(const struct index_request *request)
{
    uint32_t fields = 0;
    json_t *mappings = index_mappings(request->elements, &fields);
    json_t *total = json_pack("{s:i}", "limit", fields_limit(request, fields));
    /* from Elasticsearch 8.14 on, a field beyond the limit costs itself and not its document */
    if (request->product == OUTPUT_ELASTICSEARCH && (!request->version || request->version >= INDEX_VERSION(8, 14)))
        json_object_set_new(total, "ignore_dynamic_beyond_limit", json_true());
    json_t *settings = json_pack("{s:{s:{s:o}}}", "index", "mapping", "total_fields", total);
    return component("types of every documented field", settings, mappings);
}

static json_t *settings_body(const struct index_request *request)
{
    (void)request;
    return component("how flow documents are stored",
                     json_pack("{s:{s:i,s:s,s:s,s:{s:b},s:{s:o}}}", "index", "number_of_shards", 1, "codec",
                               "best_compression", "refresh_interval", "10s", "mapping", "ignore_malformed", 1, "query",
                               "default_field", index_default_fields()),
                     NULL);
}

static json_t *lifecycle_body(const struct index_request *request)
{
    (void)request;
    return component("which policy flow documents live by",
                     json_pack("{s:{s:{s:s}}}", "index", "lifecycle", "name", POLICY_NAME), NULL);
}

static json_t *data_stream_body(const struct index_request *request)
{
    return component("fields that are the same in a whole data stream", NULL,
                     index_constant_mappings(request->product));
}

static json_t *custom_body(const struct index_request *request)
{
    (void)request;
    return json_pack("{s:{},s:o}", "template", "_meta", meta("yours: what stands here is stronger than the rest"));
}

static json_t *policy_body(const struct index_request *request)
{
    char pattern[INDEX_PATTERN_MOST];
    bool dated;
    index_pattern(request->index, pattern, &dated);
    return index_policy(request->product, pattern, !dated);
}

/* ISM finds its indices by their names, so no component has to name the policy. */
static bool has_component(const struct index_request *request, enum index_part part)
{
    return request->parts & 1U << part && (part != INDEX_LIFECYCLE || request->product != OUTPUT_OPENSEARCH);
}

/* Later components are stronger: the user's own is the last. */
static json_t *template_body(const struct index_request *request)
{
    char pattern[INDEX_PATTERN_MOST];
    bool dated;
    index_pattern(request->index, pattern, &dated);
    json_t *components = json_array();
    for (enum index_part part = 0; part < INDEX_TEMPLATE; part++)
        if (has_component(request, part))
            json_array_append_new(components, json_string(component_names[part]));
    json_t *body = json_pack("{s:[s],s:i,s:o,s:o}", "index_patterns", pattern, "priority", TEMPLATE_PRIORITY,
                             "composed_of", components, "_meta", meta("flow documents of weir"));
    if (!dated)
        json_object_set_new(body, "data_stream", json_object());
    return body;
}

/* --- objects --- */

struct object_row {
    enum index_part part;
    const char *kind;
    const char *folder; /* path is folder/name */
    const char *opensearch_folder;
    json_t *(*body)(const struct index_request *request);
};

static const struct object_row rows[] = {
    {INDEX_LIFECYCLE, "lifecycle policy", "/_ilm/policy/", "/_plugins/_ism/policies/", policy_body},
    {INDEX_LIFECYCLE, "component template", "/_component_template/", NULL, lifecycle_body},
    {INDEX_MAPPINGS, "component template", "/_component_template/", "/_component_template/", mappings_body},
    {INDEX_SETTINGS, "component template", "/_component_template/", "/_component_template/", settings_body},
    {INDEX_DATA_STREAM, "component template", "/_component_template/", "/_component_template/", data_stream_body},
    {INDEX_CUSTOM, "component template", "/_component_template/", "/_component_template/", custom_body},
    {INDEX_TEMPLATE, "index template", "/_index_template/", "/_index_template/", template_body},
};

static_assert(sizeof rows / sizeof *rows <= INDEX_OBJECTS_MOST, "room for every object");

static int object_add(struct index_objects *objects, const struct object_row *row, const struct index_request *request)
{
    const char *folder = request->product == OUTPUT_OPENSEARCH ? row->opensearch_folder : row->folder;
    if (!folder || !(request->parts & 1U << row->part))
        return 0;
    struct index_object *object = &objects->items[objects->count++];
    bool is_component = row->body != policy_body && row->body != template_body;
    *object = (struct index_object){.part = row->part,
                                    .kind = row->kind,
                                    .name = is_component ? component_names[row->part] : NAME,
                                    .body = row->body(request)};
    snprintf(object->path, sizeof object->path, "%s%s", folder, object->name);
    return object->body ? 0 : -ENOMEM;
}

int index_objects_make(struct index_objects *objects, const struct index_request *request)
{
    char pattern[INDEX_PATTERN_MOST];
    bool dated;
    *objects = (struct index_objects){0};
    int result = index_pattern(request->index, pattern, &dated);
    for (size_t i = 0; result == 0 && i < sizeof rows / sizeof *rows; i++)
        result = object_add(objects, &rows[i], request);
    return result;
}

void index_objects_fini(struct index_objects *objects)
{
    for (uint32_t i = 0; i < objects->count; i++)
        json_decref(objects->items[i].body);
    objects->count = 0;
}
