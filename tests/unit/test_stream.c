/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's side of sessions: bytes to messages, turns, ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/random.h"
#include "tests/unit/stream_fixture.h"

/* A message of so many bytes, with the number in it. */
static uint32_t message_write(uint8_t *to, uint32_t size_bytes, uint32_t number)
{
    memset(to, 0xab, size_bytes);
    to[0] = 0;
    to[1] = 10;
    to[2] = (uint8_t)(size_bytes >> 8);
    to[3] = (uint8_t)size_bytes;
    memcpy(to + 8, &number, sizeof number);
    return size_bytes;
}

static uint32_t message_number(const struct packet *packet)
{
    uint32_t number;
    memcpy(&number, packet->bytes + 8, sizeof number);
    return number;
}

static void send_all(const struct stream_end_pair *pair, const void *bytes, size_t size_bytes)
{
    assert_int_equal(write(pair->peer, bytes, size_bytes), size_bytes);
}

static int receive(struct stream_rig *rig, struct packet *packets)
{
    int count = stream_queue_receive(&rig->queue.queue, packets, BURST_PACKETS);
    stream_queue_release(&rig->queue.queue);
    return count;
}

/* How many messages come, each checked, until nothing is at hand any more. */
static uint32_t drain(struct stream_rig *rig, uint32_t next)
{
    struct packet packets[BURST_PACKETS];
    uint32_t total = 0;
    do {
        int count = receive(rig, packets);
        for (int i = 0; i < count; i++, total++) {
            assert_int_equal(message_number(&packets[i]), next + total);
            assert_int_equal(packets[i].kind, PACKET_MESSAGE);
            assert_int_equal(packets[i].bytes[packets[i].size_bytes - 1], 0xab);
        }
    } while (rig->queue.queue.unread);
    return total;
}

static void framing_is_told_as_soon_as_it_can_be(void **state)
{
    static const struct {
        uint8_t bytes[5];
        uint32_t size_bytes;
        enum framing framing;
    } rows[] = {
        {{0}, 0, FRAMING_PART},           {{0}, 1, FRAMING_PART},           {{1}, 1, FRAMING_BAD},
        {{0, 10}, 2, FRAMING_PART},       {{0, 9}, 2, FRAMING_BAD},         {{0, 10, 0}, 3, FRAMING_PART},
        {{0, 10, 0, 15}, 4, FRAMING_BAD}, {{0, 10, 0, 16}, 4, FRAMING_PART}, {{0, 10, 255, 255}, 4, FRAMING_PART},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t length;
        assert_int_equal(framing_next(rows[i].bytes, rows[i].size_bytes, &length), rows[i].framing);
    }
    uint8_t message[20] = {0, 10, 0, 18};
    uint32_t length = 0;
    assert_int_equal(framing_next(message, 17, &length), FRAMING_PART);
    assert_int_equal(framing_next(message, 18, &length), FRAMING_WHOLE);
    assert_int_equal(framing_next(message, 20, &length), FRAMING_WHOLE);
    assert_int_equal(length, 18);
}

/* Cut at random, all sizes up to the longest. */
static void messages_come_whole_however_they_are_cut(void **state)
{
    static uint8_t bytes[1 << 21];
    uint64_t seed = 1;
    uint32_t size = 0, count = 0;
    for (; size < sizeof bytes - 65535; count++) {
        uint64_t draw = random_next(&seed);
        uint32_t most = draw % 7 == 0 ? 65535 : draw % 7 == 1 ? 9000 : 300;
        size += message_write(bytes + size, count == 40 ? 65535 : 16 + (uint32_t)(random_next(&seed) % (most - 15)),
                              count);
    }
    struct stream_rig rig;
    struct stream_end_pair pair;
    stream_rig_init(&rig);
    stream_pair_open(&rig, &pair, 1);
    uint32_t sent = 0, taken = 0;
    while (sent < size) {
        uint32_t step = 1 + (uint32_t)(random_next(&seed) % (random_next(&seed) % 3 ? 100000 : 5));
        ssize_t done = write(pair.peer, bytes + sent, step < size - sent ? step : size - sent);
        sent += done > 0 ? (uint32_t)done : 0;
        taken += drain(&rig, taken);
    }
    taken += drain(&rig, taken);
    assert_int_equal(taken, count);
    assert_null(stream_queue_ended(&rig.queue.queue));
    stream_pair_hang_up(&pair);
    assert_int_equal(drain(&rig, taken), 0);
    assert_null(stream_queue_ended(&rig.queue.queue)); /* there was no exporter */
    assert_int_equal(atomic_load(&pair.connection.state), STREAM_OVER);
    assert_int_equal(rig.queue.ends[STREAM_CLOSED], 1);
    stream_pair_close(&rig, &pair);
    stream_rig_fini(&rig);
}

