/* SPDX-License-Identifier: Apache-2.0 */
/* What a collector says to others of its tier and believes of them, on the topic and on the board. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "decode/journal/share.h"
#include "decode/journal/topic.h"
#include "tests/unit/journal_fixture.h"

#define TIMEOUT_NS (1800 * NS_PER_S)
#define NOW_S      1700000000u
#define ORIGIN     0x1122334455667788

static int64_t at_ns(int32_t seconds)
{
    return ((int64_t)NOW_S + seconds) * NS_PER_S;
}

static struct template_stamp stamp(int32_t export_s, uint32_t sequence, int32_t received_s)
{
    return (struct template_stamp){
        .export_s = NOW_S + (uint32_t)export_s, .sequence = sequence, .received_s = NOW_S + (uint32_t)received_s};
}

/* --- which of two is the later --- */

static void test_stamps(void **state)
{
    (void)state;
    struct template_stamp old = stamp(0, 5, 0);
    struct template_stamp later = stamp(1, 1, -300), within = stamp(0, 6, -300), wrapped = stamp(0, 5u + (1u << 30), 0);
    /* the exporter's clock, whatever the collectors' say; within a second its numbers */
    assert_true(template_stamp_later(&later, &old, UINT32_MAX) && !template_stamp_later(&old, &later, UINT32_MAX));
    assert_true(template_stamp_later(&within, &old, UINT32_MAX) && !template_stamp_later(&old, &within, UINT32_MAX));
    assert_true(template_stamp_later(&wrapped, &old, UINT32_MAX));
    assert_false(template_stamp_later(&old, &old, UINT32_MAX));
    /* an exporter that came up with the clock of 1970 and has not heard the time yet: the collectors decide */
    struct template_stamp unset = {.export_s = 60, .sequence = 1, .received_s = NOW_S + 20};
    assert_true(template_stamp_later(&unset, &old, UINT32_MAX) && !template_stamp_later(&old, &unset, UINT32_MAX));
    /* its clock was set back by an hour: what is ahead of it now was said before */
    struct template_stamp before = stamp(3600, 9, 0), after = stamp(5, 10, 5);
    assert_true(template_stamp_later(&after, &before, NOW_S + 6));
    assert_false(template_stamp_later(&before, &after, NOW_S + 6));
    /* nothing is known of it */
    struct template_stamp none = {0};
    assert_true(template_stamp_later(&old, &none, UINT32_MAX) && !template_stamp_later(&none, &old, UINT32_MAX));
}

/* --- messages --- */

static void test_messages(void **state)
{
    (void)state;
    static uint8_t value[TOPIC_VALUE_MOST], damaged[TOPIC_VALUE_MOST];
    uint8_t record[RECORD_ROOM];
    for (uint32_t number = 0; number < 50; number++) {
        struct template_event event = event_make(number, 0, record), read;
        event.stamp = stamp(1, 2, 3);
        uint32_t size = topic_value_write(value, ORIGIN, &event);
        struct topic_key key = topic_key_of(&event.key, event.id);
        struct topic_message message = {&key, sizeof key, value, size};
        assert_int_equal(topic_message_read(&message, ORIGIN + 1, &read), TOPIC_ANNOUNCED);
        assert_memory_equal(&read.stamp, &event.stamp, sizeof event.stamp);
        assert_memory_equal(read.record, event.record, event.record_bytes);
        assert_int_equal(topic_message_read(&message, ORIGIN, &read), TOPIC_OWN);
        for (uint32_t cut = 1; cut < size; cut++) {
            message.value_bytes = cut;
            assert_int_equal(topic_message_read(&message, ORIGIN + 1, &read), TOPIC_REFUSED);
        }
        message.value = damaged;
        message.value_bytes = size;
        for (uint32_t bit = 0; bit < 8 * size; bit++) {
            memcpy(damaged, value, size);
            damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
            bool unread = bit / 8 >= 6 && bit / 8 < 16; /* reserved, and whose it is */
            bool padding = bit / 8 >= sizeof(struct topic_head) + sizeof(struct journal_record) + event.record_bytes;
            enum topic_verdict wanted = unread || padding ? TOPIC_ANNOUNCED : TOPIC_REFUSED;
            assert_int_equal(topic_message_read(&message, ORIGIN + 99, &read), wanted);
        }
        struct topic_key other = topic_key_of(&event.key, (uint16_t)(event.id + 1));
        message = (struct topic_message){&other, sizeof other, value, size};
        assert_int_equal(topic_message_read(&message, ORIGIN + 1, &read), TOPIC_REFUSED);
        message = (struct topic_message){&key, sizeof key, NULL, 0};
        assert_int_equal(topic_message_read(&message, ORIGIN + 1, &read), TOPIC_REMOVED);
        assert_int_equal(read.id, event.id);
        message.key_bytes--;
        assert_int_equal(topic_message_read(&message, ORIGIN + 1, &read), TOPIC_REFUSED);
    }
}

