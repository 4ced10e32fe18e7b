/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The sink against a real server, where there is one: WEIR_ELASTIC is its URL; WEIR_ELASTIC_USER, WEIR_ELASTIC_PASSWORD
 * and WEIR_ELASTIC_CA where it wants them. Data streams called logs-weirtest.* are left behind.
 */
#include "elastic_fixture.h"

#include <signal.h>
#include <unistd.h>

#include <jansson.h>

#include "export/elastic/http.h"

#define BATCHES   20
#define DOCUMENTS 250

static const char template_body[] =
    "{\"index_patterns\":[\"logs-weirtest.*\"],\"priority\":700,\"data_stream\":{},\"template\":{\"settings\":"
    "{\"number_of_replicas\":0},\"mappings\":{\"properties\":{\"@timestamp\":{\"type\":\"date\"},"
    "\"n\":{\"type\":\"long\"},\"source\":{\"properties\":{\"ip\":{\"type\":\"ip\"}}}}}}}";

static char *hosts[1];
static struct output_config output;
static char index_name[64];
static uint32_t run_number;

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

static void request(const char *path, const char *body, struct http_answer *answer)
{
    assert_int_equal(http_request(&output, hosts[0], path, body, answer), 0);
    assert_in_range(answer->status, 200, 299);
}

static void output_make(void **state)
{
    struct http_answer answer;
    hosts[0] = (char *)variable("WEIR_ELASTIC");
    if (!*hosts[0])
        skip();
    output = test_output(hosts, 1);
    output.username = (char *)variable("WEIR_ELASTIC_USER");
    output.password = (char *)variable("WEIR_ELASTIC_PASSWORD");
    output.tls.ca = (char *)variable("WEIR_ELASTIC_CA");
    snprintf(index_name, sizeof index_name, "logs-weirtest.%d.%u-%%{namespace}", (int)getpid(), run_number++);
    output.elastic.index = index_name;
    request("/_index_template/weirtest", template_body, &answer);
    free(answer.body);
}

static uint64_t documents_there(void)
{
    char path[128];
    struct http_answer answer;
    int length = (int)strcspn(index_name, "%");
    snprintf(path, sizeof path, "/%.*sdefault/_refresh", length, index_name);
    request(path, NULL, &answer);
    free(answer.body);
    snprintf(path, sizeof path, "/%.*sdefault/_count", length, index_name);
    request(path, NULL, &answer);
    json_t *root = json_loads(answer.body, 0, NULL);
    uint64_t count = (uint64_t)json_integer_value(json_object_get(root, "count"));
    json_decref(root);
    free(answer.body);
    return count;
}

/* Every 50th document cannot be mapped, when there are to be such. */
static struct test_batch *make_batch(uint32_t number, bool bad)
{
    char document[256];
    struct test_batch *test = test_batch_new(DOCUMENTS);
    for (uint32_t i = 0; i < DOCUMENTS; i++) {
        snprintf(document, sizeof document,
                 "{\"@timestamp\":\"2026-01-01T00:00:00.%03uZ\",\"n\":%u,\"source\":{\"ip\":\"%s\"}}", i,
                 number * DOCUMENTS + i, bad && i % 50 == 7 ? "no address" : "192.0.2.1");
        test_batch_add(test, 0, document);
        test->batch.ids[i] = (struct document_id){{number, i}};
    }
    return test;
}

struct sums {
    uint32_t delivered, refused, failed;
};

/* Sends the batches as the output's thread does; all of them come back. */
static struct sums send_batches(struct test_batch **tests)
{
    static struct config config;
    static struct counters counters;
    struct sums sums = {0};
    struct sink sink = {.ops = &sink_elastic, .config = &config, .output = &output, .counters = &counters,
                        .wait_fd = -1, .due_ns = INT64_MAX};
    struct completion completions[SINK_BATCHES_MOST];
    assert_int_equal(sink.ops->open(&sink), 0);
    for (int i = 0; i < BATCHES; i++)
        assert_int_equal(sink.ops->submit(&sink, &tests[i]->batch), 0);
    int64_t deadline = clock_steady_ns() + 60 * NS_PER_S;
    for (int back = 0; back < BATCHES;) {
        int count = sink.ops->poll(&sink, completions, SINK_BATCHES_MOST, 100);
        for (int i = 0; i < count; i++, back++) {
            const struct batch *batch = completions[i].batch;
            sums.refused += batch->refused;
            sums.failed += batch->failed;
            sums.delivered += batch->count - batch->refused - batch->failed;
        }
        assert_true(clock_steady_ns() < deadline);
    }
    sink.ops->close(&sink);
    return sums;
}

