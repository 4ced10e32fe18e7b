/* SPDX-License-Identifier: Apache-2.0 */

/* What the spool lets go of, and what it does when there is no room or no disk: every document is accounted for. */
#include "tests/unit/spool_fixture.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* ---- spool.size ---- */

static void oldest_go(void **state)
{
    struct fixture *fixture = *state;
    fixture->random = true;
    fixture->output.spool.size = 4 << 20;
    fixture->output.spool.when_full = SPOOL_DROP_OLDEST;
    spool_begin(fixture);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(put(fixture, 100, false), 0);
        assert_true(segments_bytes(fixture) <= 4 << 20);
    }
    settle(fixture);
    assert_ledger(fixture);
    uint64_t dropped = fixture->dropped_as[COUNTER_records_spool_full], waiting = spool_waiting(fixture->spool);
    assert_int_equal(sum(fixture->dropped, EXPORTERS), dropped);
    assert_true(dropped > 0 && spool_bytes(fixture->spool) > 2 << 20);
    read_all(fixture);
    assert_exporters(fixture);
    assert_int_equal(fixture->read, waiting);
    assert_int_equal(fixture->refused + fixture->again + fixture->out_of_order, 0);
    /* what is left is the newest: no document is missing behind the first one that was read */
    uint32_t first = 0;
    while (fixture->fates[first] != FATE_OVER)
        first++;
    assert_int_equal(fixture->next - first, fixture->read);
    spool_end(fixture);
}

/* The bound is the output's: each of its threads has its part. */
static void threads_share_the_size(void **state)
{
    struct fixture *fixture = *state;
    fixture->random = true;
    fixture->output.threads = 2;
    fixture->output.spool.size = 8 << 20;
    spool_begin(fixture);
    for (int i = 0; i < 150; i++) {
        assert_int_equal(put(fixture, 100, false), 0);
        assert_true(segments_bytes(fixture) <= 4 << 20);
    }
    settle(fixture);
    assert_ledger(fixture);
    spool_end(fixture);
}

static void newest_are_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture->random = true;
    fixture->output.spool.size = 4 << 20;
    fixture->output.spool.when_full = SPOOL_DROP_NEWEST;
    spool_begin(fixture);
    int accepted = 0, error = 0;
    while (!(error = put(fixture, 100, false)))
        accepted++;
    assert_int_equal(error, -ENOSPC);
    assert_int_equal(put(fixture, 100, false), -ENOSPC);
    assert_in_range(accepted, 50, 63);
    settle(fixture);
    assert_ledger(fixture);
    assert_true(segments_bytes(fixture) <= 4 << 20);
    uint64_t waiting = spool_waiting(fixture->spool);
    while (fixture->read < waiting / 2)
        if (!serve(fixture, true))
            rest(fixture);
    assert_int_equal(put(fixture, 100, false), 0); /* there is room again */
    settle(fixture);
    read_all(fixture);
    assert_exporters(fixture);
    assert_int_equal(sum(fixture->dropped, EXPORTERS + 1), 0);
    assert_int_equal(fixture->dropped_as[COUNTER_records_spool_full], 0);
    spool_end(fixture);
}

/* Frames that are with the output are on disk all the same: another segment goes instead. */
static void what_is_out_stays(void **state)
{
    struct fixture *fixture = *state;
    struct batch *out[4];
    fixture->random = true;
    fixture->output.spool.size = 4 << 20;
    spool_begin(fixture);
    put_many(fixture, 40, 100);
    for (int i = 0; i < 4;) {
        if ((out[i] = spool_next(fixture->spool, clock_steady_ns())))
            batch_read(fixture, out[i++]);
        else
            serve(fixture, false), rest(fixture);
    }
    put_many(fixture, 200, 100);
    assert_true(fixture->dropped_as[COUNTER_records_spool_full] > 0);
    assert_ledger(fixture);
    uint64_t kept = 0;
    for (int i = 0; i < 4; i++) {
        kept += out[i]->count;
        spool_give_back(fixture->spool, out[i]); /* not over: the next run sends it */
    }
    uint64_t waiting = spool_waiting(fixture->spool);
    spool_end(fixture);

    fixture->last_read = 0;
    spool_begin(fixture);
    assert_int_equal(spool_waiting(fixture->spool), waiting);
    read_all(fixture);
    assert_int_equal(fixture->again, kept);
    assert_exporters(fixture);
    spool_end(fixture);
}

