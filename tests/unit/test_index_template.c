/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/encode/ecs.h"
#include "export/elastic/index_template.h"

#define INDEX "logs-netflow.log-%{namespace}"

static struct elements *elements;

static int elements_setup(void **state)
{
    (void)state;
    struct config_problems problems = {0};
    elements = elements_new(profile_of(PROFILE_WEIR), NULL, &problems);
    return elements ? 0 : -1;
}

static int elements_teardown(void **state)
{
    (void)state;
    elements_free(elements);
    return 0;
}

/* --- helpers --- */

static struct index_objects objects_of(enum output_kind product, uint32_t parts)
{
    struct index_objects objects;
    struct index_request request = {.product = product, .index = INDEX, .elements = elements, .parts = parts};
    assert_int_equal(index_objects_make(&objects, &request), 0);
    return objects;
}

static json_t *body_at(const struct index_objects *objects, const char *path)
{
    for (uint32_t i = 0; i < objects->count; i++)
        if (strcmp(objects->items[i].path, path) == 0)
            return objects->items[i].body;
    return NULL;
}

/* The value at a path of keys with blanks between; NULL when there is none. */
static json_t *at(json_t *value, const char *path)
{
    char key[128];
    while (value && *path) {
        size_t length = strcspn(path, " ");
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        value = json_object_get(value, key);
        path += length + (path[length] == ' ');
    }
    return value;
}

static const char *text_at(json_t *value, const char *path)
{
    const char *text = json_string_value(at(value, path));
    return text ? text : "nothing";
}

/* The type of a field below properties, by its dotted path. */
static const char *property_type(json_t *properties, const char *path)
{
    char name[ECS_PATH_MOST];
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
        properties = at(json_object_get(properties, name), "properties");
    }
    return text_at(json_object_get(properties, path), "type");
}

/* The type that the rules for what is not listed give a path: the first rule by name that fits. */
static const char *dynamic_type(json_t *mappings, const char *path)
{
    size_t index;
    json_t *entry;
    json_array_foreach(at(mappings, "dynamic_templates"), index, entry)
    {
        json_t *rule = json_object_iter_value(json_object_iter(entry));
        regex_t regex;
        if (strcmp(text_at(rule, "match_pattern"), "regex") != 0)
            continue;
        assert_int_equal(regcomp(&regex, text_at(rule, "path_match"), REG_EXTENDED | REG_NOSUB), 0);
        bool fits = regexec(&regex, path, 0, NULL, 0) == 0;
        regfree(&regex);
        if (fits)
            return text_at(rule, "mapping type");
    }
    return "nothing";
}

static void check_json(json_t *have, const char *text)
{
    json_error_t error;
    json_t *want = json_loads(text, 0, &error);
    assert_non_null(want);
    char *have_text = json_dumps(have, JSON_SORT_KEYS | JSON_COMPACT);
    char *want_text = json_dumps(want, JSON_SORT_KEYS | JSON_COMPACT);
    assert_string_equal(have_text, want_text);
    free(have_text);
    free(want_text);
    json_decref(want);
}

/* --- mappings --- */

static void test_every_row_is_mapped(void **state)
{
    (void)state;
    struct index_objects objects = objects_of(OUTPUT_ELASTICSEARCH, INDEX_PARTS_ALL);
    json_t *listed =
        at(body_at(&objects, "/_component_template/weir-netflow@mappings"), "template mappings properties");
    json_t *constant =
        at(body_at(&objects, "/_component_template/weir-netflow@data-stream"), "template mappings properties");
    for (uint32_t i = 0; i < ecs_row_count; i++) {
        const struct ecs_row *row = &ecs_rows[i];
        bool is_constant = strcmp(row->es_type, "constant_keyword") == 0;
        if (row->value == VALUE_ELEMENTS || row->value == VALUE_SFLOW || row->value == VALUE_SECTION)
            continue;
        assert_string_equal(property_type(is_constant ? constant : listed, row->path), row->es_type);
        if (is_constant)
            assert_string_equal(property_type(listed, row->path), "nothing");
    }
    assert_true(json_is_false(at(listed, "@timestamp ignore_malformed")));
    assert_int_equal(json_integer_value(at(listed, "source properties mac ignore_above")), 1024);
    index_objects_fini(&objects);
}

static int number_rank(const char *type)
{
    static const char types[] = "byte short integer long float double";
    const char *found = strstr(types, type);
    return found ? (int)(found - types) : -1;
}

struct wanted {
    const char *type;
    bool mapped; /* before the first document that has the field */
};

