/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One decoder with all that it needs, for tests and fuzz targets: feeds datagrams, checks what every chunk promises. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "decode/decoder.h"

#define FIXTURE_NOW 1767225600000000000LL /* 2026-01-01T00:00:00Z */

#define FIXTURE_REQUIRE(condition)                                                                                     \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

struct fixture {
    struct config config;
    const struct profile *profile;
    struct elements *elements;
    struct exporters *exporters;
    struct counters *counters;
    struct heap *heap;
    struct decoder *decoder;
    struct template_feed *feed;   /* the test's, or NULL */
    struct template_store *known; /* the test's, or NULL */
    struct template_board *board; /* the test's, or NULL; the decoder is reader 0 */
    struct chunk chunk;
    uint64_t sum; /* of all value bytes, so that reading them is not optimized away */
    int64_t now_ns;
    uint32_t slack_bytes; /* readable behind a datagram: the decoder needs none, encoders RECORD_SLACK_BYTES */
};

/* What a test may look at while records are handed out. */
typedef void (*fixture_visitor)(const struct chunk *chunk, void *data);

/* The configuration that the captures were made with; change it before fixture_open(). */
static inline void fixture_init(struct fixture *fixture, enum profile_kind kind)
{
    *fixture = (struct fixture){.profile = profile_of(kind), .now_ns = FIXTURE_NOW};
    fixture->config.protocols = 0xff;
    fixture->config.limits.exporters = 1024;
    fixture->config.limits.templates_per_exporter = 4096;
    fixture->config.limits.fields_per_template = 1024;
    fixture->config.limits.facts_per_exporter = 256;
    fixture->config.limits.memory = 16U << 20;
    fixture->config.clock.tolerance = 60 * NS_PER_S;
    fixture->config.templates.park_size = 1U << 20;
    fixture->config.templates.park_exporter_size = 256U << 10;
}

/* All but the elements, which a fuzz target makes only once. */
static inline void fixture_open_decoder(struct fixture *fixture)
{
    fixture->exporters = exporters_new(fixture->config.limits.exporters);
    fixture->heap = heap_new(fixture->config.limits.memory);
    fixture->counters = calloc(1, sizeof *fixture->counters);
    FIXTURE_REQUIRE(fixture->exporters && fixture->heap && fixture->counters);
    struct decoder_setup setup = {
        .config = &fixture->config,
        .profile = fixture->profile,
        .elements = fixture->elements,
        .exporters = fixture->exporters,
        .counters = fixture->counters,
        .heap = fixture->heap,
        .feed = fixture->feed,
        .known = fixture->known,
        .board = fixture->board,
    };
    fixture->decoder = decoder_new(&setup);
    FIXTURE_REQUIRE(fixture->decoder);
}

static inline void fixture_open(struct fixture *fixture)
{
    struct config_problems problems = {0};
    fixture->elements = elements_new(fixture->profile, &fixture->config.custom_definitions, &problems);
    FIXTURE_REQUIRE(fixture->elements && problems.count == 0);
    fixture_open_decoder(fixture);
}

enum forgetful { FORGETFUL_PROFILE, FORGETFUL_LIMIT, FORGETFUL_SHARING, FORGETFUL_WAYS };

/* One that is to keep no facts: of profile elastic; with a limit of none; with sessions that are everybody's. */
static inline void fixture_open_forgetful(struct fixture *fixture, enum forgetful way)
{
    fixture_init(fixture, way == FORGETFUL_PROFILE ? PROFILE_ELASTIC : PROFILE_WEIR);
    if (way == FORGETFUL_LIMIT)
        fixture->config.limits.facts_per_exporter = 0;
    fixture->config.share_templates = way == FORGETFUL_SHARING;
    fixture_open(fixture);
}

/* Everything is given back, and nothing of the heap is left out. */
static inline void fixture_close_decoder(struct fixture *fixture)
{
    decoder_free(fixture->decoder);
    FIXTURE_REQUIRE(heap_used_bytes(fixture->heap) == 0);
    heap_free_all(fixture->heap);
    exporters_free(fixture->exporters);
    free(fixture->counters);
}

static inline void fixture_close(struct fixture *fixture)
{
    fixture_close_decoder(fixture);
    elements_free(fixture->elements);
}

static inline struct exporter *fixture_exporter(struct fixture *fixture, const char *text)
{
    struct endpoint endpoint;
    FIXTURE_REQUIRE(endpoint_parse(text, &endpoint));
    uint64_t hash = exporters_hash(fixture->exporters, &endpoint);
    struct exporter *exporter = exporters_find(fixture->exporters, &endpoint, hash);
    return exporter ? exporter : exporters_add(fixture->exporters, &endpoint, hash);
}

