/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "export/encode/derive.h"
#include "export/encode/ids.h"
#include "export/encode/lists.h"
#include "export/encode/program.h"
#include "export/encode/strip.h"
#include "export/encode/values.h"
#include "export/encode/writer.h"

/* A program by the index of its plan. */
struct program_entry {
    uint64_t serial; /* the plan's: indexes are used again */
    struct program *programs[2]; /* plain, explained; NULL: not needed yet */
    bool explained;              /* always: records say themselves that they are sampled */
};

struct encoder {
    /* hot: touched for every chunk */
    struct strip_maker *strip_maker;
    const struct strip *strips[2]; /* of plain and of explained programs */
    bool rendered[2];             /* they are those of the message of that serial: */
    uint64_t message_serial;
    bool explains;                /* the profile does */
    struct program_entry *entries;
    struct counters *counters;
    struct derive_context context;
    struct text_day day;
    struct slot observer;
    struct words words;
    struct list_maker *lists;
    struct connections *connections; /* of the heap */
    /* cold: compiling */
    struct compiler compiler;
    uint32_t plans_most;
    struct derived derived;
};

struct encoder *encoder_new(const struct encoder_setup *setup)
{
    struct encoder *encoder = aligned_alloc(64, (sizeof *encoder + 63) & ~(size_t)63);
    if (!encoder)
        return NULL;
    memset(encoder, 0, sizeof *encoder);
    encoder->counters = setup->counters;
    encoder->plans_most = setup->plans_most;
    encoder->explains = setup->profile->facts_kept;
    encoder->entries = calloc(setup->plans_most, sizeof *encoder->entries);
    encoder->strip_maker = strip_maker_new(setup->config, setup->profile);
    words_init(&encoder->words);
    encoder->context = (struct derive_context){
        .profile = setup->profile,
        .networks = setup->networks,
        .words = &encoder->words,
        .observer = &encoder->observer,
        .day = &encoder->day,
    };
    if (!encoder->entries || !encoder->strip_maker ||
        !compiler_init(&encoder->compiler, setup->config, setup->profile, setup->elements, setup->heap)) {
        encoder_free(encoder);
        return NULL;
    }
    encoder->lists = list_maker_new(&encoder->compiler, setup->counters, setup->plans_most);
    if (!encoder->lists) {
        encoder_free(encoder);
        return NULL;
    }
    return encoder;
}

static void entry_clear(struct encoder *encoder, struct program_entry *entry)
{
    program_free(entry->programs[0], encoder->compiler.heap);
    program_free(entry->programs[1], encoder->compiler.heap);
    entry->programs[0] = entry->programs[1] = NULL;
}

void encoder_free(struct encoder *encoder)
{
    if (!encoder)
        return;
    for (uint32_t i = 0; encoder->entries && i < encoder->plans_most; i++)
        entry_clear(encoder, &encoder->entries[i]);
    list_maker_free(encoder->lists);
    heap_give(encoder->compiler.heap, encoder->connections, sizeof *encoder->connections);
    compiler_fini(&encoder->compiler);
    strip_maker_free(encoder->strip_maker);
    free(encoder->entries);
    free(encoder);
}

/* The plan is new, and maybe in the place of another one. */
static void entry_begin(struct encoder *encoder, struct program_entry *entry, const struct plan *plan)
{
    entry_clear(encoder, entry);
    entry->serial = plan->serial;
    entry->explained = encoder->explains && plan->kind == PLAN_FLOW && plan_tells_sampling(plan);
}

/* The first program of a firewall's events brings the memory for its connections. Without it each total is counted. */
static void connections_make(struct encoder *encoder)
{
    if (encoder->connections || !(encoder->connections = heap_take(encoder->compiler.heap, sizeof(struct connections))))
        return;
    memset(encoder->connections, 0, sizeof *encoder->connections);
    encoder->context.connections = encoder->connections;
}

/* The plan's program; compiled now when it is new. NULL when that failed: then it fails for each chunk anew. */
static const struct program *program_of(struct encoder *encoder, const struct plan *plan, bool explained)
{
    struct program_entry *entry = &encoder->entries[plan->index];
    if (__builtin_expect(entry->serial != plan->serial, 0))
        entry_begin(encoder, entry, plan);
    struct program **program = &entry->programs[explained || entry->explained];
    if (__builtin_expect(*program != NULL, 1))
        return *program;
    *program = program_compile(&encoder->compiler, plan, explained || entry->explained);
    if (*program)
        counter_add(encoder->counters, COUNTER_programs_compiled, 1);
    if (*program && (*program)->flags & PROGRAM_CONNECTIONS)
        connections_make(encoder);
    return *program;
}

/* Is anything known of the exporter that its flow records do not say? */
static bool chunk_is_explained(const struct encoder *encoder, const struct chunk *chunk)
{
    const struct known *known = &chunk->known;
    return encoder->explains && chunk->plan->kind == PLAN_FLOW &&
           (known->own || known->general || known->rates || chunk->message->sampling);
}

static void message_begin(struct encoder *encoder, const struct message *message, bool explained)
{
    if (message->serial == encoder->message_serial && encoder->rendered[explained])
        return;
    if (message->serial != encoder->message_serial) {
        encoder->message_serial = message->serial;
        encoder->rendered[!explained] = false;
        slot_set_address(&encoder->observer, &message->exporter->endpoint.address);
    }
    encoder->rendered[explained] = true;
    encoder->strips[explained] = strip_maker_render(encoder->strip_maker, message, explained, &encoder->day);
}

