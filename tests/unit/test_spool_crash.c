/* SPDX-License-Identifier: Apache-2.0 */

/* The spool when it is killed, torn or changed on disk: what was written whole is there, nothing else ever is. */
#include "tests/unit/spool_fixture.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- kill -9 ---- */

/* What the child has told us, in memory that both have: it is there whenever the child is killed. */
struct witness {
    _Atomic uint64_t spooled;  /* documents that spool_poll() said to be on disk */
    uint8_t fates[DOCUMENTS_MOST];
};

static void child_run(struct fixture *fixture, struct witness *witness, bool reading)
{
    if (spool_try(fixture) != 0)
        _exit(1);
    fixture->fates = witness->fates;
    while (fixture->next < DOCUMENTS_MOST - 1000) {
        put(fixture, 60, reading);
        serve(fixture, reading);
        witness->spooled = sum(fixture->put, EXPORTERS);
    }
    _exit(2);
}

/* Documents of a killed run come back whole, the acknowledged ones all of them. */
static void parent_read(struct fixture *fixture, const struct witness *witness, uint64_t *again)
{
    memset(fixture->fates, FATE_NONE, DOCUMENTS_MOST); /* what the child did is not known here but for the witness */
    memset(fixture->put, 0, sizeof fixture->put);
    memset(fixture->over, 0, sizeof fixture->over);
    fixture->again = 0;
    fixture->last_read = 0;
    spool_begin(fixture);
    uint64_t recovered = spool_waiting(fixture->spool);
    read_all(fixture);
    assert_int_equal(sum(fixture->over, EXPORTERS), recovered);
    assert_int_equal(fixture->again + fixture->out_of_order, 0);
    for (uint32_t i = 0; i < DOCUMENTS_MOST; i++) {
        bool on_disk = witness->fates[i] == FATE_SPOOLED || witness->fates[i] == FATE_READ;
        assert_true(!on_disk || fixture->fates[i] == FATE_OVER);
        assert_true(witness->fates[i] != FATE_DELIVERED || fixture->fates[i] == FATE_NONE);
        *again += witness->fates[i] == FATE_OVER && fixture->fates[i] == FATE_OVER;
    }
    assert_int_equal(sum(fixture->dropped, EXPORTERS + 1), 0);
    spool_end(fixture);
}

static void kill_many(struct fixture *fixture, bool reading, uint32_t rounds)
{
    struct witness *witness = mmap(NULL, sizeof *witness, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t again = 0, spooled = 0;
    for (uint32_t i = 0; i < rounds; i++) {
        memset(witness, 0, sizeof *witness);
        pid_t child = fork();
        if (child == 0)
            child_run(fixture, witness, reading);
        struct timespec pause = {.tv_nsec = (1 + i * 37 % 60) * NS_PER_MS};
        while (!witness->spooled)
            nanosleep(&pause, NULL);
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 2);
        parent_read(fixture, witness, &again);
        spooled += witness->spooled;
    }
    assert_true(spooled > 0);
    print_message("%u kills: %llu documents were spooled, %llu came twice\n", rounds, (unsigned long long)spooled,
                  (unsigned long long)again);
    assert_true(reading || !again);
    munmap(witness, sizeof *witness);
}

static void killed_while_writing(void **state)
{
    struct fixture *fixture = *state;
    fixture->random = true;
    kill_many(fixture, false, 12);
}

static void killed_while_writing_and_reading(void **state)
{
    struct fixture *fixture = *state;
    fixture->output.spool.compression = COMPRESSION_NONE;
    kill_many(fixture, true, 12);
}

/* ---- changed on disk ---- */

static char *first_segment(const struct fixture *fixture)
{
    static char path[PATH_MAX];
    glob_t found = {0};
    assert_true(find_segments(fixture, &found) > 0);
    snprintf(path, sizeof path, "%s", found.gl_pathv[0]);
    globfree(&found);
    return path;
}

struct image {
    uint8_t *bytes;
    uint64_t size;
};

static struct image image_load(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY);
    assert_int_equal(fstat(fd, &status), 0);
    struct image image = {malloc((size_t)status.st_size), (uint64_t)status.st_size};
    assert_int_equal(read(fd, image.bytes, image.size), image.size);
    close(fd);
    return image;
}

static void image_store(const char *path, const struct image *image, uint64_t size)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_int_equal(write(fd, image->bytes, size), size);
    close(fd);
}

static void cursor_remove(const struct fixture *fixture)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/out-0/cursor", fixture->path);
    unlink(path);
}

