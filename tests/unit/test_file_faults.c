/* SPDX-License-Identifier: Apache-2.0 */

/* Files when things go wrong: killed runs, full disks, kernels without io_uring. */
#include "tests/unit/output_fixture.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- what a killed run leaves ---- */

static void leftovers_are_finished(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    char path[1024];
    static const char torn[] =
        "{\"w\":0,\"n\":0,\"x\":\"\"}\n{\"w\":0,\"n\":1,\"x\":\"\"}   \n{\"w\":0,\"n\":2,\"x\"\0\0\0\0";
    snprintf(path, sizeof path, "%s/flows.ndjson.partial", fixture->folder);
    write_file(path, torn, sizeof torn);
    snprintf(path, sizeof path, "%s/flows.3.ndjson.partial", fixture->folder);
    write_file(path, torn, 5);
    snprintf(path, sizeof path, "%s/flows.4.ndjson.partial", fixture->folder);
    write_file(path, torn, 22);
    snprintf(path, sizeof path, "%s/flows.4.ndjson", fixture->folder);
    write_file(path, "mine\n", 5);
    snprintf(path, sizeof path, "%s/other.ndjson.partial", fixture->folder);
    write_file(path, torn, sizeof torn);
    snprintf(path, sizeof path, "%s/flows.5.ndjson.partial", fixture->folder);
    write_file(path, torn, sizeof torn);
    int locked = open(path, O_RDONLY);
    assert_int_equal(flock(locked, LOCK_EX | LOCK_NB), 0);

    struct outputs *output = open_with(fixture, &producer);
    close_delivered(output, &producer);
    close(locked);
    assert_int_equal(size_of(path), sizeof torn);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/other.ndjson.partial", fixture->folder);
    assert_int_equal(size_of(path), sizeof torn);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(count_files(fixture, ".partial"), 0);
    struct readback readback = {0};
    read_file(&readback, fixture->path);
    assert_int_equal(readback.lines, 2);
    snprintf(path, sizeof path, "%s/flows.4.ndjson", fixture->folder);
    assert_int_equal(size_of(path), 5);
    snprintf(path, sizeof path, "%s/flows.4.2.ndjson", fixture->folder);
    assert_int_equal(size_of(path), 21);
    assert_int_equal(count_files(fixture, ""), 3);
}

/* A run that is killed while it writes: its files are valid as they are, and finished by the next start. */
static void kill_while_writing(struct fixture *fixture, enum compression method)
{
    struct producer producer;
    fixture_path(fixture, "%H/flows-%i.ndjson");
    fixture->config.output.compression = method;
    fixture->config.output.rotate_size = 4000000;
    int report[2];
    assert_int_equal(pipe(report), 0);
    pid_t child = fork();
    if (child == 0) {
        open_with(fixture, &producer);
        for (;;) {
            produce(&producer, true);
            if (producer.next % 64)
                continue;
            outlet_housekeep(producer.outlet, clock_steady_ns());
            uint64_t delivered = counted(&producer, COUNTER_records_delivered);
            assert_int_equal(write(report[1], &delivered, sizeof delivered), sizeof delivered);
        }
    }
    close(report[1]);
    uint64_t delivered = 0;
    while (delivered < 10000)
        assert_int_equal(read(report[0], &delivered, sizeof delivered), sizeof delivered);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(report[0], &delivered, sizeof delivered) == sizeof delivered)
        ;
    close(report[0]);
    assert_int_equal(count_files(fixture, ".partial"), 1);
    if (method == COMPRESSION_NONE) {
        struct readback before = read_folder(fixture, "");
        assert_true(before.lines >= delivered && before.gaps == 0);
    }

    struct outputs *output = open_with(fixture, &producer);
    close_delivered(output, &producer);
    assert_int_equal(count_files(fixture, ".partial"), 0);
    struct readback readback = read_folder(fixture, "");
    assert_true(readback.lines >= delivered);
    assert_int_equal(readback.gaps, 0);
}

static void a_killed_run_loses_nothing_delivered(void **state)
{
    kill_while_writing(*state, COMPRESSION_NONE);
}

