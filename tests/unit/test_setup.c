/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/setup_compare.h"
#include "app/setup_server.h"

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, 0, &error);
    if (!json)
        fail_msg("%s: %s", error.text, text);
    return json;
}

/* The differences as comparison_print() shows them, without the blanks at the beginning; the caller frees them. */
static char *differences(json_t *have, json_t *want, size_t most)
{
    struct comparison comparison;
    char *text = NULL;
    size_t size_bytes;
    FILE *out = open_memstream(&text, &size_bytes);
    assert_int_equal(comparison_make(&comparison, have, want), 0);
    comparison_print(out, &comparison, most);
    fclose(out);
    comparison_fini(&comparison);
    return text;
}

static void check_differences(const char *have, const char *want, const char *shown)
{
    json_t *one = parse(have), *other = parse(want);
    char *text = differences(one, other, 30);
    assert_string_equal(text, shown);
    free(text);
    json_decref(one);
    json_decref(other);
}

static void test_settings_are_compared_by_meaning(void **state)
{
    (void)state;
    check_differences(
        "{\"template\": {\"settings\": {\"index\": {\"number_of_shards\": \"1\", \"mapping\": "
        "{\"ignore_malformed\": \"true\", \"total_fields\": {\"limit\": \"6000\"}}}}}}",
        "{\"template\": {\"settings\": {\"number_of_shards\": 1, \"index.mapping.ignore_malformed\": true, "
        "\"index\": {\"mapping.total_fields\": {\"limit\": 6000}}}}}",
        "");
    check_differences(
        "{\"template\": {\"settings\": {\"index\": {\"codec\": \"default\", \"number_of_shards\": \"2\"}}}}",
        "{\"template\": {\"settings\": {\"number_of_shards\": 1, \"index\": {\"refresh_interval\": \"10s\"}}}}",
        "      template.settings.index.codec: have default, which is not weir's\n"
        "      template.settings.index.number_of_shards: have 2, want 1\n"
        "      template.settings.index.refresh_interval: nothing there, want 10s\n");
}

static void test_mappings_differ(void **state)
{
    (void)state;
    check_differences("{\"template\": {\"mappings\": {\"properties\": {\"a\": {\"type\": \"long\"}, \"c\": {\"type\": "
                      "\"ip\"}}}}}",
                      "{\"template\": {\"mappings\": {\"properties\": {\"a\": {\"type\": \"ip\"}, \"b\": {\"type\": "
                      "\"ip\"}}}}}",
                      "      template.mappings.properties.a.type: have long, want ip\n"
                      "      template.mappings.properties.b.type: nothing there, want ip\n"
                      "      template.mappings.properties.c.type: have ip, which is not weir's\n");
}

static void test_lists(void **state)
{
    (void)state;
    check_differences("{\"composed_of\": [\"a\", \"b\"]}", "{\"composed_of\": [\"b\", \"a\"]}",
                      "      composed_of: have [a, b], want [b, a]\n");
    check_differences("{\"rules\": [{\"a\": {\"x\": \"1\"}}]}",
                      "{\"rules\": [{\"a\": {\"x\": 1}}, {\"b\": {\"x\": 1}}]}",
                      "      rules.1.b.x: nothing there, want 1\n");
    check_differences("{\"template\": {\"mappings\": {}}, \"ignore_missing_component_templates\": []}", "{}", "");
    check_differences("{\"a\": [], \"b\": {\"c\": {}}}", "{\"b\": {}}",
                      "      a: have [], which is not weir's\n      b.c: have {}, which is not weir's\n");
}

/* What makes an index a data stream is an empty object, which servers fill. */
static void test_data_stream(void **state)
{
    (void)state;
    static const char *const filled[] = {
        "{\"data_stream\": {}}",
        "{\"data_stream\": {\"hidden\": false, \"allow_custom_routing\": false}}",
        "{\"data_stream\": {\"timestamp_field\": {\"name\": \"@timestamp\"}}}",
    };
    for (size_t i = 0; i < sizeof filled / sizeof *filled; i++) {
        check_differences(filled[i], "{\"data_stream\": {}}", "");
        check_differences(filled[i], "{}", "      data_stream: have {}, which is not weir's\n");
    }
    check_differences("{}", "{\"data_stream\": {}}", "      data_stream: nothing there, want {}\n");
    check_differences("{\"data_stream\": {\"hidden\": true}}", "{\"data_stream\": {}}",
                      "      data_stream.hidden: have true, which is not weir's\n");
}

