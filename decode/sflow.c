/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/sflow.h"

#include <stdlib.h>

#include "decode/element_rows.h"
#include "decode/exporter.h"
#include "decode/numberings.h"

/*
 * sFlow version 5 (sflow.org, July 2004): a datagram of samples, each a list of structures, all in XDR (RFC 4506).
 * Versions 2 and 4 (RFC 3176) have other samples: sflow_old.c.
 */

#define INTERFACE_INTERNAL 0x3fffffff
#define STRUCTURE_HEADER_BYTES 8
#define SAMPLE_HEADER_BYTES 8

#define SOURCES_USUAL 4 /* data sources of an exporter, when there are very many exporters */

/* ---- plans ---- */

struct field_row {
    uint32_t enterprise;
    uint16_t id, length;
};

#define FIELD_ROW(name, enterprise, id, length) {enterprise, id, length},
static const struct field_row flow_rows[] = {SFLOW_FLOW_FIELDS(FIELD_ROW)};
static const struct field_row counted_rows[] = {SFLOW_COUNTER_FIELDS(FIELD_ROW)};
#undef FIELD_ROW

/* The plan's own spans say that nothing is there; each record has spans of its own. */
static struct plan *plan_compile(struct decoder *decoder, enum sflow_plan kind, uint32_t most)
{
    struct field fields[SFLOW_FIELDS_MOST];
    struct span spans[SFLOW_FIELDS_MOST];
    bool counters = kind == SFLOW_PLAN_COUNTERS;
    const struct field_row *rows = counters ? counted_rows : flow_rows;
    uint32_t count = counters ? (uint32_t)SFLOW_COUNTER_FIELD_COUNT : (uint32_t)SFLOW_FLOW_FIELD_COUNT;
    count = count < most ? count : most;
    for (uint32_t i = 0; i < count; i++) {
        const struct element *element = elements_find_builtin(decoder->elements, rows[i].enterprise, rows[i].id);
        fields[i] = (struct field){
            .enterprise = rows[i].enterprise,
            .id = rows[i].id,
            .length = rows[i].length,
            .element = elements_index(decoder->elements, element),
            .type = element->type,
            .flags = FIELD_OPTIONAL,
        };
        spans[i] = (struct span){.length = SPAN_ABSENT};
    }
    struct plan_draft draft = {
        .fields = fields,
        .spans = spans,
        .field_count = count,
        .record_bytes = 1,
        .version = VERSION_SFLOW,
        .kind = counters ? PLAN_COUNTERS : PLAN_FLOW,
        .aggregation = (uint8_t)kind,
    };
    return plans_intern(decoder->plans, &draft);
}

bool sflow_init(struct decoder *decoder)
{
    if (!decoder->profile->reads_sflow || !(decoder->config->protocols & PROTOCOL_SFLOW))
        return true;
    decoder->sflow = calloc(1, sizeof *decoder->sflow);
    if (!decoder->sflow)
        return false;
    for (enum sflow_plan kind = SFLOW_PLAN_FLOW; kind < SFLOW_PLANS; kind++) {
        decoder->sflow->plans[kind] = plan_compile(decoder, kind, SFLOW_FIELDS_MOST);
        if (!decoder->sflow->plans[kind])
            return false;
    }
    decoder->sflow->plain = plan_compile(decoder, SFLOW_PLAN_FLOW, SFLOW_PLAIN_FIELDS);
    uint32_t most = exporters_most(decoder->exporters);
    most = most < UINT32_MAX / SOURCES_USUAL ? most * SOURCES_USUAL : UINT32_MAX;
    decoder->sflow->sources = numberings_new(decoder->heap, most, SOURCES_EACH);
    return decoder->sflow->plain && decoder->sflow->sources;
}

void sflow_fini(struct decoder *decoder)
{
    if (decoder->sflow)
        numberings_free(decoder->sflow->sources);
    free(decoder->sflow);
}

void sflow_forget(struct decoder *decoder, struct exporter *exporter)
{
    if (decoder->sflow)
        numberings_forget(decoder->sflow->sources, exporter, &exporter->sources);
}

/* ---- the datagram ---- */

/* Mixes a word into a number that stands for several. */
static uint32_t mix(uint32_t number, uint32_t word)
{
    return (number ^ word) * 0x9e3779b1 ^ number >> 15;
}

/* Agents of one address tell themselves apart by a number; several addresses may stand behind one exporter. */
static uint32_t numbering_of(const struct message *message)
{
    uint32_t words[4], number = message->domain;
    memcpy(words, message->agent.bytes, sizeof words);
    for (int i = 0; i < 4; i++)
        number = mix(number, words[i]);
    return number;
}