static void a_killed_run_keeps_its_frames(void **state)
{
    kill_while_writing(*state, COMPRESSION_ZSTD);
}

static void a_killed_run_keeps_its_members(void **state)
{
    kill_while_writing(*state, COMPRESSION_GZIP);
}

/* ---- a full disk ---- */

static void run_command(const char *format, const char *folder)
{
    char command[1024];
    snprintf(command, sizeof command, format, folder, folder, folder, folder);
    if (system(command) != 0)
        skip(); /* no right to mount, no loop devices */
}

#define FILL_WAITING 200 /* documents: with the next hundred, fewer than the batches have room for */

/* Until the disk has no room, with nothing dropped before, however slow the output is; and then no batch is left. */
static void fill(const struct outputs *output, struct producer *producer)
{
    while (!counted_by(output, COUNTER_output_write_errors)) {
        if (outlet_waiting(producer->outlet) <= FILL_WAITING)
            produce_many(producer, 100, false);
        sleep_ms(2);
        outlet_collect(producer->outlet);
    }
    assert_int_equal(producer->dropped, 0);
    while (!producer->dropped)
        produce_many(producer, 100, false);
}

/* The fixture's folder is a small file system. It fills up, gets room again and takes everything after all. */
static void fill_and_free(struct fixture *fixture, const char *end)
{
    struct producer producer;
    char ballast[512];
    static uint8_t bytes[600000];
    snprintf(ballast, sizeof ballast, "%s/ballast", fixture->folder);
    write_file(ballast, bytes, sizeof bytes);
    struct outputs *output = open_with(fixture, &producer);
    producer.random = true;
    fill(output, &producer);
    outlet_collect(producer.outlet);
    assert_ledger(&producer);
    assert_true(outlet_waiting(producer.outlet) > 0);
    struct readback before = read_folder(fixture, ".partial");
    assert_int_equal(before.lines, counted(&producer, COUNTER_records_delivered));
    assert_int_equal(before.gaps, 0);
    assert_true(before.lines > 0);

    assert_int_equal(unlink(ballast), 0);
    for (int i = 0; i < 1000 && outlet_waiting(producer.outlet); i++) {
        sleep_ms(10);
        outlet_collect(producer.outlet);
    }
    assert_int_equal(outlet_waiting(producer.outlet), 0);
    uint64_t documents = producer.next - producer.dropped;
    close_delivered(output, &producer);
    assert_int_equal(read_folder(fixture, end).lines, documents);
    assert_int_equal(count_files(fixture, ".partial"), 0);
}

/* It fills up and stays full until the end: what was not written is counted, what was written is whole. */
static void fill_and_close(struct fixture *fixture, const char *end)
{
    struct producer producer;
    fixture->config.output.flush_timeout = 300 * NS_PER_MS;
    struct outputs *output = open_with(fixture, &producer);
    producer.random = true;
    fill(output, &producer);
    int64_t begin = clock_steady_ns();
    assert_int_equal(outputs_close(output), -ETIMEDOUT);
    assert_in_range(clock_steady_ns() - begin, 200 * NS_PER_MS, 2 * NS_PER_S);
    assert_true(counted(&producer, COUNTER_records_failed) > 0);
    assert_int_equal(outlet_waiting(producer.outlet), 0);
    assert_ledger(&producer);
    assert_int_equal(read_folder(fixture, end).lines, counted(&producer, COUNTER_records_delivered));
    assert_int_equal(count_files(fixture, ".partial"), 0);
    outputs_free(output);
}

static int mounted_close(void **state)
{
    struct fixture *fixture = *state;
    umount2(fixture->folder, MNT_DETACH);
    char image[512];
    snprintf(image, sizeof image, "%s.image", fixture->folder);
    unlink(image);
    return fixture_close(state);
}

#define MOUNT_TMPFS "mount -t tmpfs -o size=1m none %s 2>/dev/null"
#define MOUNT_EXT4                                                                                                    \
    "truncate -s 2M %s.image && mkfs.ext4 -q -O ^has_journal %s.image && mount -o loop %s.image %s && rmdir %s/lost*"

