/* SPDX-License-Identifier: Apache-2.0 */

/* The sink against servers that misbehave: every document gets one verdict, the right one, and no batch is lost. */
#include "elastic_fixture.h"

#include "elastic_script.h"

#include <signal.h>

#include "base/counter.h"

#define DOCUMENTS 64

struct run {
    struct output_config output;
    struct config config;
    struct counters counters;
    struct sink sink;
    char *hosts[4];
    uint32_t completed;  /* batches */
    uint32_t delivered, refused, failed; /* documents */
};

static void run_open(struct run *run, const char *one, const char *other)
{
    memset(run, 0, sizeof *run);
    run->hosts[0] = (char *)one;
    run->hosts[1] = (char *)other;
    run->output = test_output(run->hosts, other ? 2 : 1);
    run->output.compression = COMPRESSION_NONE;
    run->output.elastic.connections = 2;
    run->output.elastic.timeout = 5 * NS_PER_S;
    run->sink = (struct sink){.ops = &sink_elastic,
                              .config = &run->config,
                              .output = &run->output,
                              .counters = &run->counters,
                              .wait_fd = -1,
                              .due_ns = INT64_MAX};
}

static void run_start(struct run *run)
{
    assert_int_equal(run->sink.ops->open(&run->sink), 0);
}

static void run_fetch(struct run *run)
{
    struct completion completions[SINK_BATCHES_MOST];
    int count = run->sink.ops->poll(&run->sink, completions, SINK_BATCHES_MOST, 0);
    for (int i = 0; i < count; i++) {
        struct batch *batch = completions[i].batch;
        run->completed++;
        run->refused += batch->refused;
        run->failed += batch->failed;
        run->delivered += batch->count - batch->refused - batch->failed;
    }
}

/* Polls as the output's thread does until so many batches are back. */
static void run_until(struct run *run, uint32_t batches)
{
    int64_t deadline = clock_steady_ns() + 30 * NS_PER_S;
    while (run->completed < batches) {
        run_fetch(run);
        assert_true(clock_steady_ns() < deadline);
        if (run->completed < batches)
            sink_wait(&run->sink, 1000);
    }
}

static void assert_run(const struct run *run, uint32_t delivered, uint32_t refused, uint32_t failed)
{
    assert_int_equal(run->delivered, delivered);
    assert_int_equal(run->refused, refused);
    assert_int_equal(run->failed, failed);
}

static uint64_t counted(const struct run *run, enum counter counter)
{
    return counter_read(&run->counters.value[counter]);
}

static struct script script;

static int answer_clean(struct script *self, const struct script_request *request, char *answer)
{
    strcpy(answer, "{\"errors\":false}");
    return 200;
}

static void assert_each_once(const struct script *self, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++)
        assert_int_equal(self->seen[i], 1);
}

/* ---- documents at fault ---- */

static int answer_400_to_poison(struct script *self, const struct script_request *request, char *answer)
{
    if (!strstr(request->body, "poison"))
        return answer_clean(self, request, answer);
    strcpy(answer, "{\"error\":{\"type\":\"parse_exception\",\"reason\":\"a test\"},\"status\":400}");
    return 400;
}

static void test_400_finds_the_document(void **state)
{
    struct run run;
    struct test_batch *test = test_batch_new(DOCUMENTS);
    test_batch_fill(test, 0, 17);
    test_batch_add(test, 0, "{\"n\":17,\"poison\":1}");
    test_batch_fill(test, 0, 22);
    test_batch_add(test, 0, "{\"n\":40,\"poison\":1}");
    test_batch_fill(test, 0, 23);
    script_start(&script, answer_400_to_poison);
    run_open(&run, script.url, NULL);
    run_start(&run);
    assert_int_equal(run.sink.ops->submit(&run.sink, &test->batch), 0);
    run_until(&run, 1);
    assert_run(&run, DOCUMENTS - 2, 2, 0);
    for (uint32_t i = 0; i < DOCUMENTS; i++) {
        bool poison = i == 17 || i == 40;
        assert_int_equal(batch_verdict(&test->batch, i), poison ? VERDICT_REFUSED : VERDICT_DELIVERED);
        assert_int_equal(script.seen[i], poison ? 0 : 1);
    }
    run.sink.ops->close(&run.sink);
    script_stop(&script);
    test_batch_free(test);
}

