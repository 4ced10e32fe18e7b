/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the topic of templates, as any client of the broker may write them: a byte of length for the key, two for
 * the value (all ones: none), then both. Where the first byte of all is odd, values are made to fit: head, length and
 * checksums are set right, so that what is behind them is reached. What is believed is decoded with.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "decode/journal/share.h"
#include "decode/journal/topic.h"
#include "tests/unit/decode_fixture.h"
#include "tests/unit/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ORIGIN 1

static uint8_t value[TOPIC_VALUE_MOST];

/* The value again with the event that its header speaks of, as another collector's, and the key to it. */
static size_t value_fit(size_t bytes, struct topic_key *key)
{
    struct journal_record header;
    static uint8_t record[256];
    if (bytes < sizeof(struct topic_head) + sizeof header)
        return bytes;
    memcpy(&header, value + sizeof(struct topic_head), sizeof header);
    size_t left = bytes - sizeof(struct topic_head) - sizeof header;
    struct template_event event = {.key = header.key,
                                   .time_ns = header.time_ns,
                                   .stamp = header.stamp,
                                   .record = record,
                                   .record_bytes = (uint16_t)(left < sizeof record ? left : sizeof record),
                                   .id = header.id,
                                   .source_port = header.source_port,
                                   .change = header.change % CHANGE_COUNT,
                                   .options = header.options & 1};
    memcpy(record, value + sizeof(struct topic_head) + sizeof header, event.record_bytes);
    *key = topic_key_of(&event.key, event.id);
    return topic_value_write(value, ORIGIN + 1, &event);
}

/* Data of the template, from its exporter. */
static void template_use(struct fixture *fixture, const struct template_event *event)
{
    static struct wire wire;
    struct endpoint endpoint = {event->key.address, event->key.port ? event->key.port : 1};
    uint64_t hash = exporters_hash(fixture->exporters, &endpoint);
    struct exporter *exporter = exporters_find(fixture->exporters, &endpoint, hash);
    exporter = exporter ? exporter : exporters_add(fixture->exporters, &endpoint, hash);
    wire.size_bytes = 0;
    if (event->key.version == 9)
        wire_v9(&wire, 1, 1, event->key.domain);
    else
        wire_ipfix(&wire, 1, event->key.domain);
    wire_data(&wire, event->id, 3, 500);
    if (event->key.version == 10)
        wire_message_end(&wire);
    if (exporter)
        fixture_feed(fixture, exporter, wire.bytes, wire.size_bytes);
}

static void message_hear(struct fixture *fixture, struct template_share *share, const struct topic_message *message)
{
    struct template_event event;
    enum topic_verdict verdict = topic_message_read(message, ORIGIN, &event);
    if (verdict != TOPIC_ANNOUNCED && verdict != TOPIC_REMOVED)
        return;
    FIXTURE_REQUIRE(journal_id_is_possible(event.id) && (event.change == CHANGE_REMOVED) == (verdict == TOPIC_REMOVED));
    template_share_hear(share, &event, fixture->now_ns);
    if (!event_is_facts(&event))
        template_use(fixture, &event);
    template_share_sweep(share, fixture->now_ns);
    template_board_collect(share->board);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture fixture;
    static struct counters counters;
    struct template_share share;
    struct elements *elements = fixture.elements;
    if (size < 1 || size > 1 << 16)
        return 0;
    fixture_init(&fixture, PROFILE_WEIR);
    fixture.config.limits.memory = 256 << 10;
    fixture.config.limits.exporters = 8;
    fixture.elements = elements ? elements : elements_new(profile_of(PROFILE_WEIR), NULL, &(struct config_problems){0});
    fixture.board = template_board_new(64 << 10, 1);
    FIXTURE_REQUIRE(fixture.board);
    template_share_init(&share, fixture.board, 0, &counters);
    template_board_open(fixture.board);
    fixture_open_decoder(&fixture);
    for (size_t at = 1; at + 3 <= size;) {
        size_t key_bytes = data[at], value_bytes = data[at + 1] | (size_t)data[at + 2] << 8;
        bool none = value_bytes == 0xffff;
        at += 3;
        key_bytes = key_bytes < size - at ? key_bytes : size - at;
        struct topic_key key = {.id = 0};
        memcpy(&key, data + at, key_bytes < sizeof key ? key_bytes : sizeof key);
        at += key_bytes;
        value_bytes = none ? 0 : value_bytes < size - at ? value_bytes : size - at;
        memcpy(value, data + at, value_bytes);
        at += value_bytes;
        key_bytes = key_bytes < sizeof key ? key_bytes : sizeof key;
        if (data[0] & 1 && !none) {
            value_bytes = value_fit(value_bytes, &key);
            key_bytes = sizeof key;
        }
        message_hear(&fixture, &share, &(struct topic_message){&key, key_bytes, none ? NULL : value, value_bytes});
    }
    fixture_check_ledger(&fixture);
    fixture_close_decoder(&fixture);
    template_board_free(fixture.board);
    return 0;
}
