/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of templates: what is said to it is known to the next run, in bounded memory and on a bounded disk. */
#include "tests/unit/journal_fixture.h"

#include <pthread.h>
#include <sys/mount.h>

#include "tests/unit/random.h"

static void known_again(void **state)
{
    struct fixture *fixture = *state;
    journal_begin(fixture);
    for (uint32_t number = 0; number < 3000; number++)
        event_push(fixture, number, 0);
    for (uint32_t number = 0; number < 3000; number += 7)
        event_push(fixture, number, 1);
    for (uint32_t number = 0; number < 3000; number += 5)
        event_push_removed(fixture, number);
    event_push_removed(fixture, 5000); /* nobody knew it */
    journal_end(fixture);
    for (int run = 0; run < 3; run++) {
        journal_begin(fixture);
        const struct template_store *known = journal_known(fixture->journal);
        for (uint32_t number = 0; number < 3000; number++) {
            uint32_t wanted = number % 5 == 0 ? ROUND_NONE : number % 7 == 0;
            assert_int_equal(round_known(known, number, 3), run == 2 && number == 1 ? 2 : wanted);
        }
        assert_int_equal(template_store_count(known), 2400);
        if (run == 1)
            event_push(fixture, 1, 2);
        journal_end(fixture);
    }
}

static void definitions_are_stored_once(void **state)
{
    uint8_t record[RECORD_ROOM];
    struct template_store *store = template_store_new();
    struct template_event event = event_make(0, 30, record);
    for (uint32_t number = 0; number < 100000; number++) {
        event.key.domain = number;
        assert_true(template_store_put(store, &event));
    }
    assert_int_equal(template_store_count(store), 100000);
    assert_int_equal(template_store_live_bytes(store), 100000 * (uint64_t)journal_record_bytes(event.record_bytes));
    assert_in_range(template_store_memory(store), 1, 131072 * 80 + (1 << 20));
    assert_true(template_store_take(store, 77));
    assert_false(template_store_take(store, 77));
    template_store_free(store);
}

/* Templates of one session, in a chain; removed ones stay away, and come back. */
static void sessions_are_listed(void **state)
{
    uint8_t record[RECORD_ROOM];
    struct template_store *store = template_store_new();
    struct template_event event = event_make(0, 1, record), found;
    for (uint32_t id = 256; id < 1256; id++) {
        event.id = (uint16_t)id;
        event.change = CHANGE_LEARNED;
        assert_true(template_store_put(store, &event));
        event.change = CHANGE_REMOVED;
        assert_true(id % 4 || template_store_put(store, &event));
    }
    uint32_t session = template_store_session(store, &event.key), count = 0;
    for (uint32_t slot = template_store_first(store, session); slot != STORE_NONE;
         slot = template_store_next(store, slot)) {
        bool there = template_store_at(store, slot, &found);
        assert_int_equal(there, found.id % 4 != 0);
        count += there;
    }
    assert_int_equal(count, 750);
    assert_int_equal(template_store_count(store), 750);
    event.key.domain++;
    assert_int_equal(template_store_session(store, &event.key), STORE_NONE);
    template_store_free(store);
}

/* --- the ring --- */

#define FEED_EVENTS 200000

struct feeding {
    struct template_feed *feed;
    uint64_t refused;
};

static void *feeding_run(void *argument)
{
    struct feeding *feeding = argument;
    uint8_t record[RECORD_ROOM];
    for (uint32_t number = 0; number < FEED_EVENTS; number++) {
        struct template_event event = event_make(number, number / 100, record);
        while (!template_feed_push(feeding->feed, &event))
            feeding->refused++;
    }
    return NULL;
}

