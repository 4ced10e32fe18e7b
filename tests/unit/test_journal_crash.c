/* SPDX-License-Identifier: Apache-2.0 */
/* The journal when it is killed, torn or changed on disk: what was written is known, and nothing else ever is. */
#include "tests/unit/journal_fixture.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/unit/random.h"

/* --- kill -9 --- */

#define NUMBERS 500
#define ROUNDS  100000

/* Rounds that journal_turn() has written, in memory that both processes have. */
struct witness {
    _Atomic uint32_t written; /* rounds */
};

static void child_run(struct fixture *fixture, struct witness *witness)
{
    if (journal_open(&fixture->journal, &fixture->config, 1))
        _exit(1);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t number = 0; number < NUMBERS; number++)
            event_push(fixture, number, round);
        journal_turn(fixture->journal);
        witness->written = round + 1;
    }
    _exit(2);
}

/* Each template is as it was in the last round that was written, or one later: never older, never something else. */
static void parent_check(struct fixture *fixture, uint32_t written)
{
    journal_begin(fixture);
    const struct template_store *known = journal_known(fixture->journal);
    assert_int_equal(template_store_count(known), NUMBERS);
    assert_true(journal_counted(fixture, COUNTER_template_journal_damaged) <= 1); /* the torn end */
    uint8_t record[RECORD_ROOM];
    for (uint32_t number = 0; number < NUMBERS; number++) {
        struct template_event found, wanted = event_make(number, 0, record);
        assert_true(template_store_at(known, template_store_find(known, &wanted.key, wanted.id), &found));
        bool good = false;
        for (uint32_t round = written - 1; round < written + 1 && !good; round++) {
            wanted = event_make(number, round, record);
            good = found.record_bytes == wanted.record_bytes && !memcmp(found.record, record, found.record_bytes);
        }
        assert_true(good);
    }
    journal_end(fixture);
}

