/* SPDX-License-Identifier: Apache-2.0 */
/* Top talkers of a worker: exact while few records come, bounded and close when many do, and read by another thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/talkers.h"

enum { FIELDS = 7, RECORD_BYTES = 4 + 4 + 2 + 2 + 1 + 4 + 4, PLANS_MOST = 4 };

static const uint16_t ids[FIELDS] = {8, 12, 7, 11, 4, 1, 2};
static const uint16_t lengths[FIELDS] = {4, 4, 2, 2, 1, 4, 4};
static const uint8_t types[FIELDS] = {TYPE_IPV4,     TYPE_IPV4,     TYPE_UNSIGNED, TYPE_UNSIGNED,
                                      TYPE_UNSIGNED, TYPE_UNSIGNED, TYPE_UNSIGNED};

/* What a record says. */
struct flow {
    uint32_t source, destination;
    uint16_t source_port, destination_port;
    uint32_t octets, packets;
};

struct rig {
    struct elements *elements;
    struct talkers *talkers;
    struct field fields[FIELDS];
    struct span spans[FIELDS];
    struct plan plan;
    struct exporter exporter;
    struct message message;
    struct chunk chunk;
    uint8_t bytes[CHUNK_RECORDS][RECORD_BYTES + RECORD_SLACK_BYTES];
    int64_t now_ns;
};

static struct rig *rig_new(void)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct text_list none = {0};
    struct config_problems problems = {0};
    const uint8_t exporter[4] = {192, 0, 2, 99};
    uint16_t offset = 0;
    rig->elements = elements_new(profile_of(PROFILE_WEIR), &none, &problems);
    for (uint32_t i = 0; i < FIELDS; i++) {
        uint16_t element = elements_index(rig->elements, elements_find(rig->elements, 0, ids[i]));
        rig->fields[i] = (struct field){.id = ids[i], .length = lengths[i], .element = element, .type = types[i]};
        rig->spans[i] = (struct span){.offset = offset, .length = lengths[i]};
        offset += lengths[i];
    }
    rig->plan = (struct plan){.index = 1, .field_count = FIELDS, .record_bytes = RECORD_BYTES, .version = 9,
                              .serial = 5, .spans = rig->spans, .fields = rig->fields};
    rig->exporter.endpoint.address = address_from_ipv4(exporter);
    rig->message = (struct message){.exporter = &rig->exporter, .version = 9};
    rig->chunk = (struct chunk){.plan = &rig->plan, .message = &rig->message};
    rig->talkers = talkers_new(rig->elements, PLANS_MOST);
    /* Epochs are of the clock: one ends in the middle of a test that does not begin with one. */
    rig->now_ns = (clock_steady_ns() / TALKERS_EPOCH_NS + 1) * TALKERS_EPOCH_NS;
    talkers_housekeep(rig->talkers, rig->now_ns);
    return rig;
}

static void rig_free(struct rig *rig)
{
    talkers_free(rig->talkers);
    elements_free(rig->elements);
    free(rig);
}

static void put(uint8_t **at, uint64_t value, unsigned length)
{
    for (unsigned i = 0; i < length; i++)
        (*at)[i] = (uint8_t)(value >> 8 * (length - 1 - i));
    *at += length;
}

static void rig_send(struct rig *rig)
{
    if (rig->chunk.count)
        talkers_count(rig->talkers, &rig->chunk);
    rig->chunk.count = 0;
}

static void rig_add(struct rig *rig, const struct flow *flow)
{
    uint8_t *at = rig->bytes[rig->chunk.count];
    rig->chunk.records[rig->chunk.count++] =
        (struct record){.bytes = at, .spans = rig->spans, .size_bytes = RECORD_BYTES};
    put(&at, flow->source, 4);
    put(&at, flow->destination, 4);
    put(&at, flow->source_port, 2);
    put(&at, flow->destination_port, 2);
    put(&at, 17, 1);
    put(&at, flow->octets, 4);
    put(&at, flow->packets, 4);
    if (rig->chunk.count == CHUNK_RECORDS)
        rig_send(rig);
}

static void rig_housekeep(struct rig *rig, int64_t after_ns)
{
    rig_send(rig);
    rig->now_ns += after_ns;
    talkers_housekeep(rig->talkers, rig->now_ns);
}

static const struct talker *talker_of(const struct talker *table, uint32_t address, uint16_t port)
{
    uint8_t bytes[4], *at = bytes;
    struct talker_key key = {.used = 1, .port = port, .protocol = port ? 17 : 0};
    put(&at, address, 4);
    if (!port)
        key.address = address_from_ipv4(bytes);
    for (uint32_t i = 0; i < TALKERS_PLACES; i++)
        if (memcmp(&table[i].key, &key, sizeof key) == 0)
            return &table[i];
    return NULL;
}

