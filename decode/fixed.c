/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "base/clock.h"
#include "decode/element_rows.h"
#include "decode/sflow.h"
#include "decode/state.h"

/*
 * The formats without templates, each written down as a run of elements. v1 to v7 are Cisco's; v8's schemes are those
 * of its router-based aggregation. Where a scheme has prefix lengths that Elastic skips, there are two rows.
 */

#define PARTS_MOST 24

/* An element by its IANA number, or that many bytes of padding (0). */
struct part {
    uint8_t id;
    uint8_t bytes;
};

struct layout {
    uint8_t version;
    uint8_t aggregation;
    uint8_t prefix_lengths; /* 0: both profiles; 1: only without v8_prefix_lengths; 2: only with it */
    struct part parts[PARTS_MOST]; /* ends with the first that has no bytes */
};

enum {
    PAD = 0,
    OCTETS = 1,
    PACKETS = 2,
    FLOWS = 3,
    PROTOCOL = 4,
    TOS = 5,
    TCP_FLAGS = 6,
    SOURCE_PORT = 7,
    SOURCE = 8,
    SOURCE_BITS = 9,
    INPUT = 10,
    DESTINATION_PORT = 11,
    DESTINATION = 12,
    DESTINATION_BITS = 13,
    OUTPUT = 14,
    NEXT_HOP = 15,
    SOURCE_AS = 16,
    DESTINATION_AS = 17,
    END = 21,
    START = 22,
    ROUTER_SC = 43,
    SOURCE_PREFIX = 44,
    DESTINATION_PREFIX = 45,
    POST_TOS = 55,
    FLAGS_AND_SAMPLER = 87,
    DROPPED_PACKETS = 133,
};

/* v1 to v7 begin alike, up to the ports. */
#define BEGINNING                                                                                                      \
    {SOURCE, 4}, {DESTINATION, 4}, {NEXT_HOP, 4}, {INPUT, 2}, {OUTPUT, 2}, {PACKETS, 4}, {OCTETS, 4}, {START, 4},      \
        {END, 4}, {SOURCE_PORT, 2}, {DESTINATION_PORT, 2}
/* What v5, v6 and v7 go on with. */
#define MIDDLE                                                                                                         \
    {PAD, 1}, {TCP_FLAGS, 1}, {PROTOCOL, 1}, {TOS, 1}, {SOURCE_AS, 2}, {DESTINATION_AS, 2}, {SOURCE_BITS, 1},          \
        {DESTINATION_BITS, 1}
/* Most of v8's schemes begin so. */
#define COUNTS     {FLOWS, 4}, {PACKETS, 4}, {OCTETS, 4}, {START, 4}, {END, 4}
#define AS_PAIR    {SOURCE_AS, 2}, {DESTINATION_AS, 2}
#define PORT_PAIR  {SOURCE_PORT, 2}, {DESTINATION_PORT, 2}
#define INTERFACES {INPUT, 2}, {OUTPUT, 2}
#define PREFIXES   {SOURCE_PREFIX, 4}, {DESTINATION_PREFIX, 4}
#define TRAFFIC    {PACKETS, 4}, {OCTETS, 4}, {START, 4}, {END, 4}

