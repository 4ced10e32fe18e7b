/* SPDX-License-Identifier: Apache-2.0 */
#include "output_fixture.h"

#include <inttypes.h>

#include "export/feed.h"

/* Several outputs at once: who gets what, and whether every document is accounted for. */

#define OUTPUTS 3

struct several {
    struct fixture *fixture;
    struct output_config own[OUTPUTS];
    char paths[OUTPUTS][512];
    struct producer producer;
    struct outputs *outputs;
};

static void several_init(struct several *several, void **state)
{
    static char *const names[OUTPUTS] = {"one", "two", "three"};
    several->fixture = *state;
    struct config *config = &several->fixture->config;
    for (int i = 0; i < OUTPUTS; i++) {
        several->own[i] = config->output;
        several->own[i].name = names[i];
        snprintf(several->paths[i], sizeof several->paths[i], "%s/%s.ndjson", several->fixture->folder, names[i]);
        several->own[i].path = several->paths[i];
    }
    config->outputs = several->own;
    config->output_count = OUTPUTS;
}

static void several_open(struct several *several)
{
    several->outputs = outputs_open(&several->fixture->config, 1);
    assert_non_null(several->outputs);
    producer_init(&several->producer, several->outputs, 0);
}

/* A document of a kind, in the outlet's open batch. */
static void write_document(struct several *several, enum document_kind kind)
{
    struct producer *producer = &several->producer;
    struct batch *batch = outlet_batch(producer->outlet, kind, true);
    assert_non_null(batch);
    char *at = (char *)batch->bytes + batch->size_bytes;
    int size = sprintf(at, "{\"w\":0,\"n\":%u,\"blank\":\"%48s\",\"kind\":\"%d\"}\n", producer->next++, "", kind);
    batch->size_bytes += (uint32_t)size;
    batch->ends[batch->count++] = batch->size_bytes;
    assert_true(batch_share(batch, &producer->exporter, 1));
    producer->exporter.records_in_flight += outlet_copies(producer->outlet, kind);
}

static uint64_t account_of(const struct several *several, uint32_t number, enum counter counter)
{
    struct output_account account;
    outputs_account(several->outputs, number, &account);
    return account.counts[counter];
}

/* Received and copied documents are delivered, dropped or waiting: for the worker, the exporter and each output. */
static void assert_balanced(const struct several *several)
{
    const struct producer *producer = &several->producer;
    static const enum counter dropped[] = {COUNTER_records_no_batch, COUNTER_records_refused, COUNTER_records_failed,
                                           COUNTER_records_no_output};
    uint64_t worker = counted(producer, COUNTER_records_delivered), own = 0;
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        worker += counted(producer, dropped[i]);
    uint64_t waiting = outlet_waiting(producer->outlet);
    assert_int_equal(producer->next + counted(producer, COUNTER_records_copied), worker + waiting);
    for (uint32_t i = 0; i < OUTPUTS; i++) {
        struct output_account account;
        outputs_account(several->outputs, i, &account);
        uint64_t settled = account.counts[COUNTER_records_delivered];
        for (size_t j = 0; j < sizeof dropped / sizeof *dropped; j++)
            settled += account.counts[dropped[j]];
        assert_int_equal(account.counts[COUNTER_records_received], settled + account.waiting);
        own += account.counts[COUNTER_records_received];
    }
    assert_int_equal(own + counted(producer, COUNTER_records_no_output),
                     producer->next + counted(producer, COUNTER_records_copied));
    for (enum counter counter = COUNTER_records_copied; counter <= COUNTER_records_failed; counter++)
        assert_int_equal(counter_read(&producer->exporter.counters.value[counter]), counted(producer, counter));
}

static uint64_t lines_of(const char *path, const char *with)
{
    char *line = NULL;
    size_t room = 0;
    uint64_t lines = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (getline(&line, &room, file) > 0)
        lines += strstr(line, with) != NULL;
    free(line);
    fclose(file);
    return lines;
}

static void every_output_gets_its_kinds(void **state)
{
    struct several several = {0};
    several_init(&several, state);
    several.own[0].kinds = 1 << DOCUMENT_FLOW;
    several.own[1].kinds = 1 << DOCUMENT_OPTIONS;
    several_open(&several);
    for (int i = 0; i < 3000; i++)
        write_document(&several, i % 3 == 0 ? DOCUMENT_OPTIONS : DOCUMENT_FLOW);
    assert_int_equal(outputs_close(several.outputs), 0);
    assert_int_equal(lines_of(several.paths[0], "\"kind\":\"0\""), 2000);
    assert_int_equal(lines_of(several.paths[0], "\"kind\":\"1\""), 0);
    assert_int_equal(lines_of(several.paths[1], "\"kind\":\"1\""), 1000);
    assert_int_equal(lines_of(several.paths[1], "\"kind\":\"0\""), 0);
    assert_int_equal(lines_of(several.paths[2], "{"), 3000);
    assert_int_equal(counted(&several.producer, COUNTER_records_copied), 3000);
    assert_int_equal(several.producer.exporter.records_in_flight, 0);
    assert_balanced(&several);
    outputs_free(several.outputs);
}

