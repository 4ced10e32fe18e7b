/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/traffic.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DATAGRAM_MOST 1400 /* what fits an Ethernet frame beside the headers */
#define SLACK 64
#define EXPORT_SECONDS 1767225600u /* 2026-01-01T00:00:00Z */
#define UPTIME_MS 3600000u
#define VARIABLE 65535

/* A field of a generated record: how its bytes are made. */
enum content {
    CONTENT_RANDOM,    /* any bits */
    CONTENT_SMALL,     /* a number of few bits, as counters and interfaces mostly are */
    CONTENT_PRIVATE,   /* an IPv4 address of 10.0.0.0/8 */
    CONTENT_PUBLIC,    /* an IPv4 address of 198.51.100.0/24 */
    CONTENT_PORT,
    CONTENT_PROTOCOL,  /* 6 or 17 */
    CONTENT_START,     /* milliseconds of uptime, 30 to 60 s before now */
    CONTENT_END,       /* the same, up to 30 s before now */
    CONTENT_START_MS,  /* dateTimeMilliseconds, 30 to 60 s before now */
    CONTENT_END_MS,
    CONTENT_FLAGS,     /* TCP flags of a few kinds of flow */
    CONTENT_ONE,
    CONTENT_ZERO,
    CONTENT_TEXT,
    CONTENT_ADDRESS6,
    CONTENT_PATH,      /* a basicList of three AS numbers */
    CONTENT_HOPS,      /* a subTemplateList of two records of fields_hop */
};

struct content_field {
    uint32_t enterprise;
    uint16_t id;
    uint16_t length;
    uint8_t content;
};

/* srcaddr dstaddr nexthop input output packets octets first last ports flags protocol tos AS masks */
static const struct content_field fields_v5[] = {
    {0, 8, 4, CONTENT_PRIVATE},  {0, 12, 4, CONTENT_PUBLIC}, {0, 15, 4, CONTENT_PRIVATE}, {0, 10, 2, CONTENT_SMALL},
    {0, 14, 2, CONTENT_SMALL},   {0, 2, 4, CONTENT_SMALL},   {0, 1, 4, CONTENT_SMALL},    {0, 22, 4, CONTENT_START},
    {0, 21, 4, CONTENT_END},  {0, 7, 2, CONTENT_PORT},    {0, 11, 2, CONTENT_PORT},    {0, 0, 1, CONTENT_ZERO},
    {0, 6, 1, CONTENT_FLAGS},   {0, 4, 1, CONTENT_PROTOCOL}, {0, 5, 1, CONTENT_ZERO},    {0, 16, 2, CONTENT_RANDOM},
    {0, 17, 2, CONTENT_RANDOM},  {0, 9, 1, CONTENT_ONE},     {0, 13, 1, CONTENT_ONE},     {0, 0, 2, CONTENT_ZERO},
};

static const struct content_field fields_v9[] = {
    {0, 8, 4, CONTENT_PRIVATE}, {0, 12, 4, CONTENT_PUBLIC}, {0, 15, 4, CONTENT_PRIVATE}, {0, 10, 4, CONTENT_SMALL},
    {0, 14, 4, CONTENT_SMALL},  {0, 2, 4, CONTENT_SMALL},   {0, 1, 4, CONTENT_SMALL},    {0, 22, 4, CONTENT_START},
    {0, 21, 4, CONTENT_END}, {0, 7, 2, CONTENT_PORT},    {0, 11, 2, CONTENT_PORT},    {0, 6, 1, CONTENT_FLAGS},
    {0, 4, 1, CONTENT_PROTOCOL}, {0, 5, 1, CONTENT_ZERO},   {0, 16, 4, CONTENT_RANDOM},  {0, 17, 4, CONTENT_RANDOM},
    {0, 9, 1, CONTENT_ONE},     {0, 13, 1, CONTENT_ONE},
};

static const struct content_field fields_nbar[] = {
    {0, 8, 4, CONTENT_PRIVATE},   {0, 12, 4, CONTENT_PUBLIC}, {0, 7, 2, CONTENT_PORT},     {0, 11, 2, CONTENT_PORT},
    {0, 4, 1, CONTENT_PROTOCOL},  {0, 6, 1, CONTENT_FLAGS},  {0, 10, 4, CONTENT_SMALL},   {0, 14, 4, CONTENT_SMALL},
    {0, 1, 8, CONTENT_SMALL},     {0, 2, 8, CONTENT_SMALL},
    {0, 152, 8, CONTENT_START_MS},   {0, 153, 8, CONTENT_END_MS},
    {0, 95, 4, CONTENT_RANDOM},   {0, 96, 24, CONTENT_TEXT},  {0, 94, 55, CONTENT_TEXT},   {0, 61, 1, CONTENT_ONE},
    {0, 82, 16, CONTENT_TEXT},    {0, 56, 6, CONTENT_RANDOM},
};

