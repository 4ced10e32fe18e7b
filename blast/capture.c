/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/capture.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/heap.h"
#include "base/log.h"
#include "dataplane/backend_capture.h"
#include "dataplane/frame.h"
#include "decode/decoder.h"

#define MEMORY_MOST   (4ull << 30)
#define HEAP_BYTES    (256u << 20)
#define EXPORTERS     131072u
#define DATAGRAM_MIN  16
#define VERSION_V9    9
#define VERSION_IPFIX 10

/* What the reading takes besides the capture. */
struct loader {
    struct capture *capture;
    struct elements *elements;
    struct exporters *exporters;
    struct heap *heap;
    struct counters *counters;
    struct decoder *decoder;
    size_t bytes_room;
    uint32_t bytes_most;
    uint32_t datagrams_room, moments_room, streams_room;
    bool failed; /* for want of memory */
};

uint32_t version_sequence_offset(uint16_t version)
{
    static const uint8_t offsets[] = {[5] = 16, [6] = 16, [7] = 16, [8] = 16, [9] = 12, [10] = 8};
    return version < sizeof offsets ? offsets[version] : 0;
}

uint32_t version_seconds_offset(uint16_t version)
{
    return version == FORMAT_SFLOW ? 0 : version == VERSION_IPFIX ? 4 : 8;
}

/* 0: it is no flow export. */
static uint16_t version_of(const uint8_t *payload, uint32_t size_bytes)
{
    if (size_bytes < DATAGRAM_MIN)
        return 0;
    uint16_t version = read_be16(payload);
    if (version == 0 && read_be32(payload) == 5)
        return FORMAT_SFLOW;
    return version == 1 || (version >= 5 && version <= VERSION_IPFIX) ? version : 0;
}

/* Room for one more item of an array. */
static bool room_make(struct loader *loader, void **items, uint32_t *room, uint32_t count, size_t item_bytes)
{
    if (count < *room)
        return true;
    uint32_t more = *room ? 2 * *room : 1024;
    void *larger = realloc(*items, more * item_bytes);
    if (!larger) {
        loader->failed = true;
        return false;
    }
    *items = larger;
    *room = more;
    return true;
}

/* --- what the records say --- */

static void moment_add(struct loader *loader, struct captured *datagram, size_t offset, uint8_t kind)
{
    struct capture *capture = loader->capture;
    if (!room_make(loader, (void **)&capture->moments, &loader->moments_room, capture->moment_count,
                   sizeof *capture->moments))
        return;
    capture->moments[capture->moment_count++] = (struct moment){(uint16_t)offset, kind};
    datagram->moment_count++;
}

/* The first that a record has of delta, total and initiator's, and the way back. */
static uint64_t counter_of(const struct loader *loader, const struct chunk *chunk, const struct record *record,
                           const uint8_t *roles)
{
    for (const uint8_t *role = roles; *role; role++)
        for (uint32_t i = 0; i < chunk->plan->field_count; i++) {
            struct span span = record->spans[i];
            if (span.length == SPAN_ABSENT || chunk->plan->fields[i].type != TYPE_UNSIGNED)
                continue;
            if (elements_at(loader->elements, chunk->plan->fields[i].element)->role == *role)
                return read_be(record->bytes + span.offset, span.length);
        }
    return 0;
}

static void record_count(struct loader *loader, const struct chunk *chunk, const struct record *record,
                         struct captured *datagram)
{
    static const uint8_t octets[] = {ROLE_octets_delta, ROLE_octets_total, ROLE_octets_initiator, 0};
    static const uint8_t packets[] = {ROLE_packets_delta, ROLE_packets_total, ROLE_packets_initiator, 0};
    static const uint8_t back_octets[] = {ROLE_reverse_octets_delta, ROLE_reverse_octets_total,
                                          ROLE_reverse_octets_responder, 0};
    static const uint8_t back_packets[] = {ROLE_reverse_packets_delta, ROLE_reverse_packets_total,
                                           ROLE_reverse_packets_responder, 0};
    datagram->octets += counter_of(loader, chunk, record, octets) + counter_of(loader, chunk, record, back_octets);
    datagram->packets += counter_of(loader, chunk, record, packets) + counter_of(loader, chunk, record, back_packets);
}