/* The oldest go while they are being read, too, and while what was dropped is not fetched at once. */
static void reading_and_dropping(void **state)
{
    struct fixture *fixture = *state;
    fixture->random = true;
    fixture->output.spool.size = 3 << 20;
    fixture->output.spool.replay_rate = 2 << 20;
    spool_begin(fixture);
    for (int i = 0; i < 600; i++)
        assert_int_equal(put(fixture, 90, i % 3 == 0), 0);
    settle(fixture);
    read_all(fixture);
    assert_exporters(fixture);
    assert_true(fixture->dropped_as[COUNTER_records_spool_full] > 0 && fixture->read > 0);
    assert_int_equal(fixture->again + fixture->out_of_order, 0);
    spool_end(fixture);
    assert_int_equal(count_segments(fixture), 0);
}

static void less_room_than_before(void **state)
{
    struct fixture *fixture = *state;
    fixture->random = true;
    spool_begin(fixture);
    put_many(fixture, 100, 100);
    spool_end(fixture);
    fixture->output.spool.size = 2 << 20;
    spool_begin(fixture);
    put_many(fixture, 10, 100);
    assert_true(segments_bytes(fixture) <= 2 << 20);
    assert_ledger(fixture);
    read_all(fixture);
    assert_exporters(fixture);
    assert_true(fixture->dropped_as[COUNTER_records_spool_full] > 0);
    spool_end(fixture);
}

/* ---- spool.age ---- */

static void old_ones_expire(void **state)
{
    struct fixture *fixture = *state;
    fixture->output.spool.age = NS_PER_S;
    spool_begin(fixture);
    put_many(fixture, 150, 100);
    uint64_t first = sum(fixture->put, EXPORTERS);
    struct timespec pause = {.tv_nsec = 500 * NS_PER_MS};
    nanosleep(&pause, NULL);
    put_many(fixture, 1, 100);
    while (fixture->dropped_as[COUNTER_records_spool_expired] < first)
        if (!serve(fixture, false))
            rest(fixture); /* it says itself when they expire */
    assert_int_equal(fixture->dropped_as[COUNTER_records_spool_expired], first);
    read_all(fixture);
    assert_exporters(fixture);
    assert_true(fixture->read > 0);
    spool_end(fixture);

    /* and what was read ahead of need */
    spool_begin(fixture);
    put_many(fixture, 10, 100);
    struct batch *first_read = spool_next(fixture->spool, clock_steady_ns()); /* from here on it reads ahead */
    if (first_read) {
        batch_read(fixture, first_read);
        batch_over(fixture, first_read);
    }
    uint64_t waiting = spool_waiting(fixture->spool), before = fixture->dropped_as[COUNTER_records_spool_expired];
    while (spool_waiting(fixture->spool))
        if (!serve(fixture, false))
            rest(fixture);
    assert_int_equal(fixture->dropped_as[COUNTER_records_spool_expired] - before, waiting);
    assert_exporters(fixture);
    spool_end(fixture);
    assert_int_equal(count_segments(fixture), 0);
}

static void age_counts_while_weir_is_down(void **state)
{
    struct fixture *fixture = *state;
    spool_begin(fixture);
    put_many(fixture, 5, 100);
    spool_end(fixture);
    struct timespec pause = {.tv_nsec = 50 * NS_PER_MS};
    nanosleep(&pause, NULL);
    fixture->output.spool.age = 40 * NS_PER_MS;
    spool_begin(fixture);
    uint64_t waiting = spool_waiting(fixture->spool);
    read_all(fixture);
    assert_int_equal(fixture->dropped_as[COUNTER_records_spool_expired], waiting);
    assert_int_equal(fixture->read, 0);
    assert_exporters(fixture);
    spool_end(fixture);
}

/* ---- disks ---- */

static bool mount_memory(const struct fixture *fixture, const char *options)
{
    assert_true(mkdir(fixture->path, 0700) == 0 || errno == EEXIST || errno == ENOENT);
    char command[PATH_MAX];
    snprintf(command, sizeof command, "mkdir -p %s", fixture->path);
    assert_int_equal(system(command), 0);
    if (mount("tmpfs", fixture->path, "tmpfs", 0, options) == 0)
        return true;
    print_message("mount: %s\n", strerror(errno));
    return false;
}

