/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "decode/state.h"

#define V9_VERSION         9
#define IPFIX_VERSION      10
#define DATA_SET_LEAST     256
#define SEQUENCE_STEP_MOST 1000 /* Elastic's: a larger one is a restart of the exporter */

const struct dialect dialect_v9 = {
    .header_bytes = 20,
    .template_set = 0,
    .options_set = 1,
    .scope_in_bytes = true,
};

const struct dialect dialect_ipfix = {
    .header_bytes = 16,
    .template_set = 2,
    .options_set = 3,
    .enterprises = true,
    .withdrawals = true,
};

enum set_verdict {
    SET_WHOLE,
    SET_TOO_SHORT, /* shorter than its own header, which is all that is skipped */
    SET_TOO_LONG,  /* longer than the rest of the message: nobody knows where the next one begins */
    SET_PADDING,   /* zeroes up to the end of the message */
    SET_END,
};

static enum set_verdict set_read(const uint8_t *at, const uint8_t *end, struct set *set)
{
    if (end - at < SET_HEADER_BYTES)
        return SET_END;
    uint32_t length = read_be16(at + 2);
    set->start = at;
    set->id = read_be16(at);
    set->body = at + SET_HEADER_BYTES;
    set->end = set->body;
    if (set->id == 0 && length == 0)
        return SET_PADDING;
    if (length < SET_HEADER_BYTES)
        return SET_TOO_SHORT;
    if ((ptrdiff_t)length > end - at)
        return SET_TOO_LONG;
    set->end = at + length;
    return SET_WHOLE;
}

static bool is_template_set(const struct dialect *dialect, uint16_t id)
{
    return id == dialect->template_set || id == dialect->options_set;
}

/*
 * Judging: profile elastic gives up all documents of a datagram in which one set is bad, those of earlier sets too, but
 * records are handed out as the walk goes on. So the datagram is gone through once before, without learning anything.
 *
 * Whether data is of a template without bytes depends on what was defined before it. Such templates hardly exist, so
 * ids_defined is kept only from the moment that there is one: per id 0 = ask the session, DEFINED or DEFINED_EMPTY.
 */
enum { DEFINED = 1, DEFINED_EMPTY = 2 };

struct judge {
    struct decoder *decoder;
    bool watching;
};

static void judge_watch(struct judge *judge)
{
    judge->watching = true;
    memset(judge->decoder->ids_defined, 0, UINT16_MAX + 1);
}

static void judge_define(struct judge *judge, const struct template_view *view)
{
    bool empty = template_is_empty(judge->decoder->walk.dialect, view);
    if (empty && !judge->watching)
        judge_watch(judge);
    if (judge->watching)
        judge->decoder->ids_defined[view->id] = empty ? DEFINED_EMPTY : DEFINED;
}

static bool judge_data_is_empty(const struct judge *judge, uint16_t id)
{
    if (!judge->watching)
        return false;
    uint8_t defined = judge->decoder->ids_defined[id];
    if (defined)
        return defined == DEFINED_EMPTY;
    const struct session *session = judge->decoder->walk.session;
    const struct template *known = session ? session_template(session, id) : NULL;
    return known && plan_is_empty(known->plan);
}

static bool judge_templates_are_bad(struct judge *judge, const struct set *set)
{
    struct template_reader reader = {
        .dialect = judge->decoder->walk.dialect,
        .at = set->body,
        .end = set->end,
        .set_id = set->id,
        .strict = true,
    };
    for (;;) {
        struct template_view view;
        enum template_verdict verdict = template_read(&reader, &view);
        if (verdict == TEMPLATE_BAD)
            return true;
        if (verdict == TEMPLATE_END || verdict == TEMPLATE_CUT)
            return false;
        if (verdict == TEMPLATE_WHOLE)
            judge_define(judge, &view);
    }
}