static void test_versions_are_no_difference(void **state)
{
    (void)state;
    check_differences("{\"version\": 3, \"_meta\": {\"version\": \"0.0.9\", \"managed_by\": \"weir\"}}",
                      "{\"_meta\": {\"version\": \"0.1.0\", \"managed_by\": \"weir\"}}", "");
    check_differences("{\"_meta\": {\"managed_by\": \"me\"}}", "{\"_meta\": {\"managed_by\": \"weir\"}}",
                      "      _meta.managed_by: have me, want weir\n");
}

/* A long value is shown from where it parts; nothing of a server's reaches the terminal as it is. */
static void test_values_are_shown_safely(void **state)
{
    (void)state;
    char have[256], want[256], text[600];
    memset(have, 'x', 100);
    memcpy(have + 100, "HAVE", 5);
    memset(want, 'x', 100);
    memcpy(want + 100, "WANT", 5);
    snprintf(text, sizeof text, "{\"a\": \"%s\"}", have);
    json_t *one = parse(text);
    snprintf(text, sizeof text, "{\"a\": \"%s\"}", want);
    json_t *other = parse(text);
    char *shown = differences(one, other, 30);
    assert_string_equal(shown, "      a: have ...xxxxxxxxxxxxHAVE, want ...xxxxxxxxxxxxWANT\n");
    free(shown);
    json_decref(one);
    json_decref(other);
    check_differences("{\"a\\u001b[1m\": \"\\u001b[31m\\n\"}", "{}", "      a?[1m: have ?[31m?, which is not weir's\n");
}

static void test_many_differences_are_cut(void **state)
{
    (void)state;
    json_t *have = parse("{\"a\": 1, \"b\": 1, \"c\": 1}"), *want = parse("{}");
    char *shown = differences(have, want, 1);
    assert_string_equal(shown, "      a: have 1, which is not weir's\n      ... and 2 more\n");
    free(shown);
    json_decref(have);
    json_decref(want);
}

/* Deeper than any real object: compared, and no stack used up. */
static void test_deep_nesting(void **state)
{
    (void)state;
    char text[4096] = "";
    for (int i = 0; i < 500; i++)
        strcat(text, "{\"a\":");
    strcat(text, "1");
    for (int i = 0; i < 500; i++)
        strcat(text, "}");
    json_t *deep = parse(text), *flat = parse("{}");
    char *same = differences(deep, deep, 5), *other = differences(deep, flat, 5);
    assert_string_equal(same, "");
    assert_non_null(strstr(other, "which is not weir's"));
    free(same);
    free(other);
    json_decref(deep);
    json_decref(flat);
}

/* --- policies, as the servers' documentation has their answers --- */

/* The differences between a documented answer and the policy that weir wants. */
static char *policy_differences(enum output_kind product, const char *answer, char query[SERVER_QUERY_MOST])
{
    struct index_object wanted = {.part = INDEX_LIFECYCLE,
                                  .kind = "lifecycle policy",
                                  .name = "weir-netflow",
                                  .body = index_policy(product, "logs-netflow.log-*", true)};
    snprintf(wanted.path, sizeof wanted.path, "%s",
             product == OUTPUT_OPENSEARCH ? "/_plugins/_ism/policies/weir-netflow" : "/_ilm/policy/weir-netflow");
    struct server_object found;
    json_t *json = parse(answer);
    server_object_parse(&wanted, json, &found);
    assert_non_null(found.body);
    memcpy(query, found.query, SERVER_QUERY_MOST);
    char *text = differences(found.body, wanted.body, 30);
    server_object_fini(&found);
    json_decref(json);
    json_decref(wanted.body);
    return text;
}