/* --- two collectors and what lies between them --- */

struct box {
    struct template_board *board;
    struct template_share share;
    struct counters counters;
};

static void box_open(struct box *box, uint64_t memory_bytes)
{
    *box = (struct box){.board = template_board_new(memory_bytes, 1)};
    assert_non_null(box->board);
    template_share_init(&box->share, box->board, TIMEOUT_NS, &box->counters);
    template_board_open(box->board);
}

static void box_close(struct box *box)
{
    template_board_free(box->board);
}

static struct template_event event_at(uint32_t number, uint32_t round, int32_t seconds, uint8_t *record)
{
    struct template_event event = event_make(number, round, record);
    event.stamp = stamp(seconds, 0, seconds);
    event.time_ns = at_ns(seconds);
    return event;
}

static void say(struct box *box, uint32_t number, uint32_t round, int32_t seconds)
{
    uint8_t record[RECORD_ROOM];
    struct template_event event = event_at(number, round, seconds, record);
    template_share_say(&box->share, &event, event.time_ns);
}

static void say_removed(struct box *box, uint32_t number, int32_t seconds)
{
    uint8_t record[RECORD_ROOM];
    struct template_event event = event_at(number, 0, seconds, record);
    event.change = CHANGE_REMOVED;
    event.record_bytes = 0;
    template_share_say(&box->share, &event, event.time_ns);
}

/* What one has to say reaches the other, as it would by the topic. Returns how much that was. */
static uint32_t carry(struct box *from, struct box *to, int32_t seconds)
{
    uint32_t count = 0;
    struct board_entry *entry;
    while ((entry = template_share_next(&from->share))) {
        struct template_event event;
        board_entry_event(entry, &event);
        if (to)
            template_share_hear(&to->share, &event, at_ns(seconds));
        template_share_sent(&from->share, entry, true);
        count++;
    }
    template_board_pass(from->board, 0);
    template_board_collect(from->board);
    return count;
}

struct finding {
    uint16_t id;
    uint32_t number;
    uint32_t round;
};

static void round_find(const struct template_event *event, void *data)
{
    struct finding *finding = data;
    for (uint32_t round = 0; event->id == finding->id && round < 10; round++) {
        uint8_t record[RECORD_ROOM];
        struct template_event made = event_make(finding->number, round, record);
        if (made.record_bytes == event->record_bytes && memcmp(made.record, event->record, made.record_bytes) == 0)
            finding->round = round;
    }
}

/* Which definition a worker there would find. */
static uint32_t known(struct box *box, uint32_t number)
{
    uint8_t record[RECORD_ROOM];
    struct template_event event = event_make(number, 0, record);
    struct finding finding = {.id = event.id, .number = number, .round = ROUND_NONE};
    template_board_visit(box->board, &event.key, round_find, &finding);
    return finding.round;
}

static void test_told(void **state)
{
    (void)state;
    struct box one, other;
    box_open(&one, 1 << 20);
    box_open(&other, 1 << 20);
    uint32_t version = template_board_version(other.board);
    for (uint32_t number = 0; number < 30; number++)
        say(&one, number, 0, 0);
    assert_int_equal(template_share_waiting(&one.share), 30);
    assert_int_equal(carry(&one, &other, 1), 30);
    assert_int_equal(template_share_waiting(&one.share), 0);
    assert_true(template_board_version(other.board) != version);
    assert_int_equal(counter_read(&other.counters.value[COUNTER_template_topic_applied]), 30);
    for (uint32_t number = 0; number < 30; number++)
        assert_int_equal(known(&other, number), 0);
    /* the other takes them for its own workers, which is no news to anybody; nor is it when they are used again */
    for (uint32_t number = 0; number < 30; number++)
        say(&other, number, 0, 0);
    say(&one, 3, 0, 60);
    assert_int_equal(carry(&other, &one, 60), 0);
    box_close(&one);
    box_close(&other);
}