/* Version, agent address, sub-agent (5 alone), sequence, uptime, samples. It says no time: that is when it came. */
void sflow_begin(struct decoder *decoder)
{
    const uint8_t *at = decoder->datagram.payload;
    const uint8_t *end = at + decoder->datagram.size_bytes;
    struct message *message = &decoder->message;
    uint32_t version = read_be32(at), type = read_be32(at + 4);
    uint32_t address_bytes = type == 1 ? 4 : 16, sub_agent_bytes = version == 5 ? 4 : 0;
    at += 8;
    if ((type != 1 && type != 2) || end - at < (ptrdiff_t)(address_bytes + sub_agent_bytes + 12)) {
        decoder_settle(decoder, COUNTER_datagrams_too_short);
        return;
    }
    message->agent = type == 1 ? address_from_ipv4(at) : address_from_ipv6(at);
    at += address_bytes;
    message->sampling = 0; /* samples have rates of their own */
    message->version = VERSION_SFLOW;
    message->sflow_version = (uint8_t)version;
    message->domain = sub_agent_bytes ? read_be32(at) : 0;
    at += sub_agent_bytes;
    message->sequence = read_be32(at);
    message->uptime_ms = read_be32(at + 4);
    message->export_ns = decoder->datagram.received_ns;
    message->shift_ms = 0;
    message->clock_off = false;
    struct walk *walk = &decoder->walk;
    walk->samples = true;
    walk->sets_left = read_be32(at + 8);
    walk->next = at + 12;
    walk->end = end;
    decoder->sflow->agent = numbering_of(message);
    decoder_follow(decoder, decoder->sflow->agent);
}

/* ---- samples ---- */

/* The members before the structures, in units of four bytes; 0: the sample has none. */
static const struct sample_layout {
    uint8_t kind; /* enum sflow_plan; 0: no such sample */
    uint8_t bytes;
    uint8_t expanded;
} layouts[] = {
    [1] = {SFLOW_PLAN_FLOW, 32, 0},     [2] = {SFLOW_PLAN_COUNTERS, 12, 0}, [3] = {SFLOW_PLAN_FLOW, 44, 1},
    [4] = {SFLOW_PLAN_COUNTERS, 16, 1}, [5] = {SFLOW_PLAN_DISCARD, 32, 1},
};

static const struct sample_layout *layout_of(uint32_t format)
{
    static const struct sample_layout unknown;
    return format < sizeof layouts / sizeof *layouts ? &layouts[format] : &unknown;
}

/* Each data source numbers its samples, those of each kind by themselves. */
static void source_follow(struct decoder *decoder, uint32_t kind, uint32_t type, uint32_t index, uint32_t number)
{
    uint32_t domain = mix(mix(mix(decoder->sflow->agent, kind), type), index);
    struct sequence_message step = decoder_step(decoder, domain, number);
    struct sequence_books books = {
        .counters = decoder->counters, .exporter = decoder->message.exporter, .samples = true};
    numberings_observe_sample(decoder->sflow->sources, &step, &books);
}

void sflow_source_read(struct row *row, enum sflow_plan kind, uint32_t number, uint32_t type, uint32_t index)
{
    uint16_t first = kind == SFLOW_PLAN_COUNTERS ? (uint16_t)SFLOW_COUNTERS_SAMPLE_SEQUENCE_NUMBER
                                                 : (uint16_t)SFLOW_SAMPLE_SEQUENCE_NUMBER;
    row_put_number(row, first, number);
    row_put_number(row, first + 1, type);
    row_put_number(row, first + 2, index);
    source_follow(row->decoder, kind, type, index, number);
}

/* Sequence number and source id; returns what follows. */
static const uint8_t *source_read(struct row *row, const uint8_t *at, const struct sample_layout *layout)
{
    uint32_t id = read_be32(at + 4);
    if (layout->expanded)
        sflow_source_read(row, layout->kind, read_be32(at), id, read_be32(at + 8));
    else
        sflow_source_read(row, layout->kind, read_be32(at), id >> 24, id & 0xffffff);
    return at + (layout->expanded ? 12 : 8);
}

