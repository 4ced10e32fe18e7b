/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "decode/datagram.h"
#include "decode/decoder.h"
#include "decode/journal/board.h"
#include "decode/journal/feed.h"
#include "decode/journal/store.h"
#include "decode/park.h"
#include "decode/plans.h"
#include "decode/numberings.h"
#include "decode/session.h"
#include "decode/template_reader.h"

/* The decoder's inside, which the .c files of decode/ share. */

#define V9_FIELD_BYTES 4
#define SET_HEADER_BYTES 4

/* A set that ends the documents of its datagram (bad_set_drops_datagram): where it is, and the names of why. */
struct fault {
    const uint8_t *set; /* NULL: no fault */
    enum counter set_counter;
    enum counter datagram_counter;
};

/* Where the walk through the datagram stands. */
struct walk {
    /* the records at hand, all of one set and one plan */
    const struct plan *plan;
    uint16_t set_id;           /* their template's; of no fixed format */
    uint8_t filler;            /* so many bytes behind the last one may hold anything */
    const uint8_t *record;
    const uint8_t *record_end; /* of the set */
    uint32_t records_left;     /* 0: go on with the next set */
    uint32_t records_taken;    /* of the message */
    uint32_t sets_left;
    const struct dialect *dialect; /* NULL: a fixed format, which is one run of records */
    const uint8_t *next;       /* set */
    const uint8_t *end;        /* of the message */
    struct session *session;   /* of the message; NULL until there is one */
    struct session_key key;
    struct sequence_counts counts; /* of the message so far */
    struct fault fault;
    bool open;                 /* the datagram has no verdict yet */
    bool unparking;            /* there is no datagram: parked sets are looked at */
    bool samples;              /* sFlow: `sets_left` samples from `next` on */
};

#define RELEASED_MOST 64 /* templates of one set; what is beyond waits for the next time that its template comes */

/* Parked sets whose template has come: they are decoded before the next set of the message that brought it. */
struct released {
    uint16_t ids[RELEASED_MOST];
    uint32_t count, done;
    struct parked *at_hand;  /* being decoded, or NULL */
    struct parked *skipped;  /* waits on, and so do those before it; NULL: none */
    uint64_t serial;         /* of its message, when it was parked */
    bool interrupting;       /* message, exporter and so on are the parked ones', and these the message's: */
    struct message message;
    uint32_t records_taken;
    struct sequence_counts counts;
};

/* A round through the parked sets for what other collectors have announced, in slices. */
struct unparking {
    uint32_t version; /* of the board, when the round began */
    uint32_t left;    /* sets to look at in this slice */
    uint64_t number;  /* of the last one; 0: no round is under way */
};

#define REMOVED_MOST 256

/* What the journal is told, and what it could not be told yet for want of room on the way there: publish.c. */
struct publisher {
    struct template_feed *feed;  /* NULL: there is no journal */
    struct template_store *known; /* NULL, or what earlier runs knew */
    uint8_t *record;             /* scratch for the longest template record */
    uint32_t bucket;             /* of the sessions, next one to look for unpublished templates in */
    bool behind;                 /* there may be such templates */
    bool urgent;                 /* the end is near: nothing waits */
    bool again;                  /* there may be some in buckets that were looked at already */
    uint32_t removed_count;
    struct removed {
        struct session_key key;
        struct template_stamp stamp;
        uint16_t id;
    } removed[REMOVED_MOST];     /* oldest first */
};

struct decoder {
    struct datagram datagram;
    struct message message;
    struct walk walk;
    /* constant from here, but for what the pointers lead to */
    const struct config *config;
    const struct profile *profile;
    const struct elements *elements;
    struct exporters *exporters;
    struct counters *counters;
    struct heap *heap;
    struct plans *plans;
    struct sessions *sessions;
    struct numberings *numberings;
    struct span *spans;        /* CHUNK_RECORDS records of fields_most fields */
    struct field *fields;      /* fields_most: the template at hand */
    uint32_t fields_most;
    uint8_t *ids_defined;      /* one a template id, for judging a datagram: see message.c */
    struct plan *fixed_plans[8 + 15]; /* by version, and v8's schemes from FIXED_V8 on */
    /* expiry */
    int64_t sweep_due_ns;      /* 0: not set yet */
    uint32_t sweep_bucket;     /* next one of the sweep that is under way */
    bool sweeping;
    uint32_t clocks_off;       /* exporters whose clock is off */
    uint32_t gaps_slot;        /* next exporter whose open gaps are looked at */
    const struct template_event *told; /* what is learned comes from the journal or the board; NULL: from the wire */
    bool told_by_others;       /* from the board */
    struct template_board *board; /* what other collectors have announced; NULL: there are none */
    uint32_t board_reader;
    struct unparking unparking;
    uint64_t serial_last;      /* of all messages */
    struct skew_rules skew_rules;
    bool facts_kept;
    uint64_t facts_seed;
    uint32_t general_facts;    /* sessions of domain 0 that were given facts: while there are none, nobody looks */
    struct sampling_rules *sampling; /* the configuration's; NULL: none */
    struct field_names *names; /* scratch: those of the template at hand; NULL: nothing is named */
    char *name_texts;
    struct park *park;
    struct released released;
    struct publisher publisher;
    struct sflow *sflow;       /* NULL: not decoded */
    struct sections *sections; /* NULL: not read */
};