/* Reads what there is, whatever it is. Every document that comes is checked by the fixture. */
static void read_remains(struct fixture *fixture)
{
    memset(fixture->fates, FATE_NONE, DOCUMENTS_MOST);
    memset(fixture->over, 0, sizeof fixture->over);
    memset(fixture->dropped, 0, sizeof fixture->dropped);
    fixture->last_read = 0;
    fixture->read = 0;
    spool_begin(fixture);
    uint64_t recovered = spool_waiting(fixture->spool);
    read_all(fixture);
    assert_int_equal(fixture->again + fixture->out_of_order, 0);
    assert_int_equal(recovered, sum(fixture->over, EXPORTERS) + sum(fixture->dropped, EXPORTERS + 1));
    spool_end(fixture);
}

/* Five frames in one segment: where each begins, and how many documents are in front of it. */
struct five {
    char *path;
    struct image image;
    uint64_t frames[6];
    uint64_t documents[6];
};

static struct five five_make(struct fixture *fixture)
{
    struct five five = {0};
    fixture->output.spool.segment_size = 8 << 20;
    spool_begin(fixture);
    for (int i = 0; i < 5; i++) {
        put_many(fixture, 1, 100);
        five.frames[i + 1] = spool_bytes(fixture->spool);
        five.documents[i + 1] = spool_waiting(fixture->spool);
    }
    spool_end(fixture);
    five.path = first_segment(fixture);
    five.image = image_load(five.path);
    assert_int_equal(five.image.size, five.frames[5] + 4096); /* the index */
    return five;
}

static void cut_anywhere(void **state)
{
    struct fixture *fixture = *state;
    struct five five = five_make(fixture);
    for (uint64_t size = 0; size <= five.image.size; size += size % 4096 == 4095 ? 1 : size % 4096 ? 4095 - 1 : 1) {
        cursor_remove(fixture);
        image_store(five.path, &five.image, size);
        read_remains(fixture);
        int whole = 5;
        while (five.frames[whole] > size)
            whole--;
        assert_int_equal(fixture->read, five.documents[whole]); /* all before the cut, nothing behind it */
    }
    assert_int_equal(fixture->read, five.documents[5]);
    free(five.image.bytes);
}

/* One bit changed: at most the frame that has it is lost, and its documents are counted if they were before. */
static void flipped_anywhere(void **state)
{
    struct fixture *fixture = *state;
    fixture->random = true; /* frames without much padding */
    struct five five = five_make(fixture);
    uint32_t places = 0, losses = 0;
    for (uint64_t at = 0; at < five.image.size; at += at < 300 || at % 4096 < 40 ? 7 : 613) {
        cursor_remove(fixture);
        five.image.bytes[at] ^= (uint8_t)(1 << at % 8);
        image_store(five.path, &five.image, five.image.size);
        five.image.bytes[at] ^= (uint8_t)(1 << at % 8);
        read_remains(fixture);
        int frame = 0;
        while (frame < 5 && five.frames[frame + 1] <= at)
            frame++;
        uint64_t lost = frame < 5 ? five.documents[frame + 1] - five.documents[frame] : 0;
        assert_true(fixture->read == five.documents[5] || fixture->read == five.documents[5] - lost);
        places++;
        losses += fixture->read != five.documents[5];
    }
    assert_true(places > 500 && losses > places * 9 / 10);
    assert_true(counted(fixture, COUNTER_spool_frames_damaged) >= losses);
    free(five.image.bytes);
}

/* Without the index the headers are visited; a damaged one in the middle costs its frame alone. */
static void damaged_in_the_middle(void **state)
{
    struct fixture *fixture = *state;
    struct five five = five_make(fixture);
    for (uint64_t at = five.frames[2]; at < five.frames[2] + 128; at += 5) {
        cursor_remove(fixture);
        five.image.bytes[at] ^= 0x40;
        image_store(five.path, &five.image, five.frames[5]);
        five.image.bytes[at] ^= 0x40;
        uint64_t before = counted(fixture, COUNTER_spool_frames_damaged);
        read_remains(fixture);
        assert_int_equal(fixture->read, five.documents[5] - (five.documents[3] - five.documents[2]));
        assert_int_equal(counted(fixture, COUNTER_spool_frames_damaged), before + 1);
        assert_int_equal(sum(fixture->dropped, EXPORTERS + 1), 0); /* they were never counted as waiting */
    }
    free(five.image.bytes);
}

/* The body of a frame is damaged while the run that counted it goes on: its documents are dropped, exporter by
   exporter as long as the shares can be read. */
