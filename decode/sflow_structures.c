/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/sflow_structure.h"

#include "decode/dissect.h"

/* Reads structures as sflow_flow_structures.c and sflow_counter_structures.c write them down. */

#define TEXT_MOST  255 /* bytes of a text that are kept */
#define LIST_MOST  64  /* numbers of a list that are kept */
#define LANES_MOST 16

/* ---- members of variable length: each returns where the next member is, NULL when the structure ends before ---- */

static const uint8_t *address_read(struct row *row, uint16_t field, const uint8_t *at, const uint8_t *end)
{
    if (end - at < 4)
        return NULL;
    uint32_t type = read_be32(at);
    uint32_t size_bytes = type == 1 ? 4 : type == 2 ? 16 : 0;
    at += 4;
    if (type > 2 || end - at < (ptrdiff_t)size_bytes)
        return NULL;
    if (size_bytes)
        row_put(row, (uint16_t)(field + (type == 2)), at, size_bytes);
    return at + size_bytes;
}

/* Length, bytes, padding to four; *first is where the bytes are. */
static const uint8_t *opaque_find(const uint8_t *at, const uint8_t *end, const uint8_t **first, uint32_t *size_bytes)
{
    if (end - at < 4)
        return NULL;
    uint32_t left = (uint32_t)(end - at) - 4;
    *size_bytes = read_be32(at);
    *first = at + 4;
    if (*size_bytes > left)
        return NULL;
    /* some agents leave out the padding of a structure's last member */
    uint32_t padded = (*size_bytes + 3) & ~3u;
    return *first + (padded < left ? padded : left);
}

static const uint8_t *text_read(struct row *row, uint16_t field, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *text;
    uint32_t size_bytes;
    at = opaque_find(at, end, &text, &size_bytes);
    if (!at || !size_bytes)
        return at;
    if (size_bytes > TEXT_MOST)
        decoder_count(row->decoder, COUNTER_sflow_values_cut, 1);
    row_put(row, field, text, size_bytes < TEXT_MOST ? size_bytes : TEXT_MOST);
    return at;
}

/* Appends to the list that the row ends with, as far as there is room. */
static void list_add(struct row *row, uint16_t field, const uint8_t *numbers, uint32_t count)
{
    struct span *span = &row->spans[field];
    uint32_t has = span->length == SPAN_ABSENT ? 0 : span->length / 4u;
    uint32_t kept = count < LIST_MOST - has ? count : LIST_MOST - has;
    if (kept < count)
        decoder_count(row->decoder, COUNTER_sflow_values_cut, 1);
    struct span before = *span;
    uint8_t *room = kept ? row_room(row, field, kept * 4) : NULL;
    if (!room)
        return;
    memcpy(room, numbers, kept * 4);
    if (has)
        *span = (struct span){.offset = before.offset, .length = (uint16_t)(before.length + kept * 4)};
}

/* Count and numbers; *first is where they are. */
static const uint8_t *list_find(const uint8_t *at, const uint8_t *end, const uint8_t **first, uint32_t *count)
{
    if (end - at < 4)
        return NULL;
    *count = read_be32(at);
    *first = at + 4;
    return *count <= (uint32_t)(end - *first) / 4 ? *first + 4 * (size_t)*count : NULL;
}

static const uint8_t *numbers_read(struct row *row, uint16_t field, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *first;
    uint32_t count;
    at = list_find(at, end, &first, &count);
    row->spans[field].length = SPAN_ABSENT; /* a structure that comes twice */
    if (at && count)
        list_add(row, field, first, count);
    return at;
}

static const uint8_t *labels_read(struct row *row, uint16_t field, const uint8_t *at, const uint8_t *end)
{
    at = numbers_read(row, field, at, end);
    const struct span span = row->spans[field];
    for (uint32_t i = 0; span.length != SPAN_ABSENT && i < span.length; i += 4) {
        uint8_t *entry = row->bytes + span.offset + i; /* the row's own copy */
        uint32_t label_be = __builtin_bswap32(read_be32(entry) >> 12);
        memcpy(entry, &label_be, sizeof label_be);
    }
    return at;
}

