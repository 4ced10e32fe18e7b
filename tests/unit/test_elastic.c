/* SPDX-License-Identifier: Apache-2.0 */

/* Bodies of bulk requests, and the documents' way through targets and jobs. */
#include "elastic_fixture.h"

#include <isa-l.h>

#include "base/text.h"
#include "export/elastic/bulk_body.h"
#include "export/elastic/job.h"
#include "export/elastic/hosts.h"

#define BODY_MOST (1 << 20)

/* Reads a whole body in pieces of so many bytes. */
static size_t read_body(const struct bulk_run *runs, uint32_t count, bool ids, size_t piece, char *body)
{
    struct bulk_reader reader;
    size_t size = 0, part;
    bulk_reader_begin(&reader, runs, count, ids);
    while ((part = bulk_reader_read(&reader, body + size, piece)))
        size += part;
    assert_int_equal(bulk_reader_read(&reader, body + size, piece), 0);
    return size;
}

static void test_body_of_runs(void **state)
{
    static const char expected[] = "{\"create\":{}}\n{\"a\":2}\n{\"create\":{}}\n{\"a\":3}\n"
                                   "{\"create\":{}}\n{\"b\":1}\n";
    char body[256];
    struct test_batch *one = test_batch_new(8), *other = test_batch_new(8);
    test_batch_add(one, 0, "{\"a\":1}");
    test_batch_add(one, 0, "{\"a\":2}");
    test_batch_add(one, 0, "{\"a\":3}");
    test_batch_add(other, 0, "{\"b\":1}");
    struct bulk_run runs[] = {{&one->batch, 1, 2}, {&other->batch, 0, 1}};
    for (size_t piece = 1; piece < sizeof expected + 5; piece++) {
        size_t size = read_body(runs, 2, false, piece, body);
        assert_int_equal(size, sizeof expected - 1);
        assert_memory_equal(body, expected, size);
    }
    assert_int_equal(bulk_run_bytes(&runs[0], false) + bulk_run_bytes(&runs[1], false), sizeof expected - 1);
    assert_int_equal(bulk_document_bytes(&one->batch, 1, false), 22);
    test_batch_free(one);
    test_batch_free(other);
}

static void test_body_with_ids(void **state)
{
    char body[512];
    struct test_batch *test = test_batch_new(8);
    test_batch_add(test, 0, "{\"a\":1}");
    test_batch_add(test, 0, "{\"a\":2}");
    test->batch.ids[0] = (struct document_id){{0, 1}};
    test->batch.ids[1] = (struct document_id){{UINT64_MAX, 0x0123456789abcdef}};
    struct bulk_run run = {&test->batch, 0, 2};
    static const char expected[] = "{\"create\":{\"_id\":\"AAAAAAAAAAAAAAAAAAAAAE\"}}\n{\"a\":1}\n"
                                   "{\"create\":{\"_id\":\"__________8ASNFZ4mrze8\"}}\n{\"a\":2}\n";
    for (size_t piece = 1; piece < sizeof expected + 5; piece++) {
        size_t size = read_body(&run, 1, true, piece, body);
        assert_int_equal(size, sizeof expected - 1);
        assert_memory_equal(body, expected, size);
    }
    assert_int_equal(bulk_run_bytes(&run, true), sizeof expected - 1);
    test_batch_free(test);
}

static void unpack(const uint8_t *packed, size_t size, char *out, size_t expected)
{
    struct inflate_state inflate;
    isal_inflate_init(&inflate);
    inflate.crc_flag = ISAL_GZIP;
    inflate.next_in = (uint8_t *)packed;
    inflate.avail_in = (uint32_t)size;
    inflate.next_out = (uint8_t *)out;
    inflate.avail_out = BODY_MOST;
    assert_int_equal(isal_inflate(&inflate), ISAL_DECOMP_OK);
    assert_int_equal(inflate.block_state, ISAL_BLOCK_FINISH);
    assert_int_equal(inflate.total_out, expected);
}