static void killed_while_writing(void **state)
{
    struct fixture *fixture = *state;
    struct witness *witness = mmap(NULL, sizeof *witness, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t written = 0;
    fixture->config.templates.size = 1 << 20; /* it is written anew again and again */
    for (int i = 0; i < 40; i++) {
        witness->written = 0;
        pid_t child = fork();
        if (child == 0)
            child_run(fixture, witness);
        struct timespec pause = {.tv_nsec = (1 + i * 37 % 60) * NS_PER_MS / 4};
        int status;
        while (!witness->written && waitpid(child, &status, WNOHANG) == 0)
            nanosleep(&pause, NULL);
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        parent_check(fixture, witness->written);
        written += witness->written;
    }
    print_message("40 kills in %llu rounds of %d templates\n", (unsigned long long)written, NUMBERS);
    munmap(witness, sizeof *witness);
}

/* --- changed on disk --- */

#define FEW 40

/* A file of FEW templates, and where the record of each begins. */
struct few {
    struct image image;
    uint64_t starts[FEW + 1];
};

static struct few few_make(struct fixture *fixture)
{
    struct few few = {.starts[0] = sizeof(struct journal_head)};
    uint8_t record[RECORD_ROOM];
    journal_begin(fixture);
    for (uint32_t number = 0; number < FEW; number++) {
        struct template_event event = event_make(number, 0, record);
        event_push(fixture, number, 0);
        few.starts[number + 1] = few.starts[number] + journal_record_bytes(event.record_bytes);
    }
    journal_end(fixture);
    few.image = image_load(fixture->file);
    assert_int_equal(few.image.size, few.starts[FEW]);
    return few;
}

/* Known are the first `whole`, nothing else. Whatever is appended then is known, too. */
static void cut_anywhere(void **state)
{
    struct fixture *fixture = *state;
    struct few few = few_make(fixture);
    for (uint64_t size = 0; size <= few.image.size; size += size % 5 + 1) {
        image_store(fixture->file, &few.image, size);
        uint32_t whole = FEW;
        while (whole && few.starts[whole] > size)
            whole--;
        journal_begin(fixture);
        for (uint32_t number = 0; number < FEW; number++)
            assert_int_equal(round_known(journal_known(fixture->journal), number, 1), number < whole ? 0 : ROUND_NONE);
        bool torn = size > sizeof(struct journal_head) && few.starts[whole] != size;
        assert_int_equal(journal_counted(fixture, COUNTER_template_journal_damaged), torn);
        event_push(fixture, 1000, 0);
        journal_end(fixture);
        journal_begin(fixture);
        assert_int_equal(template_store_count(journal_known(fixture->journal)), whole + 1);
        assert_int_equal(round_known(journal_known(fixture->journal), 1000, 1), 0);
        assert_int_equal(journal_counted(fixture, COUNTER_template_journal_damaged), 0);
        journal_end(fixture);
    }
    free(few.image.bytes);
}

/* One bit changed costs the template that has it, and is counted; padding alone costs nothing. */
static void flipped_anywhere(void **state)
{
    struct fixture *fixture = *state;
    struct few few = few_make(fixture);
    uint32_t lost_most = 0;
    for (uint64_t at = 0; at < few.image.size; at += 3) {
        few.image.bytes[at] ^= (uint8_t)(1 << at % 8);
        image_store(fixture->file, &few.image, few.image.size);
        few.image.bytes[at] ^= (uint8_t)(1 << at % 8);
        if (at >= 8 && at < 12)
            continue; /* a newer version, which is left alone */
        journal_begin(fixture);
        uint32_t lost = 0;
        for (uint32_t number = 0; number < FEW; number++) {
            bool known = round_known(journal_known(fixture->journal), number, 1) == 0;
            lost += !known;
            assert_true(known || (at >= few.starts[number] && at < few.starts[number + 1]));
        }
        assert_int_equal(journal_counted(fixture, COUNTER_template_journal_damaged), lost);
        lost_most = lost > lost_most ? lost : lost_most;
        journal_end(fixture);
    }
    assert_int_equal(lost_most, 1);
    free(few.image.bytes);
}

/* The last block of 4 KiB is zeroes or another file's, as after a power cut. */
static void last_block_torn(void **state)
{
    struct fixture *fixture = *state;
    struct few few = few_make(fixture);
    uint64_t block = few.image.size / 4096 * 4096;
    uint64_t random = 1;
    assert_true(block > 0);
    for (int round = 0; round < 20; round++) {
        for (uint64_t at = block; at < few.image.size; at++)
            few.image.bytes[at] = round % 2 ? (uint8_t)(random_next(&random) >> 40) : 0;
        image_store(fixture->file, &few.image, few.image.size);
        journal_begin(fixture);
        for (uint32_t number = 0; number < FEW; number++)
            assert_int_equal(round_known(journal_known(fixture->journal), number, 1),
                             few.starts[number + 1] <= block ? 0 : ROUND_NONE);
        assert_int_equal(journal_counted(fixture, COUNTER_template_journal_damaged), 1);
        journal_end(fixture);
        assert_in_range(file_bytes(fixture), 1, block); /* what cannot be read is not there any more */
    }
    free(few.image.bytes);
}

/* A file of noise, of nothing, and of a valid file's pieces in another order. */
static void noise(void **state)
{
    struct fixture *fixture = *state;
    struct few few = few_make(fixture);
    struct image image = {malloc(few.image.size), few.image.size};
    uint64_t random = 7;
    for (int round = 0; round < 60; round++) {
        for (uint64_t i = 0; i < image.size; i++)
            image.bytes[i] = round % 3 == 0 ? (uint8_t)(random_next(&random) >> 40) : 0;
        for (uint64_t piece = 0; round % 3 == 2 && piece < image.size / 64; piece++)
            memcpy(image.bytes + piece * 64, few.image.bytes + random_below(&random, (uint32_t)image.size / 64) * 64,
                   64);
        image_store(fixture->file, &image, image.size);
        journal_begin(fixture);
        assert_true(round % 3 == 2 || template_store_count(journal_known(fixture->journal)) == 0);
        for (uint32_t number = 0; number < FEW; number++)
            round_known(journal_known(fixture->journal), number, 1); /* what is known is what was written */
        event_push(fixture, 1, 0);
        journal_end(fixture);
        journal_begin(fixture);
        assert_int_equal(round_known(journal_known(fixture->journal), 1, 1), 0);
        journal_end(fixture);
    }
    free(image.bytes);
    free(few.image.bytes);
}

/* A whole record whose template is none, or not of its id: checksums alone do not make it right. */
static void templates_are_checked(void **state)
{
    uint8_t record[RECORD_ROOM], bytes[RECORD_MOST];
    for (uint32_t number = 0; number < 10; number++) {
        struct template_event event = event_make(number, 3, record), found;
        uint32_t skip, size = journal_record_write(bytes, &event);
        assert_int_equal(journal_record_read(bytes, size, &found, &skip), JOURNAL_WHOLE);
        assert_int_equal(skip, size);
        assert_int_equal(journal_record_read(bytes, size - 1, &found, &skip), JOURNAL_SHORT);
        record[3] ^= 0x40; /* more fields than there are, or scopes */
        journal_record_write(bytes, &event);
        assert_int_equal(journal_record_read(bytes, size, &found, &skip), JOURNAL_DAMAGED);
        record[3] ^= 0x40;
        record[1] ^= 1; /* another id */
        journal_record_write(bytes, &event);
        assert_int_equal(journal_record_read(bytes, size, &found, &skip), JOURNAL_DAMAGED);
        record[1] ^= 1;
        event.record_bytes -= 4;
        size = journal_record_write(bytes, &event);
        assert_int_equal(journal_record_read(bytes, size, &found, &skip), JOURNAL_DAMAGED);
        event.change = CHANGE_SPLIT; /* has no template, and no id */
        journal_record_write(bytes, &event);
        assert_int_equal(journal_record_read(bytes, size, &found, &skip), JOURNAL_NOTHING);
        event.record_bytes = 0;
        size = journal_record_write(bytes, &event);
        assert_int_equal(journal_record_read(bytes, size, &found, &skip), JOURNAL_NOTHING);
        event.id = 0;
        size = journal_record_write(bytes, &event);
        assert_int_equal(journal_record_read(bytes, size, &found, &skip), JOURNAL_WHOLE);
        event.change = CHANGE_LEARNED;
        size = journal_record_write(bytes, &event);
        assert_int_equal(journal_record_read(bytes, size, &found, &skip), JOURNAL_NOTHING);
        event.change = CHANGE_SPLIT;
        event.key.version = 5;
        size = journal_record_write(bytes, &event);
        assert_int_equal(journal_record_read(bytes, size, &found, &skip), JOURNAL_NOTHING);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    log_setup(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(killed_while_writing), TEST(cut_anywhere), TEST(flipped_anywhere),
        TEST(last_block_torn),      TEST(noise),        cmocka_unit_test(templates_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