/* An interface is an index, a reason why there is none, or a number of them; 0 and all ones: not known, the agent. */
static void interface_put(struct row *row, uint16_t field, uint32_t format, uint32_t value)
{
    bool output = field == SFLOW_OUTPUT_INTERFACE;
    if (format == 0 && value != 0 && value != INTERFACE_INTERNAL && value != UINT32_MAX)
        row_put_number(row, field, value);
    else if (format == 1 && output)
        row_put_number(row, SFLOW_OUTPUT_DISCARD_REASON, value);
    else if (format == 2 && output)
        row_put_number(row, SFLOW_OUTPUT_INTERFACE_COUNT, value);
}

void sflow_sampling_read(struct row *row, const uint8_t *at, bool expanded)
{
    row->sampling_rate = read_be32(at);
    row_put_wire(row, SFLOW_SAMPLING_RATE, at, 4);
    row_put_wire(row, SFLOW_SAMPLE_POOL, at + 4, 4);
    row_put_wire(row, SFLOW_SAMPLE_DROPS, at + 8, 4);
    uint32_t input = read_be32(at + 12), output = read_be32(at + 16);
    if (expanded) {
        interface_put(row, SFLOW_INPUT_INTERFACE, input, output);
        interface_put(row, SFLOW_OUTPUT_INTERFACE, read_be32(at + 20), read_be32(at + 24));
    } else {
        interface_put(row, SFLOW_INPUT_INTERFACE, input >> 30, input & 0x3fffffff);
        interface_put(row, SFLOW_OUTPUT_INTERFACE, output >> 30, output & 0x3fffffff);
    }
}

static void discard_read(struct row *row, const uint8_t *at)
{
    row_put_number(row, SFLOW_SAMPLE_DROPS, read_be32(at));
    interface_put(row, SFLOW_INPUT_INTERFACE, 0, read_be32(at + 4));
    interface_put(row, SFLOW_OUTPUT_INTERFACE, 0, read_be32(at + 8));
    row_put_number(row, SFLOW_DROP_REASON, read_be32(at + 12));
}

/* False when a structure ends behind the sample; those before it are read. */
static bool structures_read(struct row *row, bool counters, const uint8_t *at, const uint8_t *end)
{
    for (uint32_t left = read_be32(at - 4); left; left--) {
        if (end - at < STRUCTURE_HEADER_BYTES)
            return false;
        uint32_t format = read_be32(at), size_bytes = read_be32(at + 4);
        at += STRUCTURE_HEADER_BYTES;
        if (size_bytes > (uint32_t)(end - at))
            return false;
        if (counters)
            sflow_counter_structure_read(row, format, at, at + size_bytes);
        else
            sflow_flow_structure_read(row, format, at, at + size_bytes);
        at += size_bytes;
    }
    return true;
}

/* What the sample stands for: so many packets of this size. */
static void traffic_put(struct row *row)
{
    uint64_t packets = row->sampling_rate ? row->sampling_rate : 1;
    uint32_t octets = row_number(row, SFLOW_FRAME_LENGTH);
    if (!octets)
        octets = row_number(row, SFLOW_IP_TOTAL_LENGTH);
    row_put_number(row, SFLOW_PACKET_DELTA_COUNT, packets);
    if (octets)
        row_put_number(row, SFLOW_OCTET_DELTA_COUNT, packets * octets);
}

struct sample {
    const struct sample_layout *layout;
    const uint8_t *body;
    const uint8_t *end; /* NULL in versions 2 and 4, where it shows when all is read */
};

/* Versions 2 and 4 know flow samples and counter samples, and no lengths. */
static bool old_sample_find(const struct walk *walk, struct sample *sample)
{
    if (walk->end - walk->next < 4)
        return false;
    uint32_t type = read_be32(walk->next);
    *sample = (struct sample){.layout = layout_of(type == 1 || type == 2 ? type : 0), .body = walk->next + 4};
    return true;
}

/* False when the datagram ends before the sample does. */
static bool sample_find(const struct decoder *decoder, struct sample *sample)
{
    const struct walk *walk = &decoder->walk;
    if (decoder->message.sflow_version != 5)
        return old_sample_find(walk, sample);
    if (walk->end - walk->next < SAMPLE_HEADER_BYTES)
        return false;
    uint32_t size_bytes = read_be32(walk->next + 4);
    sample->layout = layout_of(read_be32(walk->next));
    sample->body = walk->next + SAMPLE_HEADER_BYTES;
    if (size_bytes > (uint32_t)(walk->end - sample->body))
        return false;
    sample->end = sample->body + size_bytes;
    return true;
}