/* Of several elements with one key: the widest number, keyword for what does not go together. */
static struct wanted wanted_of(const struct element *element)
{
    struct wanted wanted = {.type = element->es_type};
    for (uint32_t i = 1; i <= elements_count(elements); i++) {
        const struct element *other = elements_at(elements, (uint16_t)i);
        bool beside = (other->enterprise == ENTERPRISE_SFLOW) == (element->enterprise == ENTERPRISE_SFLOW);
        if (!beside || !*other->es_type || strcmp(other->key, element->key) != 0)
            continue;
        wanted.mapped = wanted.mapped || !other->rare;
        int rank = number_rank(wanted.type), other_rank = number_rank(other->es_type);
        if (strcmp(wanted.type, other->es_type) != 0)
            wanted.type = rank < 0 || other_rank < 0 ? "keyword" : rank > other_rank ? wanted.type : other->es_type;
    }
    return wanted;
}

#define BELOW     "^netflow\\.(scope|options)\\.("
#define ANYWHERE "^netflow\\.((scope|options)\\.)?("

/* The keys that the rules for elements list, with the types that they give them; those of one prefix. */
static json_t *listed_keys(json_t *mappings, const char *prefix)
{
    json_t *keys = json_object(), *entry;
    size_t index;
    json_array_foreach(at(mappings, "dynamic_templates"), index, entry)
    {
        json_t *rule = json_object_iter_value(json_object_iter(entry));
        const char *regex = text_at(rule, "path_match");
        if (strcmp(text_at(rule, "match_pattern"), "regex") != 0 || strncmp(regex, prefix, strlen(prefix)) != 0)
            continue;
        assert_string_equal(regex + strlen(regex) - 2, ")$");
        char *list = strndup(regex + strlen(prefix), strlen(regex) - strlen(prefix) - 2), *rest = list;
        for (char *key; (key = strsep(&rest, "|"));) {
            assert_null(json_object_get(keys, key));
            json_object_set_new(keys, key, json_string(text_at(rule, "mapping type")));
        }
        free(list);
    }
    return keys;
}

static void test_every_element_is_mapped(void **state)
{
    (void)state;
    uint32_t fields = 0, seen = 0;
    json_t *mappings = index_mappings(elements, &fields);
    json_t *below = listed_keys(mappings, BELOW), *anywhere = listed_keys(mappings, ANYWHERE);
    for (uint32_t i = 1; i <= elements_count(elements); i++) {
        const struct element *element = elements_at(elements, (uint16_t)i);
        bool sflow = element->enterprise == ENTERPRISE_SFLOW;
        char path[ECS_PATH_MOST];
        if (!*element->es_type)
            continue;
        seen++;
        struct wanted wanted = wanted_of(element);
        snprintf(path, sizeof path, "%s.%s", sflow ? "sflow" : "netflow", element->key);
        assert_string_equal(property_type(at(mappings, "properties"), path), wanted.mapped ? wanted.type : "nothing");
        snprintf(path, sizeof path, "netflow.section.%s", element->key);
        if (sflow && element->id >= 16 && element->id <= 48) /* what a packet's headers say */
            assert_string_equal(property_type(at(mappings, "properties"), path), wanted.type);
        if (sflow)
            continue;
        assert_string_equal(text_at(below, element->key), wanted.mapped ? wanted.type : "nothing");
        assert_string_equal(text_at(anywhere, element->key), wanted.mapped ? "nothing" : wanted.type);
    }
    json_decref(below), json_decref(anywhere);
    assert_true(seen > 4800 && fields > 1300 && fields < 3000);
    /* of a vendor's, whose field comes when a document has it */
    assert_string_equal(dynamic_type(mappings, "netflow.l7_proto"), "integer");
    assert_string_equal(dynamic_type(mappings, "netflow.options.l7_proto"), "integer");
    assert_string_equal(dynamic_type(mappings, "netflow.http_host"), "keyword");
    assert_string_equal(dynamic_type(mappings, "netflow.options.sampling_interval"), "long");
    /* the dashboards ask for it before it has been seen */
    assert_string_equal(property_type(at(mappings, "properties"), "netflow.options.not_sent_flow_total_count"), "long");
    /* of the keys that two vendors share */
    assert_string_equal(property_type(at(mappings, "properties"), "netflow.application_group_name"), "keyword");
    /* nothing more than the elements, and nothing deeper */
    assert_string_equal(dynamic_type(mappings, "netflow.options.unknown_1_2"), "nothing");
    assert_string_equal(dynamic_type(mappings, "netflow.sampling_interval"), "nothing");
    assert_string_equal(dynamic_type(mappings, "netflow.scope.x.sampling_interval"), "nothing");
    assert_string_equal(dynamic_type(mappings, "fields.netflow.scope.sampling_interval"), "nothing");
    json_decref(mappings);
}