/* All levels, sizes around the stage's, documents that compress and such that do not. */
static void test_body_packed(void **state)
{
    static const uint32_t counts[] = {1, 2, 1500, 3000, 8000};
    char *body = malloc(BODY_MOST), *again = malloc(BODY_MOST);
    uint8_t *packed = NULL;
    size_t room = 0;
    for (uint32_t level = 0; level < 12; level++) {
        struct bulk_packer *packer = bulk_packer_new(level / 2);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            struct test_batch *test = test_batch_new(8000);
            test_batch_fill(test, 0, counts[i]);
            for (uint32_t k = 0; level % 2 && k < test->batch.size_bytes; k++)
                test->batch.bytes[k] = (uint8_t)rand();
            struct bulk_run run = {&test->batch, 0, counts[i]};
            struct bulk_reader reader;
            bulk_reader_begin(&reader, &run, 1, false);
            size_t size = read_body(&run, 1, false, BODY_MOST, body);
            size_t packed_size = bulk_pack(packer, &reader, size, &packed, &room);
            assert_true(packed_size > 0);
            unpack(packed, packed_size, again, size);
            assert_memory_equal(body, again, size);
            test_batch_free(test);
        }
        bulk_packer_free(packer);
    }
    free(packed);
    free(body);
    free(again);
}

static struct elastic_targets targets_of(const char *index, bool ids)
{
    struct elastic_targets targets;
    struct output_config output = test_output(NULL, 0);
    output.elastic.index = (char *)index;
    output.elastic.ids = ids;
    assert_int_equal(elastic_targets_init(&targets, &output), 0);
    return targets;
}

/* All documents of a job, as "n" in order. */
static void assert_documents(const struct elastic_job *job, const struct batch *batch, uint32_t first, uint32_t count)
{
    struct elastic_walk walk = {0};
    uint64_t bytes = 0;
    assert_int_equal(job->documents, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(elastic_walk_next(&walk, job));
        assert_ptr_equal(walk.batch, batch);
        assert_int_equal(walk.document, first + i);
        bytes += bulk_document_bytes(walk.batch, walk.document, false);
    }
    assert_false(elastic_walk_next(&walk, job));
    assert_int_equal(job->bytes, bytes);
}

static void test_jobs_by_size(void **state)
{
    struct elastic_targets targets = targets_of("flows", false);
    struct test_batch *test = test_batch_new(100);
    test_batch_fill(test, 0, 100);
    assert_false(elastic_targets_waiting(&targets));
    assert_null(elastic_targets_take(&targets, 1000));
    assert_int_equal(elastic_targets_add(&targets, &test->batch), 0);
    uint32_t documents = 0;
    while (elastic_targets_waiting(&targets)) {
        struct elastic_job *job = elastic_targets_take(&targets, 1000);
        assert_documents(job, &test->batch, documents, job->documents);
        assert_in_range(job->bytes, 1, 1000);
        documents += job->documents;
        if (documents < 100)
            assert_true(job->bytes + bulk_document_bytes(&test->batch, documents, false) > 1000);
        elastic_job_free(job);
    }
    assert_int_equal(documents, 100);
    /* a document that is larger than a request may be is one by itself */
    assert_int_equal(elastic_targets_add(&targets, &test->batch), 0);
    struct elastic_job *job = elastic_targets_take(&targets, 1);
    assert_documents(job, &test->batch, 0, 1);
    elastic_job_free(job);
    struct bulk_run run;
    assert_true(elastic_targets_pop(&targets, &run));
    assert_int_equal(run.first, 1);
    assert_int_equal(run.count, 99);
    assert_false(elastic_targets_pop(&targets, &run));
    elastic_targets_fini(&targets);
    test_batch_free(test);
}

static void test_job_of_several_batches(void **state)
{
    struct elastic_targets targets = targets_of("flows", false);
    struct test_batch *tests[10];
    for (int i = 0; i < 10; i++) {
        tests[i] = test_batch_new(20);
        test_batch_fill(tests[i], 0, 20);
        assert_int_equal(elastic_targets_add(&targets, &tests[i]->batch), 0);
    }
    struct elastic_job *job = elastic_targets_take(&targets, 1 << 20);
    assert_int_equal(job->documents, 200);
    assert_int_equal(job->run_count, 10);
    assert_false(elastic_targets_waiting(&targets));
    elastic_job_free(job);
    elastic_targets_fini(&targets);
    for (int i = 0; i < 10; i++)
        test_batch_free(tests[i]);
}

