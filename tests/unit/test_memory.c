/* SPDX-License-Identifier: Apache-2.0 */

/* kill -9: what was in memory is found by the next start, and what cannot be is counted. */
#include "tests/unit/memory_fixture.h"

#include <sys/resource.h>

/* ---- kills at any moment ---- */

struct sums {
    uint64_t received, dropped, found, again, moved, lost;
};

/* One kill and the start after it: each record that was received is there, dropped by name, or counted as lost. */
static void kill_once(struct killing *killing, int64_t run_ms, size_t bytes, struct sums *sums)
{
    uint64_t dropped;
    tally_clear(killing);
    child_kill(killing, run_ms, bytes);
    uint64_t received = child_received(killing, &dropped);
    uint64_t out = killing->out;
    struct start start = start_next(killing, WORKERS);
    struct tally tally = tally_take(killing);
    uint64_t lost = start.counts[COUNTER_records_lost_by_kill];
    start_balanced(&start);
    assert_int_equal(received, tally.found + dropped + lost);
    assert_true(lost <= WORKERS * CHUNK);
    assert_int_equal(start.account.counts[COUNTER_records_lost_by_kill], 0);
    assert_int_equal(start.account.counts[COUNTER_records_recovered], tally.found - out + tally.again);
    /* The pipe has what nobody had read before the kill. */
    assert_true(tally.again <= FILE_UNIT_BATCHES * BATCH_DOCUMENTS);
    sums->received += received;
    sums->dropped += dropped;
    sums->found += tally.found;
    sums->again += tally.again;
    sums->moved += start.account.counts[COUNTER_records_recovered];
    sums->lost += lost;
}

static void sums_print(const struct sums *sums, uint32_t kills)
{
    print_message("%u kills: %llu received, %llu found, %llu of them from memory and spool, %llu again, %llu dropped, "
                  "%llu lost\n",
                  kills, (unsigned long long)sums->received, (unsigned long long)sums->found,
                  (unsigned long long)sums->moved, (unsigned long long)sums->again, (unsigned long long)sums->dropped,
                  (unsigned long long)sums->lost);
}

static void killed_with_a_sink_that_is_stuck(void **state)
{
    struct killing killing;
    struct sums sums = {0};
    killing_open(&killing, state);
    for (uint32_t i = 0; i < 12; i++)
        kill_once(&killing, 2 + i * 37 % 60, 0, &sums);
    sums_print(&sums, 12);
    assert_true(sums.moved > 2000);
    killing_close(&killing);
}

static void killed_with_a_sink_that_takes_some(void **state)
{
    struct killing killing;
    struct sums sums = {0};
    killing_open(&killing, state);
    for (uint32_t i = 0; i < 16; i++)
        kill_once(&killing, 3 + i * 41 % 70, i * 300000, &sums);
    sums_print(&sums, 16);
    assert_true(sums.moved > 2000 && sums.found > sums.moved);
    killing_close(&killing);
}

/* Nothing goes to the disk before the kill: all of it is in memory. */
static void killed_before_the_spool_had_any(void **state)
{
    struct killing killing;
    struct sums sums = {0};
    killing_open(&killing, state);
    killing.fixture->config.output.spool.after = HOUR_NS;
    killing.fixture->config.output.batches = 256;
    killing.most = 10000; /* fewer than they hold: nothing is dropped, however late the kill comes */
    for (uint32_t i = 0; i < 6; i++)
        kill_once(&killing, 2 + i * 3, 100000, &sums);
    sums_print(&sums, 6);
    assert_int_equal(sums.dropped, 0);
    assert_true(sums.moved > 300);
    killing_close(&killing);
}