/* The first AS of a path is the neighbour, its last one the origin of the destination. */
static void path_ends_put(struct row *row, const uint8_t *neighbour, const uint8_t *origin)
{
    row_put(row, SFLOW_DESTINATION_PEER_AS, neighbour, 4);
    row_put(row, SFLOW_DESTINATION_AS, origin, 4);
}

static const uint8_t *path_read(struct row *row, uint16_t field, const uint8_t *at, const uint8_t *end)
{
    if (end - at < 4)
        return NULL;
    uint32_t segments = read_be32(at);
    const uint8_t *neighbour = NULL, *origin = NULL;
    at += 4;
    row->spans[field].length = SPAN_ABSENT;
    for (; segments && at; segments--) {
        const uint8_t *first;
        uint32_t count;
        if (end - at < 4)
            return NULL;
        at = list_find(at + 4, end, &first, &count);
        if (!at || !count)
            continue;
        list_add(row, field, first, count);
        neighbour = neighbour ? neighbour : first;
        origin = at - 4;
    }
    if (at && origin)
        path_ends_put(row, neighbour, origin);
    return at;
}

static const uint8_t *ases_read(struct row *row, uint16_t field, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *first = at + 4;
    at = numbers_read(row, field, at, end);
    if (at && at > first)
        path_ends_put(row, first, at - 4);
    return at;
}

/* Lanes of an optical module: what they say of one thing is a list, from the first lane to the last. */
static const uint8_t *lanes_read(struct row *row, uint16_t field, const uint8_t *at, const uint8_t *end)
{
    if (end - at < 4)
        return NULL;
    uint32_t count = read_be32(at), kept = count < LANES_MOST ? count : LANES_MOST;
    at += 4;
    if (count > (uint32_t)(end - at) / (LANE_NUMBERS * 4))
        return NULL;
    if (kept < count)
        decoder_count(row->decoder, COUNTER_sflow_values_cut, 1);
    for (uint32_t column = 0; kept && column < LANE_NUMBERS; column++) {
        uint8_t *room = row_room(row, (uint16_t)(field + column), kept * 4);
        for (uint32_t lane = 0; room && lane < kept; lane++)
            memcpy(room + 4 * lane, at + 4 * (LANE_NUMBERS * lane + column), 4);
    }
    return at + LANE_NUMBERS * 4 * (size_t)count;
}

/* How many MAC addresses all of a host's adapters have, NULL at a lie; *end is where the list ends. */
static const uint8_t *adapters_measure(const uint8_t *at, const uint8_t *end, uint32_t adapters, uint32_t *addresses)
{
    *addresses = 0;
    for (; adapters; adapters--) {
        if (end - at < 8)
            return NULL;
        uint32_t count = read_be32(at + 4);
        at += 8;
        if (count > (uint32_t)(end - at) / 8)
            return NULL;
        at += 8 * (size_t)count;
        *addresses += count;
    }
    return at;
}

/* Indices in one list, MAC addresses in the next field's. */
static const uint8_t *adapters_read(struct row *row, uint16_t field, const uint8_t *at, const uint8_t *end)
{
    uint32_t adapters, addresses;
    if (end - at < 4)
        return NULL;
    adapters = read_be32(at);
    const uint8_t *next = adapters_measure(at + 4, end, adapters, &addresses);
    if (!next)
        return NULL;
    if (adapters > LIST_MOST || addresses > LIST_MOST) {
        decoder_count(row->decoder, COUNTER_sflow_values_cut, 1);
        return next;
    }
    uint8_t *indices = adapters ? row_room(row, field, adapters * 4) : NULL;
    uint8_t *macs = addresses ? row_room(row, (uint16_t)(field + 1), addresses * 6) : NULL;
    at += 4;
    for (uint32_t i = 0; i < adapters; i++) {
        uint32_t count = read_be32(at + 4);
        if (indices)
            memcpy(indices + 4 * i, at, 4);
        at += 8;
        for (uint32_t k = 0; k < count; k++, at += 8, macs = macs ? macs + 6 : NULL)
            if (macs)
                memcpy(macs, at, 6);
    }
    return next;
}