static void records_drop(struct encoder *encoder, const struct chunk *chunk, enum counter counter, uint32_t count)
{
    counter_add(encoder->counters, counter, count);
    counter_bump(&chunk->message->exporter->counters.value[counter], count);
}

static bool batch_has_room(const struct batch *batch, size_t most_bytes)
{
    return batch->count < batch->most && most_bytes <= batch->capacity_bytes - batch->size_bytes;
}

/* Documents of records first to chunk->count, as many as the batch takes, up to one that is too large for any; returns
   how many it is done with. */
static uint32_t documents_write(struct encoder *encoder, const struct chunk *chunk, uint32_t first, struct batch *batch,
                                const struct program *program)
{
    struct derived *derived = &encoder->derived;
    struct writing writing = {.program = program,
                              .derived = derived,
                              .strips = encoder->strips[(program->flags & PROGRAM_EXPLAINED) != 0],
                              .lists = encoder->lists,
                              .day = &encoder->day};
    uint32_t strip_bytes = strip_maker_most_bytes(encoder->strip_maker), at = first;
    for (; at < chunk->count; at++) {
        const struct record *record = &chunk->records[at];
        size_t most_bytes = program_most_bytes(program, record, strip_bytes);
        if (program->flags & PROGRAM_LISTS)
            most_bytes += list_maker_render(encoder->lists, program, chunk, record);
        if (!batch_has_room(batch, most_bytes)) {
            if (most_bytes <= batch->capacity_bytes)
                break;
            records_drop(encoder, chunk, COUNTER_records_too_large, 1);
            at++;
            break; /* what is written stands for records one behind the other: ids_write() counts on it */
        }
        derive_record(derived, program, record, chunk->message, &encoder->context);
        writing.record = record;
        char *out = (char *)batch->bytes + batch->size_bytes;
        batch->size_bytes = (uint32_t)((uint8_t *)writer_run(&writing, out) - batch->bytes);
        batch->ends[batch->count++] = batch->size_bytes;
    }
    if (writing.unmappable)
        counter_add(encoder->counters, COUNTER_values_unmappable, writing.unmappable);
    return at - first;
}

static void tally_count(struct encoder *encoder, struct exporter *exporter, enum counter counter, uint64_t *tally)
{
    if (!*tally)
        return;
    counter_add(encoder->counters, counter, *tally);
    counter_bump(&exporter->counters.value[counter], *tally);
    *tally = 0;
}

static void repairs_count(struct encoder *encoder, struct exporter *exporter)
{
    static const enum counter counters[TIME_REPAIRS] = {
        [REPAIR_WRAPPED] = COUNTER_times_wrapped,
        [REPAIR_AHEAD] = COUNTER_times_ahead,
        [REPAIR_EXCHANGED] = COUNTER_times_exchanged,
        [REPAIR_NO_DURATION] = COUNTER_durations_left_out,
    };
    for (int repair = 0; repair < TIME_REPAIRS; repair++)
        tally_count(encoder, exporter, counters[repair], &encoder->derived.repairs[repair]);
}

static void explanations_count(struct encoder *encoder, struct exporter *exporter)
{
    struct explanation *explanation = &encoder->derived.explanation;
    tally_count(encoder, exporter, COUNTER_records_scaled, &explanation->scaled);
    tally_count(encoder, exporter, COUNTER_records_rate_unknown, &explanation->unknown);
}

static void connections_count(struct encoder *encoder)
{
    struct connections *connections = encoder->connections;
    if (!connections)
        return;
    counter_add(encoder->counters, COUNTER_connections_forgotten, connections->forgotten);
    counter_add(encoder->counters, COUNTER_records_counted_before, connections->ended);
    connections->forgotten = connections->ended = 0;
}

uint32_t encoder_chunk(struct encoder *encoder, const struct chunk *chunk, uint32_t first, struct batch *batch)
{
    const struct program *program = program_of(encoder, chunk->plan, chunk_is_explained(encoder, chunk));
    if (!program) {
        records_drop(encoder, chunk, COUNTER_records_no_program, chunk->count - first);
        return chunk->count - first;
    }
    if (!batch_has_share(batch, chunk->message->exporter))
        return 0;
    message_begin(encoder, chunk->message, program->flags & PROGRAM_EXPLAINED);
    encoder->context.known = &chunk->known;
    uint32_t at = first, done, written;
    do {
        uint32_t before = batch->count;
        done = documents_write(encoder, chunk, at, batch, program);
        written = batch->count - before;
        if (written)
            batch_share(batch, chunk->message->exporter, written);
        if (written && batch->ids)
            ids_write(batch->ids + before, chunk, at, written);
        at += done;
    } while (done > written && at < chunk->count); /* one was too large: the others follow */
    if (program->flags & PROGRAM_TIMES)
        repairs_count(encoder, chunk->message->exporter);
    if (program->flags & PROGRAM_EXPLAINED)
        explanations_count(encoder, chunk->message->exporter);
    if (program->flags & PROGRAM_CONNECTIONS)
        connections_count(encoder);
    return at - first;
}