static int answer_400(struct script *self, const struct script_request *request, char *answer)
{
    return 400;
}

/* A server that takes nothing at all proves nothing against any document. */
static void test_400_to_everything(void **state)
{
    struct run run;
    struct test_batch *test = test_batch_new(DOCUMENTS);
    test_batch_fill(test, 0, DOCUMENTS);
    script_start(&script, answer_400);
    run_open(&run, script.url, NULL);
    run_start(&run);
    assert_int_equal(run.sink.ops->submit(&run.sink, &test->batch), 0);
    assert_int_equal(run.sink.ops->flush(&run.sink, 700), -ETIMEDOUT);
    run_until(&run, 1);
    assert_run(&run, 0, 0, DOCUMENTS);
    assert_in_range(script.requests, 1, 100);
    run.sink.ops->close(&run.sink);
    script_stop(&script);
    test_batch_free(test);
}

static int answer_413(struct script *self, const struct script_request *request, char *answer)
{
    return request->documents > 5 || strstr(request->body, "large") ? 413 : answer_clean(self, request, answer);
}

static void test_413_splits(void **state)
{
    struct run run;
    struct test_batch *test = test_batch_new(DOCUMENTS);
    test_batch_add(test, 0, "{\"n\":0,\"large\":1}");
    test_batch_fill(test, 0, DOCUMENTS - 1);
    script_start(&script, answer_413);
    run_open(&run, script.url, NULL);
    run_start(&run);
    assert_int_equal(run.sink.ops->submit(&run.sink, &test->batch), 0);
    run_until(&run, 1);
    assert_run(&run, DOCUMENTS - 1, 1, 0);
    assert_each_once(&script, 1, DOCUMENTS);
    run.sink.ops->close(&run.sink);
    script_stop(&script);
    test_batch_free(test);
}

/* Odd documents are put off twice, every 16th one is refused, one in 16 was there already. */
static int answer_items(struct script *self, const struct script_request *request, char *answer)
{
    size_t length = (size_t)sprintf(answer, "{\"errors\":true,\"items\":[");
    uint32_t index = 0;
    for (const char *at = request->body; (at = strstr(at, "{\"n\":")); at++, index++) {
        uint32_t n = (uint32_t)strtoul(at + 5, NULL, 10);
        uint32_t status = n % 16 == 4 ? 400 : n % 16 == 8 ? 409 : n % 2 && self->seen[n] < 2 ? 429 : 201;
        self->seen[n]++;
        length += (size_t)sprintf(answer + length, "%s{\"create\":{\"status\":%u%s}}", index ? "," : "", status,
                                  status < 300 ? "" : ",\"error\":{\"type\":\"t\",\"reason\":\"r\"}");
    }
    strcpy(answer + length, "]}");
    return 200;
}

static void test_items(void **state)
{
    struct run run;
    struct test_batch *test = test_batch_new(DOCUMENTS);
    test_batch_fill(test, 0, DOCUMENTS);
    for (int ids = 0; ids < 2; ids++) {
        script_start(&script, answer_items);
        run_open(&run, script.url, NULL);
        run.output.elastic.ids = ids;
        run_start(&run);
        batch_judge_from(&test->batch, 0, VERDICT_DELIVERED);
        assert_int_equal(run.sink.ops->submit(&run.sink, &test->batch), 0);
        run_until(&run, 1);
        uint32_t refused = ids ? DOCUMENTS / 16 : DOCUMENTS / 8;
        assert_run(&run, DOCUMENTS - refused, refused, 0);
        for (uint32_t i = 0; i < DOCUMENTS; i++) {
            bool wanted = i % 16 != 4 && (ids || i % 16 != 8);
            assert_int_equal(batch_verdict(&test->batch, i), wanted ? VERDICT_DELIVERED : VERDICT_REFUSED);
            assert_int_equal(script.seen[i], i % 2 ? 3 : 1);
        }
        assert_int_equal(counted(&run, COUNTER_output_requests), 3);
        assert_int_equal(counted(&run, COUNTER_output_retries), DOCUMENTS);
        run.sink.ops->close(&run.sink);
        script_stop(&script);
        batch_rejudge(&test->batch, VERDICT_REFUSED, VERDICT_DELIVERED);
    }
    test_batch_free(test);
}

