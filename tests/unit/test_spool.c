/* SPDX-License-Identifier: Apache-2.0 */

/* The spool when all is well: what was put comes back, once and in order, in this run or the next. */
#include "tests/unit/spool_fixture.h"

#include <sys/wait.h>

#include "export/spool/frame.h"

/* ---- round trips ---- */

struct round {
    enum compression compression;
    enum direct_io direct;
    uint32_t failed; /* of a hundred documents */
    bool ids, random, reading;
};

static void round_trip(struct fixture *fixture, const struct round *round)
{
    fixture->output.spool.compression = round->compression;
    fixture->output.direct = round->direct;
    fixture->ids = round->ids;
    fixture->random = round->random;
    uint64_t read = fixture->read;
    spool_begin(fixture);
    for (int i = 0; i < 40; i++)
        assert_int_equal(put(fixture, round->failed, round->reading), 0);
    settle(fixture);
    assert_ledger(fixture);
    if (spool_bytes(fixture->spool) > fixture->output.spool.segment_size)
        assert_true(count_segments(fixture) > 1);
    if (!round->reading)
        assert_int_equal(segments_bytes(fixture), spool_bytes(fixture->spool));
    read_all(fixture);
    assert_exporters(fixture);
    assert_true(fixture->read > read || !round->failed);
    assert_int_equal(fixture->again + fixture->out_of_order + fixture->refused, 0);
    assert_int_equal(sum(fixture->dropped, EXPORTERS + 1), 0);
    assert_int_equal(count_missing(fixture), 0);
    spool_end(fixture);
    assert_int_equal(count_segments(fixture), 0);
}

static void documents_come_back(void **state)
{
    static const struct round rounds[] = {
        {COMPRESSION_NONE, DIRECT_IO_AUTO, 100, .ids = true},
        {COMPRESSION_LZ4, DIRECT_IO_AUTO, 100, .ids = true},
        {COMPRESSION_ZSTD, DIRECT_IO_AUTO, 100, .ids = false},
        {COMPRESSION_NONE, DIRECT_IO_OFF, 35, .random = true},
        {COMPRESSION_LZ4, DIRECT_IO_OFF, 35, .ids = true},
        {COMPRESSION_ZSTD, DIRECT_IO_OFF, 3, .ids = true, .reading = true},
        {COMPRESSION_LZ4, DIRECT_IO_AUTO, 50, .random = true, .reading = true},
        {COMPRESSION_ZSTD, DIRECT_IO_AUTO, 100, .random = true},
        {COMPRESSION_LZ4, DIRECT_IO_AUTO, 0, .ids = true},
    };
    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++)
        round_trip(*state, &rounds[i]);
}

static void what_does_not_shrink_is_raw(void **state)
{
    struct fixture *fixture = *state;
    fixture->output.spool.compression = COMPRESSION_LZ4;
    spool_begin(fixture);
    put_many(fixture, 4, 100);
    uint64_t compressed = counted(fixture, COUNTER_spool_bytes_written);
    assert_in_range(compressed, 1, 4 * BATCH_BYTES / 3);
    fixture->random = true;
    put_many(fixture, 4, 100);
    uint64_t raw = counted(fixture, COUNTER_spool_bytes_written) - compressed;
    assert_in_range(raw, 4 * BATCH_BYTES - 4 * 4096, 4 * (BATCH_BYTES + 2 * 4096));
    assert_int_equal(counted(fixture, COUNTER_spool_frames_written), 8);
    read_all(fixture);
    assert_int_equal(counted(fixture, COUNTER_spool_frames_read), 8);
    spool_end(fixture);
}

static void feeds_are_known_in_this_run_alone(void **state)
{
    struct fixture *fixture = *state;
    struct batch *batch;
    spool_begin(fixture);
    struct batch *own = batch_fill(fixture, 100);
    struct feed *feed = own->feed;
    int64_t sealed_ns = own->sealed_ns;
    assert_int_equal(spool_put(fixture->spool, own), 0);
    settle(fixture);
    while (!(batch = spool_next(fixture->spool, clock_steady_ns())))
        rest(fixture), serve(fixture, false);
    assert_ptr_equal(batch->feed, feed);
    assert_int_equal(batch->sealed_ns, sealed_ns);
    batch_read(fixture, batch);
    spool_give_back(fixture->spool, batch); /* not over */
    assert_int_equal(spool_waiting(fixture->spool), fixture->read);
    spool_end(fixture);

    spool_begin(fixture);
    assert_int_equal(counted(fixture, COUNTER_records_recovered), fixture->read);
    while (!(batch = spool_next(fixture->spool, clock_steady_ns())))
        rest(fixture), serve(fixture, false);
    assert_null(batch->feed);
    assert_int_equal(batch->sealed_ns, sealed_ns);
    batch_over(fixture, batch);
    assert_exporters(fixture);
    spool_end(fixture);
}