/* What is wrong with the set, with set NULL where nothing is. */
static struct fault judge_set(struct judge *judge, const struct set *set)
{
    struct fault fault = {.set = set->start};
    if (set->id >= DATA_SET_LEAST && judge_data_is_empty(judge, set->id)) {
        fault.set_counter = COUNTER_sets_empty_template;
        fault.datagram_counter = COUNTER_datagrams_empty_template;
    } else if (is_template_set(judge->decoder->walk.dialect, set->id) && judge_templates_are_bad(judge, set)) {
        fault.set_counter = COUNTER_sets_bad_template;
        fault.datagram_counter = COUNTER_datagrams_bad_template;
    } else if (set->id < DATA_SET_LEAST && !is_template_set(judge->decoder->walk.dialect, set->id)) {
        fault.set_counter = COUNTER_sets_reserved_id;
        fault.datagram_counter = COUNTER_datagrams_bad_set;
    } else {
        fault.set = NULL;
    }
    return fault;
}

static struct fault message_judge(struct decoder *decoder)
{
    const struct walk *walk = &decoder->walk;
    struct judge judge = {.decoder = decoder};
    if (plans_empty_count(decoder->plans))
        judge_watch(&judge);
    const uint8_t *at = walk->next;
    for (uint32_t left = walk->sets_left; left; left--) {
        struct set set;
        if (set_read(at, walk->end, &set) > SET_TOO_SHORT)
            break;
        struct fault fault = judge_set(&judge, &set);
        if (fault.set)
            return fault;
        at = set.end;
    }
    return (struct fault){.set = NULL};
}

static void session_discard(struct decoder *decoder, struct session *session)
{
    session_publish_removed(decoder, session, decoder->datagram.received_ns);
    decoder_count(decoder, COUNTER_templates_discarded, session_clear(decoder->sessions, session));
}

/*
 * A jump of the sequence number: the exporter began anew, and may have given its template ids to other templates. Where
 * other collectors take some of its datagrams, a jump says nothing of the kind.
 */
static void jump_check(struct decoder *decoder, struct session *session)
{
    uint32_t new = decoder->message.sequence, last = session->sequence;
    session->sequence = new;
    if (session->key.space != KEY_DATAGRAMS) /* who begins anew begins a session */
        return;
    if (!decoder->config->detect_sequence_reset || new - last < SEQUENCE_STEP_MOST || last - new < SEQUENCE_STEP_MOST)
        return;
    if (decoder->profile->gap_discards_templates && !decoder->board) {
        decoder_count(decoder, COUNTER_sequence_jumps, 1);
        session_discard(decoder, session);
    } else if (decoder->profile->misfits_disprove) {
        session_doubt(session);
    }
}

static struct session *session_find(struct decoder *decoder)
{
    const struct session_key *key = &decoder->walk.key;
    struct session *session = decoder->datagram.exporter->session;
    if (!session || !session_is(session, key))
        session = sessions_find(decoder->sessions, key);
    return session || key->space != KEY_DATAGRAMS ? session : session_restore(decoder);
}

/* That of the exporter's port. The mark of its address stays as long as one of the ports is heard of. */
static struct session *session_find_split(struct decoder *decoder, struct session *mark)
{
    struct exporter *exporter = decoder->datagram.exporter;
    mark->marked = false;
    exporter_mark_split(exporter, decoder->datagram.received_ns);
    decoder->walk.key.port = exporter_port(exporter);
    return session_find(decoder);
}

static struct session_key key_of(const struct decoder *decoder)
{
    const struct exporter *exporter = decoder->datagram.exporter;
    struct session_key key = {.domain = decoder->message.domain, .version = (uint8_t)decoder->message.version};
    if (exporter->stream_number) {
        key.address = exporter->endpoint.address;
        key.port = exporter->stream_number;
        key.space = transport_is_reliable(exporter_transport(exporter)) ? KEY_RELIABLE : KEY_UNRELIABLE;
    } else if (!decoder->config->share_templates) {
        key.address = exporter->endpoint.address;
        key.port = decoder->profile->sessions_by_port ? exporter->endpoint.port : 0;
    }
    return key;
}

