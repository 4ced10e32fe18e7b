/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/sections.h"

#include <stdlib.h>

#include "decode/pages.h"
#include "decode/row.h"

/* Flow records with sections of packets, or ids of common properties: what these say stands behind their values. */

#define ROW_BEHIND_BYTES (PROPERTIES_BYTES + ROW_COMPUTED_BYTES)
#define ROW_MOST         (UINT16_MAX - ROW_BEHIND_BYTES) /* bytes of a record behind which values can stand */

/* The records of a chunk are of one set, which is no longer than a message. */
#define ROWS_BYTES (UINT16_MAX + CHUNK_RECORDS * ROW_BEHIND_BYTES + RECORD_SLACK_BYTES)

/* dataLinkFrameType: RFC 7133 3.2. */
#define FRAME_ETHERNET 1
#define FRAME_WLAN     2

struct sections {
    struct section_maker *maker;
    struct span *spans; /* CHUNK_RECORDS records of fields_most fields and those that are computed */
    uint8_t *rows;      /* ROWS_BYTES */
};

static size_t spans_bytes(const struct decoder *decoder)
{
    return (size_t)CHUNK_RECORDS * (decoder->fields_most + PLAN_COMPUTED_MOST) * sizeof(struct span);
}

bool sections_init(struct decoder *decoder)
{
    if (!decoder->profile->reads_sections)
        return true;
    struct sections *sections = calloc(1, sizeof *sections);
    decoder->sections = sections;
    if (!sections)
        return false;
    sections->maker = section_maker_new(decoder->elements, decoder->fields_most, decoder->facts_kept);
    sections->spans = pages_take(spans_bytes(decoder));
    sections->rows = pages_take(ROWS_BYTES);
    return sections->maker && sections->spans && sections->rows;
}

void sections_fini(struct decoder *decoder)
{
    struct sections *sections = decoder->sections;
    if (!sections)
        return;
    section_maker_free(sections->maker);
    pages_give(sections->spans, spans_bytes(decoder));
    pages_give(sections->rows, ROWS_BYTES);
    free(sections);
}

bool sections_attach(struct decoder *decoder, struct plan *plan)
{
    return !decoder->sections || section_maker_attach(decoder->sections->maker, decoder->plans, plan);
}

/* ---- a record ---- */

/* A record at hand. */
struct sectioned {
    struct row row;
    const struct section_layout *layout;
    struct span *spans; /* of the template's fields */
};

/* 0: there is no such field, or nothing in it. */
static uint64_t number_of(const struct sectioned *record, uint16_t field)
{
    if (field == SECTION_NO_FIELD || record->spans[field].length == SPAN_ABSENT)
        return 0;
    return read_be(record->row.bytes + record->spans[field].offset, record->spans[field].length);
}

static uint32_t least(uint32_t bytes, uint64_t most)
{
    return most && most < bytes ? (uint32_t)most : bytes;
}

/* The protocol that the record says, or the header that was read of another section of it. */
static uint64_t protocol_of(const struct sectioned *record)
{
    uint64_t own = number_of(record, record->layout->protocol);
    return own ? own : row_number(&record->row, SFLOW_PROTOCOL_IDENTIFIER);
}

static bool payload_read(struct sectioned *record, const uint8_t *payload, uint32_t size_bytes)
{
    struct row *row = &record->row;
    uint64_t protocol = protocol_of(record);
    if (protocol == 0 || protocol > UINT8_MAX)
        return false;
    if (row->spans[SFLOW_SOURCE_TRANSPORT_PORT].length == SPAN_ABSENT &&
        row->spans[SFLOW_ICMP_TYPE].length == SPAN_ABSENT)
        row_put_payload(row, (uint8_t)protocol, payload, size_bytes);
    return true;
}

/* False: nothing can be read there, for the packet's begin is not known. */
static bool section_read(struct sectioned *record, const struct section_use *use)
{
    const struct section_layout *layout = record->layout;
    const struct span span = record->spans[use->field];
    if (span.length == SPAN_ABSENT || span.length == 0)
        return true;
    if (number_of(record, use->offset_field))
        return false;
    const uint8_t *bytes = record->row.bytes + span.offset;
    uint32_t size_bytes = least(span.length, number_of(record, use->size_field));
    if (use->start == SECTION_PAYLOAD)
        return payload_read(record, bytes, size_bytes);
    enum dissect_start start = (enum dissect_start)use->start;
    if (start == DISSECT_ETHERNET) {
        uint64_t frame_type = number_of(record, layout->frame_type);
        if (frame_type > FRAME_WLAN)
            return false;
        if (frame_type == FRAME_WLAN)
            start = DISSECT_WLAN;
        size_bytes = least(size_bytes, number_of(record, layout->frame_bytes));
    }
    row_put_packet(&record->row, start, bytes, size_bytes);
    return true;
}

