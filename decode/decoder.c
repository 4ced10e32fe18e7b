/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/decoder.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "decode/exporter_rates.h"
#include "decode/pages.h"
#include "decode/state.h"

/* Of a sweep, in one call: few enough that a burst is hardly late for it, many enough that a sweep ends soon. */
#define SLICE_BUCKETS  1024
#define SLICE_SESSIONS 64

#define SLICE_EXPORTERS 256      /* whose gaps are looked at in one call */
#define GAP_WAIT_NS     NS_PER_S /* for a datagram that was overtaken; networks need milliseconds */

/* sFlow's has 32 bits, of which the first 16 are zeroes: no version of NetFlow is 0. */
static bool version_is_sflow(uint16_t number)
{
    return number == 2 || number == 4 || number == 5;
}

static const struct version {
    uint32_t protocol;               /* 0: no such version */
    uint8_t header_bytes;            /* with begin; else fixed.c knows */
    void (*begin)(struct decoder *); /* NULL: fixed.c */
} versions[VERSION_COUNT] = {
    [1] = {.protocol = PROTOCOL_V1},
    [5] = {.protocol = PROTOCOL_V5},
    [6] = {.protocol = PROTOCOL_V6},
    [7] = {.protocol = PROTOCOL_V7},
    [8] = {.protocol = PROTOCOL_V8},
    [9] = {.protocol = PROTOCOL_V9, .header_bytes = 20, .begin = v9_begin},
    [10] = {.protocol = PROTOCOL_IPFIX, .header_bytes = 16, .begin = ipfix_begin},
    [VERSION_SFLOW] = {.protocol = PROTOCOL_SFLOW, .header_bytes = SFLOW_HEADER_BYTES, .begin = sflow_begin},
};

static size_t spans_bytes(const struct decoder *decoder)
{
    return (size_t)CHUNK_RECORDS * decoder->fields_most * sizeof *decoder->spans;
}

/* The scratch of a large limits.fields_per_template is hardly ever touched in full, so it comes page by page. */
static bool scratch_make(struct decoder *decoder)
{
    uint32_t most = decoder->config->limits.fields_per_template;
    decoder->fields_most = most == 0 ? 1 : most > UINT16_MAX ? UINT16_MAX : most;
    decoder->fields = calloc(decoder->fields_most, sizeof *decoder->fields);
    decoder->spans = pages_take(spans_bytes(decoder));
    if (decoder->profile->bad_set_drops_datagram)
        decoder->ids_defined = malloc(UINT16_MAX + 1);
    return decoder->fields && decoder->spans && (decoder->ids_defined || !decoder->profile->bad_set_drops_datagram);
}

/* Whose rates the configuration has, and the secret of tables of facts. */
static bool sampling_init(struct decoder *decoder)
{
    bool failed = false;
    if (decoder->profile->facts_kept)
        decoder->sampling = sampling_rules_new(&decoder->config->sampling.rates, &failed);
    return !failed && getrandom(&decoder->facts_seed, sizeof decoder->facts_seed, 0) == sizeof decoder->facts_seed;
}

struct decoder *decoder_new(const struct decoder_setup *setup)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return NULL;
    decoder->config = setup->config;
    decoder->profile = setup->profile;
    decoder->elements = setup->elements;
    decoder->exporters = setup->exporters;
    decoder->counters = setup->counters;
    decoder->heap = setup->heap;
    decoder->board = setup->board;
    decoder->board_reader = setup->board_reader;
    decoder->skew_rules = (struct skew_rules){
        .tolerance_ms = (int64_t)(setup->config->clock.tolerance / NS_PER_MS),
        .correct = setup->config->clock.correct && setup->profile->corrects_clocks,
    };
    decoder->facts_kept = setup->profile->facts_kept && !setup->config->share_templates &&
                          setup->config->limits.facts_per_exporter > 0;
    decoder->plans = plans_new(setup->heap, setup->config->limits.memory);
    if (decoder->plans)
        decoder->sessions = sessions_new(setup->heap, decoder->plans, exporters_most(setup->exporters));
    decoder->numberings = numberings_new(setup->heap, exporters_most(setup->exporters), NUMBERINGS_EACH);
    decoder->park = park_new(setup->heap, setup->config);
    if (!decoder->sessions || !decoder->numberings || !decoder->park || !scratch_make(decoder) ||
        !sampling_init(decoder) || !fixed_init(decoder) || !sflow_init(decoder) || !sections_init(decoder) ||
        !naming_init(decoder) ||
        !publisher_init(decoder, setup->feed, setup->known)) {
        decoder_free(decoder);
        return NULL;
    }
    return decoder;
}