/* Has the row begin with the sample, where there is room, and returns where to read it. */
static const uint8_t *sample_keep(struct row *row, const struct sample *sample, uint32_t size_bytes)
{
    row->has_record = size_bytes <= SFLOW_ROW_BYTES - ROW_COMPUTED_BYTES;
    if (!row->has_record)
        return sample->body;
    memcpy(row->bytes, sample->body, size_bytes);
    row->used = size_bytes;
    return row->bytes;
}

/* False: it is shorter than its kind. */
static bool whole_sample_read(struct row *row, const struct sample *sample)
{
    const struct sample_layout *layout = sample->layout;
    uint32_t size_bytes = (uint32_t)(sample->end - sample->body);
    if (size_bytes < layout->bytes)
        return false;
    const uint8_t *body = sample_keep(row, sample, size_bytes);
    const uint8_t *at = source_read(row, body, layout);
    if (layout->kind == SFLOW_PLAN_FLOW)
        sflow_sampling_read(row, at, layout->expanded);
    else if (layout->kind == SFLOW_PLAN_DISCARD)
        discard_read(row, at);
    if (!structures_read(row, layout->kind == SFLOW_PLAN_COUNTERS, body + layout->bytes, body + size_bytes))
        decoder_count(row->decoder, COUNTER_sflow_samples_cut, 1);
    return true;
}

/* Makes record number `number` of the chunk of the sample, and goes on behind it. False: there is no record of it. */
static bool sample_read(struct decoder *decoder, const struct sample *sample, struct record *record, uint32_t number)
{
    uint8_t kind = sample->layout->kind;
    struct sflow *sflow = decoder->sflow;
    const struct plan *plan = sflow->plans[kind];
    struct row row = {
        .decoder = decoder,
        .fields = plan->fields,
        .spans = sflow->spans[number],
        .bytes = sflow->rows[number],
        .most_bytes = SFLOW_ROW_BYTES,
        .sampling_rate = 1,
    };
    memset(row.spans, 0xff, plan->field_count * sizeof *row.spans); /* SPAN_ABSENT everywhere */
    decoder->walk.next = sample->end;
    if (sample->end ? !whole_sample_read(&row, sample)
                    : !sflow_old_sample_read(&row, kind, sample->body, &decoder->walk.next))
        return false;
    if (kind != SFLOW_PLAN_COUNTERS)
        traffic_put(&row);
    sflow->has_more |= row.has_more;
    *record = (struct record){.bytes = row.bytes, .spans = row.spans, .size_bytes = row.used};
    return true;
}

/* Reads samples into the chunk, as long as they are of one kind; returns the number of records. */
static uint32_t samples_take(struct decoder *decoder, struct chunk *chunk)
{
    struct walk *walk = &decoder->walk;
    uint32_t count = 0;
    for (; walk->sets_left && count < CHUNK_RECORDS; walk->sets_left--) {
        struct sample sample;
        if (!walk->next || !sample_find(decoder, &sample)) {
            decoder_settle(decoder, COUNTER_datagrams_short_samples);
            return count;
        }
        const struct plan *plan = decoder->sflow->plans[sample.layout->kind];
        if (plan && count && plan != chunk->plan)
            return count;
        decoder_count(decoder, COUNTER_sets_received, 1);
        if (!plan) {
            decoder_count(decoder, COUNTER_samples_unknown, 1);
            walk->next = sample.end;
        } else if (!sample_read(decoder, &sample, &chunk->records[count], count)) {
            decoder_count(decoder, COUNTER_samples_too_short, 1);
        } else {
            decoder_count(decoder, COUNTER_sets_data, 1);
            chunk->plan = plan;
            count++;
        }
    }
    if (!walk->sets_left)
        decoder_settle(decoder, walk->next ? COUNTER_datagrams_decoded : COUNTER_datagrams_short_samples);
    return count;
}

uint32_t sflow_take(struct decoder *decoder, struct chunk *chunk)
{
    struct sflow *sflow = decoder->sflow;
    sflow->has_more = false;
    uint32_t count = samples_take(decoder, chunk);
    if (!count)
        return 0;
    if (chunk->plan == sflow->plans[SFLOW_PLAN_FLOW] && !sflow->has_more)
        chunk->plan = sflow->plain;
    chunk->message = &decoder->message;
    chunk->known = (struct known){0}; /* a sample says its rate itself, and it is applied */
    chunk->position = decoder->walk.records_taken;
    chunk->count = count;
    decoder->walk.records_taken += count;
    decoder_count(decoder, COUNTER_records_received, count);
    if (chunk->plan->kind == PLAN_COUNTERS)
        decoder_count(decoder, COUNTER_counters_records, count);
    return count;
}