#define FIXED_V8 8 /* of fixed_plans: scheme 0, which does not exist */

/* Counts for the worker and for the datagram's exporter. */
static inline void decoder_count(struct decoder *decoder, enum counter counter, uint64_t amount)
{
    counter_add(decoder->counters, counter, amount);
    counter_bump(&decoder->datagram.exporter->counters.value[counter], amount);
}

/* UTC in seconds, as far as 2106, when the datagram at hand came. */
static inline uint32_t decoder_now_s(const struct decoder *decoder)
{
    return (uint32_t)(decoder->datagram.received_ns / NS_PER_S);
}

/* Ends the datagram with its verdict. */
static inline void decoder_settle(struct decoder *decoder, enum counter verdict)
{
    decoder_count(decoder, verdict, 1);
    decoder->walk.open = false;
    decoder->walk.records_left = 0;
}

/* Follows the sequence number of the message at hand, whose walk->counts are complete. domain: of its numbering. */
void decoder_follow(struct decoder *decoder, uint32_t domain);
/* Looks at the export time of the message at hand, and says what its times are to be corrected by. */
void decoder_watch_clock(struct decoder *decoder);
/* The message at hand, with nothing in it, as a step of a numbering to that number. */
struct sequence_message decoder_step(const struct decoder *decoder, uint32_t domain, uint32_t number);

/* --- fixed.c: v1, v5, v6, v7, v8 --- */

/* Makes the built-in plans; false for want of memory. */
bool fixed_init(struct decoder *decoder);
/* Reads the header of a datagram of that version, at least fixed_header_bytes(version) long; begins its records. */
void fixed_begin(struct decoder *decoder, uint8_t version);
uint32_t fixed_header_bytes(uint8_t version);

/* --- sflow.c --- */

/* Makes what sFlow needs, where it is decoded; false for want of memory. */
bool sflow_init(struct decoder *decoder);
void sflow_fini(struct decoder *decoder);
/* Forgets what is known of the exporter's data sources; their gaps are closed. */
void sflow_forget(struct decoder *decoder, struct exporter *exporter);
/* Reads the header of a datagram of at least SFLOW_HEADER_BYTES; begins its samples. */
void sflow_begin(struct decoder *decoder);
#define SFLOW_HEADER_BYTES 24 /* with an IPv4 address and no sub-agent */
/* Hands out the next samples; 0: there are none, and the datagram has its verdict. */
uint32_t sflow_take(struct decoder *decoder, struct chunk *chunk);

/* --- sections.c: packets in flow records --- */

/* Makes what they need, where they are read; false for want of memory. */
bool sections_init(struct decoder *decoder);
void sections_fini(struct decoder *decoder);
/* Gives a new plan the one that its records become, where they have sections; false for want of memory. */
bool sections_attach(struct decoder *decoder, struct plan *plan);
/* Makes the chunk's records, so many, those of the sectioned plan. */
void sections_convert(struct decoder *decoder, struct chunk *chunk, uint32_t count);

/* --- message.c: v9 and IPFIX --- */

void v9_begin(struct decoder *decoder);
void ipfix_begin(struct decoder *decoder);
/* Goes on to the next data set with records; false at the end of the datagram, which then has its verdict. */
bool message_advance(struct decoder *decoder);

struct set {
    const uint8_t *start;
    const uint8_t *body;
    const uint8_t *end;
    uint16_t id;
};

/* Counts the data set, and begins its records. True when it has some. */
bool data_decode(struct decoder *decoder, const struct set *set);

/* What the set is to be read with, or NULL. */
struct template *template_of(struct decoder *decoder, const struct set *set);

/* --- clash.c: devices behind one address --- */

/* Do other ports share the session of the message? */
bool session_is_by_address(const struct decoder *decoder);
/* A port is about to give the template another definition: has it had one before, that another port replaced? */
bool template_goes_back(struct template *template, uint16_t port);
/* May the set of the datagram's exporter be read with the template? */
bool template_is_for_port(struct decoder *decoder, const struct template *template, const struct set *set);
/* Gives each port a session of its own: that of the datagram's exporter becomes the message's. */
void session_split(struct decoder *decoder);
void exporter_mark_split(struct exporter *exporter, int64_t now_ns);

/* --- unpark.c --- */

/* Parks a data set without template. False: it is to be dropped. */
bool data_park(struct decoder *decoder, const struct set *set);
/* The template of that id has come: what waits for it is decoded next, by parked_begin(). */
void parked_release(struct decoder *decoder, uint16_t id);
/* True when a parked set has records to hand out; false: the message goes on. */
bool parked_begin(struct decoder *decoder);
/* Drops what has waited for too long; what waits of an exporter. */
void parked_expire(struct decoder *decoder, int64_t now_ns);
void parked_forget(struct decoder *decoder, const struct exporter *exporter);
/* Drops all that waits. */
void parked_finish(struct decoder *decoder);