/* The begin of an encrypted packet as it reads without encryption (sFlow 802.11 structures, 1013). */
static const uint8_t *payload_read(struct row *row, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *packet;
    uint32_t size_bytes;
    at = opaque_find(at, end, &packet, &size_bytes);
    if (at)
        row_put_packet(row, DISSECT_LLC, packet, size_bytes);
    return at;
}

/* ---- structures ---- */

static const uint8_t *fixed_read(struct row *row, const struct part *part, const uint8_t *at, const uint8_t *end)
{
    if (end - at < part->bytes)
        return NULL;
    if (part->form == FORM_BYTES) {
        row_put(row, part->field, at, part->bytes);
    } else if (part->form != FORM_SKIP) {
        uint64_t value = read_be(at, part->bytes), unknown = part->bytes == 4 ? UINT32_MAX : UINT64_MAX;
        if (part->form == FORM_NUMBER || value != unknown)
            row_put_wire(row, part->field, at, part->bytes);
    }
    return at + part->bytes;
}

static const uint8_t *part_read(struct row *row, const struct part *part, const uint8_t *at, const uint8_t *end)
{
    switch (part->form) {
    case FORM_ADDRESS:
        return address_read(row, part->field, at, end);
    case FORM_TEXT:
        return text_read(row, part->field, at, end);
    case FORM_NUMBERS:
        return numbers_read(row, part->field, at, end);
    case FORM_LABELS:
        return labels_read(row, part->field, at, end);
    case FORM_PATH:
        return path_read(row, part->field, at, end);
    case FORM_ASES:
        return ases_read(row, part->field, at, end);
    case FORM_LANES:
        return lanes_read(row, part->field, at, end);
    case FORM_ADAPTERS:
        return adapters_read(row, part->field, at, end);
    case FORM_PAYLOAD:
        return payload_read(row, at, end);
    default:
        return fixed_read(row, part, at, end);
    }
}

const uint8_t *structure_read(struct row *row, const struct structure *structure, const uint8_t *at,
                              const uint8_t *end)
{
    for (uint32_t i = 0; i < PARTS_MOST && structure->parts[i].form != FORM_END; i++) {
        if (at == end && structure->optional && i >= structure->optional)
            return at;
        at = part_read(row, &structure->parts[i], at, end);
        if (!at)
            return NULL;
    }
    return at;
}

const struct structure *structure_find(const struct structure_table *table, uint32_t format)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (table->rows[i].format == format)
            return &table->rows[i];
    return NULL;
}

/* What stands behind the members that are known is a newer revision's, and passed over. */
static void known_read(struct row *row, const struct structure *structure, const uint8_t *at, const uint8_t *end)
{
    if (!structure)
        decoder_count(row->decoder, COUNTER_sflow_structures_unknown, 1);
    else if (!structure_read(row, structure, at, end))
        decoder_count(row->decoder, COUNTER_sflow_structures_short, 1);
}

void sflow_flow_structure_read(struct row *row, uint32_t format, const uint8_t *at, const uint8_t *end)
{
    if (format != SFLOW_HEADER)
        known_read(row, structure_find(&sflow_flow_structures, format), at, end);
    else if (!sflow_header_read(row, at, end))
        decoder_count(row->decoder, COUNTER_sflow_structures_short, 1);
}

void sflow_counter_structure_read(struct row *row, uint32_t format, const uint8_t *at, const uint8_t *end)
{
    known_read(row, structure_find(&sflow_counter_structures, format), at, end);
}
