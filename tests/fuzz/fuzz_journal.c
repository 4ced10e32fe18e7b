/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal of templates as it lies on disk. The first byte says whether records are made to fit: then magic, length
 * and checksums are set right where a record would begin, so that what is behind them is reached. What was read can be
 * written, read again and decoded with.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decode/facts.h"
#include "decode/journal/file.h"
#include "decode/journal/record.h"
#include "tests/unit/decode_fixture.h"
#include "tests/unit/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes each record over itself, with what its header says of the event. */
static void records_fit(uint8_t *bytes, size_t size)
{
    static uint8_t written[RECORD_MOST];
    size_t at = sizeof(struct journal_head);
    while (at + sizeof(struct journal_record) <= size) {
        struct journal_record header;
        memcpy(&header, bytes + at, sizeof header);
        size_t left = size - at - sizeof header;
        struct template_event event = {.key = header.key,
                                       .time_ns = header.time_ns,
                                       .record = bytes + at + sizeof header,
                                       .record_bytes = (uint16_t)(header.record_bytes % 256),
                                       .id = header.id,
                                       .source_port = header.source_port,
                                       .change = header.change % CHANGE_COUNT,
                                       .options = header.options & 1};
        if (event.change == CHANGE_REMOVED || event.change == CHANGE_SPLIT)
            event.record_bytes = 0;
        if (event.change == CHANGE_SPLIT)
            event.id = 0;
        if (event.record_bytes > left)
            return;
        uint32_t length = journal_record_write(written, &event);
        memcpy(bytes + at, written, length < size - at ? length : size - at);
        at += length;
    }
}

static bool event_take(const struct template_event *event, void *data)
{
    FIXTURE_REQUIRE(event->change < CHANGE_COUNT);
    FIXTURE_REQUIRE(event->id >= 256 || event_is_facts(event) || (event->id == 0 && event->record_bytes == 0));
    return template_store_put(data, event);
}

/* Data of every template that was read, of its own exporter. */
static void templates_use(struct template_store *store)
{
    static struct fixture fixture;
    static struct wire wire;
    struct elements *elements = fixture.elements;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.limits.memory = 256 << 10;
    fixture.config.limits.exporters = 8;
    fixture.elements = elements ? elements : elements_new(profile_of(PROFILE_WEIR), NULL, &(struct config_problems){0});
    fixture.known = store;
    fixture_open_decoder(&fixture);
    for (uint32_t slot = 0; slot < template_store_slots(store) && slot < 8; slot++) {
        struct template_event event;
        if (!template_store_at(store, slot, &event))
            continue;
        struct endpoint endpoint = {event.key.address, 1};
        uint64_t hash = exporters_hash(fixture.exporters, &endpoint);
        struct exporter *exporter = exporters_find(fixture.exporters, &endpoint, hash);
        exporter = exporter ? exporter : exporters_add(fixture.exporters, &endpoint, hash);
        wire.size_bytes = 0;
        if (event.key.version == 9)
            wire_v9(&wire, 1, 1, event.key.domain);
        else
            wire_ipfix(&wire, 1, event.key.domain);
        wire_data(&wire, event.id, 3, 500);
        if (event.key.version == 10)
            wire_message_end(&wire);
        if (exporter)
            fixture_feed(&fixture, exporter, wire.bytes, wire.size_bytes);
    }
    fixture_check_ledger(&fixture);
    fixture_close_decoder(&fixture);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + sizeof(struct journal_head) || size > 1 << 16)
        return 0;
    uint8_t *bytes = malloc(size - 1);
    memcpy(bytes, data + 1, size - 1);
    if (data[0] & 1)
        records_fit(bytes, size - 1);
    struct journal_file file = {.folder_fd = -1, .lock_fd = -1, .fd = memfd_create("journal", MFD_CLOEXEC)};
    FIXTURE_REQUIRE(write(file.fd, bytes, size - 1) == (ssize_t)(size - 1));
    free(bytes);
    struct journal_reading first, second;
    struct template_store *store = template_store_new(), *again = template_store_new();
    FIXTURE_REQUIRE(journal_file_read(&file, event_take, store, &first) == 0);
    FIXTURE_REQUIRE(journal_file_read(&file, event_take, again, &second) == 0);
    FIXTURE_REQUIRE(second.records == first.records && second.cut_bytes == 0); /* the torn end is gone */
    FIXTURE_REQUIRE(template_store_count(store) == template_store_count(again));
    templates_use(store);
    template_store_free(store);
    template_store_free(again);
    journal_file_close(&file);
    return 0;
}
