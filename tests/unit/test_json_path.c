/* SPDX-License-Identifier: Apache-2.0 */
/* Values of documents by their path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "export/kafka/json_path.h"
#include "tests/unit/random.h"

static const char document[] =
    "{\"@timestamp\":\"2026-01-01T00:00:00.000Z\",\"tags\":[\"flow\",\"{\\\"flow\\\":{\\\"id\\\":1}}\"],"
    "\"flow\":{\"ids\":\"no\",\"id\":\"BPnhPi5AxQI\",\"locality\":\"external\"},"
    "\"source\":{\"ip\":\"10.2.92.193\",\"port\":443,\"geo\":{\"location\":[{\"lat\":1.5}]},\"mac\":null,\"name\":\"\"}"
    ","
    "\"netflow\":{\"exporter\":{\"address\":\"a\\\\\\\"b\",\"source_id\":2,\"version\":-9.5e3},\"sampled\":true},"
    "\"labels.site\":\"x\",\"labels\":{\"rack.row\":7},\"event\":{\"id\":\"\\\\\"}}";

static void assert_found(const char *path, const char *expected)
{
    struct json_value value = json_path_find((const uint8_t *)document, sizeof document - 1, path);
    if (!value.text)
        fail_msg("no %s", path);
    assert_int_equal(value.size_bytes, strlen(expected));
    assert_memory_equal(value.text, expected, value.size_bytes);
}

static void assert_absent(const char *path)
{
    assert_null(json_path_find((const uint8_t *)document, sizeof document - 1, path).text);
}

static void test_scalars(void **state)
{
    assert_found("@timestamp", "2026-01-01T00:00:00.000Z");
    assert_found("flow.id", "BPnhPi5AxQI");
    assert_found("source.ip", "10.2.92.193");
    assert_found("source.port", "443");
    assert_found("netflow.exporter.source_id", "2");
    assert_found("netflow.exporter.version", "-9.5e3");
    assert_found("netflow.exporter.address", "a\\\\\\\"b");
    assert_found("netflow.sampled", "true");
    assert_found("labels.site", "x");
    assert_found("labels.rack.row", "7");
    assert_found("event.id", "\\\\");
}

static void test_absent(void **state)
{
    static const char *const paths[] = {"flow",
                                        "tags",
                                        "source.geo",
                                        "source.geo.location",
                                        "source.mac",
                                        "source.name",
                                        "source.ip.x",
                                        "id",
                                        "flow.i",
                                        "flow.id.",
                                        "",
                                        ".",
                                        "netflow.source_id",
                                        "lat"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_absent(paths[i]);
}

static void test_blanks(void **state)
{
    static const char loose[] = " {\n \"a\" : { \"b\" :\t[ 1 , { } ] , \"c\" : 12 } , \"d\" : \"e\" }  ";
    struct json_value value = json_path_find((const uint8_t *)loose, sizeof loose - 1, "a.c");
    assert_int_equal(value.size_bytes, 2);
    assert_memory_equal(value.text, "12", 2);
    value = json_path_find((const uint8_t *)loose, sizeof loose - 1, "d");
    assert_memory_equal(value.text, "e", 1);
}

/* Whatever the bytes are, what is found lies inside of them: they stand in memory of just their size. */
static void look_in(const uint8_t *bytes, size_t size_bytes)
{
    uint8_t *copy = malloc(size_bytes ? size_bytes : 1);
    memcpy(copy, bytes, size_bytes);
    static const char *const paths[] = {"flow.id", "netflow.exporter.source_id", "event.id"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct json_value value = json_path_find(copy, size_bytes, paths[i]);
        if (value.text)
            assert_true(value.text >= copy && value.size_bytes && value.text + value.size_bytes <= copy + size_bytes);
    }
    free(copy);
}

static void test_any_bytes(void **state)
{
    uint64_t random = 1;
    uint8_t bytes[sizeof document];
    for (size_t size = 0; size < sizeof document; size++)
        look_in((const uint8_t *)document, size);
    for (int i = 0; i < 20000; i++) {
        memcpy(bytes, document, sizeof bytes);
        for (uint32_t change = random_below(&random, 6); change < 6; change++)
            bytes[random_below(&random, sizeof bytes)] = (uint8_t) "\"{}[]:,\\\0x"[random_below(&random, 10)];
        look_in(bytes, random_below(&random, sizeof bytes));
    }
}

static void test_paths(void **state)
{
    assert_true(json_path_valid("flow.id"));
    assert_true(json_path_valid("@timestamp"));
    assert_true(json_path_valid("netflow.exporter.source_id"));
    assert_false(json_path_valid(""));
    assert_false(json_path_valid("flow."));
    assert_false(json_path_valid(".id"));
    assert_false(json_path_valid("flow..id"));
    assert_false(json_path_valid("flow id"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),   cmocka_unit_test(test_absent), cmocka_unit_test(test_blanks),
        cmocka_unit_test(test_any_bytes), cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