/* A session is opened by its first template, of the wire or of the journal: until then there is nothing to remember. */
static void session_begin(struct decoder *decoder)
{
    struct walk *walk = &decoder->walk;
    struct exporter *exporter = decoder->datagram.exporter;
    walk->key = key_of(decoder);
    struct session *session = session_find(decoder);
    if (session && session->split)
        session = session_find_split(decoder, session);
    walk->session = session;
    if (decoder->board && walk->key.space == KEY_DATAGRAMS)
        session_consult(decoder);
    session = walk->session;
    if (!session)
        return;
    exporter->session = session;
    if (!session->opener)
        session_adopt(session, exporter);
    session->marked = false;
    jump_check(decoder, session);
}

/* The part of the header that v9 (RFC 3954 5.1) and IPFIX (RFC 7011 3.1) have in common, and what follows from it. */
static void message_begin(struct decoder *decoder, const uint8_t *bytes, const struct dialect *dialect)
{
    struct message *message = &decoder->message;
    struct walk *walk = &decoder->walk;
    const uint8_t *tail = bytes + dialect->header_bytes - 12; /* seconds, sequence, domain */
    message->export_ns = read_be32(tail) * NS_PER_S;
    message->sequence = read_be32(tail + 4);
    message->domain = read_be32(tail + 8);
    message->sampling = 0;
    decoder_watch_clock(decoder);
    message->engine_type = message->engine_id = message->aggregation = message->aggregation_version = 0;
    walk->dialect = dialect;
    walk->next = bytes + dialect->header_bytes;
    session_begin(decoder);
    if (decoder->profile->bad_set_drops_datagram)
        walk->fault = message_judge(decoder);
}

void v9_begin(struct decoder *decoder)
{
    const uint8_t *payload = decoder->datagram.payload;
    decoder->message.version = V9_VERSION;
    decoder->message.uptime_ms = read_be32(payload + 4);
    decoder->walk.end = payload + decoder->datagram.size_bytes;
    decoder->walk.sets_left = decoder->profile->v9_count_is_sets ? read_be16(payload + 2) : UINT32_MAX;
    message_begin(decoder, payload, &dialect_v9);
}

/* The length of the message there, 0 when it is impossible. */
static uint32_t ipfix_length(const uint8_t *at, const uint8_t *end)
{
    uint32_t length = read_be16(at + 2);
    return length >= dialect_ipfix.header_bytes && (ptrdiff_t)length <= end - at ? length : 0;
}

static void ipfix_message_begin(struct decoder *decoder, const uint8_t *at, uint32_t length)
{
    decoder->message.version = IPFIX_VERSION;
    decoder->message.uptime_ms = 0;
    decoder->walk.end = at + length;
    decoder->walk.sets_left = UINT32_MAX;
    message_begin(decoder, at, &dialect_ipfix);
}

void ipfix_begin(struct decoder *decoder)
{
    const uint8_t *payload = decoder->datagram.payload;
    uint32_t length = ipfix_length(payload, payload + decoder->datagram.size_bytes);
    if (length)
        ipfix_message_begin(decoder, payload, length);
    else
        decoder_settle(decoder, COUNTER_datagrams_bad_length);
}

/* Begins the message behind the one at hand, if there is one; anything else there is ignored. */
static bool ipfix_follow(struct decoder *decoder)
{
    const uint8_t *at = decoder->walk.end, *end = decoder->datagram.payload + decoder->datagram.size_bytes;
    if (decoder->profile->one_message_a_datagram || end - at < dialect_ipfix.header_bytes ||
        read_be16(at) != IPFIX_VERSION)
        return false;
    uint32_t length = ipfix_length(at, end);
    if (!length)
        return false;
    decoder->message.serial = ++decoder->serial_last;
    decoder->walk.counts = (struct sequence_counts){0};
    ipfix_message_begin(decoder, at, length);
    return true;
}

/* Bytes that may hold records, but nobody knows how many. */
static void unread_note(struct walk *walk, const uint8_t *start, const uint8_t *end)
{
    walk->counts.unread += (uint16_t)(end - start);
}

static void template_disprove(struct decoder *decoder, struct template *template)
{
    struct session *session = decoder->walk.session;
    template_date(decoder, template); /* from now on it is wrong, whoever announced it */
    template_publish_removed(decoder, session, template, decoder->datagram.received_ns);
    session_drop(decoder->sessions, session, template);
    decoder_count(decoder, COUNTER_templates_disproved, 1);
}