/* What the output had answered for does not come again, whatever else is in its body's memory. */
static void killed_when_all_was_answered(void **state)
{
    struct killing killing;
    uint64_t dropped;
    char path[PATH_MAX];
    killing_open(&killing, state);
    killing.most = 400; /* few enough for the batches: nothing is dropped, and hardly anything goes to the spool */
    pid_t child = child_start(&killing);
    for (int i = 0; i < 10000 && killing.out < WORKERS * killing.most; i++) {
        sleep_ms(1);
        pipe_read(&killing, 1 << 20);
    }
    sleep_ms(200);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(memory_files(&killing, path), 1);
    uint64_t received = child_received(&killing, &dropped);
    assert_int_equal(received, killing.out + dropped);
    struct start start = start_next(&killing, WORKERS);
    assert_int_equal(tally_take(&killing).again, 0);
    assert_int_equal(start.counts[COUNTER_records_recovered] + start.counts[COUNTER_records_inherited], 0);
    killing_close(&killing);
}

/* The start after the kill is killed as well, again and again: it goes on where it was. */
static void killed_while_it_recovers(void **state)
{
    struct killing killing;
    uint64_t dropped;
    killing_open(&killing, state);
    killing.fixture->config.output.batches = 128;
    killing.fixture->config.output.spool.after = HOUR_NS;
    child_kill(&killing, 60, 0);
    uint64_t received = child_received(&killing, &dropped), out = killing.out;
    for (uint32_t i = 0; i < 8; i++) {
        pid_t child = fork();
        if (child == 0) {
            struct memory_recovered recovered = {0};
            _exit(memory_recover(&killing.fixture->config, &recovered) ? 1 : 2);
        }
        sleep_ms(1 + i / 2);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 2);
    }
    struct start start = start_next(&killing, WORKERS);
    struct tally tally = tally_take(&killing);
    start_balanced(&start);
    assert_true(received - dropped - tally.found <= WORKERS * CHUNK);
    assert_true(tally.again <= FILE_UNIT_BATCHES * BATCH_DOCUMENTS); /* what the pipe had */
    assert_int_equal(start.account.counts[COUNTER_records_recovered], tally.found - out + tally.again);
    killing_close(&killing);
}

/* ---- another configuration ---- */

static void other_workers_and_batches(void **state)
{
    struct killing killing;
    uint64_t dropped;
    killing_open(&killing, state);
    child_kill(&killing, 30, 200000);
    uint64_t received = child_received(&killing, &dropped);
    struct output_config *output = &killing.fixture->config.output;
    output->batches = 3;
    output->batch_size = 16384;
    struct start start = start_next(&killing, 1);
    struct tally tally = tally_take(&killing);
    start_balanced(&start);
    assert_int_equal(received, tally.found + dropped + start.counts[COUNTER_records_lost_by_kill]);
    killing_close(&killing);
}