static const struct content_field fields_biflow[] = {
    {0, 27, 16, CONTENT_ADDRESS6}, {0, 28, 16, CONTENT_ADDRESS6}, {0, 7, 2, CONTENT_PORT},
    {0, 11, 2, CONTENT_PORT},      {0, 4, 1, CONTENT_PROTOCOL},   {0, 6, 2, CONTENT_FLAGS},
    {0, 1, 8, CONTENT_SMALL},      {0, 2, 8, CONTENT_SMALL},      {29305, 1, 8, CONTENT_SMALL},
    {29305, 2, 8, CONTENT_SMALL},  {0, 239, 1, CONTENT_ONE},      {0, 152, 8, CONTENT_START_MS},
    {0, 153, 8, CONTENT_END_MS},     {0, 95, 4, CONTENT_RANDOM},    {0, 96, VARIABLE, CONTENT_TEXT},
    {0, 460, VARIABLE, CONTENT_TEXT}, {0, 136, 1, CONTENT_ONE},
};

static const struct content_field fields_hop[] = {
    {0, 8, 4, CONTENT_PRIVATE}, {0, 12, 4, CONTENT_PUBLIC}, {0, 10, 4, CONTENT_SMALL}, {0, 14, 4, CONTENT_SMALL},
};

static const struct content_field fields_lists[] = {
    {0, 8, 4, CONTENT_PRIVATE}, {0, 12, 4, CONTENT_PUBLIC},   {0, 7, 2, CONTENT_PORT},
    {0, 11, 2, CONTENT_PORT},   {0, 4, 1, CONTENT_PROTOCOL},  {0, 1, 8, CONTENT_SMALL},
    {0, 2, 8, CONTENT_SMALL},   {0, 152, 8, CONTENT_START_MS}, {0, 153, 8, CONTENT_END_MS},
    {0, 291, VARIABLE, CONTENT_PATH}, {0, 292, VARIABLE, CONTENT_HOPS},
};

static const struct layout {
    const char *name;
    const struct content_field *fields;
    uint32_t field_count;
    uint16_t version;
    uint16_t template_id;
    const struct layout *inner; /* of the records in its lists */
} layout_hop = {"hop", fields_hop, sizeof fields_hop / sizeof *fields_hop, 10, 291, NULL}, layouts[] = {
#define LAYOUT(name, fields, version, id) {name, fields, sizeof fields / sizeof *fields, version, id, NULL}
    [TRAFFIC_V5] = LAYOUT("v5", fields_v5, 5, 0),
    [TRAFFIC_V9] = LAYOUT("v9, 18 fields", fields_v9, 9, 260),
    [TRAFFIC_NBAR] = LAYOUT("v9, NBAR-like", fields_nbar, 9, 270),
    [TRAFFIC_BIFLOW] = LAYOUT("IPFIX, biflow", fields_biflow, 10, 280),
    [TRAFFIC_LISTS] = {"IPFIX, lists", fields_lists, sizeof fields_lists / sizeof *fields_lists, 10, 290, &layout_hop},
    [TRAFFIC_SFLOW] = {.name = "sFlow, header"},
};

const char *traffic_name(enum traffic_kind kind)
{
    return kind == TRAFFIC_MIXED ? "mixed" : layouts[kind].name;
}