static void kinds_of_the_same_outputs_stay_in_order(void **state)
{
    struct several several = {0};
    several_init(&several, state);
    several_open(&several);
    for (int i = 0; i < 3000; i++)
        write_document(&several, i % 3 == 0 ? DOCUMENT_OPTIONS : DOCUMENT_FLOW);
    assert_int_equal(outputs_close(several.outputs), 0);
    for (int i = 0; i < OUTPUTS; i++) {
        struct readback readback = {0};
        read_file(&readback, several.paths[i]);
        assert_int_equal(readback.lines, 3000);
        assert_int_equal(readback.gaps, 0);
    }
    assert_balanced(&several);
    outputs_free(several.outputs);
}

static void a_topic_of_kinds_takes_them_apart(void **state)
{
    struct several several = {0};
    several_init(&several, state);
    struct output_config *own = &several.own[1];
    own->elastic.index = "flows-%{kind}"; /* not of a file: no reason to part them */
    several_open(&several);
    assert_ptr_equal(outlet_batch(several.producer.outlet, DOCUMENT_FLOW, false),
                     outlet_batch(several.producer.outlet, DOCUMENT_OPTIONS, false));
    assert_int_equal(outputs_close(several.outputs), 0);
    outputs_free(several.outputs);
}

static void what_no_output_takes_is_counted(void **state)
{
    struct several several = {0};
    several_init(&several, state);
    for (int i = 0; i < OUTPUTS; i++)
        several.own[i].kinds = 1 << DOCUMENT_FLOW;
    several_open(&several);
    struct producer *producer = &several.producer;
    assert_int_equal(outlet_copies(producer->outlet, DOCUMENT_OPTIONS), 0);
    assert_null(outlet_batch(producer->outlet, DOCUMENT_OPTIONS, false));
    outlet_drop(producer->outlet, DOCUMENT_OPTIONS, &producer->exporter, 5);
    producer->next += 5;
    write_document(&several, DOCUMENT_FLOW);
    assert_int_equal(outputs_close(several.outputs), 0);
    assert_int_equal(counted(producer, COUNTER_records_no_output), 5);
    assert_balanced(&several);
    outputs_free(several.outputs);
}

/* One output is stuck: the others get everything, and it misses what it has no batches for. */
static void a_stuck_output_harms_no_other(void **state)
{
    struct several several = {0};
    several_init(&several, state);
    several.own[1].batches = 4;
    several.own[1].flush_timeout = 200 * NS_PER_MS;
    assert_int_equal(mkfifo(several.paths[1], 0600), 0);
    several_open(&several);
    struct producer *producer = &several.producer;
    for (uint32_t i = 0; i < 120000; i++) {
        if (i % 512 == 0)
            sleep_ms(1); /* a little slower than the files */
        if (i % 64 == 0)
            outlet_housekeep(producer->outlet, clock_steady_ns());
        if (outlet_batch(producer->outlet, DOCUMENT_FLOW, false)) {
            write_document(&several, DOCUMENT_FLOW);
            continue;
        }
        outlet_drop(producer->outlet, DOCUMENT_FLOW, &producer->exporter, 1);
        producer->next++;
    }
    assert_int_equal(outputs_close(several.outputs), -ETIMEDOUT);
    assert_balanced(&several);
    assert_int_equal(producer->exporter.records_in_flight, 0);
    uint64_t missed = account_of(&several, 1, COUNTER_records_no_batch);
    assert_true(missed > 0);
    assert_true(account_of(&several, 1, COUNTER_records_failed) > 0);
    assert_int_equal(lines_of(several.paths[0], "{"), account_of(&several, 0, COUNTER_records_delivered));
    assert_true(account_of(&several, 0, COUNTER_records_no_batch) < missed);
    assert_int_equal(account_of(&several, 0, COUNTER_records_failed), 0);
    outputs_free(several.outputs);
}

/* The second output takes nothing: a disk that is always full. What it misses is on disk when all is over. */
static void spool_configure(struct several *several, char folder[600])
{
    struct output_config *own = &several->own[1];
    snprintf(folder, 600, "%s/spool", several->fixture->folder);
    own->path = "/dev/full";
    own->flush_timeout = 100 * NS_PER_MS;
    own->spool.path = folder;
    own->spool.size = 1 << 30;
    own->spool.segment_size = 1 << 20;
    own->spool.after = 50 * NS_PER_MS;
    own->spool.compression = COMPRESSION_LZ4;
}

static void assert_spooled(const struct several *several, uint64_t documents)
{
    struct output_account account;
    outputs_account(several->outputs, 1, &account);
    assert_int_equal(account.spooled, documents);
    assert_int_equal(account.waiting, 0);
    assert_int_equal(account.counts[COUNTER_records_delivered], 0);
    assert_int_equal(account.counts[COUNTER_records_received], documents);
    assert_int_equal(account.counts[COUNTER_records_no_batch], 0);
    assert_int_equal(outputs_spooled(several->outputs), documents);
}