static void damaged_behind_our_back(void **state)
{
    struct fixture *fixture = *state;
    fixture->random = true;
    spool_begin(fixture);
    put_many(fixture, 6, 100);
    char *path = first_segment(fixture);
    struct image image = image_load(path);
    uint64_t one = image.size / 6 / 4096 * 4096;
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "xxxxxxxx", 8, (off_t)one / 2), 8);   /* body of the first */
    assert_int_equal(pwrite(fd, "xxxxxxxx", 8, (off_t)image.size - 4096), 8); /* of the last */
    close(fd);
    read_all(fixture);
    assert_exporters(fixture);
    assert_true(fixture->dropped_as[COUNTER_records_failed] > 0);
    assert_int_equal(fixture->dropped[EXPORTERS], 0);
    assert_int_equal(counted(fixture, COUNTER_spool_frames_damaged), 2);

    put_many(fixture, 6, 100);
    path = first_segment(fixture);
    fd = open(path, O_WRONLY);
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    for (off_t at = status.st_size - 2 * (off_t)one; at < status.st_size; at += 4096) /* headers, too */
        assert_int_equal(pwrite(fd, "xxxxxxxx", 8, at), 8);
    close(fd);
    read_all(fixture);
    assert_ledger(fixture);
    assert_true(fixture->dropped[EXPORTERS] > 0);
    free(image.bytes);
    spool_end(fixture);
}

static void removed_behind_our_back(void **state)
{
    struct fixture *fixture = *state;
    fixture->random = true;
    spool_begin(fixture);
    put_many(fixture, 60, 100);
    assert_int_equal(unlink(first_segment(fixture)), 0);
    read_all(fixture);
    assert_ledger(fixture);
    assert_true(fixture->read > 0 && fixture->dropped_as[COUNTER_records_failed] > 0);
    spool_end(fixture);
    assert_int_equal(count_segments(fixture), 0);
}

/* A cursor that is not whole says nothing: all comes again, rather than too little. */
static void damaged_cursor(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/out-0/cursor", fixture->path);
    fixture->output.spool.segment_size = 8 << 20;
    spool_begin(fixture);
    put_many(fixture, 30, 100);
    uint64_t documents = spool_waiting(fixture->spool);
    while (fixture->read < documents / 2)
        if (!serve(fixture, true))
            rest(fixture);
    struct image segment = image_load(first_segment(fixture));
    spool_end(fixture);
    struct image cursor = image_load(path);
    assert_int_equal(cursor.size, 8192);
    for (uint64_t at = 0; at < cursor.size; at += 211) {
        cursor.bytes[at] ^= 2;
        image_store(path, &cursor, at % 3 ? cursor.size : at);
        cursor.bytes[at] ^= 2;
        spool_begin(fixture);
        assert_true(spool_waiting(fixture->spool) >= documents - fixture->read);
        assert_true(spool_waiting(fixture->spool) <= documents);
        spool_end(fixture);
    }
    free(cursor.bytes);
    free(segment.bytes);
}

/* A segment full of noise, of nothing, and of a valid file's blocks in another order. */
static void noise(void **state)
{
    struct fixture *fixture = *state;
    struct five five = five_make(fixture);
    struct image image = {malloc(five.image.size), five.image.size};
    srand(1);
    for (int round = 0; round < 60; round++) {
        for (uint64_t i = 0; i < image.size; i++)
            image.bytes[i] = round % 3 == 0 ? (uint8_t)rand() : 0;
        for (uint64_t block = 0; round % 3 == 2 && block < image.size / 4096; block++)
            memcpy(image.bytes + block * 4096, five.image.bytes + (uint64_t)rand() % (image.size / 4096) * 4096, 4096);
        cursor_remove(fixture);
        image_store(five.path, &image, image.size);
        read_remains(fixture);
        assert_true(fixture->read <= five.documents[5]);
        assert_true(round % 3 == 2 || !fixture->read);
    }
    free(image.bytes);
    free(five.image.bytes);
}

/* ---- without io_uring ---- */

static void forbid_io_uring(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* The last test: io_uring stays forbidden. */
static void kernels_without_io_uring(void **state)
{
    struct fixture *fixture = *state;
    fixture->random = true;
    forbid_io_uring();
    for (enum direct_io direct = DIRECT_IO_AUTO; direct <= DIRECT_IO_OFF; direct++) {
        fixture->output.direct = direct;
        spool_begin(fixture);
        put_many(fixture, 40, 70);
        uint64_t waiting = spool_waiting(fixture->spool);
        spool_end(fixture);
        spool_begin(fixture);
        assert_int_equal(spool_waiting(fixture->spool), waiting);
        for (int i = 0; i < 40; i++)
            assert_int_equal(put(fixture, 70, true), 0);
        settle(fixture);
        read_all(fixture);
        assert_exporters(fixture);
        assert_int_equal(fixture->again + fixture->out_of_order, 0);
        spool_end(fixture);
    }
}

int main(void)
{
    log_setup(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_while_writing, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(killed_while_writing_and_reading, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(cut_anywhere, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(flipped_anywhere, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(damaged_in_the_middle, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(damaged_behind_our_back, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(removed_behind_our_back, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(damaged_cursor, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(noise, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(kernels_without_io_uring, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