/* ---- servers at fault ---- */

static int garbage; /* which one */

static int answer_garbage_first(struct script *self, const struct script_request *request, char *answer)
{
    static const struct {
        int status;
        const char *body;
    } rows[] = {
        {200, "<html>hello</html>"},
        {200, ""},
        {200, "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}}]}"},
        {200, "{\"errors\":true,\"items\":["},
        {200, "{\"took\":1}"},
        {204, ""},
        {301, ""},
        {401, "{}"},
        {403, "{\"error\":{\"type\":\"security_exception\",\"reason\":\"a test\"}}"},
        {404, "[]"},
        {500, "{\"error\":\"a test\"}"},
        {503, "busy"},
        {0, ""},
    };
    if (request->number)
        return answer_clean(self, request, answer);
    strcpy(answer, rows[garbage].body);
    self->endless = garbage == 4;
    return rows[garbage].status;
}

/* Whatever it was, the documents are sent again. */
static void test_garbage(void **state)
{
    struct run run;
    for (garbage = 0; garbage < 13; garbage++) {
        struct test_batch *test = test_batch_new(DOCUMENTS);
        test_batch_fill(test, 0, DOCUMENTS);
        script_start(&script, answer_garbage_first);
        run_open(&run, script.url, NULL);
        run_start(&run);
        assert_int_equal(run.sink.ops->submit(&run.sink, &test->batch), 0);
        run_until(&run, 1);
        assert_run(&run, DOCUMENTS, 0, 0);
        assert_each_once(&script, 0, DOCUMENTS);
        assert_int_equal(counted(&run, COUNTER_output_write_errors), 1);
        assert_int_equal(counted(&run, COUNTER_output_bytes), test->batch.size_bytes);
        run.sink.ops->close(&run.sink);
        script_stop(&script);
        test_batch_free(test);
    }
}

static int answer_never(struct script *self, const struct script_request *request, char *answer)
{
    return -1;
}

/* Of two hosts one is gone, or does not answer: all goes to the other, soon. */
static void test_dead_host(void **state)
{
    static struct script silent;
    struct run run;
    struct test_batch *tests[8];
    script_start(&script, answer_clean);
    script_start(&silent, answer_never);
    for (int dead = 0; dead < 2; dead++) {
        run_open(&run, dead ? "http://127.0.0.1:1" : silent.url, script.url);
        run.output.elastic.timeout = 500 * NS_PER_MS;
        run_start(&run);
        for (int i = 0; i < 8; i++) {
            tests[i] = test_batch_new(DOCUMENTS);
            test_batch_fill(tests[i], 0, DOCUMENTS);
            assert_int_equal(run.sink.ops->submit(&run.sink, &tests[i]->batch), 0);
            run_fetch(&run);
        }
        run_until(&run, 8);
        assert_run(&run, 8 * DOCUMENTS, 0, 0);
        run.sink.ops->close(&run.sink);
        for (int i = 0; i < 8; i++)
            test_batch_free(tests[i]);
    }
    script_stop(&script);
    script_stop(&silent);
}