static void ring_between_threads(void **state)
{
    struct feeding feeding = {.feed = template_feed_new(1 << 18)};
    uint8_t record[RECORD_ROOM];
    pthread_t thread;
    pthread_create(&thread, NULL, feeding_run, &feeding);
    for (uint32_t number = 0; number < FEED_EVENTS; number++) {
        struct template_event wanted = event_make(number, number / 100, record), event;
        while (!template_feed_peek(feeding.feed, &event))
            ;
        assert_true(session_key_equal(&event.key, &wanted.key));
        assert_int_equal(event.id, wanted.id);
        assert_int_equal(event.record_bytes, wanted.record_bytes);
        assert_memory_equal(event.record, record, event.record_bytes);
        template_feed_pop(feeding.feed);
    }
    pthread_join(thread, NULL);
    template_feed_free(feeding.feed);
}

static void ring_is_full(void **state)
{
    struct template_feed *feed = template_feed_new(1 << 18);
    static uint8_t longest[TEMPLATE_RECORD_MOST];
    struct template_event event = {.record = longest, .record_bytes = sizeof longest}, found;
    for (uint32_t round = 0; round < 40; round++) {
        uint32_t count = 0;
        while (template_feed_push(feed, &event))
            count++;
        assert_true(count >= 2);
        for (; count; count--) {
            assert_true(template_feed_peek(feed, &found));
            template_feed_pop(feed);
        }
        assert_false(template_feed_peek(feed, &found));
        event.record_bytes -= 1001;
    }
    template_feed_free(feed);
}

/* --- bounds --- */

/* The same templates change for ever: the file is written anew, and memory does not grow. */
static void changes_do_not_pile_up(void **state)
{
    struct fixture *fixture = *state;
    journal_begin(fixture);
    for (uint32_t round = 0; round < 200; round++)
        for (uint32_t number = 0; number < 1000; number++)
            event_push(fixture, number, round);
    journal_turn(fixture->journal);
    assert_true(journal_counted(fixture, COUNTER_template_journal_rewrites) > 5);
    assert_in_range(file_bytes(fixture), 1, 2 << 20);
    journal_end(fixture);
    journal_begin(fixture);
    for (uint32_t number = 0; number < 1000; number++)
        assert_int_equal(round_known(journal_known(fixture->journal), number, 200) % 40, 199 % 40);
    journal_end(fixture);
}

static void size_is_kept(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.templates.size = 1 << 20;
    journal_begin(fixture);
    for (uint32_t round = 0; round < 3; round++)
        for (uint32_t number = 0; number < 10000; number++)
            event_push(fixture, number, 0);
    journal_turn(fixture->journal);
    assert_in_range(file_bytes(fixture), 1, 1 << 20);
    uint64_t full = journal_counted(fixture, COUNTER_template_journal_full);
    assert_true(full > 3000);
    for (uint32_t number = 0; number < 10000; number++)
        event_push_removed(fixture, number);
    journal_turn(fixture->journal);
    for (uint32_t number = 10000; number < 12000; number++)
        event_push(fixture, number, 0);
    journal_turn(fixture->journal);
    assert_int_equal(journal_counted(fixture, COUNTER_template_journal_full), full);
    assert_in_range(file_bytes(fixture), 1, 1 << 20);
    journal_end(fixture);
    journal_begin(fixture);
    assert_int_equal(template_store_count(journal_known(fixture->journal)), 2000);
    journal_end(fixture);
}

/* What nobody was seen to use for two timeouts is not known any more, and does not stay in the file. */
static void old_ones_go(void **state)
{
    struct fixture *fixture = *state;
    uint8_t record[RECORD_ROOM];
    fixture->config.expiration_timeout = 60 * NS_PER_S;
    journal_begin(fixture);
    for (uint32_t number = 0; number < 9000; number++) {
        struct template_event event = event_make(number, 0, record);
        event.time_ns -= number % 3 ? 121 * NS_PER_S : 110 * NS_PER_S;
        while (!template_feed_push(journal_feed(fixture->journal, 0), &event))
            journal_turn(fixture->journal);
    }
    journal_end(fixture);
    for (int run = 0; run < 2; run++) {
        journal_begin(fixture);
        const struct template_store *known = journal_known(fixture->journal);
        int64_t now_ns = clock_utc_ns();
        uint32_t alive = 0;
        for (uint32_t slot = 0; slot < template_store_slots(known); slot++) {
            struct template_event event;
            alive += template_store_at(known, slot, &event) &&
                     !template_event_expired(&event, fixture->config.expiration_timeout, now_ns);
        }
        assert_int_equal(alive, 3000);
        assert_int_equal(template_store_count(known), run ? 3000 : 9000);
        for (uint32_t round = 0; round < 60 && !run; round++) /* until it is written anew */
            for (uint32_t number = 0; number < 3000; number += 3)
                event_push(fixture, number, round);
        journal_end(fixture);
    }
}

