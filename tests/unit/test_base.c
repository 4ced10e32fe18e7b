/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/counter.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/processor.h"
#include "base/ring.h"

/* xorshift64: the same numbers in every run */
static uint64_t random_next(void)
{
    static uint64_t state = 88172645463325252ULL;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static struct address address_of(const char *text)
{
    struct address address;
    if (!address_parse(text, &address))
        fail_msg("%s is an address", text);
    return address;
}

static void assert_formats(const char *text, const char *expected)
{
    char formatted[ADDRESS_TEXT_MOST];
    struct address address = address_of(text);
    size_t length = address_format(&address, formatted);
    assert_string_equal(formatted, expected);
    assert_int_equal(length, strlen(expected));
}

static void address_format_is_rfc5952(void **state)
{
    assert_formats("0.0.0.0", "0.0.0.0");
    assert_formats("255.255.255.255", "255.255.255.255");
    assert_formats("192.0.2.109", "192.0.2.109");
    assert_formats("::ffff:192.0.2.1", "192.0.2.1");
    assert_formats("::ffff:c000:0201", "192.0.2.1");
    assert_formats("::", "::");
    assert_formats("::1", "::1");
    assert_formats("1::", "1::");
    assert_formats("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
    assert_formats("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    assert_formats("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
    assert_formats("0:0:1:2:3:4:5:6", "::1:2:3:4:5:6");
    assert_formats("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::");
    assert_formats("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    /* IPv4-compatible is deprecated (RFC 4291 2.5.5.1): no dots */
    assert_formats("::102:304", "::102:304");
}

static void address_format_equals_inet_ntop(void **state)
{
    for (int round = 0; round < 20000; round++) {
        char expected[INET6_ADDRSTRLEN], formatted[ADDRESS_TEXT_MOST];
        uint64_t words[2] = {random_next(), random_next()};
        uint64_t zeroes = random_next();
        uint8_t bytes[16];
        memcpy(bytes, words, sizeof bytes);
        for (int i = 0; i < 8; i++) {
            if (zeroes >> i & 1)
                bytes[2 * i] = bytes[2 * i + 1] = 0;
            if (zeroes >> (8 + i) & 1)
                bytes[2 * i] = 0;
        }
        bytes[0] |= 0x10; /* inet_ntop() writes dots into what begins with 96 zeroes */
        struct address address = address_from_ipv6(bytes);
        inet_ntop(AF_INET6, bytes, expected, sizeof expected);
        assert_int_equal(address_format(&address, formatted), strlen(expected));
        assert_string_equal(formatted, expected);

        address = address_from_ipv4(bytes);
        inet_ntop(AF_INET, bytes, expected, sizeof expected);
        assert_int_equal(address_format(&address, formatted), strlen(expected));
        assert_string_equal(formatted, expected);
    }
}

static void address_parse_refuses(void **state)
{
    static const char *const bad[] = {"",          "1.2.3",   "1.2.3.256", "1.2.3.4 ", " 1.2.3.4", "fe80::1%eth0",
                                      "1.2.3.4/8", "12345::", ":::",       "host",     "1::2::3"};
    struct address address;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (address_parse(bad[i], &address))
            fail_msg("\"%s\" is no address", bad[i]);
    }
}

static void endpoint_text(void **state)
{
    static const struct {
        const char *text, *formatted;
    } good[] = {
        {"192.0.2.1:2055", "192.0.2.1:2055"}, {"[2001:db8::1]:4739", "[2001:db8::1]:4739"}, {":2055", "[::]:2055"},
        {"0.0.0.0:0", "0.0.0.0:0"},           {"[::ffff:1.2.3.4]:65535", "1.2.3.4:65535"},
    };
    static const char *const bad[] = {
        "",
        ":",
        "192.0.2.1",
        "192.0.2.1:",
        "192.0.2.1:65536",
        "192.0.2.1:-1",
        "192.0.2.1:+1",
        "192.0.2.1: 1",
        "2001:db8::1:2055",
        "[192.0.2.1]:2055",
        "[2001:db8::1]2055",
        "[::1]",
        "[]:1",
        "localhost:2055",
        "[::1:2055",
    };
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct endpoint endpoint;
        char formatted[ENDPOINT_TEXT_MOST];
        assert_true(endpoint_parse(good[i].text, &endpoint));
        assert_int_equal(endpoint_format(&endpoint, formatted), strlen(good[i].formatted));
        assert_string_equal(formatted, good[i].formatted);
    }
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct endpoint endpoint = {.port = 7};
        if (endpoint_parse(bad[i], &endpoint))
            fail_msg("\"%s\" is no endpoint", bad[i]);
        assert_int_equal(endpoint.port, 7);
    }
}

static bool contains(const char *prefix_text, const char *address_text)
{
    struct prefix prefix;
    struct address address = address_of(address_text);
    if (!prefix_parse(prefix_text, &prefix))
        fail_msg("%s is a prefix", prefix_text);
    return prefix_contains(&prefix, &address);
}

static void prefix_containment(void **state)
{
    assert_true(contains("10.0.0.0/8", "10.255.255.255"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_true(contains("172.16.0.0/12", "172.31.255.255"));
    assert_false(contains("172.16.0.0/12", "172.32.0.0"));
    assert_true(contains("192.0.2.129/25", "192.0.2.128"));
    assert_false(contains("192.0.2.129/25", "192.0.2.127"));
    assert_true(contains("192.0.2.1", "192.0.2.1"));
    assert_false(contains("192.0.2.1", "192.0.2.0"));
    assert_true(contains("192.0.2.1/32", "::ffff:192.0.2.1"));
    assert_true(contains("0.0.0.0/0", "255.0.0.1"));
    assert_false(contains("0.0.0.0/0", "2001:db8::1"));
    assert_true(contains("::/0", "2001:db8::1"));
    assert_false(contains("::/0", "192.0.2.1"));
    assert_true(contains("::ffff:10.0.0.0/104", "10.9.9.9"));
    assert_true(contains("2001:db8::/33", "2001:db8:7fff::"));
    assert_false(contains("2001:db8::/33", "2001:db8:8000::"));
    assert_true(contains("2001:db8::1/128", "2001:db8::1"));
    assert_false(contains("2001:db8::1/128", "2001:db8::3"));
}

static void prefix_parse_masks_and_refuses(void **state)
{
    static const char *const bad[] = {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "/8", "10/8", "", "::/8x"};
    struct prefix prefix;
    struct address network = address_of("192.0.2.128");
    assert_true(prefix_parse("192.0.2.255/25", &prefix));
    assert_int_equal(prefix.length, 121);
    assert_true(address_equal(&prefix.address, &network));
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (prefix_parse(bad[i], &prefix))
            fail_msg("\"%s\" is no prefix", bad[i]);
    }
}

static void bytes_of_reduced_size(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const uint64_t expected[] = {0,           0x1,           0x102,           0x10203,          0x1020304,
                                        0x102030405, 0x10203040506, 0x1020304050607, 0x102030405060708};
    for (unsigned length = 0; length <= 8; length++)
        assert_true(read_be(bytes, length) == expected[length]);
}

static void counters_are_a_table(void **state)
{
    assert_int_equal(counter_rows[COUNTER_datagrams_received].part, PART_RECEIVED);
    assert_string_equal(counter_rows[COUNTER_values_unmappable].name, "values_unmappable");
    assert_string_equal(counter_unit_name(counter_rows[COUNTER_sets_data].unit), "sets");
    assert_string_equal(counter_unit_name(UNIT_EVENTS), "events");
    for (int i = 0; i < COUNTER_COUNT; i++) {
        assert_non_null(counter_rows[i].name);
        assert_true(strlen(counter_rows[i].help) > 0);
        assert_int_equal(counter_rows[i].scope == SCOPE_EXPORTER, i < (int)COUNTER_EXPORTER_COUNT);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(counter_rows[i].name, counter_rows[k].name);
    }
    struct counters counters = {0};
    counter_add(&counters, COUNTER_sets_data, 3);
    counter_add(&counters, COUNTER_sets_data, 4);
    assert_true(counter_read(&counters.value[COUNTER_sets_data]) == 7);
}

static void heap_reuses_and_keeps_content(void **state)
{
    enum { SLOTS = 200 };
    struct heap *heap = heap_new(64 << 20);
    uint8_t *blocks[SLOTS] = {NULL};
    size_t sizes[SLOTS] = {0};
    assert_non_null(heap);
    for (int round = 0; round < 20000; round++) {
        unsigned slot = random_next() % SLOTS;
        for (size_t i = 0; i < sizes[slot]; i += 7)
            assert_int_equal(blocks[slot][i], slot);
        heap_give(heap, blocks[slot], sizes[slot]);
        sizes[slot] = 1 + random_next() % (1ULL << (1 + random_next() % 17));
        blocks[slot] = heap_take(heap, sizes[slot]);
        assert_non_null(blocks[slot]);
        assert_int_equal((uintptr_t)blocks[slot] % 16, 0);
        memset(blocks[slot], (int)slot, sizes[slot]);
    }
    for (int slot = 0; slot < SLOTS; slot++)
        heap_give(heap, blocks[slot], sizes[slot]);
    assert_int_equal(heap_used_bytes(heap), 0);
    heap_free_all(heap);
}

static void heap_classes_waste_little(void **state)
{
    struct heap *heap = heap_new(16 << 20);
    for (size_t size = 1; size <= 1 << 20; size += 1 + size / 19) {
        void *memory = heap_take(heap, size);
        assert_non_null(memory);
        memset(memory, 1, size);
        assert_true(heap_used_bytes(heap) >= size);
        assert_true(heap_used_bytes(heap) <= 32 + size + size / 4 + 16);
        heap_give(heap, memory, size);
    }
    heap_free_all(heap);
}

static void heap_keeps_its_cap(void **state)
{
    void *blocks[300];
    int count = 0;
    struct heap *heap = heap_new(1 << 20);
    assert_null(heap_take(heap, (1 << 20) + 1));
    while (count < 300 && (blocks[count] = heap_take(heap, 4096)))
        count++;
    assert_int_equal(count, 256);
    assert_int_equal(heap_used_bytes(heap), 1 << 20);
    assert_null(heap_take(heap, 1));

    heap_give(heap, blocks[17], 4096);
    assert_ptr_equal(heap_take(heap, 4096), blocks[17]);

    /* what was given back serves smaller sizes when nothing else is left, all of it */
    heap_give(heap, blocks[17], 4096);
    for (int i = 0; i < 128; i++)
        assert_non_null(heap_take(heap, 32));
    assert_null(heap_take(heap, 32));
    assert_null(heap_take(heap, 4096));
    heap_free_all(heap);

    errno = 0;
    assert_null(heap_new(0));
    assert_int_equal(errno, EINVAL);
    heap_free_all(NULL);
}

#define RING_ITEMS 200000

static void *ring_produce(void *argument)
{
    struct ring *ring = argument;
    for (uintptr_t item = 1; item <= RING_ITEMS; item++) {
        while (!ring_push(ring, (void *)item))
            sched_yield();
    }
    return NULL;
}

static void ring_between_threads(void **state)
{
    struct ring ring;
    pthread_t producer;
    assert_int_equal(ring_init(&ring, 100), 0);
    assert_int_equal(ring.mask, 127);
    assert_null(ring_pop(&ring));
    assert_int_equal(pthread_create(&producer, NULL, ring_produce, &ring), 0);
    for (uintptr_t expected = 1; expected <= RING_ITEMS;) {
        void *item = ring_pop(&ring);
        if (!item) {
            sched_yield();
            continue;
        }
        assert_int_equal((uintptr_t)item, expected);
        expected++;
    }
    pthread_join(producer, NULL);
    assert_null(ring_pop(&ring));
    ring_fini(&ring);
}

static void ring_is_full_at_its_size(void **state)
{
    struct ring ring;
    int items[5];
    assert_int_equal(ring_init(&ring, 4), 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++)
            assert_true(ring_push(&ring, &items[i]));
        assert_false(ring_push(&ring, &items[4]));
        for (int i = 0; i < 4; i++)
            assert_ptr_equal(ring_pop(&ring), &items[i]);
        assert_null(ring_pop(&ring));
    }
    ring_fini(&ring);
    assert_int_equal(ring_init(&ring, UINT32_MAX), -ENOMEM);
}

static int stderr_before;
static char captured[8192];

/* Standard error goes to a file until capture_end(), which returns what came. */
static void capture_begin(void)
{
    int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    fflush(stderr);
    stderr_before = dup(STDERR_FILENO);
    assert_true(file >= 0 && stderr_before >= 0);
    dup2(file, STDERR_FILENO);
    close(file);
}

static const char *capture_end(void)
{
    ssize_t length = pread(STDERR_FILENO, captured, sizeof captured - 1, 0);
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    captured[length > 0 ? length : 0] = '\0';
    return captured;
}

static void log_text_is_one_escaped_line(void **state)
{
    log_setup(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    capture_begin();
    errno = ENOENT;
    log_error("a\nb\033[1m \xff \xc3\xbc \xc2\x85 %d %m", 7);
    int after = errno;
    log_debug("not at this level");
    const char *text = capture_end();
    assert_int_equal(after, ENOENT);
    assert_int_equal(text[10], 'T');
    assert_int_equal(text[23], 'Z');
    assert_string_equal(text + 24, " error   a\\x0ab\\x1b[1m \\xff \xc3\xbc \\xc2\\x85 7 No such file or directory\n");
}

static void log_json_is_ecs(void **state)
{
    log_setup(LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
    capture_begin();
    log_warning("say \"x\\y\"\t\xfe\xc3\xbc");
    const char *text = capture_end();
    assert_memory_equal(text, "{\"@timestamp\":\"2", 16);
    assert_string_equal(strstr(text, ",\"log.level\""),
                        ",\"log.level\":\"warning\",\"message\":\"say \\\"x\\\\y\\\"\\u0009\\ufffd\xc3\xbc\"}\n");
}

static void log_lines_are_bounded(void **state)
{
    char message[5000];
    memset(message, '"', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    log_setup(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
    capture_begin();
    log_info("%s", message);
    const char *text = capture_end();
    assert_true(strlen(text) <= 1000 && strlen(text) > 980);
    assert_string_equal(text + strlen(text) - 8, "\\\"...\"}\n");

    log_setup(LOG_FORMAT_JOURNAL, LOG_LEVEL_INFO);
    capture_begin();
    log_info("hello");
    assert_string_equal(capture_end(), "<6>hello\n");
}

static void log_limited_counts_what_it_leaves_out(void **state)
{
    static struct log_cause cause;
    log_setup(LOG_FORMAT_JOURNAL, LOG_LEVEL_INFO);
    capture_begin();
    for (int i = 0; i < 100; i++)
        log_limited(&cause, LOG_LEVEL_WARNING, "again %d", i);
    atomic_store(&cause.next_ns, 0); /* as if the interval were over */
    log_limited(&cause, LOG_LEVEL_WARNING, "later");
    assert_string_equal(capture_end(), "<4>again 0\n<4>later (99 more of these left out)\n");
}

static void *processors_allowed(void *set)
{
    sched_getaffinity(0, sizeof(cpu_set_t), set);
    return NULL;
}

static void a_visit_is_to_one_processor(void **state)
{
    cpu_set_t home, there, thread_set;
    struct processor_visit visit;
    pthread_t thread;
    processors_allowed(&home);
    int last = CPU_SETSIZE - 1;
    while (!CPU_ISSET((unsigned)last, &home))
        last--;
    assert_int_equal(processor_visit(&visit, last), 0);
    processors_allowed(&there);
    assert_int_equal(CPU_COUNT(&there), 1);
    assert_int_equal(sched_getcpu(), last);
    assert_int_equal(pthread_create(&thread, NULL, processors_allowed, &thread_set), 0);
    processor_return(&visit);
    pthread_join(thread, NULL);
    assert_true(CPU_EQUAL(&thread_set, &there)); /* it was started there, and stays */
    processors_allowed(&there);
    assert_true(CPU_EQUAL(&there, &home));
}

static void a_visit_can_be_to_nowhere(void **state)
{
    static const int nowhere[] = {-1, CPU_SETSIZE - 1, CPU_SETSIZE};
    cpu_set_t home, there;
    struct processor_visit visit;
    processors_allowed(&home);
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        assert_int_equal(processor_visit(&visit, nowhere[i]), i ? -EINVAL : 0);
        processors_allowed(&there);
        assert_true(CPU_EQUAL(&there, &home));
        processor_return(&visit);
        processors_allowed(&there);
        assert_true(CPU_EQUAL(&there, &home));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_format_is_rfc5952),
        cmocka_unit_test(address_format_equals_inet_ntop),
        cmocka_unit_test(address_parse_refuses),
        cmocka_unit_test(endpoint_text),
        cmocka_unit_test(prefix_containment),
        cmocka_unit_test(prefix_parse_masks_and_refuses),
        cmocka_unit_test(bytes_of_reduced_size),
        cmocka_unit_test(counters_are_a_table),
        cmocka_unit_test(heap_reuses_and_keeps_content),
        cmocka_unit_test(heap_classes_waste_little),
        cmocka_unit_test(heap_keeps_its_cap),
        cmocka_unit_test(ring_between_threads),
        cmocka_unit_test(ring_is_full_at_its_size),
        cmocka_unit_test(log_text_is_one_escaped_line),
        cmocka_unit_test(log_json_is_ecs),
        cmocka_unit_test(log_lines_are_bounded),
        cmocka_unit_test(log_limited_counts_what_it_leaves_out),
        cmocka_unit_test(a_visit_is_to_one_processor),
        cmocka_unit_test(a_visit_can_be_to_nowhere),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