/* A template that there is reason to doubt is believed when data fits it, and thrown away when it does not. */
static bool template_fits(struct decoder *decoder, struct template *template, const struct set *set)
{
    bool any;
    if (!records_fit(decoder, template->plan, set, &any)) {
        template_disprove(decoder, template);
        return false;
    }
    if (any)
        template->trust = decoder->walk.session->trust;
    return true;
}

struct template *template_of(struct decoder *decoder, const struct set *set)
{
    struct session *session = decoder->walk.session;
    struct template *template = session ? session_template(session, set->id) : NULL;
    if (!template || !template_is_for_port(decoder, template, set) ||
        (template->trust != session->trust && !template_fits(decoder, template, set)))
        return NULL;
    return template;
}

bool data_decode(struct decoder *decoder, const struct set *set)
{
    struct walk *walk = &decoder->walk;
    struct template *known = template_of(decoder, set);
    if (!known) {
        unread_note(walk, set->body, set->end);
        if (!data_park(decoder, set))
            decoder_count(decoder, COUNTER_sets_without_template, 1);
        return false;
    }
    known->marked = false;
    if (known->stale)
        template_rename(decoder, known);
    if (walk->fault.set) {
        unread_note(walk, set->body, set->end);
        decoder_count(decoder, COUNTER_sets_of_dropped_datagrams, 1);
        return false;
    }
    if (plan_is_empty(known->plan)) {
        unread_note(walk, set->body, set->end);
        decoder_count(decoder, COUNTER_sets_empty_template, 1);
        return false;
    }
    decoder_count(decoder, COUNTER_sets_data, 1);
    known->uses++;
    known->used_s = decoder_now_s(decoder);
    records_begin(decoder, known->plan, set);
    return walk->records_left > 0;
}

/* True when the set has records to hand out. */
static bool set_begin(struct decoder *decoder, const struct set *set)
{
    if (set->id >= DATA_SET_LEAST)
        return data_decode(decoder, set);
    if (is_template_set(decoder->walk.dialect, set->id))
        templates_learn(decoder, set);
    else
        decoder_count(decoder, COUNTER_sets_reserved_id, 1);
    return false;
}

/* Goes on to the next data set of the message; false at its end, or at the set that ends the whole datagram. */
static bool sets_advance(struct decoder *decoder)
{
    struct walk *walk = &decoder->walk;
    for (;;) {
        struct set set;
        if ((decoder->released.count || decoder->released.at_hand) && parked_begin(decoder))
            return true;
        if (!walk->sets_left)
            return false;
        enum set_verdict verdict = set_read(walk->next, walk->end, &set);
        if (verdict == SET_END)
            return false;
        decoder_count(decoder, COUNTER_sets_received, 1);
        if (walk->next == walk->fault.set) {
            unread_note(walk, walk->next, walk->end);
            return false;
        }
        walk->sets_left--;
        walk->next = set.end;
        if (verdict == SET_PADDING || verdict == SET_TOO_LONG) {
            if (verdict == SET_TOO_LONG)
                unread_note(walk, set.start, walk->end);
            decoder_count(decoder, verdict == SET_PADDING ? COUNTER_sets_padding : COUNTER_sets_too_long, 1);
            return false;
        }
        if (verdict == SET_TOO_SHORT)
            decoder_count(decoder, COUNTER_sets_too_short, 1);
        else if (set_begin(decoder, &set))
            return true;
    }
}

bool message_advance(struct decoder *decoder)
{
    struct walk *walk = &decoder->walk;
    do {
        if (sets_advance(decoder))
            return true;
        decoder_follow(decoder, decoder->message.domain);
        if (walk->fault.set) {
            decoder_count(decoder, walk->fault.set_counter, 1);
            decoder_settle(decoder, walk->fault.datagram_counter);
            return false;
        }
    } while (walk->dialect == &dialect_ipfix && ipfix_follow(decoder));
    decoder_settle(decoder, COUNTER_datagrams_decoded);
    return false;
}