static void rates_free(struct decoder *decoder)
{
    uint32_t slots = decoder->sampling ? exporters_slots_used(decoder->exporters) : 0;
    for (uint32_t slot = 0; slot < slots; slot++) {
        struct exporter *exporter = exporters_at(decoder->exporters, slot);
        if (exporter)
            rates_forget(decoder, exporter);
    }
    free(decoder->sampling);
}

void decoder_free(struct decoder *decoder)
{
    if (!decoder)
        return;
    rates_free(decoder);
    if (decoder->park)
        park_give_back(decoder->park, decoder->released.at_hand);
    park_free(decoder->park);
    numberings_free(decoder->numberings);
    sessions_free(decoder->sessions);
    plans_free(decoder->plans);
    pages_give(decoder->spans, spans_bytes(decoder));
    free(decoder->fields);
    sflow_fini(decoder);
    sections_fini(decoder);
    naming_fini(decoder);
    free(decoder->ids_defined);
    publisher_fini(decoder);
    free(decoder);
}

uint32_t decoder_plans_most(const struct decoder *decoder)
{
    return plans_most(decoder->plans);
}

/* The version that the first bytes tell, by its place in `versions`; 0: none. */
static uint16_t version_tell(const struct decoder *decoder)
{
    const struct datagram *datagram = &decoder->datagram;
    uint16_t number = read_be16(datagram->payload);
    if (number == 0 && datagram->size_bytes >= 4 && version_is_sflow(read_be16(datagram->payload + 2)) &&
        decoder->profile->reads_sflow)
        return VERSION_SFLOW;
    return number < VERSION_SFLOW ? number : 0;
}

/* Relaxed: the exporter's own worker writes it, others look. */
static void version_begin(struct decoder *decoder, const struct version *version, uint8_t number)
{
    _Atomic uint32_t *seen = &decoder->datagram.exporter->versions;
    uint32_t before = atomic_load_explicit(seen, memory_order_relaxed);
    atomic_store_explicit(seen, before | 1U << number, memory_order_relaxed);
    if (version->begin)
        version->begin(decoder);
    else
        fixed_begin(decoder, number);
}

struct decoder_sizes decoder_sizes(const struct decoder *decoder)
{
    return (struct decoder_sizes){.sessions = sessions_count(decoder->sessions),
                                  .templates = sessions_template_count(decoder->sessions),
                                  .plans = plans_count(decoder->plans),
                                  .clocks_off = decoder->clocks_off};
}

void decoder_begin(struct decoder *decoder, const struct datagram *datagram)
{
    decoder->datagram = *datagram;
    decoder->walk = (struct walk){.open = true};
    decoder->message.exporter = datagram->exporter;
    decoder->message.received_ns = datagram->received_ns;
    decoder->message.serial = ++decoder->serial_last;
    atomic_store_explicit(&datagram->exporter->seen_ns, datagram->received_ns, memory_order_relaxed);
    decoder_count(decoder, COUNTER_datagrams_received, 1);
    decoder_count(decoder, COUNTER_datagram_bytes, datagram->size_bytes);
    if (datagram->size_bytes < 2) {
        decoder_settle(decoder, COUNTER_datagrams_too_short);
        return;
    }
    uint16_t number = version_tell(decoder);
    const struct version *version = &versions[number];
    uint32_t header_bytes = version->begin ? version->header_bytes : fixed_header_bytes((uint8_t)(version - versions));
    if (!version->protocol)
        decoder_settle(decoder, COUNTER_datagrams_unknown_version);
    else if (!(decoder->config->protocols & version->protocol))
        decoder_settle(decoder, COUNTER_datagrams_disabled_version);
    else if (datagram->size_bytes < header_bytes)
        decoder_settle(decoder, COUNTER_datagrams_too_short);
    else
        version_begin(decoder, version, (uint8_t)number);
}