static void make_batches(struct test_batch **tests, bool bad)
{
    for (uint32_t i = 0; i < BATCHES; i++)
        tests[i] = make_batch(i, bad);
}

static void free_batches(struct test_batch **tests)
{
    for (uint32_t i = 0; i < BATCHES; i++)
        test_batch_free(tests[i]);
}

static void test_delivered(void **state)
{
    struct test_batch *tests[BATCHES];
    output_make(state);
    for (int gzip = 0; gzip < 2; gzip++) {
        output.compression = gzip ? COMPRESSION_GZIP : COMPRESSION_NONE;
        output.elastic.bulk_size = gzip ? 5 << 20 : 65536;
        make_batches(tests, false);
        struct sums sums = send_batches(tests);
        assert_int_equal(sums.delivered, BATCHES * DOCUMENTS);
        assert_int_equal(documents_there(), (1 + (uint64_t)gzip) * BATCHES * DOCUMENTS);
        free_batches(tests);
    }
}

static void test_twice_with_ids(void **state)
{
    struct test_batch *tests[BATCHES];
    output_make(state);
    output.elastic.ids = true;
    for (int again = 0; again < 2; again++) {
        make_batches(tests, false);
        struct sums sums = send_batches(tests);
        assert_int_equal(sums.delivered, BATCHES * DOCUMENTS);
        assert_int_equal(documents_there(), BATCHES * DOCUMENTS);
        free_batches(tests);
    }
}

static void test_refused(void **state)
{
    struct test_batch *tests[BATCHES];
    char path[] = "/tmp/weir-test-XXXXXX";
    output_make(state);
    int fd = mkstemp(path);
    output.elastic.dead_letter = path;
    make_batches(tests, true);
    struct sums sums = send_batches(tests);
    assert_int_equal(sums.refused, BATCHES * DOCUMENTS / 50);
    assert_int_equal(sums.delivered, BATCHES * DOCUMENTS * 49 / 50);
    assert_int_equal(documents_there(), sums.delivered);
    for (uint32_t i = 0; i < BATCHES; i++)
        for (uint32_t k = 0; k < DOCUMENTS; k++)
            assert_int_equal(batch_verdict(&tests[i]->batch, k), k % 50 == 7 ? VERDICT_REFUSED : VERDICT_DELIVERED);
    free_batches(tests);
    FILE *file = fdopen(fd, "r");
    char *line = NULL;
    size_t room = 0;
    uint32_t lines = 0;
    for (; getline(&line, &room, file) > 0; lines++)
        assert_non_null(strstr(line, "no address"));
    assert_int_equal(lines, sums.refused);
    free(line);
    fclose(file);
    unlink(path);
}

/* An ingest pipeline that is not there: the documents are kept, for somebody may make it. */
static void test_no_pipeline(void **state)
{
    struct test_batch *tests[BATCHES];
    struct config config = {0};
    struct counters counters = {0};
    struct completion completions[1];
    output_make(state);
    output.elastic.pipeline = "weirtest-none";
    make_batches(tests, false);
    struct sink sink = {.ops = &sink_elastic, .config = &config, .output = &output, .counters = &counters,
                        .wait_fd = -1, .due_ns = INT64_MAX};
    assert_int_equal(sink.ops->open(&sink), 0);
    assert_int_equal(sink.ops->submit(&sink, &tests[0]->batch), 0);
    assert_int_equal(sink.ops->flush(&sink, 3000), -ETIMEDOUT);
    assert_int_equal(sink.ops->poll(&sink, completions, 1, 0), 1);
    assert_int_equal(tests[0]->batch.failed, DOCUMENTS);
    sink.ops->close(&sink);
    free_batches(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivered),
        cmocka_unit_test(test_twice_with_ids),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_pipeline),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
