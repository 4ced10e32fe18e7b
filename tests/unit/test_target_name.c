/* SPDX-License-Identifier: Apache-2.0 */
/* Names of topics and indices by a pattern. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "export/target_name.h"

#define WHEN_NS ((int64_t)1798761599 * NS_PER_S + 999999999) /* 2026-12-31T23:59:59.999999999Z */

static struct target_name name;
static char why[TARGET_WHY_MOST];
static char text[TARGET_NAME_MOST];

static struct endpoint endpoint_of(const char *address)
{
    struct endpoint endpoint = {.port = 2055};
    assert_true(address_parse(address, &endpoint.address));
    return endpoint;
}

static void assert_name(const char *pattern, enum target_rules rules, const char *exporter, const char *expected)
{
    struct endpoint endpoint = endpoint_of(exporter);
    if (target_name_init(&name, pattern, "default", rules, why) < 0)
        fail_msg("%s: %s", pattern, why);
    for (int i = 0; i < 2; i++) { /* anew, and as it was kept */
        memset(text, '#', sizeof text);
        assert_int_equal(target_name_render(&name, WHEN_NS, DOCUMENT_FLOW, &endpoint, text), strlen(expected));
        assert_string_equal(text, expected);
    }
}

static void assert_refused(const char *pattern, enum target_rules rules, const char *reason)
{
    *why = '\0';
    if (target_name_init(&name, pattern, "default", rules, why) == 0)
        fail_msg("%s was taken", pattern);
    if (!strstr(why, reason))
        fail_msg("%s: \"%s\" says nothing of \"%s\"", pattern, why, reason);
}

static void test_patterns(void **state)
{
    assert_name("flows", TARGET_TOPIC, "192.0.2.1", "flows");
    assert_name("weir.%{kind}.%{namespace}-%Y.%m.%d", TARGET_TOPIC, "192.0.2.1", "weir.flows.default-2026.12.31");
    assert_name("f_%{exporter}", TARGET_TOPIC, "192.0.2.1", "f_192.0.2.1");
    assert_name("f_%{exporter}", TARGET_TOPIC, "2001:db8::1", "f_2001-db8--1");
    assert_name("%{exporter}", TARGET_TOPIC, "::1", "--1");
    assert_name("logs-netflow.log-%{namespace}", TARGET_INDEX, "192.0.2.1", "logs-netflow.log-default");
    assert_name("flows-%{exporter}-%G.w%V", TARGET_INDEX, "fe80::1", "flows-fe80--1-2026.w53");
    assert_name("a%%b", TARGET_INDEX, "192.0.2.1", "a%b");
}

static void test_refusals(void **state)
{
    assert_refused("", TARGET_TOPIC, "empty");
    assert_refused("flows %d", TARGET_TOPIC, "' '");
    assert_refused("flows-%T", TARGET_TOPIC, "':'");
    assert_refused("a%%b", TARGET_TOPIC, "'%'");
    assert_refused("flows-%Q", TARGET_TOPIC, "%Q");
    assert_refused("flows-%s", TARGET_TOPIC, "%s");
    assert_refused("flows%", TARGET_TOPIC, "%");
    assert_refused("flows-%{exporters}", TARGET_TOPIC, "%{exporter");
    assert_refused("flows-%{", TARGET_TOPIC, "%{");
    assert_refused("flows\n", TARGET_TOPIC, "control");
    assert_refused("..", TARGET_TOPIC, "folder");
    assert_refused("Flows", TARGET_INDEX, "'F'");
    assert_refused("flows-%B", TARGET_INDEX, "cannot"); /* January */
    assert_refused("_flows", TARGET_INDEX, "begins");
    assert_refused("%{exporter}", TARGET_INDEX, "begins"); /* ::1 */
    assert_refused("a,b", TARGET_INDEX, "','");
}

static void test_lengths(void **state)
{
    char pattern[600];
    memset(pattern, 'a', sizeof pattern);
    pattern[249] = '\0';
    assert_name(pattern, TARGET_TOPIC, "192.0.2.1", pattern);
    pattern[249] = 'a';
    pattern[250] = '\0';
    assert_refused(pattern, TARGET_TOPIC, "longer");
    pattern[250] = 'a';
    pattern[260] = '\0';
    assert_refused(pattern, TARGET_INDEX, "long");
    pattern[260] = 'a';
    pattern[599] = '\0';
    assert_refused(pattern, TARGET_TOPIC, "longer");
    strcpy(pattern + 220, "%{exporter}"); /* would fit for some exporters, and not for others */
    assert_refused(pattern, TARGET_TOPIC, "long");
    memset(pattern, 'a', sizeof pattern);
    strcpy(pattern + 241, "%A"); /* Wednesday has 9 letters, Friday 6 */
    assert_refused(pattern, TARGET_TOPIC, "longer");
}

static void test_namespace_is_text(void **state)
{
    assert_int_equal(target_name_init(&name, "x-%{namespace}", "50%y", TARGET_INDEX, why), 0);
    target_name_render(&name, WHEN_NS, DOCUMENT_FLOW, NULL, text);
    assert_string_equal(text, "x-50%y");
    assert_int_equal(target_name_init(&name, "x-%{namespace}", "a:b", TARGET_INDEX, why), -EINVAL);
}

/* What was kept is used for what it stands for alone. */
static void test_changes(void **state)
{
    struct endpoint one = endpoint_of("192.0.2.1"), other = endpoint_of("192.0.2.2");
    assert_int_equal(target_name_init(&name, "%{kind}-%{exporter}-%H%M%S", "", TARGET_TOPIC, why), 0);
    assert_true(name.by_exporter && name.by_kind && name.by_time);
    target_name_render(&name, WHEN_NS, DOCUMENT_FLOW, &one, text);
    assert_string_equal(text, "flows-192.0.2.1-235959");
    target_name_render(&name, WHEN_NS, DOCUMENT_FLOW, &other, text);
    assert_string_equal(text, "flows-192.0.2.2-235959");
    target_name_render(&name, WHEN_NS + 1, DOCUMENT_FLOW, &other, text);
    assert_string_equal(text, "flows-192.0.2.2-000000");
    target_name_render(&name, WHEN_NS + 1, DOCUMENT_OPTIONS, &other, text);
    assert_string_equal(text, "options-192.0.2.2-000000");
    target_name_render(&name, -1, DOCUMENT_OPTIONS, &other, text);
    assert_string_equal(text, "options-192.0.2.2-235959");
    assert_int_equal(target_name_init(&name, "flows", "", TARGET_TOPIC, why), 0);
    assert_false(name.by_exporter || name.by_kind || name.by_time);
    assert_int_equal(target_name_render(&name, WHEN_NS, DOCUMENT_FLOW, NULL, text), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns), cmocka_unit_test(test_refusals),          cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_changes),  cmocka_unit_test(test_namespace_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