static inline void fixture_check_record(struct fixture *fixture, const struct record *record)
{
    const struct plan *plan = fixture->chunk.plan;
    for (uint32_t i = 0; i < plan->field_count; i++) {
        const struct field *field = &plan->fields[i];
        struct span span = record->spans[i];
        FIXTURE_REQUIRE(field->type < TYPE_COUNT && field->element <= elements_count(fixture->elements));
        if (span.length == SPAN_ABSENT) {
            FIXTURE_REQUIRE(field->flags & FIELD_OPTIONAL);
            continue;
        }
        FIXTURE_REQUIRE((uint32_t)span.offset + span.length <= record->size_bytes);
        if (field->type == TYPE_UNSIGNED || field->type == TYPE_SIGNED)
            FIXTURE_REQUIRE(span.length >= 1 && span.length <= 8);
        for (uint32_t at = 0; at < span.length; at++)
            fixture->sum += record->bytes[span.offset + at];
    }
}

static inline void fixture_check_chunk(struct fixture *fixture, const uint8_t *payload, size_t size_bytes)
{
    const struct chunk *chunk = &fixture->chunk;
    FIXTURE_REQUIRE(chunk->count >= 1 && chunk->count <= CHUNK_RECORDS);
    FIXTURE_REQUIRE(chunk->plan->index < decoder_plans_most(fixture->decoder) && chunk->plan->serial);
    FIXTURE_REQUIRE(chunk->message->serial && chunk->message->version == chunk->plan->version);
    for (uint32_t i = 0; i < chunk->count; i++) {
        const struct record *record = &chunk->records[i];
        FIXTURE_REQUIRE(record->size_bytes >= 1 && record->size_bytes >= chunk->plan->record_bytes);
        /* what was parked lies elsewhere, and so do the values of samples and of packets in records */
        FIXTURE_REQUIRE(chunk->plan->version == VERSION_SFLOW || chunk->plan->sections ||
                        (record->bytes >= payload && record->bytes + record->size_bytes <= payload + size_bytes) ||
                        counter_read(&fixture->counters->value[COUNTER_sets_parked]));
        fixture_check_record(fixture, record);
    }
}

/* Decodes one datagram from memory of exactly its size, so that the sanitizer sees each byte too far. */
struct fixture_bytes {
    const void *bytes;
    size_t size_bytes;
};

static inline uint32_t fixture_visit(struct fixture *fixture, struct exporter *exporter, struct fixture_bytes from,
                                     fixture_visitor visitor, void *data)
{
    size_t size_bytes = from.size_bytes;
    uint8_t *payload = malloc(size_bytes + fixture->slack_bytes + !size_bytes);
    FIXTURE_REQUIRE(payload);
    memset(payload + size_bytes, 0xa5, fixture->slack_bytes);
    if (size_bytes)
        memcpy(payload, from.bytes, size_bytes);
    struct datagram datagram = {
        .payload = payload,
        .size_bytes = (uint32_t)size_bytes,
        .exporter = exporter,
        .received_ns = fixture->now_ns,
    };
    uint32_t records = 0, count;
    decoder_begin(fixture->decoder, &datagram);
    while ((count = decoder_next(fixture->decoder, &fixture->chunk)) > 0) {
        FIXTURE_REQUIRE(count == fixture->chunk.count);
        fixture_check_chunk(fixture, payload, size_bytes);
        if (visitor)
            visitor(&fixture->chunk, data);
        records += count;
    }
    FIXTURE_REQUIRE(decoder_next(fixture->decoder, &fixture->chunk) == 0);
    free(payload);
    return records;
}

static inline uint32_t fixture_feed(struct fixture *fixture, struct exporter *exporter, const void *bytes,
                                    size_t size_bytes)
{
    return fixture_visit(fixture, exporter, (struct fixture_bytes){bytes, size_bytes}, NULL, NULL);
}

static inline uint64_t fixture_count(const struct fixture *fixture, enum counter counter)
{
    return counter_read(&fixture->counters->value[counter]);
}

/* received = delivered + dropped for one unit, in the worker's counters and in those of all exporters. */
static inline void fixture_check_unit(const struct fixture *fixture, enum counter_unit unit)
{
    uint64_t received = 0, settled = 0;
    for (unsigned i = 0; i < COUNTER_EXPORTER_COUNT; i++) {
        if (counter_rows[i].unit != unit || counter_rows[i].part == PART_NONE)
            continue;
        uint64_t value = fixture_count(fixture, (enum counter)i), of_exporters = 0;
        for (uint32_t slot = 0; slot < exporters_slots_used(fixture->exporters); slot++) {
            struct exporter *exporter = exporters_at(fixture->exporters, slot);
            of_exporters += exporter ? counter_read(&exporter->counters.value[i]) : 0;
        }
        FIXTURE_REQUIRE(value == of_exporters);
        *(counter_rows[i].part == PART_RECEIVED ? &received : &settled) += value;
    }
    FIXTURE_REQUIRE(received == settled + (unit == UNIT_SETS ? decoder_parked_sets(fixture->decoder) : 0));
}

static inline void fixture_check_ledger(const struct fixture *fixture)
{
    fixture_check_unit(fixture, UNIT_DATAGRAMS);
    fixture_check_unit(fixture, UNIT_SETS);
}