void decoder_refuse(struct decoder *decoder, const struct datagram *datagram)
{
    decoder->datagram = *datagram;
    decoder_count(decoder, COUNTER_datagrams_received, 1);
    decoder_count(decoder, COUNTER_datagram_bytes, datagram->size_bytes);
    decoder_count(decoder, COUNTER_datagrams_over_share, 1);
}

uint32_t decoder_next(struct decoder *decoder, struct chunk *chunk)
{
    struct walk *walk = &decoder->walk;
    for (;;) {
        if (walk->records_left) {
            uint32_t count = records_take(decoder, chunk);
            if (count)
                return count;
        } else if (!walk->open) {
            return 0;
        } else if (walk->unparking) {
            if (!board_unpark(decoder))
                return 0;
        } else if (walk->samples) {
            uint32_t count = sflow_take(decoder, chunk);
            if (count)
                return count;
        } else if (!walk->dialect) {
            decoder_settle(decoder, COUNTER_datagrams_decoded);
            return 0;
        } else if (!message_advance(decoder)) {
            return 0;
        }
    }
}

struct sequence_message decoder_step(const struct decoder *decoder, uint32_t domain, uint32_t number)
{
    const struct message *message = &decoder->message;
    return (struct sequence_message){
        .mark = {.number = number},
        .domain = domain,
        .version = message->version,
        .uptime_ms = message->uptime_ms,
        /* sFlow has no clock but the uptime, which tells late from restarted as well */
        .export_ns = message->version == VERSION_SFLOW ? message->uptime_ms * NS_PER_MS : message->export_ns,
        .received_ns = message->received_ns,
    };
}

void decoder_follow(struct decoder *decoder, uint32_t domain)
{
    const struct message *message = &decoder->message;
    struct sequence_message step = decoder_step(decoder, domain, message->sequence);
    step.mark.counts = decoder->walk.counts;
    struct sequence_books books = {.counters = decoder->counters, .exporter = message->exporter};
    numberings_observe(decoder->numberings, &step, &books);
}

/* Whether the exporter's clock is off has changed, or may have. */
static void clock_show(struct decoder *decoder, struct exporter *exporter)
{
    const struct clock_skew *clock = &exporter->clock;
    bool was_off = atomic_load_explicit(&exporter->clock_off, memory_order_relaxed);
    decoder->clocks_off += (uint32_t)clock->off - (uint32_t)was_off;
    atomic_store_explicit(&exporter->clock_skew_ms, clock_skew_ms(clock), memory_order_relaxed);
    atomic_store_explicit(&exporter->clock_off, clock->off, memory_order_relaxed);
}

void decoder_watch_clock(struct decoder *decoder)
{
    struct message *message = &decoder->message;
    struct exporter *exporter = message->exporter;
    struct clock_skew *clock = &exporter->clock;
    if (!decoder->datagram.untimed &&
        clock_skew_observe(clock, message->export_ns, message->received_ns, &decoder->skew_rules))
        clock_show(decoder, exporter);
    message->shift_ms = clock->shift_ms;
    message->clock_off = clock->off;
    if (clock->off)
        decoder_count(decoder, COUNTER_messages_clock_off, 1);
}

/* Closes gaps that nothing came to fill in time. */
static void gaps_slice(struct decoder *decoder, int64_t now_ns)
{
    uint32_t slots = exporters_slots_used(decoder->exporters);
    for (uint32_t i = 0; i < SLICE_EXPORTERS && i < slots; i++) {
        decoder->gaps_slot = decoder->gaps_slot + 1 < slots ? decoder->gaps_slot + 1 : 0;
        struct exporter *exporter = exporters_at(decoder->exporters, decoder->gaps_slot);
        struct sequence_books books = {.counters = decoder->counters, .exporter = exporter};
        if (exporter)
            numberings_close_gaps(&books, now_ns - GAP_WAIT_NS);
    }
}