/* Whatever comes late, the newest announcement is what all end with. */
static void test_newest_wins(void **state)
{
    (void)state;
    struct box one, other;
    box_open(&one, 1 << 20);
    box_open(&other, 1 << 20);
    say(&one, 1, 0, 0);
    say(&other, 1, 1, 10); /* one of them has not heard of the other yet */
    assert_int_equal(carry(&other, &one, 20), 1);
    assert_int_equal(known(&one, 1), 1);
    assert_int_equal(carry(&one, &other, 20), 0); /* what it had to say is of the past */
    /* the older one is in the topic behind the newer one: whoever has the newer says it again */
    say(&one, 2, 1, 10);
    say(&other, 2, 0, 0);
    assert_int_equal(carry(&one, NULL, 20), 1);
    assert_int_equal(carry(&other, &one, 20), 1);
    assert_int_equal(known(&one, 2), 1);
    assert_int_equal(carry(&one, &other, 20), 1);
    assert_int_equal(known(&other, 2), 1);
    assert_int_equal(carry(&other, &one, 20), 0);
    box_close(&one);
    box_close(&other);
}

static void test_outage(void **state)
{
    (void)state;
    struct box one, other;
    box_open(&one, 1 << 20);
    box_open(&other, 1 << 20);
    say(&one, 1, 0, 0);
    struct board_entry *entry = template_share_next(&one.share);
    say(&one, 1, 1, 1); /* while the first is under way */
    say(&one, 1, 2, 2);
    assert_null(template_share_next(&one.share));
    template_share_sent(&one.share, entry, false);
    assert_int_equal(carry(&one, &other, 3), 1); /* the newest alone */
    assert_int_equal(known(&other, 1), 2);
    entry = NULL;
    say(&one, 2, 0, 3);
    entry = template_share_next(&one.share);
    template_share_sent(&one.share, entry, false);
    assert_int_equal(carry(&one, &other, 3), 1);
    assert_int_equal(known(&other, 2), 0);
    box_close(&one);
    box_close(&other);
}

static void test_removed(void **state)
{
    (void)state;
    struct box one, other;
    box_open(&one, 1 << 20);
    box_open(&other, 1 << 20);
    say(&one, 1, 0, 0);
    carry(&one, &other, 1);
    say_removed(&one, 1, 0);
    assert_int_equal(carry(&one, &other, 2), 1);
    assert_int_equal(known(&other, 1), ROUND_NONE);
    assert_int_equal(template_board_count(one.board) + template_board_count(other.board), 0);
    /* in use elsewhere: whoever uses it says so */
    say(&one, 2, 0, 0);
    carry(&one, &other, 1);
    say(&other, 2, 0, 0);
    say_removed(&one, 2, 0);
    assert_int_equal(carry(&one, &other, 2), 1);
    assert_int_equal(carry(&other, &one, 2), 1);
    assert_int_equal(known(&one, 2), 0);
    /* the other's is the last word now: one's removal is its own matter */
    say_removed(&one, 2, 0);
    assert_int_equal(carry(&one, &other, 2), 0);
    box_close(&one);
    box_close(&other);
}

static void sweep(struct box *box, int32_t seconds)
{
    for (uint32_t i = 0; i < 200; i++)
        template_share_sweep(&box->share, at_ns(seconds));
}

static void test_expiry(void **state)
{
    (void)state;
    int32_t timeout_s = TIMEOUT_NS / NS_PER_S;
    struct box one, other;
    box_open(&one, 1 << 20);
    box_open(&other, 1 << 20);
    say(&one, 1, 0, 0);
    say(&one, 2, 0, 0);
    carry(&one, &other, 1);
    say(&one, 1, 0, timeout_s); /* in use: that is told, as it is half a timeout old */
    assert_int_equal(carry(&one, &other, timeout_s), 1);
    sweep(&other, 2 * timeout_s + 5);
    assert_int_equal(known(&other, 2), 0); /* a little later than the one that said it */
    sweep(&one, 2 * timeout_s + 5);
    assert_int_equal(carry(&one, &other, 2 * timeout_s + 5), 1);
    assert_int_equal(known(&other, 2), ROUND_NONE);
    assert_int_equal(known(&other, 1), 0);
    sweep(&other, 4 * timeout_s); /* that one is gone for good */
    assert_int_equal(known(&other, 1), ROUND_NONE);
    assert_int_equal(carry(&other, NULL, 4 * timeout_s), 1);
    assert_int_equal(template_board_count(other.board), 0);
    box_close(&one);
    box_close(&other);
}

