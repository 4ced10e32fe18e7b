/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/journal/record.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "decode/facts.h"
#include "decode/template_reader.h"

static_assert(sizeof(struct journal_head) == 16, "the layout on disk");
static_assert(sizeof(struct journal_record) == 80, "the layout on disk");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the layout on disk");

static uint64_t header_checksum(const uint8_t *header)
{
    size_t from = offsetof(struct journal_record, body_checksum);
    return XXH3_64bits(header + from, sizeof(struct journal_record) - from);
}

uint32_t journal_record_write(uint8_t *to, const struct template_event *event)
{
    struct journal_record record = {
        .magic = RECORD_MAGIC,
        .size_bytes = journal_record_bytes(event->record_bytes),
        .body_checksum = XXH3_64bits(event->record, event->record_bytes),
        .time_ns = event->time_ns,
        .key = event->key,
        .stamp = event->stamp,
        .id = event->id,
        .source_port = event->source_port,
        .record_bytes = event->record_bytes,
        .change = event->change,
        .options = event->options,
    };
    record.checksum = header_checksum((const uint8_t *)&record);
    memset(to + record.size_bytes - RECORD_ALIGN_BYTES, 0, RECORD_ALIGN_BYTES);
    memcpy(to, &record, sizeof record);
    memcpy(to + sizeof record, event->record, event->record_bytes);
    return record.size_bytes;
}

bool journal_id_is_possible(uint16_t id)
{
    return id >= TEMPLATE_ID_LEAST || (id >= FACT_PAGE_LEAST && id < FACT_PAGE_LEAST + FACT_PAGES);
}

static bool header_fits(const struct journal_record *record, const uint8_t *bytes)
{
    bool bare = record->change == CHANGE_REMOVED || record->change == CHANGE_SPLIT;
    bool about_all = record->change == CHANGE_SPLIT || (bare && record->id == 0);
    return record->magic == RECORD_MAGIC && record->checksum == header_checksum(bytes) &&
           record->size_bytes == journal_record_bytes(record->record_bytes) && record->change < CHANGE_COUNT &&
           bare == (record->record_bytes == 0) && record->options <= 1 &&
           (about_all ? record->id == 0 : journal_id_is_possible(record->id)) &&
           (record->key.version == 9 || record->key.version == 10);
}

bool template_event_read(const struct template_event *event, struct template_view *view)
{
    const struct dialect *dialect = event->key.version == 9 ? &dialect_v9 : &dialect_ipfix;
    struct template_reader reader = {
        .dialect = dialect,
        .at = event->record,
        .end = event->record + event->record_bytes,
        .set_id = event->options ? dialect->options_set : dialect->template_set,
    };
    return template_read(&reader, view) == TEMPLATE_WHOLE && reader.at == reader.end && view->id == event->id;
}

static bool event_is_sound(const struct template_event *event)
{
    struct template_view view;
    if (event_is_facts(event))
        return !event->options && fact_page_check(event->record, event->record_bytes);
    return template_event_read(event, &view);
}

enum journal_verdict journal_record_read(const uint8_t *bytes, size_t size_bytes, struct template_event *event,
                                         uint32_t *skip)
{
    struct journal_record record;
    *skip = 0;
    if (size_bytes < sizeof record)
        return JOURNAL_SHORT;
    memcpy(&record, bytes, sizeof record);
    *skip = RECORD_ALIGN_BYTES;
    if (!header_fits(&record, bytes))
        return JOURNAL_NOTHING;
    *skip = 0;
    if (size_bytes < record.size_bytes)
        return JOURNAL_SHORT;
    *skip = record.size_bytes;
    *event = (struct template_event){
        .key = record.key,
        .time_ns = record.time_ns,
        .stamp = record.stamp,
        .record = bytes + sizeof record,
        .record_bytes = record.record_bytes,
        .id = record.id,
        .source_port = record.source_port,
        .change = record.change,
        .options = record.options,
    };
    if (XXH3_64bits(event->record, event->record_bytes) != record.body_checksum ||
        (event->record_bytes && !event_is_sound(event)))
        return JOURNAL_DAMAGED;
    return JOURNAL_WHOLE;
}
