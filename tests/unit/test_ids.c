/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "export/encode/ids.h"

/* Ids of documents: the same for the same record, another for every other. */

#define RECORDS 3
#define RECORD_BYTES 20

struct source {
    struct exporter exporter;
    struct message message;
    struct chunk chunk;
    uint8_t bytes[RECORDS][RECORD_BYTES];
};

static void source_init(struct source *source)
{
    memset(source, 0, sizeof *source);
    source->exporter.endpoint =
        (struct endpoint){.address = address_from_ipv4((const uint8_t[4]){192, 0, 2, 1}), .port = 2055};
    source->message = (struct message){.exporter = &source->exporter,
                                       .serial = 1,
                                       .received_ns = 5,
                                       .export_ns = 1700000000,
                                       .uptime_ms = 77,
                                       .domain = 3,
                                       .sequence = 1234,
                                       .version = 9};
    source->chunk.message = &source->message;
    source->chunk.position = 10;
    source->chunk.count = RECORDS;
    for (int i = 0; i < RECORDS; i++) {
        memset(source->bytes[i], 'x', RECORD_BYTES);
        source->chunk.records[i] = (struct record){.bytes = source->bytes[i], .size_bytes = RECORD_BYTES};
    }
}

static struct document_id id_of(const struct source *source, uint32_t record)
{
    struct document_id id;
    ids_write(&id, &source->chunk, record, 1);
    return id;
}

static bool ids_same(struct document_id one, struct document_id other)
{
    return memcmp(&one, &other, sizeof one) == 0;
}

static void same_record_same_id(void **state)
{
    struct source source, again;
    struct document_id together[RECORDS];
    source_init(&source);
    source_init(&again);
    again.message.serial = 99; /* another worker, another time */
    again.message.received_ns = 1000;
    ids_write(together, &source.chunk, 0, RECORDS);
    for (uint32_t i = 0; i < RECORDS; i++) {
        assert_true(ids_same(together[i], id_of(&again, i)));
        for (uint32_t j = 0; j < i; j++)
            assert_false(ids_same(together[i], together[j])); /* the same bytes at another place */
    }
    /* chunks may be cut elsewhere */
    again.chunk.position = 11;
    again.chunk.records[0] = source.chunk.records[1];
    assert_true(ids_same(together[1], id_of(&again, 0)));
}

static void whatever_differs_makes_another(void **state)
{
    struct source source, other[9];
    source_init(&source);
    for (int i = 0; i < 9; i++)
        source_init(&other[i]);
    other[0].exporter.endpoint.port++;
    other[1].exporter.endpoint.address.bytes[15]++;
    other[2].message.domain++;
    other[3].message.sequence++;
    other[4].message.export_ns++;
    other[5].message.uptime_ms++;
    other[6].message.version = 10;
    other[7].chunk.position++;
    other[8].bytes[0][RECORD_BYTES - 1] ^= 1;
    for (int i = 0; i < 9; i++)
        assert_false(ids_same(id_of(&source, 0), id_of(&other[i], 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_record_same_id),
        cmocka_unit_test(whatever_differs_makes_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