static void full_disk_drops_the_oldest(void **state)
{
    struct fixture *fixture = *state;
    if (!mount_memory(fixture, "size=3m"))
        skip();
    fixture->random = true;
    fixture->output.direct = DIRECT_IO_OFF;
    fixture->output.spool.segment_size = 512 << 10;
    spool_begin(fixture);
    for (int i = 0; i < 200; i++)
        assert_int_equal(put(fixture, 100, false), 0);
    settle(fixture);
    assert_ledger(fixture);
    assert_true(counted(fixture, COUNTER_spool_write_errors) > 0);
    assert_true(fixture->dropped_as[COUNTER_records_spool_full] > 0);
    assert_int_equal(fixture->refused, 0);
    read_all(fixture);
    assert_exporters(fixture);
    spool_end(fixture);
    assert_int_equal(umount2(fixture->path, MNT_DETACH), 0);
}

/* The disk has room for one segment alone: it must end, though something waits to be written into it. */
static void full_disk_of_one_segment(void **state)
{
    struct fixture *fixture = *state;
    if (!mount_memory(fixture, "size=1m"))
        skip();
    fixture->random = true;
    fixture->output.direct = DIRECT_IO_OFF;
    fixture->output.spool.size = 1 << 30;
    fixture->output.spool.segment_size = 64 << 20;
    spool_begin(fixture);
    while (!counted(fixture, COUNTER_spool_write_errors)) {
        assert_int_equal(put(fixture, 100, false), 0);
        serve(fixture, false);
    }
    int64_t by_ns = clock_steady_ns() + 15 * NS_PER_S;
    while ((fixture->free_count < BATCHES || spool_waiting(fixture->spool)) && clock_steady_ns() < by_ns)
        if (!serve(fixture, true))
            rest(fixture);
    assert_int_equal(fixture->free_count, BATCHES);
    assert_int_equal(spool_waiting(fixture->spool), 0);
    settle(fixture);
    assert_ledger(fixture);
    spool_end(fixture);
    assert_int_equal(umount2(fixture->path, MNT_DETACH), 0);
}

static void full_disk_refuses_the_newest(void **state)
{
    struct fixture *fixture = *state;
    if (!mount_memory(fixture, "size=3m"))
        skip();
    fixture->random = true;
    fixture->output.spool.when_full = SPOOL_DROP_NEWEST;
    spool_begin(fixture);
    int error = 0;
    for (int i = 0; i < 100 && !error; i++)
        error = put(fixture, 100, false);
    assert_int_equal(error, -ENOSPC);
    settle(fixture);
    assert_ledger(fixture);
    assert_true(fixture->refused > 0);
    read_all(fixture);
    assert_exporters(fixture);
    while ((error = put(fixture, 100, false)) == -ENOSPC) /* until it is tried again */
        rest(fixture);
    assert_int_equal(error, 0);
    settle(fixture);
    read_all(fixture);
    assert_exporters(fixture);
    spool_end(fixture);
    assert_int_equal(umount2(fixture->path, MNT_DETACH), 0);
}

/* Somebody else has filled the disk: the spool tries now and then, not all the time, and goes on once there is room. */
static void full_disk_of_others(void **state)
{
    struct fixture *fixture = *state;
    char command[PATH_MAX + 100];
    if (!mount_memory(fixture, "size=1m"))
        skip();
    snprintf(command, sizeof command, "cat /dev/zero >%s/other 2>/dev/null", fixture->path);
    assert_int_not_equal(system(command), 0);
    fixture->random = true;
    fixture->output.direct = DIRECT_IO_OFF;
    spool_begin(fixture);
    for (int64_t by_ns = clock_steady_ns() + 500 * NS_PER_MS; clock_steady_ns() < by_ns;) {
        put(fixture, 100, false);
        serve(fixture, false);
    }
    assert_in_range(counted(fixture, COUNTER_spool_write_errors), 1, 10);
    snprintf(command, sizeof command, "rm %s/other", fixture->path);
    assert_int_equal(system(command), 0);
    while (put(fixture, 100, false) == -ENOSPC)
        rest(fixture);
    settle(fixture);
    assert_true(spool_waiting(fixture->spool) > 0);
    read_all(fixture);
    assert_ledger(fixture);
    spool_end(fixture);
    assert_int_equal(umount2(fixture->path, MNT_DETACH), 0);
}