/* One that has always more to say gives the others their turn. */
static void sessions_take_turns(void **state)
{
    enum { PAIRS = 5, EACH = 300 };
    static uint8_t bytes[EACH * 100];
    struct stream_rig rig;
    struct stream_end_pair pairs[PAIRS];
    struct packet packets[BURST_PACKETS];
    uint32_t given[PAIRS + 1] = {0};
    for (uint32_t i = 0; i < EACH; i++)
        message_write(bytes + i * 100, 100, i);
    stream_rig_init(&rig);
    for (uint16_t i = 0; i < PAIRS; i++) {
        stream_pair_open(&rig, &pairs[i], (uint16_t)(i + 1));
        send_all(&pairs[i], bytes, sizeof bytes);
    }
    for (int burst = 0; burst < PAIRS * (EACH / BURST_PACKETS + 1); burst++) {
        int count = receive(&rig, packets);
        for (int i = 0; i < count; i++)
            given[packets[i].session->number]++;
        uint32_t least = EACH, most = 0;
        for (int i = 1; i <= PAIRS; i++) {
            least = given[i] < least ? given[i] : least;
            most = given[i] > most ? given[i] : most;
        }
        assert_true(most - least <= BURST_PACKETS);
    }
    for (int i = 1; i <= PAIRS; i++)
        assert_int_equal(given[i], EACH);
    assert_false(rig.queue.queue.unread);
    for (int i = 0; i < PAIRS; i++)
        stream_pair_close(&rig, &pairs[i]);
    stream_rig_fini(&rig);
}

/* What comes while a session waits for its next turn has an event of its own, and only one. */
static void what_comes_meanwhile_is_read(void **state)
{
    enum { FIRST = 2 * BURST_PACKETS + 3, ALL = FIRST + 5 };
    static uint8_t bytes[ALL * 100];
    struct stream_rig rig;
    struct stream_end_pair pair;
    struct packet packets[BURST_PACKETS];
    for (uint32_t i = 0; i < ALL; i++)
        message_write(bytes + i * 100, 100, i);
    stream_rig_init(&rig);
    stream_pair_open(&rig, &pair, 1);
    send_all(&pair, bytes, FIRST * 100);
    assert_int_equal(receive(&rig, packets), BURST_PACKETS);
    send_all(&pair, bytes + FIRST * 100, (ALL - FIRST) * 100);
    assert_int_equal(drain(&rig, BURST_PACKETS), ALL - BURST_PACKETS);
    stream_pair_close(&rig, &pair);
    stream_rig_fini(&rig);
}

/* A place that another worker's session has by now is none of this one's. */
static void events_of_others_are_left_alone(void **state)
{
    uint8_t bytes[100];
    struct stream_rig rig, other;
    struct stream_end_pair pair;
    struct packet packets[BURST_PACKETS];
    stream_rig_init(&rig);
    stream_rig_init(&other);
    stream_pair_open(&rig, &pair, 1);
    send_all(&pair, bytes, message_write(bytes, 100, 0));
    pair.connection.queue = &other.queue;
    assert_int_equal(receive(&rig, packets), 0);
    assert_false(rig.queue.queue.unread);
    stream_pair_close(&rig, &pair);
    stream_rig_fini(&other);
    stream_rig_fini(&rig);
}