static const struct layout layouts[] = {
    {1, 0, 0, {BEGINNING, {PAD, 2}, {PROTOCOL, 1}, {TOS, 1}, {TCP_FLAGS, 1}, {PAD, 7}}},
    {5, 0, 0, {BEGINNING, MIDDLE, {PAD, 2}}},
    {6, 0, 0, {BEGINNING, MIDDLE, {PAD, 6}}},
    {7, 0, 0, {BEGINNING, MIDDLE, {FLAGS_AND_SAMPLER, 2}, {ROUTER_SC, 4}}},
    {8, 1, 0, {COUNTS, AS_PAIR, INTERFACES}},
    {8, 2, 0, {COUNTS, {PROTOCOL, 1}, {PAD, 3}, PORT_PAIR}},
    {8, 3, 1, {COUNTS, {SOURCE_PREFIX, 4}, {PAD, 2}, {SOURCE_AS, 2}, {INPUT, 2}, {PAD, 2}}},
    {8, 3, 2, {COUNTS, {SOURCE_PREFIX, 4}, {SOURCE_BITS, 1}, {PAD, 1}, {SOURCE_AS, 2}, {INPUT, 2}, {PAD, 2}}},
    {8, 4, 1, {COUNTS, {DESTINATION_PREFIX, 4}, {PAD, 2}, {DESTINATION_AS, 2}, {OUTPUT, 2}, {PAD, 2}}},
    {8, 4, 2,
     {COUNTS, {DESTINATION_PREFIX, 4}, {DESTINATION_BITS, 1}, {PAD, 1}, {DESTINATION_AS, 2}, {OUTPUT, 2}, {PAD, 2}}},
    {8, 5, 1, {COUNTS, PREFIXES, {PAD, 4}, AS_PAIR, INTERFACES}},
    {8, 5, 2, {COUNTS, PREFIXES, {DESTINATION_BITS, 1}, {SOURCE_BITS, 1}, {PAD, 2}, AS_PAIR, INTERFACES}},
    {8, 6, 0, {{DESTINATION, 4}, TRAFFIC, {OUTPUT, 2}, {TOS, 1}, {POST_TOS, 1}, {DROPPED_PACKETS, 4}, {ROUTER_SC, 4}}},
    {8, 7, 0,
     {{DESTINATION, 4}, {SOURCE, 4}, TRAFFIC, {OUTPUT, 2}, {INPUT, 2}, {TOS, 1}, {POST_TOS, 1}, {PAD, 2},
      {DROPPED_PACKETS, 4}, {ROUTER_SC, 4}}},
    {8, 8, 0,
     {{DESTINATION, 4}, {SOURCE, 4}, {DESTINATION_PORT, 2}, {SOURCE_PORT, 2}, TRAFFIC, {OUTPUT, 2}, {INPUT, 2},
      {TOS, 1}, {PROTOCOL, 1}, {POST_TOS, 1}, {PAD, 1}, {DROPPED_PACKETS, 4}, {ROUTER_SC, 4}}},
    {8, 9, 0, {COUNTS, AS_PAIR, INTERFACES, {TOS, 1}, {PAD, 3}}},
    {8, 10, 0, {COUNTS, {PROTOCOL, 1}, {TOS, 1}, {PAD, 2}, PORT_PAIR, INTERFACES}},
    {8, 11, 0, {COUNTS, {SOURCE_PREFIX, 4}, {SOURCE_BITS, 1}, {TOS, 1}, {SOURCE_AS, 2}, {INPUT, 2}, {PAD, 2}}},
    {8, 12, 0,
     {COUNTS, {DESTINATION_PREFIX, 4}, {DESTINATION_BITS, 1}, {TOS, 1}, {DESTINATION_AS, 2}, {OUTPUT, 2}, {PAD, 2}}},
    {8, 13, 0,
     {COUNTS, PREFIXES, {DESTINATION_BITS, 1}, {SOURCE_BITS, 1}, {TOS, 1}, {PAD, 1}, AS_PAIR, INTERFACES}},
    {8, 14, 0,
     {COUNTS, PREFIXES, {DESTINATION_BITS, 1}, {SOURCE_BITS, 1}, {TOS, 1}, {PROTOCOL, 1}, PORT_PAIR, INTERFACES}},
};

/* Where the header's members lie; 0: this version has none. Up-time, seconds and nanoseconds are at 4, 8 and 12. */
static const struct header {
    uint8_t bytes;
    uint8_t sequence;
    uint8_t engine;      /* type and id */
    uint8_t sampling;
    uint8_t aggregation; /* scheme and version */
} headers[] = {
    [1] = {.bytes = 16},
    [5] = {.bytes = 24, .sequence = 16, .engine = 20, .sampling = 22},
    [6] = {.bytes = 24, .sequence = 16, .engine = 20, .sampling = 22},
    [7] = {.bytes = 24, .sequence = 16},
    [8] = {.bytes = 28, .sequence = 16, .engine = 20, .aggregation = 22},
};

uint32_t fixed_header_bytes(uint8_t version)
{
    return headers[version].bytes;
}