static void test_unlisted_strings_are_keywords(void **state)
{
    (void)state;
    uint32_t fields;
    json_t *mappings = index_mappings(elements, &fields), *strings = NULL, *entry;
    size_t index;
    json_array_foreach(at(mappings, "dynamic_templates"), index, entry) strings =
        at(entry, "strings") ? at(entry, "strings") : strings;
    check_json(strings,
               "{\"match_mapping_type\": \"string\", \"mapping\": {\"type\": \"keyword\", \"ignore_above\": 1024}}");
    assert_true(json_is_false(at(mappings, "date_detection")));
    json_decref(mappings);
}

/* Custom elements are part of the mapping; what means something in a regular expression does not. */
static void test_custom_elements(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-test-definitions-XXXXXX";
    int file = mkstemp(path);
    const char text[] = "64999:\n  7: [\":ip4_addr\", \"my|Odd+Name\"]\n  8: [\":uint16\", \"mineToo\"]\n"
                        "  9: [\":string\", \"octetDeltaCount\"]\n";
    assert_int_equal(write(file, text, strlen(text)), (int)strlen(text));
    close(file);
    struct config_problems problems = {0};
    struct text_list files = {.items = (char *[]){path}, .count = 1};
    struct elements *own = elements_new(profile_of(PROFILE_WEIR), &files, &problems);
    unlink(path);
    assert_non_null(own);
    uint32_t fields;
    json_t *mappings = index_mappings(own, &fields);
    json_t *netflow = at(mappings, "properties netflow properties");
    assert_string_equal(property_type(netflow, "my|_odd+_name"), "ip");
    assert_string_equal(dynamic_type(mappings, "netflow.scope.my|_odd+_name"), "ip");
    assert_string_equal(property_type(netflow, "mine_too"), "integer");
    assert_string_equal(property_type(netflow, "octet_delta_count"), "keyword");
    json_decref(mappings);
    elements_free(own);
}

/* --- settings --- */

static void test_settings(void **state)
{
    (void)state;
    struct index_objects objects = objects_of(OUTPUT_OPENSEARCH, INDEX_PARTS_ALL);
    json_t *index = at(body_at(&objects, "/_component_template/weir-netflow@settings"), "template settings index");
    uint32_t fields;
    json_t *mappings = index_mappings(elements, &fields);
    json_t *limits =
        at(body_at(&objects, "/_component_template/weir-netflow@mappings"), "template settings index mapping");
    json_int_t limit = json_integer_value(at(limits, "total_fields limit"));
    for (uint32_t i = 1; i <= elements_count(elements); i++) {
        const struct element *element = elements_at(elements, (uint16_t)i);
        fields += element->rare || element->enterprise == ENTERPRISE_SFLOW ? 0 : 2;
    }
    assert_true(limit >= fields && limit <= 6000);
    assert_string_equal(text_at(index, "codec"), "best_compression");
    json_t *searched = at(index, "query default_field"), *field;
    size_t i, ips = 0;
    json_array_foreach(searched, i, field)
    {
        const char *type = property_type(at(mappings, "properties"), json_string_value(field));
        ips += strcmp(type, "ip") == 0;
        assert_true(strcmp(type, "ip") == 0 || strcmp(type, "keyword") == 0);
    }
    assert_true(ips >= 6 && json_array_size(searched) < 100);
    json_decref(mappings);
    index_objects_fini(&objects);
}

static bool has_dynamic_limit(enum output_kind product, uint32_t version)
{
    struct index_objects objects;
    struct index_request request = {
        .product = product, .index = INDEX, .elements = elements, .parts = 1 << INDEX_MAPPINGS, .version = version};
    assert_int_equal(index_objects_make(&objects, &request), 0);
    json_t *total = at(objects.items[0].body, "template settings index mapping total_fields");
    bool has = json_is_true(at(total, "ignore_dynamic_beyond_limit"));
    index_objects_fini(&objects);
    return has;
}