/* The exporter of each is told once, after its last message; and why it ended. */
static void ends_have_reasons(void **state)
{
    uint8_t bytes[256];
    struct exporter *exporter = (struct exporter *)bytes; /* any address does */
    struct stream_rig rig;
    static const struct {
        const char *tail;
        uint32_t tail_bytes;
        enum stream_end order, why;
    } rows[] = {
        {"", 0, STREAM_GOES_ON, STREAM_CLOSED},
        {"\0", 1, STREAM_GOES_ON, STREAM_CUT},
        {"\0\n\0\x40\0\0", 6, STREAM_GOES_ON, STREAM_CUT},
        {"\0\x09\0\x40", 4, STREAM_GOES_ON, STREAM_BAD_MESSAGE},
        {"\0\n\0\x0f", 4, STREAM_GOES_ON, STREAM_BAD_MESSAGE},
        {"\0\n", 2, STREAM_STALLED, STREAM_STALLED},
        {"", 0, STREAM_IDLE, STREAM_IDLE},
    };
    stream_rig_init(&rig);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stream_end_pair pair;
        struct packet packets[BURST_PACKETS];
        stream_pair_open(&rig, &pair, 7);
        pair.connection.session.exporter = exporter;
        uint64_t before = rig.queue.ends[rows[i].why];
        send_all(&pair, bytes, message_write(bytes, 64, i));
        if (rows[i].tail_bytes)
            send_all(&pair, rows[i].tail, rows[i].tail_bytes);
        atomic_store(&pair.connection.order, rows[i].order);
        stream_pair_hang_up(&pair);
        assert_int_equal(receive(&rig, packets), 1);
        assert_int_equal(message_number(&packets[0]), i);
        for (int more = 0; more < 3; more++)
            assert_int_equal(receive(&rig, packets), 0);
        assert_ptr_equal(stream_queue_ended(&rig.queue.queue), exporter);
        assert_null(stream_queue_ended(&rig.queue.queue));
        assert_int_equal(rig.queue.ends[rows[i].why], before + 1);
        eventfd_t written = 0;
        assert_int_equal(eventfd_read(rig.over_fd, &written), 0);
        stream_pair_close(&rig, &pair);
    }
    stream_rig_fini(&rig);
}

/* The times by which the doorman ends what is too slow. */
static void parts_have_a_beginning(void **state)
{
    uint8_t bytes[256];
    struct stream_rig rig;
    struct stream_end_pair pair;
    struct packet packets[BURST_PACKETS];
    stream_rig_init(&rig);
    stream_pair_open(&rig, &pair, 1);
    _Atomic int64_t *begun = &pair.connection.begun_ns, *heard = &pair.connection.heard_ns;
    message_write(bytes, 100, 0);
    send_all(&pair, bytes, 3);
    assert_int_equal(receive(&rig, packets), 0);
    int64_t first_ns = atomic_load(begun), heard_ns = atomic_load(heard);
    assert_true(first_ns > 0 && heard_ns > 0);
    send_all(&pair, bytes + 3, 50);
    assert_int_equal(receive(&rig, packets), 0);
    assert_int_equal(atomic_load(begun), first_ns); /* bytes alone do not make it younger */
    assert_true(atomic_load(heard) >= heard_ns);
    send_all(&pair, bytes + 53, 47);
    assert_int_equal(receive(&rig, packets), 1);
    assert_int_equal(receive(&rig, packets), 0);
    assert_int_equal(atomic_load(begun), 0);
    send_all(&pair, bytes, 100);
    send_all(&pair, bytes, 1);
    assert_int_equal(receive(&rig, packets), 1);
    assert_int_equal(receive(&rig, packets), 0);
    assert_true(atomic_load(begun) > first_ns);
    stream_pair_close(&rig, &pair);
    stream_rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framing_is_told_as_soon_as_it_can_be),
        cmocka_unit_test(messages_come_whole_however_they_are_cut),
        cmocka_unit_test(sessions_take_turns),
        cmocka_unit_test(what_comes_meanwhile_is_read),
        cmocka_unit_test(events_of_others_are_left_alone),
        cmocka_unit_test(ends_have_reasons),
        cmocka_unit_test(parts_have_a_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