/* The fixed formats mean the built-in elements, whatever custom_definitions make of their numbers. */
static struct plan *layout_compile(struct decoder *decoder, const struct layout *layout)
{
    struct field fields[PARTS_MOST];
    struct span spans[PARTS_MOST];
    uint32_t count = 0, offset = 0;
    for (const struct part *part = layout->parts; part < layout->parts + PARTS_MOST && part->bytes; part++) {
        if (part->id != PAD) {
            const struct element *element = elements_find_builtin(decoder->elements, 0, part->id);
            fields[count] = (struct field){
                .id = part->id,
                .length = part->bytes,
                .element = elements_index(decoder->elements, element),
                .type = element->type,
            };
            spans[count++] = (struct span){.offset = (uint16_t)offset, .length = part->bytes};
        }
        offset += part->bytes;
    }
    struct plan_draft draft = {
        .fields = fields,
        .spans = spans,
        .field_count = count,
        .record_bytes = offset,
        .version = layout->version,
        .kind = PLAN_FLOW,
        .aggregation = layout->aggregation,
    };
    return plans_intern(decoder->plans, &draft);
}

bool fixed_init(struct decoder *decoder)
{
    unsigned other = decoder->profile->v8_prefix_lengths ? 1 : 2;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        const struct layout *layout = &layouts[i];
        if (layout->prefix_lengths == other)
            continue;
        struct plan *plan = layout_compile(decoder, layout);
        if (!plan)
            return false;
        decoder->fixed_plans[layout->version == 8 ? FIXED_V8 + layout->aggregation : layout->version] = plan;
    }
    return true;
}

static void header_read(struct message *message, const uint8_t *bytes, uint8_t version)
{
    const struct header *header = &headers[version];
    message->version = version;
    message->uptime_ms = read_be32(bytes + 4);
    message->export_ns = read_be32(bytes + 8) * NS_PER_S + read_be32(bytes + 12);
    message->domain = 0;
    message->sequence = header->sequence ? read_be32(bytes + header->sequence) : 0;
    message->engine_type = header->engine ? bytes[header->engine] : 0;
    message->engine_id = header->engine ? bytes[header->engine + 1] : 0;
    message->sampling = header->sampling ? read_be16(bytes + header->sampling) : 0;
    message->aggregation = header->aggregation ? bytes[header->aggregation] : 0;
    message->aggregation_version = header->aggregation ? bytes[header->aggregation + 1] : 0;
}

/* An engine numbers its flows itself; of v8, each aggregation cache its own. */
static void numbering_follow(struct decoder *decoder, uint32_t records)
{
    const struct message *message = &decoder->message;
    if (!headers[message->version].sequence)
        return;
    decoder->walk.counts = (struct sequence_counts){.records = (uint16_t)records};
    decoder_follow(decoder, (uint32_t)message->engine_type << 16 | (uint32_t)message->engine_id << 8 |
                                message->aggregation);
}

void fixed_begin(struct decoder *decoder, uint8_t version)
{
    const uint8_t *payload = decoder->datagram.payload;
    struct message *message = &decoder->message;
    header_read(message, payload, version);
    if (version == 8 && (message->aggregation < 1 || message->aggregation > 14)) {
        decoder_settle(decoder, COUNTER_datagrams_bad_aggregation);
        return;
    }
    decoder_watch_clock(decoder);
    const struct plan *plan = decoder->fixed_plans[version == 8 ? FIXED_V8 + message->aggregation : version];
    uint32_t header_bytes = fixed_header_bytes(version);
    uint32_t room = (decoder->datagram.size_bytes - header_bytes) / plan->record_bytes;
    uint32_t count = read_be16(payload + 2);
    numbering_follow(decoder, count ? count : room);
    if (count > room) {
        decoder_settle(decoder, COUNTER_datagrams_short_records);
        return;
    }
    struct walk *walk = &decoder->walk;
    walk->plan = plan;
    walk->record = payload + header_bytes;
    walk->records_left = count ? count : room;
    walk->record_end = walk->record + (size_t)walk->records_left * plan->record_bytes;
}

const struct plan *decoder_fixed_plan(const struct decoder *decoder, uint8_t version, uint8_t aggregation)
{
    if (version == VERSION_SFLOW)
        return decoder->sflow && aggregation < SFLOW_PLANS ? decoder->sflow->plans[aggregation] : NULL;
    uint32_t at = version == FIXED_V8 ? FIXED_V8 + aggregation : version;
    bool known = version == FIXED_V8 ? aggregation > 0 : version < FIXED_V8 && aggregation == 0;
    return known && at < sizeof decoder->fixed_plans / sizeof *decoder->fixed_plans ? decoder->fixed_plans[at] : NULL;
}
