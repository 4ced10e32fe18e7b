/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/output_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "export/batch_pool.h"

static void pool_open(struct batch_pool *pool, struct memory *memory, uint32_t batches)
{
    assert_int_equal(memory_open_bare(memory, batches, 8192), 0);
    assert_int_equal(batch_pool_init(pool, memory, 0), 0);
}

static void pool_close(struct batch_pool *pool, struct memory *memory)
{
    batch_pool_fini(pool);
    memory_close(memory);
}

static void pool_is_aligned_and_last_in_first_out(void **state)
{
    struct memory memory;
    struct batch_pool pool;
    pool_open(&pool, &memory, 3);
    struct batch *first = batch_pool_take(&pool), *second = batch_pool_take(&pool), *third = batch_pool_take(&pool);
    assert_non_null(third);
    assert_null(batch_pool_take(&pool));
    struct batch *batches[] = {first, second, third};
    for (int i = 0; i < 3; i++) {
        assert_int_equal((uintptr_t)batches[i]->bytes % BATCH_ALIGN_BYTES, 0);
        assert_int_equal(batches[i]->capacity_bytes, 8192);
        memset(batches[i]->bytes, 'a' + i, batches[i]->capacity_bytes + BATCH_SLACK_BYTES);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(batches[i]->bytes[batches[i]->capacity_bytes + BATCH_SLACK_BYTES - 1], 'a' + i);
    second->count = 7;
    batch_pool_give(&pool, second);
    assert_ptr_equal(batch_pool_take(&pool), second);
    assert_int_equal(second->count, 0);
    pool_close(&pool, &memory);
}

static void shares_say_whose_documents_were_lost(void **state)
{
    struct memory memory;
    struct batch_pool pool;
    struct exporter one, other;
    pool_open(&pool, &memory, 1);
    struct batch *batch = batch_pool_take(&pool);
    assert_true(batch_share(batch, &one, 3) && batch_share(batch, &one, 2) && batch_share(batch, &other, 4) &&
                batch_share(batch, &one, 1));
    assert_int_equal(batch->share_count, 3);
    batch->count = 10;
    batch_judge(batch, 0, VERDICT_REFUSED);
    batch_judge(batch, 4, VERDICT_REFUSED);
    batch_judge(batch, 5, VERDICT_REFUSED);
    assert_int_equal(batch->shares[0].refused, 2);
    assert_int_equal(batch->shares[1].refused, 1);
    batch_judge_from(batch, 7, VERDICT_FAILED);
    assert_int_equal(batch->shares[0].failed, 0);
    assert_int_equal(batch->shares[1].failed, 2);
    assert_int_equal(batch->shares[2].failed, 1);
    assert_int_equal(batch->refused, 3);
    assert_int_equal(batch->failed, 3);
    batch_rejudge(batch, VERDICT_FAILED, VERDICT_SPOOLED);
    batch_judge(batch, 4, VERDICT_DELIVERED);
    assert_int_equal(batch->failed, 0);
    assert_int_equal(batch->spooled, 3);
    assert_int_equal(batch->refused, 2);
    assert_int_equal(batch->shares[0].refused, 1);
    assert_int_equal(batch->shares[1].spooled, 2);
    assert_int_equal(batch_verdict(batch, 4), VERDICT_DELIVERED);
    assert_int_equal(batch_verdict(batch, 9), VERDICT_SPOOLED);
    while (batch->share_count < batch->share_most)
        assert_true(batch_share(batch, batch->share_count & 1 ? &other : &one, 1));
    assert_true(batch_share(batch, batch->shares[batch->share_count - 1].exporter, 1));
    assert_false(batch_share(batch, NULL, 1));
    pool_close(&pool, &memory);
}

static void padding_keeps_the_line(void **state)
{
    struct memory memory;
    struct batch_pool pool;
    pool_open(&pool, &memory, 1);
    static const uint32_t sizes[] = {2, 4095, 4096, 4097, 8191, 8192};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct batch *batch = batch_pool_take(&pool);
        memset(batch->bytes, 'x', sizes[i] - 1);
        batch->bytes[sizes[i] - 1] = '\n';
        batch->size_bytes = batch->ends[0] = sizes[i];
        batch->count = 1;
        batch_pad(batch);
        assert_int_equal(batch->size_bytes, (sizes[i] + 4095) / 4096 * 4096);
        assert_int_equal(batch->ends[0], batch->size_bytes);
        assert_ptr_equal(memchr(batch->bytes, '\n', batch->size_bytes), batch->bytes + batch->size_bytes - 1);
        for (uint32_t at = 0; at + 1 < batch->size_bytes; at++)
            assert_int_equal(batch->bytes[at], at < sizes[i] - 1 ? 'x' : ' ');
        batch_pool_give(&pool, batch);
    }
    pool_close(&pool, &memory);
}