void decoder_finish(struct decoder *decoder)
{
    parked_finish(decoder);
    uint32_t slots = exporters_slots_used(decoder->exporters);
    for (uint32_t slot = 0; slot < slots; slot++) {
        struct exporter *exporter = exporters_at(decoder->exporters, slot);
        struct sequence_books books = {.counters = decoder->counters, .exporter = exporter};
        if (exporter)
            numberings_close_gaps(&books, INT64_MAX);
    }
}

/* Counts expired templates where there is no datagram at hand. */
static void expired_count(struct decoder *decoder, struct exporter *opener, uint32_t templates)
{
    counter_add(decoder->counters, COUNTER_templates_expired, templates);
    if (opener)
        counter_bump(&opener->counters.value[COUNTER_templates_expired], templates);
}

/* Removes a session without a message since the last sweep, or without templates: it would know nothing. */
static void session_expire(struct decoder *decoder, struct session *session, int64_t now_ns)
{
    if (session->key.space == KEY_RELIABLE)
        return; /* it ends with its connection: RFC 7011 8.1 */
    if (session->marked)
        session_publish_removed(decoder, session, now_ns);
    else
        session_publish_sweep(decoder, session, now_ns);
    uint32_t templates = session->marked ? session->template_count : session_sweep(decoder->sessions, session);
    if (templates)
        expired_count(decoder, session->opener, templates);
    if (session->marked || (session->template_count == 0 && !session->split))
        sessions_remove(decoder->sessions, session);
    else
        session->marked = true;
}

static void sweep_slice(struct decoder *decoder, int64_t now_ns)
{
    uint32_t most = sessions_buckets(decoder->sessions), looked_at = 0;
    for (uint32_t i = 0; i < SLICE_BUCKETS && looked_at < SLICE_SESSIONS; i++) {
        if (decoder->sweep_bucket == most) {
            decoder->sweeping = false;
            return;
        }
        struct session *session = sessions_bucket(decoder->sessions, decoder->sweep_bucket++);
        for (struct session *next; session; session = next, looked_at++) {
            next = session->next;
            session_expire(decoder, session, now_ns);
        }
    }
}

void decoder_housekeep(struct decoder *decoder, int64_t now_ns)
{
    int64_t timeout_ns = (int64_t)decoder->config->expiration_timeout;
    gaps_slice(decoder, now_ns);
    publisher_catch_up(decoder, now_ns);
    parked_expire(decoder, now_ns);
    if (decoder->board)
        template_board_pass(decoder->board, decoder->board_reader);
    if (timeout_ns <= 0)
        return;
    bool set_back = decoder->sweep_due_ns - now_ns > timeout_ns; /* the clock was */
    if (decoder->sweep_due_ns == 0 || set_back)
        decoder->sweep_due_ns = now_ns + timeout_ns;
    if (!decoder->sweeping && now_ns >= decoder->sweep_due_ns) {
        decoder->sweeping = true;
        decoder->sweep_bucket = 0;
        decoder->sweep_due_ns = now_ns + timeout_ns;
    }
    if (decoder->sweeping)
        sweep_slice(decoder, now_ns);
}

/* Sessions that others may share stay, and go to the next exporter that speaks in them, or expire. */
static bool session_is_shared(const struct decoder *decoder, const struct session *session)
{
    return session->key.space == KEY_DATAGRAMS && (decoder->config->share_templates || session->key.port == 0);
}

void decoder_forget(struct decoder *decoder, struct exporter *exporter)
{
    parked_forget(decoder, exporter);
    while (exporter->sessions) {
        struct session *session = exporter->sessions;
        if (session_is_shared(decoder, session)) {
            session_adopt(session, NULL);
            continue;
        }
        session_publish_removed(decoder, session, exporter->seen_ns);
        sessions_remove(decoder->sessions, session);
    }
    exporter->session = NULL;
    exporter->clock = (struct clock_skew){0};
    clock_show(decoder, exporter);
    rates_forget(decoder, exporter);
    struct sequence_books books = {.counters = decoder->counters, .exporter = exporter};
    numberings_close_gaps(&books, INT64_MAX);
    numberings_forget(decoder->numberings, exporter, &exporter->numberings);
    sflow_forget(decoder, exporter);
}
