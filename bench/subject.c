/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/backend_memory.h"
#include "dataplane/crew.h"
#include "decode/decoder.h"
#include "export/batch_pool.h"
#include "export/encode/encoder.h"

#define BATCHES     8 /* as many MiB: more than a core's own cache, so writing them costs what it costs in earnest */
#define BATCH_BYTES (1 << 20)

/* The loop without the frame: what a worker does to documents, and nothing else. */
struct bare {
    struct counters counters;
    struct heap *heap;
    struct exporters *exporters;
    struct decoder *decoder;
    struct encoder *encoder;
    struct memory memory;
    struct batch_pool pool;
    struct batch *batch;
    uint64_t bytes; /* in batches that were full */
    uint64_t sum;   /* of what was read: the compiler must not leave the reading out */
    struct chunk chunk;
};

/* A whole worker. */
struct framed {
    struct outputs *output;
    struct crew *crew;
    struct backend backend;
    struct memory_input input;
    struct memory_datagram *datagrams;
    uint32_t most;
};

struct subject {
    enum depth depth;
    struct config config;
    const struct profile *profile;
    struct elements *elements;
    struct networks *networks;
    struct bare bare;
    struct framed framed;
};

/* --- the bare loop --- */

static bool bare_open(struct subject *subject, uint32_t batch_bytes)
{
    struct bare *bare = &subject->bare;
    bare->heap = heap_new(subject->config.limits.memory);
    bare->exporters = exporters_new(subject->config.limits.exporters);
    if (!bare->heap || !bare->exporters || memory_open_bare(&bare->memory, BATCHES, batch_bytes) ||
        batch_pool_init(&bare->pool, &bare->memory, 0))
        return false;
    memset(bare->memory.base, 0, bare->memory.layout.total); /* no page faults in what is measured */
    bare->batch = batch_pool_take(&bare->pool);
    bare->decoder = decoder_new(&(struct decoder_setup){.config = &subject->config,
                                                        .profile = subject->profile,
                                                        .elements = subject->elements,
                                                        .exporters = bare->exporters,
                                                        .counters = &bare->counters,
                                                        .heap = bare->heap});
    if (!bare->decoder)
        return false;
    bare->encoder = encoder_new(&(struct encoder_setup){.config = &subject->config,
                                                        .profile = subject->profile,
                                                        .elements = subject->elements,
                                                        .networks = subject->networks,
                                                        .counters = &bare->counters,
                                                        .heap = bare->heap,
                                                        .plans_most = decoder_plans_most(bare->decoder)});
    return bare->encoder;
}

static void bare_close(struct bare *bare)
{
    if (bare->encoder)
        encoder_free(bare->encoder);
    if (bare->decoder)
        decoder_free(bare->decoder);
    if (bare->exporters)
        exporters_free(bare->exporters);
    if (bare->heap)
        heap_free_all(bare->heap);
    batch_pool_fini(&bare->pool);
    memory_close(&bare->memory);
}

static void batch_turn(struct bare *bare)
{
    struct batch *next = bare->batch + 1 < bare->pool.batches + BATCHES ? bare->batch + 1 : bare->pool.batches;
    bare->bytes += bare->batch->size_bytes;
    batch_clear(next);
    bare->batch = next;
}

static void chunk_encode(struct bare *bare)
{
    for (uint32_t done = 0; done < bare->chunk.count;) {
        done += encoder_chunk(bare->encoder, &bare->chunk, done, bare->batch);
        if (done < bare->chunk.count)
            batch_turn(bare);
    }
}

/* Eight bytes at a time; behind a record there are bytes to run over. */
static uint64_t field_read(const uint8_t *bytes, uint32_t length)
{
    uint64_t sum = 0, word;
    for (uint32_t at = 0; at < length; at += sizeof word) {
        uint32_t left = length - at;
        memcpy(&word, bytes + at, sizeof word);
        sum += __builtin_bswap64(word) >> (left < sizeof word ? 64 - 8 * left : 0);
    }
    return sum;
}

static void chunk_read(struct bare *bare)
{
    const struct chunk *chunk = &bare->chunk;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const struct record *record = &chunk->records[i];
        for (uint32_t field = 0; field < chunk->plan->field_count; field++)
            if (record->spans[field].length != SPAN_ABSENT)
                sum += field_read(record->bytes + record->spans[field].offset, record->spans[field].length);
    }
    bare->sum += sum;
}

static void chunk_take(struct bare *bare, enum depth depth)
{
    if (depth == DEPTH_READ)
        chunk_read(bare);
    else if (depth == DEPTH_ENCODE)
        chunk_encode(bare);
}