static void record_moments(struct loader *loader, const struct chunk *chunk, const struct record *record,
                           struct captured *datagram)
{
    const uint8_t *payload = loader->capture->bytes + datagram->offset;
    if (chunk->plan->sections) /* such records are copies: their times stay as they were */
        return;
    for (uint32_t i = 0; i < chunk->plan->field_count; i++) {
        struct span span = record->spans[i];
        size_t at = (size_t)(record->bytes - payload) + span.offset;
        if (span.length == SPAN_ABSENT || at + span.length > datagram->size_bytes)
            continue;
        uint8_t type = chunk->plan->fields[i].type;
        if (type == TYPE_SECONDS && span.length == 4)
            moment_add(loader, datagram, at, MOMENT_SECONDS);
        else if (type == TYPE_MILLISECONDS && span.length == 8)
            moment_add(loader, datagram, at, MOMENT_MS);
        else if (type == TYPE_NTP && span.length == 8)
            moment_add(loader, datagram, at, MOMENT_NTP);
    }
}

static void payload_decode(struct loader *loader, struct captured *datagram, struct exporter *exporter)
{
    struct datagram view = {.payload = loader->capture->bytes + datagram->offset,
                            .size_bytes = datagram->size_bytes,
                            .exporter = exporter,
                            .received_ns = datagram->at_ns};
    struct chunk chunk;
    uint32_t learned = decoder_sizes(loader->decoder).templates;
    decoder_begin(loader->decoder, &view);
    while (decoder_next(loader->decoder, &chunk)) {
        bool options = chunk.plan->kind == PLAN_OPTIONS;
        *(options ? &datagram->options : &datagram->records) += (uint16_t)chunk.count;
        for (uint32_t i = 0; i < chunk.count; i++) {
            if (!options)
                record_count(loader, &chunk, &chunk.records[i], datagram);
            if (datagram->version >= VERSION_V9)
                record_moments(loader, &chunk, &chunk.records[i], datagram);
        }
    }
    datagram->templates = decoder_sizes(loader->decoder).templates > learned;
}

/* --- datagrams --- */

/* v5, v6 and v8 number by engine (and aggregation), v9 and IPFIX by source id or domain. */
static uint32_t stream_id(const uint8_t *payload, uint16_t version)
{
    switch (version) {
    case 5:
    case 6:
        return read_be16(payload + 20);
    case 8:
        return read_be32(payload + 20) >> 8;
    case VERSION_V9:
        return read_be32(payload + 16);
    case VERSION_IPFIX:
        return read_be32(payload + 12);
    }
    return 0;
}

static void stream_find(struct loader *loader, struct captured *datagram)
{
    struct capture *capture = loader->capture;
    const uint8_t *payload = capture->bytes + datagram->offset;
    uint32_t offset = version_sequence_offset(datagram->version), at = 0;
    uint32_t id = datagram->size_bytes >= 24 || datagram->version >= VERSION_V9 ? stream_id(payload, datagram->version)
                                                                                : 0;
    while (at < capture->stream_count &&
           (capture->streams[at].exporter != datagram->exporter || capture->streams[at].id != id ||
            capture->streams[at].version != datagram->version))
        at++;
    datagram->stream = at;
    uint32_t number = offset ? read_be32(payload + offset) : 0;
    if (at == capture->stream_count) {
        if (!room_make(loader, (void **)&capture->streams, &loader->streams_room, at, sizeof *capture->streams))
            return;
        capture->streams[capture->stream_count++] = (struct stream){datagram->exporter, id, datagram->version, number,
                                                                    number};
    }
    capture->streams[at].next =
        number + (datagram->version == VERSION_V9 ? 1 : (uint32_t)datagram->records + datagram->options);
}

static bool bytes_add(struct loader *loader, const struct frame *frame)
{
    struct capture *capture = loader->capture;
    if (capture->size_bytes + frame->size_bytes + RECORD_SLACK_BYTES > loader->bytes_room) {
        size_t more = loader->bytes_room ? 2 * loader->bytes_room : 1u << 20;
        uint8_t *larger = more <= MEMORY_MOST ? realloc(capture->bytes, more) : NULL;
        if (!larger) {
            loader->failed = true;
            return false;
        }
        capture->bytes = larger;
        loader->bytes_room = more;
    }
    memcpy(capture->bytes + capture->size_bytes, frame->payload, frame->size_bytes);
    capture->size_bytes += frame->size_bytes;
    return true;
}

static struct exporter *exporter_of(struct loader *loader, const struct endpoint *source)
{
    uint64_t hash = exporters_hash(loader->exporters, source);
    struct exporter *exporter = exporters_find(loader->exporters, source, hash);
    return exporter ? exporter : exporters_add(loader->exporters, source, hash);
}