static uint64_t random_next(uint64_t *state)
{
    /* splitmix64, enough for test data */
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint8_t *put(uint8_t *out, uint64_t value, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        out[i] = (uint8_t)(i + 8 < length ? 0 : value >> 8 * (length - 1 - i));
    return out + length;
}

static uint64_t number_make(uint8_t content, uint64_t *state)
{
    uint64_t random = random_next(state);
    switch (content) {
    case CONTENT_SMALL:
        return random >> 32 & ((1ull << (1 + random % 20)) - 1);
    case CONTENT_PRIVATE:
        return 0x0a000000 | (random & 0xffffff);
    case CONTENT_PUBLIC:
        return 0xc6336400 | (random & 0xff);
    case CONTENT_PORT:
        return random & 1 ? 443 : 1024 + (random >> 8) % 64000;
    case CONTENT_PROTOCOL:
        return random & 1 ? 6 : 17;
    case CONTENT_START:
        return UPTIME_MS - 30000 - random % 30000;
    case CONTENT_END:
        return UPTIME_MS - random % 30000;
    case CONTENT_START_MS:
        return EXPORT_SECONDS * 1000ull - 30000 - random % 30000;
    case CONTENT_END_MS:
        return EXPORT_SECONDS * 1000ull - random % 30000;
    case CONTENT_FLAGS:
        return "\x1b\x1a\x02\x00\x12\x10\x1f\x04"[random & 7];
    case CONTENT_ONE:
        return 1;
    case CONTENT_ZERO:
        return 0;
    }
    return random;
}

static uint8_t *text_make(uint8_t *out, uint32_t length, uint64_t *state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz-.0123456789";
    for (uint32_t i = 0; i < length; i++)
        *out++ = (uint8_t)letters[random_next(state) % (sizeof letters - 1)];
    return out;
}

/* Lists (RFC 6313 4.5): a length, how the items belong together, what they are, the items. */

#define LIST_ORDERED 4
#define PATH_NUMBERS 3
#define HOP_RECORDS  2

static uint8_t *path_make(uint8_t *out, uint64_t *state)
{
    out = put(out, 5 + 4 * PATH_NUMBERS, 1);
    out = put(out, LIST_ORDERED, 1);
    out = put(out, 16, 2); /* bgpSourceAsNumber */
    out = put(out, 4, 2);
    for (int i = 0; i < PATH_NUMBERS; i++)
        out = put(out, random_next(state) & 0xffffffff, 4);
    return out;
}

static uint8_t *hops_make(uint8_t *out, uint64_t *state)
{
    uint8_t *start = out;
    out = put(out + 1, LIST_ORDERED, 1);
    out = put(out, layout_hop.template_id, 2);
    for (uint32_t i = 0; i < HOP_RECORDS * layout_hop.field_count; i++) {
        const struct content_field *field = &layout_hop.fields[i % layout_hop.field_count];
        out = put(out, number_make(field->content, state), field->length);
    }
    *start = (uint8_t)(out - start - 1);
    return out;
}

static uint8_t *field_make(uint8_t *out, const struct content_field *field, uint64_t *state)
{
    uint32_t length = field->length;
    if (field->content == CONTENT_PATH)
        return path_make(out, state);
    if (field->content == CONTENT_HOPS)
        return hops_make(out, state);
    if (field->length == VARIABLE) {
        length = 8 + (uint32_t)(random_next(state) % 24);
        *out++ = (uint8_t)length;
    }
    if (field->content == CONTENT_TEXT)
        return text_make(out, length, state);
    if (field->content == CONTENT_ADDRESS6) {
        out = put(out, 0x20010db800000000ull, 8);
        return put(out, random_next(state) & 0xffffffff, 8);
    }
    return put(out, number_make(field->content, state), length);
}

/* The sequence number is traffic_advance()'s. */
static uint8_t *header_make(uint8_t *out, const struct layout *layout, uint32_t count)
{
    out = put(out, layout->version, 2);
    out = put(out, count, 2); /* IPFIX: the length, filled in at the end */
    if (layout->version != 10)
        out = put(out, UPTIME_MS, 4);
    out = put(out, EXPORT_SECONDS, 4);
    if (layout->version == 5) {
        out = put(out, 0, 4);
        out = put(out, 0, 4);
        return put(out, 0, 4);
    }
    out = put(out, 0, 4);
    return put(out, 1 + (uint64_t)(layout - layouts), 4); /* an observation domain for each kind */
}

static void message_finish(uint8_t *start, const uint8_t *end, const struct layout *layout)
{
    if (layout->version == 10)
        put(start + 2, (uint64_t)(end - start), 2);
}

static uint8_t *template_make(uint8_t *out, const struct layout *layout, uint32_t number)
{
    uint8_t *set = out;
    out = put(out, layout->version == 9 ? 0 : 2, 2);
    out = put(out, 0, 2);
    out = put(out, layout->template_id + number, 2);
    out = put(out, layout->field_count, 2);
    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct content_field *field = &layout->fields[i];
        out = put(out, field->id | (field->enterprise ? 0x8000u : 0), 2);
        /* The templates beside the first differ in the length of counter-like fields. */
        bool shorter = number && field->length == 4 && field->content == CONTENT_SMALL;
        out = put(out, shorter ? 4 - number % 3 : field->length, 2);
        if (field->enterprise)
            out = put(out, field->enterprise, 4);
    }
    put(set + 2, (uint64_t)(out - set), 2);
    return out;
}

