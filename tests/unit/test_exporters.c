/* SPDX-License-Identifier: Apache-2.0 */

/* The table of exporters as other threads see it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "decode/exporter.h"

static struct endpoint numbered(uint32_t number)
{
    uint8_t bytes[4] = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    return (struct endpoint){.address = address_from_ipv4(bytes), .port = (uint16_t)(number * 7)};
}

static struct exporter *add(struct exporters *exporters, uint32_t number)
{
    struct endpoint endpoint = numbered(number);
    return exporters_add(exporters, &endpoint, exporters_hash(exporters, &endpoint));
}

static void look_copies_an_exporter(void **state)
{
    struct exporters *exporters = exporters_new(4);
    struct exporter_view view;
    struct endpoint endpoint = numbered(77);
    assert_int_equal(exporters_count(exporters), 0);
    assert_int_equal(exporters_slots_used(exporters), 0);
    struct exporter *exporter = add(exporters, 77);
    exporter->first_ns = 11;
    exporter->seen_ns = 22;
    exporter->versions = 1 << 9 | 1 << 10;
    counter_bump(&exporter->counters.value[COUNTER_sets_data], 5);
    counter_bump(&exporter->records_in_flight, 3);
    assert_true(exporters_look(exporters, exporter->slot, &view));
    assert_true(endpoint_equal(&view.endpoint, &endpoint));
    assert_int_equal(view.slot, exporter->slot);
    assert_int_equal(view.first_ns, 11);
    assert_int_equal(view.seen_ns, 22);
    assert_int_equal(view.versions, 1 << 9 | 1 << 10);
    assert_int_equal(view.records_in_flight, 3);
    assert_int_equal(view.counts[COUNTER_sets_data], 5);
    assert_int_equal(view.counts[COUNTER_sets_received], 0);
    assert_int_equal(exporters_count(exporters), 1);
    exporters_free(exporters);
}

/* A session is not found by its address, which a datagram may come from, too; and its name says how it came. */
static void sessions_stand_apart(void **state)
{
    struct exporters *exporters = exporters_new(4);
    struct endpoint endpoint = numbered(5);
    uint64_t hash = exporters_hash(exporters, &endpoint);
    struct exporter_view view;
    char name[EXPORTER_NAME_MOST];
    struct exporter *session = exporters_add_stream(exporters, &endpoint, TRANSPORT_SCTP, 3);
    assert_null(exporters_find(exporters, &endpoint, hash));
    struct exporter *datagrams = add(exporters, 5);
    assert_ptr_equal(exporters_find(exporters, &endpoint, hash), datagrams);
    assert_true(exporters_look(exporters, session->slot, &view));
    assert_int_equal(view.transport, TRANSPORT_SCTP);
    assert_int_equal(exporter_view_name(&view, name), strlen("10.0.0.5:35/sctp"));
    assert_string_equal(name, "10.0.0.5:35/sctp");
    assert_true(exporters_look(exporters, datagrams->slot, &view));
    exporter_view_name(&view, name);
    assert_string_equal(name, "10.0.0.5:35");
    exporters_remove(exporters, session);
    assert_ptr_equal(exporters_find(exporters, &endpoint, hash), datagrams);
    assert_int_equal(exporters_count(exporters), 1);
    exporters_remove(exporters, datagrams);
    assert_null(exporters_find(exporters, &endpoint, hash));
    exporters_free(exporters);
}

static void look_tells_who_has_the_slot_now(void **state)
{
    struct exporters *exporters = exporters_new(2);
    struct exporter_view before, after;
    struct endpoint endpoint = numbered(2);
    struct exporter *exporter = add(exporters, 1);
    uint32_t slot = exporter->slot;
    counter_bump(&exporter->counters.value[COUNTER_datagrams_received], 9);
    assert_true(exporters_look(exporters, slot, &before));
    exporters_remove(exporters, exporter);
    assert_int_equal(exporters_count(exporters), 0);
    assert_false(exporters_look(exporters, slot, &after));
    assert_int_equal(add(exporters, 2)->slot, slot);
    assert_true(exporters_look(exporters, slot, &after));
    assert_true(endpoint_equal(&after.endpoint, &endpoint));
    assert_int_not_equal(after.generation, before.generation);
    assert_int_equal(after.counts[COUNTER_datagrams_received], 0);
    assert_int_equal(after.first_ns, 0);
    exporters_free(exporters);
}

enum { RACE_LOOKS = 20000 };

struct race {
    struct exporters *exporters;
    _Atomic bool over; /* the looker sets it */
};

/* One slot, given from exporter to exporter, each of which counts its own number. */
static void *race_run(void *argument)
{
    struct race *race = argument;
    for (uint32_t number = 1; !atomic_load_explicit(&race->over, memory_order_relaxed);) {
        struct exporter *exporter = add(race->exporters, number);
        for (unsigned i = 0; i < COUNTER_EXPORTER_COUNT; i++)
            counter_bump(&exporter->counters.value[i], number);
        atomic_store_explicit(&exporter->seen_ns, number, memory_order_relaxed);
        exporters_remove(race->exporters, exporter);
        number = (number + 1) & 0xffffff;
    }
    return NULL;
}

/* Of a view, all is one exporter's, however fast the slot changes hands. */
static void look_never_mixes_two(void **state)
{
    struct race race = {.exporters = exporters_new(1)};
    pthread_t thread;
    uint32_t seen = 0;
    pthread_create(&thread, NULL, race_run, &race);
    while (seen < RACE_LOOKS) {
        struct exporter_view view;
        if (!exporters_slots_used(race.exporters) || !exporters_look(race.exporters, 0, &view))
            continue;
        seen++;
        const uint8_t *bytes = view.endpoint.address.bytes + 13;
        uint32_t number = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
        struct endpoint endpoint = numbered(number);
        assert_true(endpoint_equal(&endpoint, &view.endpoint));
        assert_true(view.seen_ns == 0 || view.seen_ns == number);
        for (unsigned i = 0; i < COUNTER_EXPORTER_COUNT; i++)
            assert_true(view.counts[i] == 0 || view.counts[i] == number);
    }
    atomic_store_explicit(&race.over, true, memory_order_relaxed);
    pthread_join(thread, NULL);
    exporters_free(race.exporters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(look_copies_an_exporter),
        cmocka_unit_test(sessions_stand_apart),
        cmocka_unit_test(look_tells_who_has_the_slot_now),
        cmocka_unit_test(look_never_mixes_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