static void a_full_tmpfs(void **state)
{
    run_command(MOUNT_TMPFS, ((struct fixture *)*state)->folder);
    fill_and_free(*state, ".ndjson");
}

static void a_tmpfs_that_stays_full(void **state)
{
    run_command(MOUNT_TMPFS, ((struct fixture *)*state)->folder);
    fill_and_close(*state, ".ndjson");
}

static void mount_ext4(struct fixture *fixture)
{
    char command[2048];
    const char *folder = fixture->folder;
    snprintf(command, sizeof command, "(" MOUNT_EXT4 ") 2>/dev/null", folder, folder, folder, folder, folder);
    if (system(command) != 0)
        skip();
}

static void a_full_disk(void **state)
{
    mount_ext4(*state);
    fill_and_free(*state, ".ndjson");
}

static void a_full_disk_with_frames(void **state)
{
    struct fixture *fixture = *state;
    mount_ext4(fixture);
    fixture->config.output.compression = COMPRESSION_ZSTD;
    fill_and_free(fixture, ".zst");
}

static void a_full_disk_through_the_page_cache(void **state)
{
    struct fixture *fixture = *state;
    mount_ext4(fixture);
    fixture->config.output.direct = DIRECT_IO_OFF;
    fixture->config.output.compression = COMPRESSION_GZIP;
    fill_and_free(fixture, ".gz");
}

static void a_disk_that_stays_full(void **state)
{
    struct fixture *fixture = *state;
    mount_ext4(fixture);
    fixture->config.output.compression = COMPRESSION_LZ4;
    fill_and_close(fixture, ".lz4");
}

/* SIGHUP while the disk is full: the file is finished, and the batches that waited go to the next one. */
static void reopening_on_a_full_disk(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    run_command(MOUNT_TMPFS, fixture->folder);
    struct outputs *output = open_with(fixture, &producer);
    fill(output, &producer);
    outputs_reopen(output);
    sleep_ms(50);
    assert_whole(fixture, "flows.ndjson", (uint32_t)counted(&producer, COUNTER_records_delivered));
    assert_int_equal(unlink(fixture->path), 0); /* which makes room */
    for (int i = 0; i < 1000 && outlet_waiting(producer.outlet); i++) {
        sleep_ms(10);
        outlet_collect(producer.outlet);
    }
    close_delivered(output, &producer);
    assert_int_equal(count_files(fixture, "flows.2.ndjson"), 1);
}

/* ---- where the kernel forbids io_uring, as container runtimes do ---- */

/* Forbids io_uring_setup() to this thread and those that it starts; then opens the output. */
static void *open_forbidden(void *argument)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof program / sizeof *program, .filter = program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
        return NULL;
    return outputs_open(argument, 1);
}

static void without_io_uring(void **state)
{
    struct fixture *fixture = *state;
    struct producer producer;
    pthread_t opener;
    void *output;
    fixture->config.output.rotate_size = 1000000;
    assert_int_equal(pthread_create(&opener, NULL, open_forbidden, &fixture->config), 0);
    pthread_join(opener, &output);
    assert_non_null(output);
    producer_init(&producer, output, 0);
    produce_many(&producer, 5000, true);
    close_delivered(output, &producer);
    assert_true(count_files(fixture, ".ndjson") > 2);
    assert_whole(fixture, ".ndjson", 5000);
}

#define TEST_FILE(function)    cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)
#define TEST_MOUNTED(function) cmocka_unit_test_setup_teardown(function, fixture_open, mounted_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_FILE(leftovers_are_finished),
        TEST_FILE(a_killed_run_loses_nothing_delivered),
        TEST_FILE(a_killed_run_keeps_its_frames),
        TEST_FILE(a_killed_run_keeps_its_members),
        TEST_MOUNTED(a_full_tmpfs),
        TEST_MOUNTED(a_tmpfs_that_stays_full),
        TEST_MOUNTED(a_full_disk),
        TEST_MOUNTED(a_full_disk_with_frames),
        TEST_MOUNTED(a_full_disk_through_the_page_cache),
        TEST_MOUNTED(a_disk_that_stays_full),
        TEST_MOUNTED(reopening_on_a_full_disk),
        TEST_FILE(without_io_uring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