static void test_ilm_answer(void **state)
{
    (void)state;
    char query[SERVER_QUERY_MOST];
    char *shown = policy_differences(
        OUTPUT_ELASTICSEARCH,
        "{\"weir-netflow\": {\"version\": 4, \"modified_date\": \"2026-01-01T00:00:00.000Z\", \"policy\": {"
        "\"_meta\": {\"managed_by\": \"weir\", \"version\": \"0.0.1\"}, \"phases\": {"
        "\"hot\": {\"min_age\": \"0ms\", \"actions\": {\"rollover\": {\"max_age\": \"1d\", "
        "\"max_primary_shard_size\": \"50gb\"}}},"
        "\"delete\": {\"min_age\": \"90d\", \"actions\": {\"delete\": {\"delete_searchable_snapshot\": true}}}}},"
        "\"in_use_by\": {\"indices\": [], \"data_streams\": [], \"composable_templates\": []}}}",
        query);
    assert_string_equal(shown, "      policy.phases.delete.min_age: have 90d, want 30d\n");
    assert_string_equal(query, "");
    free(shown);
}

static void test_ism_answer(void **state)
{
    (void)state;
    char query[SERVER_QUERY_MOST];
    char *shown = policy_differences(
        OUTPUT_OPENSEARCH,
        "{\"_id\": \"weir-netflow\", \"_version\": 2, \"_seq_no\": 10, \"_primary_term\": 3, \"policy\": {"
        "\"policy_id\": \"weir-netflow\", \"description\": \"mine\", \"last_updated_time\": 1577990934044,"
        "\"schema_version\": 21, \"error_notification\": null, \"default_state\": \"hot\", \"states\": ["
        "{\"name\": \"hot\", \"actions\": [{\"retry\": {\"count\": 3, \"backoff\": \"exponential\", \"delay\": \"1m\"},"
        "\"rollover\": {\"min_index_age\": \"1d\", \"min_primary_shard_size\": \"50gb\", \"copy_alias\": false}}],"
        "\"transitions\": [{\"state_name\": \"delete\", \"conditions\": {\"min_rollover_age\": \"30d\"}}]},"
        "{\"name\": \"delete\", \"actions\": [{\"retry\": {\"count\": 3, \"backoff\": \"exponential\", \"delay\": "
        "\"1m\"},"
        "\"delete\": {}}], \"transitions\": []}],"
        "\"ism_template\": [{\"index_patterns\": [\"logs-netflow.log-*\"], \"priority\": 300, "
        "\"last_updated_time\": 1577990934044}], \"user\": {\"name\": \"admin\", \"roles\": [\"all\"]}}}",
        query);
    assert_non_null(strstr(shown, "      policy.description: have mine, want weir: "));
    assert_null(strchr(strchr(shown, '\n') + 1, '\n')); /* nothing else */
    assert_string_equal(query, "?if_seq_no=10&if_primary_term=3");
    free(shown);
}

/* Answers that are not what was asked for hold nothing. */
static void test_strange_answers(void **state)
{
    (void)state;
    static const char *const answers[] = {"{}",
                                          "[]",
                                          "{\"component_templates\": []}",
                                          "{\"component_templates\": 7}",
                                          "{\"policy\": 7}",
                                          "{\"weir-netflow\": 1}"};
    static const struct index_object wanted[] = {
        {.part = INDEX_MAPPINGS, .name = "weir-netflow@mappings", .path = "/_component_template/weir-netflow@mappings"},
        {.part = INDEX_TEMPLATE, .name = "weir-netflow", .path = "/_index_template/weir-netflow"},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        for (size_t j = 0; j < sizeof wanted / sizeof *wanted; j++) {
            json_t *json = parse(answers[i]);
            struct server_object found;
            server_object_parse(&wanted[j], json, &found);
            assert_null(found.body);
            json_decref(json);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_are_compared_by_meaning),
        cmocka_unit_test(test_mappings_differ),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_data_stream),
        cmocka_unit_test(test_versions_are_no_difference),
        cmocka_unit_test(test_values_are_shown_safely),
        cmocka_unit_test(test_many_differences_are_cut),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_ilm_answer),
        cmocka_unit_test(test_ism_answer),
        cmocka_unit_test(test_strange_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