static void burst_resolve(struct bare *bare, const struct traffic_datagram *datagrams, uint32_t count,
                          struct datagram *resolved)
{
    uint64_t hashes[BURST_PACKETS];
    int64_t now_ns = clock_utc_ns();
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = exporters_hash(bare->exporters, &datagrams[i].source);
        exporters_prefetch(bare->exporters, hashes[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct exporter *exporter = exporters_find(bare->exporters, &datagrams[i].source, hashes[i]);
        if (!exporter)
            exporter = exporters_add(bare->exporters, &datagrams[i].source, hashes[i]);
        resolved[i] = (struct datagram){.payload = datagrams[i].payload,
                                        .size_bytes = datagrams[i].size_bytes,
                                        .exporter = exporter,
                                        .received_ns = now_ns};
    }
}

static void bare_take(struct subject *subject, const struct traffic_datagram *datagrams, uint32_t count)
{
    struct bare *bare = &subject->bare;
    struct datagram resolved[BURST_PACKETS];
    for (uint32_t first = 0; first < count; first += BURST_PACKETS) {
        uint32_t burst = count - first < BURST_PACKETS ? count - first : BURST_PACKETS;
        burst_resolve(bare, datagrams + first, burst, resolved);
        for (uint32_t i = 0; i < burst; i++) {
            decoder_begin(bare->decoder, &resolved[i]);
            while (decoder_next(bare->decoder, &bare->chunk))
                chunk_take(bare, subject->depth);
        }
    }
}

/* --- the worker --- */

static bool framed_open(struct subject *subject)
{
    struct framed *framed = &subject->framed;
    framed->output = outputs_open(&subject->config, 1);
    if (!framed->output)
        return false;
    framed->crew = crew_new(&(struct crew_setup){.config = &subject->config,
                                                 .profile = subject->profile,
                                                 .elements = subject->elements,
                                                 .networks = subject->networks,
                                                 .outputs = framed->output,
                                                 .worker_count = 1});
    framed->backend = (struct backend){.ops = &backend_memory, .state = &framed->input};
    return framed->crew && !framed->backend.ops->open(&framed->backend, &subject->config, 1) &&
           !crew_add_backend(framed->crew, &framed->backend);
}

static void framed_close(struct framed *framed)
{
    if (framed->crew)
        worker_finish(crew_worker(framed->crew, 0));
    if (framed->backend.queue_count)
        framed->backend.ops->close(&framed->backend);
    if (framed->output)
        outputs_close(framed->output);
    if (framed->crew)
        crew_free(framed->crew);
    outputs_free(framed->output);
    free(framed->datagrams);
}

static bool framed_reserve(struct framed *framed, uint32_t count)
{
    if (count <= framed->most)
        return true;
    struct memory_datagram *datagrams = realloc(framed->datagrams, count * sizeof *datagrams);
    if (!datagrams)
        return false;
    framed->datagrams = datagrams;
    framed->most = count;
    return true;
}

static void framed_take(struct framed *framed, const struct traffic_datagram *datagrams, uint32_t count)
{
    struct worker *worker = crew_worker(framed->crew, 0);
    if (!count || !framed_reserve(framed, count))
        return;
    for (uint32_t i = 0; i < count; i++)
        framed->datagrams[i] =
            (struct memory_datagram){datagrams[i].payload, datagrams[i].size_bytes, datagrams[i].source};
    framed->input.datagrams = framed->datagrams;
    framed->input.count = count;
    framed->input.rounds++; /* the queue has ended its rounds so far, and begins at the first datagram */
    do
        worker_burst(worker);
    while (!worker_exhausted(worker));
}

/* --- both --- */

static bool config_make(struct subject *subject, const struct subject_setup *setup)
{
    struct config_problems problems = {0};
    char text[512];
    snprintf(text, sizeof text, "workers: 1\noutput:\n  profile: %s\n  path: \"%s\"\n",
             setup->profile == PROFILE_ELASTIC ? "elastic" : "weir",
             setup->output_path ? setup->output_path : "/dev/null");
    bool good = config_load_text(&subject->config, text, strlen(text), "bench", &problems) == 0;
    if (good) {
        subject->profile = profile_of(setup->profile);
        subject->elements = elements_new(subject->profile, &subject->config.custom_definitions, &problems);
        subject->networks = networks_new(&subject->config.internal_networks, &problems);
        good = subject->elements && subject->networks;
    }
    config_problems_log(&problems);
    config_problems_fini(&problems);
    return good;
}

struct subject *subject_new(const struct subject_setup *setup)
{
    struct subject *subject = aligned_alloc(64, (sizeof *subject + 63) & ~(size_t)63);
    if (!subject)
        return NULL;
    memset(subject, 0, sizeof *subject);
    subject->depth = setup->depth;
    bool good = config_make(subject, setup);
    if (good && setup->depth == DEPTH_WORKER)
        good = framed_open(subject);
    else if (good)
        good = bare_open(subject, setup->batch_bytes ? setup->batch_bytes : BATCH_BYTES);
    if (good)
        return subject;
    fputs("weir-bench: no memory, or no output, for what is to be measured\n", stderr);
    subject_free(subject);
    return NULL;
}

void subject_free(struct subject *subject)
{
    if (!subject)
        return;
    if (subject->depth == DEPTH_WORKER)
        framed_close(&subject->framed);
    else
        bare_close(&subject->bare);
    networks_free(subject->networks);
    elements_free(subject->elements);
    config_fini(&subject->config);
    free(subject);
}

void subject_take(struct subject *subject, const struct traffic_datagram *datagrams, uint32_t count)
{
    if (subject->depth == DEPTH_WORKER)
        framed_take(&subject->framed, datagrams, count);
    else
        bare_take(subject, datagrams, count);
}

static uint64_t subject_count(const struct subject *subject, enum counter counter)
{
    const struct counters *counters = subject->depth == DEPTH_WORKER
                                          ? worker_counters(crew_worker(subject->framed.crew, 0))
                                          : &subject->bare.counters;
    return counter_read(&counters->value[counter]);
}

uint64_t subject_records(const struct subject *subject)
{
    return subject_count(subject, COUNTER_records_received);
}

uint64_t subject_templates(const struct subject *subject)
{
    return subject_count(subject, COUNTER_templates_learned);
}

uint64_t subject_bytes(const struct subject *subject)
{
    return subject->bare.batch ? subject->bare.bytes + subject->bare.batch->size_bytes : 0;
}

const struct batch *subject_batch(const struct subject *subject)
{
    return subject->bare.batch;
}