static void test_settings_follow_the_version(void **state)
{
    (void)state;
    assert_true(has_dynamic_limit(OUTPUT_ELASTICSEARCH, 0));
    assert_true(has_dynamic_limit(OUTPUT_ELASTICSEARCH, INDEX_VERSION(8, 14)));
    assert_true(has_dynamic_limit(OUTPUT_ELASTICSEARCH, INDEX_VERSION(9, 0)));
    assert_false(has_dynamic_limit(OUTPUT_ELASTICSEARCH, INDEX_VERSION(8, 13)));
    assert_false(has_dynamic_limit(OUTPUT_ELASTICSEARCH, INDEX_VERSION(7, 17)));
    assert_false(has_dynamic_limit(OUTPUT_OPENSEARCH, 0));
}

static void test_constant_fields(void **state)
{
    (void)state;
    json_t *elastic = index_constant_mappings(OUTPUT_ELASTICSEARCH), *open = index_constant_mappings(OUTPUT_OPENSEARCH);
    check_json(at(elastic, "properties data_stream properties"),
               "{\"type\": {\"type\": \"constant_keyword\", \"value\": \"logs\"},"
               " \"dataset\": {\"type\": \"constant_keyword\", \"value\": \"netflow.log\"},"
               " \"namespace\": {\"type\": \"constant_keyword\"}}");
    check_json(at(open, "properties data_stream properties namespace"),
               "{\"type\": \"keyword\", \"ignore_above\": 1024}");
    assert_string_equal(text_at(open, "properties data_stream properties type value"), "logs");
    json_decref(elastic);
    json_decref(open);
}

/* --- lifecycle --- */

static void test_ilm_policy(void **state)
{
    (void)state;
    json_t *policy = index_policy(OUTPUT_ELASTICSEARCH, "logs-netflow.log-*", true);
    json_object_del(at(policy, "policy"), "_meta");
    check_json(policy, "{\"policy\": {\"phases\": {"
                       "\"hot\": {\"min_age\": \"0ms\", \"actions\": {"
                       "\"rollover\": {\"max_primary_shard_size\": \"50gb\", \"max_age\": \"1d\"}}},"
                       "\"delete\": {\"min_age\": \"30d\", \"actions\": {\"delete\": {}}}}}}");
    json_decref(policy);
    policy = index_policy(OUTPUT_ELASTICSEARCH, "flows-*", false);
    check_json(at(policy, "policy phases hot"), "{\"min_age\": \"0ms\", \"actions\": {}}");
    json_decref(policy);
}

static void test_ism_policy(void **state)
{
    (void)state;
    json_t *policy = index_policy(OUTPUT_OPENSEARCH, "logs-netflow.log-*", true);
    json_object_del(at(policy, "policy"), "description");
    check_json(policy,
               "{\"policy\": {\"default_state\": \"hot\", \"states\": ["
               "{\"name\": \"hot\","
               " \"actions\": [{\"rollover\": {\"min_primary_shard_size\": \"50gb\", \"min_index_age\": \"1d\"}}],"
               " \"transitions\": [{\"state_name\": \"delete\", \"conditions\": {\"min_rollover_age\": \"30d\"}}]},"
               "{\"name\": \"delete\", \"actions\": [{\"delete\": {}}], \"transitions\": []}],"
               "\"ism_template\": [{\"index_patterns\": [\"logs-netflow.log-*\"], \"priority\": 300}]}}");
    json_decref(policy);
    policy = index_policy(OUTPUT_OPENSEARCH, "flows-*", false);
    json_t *hot = json_array_get(at(policy, "policy states"), 0);
    check_json(hot, "{\"name\": \"hot\", \"actions\": [],"
                    " \"transitions\": [{\"state_name\": \"delete\", \"conditions\": {\"min_index_age\": \"30d\"}}]}");
    json_decref(policy);
}

/* --- objects --- */

static void check_paths(enum output_kind product, uint32_t parts, const char *wanted)
{
    struct index_objects objects = objects_of(product, parts);
    char paths[512] = "";
    for (uint32_t i = 0; i < objects.count; i++)
        snprintf(paths + strlen(paths), sizeof paths - strlen(paths), "%s\n", objects.items[i].path);
    assert_string_equal(paths, wanted);
    index_objects_fini(&objects);
}

