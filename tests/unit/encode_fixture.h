/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Decoder and encoder together: datagrams in, documents out, each parsed and counted. For tests and fuzz targets. */

#include <jansson.h>

#include "export/encode/encoder.h"
#include "tests/unit/decode_fixture.h"

struct encoding {
    struct fixture fixture;
    struct networks *networks;
    struct encoder *encoder;
    struct batch batch;
    json_t *documents;      /* array: of the last encoding_feed() */
    uint64_t written;       /* documents, in all */
    uint32_t batches;       /* that had documents */
};

#define ENCODING_DOCUMENTS_MOST 64 /* of a batch */
#define ENCODING_SHARES_MOST 4

/* Change fixture.config before encoding_open(). */
static inline void encoding_init(struct encoding *encoding, enum profile_kind kind)
{
    static char *private_networks = "private";
    *encoding = (struct encoding){.written = 0};
    fixture_init(&encoding->fixture, kind);
    encoding->fixture.slack_bytes = RECORD_SLACK_BYTES;
    encoding->fixture.config.internal_networks = (struct text_list){.items = &private_networks, .count = 1};
    encoding->fixture.config.fields_json = "";
}

static inline void encoding_batch_make(struct batch *batch, uint32_t capacity_bytes)
{
    *batch = (struct batch){
        .bytes = malloc(capacity_bytes + BATCH_SLACK_BYTES),
        .capacity_bytes = capacity_bytes,
        .ends = malloc(ENCODING_DOCUMENTS_MOST * sizeof *batch->ends),
        .most = ENCODING_DOCUMENTS_MOST,
        .shares = malloc(ENCODING_SHARES_MOST * sizeof *batch->shares),
        .share_most = ENCODING_SHARES_MOST,
        .ids = malloc(ENCODING_DOCUMENTS_MOST * sizeof *batch->ids),
    };
    FIXTURE_REQUIRE(batch->bytes && batch->ends && batch->shares && batch->ids);
}

static inline void encoding_batch_free(struct batch *batch)
{
    free(batch->bytes);
    free(batch->ends);
    free(batch->shares);
    free(batch->ids);
}

static inline struct networks *encoding_networks(const struct encoding *encoding)
{
    struct config_problems problems = {0};
    struct networks *networks = networks_new(&encoding->fixture.config.internal_networks, &problems);
    FIXTURE_REQUIRE(networks && problems.count == 0);
    return networks;
}

/* The decoder is there already; networks may be, as a fuzz target makes them only once. */
static inline void encoding_open_encoder(struct encoding *encoding, uint32_t batch_bytes)
{
    struct fixture *fixture = &encoding->fixture;
    if (!encoding->networks)
        encoding->networks = encoding_networks(encoding);
    struct encoder_setup setup = {
        .config = &fixture->config,
        .profile = fixture->profile,
        .elements = fixture->elements,
        .networks = encoding->networks,
        .counters = fixture->counters,
        .heap = fixture->heap,
        .plans_most = decoder_plans_most(fixture->decoder),
    };
    encoding->encoder = encoder_new(&setup);
    FIXTURE_REQUIRE(encoding->encoder);
    encoding_batch_make(&encoding->batch, batch_bytes);
    encoding->documents = json_array();
}

static inline void encoding_open(struct encoding *encoding)
{
    fixture_open(&encoding->fixture);
    encoding_open_encoder(encoding, 1 << 20);
}

static inline void encoding_close_encoder(struct encoding *encoding)
{
    encoder_free(encoding->encoder);
    encoding_batch_free(&encoding->batch);
    json_decref(encoding->documents);
}

static inline void encoding_close(struct encoding *encoding)
{
    encoding_close_encoder(encoding);
    networks_free(encoding->networks);
    fixture_close(&encoding->fixture);
}

/*
 * A document must parse, with no key twice. Profile elastic writes unsigned numbers that no signed one can hold: then,
 * and only then, its integers are read as reals.
 */