static void disk_full(void **state)
{
    struct fixture *fixture = *state;
    if (mount("tmpfs", fixture->folder, "tmpfs", 0, "size=512k"))
        skip();
    journal_begin(fixture);
    for (uint32_t number = 0; number < 10000; number++)
        event_push(fixture, number, 0);
    journal_turn(fixture->journal);
    assert_true(journal_counted(fixture, COUNTER_template_journal_errors) > 0);
    assert_int_equal(mount("tmpfs", fixture->folder, "tmpfs", MS_REMOUNT, "size=16m"), 0);
    journal_end(fixture); /* tries again */
    journal_begin(fixture);
    assert_int_equal(template_store_count(journal_known(fixture->journal)), 10000);
    for (uint32_t number = 0; number < 10000; number++)
        assert_int_equal(round_known(journal_known(fixture->journal), number, 1), 0);
    journal_end(fixture);
    assert_int_equal(umount(fixture->folder), 0);
}

static void one_process_a_folder(void **state)
{
    struct fixture *fixture = *state;
    struct journal *other;
    journal_begin(fixture);
    assert_int_equal(journal_open(&other, &fixture->config, 1), -EBUSY);
    journal_end(fixture);
}

static void newer_versions_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    journal_begin(fixture);
    event_push(fixture, 1, 0);
    journal_end(fixture);
    struct image image = image_load(fixture->file);
    image.bytes[8]++;
    image_store(fixture->file, &image, image.size);
    assert_int_equal(journal_open(&fixture->journal, &fixture->config, 1), -EPROTO);
    assert_int_equal(file_bytes(fixture), image.size);
    free(image.bytes);
}

static void no_path_no_journal(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.templates.path = "";
    assert_int_equal(journal_open(&fixture->journal, &fixture->config, 1), 0);
    assert_null(fixture->journal);
}

/* The thread itself: what is pushed is on disk soon, without an end in order. */
static void thread_writes(void **state)
{
    struct fixture *fixture = *state;
    journal_begin(fixture);
    assert_int_equal(journal_start(fixture->journal), 0);
    uint8_t record[RECORD_ROOM];
    for (uint32_t number = 0; number < 1000; number++) {
        struct template_event event = event_make(number, 0, record);
        assert_true(template_feed_push(journal_feed(fixture->journal, 0), &event));
    }
    struct timespec pause = {.tv_nsec = NS_PER_MS};
    for (int wait = 0; journal_counted(fixture, COUNTER_template_events) < 1000 && wait < 5000; wait++)
        nanosleep(&pause, NULL);
    assert_int_equal(journal_counted(fixture, COUNTER_template_events), 1000);
    journal_end(fixture);
    journal_begin(fixture);
    assert_int_equal(template_store_count(journal_known(fixture->journal)), 1000);
    journal_end(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    log_setup(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        TEST(known_again),
        cmocka_unit_test(definitions_are_stored_once),
        cmocka_unit_test(sessions_are_listed),
        cmocka_unit_test(ring_between_threads),
        cmocka_unit_test(ring_is_full),
        TEST(changes_do_not_pile_up),
        TEST(size_is_kept),
        TEST(old_ones_go),
        TEST(disk_full),
        TEST(one_process_a_folder),
        TEST(newer_versions_are_left_alone),
        TEST(no_path_no_journal),
        TEST(thread_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