/* Time is up with requests under way, jobs that wait and batches that nothing had. */
static void test_flush_gives_up(void **state)
{
    struct run run;
    struct test_batch *tests[SINK_BATCHES_MOST + 1];
    script_start(&script, answer_never);
    run_open(&run, script.url, NULL);
    run.output.elastic.bulk_size = 65536;
    run_start(&run);
    for (int i = 0; i <= SINK_BATCHES_MOST; i++) {
        tests[i] = test_batch_new(DOCUMENTS);
        test_batch_fill(tests[i], 0, i % 2 ? DOCUMENTS : 1);
        int expected = i < SINK_BATCHES_MOST ? 0 : -EAGAIN;
        assert_int_equal(run.sink.ops->submit(&run.sink, &tests[i]->batch), expected);
        run_fetch(&run);
    }
    assert_int_equal(run.completed, 0);
    int64_t begin = clock_steady_ns();
    assert_int_equal(run.sink.ops->flush(&run.sink, 300), -ETIMEDOUT);
    assert_in_range(clock_steady_ns() - begin, 290 * NS_PER_MS, 2 * NS_PER_S);
    run_until(&run, SINK_BATCHES_MOST);
    assert_run(&run, 0, 0, SINK_BATCHES_MOST / 2 * (DOCUMENTS + 1));
    assert_int_equal(run.sink.ops->flush(&run.sink, 300), 0); /* there is nothing left */
    run.sink.ops->close(&run.sink);
    script_stop(&script);
    for (int i = 0; i <= SINK_BATCHES_MOST; i++)
        test_batch_free(tests[i]);
}

static void test_empty_batch(void **state)
{
    struct run run;
    struct test_batch *test = test_batch_new(1);
    script_start(&script, answer_clean);
    run_open(&run, script.url, NULL);
    run_start(&run);
    assert_int_equal(run.sink.ops->submit(&run.sink, &test->batch), 0);
    run_until(&run, 1);
    assert_int_equal(script.requests, 0);
    run.sink.ops->close(&run.sink);
    script_stop(&script);
    test_batch_free(test);
}

static int answer_by_exporter(struct script *self, const struct script_request *request, char *answer)
{
    bool one = strstr(request->path, "/prefix/flows-192.0.2.1/_bulk?");
    bool two = strstr(request->path, "/prefix/flows-192.0.2.2/_bulk?");
    assert_true(one || two);
    assert_true(strstr(request->path, "&pipeline=a%2Fb") != NULL);
    assert_int_equal(request->documents, one ? 30 : 20);
    return answer_clean(self, request, answer);
}

/* Twenty runs of two exporters in a batch are two requests. */
static void test_request_an_index(void **state)
{
    struct run run;
    char url[128];
    struct test_batch *test = test_batch_new(DOCUMENTS);
    for (int i = 0; i < 10; i++) {
        test_batch_fill(test, 1, 3);
        test_batch_fill(test, 2, 2);
    }
    script_start(&script, answer_by_exporter);
    snprintf(url, sizeof url, "%s/prefix/", script.url);
    run_open(&run, url, NULL);
    run.output.elastic.index = "flows-%{exporter}";
    run.output.elastic.pipeline = "a/b";
    run_start(&run);
    assert_int_equal(run.sink.ops->submit(&run.sink, &test->batch), 0);
    run_until(&run, 1);
    assert_run(&run, 50, 0, 0);
    assert_int_equal(script.requests, 2);
    assert_each_once(&script, 0, 50);
    run.sink.ops->close(&run.sink);
    script_stop(&script);
    test_batch_free(test);
}

static void test_wrong_options(void **state)
{
    struct run run;
    run_open(&run, "http://127.0.0.1:1", NULL);
    run.output.elastic.hosts.count = 0;
    assert_int_equal(run.sink.ops->open(&run.sink), -EINVAL);
    run_open(&run, "http://127.0.0.1:1", NULL);
    run.output.tls.ca_fingerprint = "00:11";
    assert_int_equal(run.sink.ops->open(&run.sink), -EINVAL);
    run_open(&run, "http://127.0.0.1:1", NULL);
    run.output.elastic.index = "Flows \"%{what}";
    assert_int_equal(run.sink.ops->open(&run.sink), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_400_finds_the_document),
        cmocka_unit_test(test_400_to_everything),
        cmocka_unit_test(test_413_splits),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_dead_host),
        cmocka_unit_test(test_flush_gives_up),
        cmocka_unit_test(test_empty_batch),
        cmocka_unit_test(test_request_an_index),
        cmocka_unit_test(test_wrong_options),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