/* A disk whose file system fills up under writes past the page cache. */
static void full_ext4(void **state)
{
    struct fixture *fixture = *state;
    char command[PATH_MAX + 300];
    snprintf(command, sizeof command,
             "exec 2>/dev/null; mkdir -p %s && cd %s && truncate -s 12M image && mkfs.ext4 -q image && "
             "mount -o loop image %s", fixture->path, fixture->folder, fixture->path);
    if (system(command) != 0) {
        print_message("no loop devices or no mkfs.ext4\n");
        skip();
    }
    fixture->random = true;
    spool_begin(fixture);
    for (int i = 0; i < 400; i++)
        assert_int_equal(put(fixture, 100, false), 0);
    settle(fixture);
    assert_ledger(fixture);
    assert_true(counted(fixture, COUNTER_spool_write_errors) > 0);
    assert_true(fixture->dropped_as[COUNTER_records_spool_full] > 0);
    assert_int_equal(fixture->refused, 0);
    uint64_t waiting = spool_waiting(fixture->spool);
    spool_end(fixture);
    spool_begin(fixture); /* on a full disk */
    assert_int_equal(spool_waiting(fixture->spool), waiting);
    read_all(fixture);
    assert_exporters(fixture);
    assert_int_equal(fixture->again + fixture->out_of_order, 0);
    spool_end(fixture);
    assert_int_equal(umount2(fixture->path, MNT_DETACH), 0);
}

/* A file system without O_DIRECT, which tmpfs was for long, or with it: the same documents. */
static void memory_will_do(void **state)
{
    struct fixture *fixture = *state;
    if (!mount_memory(fixture, "size=30m"))
        skip();
    spool_begin(fixture);
    put_many(fixture, 50, 80);
    read_all(fixture);
    assert_exporters(fixture);
    spool_end(fixture);
    assert_int_equal(umount2(fixture->path, MNT_DETACH), 0);
}

static void broken_disk_gives_batches_back(void **state)
{
    struct fixture *fixture = *state;
    fixture->random = true;
    spool_begin(fixture);
    put_many(fixture, 3, 100);
    struct rlimit before, limit;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 512 << 10;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    while (!fixture->refused) {
        assert_int_equal(put(fixture, 100, false), 0);
        if (!serve(fixture, false))
            rest(fixture);
    }
    assert_int_equal(fixture->dropped_as[COUNTER_records_failed], 0);
    assert_true(counted(fixture, COUNTER_spool_write_errors) > 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    settle(fixture);
    put_many(fixture, 20, 100);
    assert_ledger(fixture);
    uint64_t waiting = spool_waiting(fixture->spool);
    spool_end(fixture);
    spool_begin(fixture);
    assert_int_equal(spool_waiting(fixture->spool), waiting);
    read_all(fixture);
    assert_exporters(fixture);
    assert_int_equal(count_missing(fixture), 0);
    assert_int_equal(counted(fixture, COUNTER_spool_frames_damaged), 0);
    spool_end(fixture);
}

static void read_only_folders(void **state)
{
    struct fixture *fixture = *state;
    if (!mount_memory(fixture, "size=30m"))
        skip();
    spool_begin(fixture);
    put_many(fixture, 5, 100);
    spool_end(fixture);
    /* The same folder once more, read-only: to remount it must wait until the kernel lets go of io_uring's files. */
    assert_int_equal(mount(fixture->path, fixture->path, NULL, MS_BIND, NULL), 0);
    assert_int_equal(mount(NULL, fixture->path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
    assert_int_equal(spool_try(fixture), -EROFS);
    assert_int_equal(umount2(fixture->path, MNT_DETACH), 0);
    spool_begin(fixture);
    read_all(fixture);
    assert_exporters(fixture);
    spool_end(fixture);
    assert_int_equal(umount2(fixture->path, MNT_DETACH), 0);
}

int main(void)
{
    log_setup(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(oldest_go, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(threads_share_the_size, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(newest_are_refused, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(what_is_out_stays, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(reading_and_dropping, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(less_room_than_before, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(old_ones_expire, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(age_counts_while_weir_is_down, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(full_disk_drops_the_oldest, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(full_disk_of_one_segment, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(full_disk_refuses_the_newest, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(full_disk_of_others, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(full_ext4, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(memory_will_do, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(broken_disk_gives_batches_back, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(read_only_folders, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