static void a_full_output_gives_no_batch(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    char fifo[512];
    snprintf(fifo, sizeof fifo, "%s/pipe", fixture->folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    fixture->config.output.path = fifo; /* nobody reads it */
    fixture->config.output.flush_timeout = 200 * NS_PER_MS;
    struct outputs *output = outputs_open(&fixture->config, 1);
    assert_non_null(output);
    producer_init(&producer, output, 0);
    uint64_t dropped = 0;
    for (int rounds = 0, stuck = 0; stuck < 10; rounds++) { /* until nothing is taken for a while */
        assert_true(rounds < 1000);
        dropped = producer.dropped;
        produce_many(&producer, 100, false);
        stuck = producer.dropped - dropped == 100 ? stuck + 1 : 0;
        sleep_ms(5);
    }
    assert_int_equal(counted(&producer, COUNTER_records_delivered), 0);
    outlet_housekeep(producer.outlet, clock_steady_ns());
    assert_true(outlet_waiting(producer.outlet) > 0);
    assert_ledger(&producer);

    outputs_stop_waiting(output);
    dropped = producer.dropped;
    produce(&producer, true); /* does not hang */
    assert_int_equal(producer.dropped, dropped + 1);

    assert_int_equal(outputs_close(output), -ETIMEDOUT);
    assert_true(counted(&producer, COUNTER_records_failed) > 0);
    assert_int_equal(outlet_waiting(producer.outlet), 0);
    assert_ledger(&producer);
    outputs_free(output);
}

static void an_old_batch_is_sealed(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    struct outputs *output = outputs_open(&fixture->config, 1);
    producer_init(&producer, output, 0);
    produce(&producer, false);
    outlet_housekeep(producer.outlet, clock_steady_ns());
    assert_int_equal(outlet_waiting(producer.outlet), 1);
    sleep_ms(20);
    outlet_housekeep(producer.outlet, clock_steady_ns());
    sleep_ms(20);
    assert_int_equal(counted(&producer, COUNTER_records_delivered), 0);
    sleep_ms(20);
    outlet_housekeep(producer.outlet, clock_steady_ns()); /* older than 50 ms now */
    for (int i = 0; i < 100 && outlet_waiting(producer.outlet); i++) {
        sleep_ms(10);
        outlet_collect(producer.outlet);
    }
    assert_int_equal(counted(&producer, COUNTER_records_delivered), 1);
    assert_ledger(&producer);
    assert_int_equal(outputs_close(output), 0);
    outputs_free(output);
}

static int64_t cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * NS_PER_S + used.tv_nsec;
}

/* Nothing to do, a device that refuses everything, a pipe that nobody reads: no reason to spin. */
static void an_idle_output_sleeps(void **state)
{
    struct fixture *fixture = *state;
    char fifo[512];
    snprintf(fifo, sizeof fifo, "%s/pipe", fixture->folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    char *paths[] = {fixture->path, (char *)"/dev/full", fifo};
    fixture->config.output.flush_timeout = 0;
    for (int i = 0; i < 3; i++) {
        struct producer producer;
        fixture->config.output.path = paths[i];
        struct outputs *output = outputs_open(&fixture->config, 1);
        producer_init(&producer, output, 0);
        produce_many(&producer, 5000, false);
        sleep_ms(100);
        int64_t begin = cpu_ns();
        sleep_ms(300);
        assert_in_range(cpu_ns() - begin, 0, 10 * NS_PER_MS);
        outputs_close(output);
        assert_ledger(&producer);
        outputs_free(output);
    }
}

static void many_exporters_seal_early(void **state)
{
    struct fixture *fixture = *state;
    static struct exporter exporters[1000];
    struct producer producer;
    struct outputs *output = outputs_open(&fixture->config, 1);
    producer_init(&producer, output, 0);
    memset(exporters, 0, sizeof exporters);
    for (uint32_t i = 0; i < 1000; i++) {
        struct batch *batch = outlet_batch(producer.outlet, DOCUMENT_FLOW, true);
        assert_true(batch->share_count < batch->share_most && batch->count < batch->most);
        memcpy(batch->bytes + batch->size_bytes, "{}\n", 3);
        batch->size_bytes += 3;
        batch->ends[batch->count++] = batch->size_bytes;
        assert_true(batch_share(batch, &exporters[i], 1));
        exporters[i].records_in_flight++;
    }
    assert_int_equal(outputs_close(output), 0);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(counter_read(&exporters[i].counters.value[COUNTER_records_delivered]), 1);
        assert_int_equal(exporters[i].records_in_flight, 0);
    }
    assert_int_equal(counted(&producer, COUNTER_records_delivered), 1000);
    outputs_free(output);
}

struct load {
    struct producer producer;
    uint32_t documents;
    bool wait;
    _Atomic bool ended;
};