/* The frame's length where the record says it, else the packet's. v9's may be that of the section alone. */
static uint64_t octets_of(const struct sectioned *record)
{
    const struct section_layout *layout = record->layout;
    uint64_t frame_bytes = number_of(record, layout->frame_bytes), shown = number_of(record, layout->section_bytes);
    uint64_t ip_bytes = number_of(record, layout->ip_bytes);
    if (!frame_bytes && shown > record->spans[layout->uses[0].field].length)
        frame_bytes = shown;
    if (!ip_bytes)
        ip_bytes = row_number(&record->row, SFLOW_IP_TOTAL_LENGTH);
    return frame_bytes ? frame_bytes : ip_bytes ? ip_bytes : shown;
}

/* It stands for one packet: where it has counters of its own, the plan has none for these. */
static void traffic_put(struct sectioned *record)
{
    uint64_t octets = octets_of(record);
    row_put_number(&record->row, SFLOW_PACKET_DELTA_COUNT, 1);
    if (octets)
        row_put_number(&record->row, SFLOW_OCTET_DELTA_COUNT, octets);
}

static void sections_read(struct sectioned *record)
{
    for (uint32_t i = 0; i < record->layout->use_count; i++)
        if (!section_read(record, &record->layout->uses[i]))
            decoder_count(record->row.decoder, COUNTER_sections_unread, 1);
    traffic_put(record);
}

/* What the ids of the record stand for, behind it. An id of 0 is none. */
static void properties_read(struct sectioned *record, const struct plan *plan)
{
    const struct section_layout *layout = record->layout;
    const struct session *session = record->row.decoder->walk.session;
    struct property_target target = {
        .elements = record->row.decoder->elements,
        .fields = plan->fields + layout->field_count,
        .spans = record->spans + layout->field_count,
        .count = layout->property_count,
        .bytes = record->row.bytes,
        .used = record->row.used,
        .most = record->row.used + PROPERTIES_BYTES,
    };
    bool unknown = false;
    for (uint32_t i = 0; i < layout->id_count; i++) {
        uint64_t id = number_of(record, layout->id_fields[i]);
        unknown |= id && !(session && session->facts && properties_put(&target, session->facts, id));
    }
    record->row.used = target.used;
    decoder_count(record->row.decoder, COUNTER_records_properties_unknown, unknown);
}

/* All that stands behind the record; there is room for it. */
static void record_complete(struct sectioned *record, const struct plan *plan)
{
    if (record->layout->id_count)
        properties_read(record, plan);
    record->row.most_bytes = record->row.used + ROW_COMPUTED_BYTES;
    if (record->layout->use_count)
        sections_read(record);
}

/* Makes it a record of the sectioned plan: its bytes at `bytes`, and its spans. Returns how many bytes it has then. */
static uint32_t record_convert(struct decoder *decoder, const struct plan *plan, struct record *record,
                               struct span *spans, uint8_t *bytes)
{
    const struct section_layout *layout = plan->sections;
    uint32_t fields = layout->field_count, packet_at = fields + layout->property_count;
    struct sectioned sectioned = {
        .row = {.decoder = decoder,
                .fields = plan->fields + packet_at,
                .spans = spans + packet_at,
                .bytes = bytes,
                .used = record->size_bytes,
                .sampling_rate = 1,
                .has_record = true},
        .layout = layout,
        .spans = spans,
    };
    memcpy(bytes, record->bytes, record->size_bytes);
    memcpy(spans, record->spans, fields * sizeof *spans);
    memset(spans + fields, 0xff, (plan->field_count - fields) * sizeof *spans); /* SPAN_ABSENT everywhere */
    if (record->size_bytes <= ROW_MOST)
        record_complete(&sectioned, plan);
    else
        decoder_count(decoder, layout->use_count ? COUNTER_sections_unread : COUNTER_records_properties_unknown, 1);
    *record = (struct record){.bytes = bytes, .spans = spans, .size_bytes = sectioned.row.used};
    return sectioned.row.used;
}

void sections_convert(struct decoder *decoder, struct chunk *chunk, uint32_t count)
{
    struct sections *sections = decoder->sections;
    const struct plan *plan = decoder->walk.plan->sectioned;
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++)
        at += record_convert(decoder, plan, &chunk->records[i], sections->spans + (size_t)i * plan->field_count,
                             sections->rows + at);
    chunk->plan = plan;
}