static void packet_take(struct loader *loader, const struct packet *packet)
{
    struct capture *capture = loader->capture;
    static const struct unpack nothing;
    struct frame frame;
    uint16_t version = 0;
    if (frame_parse(packet, &nothing, &frame) == FRAME_DATAGRAM && frame_fit(&frame, packet, loader->bytes_most))
        version = version_of(frame.payload, frame.size_bytes);
    struct exporter *exporter = version ? exporter_of(loader, &frame.source) : NULL;
    if (!exporter) {
        capture->left_out++;
        return;
    }
    struct captured datagram = {.offset = capture->size_bytes,
                                .at_ns = packet->received_ns,
                                .size_bytes = frame.size_bytes,
                                .exporter = exporter->slot,
                                .moment_first = capture->moment_count,
                                .version = version};
    if (!bytes_add(loader, &frame) || !room_make(loader, (void **)&capture->datagrams, &loader->datagrams_room,
                                                 capture->count, sizeof *capture->datagrams))
        return;
    if (version != FORMAT_SFLOW)
        payload_decode(loader, &datagram, exporter);
    stream_find(loader, &datagram);
    capture->datagrams[capture->count++] = datagram;
}

/* --- the whole --- */

static bool loader_open(struct loader *loader, const struct replay_setup *setup)
{
    struct config_problems problems = {0};
    const struct profile *profile = profile_of(PROFILE_WEIR);
    loader->elements = elements_new(profile, &setup->config->custom_definitions, &problems);
    config_problems_fini(&problems);
    loader->exporters = exporters_new(EXPORTERS);
    loader->heap = heap_new(HEAP_BYTES);
    loader->counters = calloc(1, sizeof *loader->counters);
    struct decoder_setup decoder = {.config = setup->config,
                                    .profile = profile,
                                    .elements = loader->elements,
                                    .exporters = loader->exporters,
                                    .counters = loader->counters,
                                    .heap = loader->heap};
    if (loader->elements && loader->exporters && loader->heap && loader->counters)
        loader->decoder = decoder_new(&decoder);
    return loader->decoder != NULL;
}

static void exporters_copy(struct loader *loader)
{
    struct capture *capture = loader->capture;
    capture->exporter_count = exporters_slots_used(loader->exporters);
    capture->exporters = calloc(capture->exporter_count + 1, sizeof *capture->exporters);
    loader->failed |= !capture->exporters;
    for (uint32_t slot = 0; slot < capture->exporter_count && capture->exporters; slot++)
        capture->exporters[slot] = exporters_at(loader->exporters, slot)->endpoint;
}

static void loader_close(struct loader *loader)
{
    if (loader->decoder)
        decoder_free(loader->decoder);
    if (loader->heap)
        heap_free_all(loader->heap);
    if (loader->exporters)
        exporters_free(loader->exporters);
    if (loader->elements)
        elements_free(loader->elements);
    free(loader->counters);
}

static bool packets_read(struct loader *loader, const struct replay_setup *setup)
{
    struct capture_input input = {.files = setup->files, .file_count = setup->file_count};
    struct backend backend = {.ops = &backend_capture, .state = &input};
    struct packet packets[BURST_PACKETS];
    if (backend.ops->open(&backend, setup->config, 1))
        return false;
    struct backend_queue *queue = backend.queues[0];
    while (!queue->ended && !loader->failed) {
        int count = backend.ops->receive(queue, packets, BURST_PACKETS);
        for (int i = 0; i < count && !loader->failed; i++)
            packet_take(loader, &packets[i]);
        backend.ops->release(queue);
    }
    backend.ops->close(&backend);
    return input.files_failed == 0;
}

bool capture_load(struct capture *capture, const struct replay_setup *setup)
{
    struct loader loader = {.capture = capture, .bytes_most = setup->bytes_most};
    *capture = (struct capture){.count = 0};
    bool good = loader_open(&loader, setup);
    loader.failed = !good;
    good = good && packets_read(&loader, setup);
    if (good)
        exporters_copy(&loader);
    loader_close(&loader);
    if (loader.failed)
        log_error("no memory for the captures; replay them in parts");
    else if (good && !capture->count)
        log_error("no flow export is in the captures");
    return good && !loader.failed && capture->count;
}

void capture_free(struct capture *capture)
{
    free(capture->datagrams);
    free(capture->exporters);
    free(capture->streams);
    free(capture->moments);
    free(capture->bytes);
    *capture = (struct capture){.count = 0};
}