/* --- templates.c --- */

/* Learns the templates of a set, and counts the set. */
void templates_learn(struct decoder *decoder, const struct set *set);

/*
 * Learns one template for the session of the message. False when a cap stands against it: then what its id meant before
 * is gone, too.
 */
bool template_learn(struct decoder *decoder, const struct template_view *view);

/* Notes when and whence it was announced: now, by the message at hand, or as the event says that it is learned from. */
void template_date(const struct decoder *decoder, struct template *template);

/* The plan of the fields in decoder->fields, for the session of the message; NULL for want of memory. */
struct plan *plan_of_fields(struct decoder *decoder, uint32_t field_count, uint8_t kind);

/* The session of the message, opened if need be; NULL for want of memory. */
struct session *session_open(struct decoder *decoder);

/* --- naming.c: names of elements that no table has --- */

bool naming_init(struct decoder *decoder);
void naming_fini(struct decoder *decoder);
/* Gives those of decoder->fields their types that the session of the message has names for; returns these names, good
   until others are named. NULL: there are none. */
const struct field_names *fields_name(struct decoder *decoder, uint32_t field_count);
/* Names of the session's elements are new, or gone: its templates are compiled anew when they are used next. */
void session_rename(struct session *session);
/* Compiles the template of the session of the message anew. No records of it are at hand. */
void template_rename(struct decoder *decoder, struct template *template);

/* --- learn.c: what options records say --- */

/* Keeps what the options records of the chunk say; their plan has facts. */
void facts_learn(struct decoder *decoder, const struct chunk *chunk);
/* Takes in a page of facts of the message's session, from the journal or the board. Their record was checked. */
void facts_restore(struct decoder *decoder, const struct template_event *event);
/* What is known of the exporter of the message at hand. */
struct known known_of(struct decoder *decoder);
/* Frees what the decoder has for the exporter from the configuration. */
void rates_forget(struct decoder *decoder, struct exporter *exporter);

/* --- publish.c: the journal is told --- */

/* False for want of memory. */
bool publisher_init(struct decoder *decoder, struct template_feed *feed, struct template_store *known);
void publisher_fini(struct decoder *decoder);

/* A session of a transport that has sessions is nobody's but its own. */
static inline bool session_is_told(const struct decoder *decoder, const struct session *session)
{
    return decoder->publisher.feed && session->key.space == KEY_DATAGRAMS;
}

/* Learned, replaced or renewed at that time (UTC). */
void template_publish(struct decoder *decoder, struct session *session, struct template *template,
                      enum template_change change, int64_t now_ns);
void template_publish_removed(struct decoder *decoder, const struct session *session, const struct template *template,
                              int64_t now_ns);
/* Facts of the session have changed: they are told at once, or soon. */
void facts_publish(struct decoder *decoder, struct session *session, int64_t now_ns);
/* Tells the pages of the session that have changed, unless it has told some just now. False: there is no more room. */
bool session_say_facts(struct decoder *decoder, struct session *session, int64_t now_ns);
/* Those that were told are in use still. */
void session_renew_facts(struct decoder *decoder, struct session *session, int64_t now_ns);
/* The session's facts are about to go. */
void facts_publish_removed(struct decoder *decoder, const struct session *session, int64_t now_ns);
/* The session's templates go by port from here on. */
void session_publish_split(struct decoder *decoder, struct session *session, int64_t now_ns);
/* All of the session's templates are about to go. */
void session_publish_removed(struct decoder *decoder, const struct session *session, int64_t now_ns);
/* A sweep is about to remove the marked ones; the others are in use. */
void session_publish_sweep(struct decoder *decoder, struct session *session, int64_t now_ns);
/* Says a slice of what could not be said when it happened. */
void publisher_catch_up(struct decoder *decoder, int64_t now_ns);

/* --- restore.c --- */

/* Learns the template of an event as if the message at hand had announced it. False when a cap stands against it. */
bool template_restore(struct decoder *decoder, const struct template_event *event);

/* The session of the message with the templates that earlier runs knew of it, or NULL: there are none. */
struct session *session_restore(struct decoder *decoder);

/* --- board.c: what other collectors have announced --- */

/* Takes what the board knows better than the message's session, which is opened where it knows anything at all. */
void session_consult(struct decoder *decoder);
/* True when a parked set whose template other collectors have announced has records to hand out. */
bool board_unpark(struct decoder *decoder);

/* --- records.c --- */

/* Hands out the next records of the set at hand: 0 when what is left of it holds none. */
uint32_t records_take(struct decoder *decoder, struct chunk *chunk);
/* Is what whole records leave of the data set nothing but padding? *any: there are such records. */
bool records_fit(struct decoder *decoder, const struct plan *plan, const struct set *set, bool *any);
/* Begins the records of a data set. */
void records_begin(struct decoder *decoder, const struct plan *plan, const struct set *set);