/* What the output could not deliver of a frame may be put again. */
static void own_batches_are_taken(void **state)
{
    struct fixture *fixture = *state;
    struct batch *batch, *back;
    spool_begin(fixture);
    put_many(fixture, 1, 100);
    uint64_t documents = spool_waiting(fixture->spool);
    while (!(batch = spool_next(fixture->spool, clock_steady_ns())))
        rest(fixture), serve(fixture, false);
    batch_judge_from(batch, 5, VERDICT_FAILED);
    assert_int_equal(spool_put(fixture->spool, batch), 0);
    while (!spool_poll(fixture->spool, &back, 1))
        rest(fixture);
    assert_ptr_equal(back, batch);
    assert_int_equal(batch->spooled, documents - 5);
    spool_frame_over(fixture->spool, batch);
    spool_give_back(fixture->spool, batch);
    assert_int_equal(spool_waiting(fixture->spool), documents - 5);
    read_all(fixture);
    assert_int_equal(fixture->read, documents - 5);
    spool_end(fixture);
}

/* ---- restart ---- */

static void next_run_sends_the_rest(void **state)
{
    struct fixture *fixture = *state;
    fixture->random = true;
    spool_begin(fixture);
    put_many(fixture, 50, 100);
    uint64_t put_count = spool_waiting(fixture->spool);
    struct batch *kept = NULL, *batch;
    for (int i = 0; i < 20;) {
        if (!(batch = spool_next(fixture->spool, clock_steady_ns()))) {
            serve(fixture, false);
            rest(fixture);
            continue;
        }
        batch_read(fixture, batch);
        if (i++ == 4)
            kept = batch; /* one in the middle is not over */
        else
            batch_over(fixture, batch);
    }
    uint32_t kept_count = kept->count;
    uint64_t left = spool_waiting(fixture->spool);
    assert_int_equal(left, put_count - fixture->read + kept_count);
    spool_give_back(fixture->spool, kept);
    spool_end(fixture);

    fixture->last_read = 0;
    spool_begin(fixture);
    assert_int_equal(counted(fixture, COUNTER_records_recovered), left);
    assert_int_equal(spool_waiting(fixture->spool), left);
    put_many(fixture, 10, 100);
    read_all(fixture);
    assert_int_equal(fixture->again, kept_count);
    assert_int_equal(fixture->out_of_order, 0);
    assert_exporters(fixture);
    assert_int_equal(count_missing(fixture), 0);
    spool_end(fixture);

    spool_begin(fixture);
    assert_int_equal(counted(fixture, COUNTER_records_recovered), left);
    spool_end(fixture);
}

/* Batches are smaller now: a frame comes in parts, and is over when they all are. */
static void larger_frames_come_in_parts(void **state)
{
    struct fixture *fixture = *state;
    fixture->ids = true;
    spool_begin(fixture);
    put_many(fixture, 10, 100);
    spool_end(fixture);

    fixture->output.batch_size = 8192;
    spool_begin(fixture);
    uint64_t waiting = spool_waiting(fixture->spool);
    struct batch *batch;
    while (!(batch = spool_next(fixture->spool, clock_steady_ns())))
        rest(fixture), serve(fixture, false);
    assert_true(batch->size_bytes <= 8192 && batch->capacity_bytes == 8192);
    batch_read(fixture, batch);
    batch_over(fixture, batch);
    assert_true(spool_waiting(fixture->spool) < waiting);
    spool_end(fixture); /* in the middle of it */

    fixture->last_read = 0;
    uint64_t part = fixture->read;
    spool_begin(fixture);
    assert_int_equal(spool_waiting(fixture->spool), waiting);
    read_all(fixture);
    assert_int_equal(fixture->again, part);
    assert_int_equal(fixture->out_of_order, 0);
    assert_int_equal(count_missing(fixture), 0);
    spool_end(fixture);
    assert_int_equal(count_segments(fixture), 0);
}

static void documents_that_fit_no_batch_are_counted(void **state)
{
    struct fixture *fixture = *state;
    fixture->output.batch_size = BATCH_BYTES;
    spool_begin(fixture);
    put_many(fixture, 3, 100);
    spool_end(fixture);
    fixture->output.batch_size = 1024; /* option rows allow no such thing: documents here are short */
    spool_begin(fixture);
    uint64_t waiting = spool_waiting(fixture->spool);
    read_all(fixture);
    assert_int_equal(fixture->dropped_as[COUNTER_records_failed], waiting);
    assert_int_equal(counted(fixture, COUNTER_spool_frames_damaged), 3);
    assert_exporters(fixture);
    spool_end(fixture);
}