/* A full board knows what it knows, counts the rest, and has room again. */
static void test_bounded(void **state)
{
    (void)state;
    struct box box;
    box_open(&box, 64 << 10);
    for (uint32_t number = 0; number < 5000; number++)
        say(&box, number, 0, 0);
    uint64_t full = counter_read(&box.counters.value[COUNTER_template_topic_full]);
    assert_true(full > 4000 && full < 5000);
    assert_int_equal(carry(&box, NULL, 1), 5000 - full);
    for (uint32_t number = 0; number < 5000; number++)
        say_removed(&box, number, 0);
    assert_int_equal(carry(&box, NULL, 1), 5000 - full);
    assert_int_equal(template_board_count(box.board), 0);
    template_board_pass(box.board, 0);
    template_board_collect(box.board);
    say(&box, 7, 0, 2);
    assert_int_equal(known(&box, 7), 0);
    box_close(&box);
}

/* What a reader looks at stays until it has passed. */
static void test_readers(void **state)
{
    (void)state;
    struct box box;
    box_open(&box, 1 << 20);
    uint8_t record[RECORD_ROOM];
    struct template_event event = event_make(1, 0, record), seen;
    say(&box, 1, 0, 0);
    struct board_entry *entry = template_board_find(box.board, &event.key, event.id);
    template_board_pass(box.board, 0);
    assert_true(board_entry_event(entry, &seen));
    say(&box, 1, 3, 1);
    for (uint32_t i = 0; i < 100; i++) { /* would be given to these, were it given back */
        template_board_collect(box.board);
        say(&box, 10 + 3 * i, 0, 1);
    }
    assert_memory_equal(seen.record, event.record, event.record_bytes);
    assert_int_equal(known(&box, 1), 3);
    box_close(&box);
}

/* Workers look while announcements are replaced and removed: each that they see is whole. */
#define WRITES 20000

struct looker {
    struct template_board *board;
    uint32_t reader;
    uint64_t seen;
    atomic_bool *ended; /* the writing */
};

static void whole_check(const struct template_event *event, void *data)
{
    struct looker *looker = data;
    uint8_t record[RECORD_ROOM];
    struct template_event wanted = event_make(event->key.domain * 3, event->stamp.sequence, record);
    assert_int_equal(event->record_bytes, wanted.record_bytes);
    assert_memory_equal(event->record, wanted.record, wanted.record_bytes);
    looker->seen++;
}

static void *look_run(void *argument)
{
    struct looker *looker = argument;
    uint8_t record[RECORD_ROOM];
    for (uint32_t i = 0; !atomic_load(looker->ended) || !looker->seen; i++) {
        struct template_event event = event_make(3 * (i % 20), 0, record);
        template_board_visit(looker->board, &event.key, whole_check, looker);
        template_board_pass(looker->board, looker->reader);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct box box = {.board = template_board_new(16 << 20, 2)}; /* for all of it: a reader may sleep for long */
    struct looker lookers[2];
    pthread_t threads[2];
    atomic_bool ended = false;
    template_share_init(&box.share, box.board, TIMEOUT_NS, &box.counters);
    template_board_open(box.board);
    for (uint32_t i = 0; i < 2; i++) {
        lookers[i] = (struct looker){.board = box.board, .reader = i, .ended = &ended};
        assert_int_equal(pthread_create(&threads[i], NULL, look_run, &lookers[i]), 0);
    }
    for (uint32_t i = 0; i < WRITES; i++) {
        uint8_t record[RECORD_ROOM];
        struct template_event event = event_make(3 * (i % 20), i / 20, record);
        event.stamp.sequence = i / 20;
        event.stamp.received_s = NOW_S + i;
        event.change = i % 7 ? CHANGE_LEARNED : CHANGE_REMOVED;
        template_share_say(&box.share, &event, at_ns((int32_t)i));
        struct board_entry *entry;
        while ((entry = template_share_next(&box.share)))
            template_share_sent(&box.share, entry, true);
        template_board_collect(box.board);
    }
    atomic_store(&ended, true);
    for (uint32_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    box_close(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stamps),   cmocka_unit_test(test_messages), cmocka_unit_test(test_told),
        cmocka_unit_test(test_newest_wins), cmocka_unit_test(test_outage), cmocka_unit_test(test_removed),
        cmocka_unit_test(test_expiry),   cmocka_unit_test(test_bounded),  cmocka_unit_test(test_readers),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