/* Exporters' documents are mixed in the batch, and each request is for one index. */
static void test_targets_by_exporter(void **state)
{
    struct elastic_targets targets = targets_of("flows-%{exporter}-%Y", false);
    struct test_batch *test = test_batch_new(90);
    for (int i = 0; i < 10; i++) {
        test_batch_fill(test, 1, 3);
        test_batch_fill(test, 2, 1);
    }
    test_batch_fill(test, 3, 1);
    uint32_t counts[4] = {0};
    assert_int_equal(elastic_targets_add(&targets, &test->batch), 0);
    for (int i = 0; i < 3; i++) {
        struct elastic_job *job = elastic_targets_take(&targets, 1 << 20);
        struct elastic_walk walk = {0};
        uint32_t exporter = 0;
        char expected[64];
        while (elastic_walk_next(&walk, job)) {
            exporter = (uint32_t)test->batch.ids[walk.document].words[0];
            snprintf(expected, sizeof expected, "flows-192.0.2.%u-2026", exporter);
            assert_string_equal(job->target->name, expected);
            counts[exporter]++;
        }
        elastic_job_free(job);
    }
    assert_false(elastic_targets_waiting(&targets));
    assert_int_equal(counts[1], 30);
    assert_int_equal(counts[2], 10);
    assert_int_equal(counts[3], 1);
    elastic_targets_fini(&targets);
    test_batch_free(test);
}

/* A name of each second: targets without documents do not pile up. */
static void test_targets_go(void **state)
{
    struct elastic_targets targets = targets_of("flows-%H%M%S", false);
    struct test_batch *test = test_batch_new(1);
    test_batch_fill(test, 0, 1);
    for (int i = 0; i < 1000; i++) {
        test->batch.sealed_ns += NS_PER_S;
        assert_int_equal(elastic_targets_add(&targets, &test->batch), 0);
        elastic_job_free(elastic_targets_take(&targets, 1 << 20));
    }
    assert_in_range(targets.count, 1, 100);
    elastic_targets_fini(&targets);
    test_batch_free(test);
}

static void test_job_parts(void **state)
{
    struct elastic_targets targets = targets_of("flows", false);
    struct test_batch *test = test_batch_new(64);
    uint8_t fates[64];
    test_batch_fill(test, 0, 64);
    assert_int_equal(elastic_targets_add(&targets, &test->batch), 0);
    struct elastic_job *job = elastic_targets_take(&targets, 1 << 20);
    for (uint32_t i = 0; i < 64; i++)
        fates[i] = i % 3 == 0 || i > 50 ? 7 : 1;
    struct elastic_job *part = elastic_job_part(job, fates, 7, false);
    struct elastic_walk walk = {0};
    uint32_t count = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < 64; i++) {
        if (fates[i] != 7)
            continue;
        assert_true(elastic_walk_next(&walk, part));
        assert_int_equal(walk.document, i);
        bytes += bulk_document_bytes(&test->batch, i, false);
        count++;
    }
    assert_false(elastic_walk_next(&walk, part));
    assert_int_equal(part->documents, count);
    assert_int_equal(part->bytes, bytes);
    assert_int_equal(part->run_count, 17 + 1);
    assert_int_equal(job->target->jobs, 2);
    elastic_job_free(part);

    struct elastic_job *one = elastic_job_slice(job, 0, 31, false), *other = elastic_job_slice(job, 31, 33, false);
    assert_documents(one, &test->batch, 0, 31);
    assert_documents(other, &test->batch, 31, 33);
    elastic_job_free(one);
    elastic_job_free(other);
    elastic_job_free(job);
    elastic_targets_fini(&targets);
    test_batch_free(test);
}