/* Of two outputs one has no spool: what it owed is counted as its own loss, and the other has all. */
static void an_output_without_a_spool(void **state)
{
    struct killing killing;
    struct output_config own[2];
    uint64_t dropped;
    killing_open(&killing, state);
    killing.least = 4000;
    struct config *config = &killing.fixture->config;
    own[0] = own[1] = config->output;
    own[1].name = (char *)"bare";
    own[1].spool.path = (char *)"";
    config->outputs = own;
    config->output_count = 2;
    own[1].path = killing.fixture->path; /* a pipe that nobody reads */
    fixture_path(killing.fixture, "other");
    assert_int_equal(mkfifo(own[1].path, 0600), 0);
    int other = open(own[1].path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    child_kill(&killing, 20, 0);
    uint64_t received = child_received(&killing, &dropped);
    own[1].path = (char *)"/dev/null";
    struct start start = start_next(&killing, WORKERS);
    struct tally tally = tally_take(&killing);
    start_balanced(&start);
    uint64_t worked_on = start.counts[COUNTER_records_lost_by_kill];
    assert_int_equal(start.account.counts[COUNTER_records_lost_by_kill], 0);
    assert_true(worked_on > 500); /* the other's: all that fits its batches */
    assert_true(received - dropped - tally.found <= WORKERS * CHUNK);
    close(other);
    killing_close(&killing);
}

/* What the spool had is taken away while weir is down: it was received, and it is lost. */
static void a_spool_that_is_gone(void **state)
{
    struct killing killing;
    uint64_t dropped;
    char command[400];
    killing_open(&killing, state);
    killing.least = 10000;
    child_kill(&killing, 60, 0);
    uint64_t received = child_received(&killing, &dropped);
    snprintf(command, sizeof command, "rm -r %s", killing.spool);
    assert_int_equal(system(command), 0);
    struct start start = start_next(&killing, WORKERS);
    struct tally tally = tally_take(&killing);
    start_balanced(&start);
    uint64_t lost = start.counts[COUNTER_records_lost_by_kill];
    assert_true(start.account.counts[COUNTER_records_lost_by_kill] > 100);
    assert_int_equal(received, tally.found + dropped + lost);
    killing_close(&killing);
}

/* A spool that has no room for it: the documents were there, and are dropped for that reason. */
static void a_spool_that_is_full(void **state)
{
    struct killing killing;
    uint64_t dropped;
    killing_open(&killing, state);
    killing.least = 4000;
    struct output_config *output = &killing.fixture->config.output;
    output->spool.after = HOUR_NS;
    output->batches = 128;
    output->spool.compression = COMPRESSION_NONE;
    child_kill(&killing, 40, 0);
    tally_clear(&killing); /* nobody has read what the pipe had */
    uint64_t received = child_received(&killing, &dropped);
    output->spool.size = 1 << 20;
    output->spool.when_full = SPOOL_DROP_NEWEST;
    struct start start = start_next(&killing, WORKERS);
    struct tally tally = tally_take(&killing);
    const uint64_t *counts = start.account.counts;
    assert_true(counts[COUNTER_records_spool_full] > 100);
    assert_int_equal(counts[COUNTER_records_recovered],
                     counts[COUNTER_records_delivered] + counts[COUNTER_records_spool_full]);
    assert_int_equal(received, tally.found + dropped + start.counts[COUNTER_records_lost_by_kill] +
                                   counts[COUNTER_records_spool_full]);
    killing_close(&killing);
}

/* ---- the file ---- */

static void an_orderly_end_leaves_nothing(void **state)
{
    struct killing killing;
    struct producer producer;
    char path[PATH_MAX];
    killing_open(&killing, state);
    fixture_path(killing.fixture, "flows.ndjson");
    killing.fixture->config.output.spool.after = HOUR_NS;
    struct outputs *outputs = open_with(killing.fixture, &producer);
    assert_int_equal(memory_files(&killing, path), 1);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_true((uint64_t)status.st_blocks * 512 >= (uint64_t)status.st_size); /* all of it is there */
    produce_many(&producer, 200, true); /* too few for the spool */
    close_delivered(outputs, &producer);
    assert_int_equal(memory_files(&killing, path), 0);
    killing.fixture->config.output.path = killing.pipe;
    struct start start = start_next(&killing, 1);
    assert_int_equal(start.counts[COUNTER_records_recovered] + start.counts[COUNTER_records_inherited], 0);
    killing_close(&killing);
}

static void two_processes_do_not_share(void **state)
{
    struct killing killing;
    uint64_t dropped;
    killing_open(&killing, state);
    pid_t child = child_start(&killing);
    kill(child, SIGSTOP); /* it has no end by itself */
    assert_null(outputs_open(&killing.fixture->config, WORKERS));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (pipe_read(&killing, 1 << 20))
        ;
    killing.rest_bytes = 0;
    uint64_t received = child_received(&killing, &dropped);
    struct start start = start_next(&killing, WORKERS);
    assert_int_equal(received, tally_take(&killing).found + dropped + start.counts[COUNTER_records_lost_by_kill]);
    killing_close(&killing);
}

/* Another's spool, or what is no file of a run: it is left alone. */
static void what_is_not_ours(void **state)
{
    struct killing killing;
    char path[PATH_MAX], other[300];
    killing_open(&killing, state);
    child_kill(&killing, 10, 0);
    assert_int_equal(memory_files(&killing, path), 1);
    snprintf(other, sizeof other, "%s/else", killing.fixture->folder);
    killing.fixture->config.output.spool.path = other;
    struct memory_recovered recovered = {0};
    assert_int_equal(memory_recover(&killing.fixture->config, &recovered), 0);
    assert_int_equal(memory_files(&killing, path), 1);
    killing.fixture->config.output.spool.path = killing.spool;
    chmod(path, 0622); /* anyone may have written it */
    assert_int_equal(memory_recover(&killing.fixture->config, &recovered), 0);
    assert_int_equal(memory_files(&killing, path), 1);
    chmod(path, 0600);
    snprintf(other, sizeof other, "%s/weir-0.memory", killing.memory);
    assert_int_equal(symlink(path, other), 0);
    assert_int_equal(memory_recover(&killing.fixture->config, &recovered), 0);
    assert_int_equal(unlink(other), 0); /* the link is still there, and the file is not */
    assert_int_equal(memory_files(&killing, path), 0);
    killing_close(&killing);
}

static void no_room_for_it(void **state)
{
    struct killing killing;
    struct producer producer;
    char path[PATH_MAX];
    killing_open(&killing, state);
    fixture_path(killing.fixture, "flows.ndjson");
    killing.fixture->config.output.spool.after = HOUR_NS;
    struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_null(outputs_open(&killing.fixture->config, 1)); /* somebody has asked for it */
    killing.fixture->config.output.memory_path = (char *)"auto";
    setenv("RUNTIME_DIRECTORY", killing.memory, 1);
    struct outputs *outputs = open_with(killing.fixture, &producer);
    assert_int_equal(memory_files(&killing, path), 0);
    produce_many(&producer, 200, true); /* too few for the spool */
    close_delivered(outputs, &producer);
    limit.rlim_cur = RLIM_INFINITY;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    outputs = open_with(killing.fixture, &producer);
    assert_int_equal(memory_files(&killing, path), 1);
    close_delivered(outputs, &producer);
    unsetenv("RUNTIME_DIRECTORY");
    killing.fixture->config.output.memory_path = killing.fixture->folder; /* a disk */
    assert_null(outputs_open(&killing.fixture->config, 1));
    killing_close(&killing);
}

/* ---- damage ---- */

/* A copy of what a kill left, in memory that ends where it ends. */
static uint8_t *image_load(const struct killing *killing, size_t *size_bytes)
{
    char path[PATH_MAX];
    struct stat status;
    assert_int_equal(memory_files(killing, path), 1);
    int fd = open(path, O_RDONLY);
    assert_int_equal(fstat(fd, &status), 0);
    *size_bytes = (size_t)status.st_size;
    uint8_t *bytes = mmap(NULL, *size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    assert_ptr_not_equal(bytes, MAP_FAILED);
    close(fd);
    return bytes;
}

/* Reads all bodies; returns the documents of those that are whole. */
static uint64_t image_documents(const struct memory_image *image)
{
    uint64_t documents = 0;
    struct memory_body body;
    assert_int_equal(memory_body_init(&body, image), 0);
    for (uint32_t worker = 0; worker < image->layout.shape.workers; worker++) {
        memory_worker_lost(image, worker);
        for (uint32_t i = 0; i < image->layout.shape.batches; i++) {
            if (!memory_body_read(image, worker, i, &body))
                continue;
            uint64_t sum = 0;
            for (uint32_t share = 0; share < body.batch.share_count; share++)
                sum += body.batch.shares[share].count;
            assert_int_equal(sum, body.batch.count);
            assert_true(body.batch.size_bytes <= body.batch.capacity_bytes);
            documents += body.batch.count;
        }
    }
    memory_body_fini(&body);
    return documents;
}

static void damaged_headers(void **state)
{
    struct killing killing;
    struct memory_image image;
    size_t size_bytes;
    killing_open(&killing, state);
    killing.least = 4000;
    child_kill(&killing, 20, 0);
    uint8_t *bytes = image_load(&killing, &size_bytes);
    assert_true(memory_image_read(&image, bytes, size_bytes));
    assert_true(image_documents(&image) > 500);
    size_t checked = offsetof(struct memory_header, ended);
    for (size_t at = 0; at < checked; at += at < 200 ? 1 : 97) {
        bytes[at] ^= (uint8_t)(1 << at % 8);
        assert_false(memory_image_read(&image, bytes, size_bytes));
        bytes[at] ^= (uint8_t)(1 << at % 8);
    }
    struct memory_header *header = (struct memory_header *)bytes;
    uint32_t *words = (uint32_t *)&header->shape;
    for (size_t i = 0; i < sizeof header->shape / sizeof *words; i++)
        for (uint32_t bit = 0; bit < 32; bit++) { /* with a checksum that is right, too */
            words[i] ^= 1u << bit;
            memory_header_seal(header);
            if (memory_image_read(&image, bytes, size_bytes))
                image_documents(&image);
            words[i] ^= 1u << bit;
        }
    memory_header_seal(header);
    assert_false(memory_image_read(&image, bytes, size_bytes - 1));
    assert_false(memory_image_read(&image, bytes, 100));
    assert_true(memory_image_read(&image, bytes, size_bytes));
    munmap(bytes, size_bytes);
    killing_close(&killing);
}

static void damaged_bodies(void **state)
{
    struct killing killing;
    struct memory_image image;
    size_t size_bytes;
    killing_open(&killing, state);
    child_kill(&killing, 20, 0);
    uint8_t *bytes = image_load(&killing, &size_bytes);
    assert_true(memory_image_read(&image, bytes, size_bytes));
    uint64_t whole = image_documents(&image);
    uint64_t begin = image.layout.workers + image.layout.marks, places = 0, losses = 0;
    srand(1);
    for (uint32_t round = 0; round < 400; round++) {
        uint64_t at = begin + (uint64_t)rand() % (image.layout.content - image.layout.marks);
        uint8_t was = bytes[at];
        bytes[at] = (uint8_t)rand();
        uint64_t documents = image_documents(&image);
        assert_true(documents <= whole + 2 * 257); /* of a body that was not in use */
        places++;
        losses += documents < whole;
        bytes[at] = was;
    }
    assert_int_equal(image_documents(&image), whole);
    assert_true(losses > 0 && losses < places);
    munmap(bytes, size_bytes);
    killing_close(&killing);
}

/* Noise in all but the documents, and recovered all the same: only whole documents come out, the rest is counted. */
static void noise_is_recovered(void **state)
{
    struct killing killing;
    char path[PATH_MAX];
    killing_open(&killing, state);
    srand(2);
    for (uint32_t round = 0; round < 12; round++) {
        tally_clear(&killing);
        child_kill(&killing, 10, 0);
        assert_int_equal(memory_files(&killing, path), 1);
        struct memory_image image;
        size_t size_bytes;
        uint8_t *bytes = image_load(&killing, &size_bytes);
        assert_true(memory_image_read(&image, bytes, size_bytes));
        munmap(bytes, size_bytes);
        int fd = open(path, O_RDWR);
        for (uint32_t i = 0; i < 1 + round * 50; i++) {
            uint64_t at = image.layout.workers + (uint64_t)rand() % image.layout.content;
            uint32_t word = (uint32_t)rand();
            assert_int_equal(pwrite(fd, &word, sizeof word, (off_t)at), sizeof word);
        }
        close(fd);
        struct start start = start_next(&killing, WORKERS);
        start_balanced(&start);
    }
    killing_close(&killing);
}

int main(void)
{
    log_setup(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_with_a_sink_that_is_stuck, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(killed_with_a_sink_that_takes_some, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(killed_before_the_spool_had_any, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(killed_when_all_was_answered, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(killed_while_it_recovers, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(other_workers_and_batches, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(an_output_without_a_spool, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(a_spool_that_is_gone, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(a_spool_that_is_full, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(an_orderly_end_leaves_nothing, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(two_processes_do_not_share, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(what_is_not_ours, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(no_room_for_it, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(damaged_headers, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(damaged_bodies, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(noise_is_recovered, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