static void a_spool_keeps_what_an_output_does_not_take(void **state)
{
    char folder[600];
    struct several several = {0};
    several_init(&several, state);
    spool_configure(&several, folder);
    several_open(&several);
    for (uint32_t i = 0; i < 50000; i++) {
        if (i % 64 == 0)
            outlet_housekeep(several.producer.outlet, clock_steady_ns());
        write_document(&several, DOCUMENT_FLOW); /* waits for the disk, never for the output */
    }
    assert_int_equal(outputs_close(several.outputs), 0);
    assert_spooled(&several, 50000);
    assert_int_equal(lines_of(several.paths[0], "{"), 50000);
    outputs_free(several.outputs);

    several.own[1].path = several.paths[1]; /* it is mended */
    several.own[1].flush_timeout = 10 * NS_PER_S;
    several_open(&several);
    for (int i = 0; i < 1000 && outputs_spooled(several.outputs); i++)
        sleep_ms(10);
    for (int i = 0; i < 100; i++)
        write_document(&several, DOCUMENT_FLOW);
    assert_int_equal(outputs_close(several.outputs), 0);
    struct output_account account;
    outputs_account(several.outputs, 1, &account);
    assert_int_equal(account.counts[COUNTER_records_recovered], 50000);
    assert_int_equal(account.counts[COUNTER_records_delivered], 50100);
    assert_int_equal(account.spooled + account.waiting, 0);
    assert_int_equal(lines_of(several.paths[1], "{"), 50100);
    outputs_free(several.outputs);
}

/* The output comes back while weir runs: the exporter that is still known is credited. */
static void a_spool_is_emptied_beside_live_traffic(void **state)
{
    char folder[600];
    struct several several = {0};
    several_init(&several, state);
    spool_configure(&several, folder);
    several.own[1].path = several.paths[1];
    several.own[1].flush_timeout = 10 * NS_PER_S;
    assert_int_equal(mkfifo(several.paths[1], 0600), 0);
    several.outputs = outputs_open(&several.fixture->config, 1);
    struct producer *producer = &several.producer;
    memset(producer, 0, sizeof *producer);
    struct exporters *exporters = exporters_new(4);
    struct endpoint endpoint = {.address = address_from_ipv4((const uint8_t[4]){192, 0, 2, 1}), .port = 9};
    struct exporter *exporter = exporters_add(exporters, &endpoint, exporters_hash(exporters, &endpoint));
    producer->outlet = outputs_outlet(several.outputs, 0, &producer->counters, exporters);
    for (uint32_t i = 0; i < 60000; i++) {
        struct batch *batch = outlet_batch(producer->outlet, DOCUMENT_FLOW, true);
        int size = sprintf((char *)batch->bytes + batch->size_bytes, "{\"n\":%u}%50s\n", producer->next++, "");
        batch->size_bytes += (uint32_t)size;
        batch->ends[batch->count++] = batch->size_bytes;
        assert_true(batch_share(batch, exporter, 1));
        exporter->records_in_flight += outlet_copies(producer->outlet, DOCUMENT_FLOW);
        if (i % 64 == 0)
            outlet_housekeep(producer->outlet, clock_steady_ns());
    }
    assert_true(outputs_spooled(several.outputs) > 0);
    char command[PATH_MAX];
    snprintf(command, sizeof command, "wc -l < %s", several.paths[1]);
    FILE *reader = popen(command, "r");
    for (int i = 0; i < 2000 && (outputs_spooled(several.outputs) || outlet_waiting(producer->outlet)); i++) {
        outlet_housekeep(producer->outlet, clock_steady_ns());
        sleep_ms(5);
    }
    assert_int_equal(outputs_close(several.outputs), 0);
    uint64_t lines = 0;
    assert_int_equal(fscanf(reader, "%" SCNu64, &lines), 1);
    pclose(reader);
    assert_int_equal(lines, 60000);
    assert_int_equal(account_of(&several, 1, COUNTER_records_delivered), 60000);
    assert_true(account_of(&several, 1, COUNTER_spool_frames_read) > 0);
    assert_int_equal(exporter->records_in_flight, 0);
    assert_int_equal(counter_read(&exporter->counters.value[COUNTER_records_delivered]), 3 * 60000);
    assert_int_equal(counted(producer, COUNTER_records_delivered), 3 * 60000);
    outputs_free(several.outputs);
    exporters_free(exporters);
}

static void an_output_that_cannot_open_stops_the_start(void **state)
{
    struct several several = {0};
    several_init(&several, state);
    snprintf(several.paths[2], sizeof several.paths[2], "%s/one.ndjson.partial/x", several.fixture->folder);
    assert_null(outputs_open(&several.fixture->config, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_output_gets_its_kinds, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(kinds_of_the_same_outputs_stay_in_order, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(a_topic_of_kinds_takes_them_apart, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(what_no_output_takes_is_counted, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(a_stuck_output_harms_no_other, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(a_spool_keeps_what_an_output_does_not_take, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(a_spool_is_emptied_beside_live_traffic, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(an_output_that_cannot_open_stops_the_start, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