static uint32_t data_make(uint8_t *start, uint32_t *size_bytes, const struct layout *layout, uint32_t most,
                          uint64_t *state)
{
    uint8_t *out = header_make(start, layout, 0), *set = out;
    if (layout->version >= 9)
        out = put(out, layout->template_id, 2), out = put(out, 0, 2);
    uint32_t count = 0;
    while (count < most) {
        uint8_t record[512], *end = record;
        for (uint32_t i = 0; i < layout->field_count; i++)
            end = field_make(end, &layout->fields[i], state);
        if (out + (end - record) > start + DATAGRAM_MOST && count)
            break;
        memcpy(out, record, (size_t)(end - record));
        out += end - record;
        count++;
    }
    if (layout->version >= 9)
        put(set + 2, (uint64_t)(out - set), 2);
    put(start + 2, layout->version == 9 ? 1 : count, 2);
    message_finish(start, out, layout);
    *size_bytes = (uint32_t)(out - start);
    return count;
}

/* ---- sFlow ---- */

#define SFLOW_SAMPLES_AT   28
#define SFLOW_HEADER_BYTES 128
#define SFLOW_SAMPLE_BYTES (8 + 32 + 8 + 16 + SFLOW_HEADER_BYTES)

static uint8_t *words_put(uint8_t *out, const uint32_t *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        out = put(out, words[i], 4);
    return out;
}

static void packet_make(uint8_t *out, uint64_t *state)
{
    uint8_t *end = out + SFLOW_HEADER_BYTES;
    out = put(out, 0x020000000001, 6);
    out = put(out, 0x020000000000 | (random_next(state) & 0xffffff), 6);
    out = put(out, 0x08004500, 4);
    out = put(out, 64 + random_next(state) % 1400, 2);
    out = put(out, random_next(state) & 0xffff, 2);
    out = put(out, 0x4000, 2);
    out = put(out, 64, 1);
    out = put(out, number_make(CONTENT_PROTOCOL, state), 1);
    out = put(out, 0, 2);
    out = put(out, number_make(CONTENT_PRIVATE, state), 4);
    out = put(out, number_make(CONTENT_PUBLIC, state), 4);
    out = put(out, number_make(CONTENT_PORT, state), 2);
    out = put(out, number_make(CONTENT_PORT, state), 2);
    out = put(out, random_next(state), 8);
    out = put(out, 0x50, 1);
    out = put(out, number_make(CONTENT_FLAGS, state), 1);
    memset(out, 0x5a, (size_t)(end - out));
}

/* As many samples as fit, at most `most`; sequence numbers are traffic_advance()'s. */
static uint32_t sflow_make(uint8_t *start, uint32_t *size_bytes, uint32_t most, uint64_t *state)
{
    const uint32_t fitting = (DATAGRAM_MOST - SFLOW_SAMPLES_AT) / SFLOW_SAMPLE_BYTES;
    const uint32_t count = most < fitting ? most : fitting;
    const uint32_t head[] = {5, 1, 0xc0000207, 0, 0, UPTIME_MS, count};
    uint8_t *out = words_put(start, head, sizeof head / sizeof *head);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t sample[] = {1, SFLOW_SAMPLE_BYTES - 8, 0, 5, 2048, (uint32_t)random_next(state) & 0xffffff, 0,
                                   11, 12, 1};
        const uint32_t header[] = {1, 16 + SFLOW_HEADER_BYTES, 1, 64 + (uint32_t)(random_next(state) % 1400), 4,
                                   SFLOW_HEADER_BYTES};
        out = words_put(out, sample, sizeof sample / sizeof *sample);
        out = words_put(out, header, sizeof header / sizeof *header);
        packet_make(out, state);
        out += SFLOW_HEADER_BYTES;
    }
    *size_bytes = (uint32_t)(out - start);
    return count;
}

/* ---- the whole ---- */

static struct endpoint exporter_endpoint(uint32_t number)
{
    const uint8_t bytes[4] = {172, (uint8_t)(16 + (number >> 16)), (uint8_t)(number >> 8), (uint8_t)number};
    return (struct endpoint){.address = address_from_ipv4(bytes), .port = 40000};
}

/* A stream is what one observation domain of one exporter sends: one kind of records, with one sequence number. */
static uint32_t streams_count(const struct traffic_setup *setup)
{
    return setup->kind == TRAFFIC_MIXED && setup->exporters < TRAFFIC_MIXED ? TRAFFIC_MIXED : setup->exporters;
}