/* ---- rate ---- */

static void rate_is_kept(void **state)
{
    struct fixture *fixture = *state;
    spool_begin(fixture);
    put_many(fixture, 30, 100);
    spool_end(fixture);
    fixture->output.spool.replay_rate = 1 << 20;
    spool_begin(fixture);
    int64_t begin_ns = clock_steady_ns();
    uint32_t rounds = 0;
    while (spool_waiting(fixture->spool)) {
        rounds++;
        if (!serve(fixture, true))
            rest(fixture);
    }
    double seconds = (double)(clock_steady_ns() - begin_ns) / NS_PER_S;
    double expected = (double)fixture->read_bytes / (1 << 20);
    assert_true(seconds > expected - 0.3); /* the first and the last frame are before and after */
    assert_true(seconds < expected + 1);
    assert_true(rounds < 1000); /* it sleeps in between */
    spool_end(fixture);
}

/* The rate allows the next frame between spool_next() and spool_poll(): the thread asks again before it sleeps. */
static void rate_that_allows_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    struct batch *batches[BATCHES], *batch;
    spool_begin(fixture);
    put_many(fixture, 30, 100);
    spool_end(fixture);
    fixture->output.spool.replay_rate = 1 << 20;
    spool_begin(fixture);
    int64_t stopped_ns = clock_steady_ns() + NS_PER_MS;
    for (int i = 0; i < 50; i++) { /* at one moment, however long the reads take: what is left is without tokens */
        while ((batch = spool_next(fixture->spool, stopped_ns))) {
            batch_read(fixture, batch);
            batch_over(fixture, batch);
        }
        usleep(1000);
        spool_poll(fixture->spool, batches, BATCHES);
    }
    assert_null(spool_next(fixture->spool, stopped_ns));
    assert_true(fixture->read > 0 && spool_waiting(fixture->spool) > 0);
    while (spool_due_ns(fixture->spool) > clock_steady_ns())
        usleep(1000);
    spool_poll(fixture->spool, batches, BATCHES);
    assert_true(spool_due_ns(fixture->spool) <= clock_steady_ns());
    read_all(fixture);
    spool_end(fixture);
}

/* ---- others in the folder ---- */

static void folder_has_one_owner(void **state)
{
    struct fixture *fixture = *state;
    spool_begin(fixture);
    struct spool *first = fixture->spool;
    put_many(fixture, 2, 100);
    pid_t child = fork();
    if (child == 0)
        _exit(spool_try(fixture) == -EBUSY ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(spool_try(fixture), -EBUSY);
    fixture->spool = first;
    read_all(fixture);
    spool_end(fixture);
    spool_begin(fixture);
    spool_end(fixture);
}

static void newer_segments_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct frame_header header = {.magic = FRAME_MAGIC, .version = FRAME_VERSION + 1};
    char block[4096] = {0}, path[PATH_MAX];
    spool_begin(fixture);
    spool_end(fixture);
    memcpy(block, &header, sizeof header);
    snprintf(path, sizeof path, "%s/out-0/000000000007-00000000000000aa.spool", fixture->path);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, block, sizeof block), sizeof block);
    close(fd);
    assert_int_equal(spool_try(fixture), -EPROTONOSUPPORT);
    assert_int_equal(count_segments(fixture), 1);
}

static void strange_names_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"7.spool", "000000000007-aa.spool", "000000000007-00000000000000aa.spool~",
                                        "x000000000007-00000000000000aa.spool"};
    char path[PATH_MAX];
    spool_begin(fixture);
    spool_end(fixture);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/out-0/%s", fixture->path, names[i]);
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    spool_begin(fixture);
    put_many(fixture, 1, 100);
    read_all(fixture);
    spool_end(fixture);
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/out-0/%s", fixture->path, names[i]);
        assert_int_equal(access(path, F_OK), 0);
    }
}

static void impossible_folders_are_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture->output.spool.path = "/dev/null";
    assert_int_equal(spool_try(fixture), -ENOTDIR);
    fixture->output.spool.path = "/proc/weir";
    assert_true(spool_try(fixture) < 0);
    fixture->output.spool.path = fixture->path;
    fixture->output.name = "../up";
    assert_int_equal(spool_try(fixture), -EINVAL);
}

int main(void)
{
    log_setup(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(documents_come_back, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(what_does_not_shrink_is_raw, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(feeds_are_known_in_this_run_alone, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(own_batches_are_taken, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(next_run_sends_the_rest, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(larger_frames_come_in_parts, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(documents_that_fit_no_batch_are_counted, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(rate_is_kept, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(rate_that_allows_meanwhile, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(folder_has_one_owner, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(newer_segments_are_refused, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(strange_names_are_left_alone, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(impossible_folders_are_refused, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