static void few_are_counted_exactly(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    for (uint32_t i = 0; i < 100; i++)
        rig_add(rig, &(struct flow){.source = 0x0a000001 + i % 4, .destination = 0x0b000001, .source_port = 40000,
                                    .destination_port = 53, .octets = 1000, .packets = 3});
    assert_null(talkers_take(rig->talkers));
    rig_housekeep(rig, TALKERS_EPOCH_NS);
    const struct talkers_book *book = talkers_take(rig->talkers);
    assert_non_null(book);
    assert_int_equal(book->records, 100);
    assert_int_equal(book->counts[TALKER_BYTES], 100000);
    assert_int_equal(book->interval, 1);
    for (uint32_t by = 0; by < TALKER_MEASURES; by++) {
        const struct talker *source = talker_of(book->tables[TALKER_SOURCE][by], 0x0a000002, 0);
        const struct talker *service = talker_of(book->tables[TALKER_SERVICE][by], 0, 53);
        const struct talker *exporter = talker_of(book->tables[TALKER_EXPORTER][by], 0xc0000263, 0);
        assert_int_equal(source->counts[TALKER_BYTES], 25000);
        assert_int_equal(source->counts[TALKER_PACKETS], 75);
        assert_int_equal(source->records, 25);
        assert_int_equal(source->over, 0);
        assert_int_equal(service->records, 100);
        assert_int_equal(exporter->counts[TALKER_PACKETS], 300);
        assert_null(talker_of(book->tables[TALKER_DESTINATION][by], 0x0a000001, 0));
    }
    assert_null(talkers_take(rig->talkers));
    rig_housekeep(rig, TALKERS_EPOCH_NS); /* nothing came: no book */
    assert_null(talkers_take(rig->talkers));
    rig_free(rig);
}

/* A hundred thousand sources of one record each, and three that have a tenth of the bytes each. */
static void the_heavy_stay_among_many(void **state)
{
    (void)state;
    enum { RECORDS = 100000, EVERY = 10 };
    struct rig *rig = rig_new();
    for (uint32_t i = 0; i < RECORDS; i++) {
        uint32_t heavy = i % EVERY < 3 ? i % EVERY + 1 : 0;
        rig_add(rig, &(struct flow){.source = heavy ? 0x0a000000 + heavy : 0x14000000 + i, .destination = 1,
                                    .source_port = 1, .destination_port = 2, .octets = 1000, .packets = 1});
        if (i % 1000 == 0)
            rig_housekeep(rig, NS_PER_MS);
    }
    rig_housekeep(rig, TALKERS_EPOCH_NS);
    const struct talkers_book *book = talkers_take(rig->talkers);
    assert_true(book->interval > 1); /* it was a sample */
    assert_in_range(book->records, RECORDS * 85 / 100, RECORDS * 115 / 100);
    for (uint32_t heavy = 1; heavy <= 3; heavy++) {
        const struct talker *talker = talker_of(book->tables[TALKER_SOURCE][TALKER_BYTES], 0x0a000000 + heavy, 0);
        assert_non_null(talker);
        uint64_t true_bytes = (uint64_t)RECORDS / EVERY * 1000;
        assert_in_range(talker->counts[TALKER_BYTES] - talker->over, true_bytes / 2, true_bytes * 3 / 2);
        assert_true(talker->over < true_bytes / 2);
    }
    rig_free(rig);
}

/* The cost is bounded: however many records come, few are counted between two calls of housekeeping. */
static void the_sample_gets_rarer(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    for (uint32_t i = 0; i < 1000000; i++)
        rig_add(rig, &(struct flow){.source = i, .destination = i, .octets = UINT32_MAX, .packets = 1});
    rig_housekeep(rig, TALKERS_EPOCH_NS);
    const struct talkers_book *book = talkers_take(rig->talkers);
    assert_in_range(book->interval, 4096, 65536);
    for (uint32_t i = 0; i < 20; i++)
        rig_housekeep(rig, NS_PER_MS);
    for (uint32_t i = 0; i < 64; i++)
        rig_add(rig, &(struct flow){.source = 7, .destination = 7, .octets = 1, .packets = 1});
    rig_housekeep(rig, TALKERS_EPOCH_NS);
    book = talkers_take(rig->talkers);
    assert_int_equal(book->interval, 1); /* and as frequent as before */
    assert_in_range(book->records, 62, 64);
    rig_free(rig);
}

static _Atomic bool ended;

static void *read_books(void *argument)
{
    struct talkers *talkers = argument;
    uint64_t *records = calloc(1, sizeof *records);
    bool last;
    do {
        last = atomic_load(&ended);
        const struct talkers_book *book = talkers_take(talkers);
        if (!book)
            continue;
        const struct talker *talker = talker_of(book->tables[TALKER_SOURCE][TALKER_BYTES], 7, 0);
        assert_int_equal(talker->records, book->records); /* whole, and of one epoch */
        *records += book->records;
    } while (!last);
    return records;
}

static void books_are_read_while_it_counts(void **state)
{
    (void)state;
    enum { EPOCHS = 300 };
    struct rig *rig = rig_new();
    pthread_t reader;
    void *records;
    atomic_store(&ended, false);
    assert_int_equal(pthread_create(&reader, NULL, read_books, rig->talkers), 0);
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        for (uint32_t i = 0; i < CHUNK_RECORDS; i++)
            rig_add(rig, &(struct flow){.source = 7, .destination = epoch, .octets = 1, .packets = 1});
        rig_housekeep(rig, TALKERS_EPOCH_NS);
    }
    atomic_store(&ended, true);
    pthread_join(reader, &records);
    assert_in_range(*(uint64_t *)records, CHUNK_RECORDS, (uint64_t)CHUNK_RECORDS * EPOCHS);
    free(records);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_are_counted_exactly),
        cmocka_unit_test(the_heavy_stay_among_many),
        cmocka_unit_test(the_sample_gets_rarer),
        cmocka_unit_test(books_are_read_while_it_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