static void test_hosts(void **state)
{
    char *urls[] = {"http://one:9200/", "https://me:secret@two:9200/prefix//", "http://three"};
    struct output_config output = test_output(urls, 3);
    struct elastic_hosts hosts;
    assert_int_equal(elastic_hosts_init(&hosts, &output), 0);
    assert_string_equal(hosts.items[1].label, "https://two:9200/prefix");
    assert_int_equal(hosts.items[0].url_bytes, strlen("http://one:9200"));
    int64_t now = clock_steady_ns();
    uint32_t turns[3] = {0};
    for (int i = 0; i < 9; i++) {
        struct elastic_host *host = elastic_hosts_pick(&hosts, now);
        turns[host - hosts.items]++;
        host->in_flight++;
    }
    assert_int_equal(turns[0] + turns[1] + turns[2], 9);
    assert_int_equal(turns[0], turns[1]);
    for (int i = 0; i < 3; i++)
        hosts.items[i].in_flight = 0;

    struct elastic_failure failure = {.code = 503, .reason = "a test", .remedy = "", .started_ns = now};
    int64_t least = 0;
    for (uint32_t i = 0; i < 10; i++) {
        failure.started_ns = clock_steady_ns();
        elastic_host_failed(&hosts, &hosts.items[0], &failure);
        int64_t wait = hosts.items[0].due_ns - hosts.items[0].failed_ns;
        int64_t most = (1ll << i) * NS_PER_S < 15 * NS_PER_S ? (1ll << i) * NS_PER_S : 15 * NS_PER_S;
        assert_in_range(wait, most / 2, most);
        least = wait;
    }
    /* what was under way with the last failure is the same failure */
    failure.started_ns = now;
    elastic_host_failed(&hosts, &hosts.items[0], &failure);
    assert_int_equal(hosts.items[0].failures, 10);
    now = clock_steady_ns();
    for (int i = 0; i < 6; i++)
        assert_ptr_not_equal(elastic_hosts_pick(&hosts, now), &hosts.items[0]);
    hosts.items[1].failures = hosts.items[2].failures = 1;
    hosts.items[1].due_ns = hosts.items[2].due_ns = INT64_MAX;
    assert_null(elastic_hosts_pick(&hosts, now));
    assert_false(elastic_hosts_ready(&hosts, now));
    assert_int_equal(elastic_hosts_due(&hosts), hosts.items[0].due_ns);
    /* one request to try, not more */
    assert_ptr_equal(elastic_hosts_pick(&hosts, now + least + NS_PER_S), &hosts.items[0]);
    hosts.items[0].in_flight = 1;
    assert_null(elastic_hosts_pick(&hosts, now + least + NS_PER_S));
    elastic_host_answered(&hosts, &hosts.items[0]);
    assert_ptr_equal(elastic_hosts_pick(&hosts, now), &hosts.items[0]);
    elastic_hosts_fini(&hosts);
}

/* A busy host gets half, and then slowly more again. */
static void test_host_pressed(void **state)
{
    char *urls[] = {"http://one:9200"};
    struct output_config output = test_output(urls, 1);
    struct elastic_hosts hosts;
    output.elastic.connections = 8;
    assert_int_equal(elastic_hosts_init(&hosts, &output), 0);
    struct elastic_host *host = &hosts.items[0];
    elastic_host_press(host, clock_steady_ns());
    elastic_host_press(host, host->pressed_ns - 1); /* was under way with the other */
    assert_int_equal(host->allowed, 4);
    for (int i = 0; i < 10; i++)
        elastic_host_press(host, clock_steady_ns());
    assert_int_equal(host->allowed, 1);
    host->in_flight = 1;
    assert_null(elastic_hosts_pick(&hosts, clock_steady_ns()));
    for (int i = 0; i < 1 + 2 + 3 + 4 + 5 + 6 + 7; i++)
        elastic_host_answered(&hosts, host);
    assert_int_equal(host->allowed, 8);
    for (int i = 0; i < 100; i++)
        elastic_host_answered(&hosts, host);
    assert_int_equal(host->allowed, 8);
    elastic_hosts_fini(&hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body_of_runs),     cmocka_unit_test(test_body_with_ids),
        cmocka_unit_test(test_body_packed),      cmocka_unit_test(test_jobs_by_size),
        cmocka_unit_test(test_job_of_several_batches), cmocka_unit_test(test_targets_by_exporter),
        cmocka_unit_test(test_targets_go),       cmocka_unit_test(test_job_parts),
        cmocka_unit_test(test_hosts),            cmocka_unit_test(test_host_pressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