static void test_objects_in_order(void **state)
{
    (void)state;
    check_paths(OUTPUT_ELASTICSEARCH, INDEX_PARTS_ALL,
                "/_ilm/policy/weir-netflow\n"
                "/_component_template/weir-netflow@lifecycle\n"
                "/_component_template/weir-netflow@mappings\n"
                "/_component_template/weir-netflow@settings\n"
                "/_component_template/weir-netflow@data-stream\n"
                "/_component_template/weir-netflow@custom\n"
                "/_index_template/weir-netflow\n");
    check_paths(OUTPUT_OPENSEARCH, INDEX_PARTS_ALL & ~(1U << INDEX_DATA_STREAM),
                "/_plugins/_ism/policies/weir-netflow\n"
                "/_component_template/weir-netflow@mappings\n"
                "/_component_template/weir-netflow@settings\n"
                "/_component_template/weir-netflow@custom\n"
                "/_index_template/weir-netflow\n");
}

static void test_template(void **state)
{
    (void)state;
    struct index_objects objects = objects_of(OUTPUT_ELASTICSEARCH, INDEX_PARTS_ALL & ~(1U << INDEX_LIFECYCLE));
    json_t *body = body_at(&objects, "/_index_template/weir-netflow");
    assert_string_equal(text_at(body, "_meta managed_by"), "weir");
    assert_string_equal(text_at(body, "_meta version"), WEIR_VERSION);
    json_object_del(body, "_meta");
    check_json(body,
               "{\"index_patterns\": [\"logs-netflow.log-*\"], \"priority\": 300, \"data_stream\": {}, \"composed_of\":"
               " [\"weir-netflow@mappings\", \"weir-netflow@settings\", \"weir-netflow@data-stream\","
               " \"weir-netflow@custom\"]}");
    index_objects_fini(&objects);
}

/* With the date in its name an index is no data stream, and nothing rolls over. */
static void test_dated_index(void **state)
{
    (void)state;
    struct index_objects objects;
    struct index_request request = {
        .product = OUTPUT_ELASTICSEARCH, .index = "flows-%Y.%m.%d", .elements = elements, .parts = INDEX_PARTS_ALL};
    assert_int_equal(index_objects_make(&objects, &request), 0);
    json_t *body = body_at(&objects, "/_index_template/weir-netflow");
    assert_null(at(body, "data_stream"));
    check_json(at(body, "index_patterns"), "[\"flows-*.*.*\"]");
    assert_null(at(body_at(&objects, "/_ilm/policy/weir-netflow"), "policy phases hot actions rollover"));
    index_objects_fini(&objects);
    request.index = "%{namespace}-flows";
    assert_int_equal(index_objects_make(&objects, &request), -EINVAL);
    index_objects_fini(&objects);
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *index, *pattern;
        int result;
        bool dated;
    } cases[] = {
        {"logs-netflow.log-default", "logs-netflow.log-default", 0, false},
        {"logs-netflow.log-%{namespace}", "logs-netflow.log-*", 0, false},
        {"flows-%{namespace}-%{kind}", "flows-*-*", 0, false},
        {"flows-%{exporter}%{kind}", "flows-*", 0, false},
        {"flows-%Y%m%d", "flows-*", 0, true},
        {"flows-%-d.%{kind}.%Ey", "flows-*.*.*", 0, true},
        {"100%%-%H", "100%-*", 0, true},
        {"flows-%", "flows-*", 0, true},
        {"%Y", "*", -EINVAL, true},
        {"", "", -EINVAL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char pattern[INDEX_PATTERN_MOST];
        bool dated;
        assert_int_equal(index_pattern(cases[i].index, pattern, &dated), cases[i].result);
        assert_string_equal(pattern, cases[i].pattern);
        assert_int_equal(dated, cases[i].dated);
    }
    char longer[INDEX_PATTERN_MOST + 1], pattern[INDEX_PATTERN_MOST];
    bool dated;
    memset(longer, 'x', sizeof longer);
    longer[INDEX_PATTERN_MOST] = 0;
    assert_int_equal(index_pattern(longer, pattern, &dated), -EINVAL);
    longer[INDEX_PATTERN_MOST - 1] = 0;
    assert_int_equal(index_pattern(longer, pattern, &dated), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_mapped),
        cmocka_unit_test(test_every_element_is_mapped),
        cmocka_unit_test(test_unlisted_strings_are_keywords),
        cmocka_unit_test(test_custom_elements),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_settings_follow_the_version),
        cmocka_unit_test(test_constant_fields),
        cmocka_unit_test(test_ilm_policy),
        cmocka_unit_test(test_ism_policy),
        cmocka_unit_test(test_objects_in_order),
        cmocka_unit_test(test_template),
        cmocka_unit_test(test_dated_index),
        cmocka_unit_test(test_patterns),
    };
    return cmocka_run_group_tests(tests, elements_setup, elements_teardown);
}