static const struct layout *stream_layout(const struct traffic_setup *setup, uint32_t stream)
{
    return &layouts[setup->kind == TRAFFIC_MIXED ? stream % TRAFFIC_MIXED : setup->kind];
}

static struct traffic_datagram *datagram_add(struct traffic *traffic, const struct traffic_setup *setup,
                                             uint32_t stream)
{
    struct traffic_datagram *datagram = &traffic->datagrams[traffic->count++];
    *datagram = (struct traffic_datagram){
        .source = exporter_endpoint(setup->first_exporter + stream % setup->exporters), .stream = stream};
    return datagram;
}

static uint8_t *templates_fill(struct traffic *traffic, const struct traffic_setup *setup, uint8_t *memory)
{
    for (uint32_t stream = 0; stream < streams_count(setup); stream++) {
        const struct layout *layout = stream_layout(setup, stream);
        if (layout->version == 5 || setup->kind == TRAFFIC_SFLOW)
            continue;
        struct traffic_datagram *datagram = datagram_add(traffic, setup, stream);
        uint8_t *out = header_make(memory, layout, setup->templates_an_exporter);
        if (layout->inner)
            out = template_make(out, layout->inner, 0);
        for (uint32_t number = 0; number < setup->templates_an_exporter; number++)
            out = template_make(out, layout, number);
        message_finish(memory, out, layout);
        datagram->payload = memory;
        datagram->size_bytes = (uint32_t)(out - memory);
        traffic->bytes += datagram->size_bytes;
        memory = out + SLACK;
    }
    traffic->template_count = traffic->count;
    return memory;
}

static uint8_t *data_fill(struct traffic *traffic, const struct traffic_setup *setup, uint8_t *memory)
{
    uint64_t state = 1;
    for (uint32_t i = 0; i < setup->datagrams; i++) {
        uint32_t stream = i % streams_count(setup);
        const struct layout *layout = stream_layout(setup, stream);
        uint32_t most = setup->records_a_datagram ? setup->records_a_datagram : layout->version == 5 ? 30 : UINT32_MAX;
        struct traffic_datagram *datagram = datagram_add(traffic, setup, stream);
        datagram->payload = memory;
        datagram->records = setup->kind == TRAFFIC_SFLOW
                                ? sflow_make(memory, &datagram->size_bytes, most, &state)
                                : data_make(memory, &datagram->size_bytes, layout, most, &state);
        traffic->records += datagram->records;
        traffic->bytes += datagram->size_bytes;
        memory += datagram->size_bytes + SLACK;
    }
    return memory;
}

int traffic_make(struct traffic *traffic, const struct traffic_setup *setup)
{
    uint32_t most = streams_count(setup) + setup->datagrams;
    *traffic = (struct traffic){.datagrams = calloc(most, sizeof *traffic->datagrams),
                                .sequences = calloc(streams_count(setup), sizeof *traffic->sequences),
                                .memory = malloc((size_t)most * (DATAGRAM_MOST + 600 + SLACK))};
    if (!traffic->datagrams || !traffic->sequences || !traffic->memory) {
        traffic_free(traffic);
        return -ENOMEM;
    }
    data_fill(traffic, setup, templates_fill(traffic, setup, traffic->memory));
    traffic_advance(traffic, 0, traffic->count);
    return 0;
}

/* All samples are of one data source. */
static void samples_number(const struct traffic_datagram *datagram, uint32_t first)
{
    for (uint32_t i = 0; i < datagram->records; i++)
        put(datagram->payload + SFLOW_SAMPLES_AT + i * SFLOW_SAMPLE_BYTES + 8, first + i, 4);
}

void traffic_advance(struct traffic *traffic, uint32_t first, uint32_t count)
{
    static const uint8_t offsets[] = {[0] = 16, [5] = 16, [9] = 12, [10] = 8}; /* 0: sFlow */
    for (uint32_t i = first; i < first + count; i++) {
        const struct traffic_datagram *datagram = &traffic->datagrams[i];
        uint8_t version = datagram->payload[1];
        uint32_t *sequence = &traffic->sequences[datagram->stream];
        put(datagram->payload + offsets[version], *sequence, 4);
        if (version == 0)
            samples_number(datagram, *sequence * datagram->records);
        *sequence += version == 9 || version == 0 ? 1 : datagram->records;
    }
}

void traffic_free(struct traffic *traffic)
{
    free(traffic->datagrams);
    free(traffic->sequences);
    free(traffic->memory);
    *traffic = (struct traffic){0};
}