static void *run_load(void *argument)
{
    struct load *load = argument;
    for (uint32_t i = 0; i < load->documents; i++) {
        produce(&load->producer, load->wait);
        if (i % 64 == 0)
            outlet_housekeep(load->producer.outlet, clock_steady_ns());
        if (i % 1024 == 0)
            sleep_ms(1);
    }
    atomic_store(&load->ended, true);
    return NULL;
}

/* Two workers, a reader of the ledger and a SIGHUP every now and then. */
static void two_workers(struct fixture *fixture, bool wait)
{
    static struct load loads[2];
    pthread_t threads[2];
    memset(loads, 0, sizeof loads);
    fixture_path(fixture, "flows-%i.ndjson");
    struct outputs *output = outputs_open(&fixture->config, 2);
    for (uint32_t i = 0; i < 2; i++) {
        producer_init(&loads[i].producer, output, i);
        loads[i].documents = 40000;
        loads[i].wait = wait;
        pthread_create(&threads[i], NULL, run_load, &loads[i]);
    }
    uint64_t seen = 0;
    while (!atomic_load(&loads[0].ended) || !atomic_load(&loads[1].ended)) {
        outputs_reopen(output);
        seen += outlet_waiting(loads[0].producer.outlet) + counted(&loads[1].producer, COUNTER_records_delivered);
        assert_false(outputs_broken(output));
        sleep_ms(5);
    }
    assert_true(seen > 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(outputs_close(output), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(outlet_waiting(loads[i].producer.outlet), 0);
        assert_ledger(&loads[i].producer);
    }
    outputs_free(output);

    assert_int_equal(count_files(fixture, ".partial"), 0);
    assert_true(count_files(fixture, ".ndjson") > 2);
    struct readback readback = read_folder(fixture, ".ndjson");
    assert_int_equal(readback.lines, counted(&loads[0].producer, COUNTER_records_delivered) +
                                         counted(&loads[1].producer, COUNTER_records_delivered));
    if (wait) {
        assert_int_equal(readback.lines, 80000);
        assert_int_equal(readback.gaps, 0);
    }
}

static void two_workers_that_wait_lose_nothing(void **state)
{
    two_workers(*state, true);
}

static void two_workers_that_drop_count_it(void **state)
{
    two_workers(*state, false);
}

/* An output to standard output, which is the descriptor while it opens. */
static struct outputs *open_stdout_on(struct fixture *fixture, int fd)
{
    fixture->config.output.kind = OUTPUT_STDOUT;
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
    struct outputs *output = outputs_open(&fixture->config, 1);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    return output;
}

static void *copy_pipe(void *argument)
{
    int *fds = argument;
    char bytes[10000];
    ssize_t count;
    while ((count = read(fds[0], bytes, sizeof bytes)) > 0)
        assert_int_equal(write(fds[1], bytes, (size_t)count), count);
    return NULL;
}

static void standard_output_is_whole(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    pthread_t reader;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct outputs *output = open_stdout_on(fixture, ends[1]);
    close(ends[1]);
    int fds[2] = {ends[0], open(fixture->path, O_CREAT | O_WRONLY, 0600)};
    pthread_create(&reader, NULL, copy_pipe, fds);
    producer_init(&producer, output, 0);
    produce_many(&producer, 5000, true);
    assert_int_equal(outputs_close(output), 0);
    pthread_join(reader, NULL);
    close(fds[0]);
    close(fds[1]);
    assert_ledger(&producer);
    struct readback readback = read_folder(fixture, ".ndjson");
    assert_int_equal(readback.lines, 5000);
    assert_int_equal(readback.gaps, 0);
    outputs_free(output);
}

static void standard_output_without_reader_is_broken(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct outputs *output = open_stdout_on(fixture, ends[1]);
    close(ends[1]);
    producer_init(&producer, output, 0);
    produce_many(&producer, 2000, true);
    /* The reader takes a little, then goes. */
    char bytes[5000];
    assert_int_equal(read(ends[0], bytes, sizeof bytes), sizeof bytes);
    close(ends[0]);
    for (int i = 0; i < 500 && !outputs_broken(output); i++) {
        produce_many(&producer, 10, true);
        sleep_ms(2);
    }
    assert_true(outputs_broken(output));
    produce_many(&producer, 3000, true); /* batches still come back */
    assert_int_equal(outputs_close(output), 0);
    assert_true(counted(&producer, COUNTER_records_failed) >= 3000);
    assert_int_equal(outlet_waiting(producer.outlet), 0);
    assert_ledger(&producer);
    outputs_free(output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_is_aligned_and_last_in_first_out),
        cmocka_unit_test(shares_say_whose_documents_were_lost),
        cmocka_unit_test(padding_keeps_the_line),
        cmocka_unit_test_setup_teardown(a_full_output_gives_no_batch, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(an_old_batch_is_sealed, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(an_idle_output_sleeps, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(many_exporters_seal_early, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(two_workers_that_wait_lose_nothing, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(two_workers_that_drop_count_it, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(standard_output_is_whole, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(standard_output_without_reader_is_broken, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