static inline json_t *encoding_parse(const struct encoding *encoding, const char *text, size_t size_bytes)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_error_t error;
    FIXTURE_REQUIRE(size_bytes > 2 && text[size_bytes - 1] == '\n' && !memchr(text, '\n', size_bytes - 1));
    json_t *document = json_loadb(text, size_bytes, flags, &error);
    if (!document && json_error_code(&error) == json_error_numeric_overflow &&
        encoding->fixture.profile->unmappable_values)
        document = json_loadb(text, size_bytes, flags | JSON_DECODE_INT_AS_REAL, &error);
    if (!document)
        fprintf(stderr, "%s at %d: %.*s\n", error.text, error.position, (int)size_bytes, text);
    FIXTURE_REQUIRE(document);
    return document;
}

/* Takes the documents out of the batch and empties it. */
static inline void encoding_collect(struct encoding *encoding)
{
    struct batch *batch = &encoding->batch;
    uint32_t start = 0, shared = 0;
    FIXTURE_REQUIRE(batch->size_bytes <= batch->capacity_bytes && batch->count <= batch->most);
    for (uint32_t i = 0; i < batch->count; i++) {
        FIXTURE_REQUIRE(batch->ends[i] > start);
        const char *text = (const char *)batch->bytes + start;
        json_array_append_new(encoding->documents, encoding_parse(encoding, text, batch->ends[i] - start));
        start = batch->ends[i];
    }
    for (uint32_t i = 0; i < batch->share_count; i++) {
        FIXTURE_REQUIRE(batch->shares[i].count && (!i || batch->shares[i].exporter != batch->shares[i - 1].exporter));
        shared += batch->shares[i].count;
    }
    FIXTURE_REQUIRE(start == batch->size_bytes && shared == batch->count);
    encoding->written += batch->count;
    encoding->batches += batch->count > 0;
    batch_clear(batch);
}

static inline void encoding_chunk(const struct chunk *chunk, void *data)
{
    struct encoding *encoding = data;
    for (uint32_t first = 0; first < chunk->count;) {
        first += encoder_chunk(encoding->encoder, chunk, first, &encoding->batch);
        FIXTURE_REQUIRE(first <= chunk->count);
        if (first == chunk->count)
            break;
        FIXTURE_REQUIRE(encoding->batch.count); /* an empty batch takes any record, or drops it */
        encoding_collect(encoding);
    }
}

/* Adds the datagram's documents to those there are, but for what still is in the batch. */
static inline void encoding_add(struct encoding *encoding, const char *exporter, const void *bytes, size_t size_bytes)
{
    struct fixture *fixture = &encoding->fixture;
    const struct fixture_bytes from = {bytes, size_bytes};
    fixture_visit(fixture, fixture_exporter(fixture, exporter), from, encoding_chunk, encoding);
}

/* encoding->documents are those of this datagram. Returns how many. */
static inline size_t encoding_feed(struct encoding *encoding, const char *exporter, const void *bytes,
                                   size_t size_bytes)
{
    json_array_clear(encoding->documents);
    encoding_add(encoding, exporter, bytes, size_bytes);
    encoding_collect(encoding);
    return json_array_size(encoding->documents);
}

/* Every record became a document or was counted as dropped, in total and for each exporter. The batch is empty. */
static inline void encoding_check_ledger(const struct encoding *encoding)
{
    static const enum counter dropped[] = {COUNTER_records_too_large, COUNTER_records_no_program};
    const struct fixture *fixture = &encoding->fixture;
    uint64_t settled = encoding->written;
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
        uint64_t value = fixture_count(fixture, dropped[i]), of_exporters = 0;
        for (uint32_t slot = 0; slot < exporters_slots_used(fixture->exporters); slot++) {
            struct exporter *exporter = exporters_at(fixture->exporters, slot);
            of_exporters += exporter ? counter_read(&exporter->counters.value[dropped[i]]) : 0;
        }
        FIXTURE_REQUIRE(value == of_exporters);
        settled += value;
    }
    FIXTURE_REQUIRE(fixture_count(fixture, COUNTER_records_received) == settled);
    fixture_check_ledger(fixture);
}

/* The member at a path such as "source.nat.ip", NULL where there is none. */
static inline json_t *member(json_t *document, const char *path)
{
    char part[128];
    while (document && *path) {
        size_t length = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)length, path);
        document = json_object_get(document, part);
        path += length + (path[length] == '.');
    }
    return document;
}
