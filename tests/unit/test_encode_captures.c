/* SPDX-License-Identifier: Apache-2.0 */
/* Every golden datagram in both profiles: documents are JSON, and no longer than what was announced for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "tests/unit/capture_folder.h"
#include "tests/unit/encode_fixture.h"

#define CAPACITY_MOST (1 << 20)
#define UNTOUCHED 0xa5

/* How much of a batch the record's document may take: below that the encoder refuses it as too large. */
static uint32_t capacity_find(struct encoding *encoding, const struct chunk *one)
{
    struct batch *batch = &encoding->batch;
    uint32_t refused = 0, taken = CAPACITY_MOST;
    while (taken - refused > 1) {
        batch->capacity_bytes = refused + (taken - refused) / 2;
        assert_int_equal(encoder_chunk(encoding->encoder, one, 0, batch), 1);
        *(batch->count ? &taken : &refused) = batch->capacity_bytes;
        batch_clear(batch);
    }
    batch->capacity_bytes = taken;
    return taken;
}

/* Each record alone, into a batch that is just large enough, with bytes behind it that must stay. */
static void record_check(struct encoding *encoding, const struct chunk *chunk, uint32_t index)
{
    static struct chunk one;
    struct batch *batch = &encoding->batch;
    one = (struct chunk){.plan = chunk->plan, .message = chunk->message, .count = 1};
    one.records[0] = chunk->records[index];
    uint32_t capacity = capacity_find(encoding, &one);
    memset(batch->bytes + capacity, UNTOUCHED, BATCH_SLACK_BYTES);
    assert_int_equal(encoder_chunk(encoding->encoder, &one, 0, batch), 1);
    assert_int_equal(batch->count, 1);
    assert_true(batch->size_bytes <= capacity);
    for (uint32_t i = TEXT_OVERRUN; i < BATCH_SLACK_BYTES; i++)
        assert_int_equal(batch->bytes[capacity + i], UNTOUCHED);
    encoding_collect(encoding);
}

static void chunk_check(const struct chunk *chunk, void *data)
{
    for (uint32_t i = 0; i < chunk->count; i++)
        record_check(data, chunk, i);
}

static uint64_t capture_check(const struct capture *capture, enum profile_kind kind, fixture_visitor visitor)
{
    struct encoding encoding;
    encoding_init(&encoding, kind);
    encoding.fixture.config.output.envelope = true;
    encoding.fixture.config.output.namespace = "default";
    fixture_open(&encoding.fixture);
    encoding_open_encoder(&encoding, CAPACITY_MOST);
    for (size_t i = 0; i < capture->count; i++) {
        const struct capture_datagram *item = &capture->items[i];
        struct exporter *exporter = fixture_exporter(&encoding.fixture, item->exporter);
        const struct fixture_bytes from = {item->bytes, item->size_bytes};
        fixture_visit(&encoding.fixture, exporter, from, visitor, &encoding);
        encoding_collect(&encoding);
        json_array_clear(encoding.documents);
    }
    assert_int_equal(encoding.written, fixture_count(&encoding.fixture, COUNTER_records_received));
    uint64_t written = encoding.written;
    encoding_close(&encoding);
    return written;
}

static uint64_t captures_check(fixture_visitor visitor)
{
    const char *golden = getenv("WEIR_GOLDEN");
    assert_non_null(golden);
    struct dirent **entries;
    int count = scandir(golden, &entries, NULL, alphasort);
    uint64_t documents = 0;
    for (int i = 0; i < count; i++) {
        char folder[2048];
        struct capture capture;
        snprintf(folder, sizeof folder, "%s/%s", golden, entries[i]->d_name);
        capture_read(&capture, folder);
        for (int kind = 0; kind < 2; kind++)
            documents += capture_check(&capture, kind ? PROFILE_ELASTIC : PROFILE_WEIR, visitor);
        capture_free(&capture);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return documents;
}

static void documents_are_json(void **state)
{
    assert_true(captures_check(encoding_chunk) > 2000);
}

static void announced_is_enough(void **state)
{
    assert_true(captures_check(chunk_check) > 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_json),
        cmocka_unit_test(announced_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
