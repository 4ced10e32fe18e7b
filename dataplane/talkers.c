/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/talkers.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "base/bytes.h"
#include "base/clock.h"

#define SAMPLES_SLICE 128        /* between two calls of talkers_housekeep(), before one stands for twice as many */
#define INTERVAL_MOST (1U << 16) /* records */
#define FIELD_NONE    0xffff

/* What is read of a record. */
enum part {
    PART_SOURCE4,
    PART_SOURCE6,
    PART_DESTINATION4,
    PART_DESTINATION6,
    PART_SOURCE_PORT,
    PART_DESTINATION_PORT,
    PART_PROTOCOL,
    PART_OCTETS,
    PART_PACKETS,
    PART_OCTETS_BACK,
    PART_PACKETS_BACK,
    PART_COUNT
};

/* By role, in order of preference: a plan's first of a part is read. */
static const struct part_row {
    uint8_t role;
    uint8_t part;
    uint8_t type;
} part_rows[] = {
    {ROLE_source_ipv4, PART_SOURCE4, TYPE_IPV4},
    {ROLE_source_ipv6, PART_SOURCE6, TYPE_IPV6},
    {ROLE_destination_ipv4, PART_DESTINATION4, TYPE_IPV4},
    {ROLE_destination_ipv6, PART_DESTINATION6, TYPE_IPV6},
    {ROLE_source_port, PART_SOURCE_PORT, TYPE_UNSIGNED},
    {ROLE_destination_port, PART_DESTINATION_PORT, TYPE_UNSIGNED},
    {ROLE_protocol, PART_PROTOCOL, TYPE_UNSIGNED},
    {ROLE_octets_delta, PART_OCTETS, TYPE_UNSIGNED},
    {ROLE_octets_total, PART_OCTETS, TYPE_UNSIGNED},
    {ROLE_octets_initiator, PART_OCTETS, TYPE_UNSIGNED},
    {ROLE_packets_delta, PART_PACKETS, TYPE_UNSIGNED},
    {ROLE_packets_total, PART_PACKETS, TYPE_UNSIGNED},
    {ROLE_packets_initiator, PART_PACKETS, TYPE_UNSIGNED},
    {ROLE_reverse_octets_delta, PART_OCTETS_BACK, TYPE_UNSIGNED},
    {ROLE_reverse_octets_total, PART_OCTETS_BACK, TYPE_UNSIGNED},
    {ROLE_reverse_octets_responder, PART_OCTETS_BACK, TYPE_UNSIGNED},
    {ROLE_reverse_packets_delta, PART_PACKETS_BACK, TYPE_UNSIGNED},
    {ROLE_reverse_packets_total, PART_PACKETS_BACK, TYPE_UNSIGNED},
    {ROLE_reverse_packets_responder, PART_PACKETS_BACK, TYPE_UNSIGNED},
};

/* Where the parts stand in the records of a plan, by the plan's index. */
struct lens {
    uint64_t serial; /* the plan's; 0: none yet */
    uint16_t fields[PART_COUNT];
};

struct talkers {
    uint32_t skip;     /* records until the next of the sample */
    uint32_t interval; /* records that one stands for, on average */
    uint32_t samples;  /* of the slice */
    uint64_t random;
    uint64_t seed;     /* senders cannot choose a set */
    struct lens *lenses;
    struct talkers_book *book; /* the worker's */

    const struct elements *elements;
    uint64_t epoch;
    _Atomic(struct talkers_book *) mailbox; /* both exchange their own for what is in it */
    struct talkers_book *reader;            /* the other thread's */
};

/* ---- reading a record ---- */

static void lens_make(struct lens *lens, const struct elements *elements, const struct plan *plan)
{
    uint8_t best[PART_COUNT];
    memset(best, 0xff, sizeof best);
    memset(lens->fields, 0xff, sizeof lens->fields); /* FIELD_NONE */
    for (uint16_t i = 0; i < plan->field_count; i++) {
        uint8_t role = plan->fields[i].element ? elements_at(elements, plan->fields[i].element)->role : ROLE_NONE;
        for (uint8_t row = 0; role && row < sizeof part_rows / sizeof part_rows[0]; row++) {
            uint8_t part = part_rows[row].part;
            if (part_rows[row].role != role || part_rows[row].type != plan->fields[i].type || row > best[part])
                continue;
            best[part] = row;
            lens->fields[part] = i;
        }
    }
    lens->serial = plan->serial;
}

/* NULL where the record has none of that many bytes, at most. */
static const uint8_t *part_bytes(const struct lens *lens, const struct record *record, enum part part, uint32_t *length)
{
    uint16_t field = lens->fields[part];
    if (field == FIELD_NONE || record->spans[field].length == SPAN_ABSENT)
        return NULL;
    *length = record->spans[field].length;
    return record->bytes + record->spans[field].offset;
}

static uint64_t part_number(const struct lens *lens, const struct record *record, enum part part)
{
    uint32_t length;
    const uint8_t *bytes = part_bytes(lens, record, part, &length);
    return bytes && length <= sizeof(uint64_t) ? read_be(bytes, length) : 0;
}

static bool is_zero(const uint8_t *bytes, uint32_t length)
{
    static const uint8_t zeroes[16];
    return memcmp(bytes, zeroes, length) == 0;
}

/* Templates may have both kinds of addresses, one of them zero in each record. part: the IPv4 one. */
static bool part_address(const struct lens *lens, const struct record *record, enum part part, struct address *address)
{
    uint32_t length;
    const uint8_t *bytes = part_bytes(lens, record, part, &length);
    bool four = bytes && length == 4;
    if (four && !is_zero(bytes, 4)) {
        *address = address_from_ipv4(bytes);
        return true;
    }
    const uint8_t *six = part_bytes(lens, record, part + 1, &length);
    if (six && length == 16 && !(four && is_zero(six, 16))) {
        *address = address_from_ipv6(six);
        return true;
    }
    if (four)
        *address = address_from_ipv4(bytes);
    return four;
}

/* ---- counting ---- */

/* What a record, or those that it stands for, add. */
struct amount {
    uint64_t counts[TALKER_MEASURES];
    uint64_t records;
};

static void talker_add(struct talker *talker, const struct amount *amount)
{
    for (uint32_t i = 0; i < TALKER_MEASURES; i++)
        talker->counts[i] = talkers_sum(talker->counts[i], amount->counts[i]);
    talker->records += amount->records;
}

static void set_add(struct talker *set, enum talker_measure by, const struct talker_key *key,
                    const struct amount *amount)
{
    struct talker *least = set;
    for (uint32_t i = 0; i < TALKERS_WAYS; i++) {
        if (memcmp(&set[i].key, key, sizeof *key) == 0) {
            talker_add(&set[i], amount);
            return;
        }
        if (set[i].counts[by] < least->counts[by])
            least = &set[i];
    }
    uint64_t inherited = least->counts[by];
    *least = (struct talker){.key = *key, .over = inherited};
    least->counts[by] = inherited;
    talker_add(least, amount);
}

static void key_count(struct talkers *talkers, enum talker_kind kind, const struct talker_key *key,
                      const struct amount *amount)
{
    uint64_t hash = XXH3_64bits_withSeed(key, sizeof *key, talkers->seed);
    uint32_t first = (uint32_t)(hash % TALKERS_SETS) * TALKERS_WAYS;
    for (uint32_t by = 0; by < TALKER_MEASURES; by++)
        if (amount->counts[by])
            set_add(&talkers->book->tables[kind][by][first], by, key, amount);
}

static uint64_t times(uint64_t value, uint32_t factor)
{
    uint64_t product;
    return __builtin_mul_overflow(value, factor, &product) ? UINT64_MAX : product;
}

static struct amount record_amount(const struct lens *lens, const struct record *record, uint32_t weight)
{
    uint64_t octets = talkers_sum(part_number(lens, record, PART_OCTETS), part_number(lens, record, PART_OCTETS_BACK));
    uint64_t packets =
        talkers_sum(part_number(lens, record, PART_PACKETS), part_number(lens, record, PART_PACKETS_BACK));
    return (struct amount){.counts = {times(octets, weight), times(packets, weight)}, .records = weight};
}

static void service_count(struct talkers *talkers, const struct lens *lens, const struct record *record,
                          const struct amount *amount)
{
    uint64_t source = part_number(lens, record, PART_SOURCE_PORT);
    uint64_t destination = part_number(lens, record, PART_DESTINATION_PORT);
    struct talker_key key = {.used = 1, .protocol = (uint8_t)part_number(lens, record, PART_PROTOCOL)};
    if (lens->fields[PART_PROTOCOL] == FIELD_NONE)
        return;
    key.port = (uint16_t)(destination && (destination < source || !source) ? destination : source);
    key_count(talkers, TALKER_SERVICE, &key, amount);
}

static void record_count(struct talkers *talkers, const struct lens *lens, const struct chunk *chunk,
                         const struct record *record)
{
    struct amount amount = record_amount(lens, record, talkers->interval);
    struct talkers_book *book = talkers->book;
    struct talker_key key = {.used = 1};
    for (uint32_t i = 0; i < TALKER_MEASURES; i++)
        book->counts[i] = talkers_sum(book->counts[i], amount.counts[i]);
    book->records += amount.records;
    if (book->interval < talkers->interval)
        book->interval = talkers->interval;
    if (part_address(lens, record, PART_SOURCE4, &key.address))
        key_count(talkers, TALKER_SOURCE, &key, &amount);
    if (part_address(lens, record, PART_DESTINATION4, &key.address))
        key_count(talkers, TALKER_DESTINATION, &key, &amount);
    key.address = chunk->message->exporter->endpoint.address;
    key_count(talkers, TALKER_EXPORTER, &key, &amount);
    service_count(talkers, lens, record, &amount);
}

/* xorshift64: gaps without a pattern that traffic could have, too. 1 to 2 * interval - 1, interval on average. */
static uint32_t gap_next(struct talkers *talkers)
{
    if (talkers->interval == 1)
        return 1;
    talkers->random ^= talkers->random << 13;
    talkers->random ^= talkers->random >> 7;
    talkers->random ^= talkers->random << 17;
    return 1 + (uint32_t)(talkers->random % (2 * talkers->interval - 1));
}

static void sample_taken(struct talkers *talkers)
{
    if (++talkers->samples < SAMPLES_SLICE)
        return;
    talkers->samples = 0;
    if (talkers->interval < INTERVAL_MOST)
        talkers->interval *= 2;
}

void talkers_count(struct talkers *talkers, const struct chunk *chunk)
{
    uint32_t at = talkers->skip;
    if (at >= chunk->count) {
        talkers->skip = at - chunk->count;
        return;
    }
    struct lens *lens = &talkers->lenses[chunk->plan->index];
    if (lens->serial != chunk->plan->serial)
        lens_make(lens, talkers->elements, chunk->plan);
    for (; at < chunk->count; at += gap_next(talkers)) {
        record_count(talkers, lens, chunk, &chunk->records[at]);
        sample_taken(talkers);
    }
    talkers->skip = at - chunk->count;
}

/* ---- epochs ---- */

void talkers_housekeep(struct talkers *talkers, int64_t steady_ns)
{
    uint64_t epoch = (uint64_t)(steady_ns / TALKERS_EPOCH_NS);
    if (talkers->samples < SAMPLES_SLICE / 4 && talkers->interval > 1) {
        talkers->interval /= 2;
        talkers->skip /= 2; /* of the gap at hand what is left; after a rush it were minutes */
    }
    talkers->samples = 0;
    if (epoch == talkers->epoch)
        return;
    if (talkers->book->records) {
        talkers->book->epoch = talkers->epoch;
        /* Acquire and release: either side sees all that the other did to a book before it gave it away. */
        talkers->book = atomic_exchange_explicit(&talkers->mailbox, talkers->book, memory_order_acq_rel);
        memset(talkers->book, 0, sizeof *talkers->book);
    }
    talkers->epoch = epoch;
}

const struct talkers_book *talkers_take(struct talkers *talkers)
{
    talkers->reader->epoch = 0;
    /* pairs with the exchange in talkers_housekeep() */
    talkers->reader = atomic_exchange_explicit(&talkers->mailbox, talkers->reader, memory_order_acq_rel);
    return talkers->reader->epoch ? talkers->reader : NULL;
}

/* ---- making and ending ---- */

/* Its pages are touched here, not in a burst. */
static struct talkers_book *book_new(void)
{
    struct talkers_book *book = malloc(sizeof *book);
    if (book)
        memset(book, 0, sizeof *book);
    return book;
}

struct talkers *talkers_new(const struct elements *elements, uint32_t plans_most)
{
    struct talkers *talkers = calloc(1, sizeof *talkers);
    uint64_t secrets[2] = {0};
    if (!talkers)
        return NULL;
    talkers->elements = elements;
    talkers->interval = 1;
    talkers->epoch = (uint64_t)(clock_steady_ns() / TALKERS_EPOCH_NS);
    talkers->lenses = calloc(plans_most, sizeof *talkers->lenses);
    talkers->book = book_new();
    talkers->reader = book_new();
    struct talkers_book *mailbox = book_new();
    atomic_init(&talkers->mailbox, mailbox);
    if (talkers->lenses && talkers->book && talkers->reader && mailbox &&
        getrandom(secrets, sizeof secrets, 0) == sizeof secrets) {
        talkers->seed = secrets[0];
        talkers->random = secrets[1] | 1; /* never 0 */
        return talkers;
    }
    talkers_free(talkers);
    return NULL;
}

void talkers_free(struct talkers *talkers)
{
    if (!talkers)
        return;
    free(talkers->book);
    free(talkers->reader);
    free(atomic_load_explicit(&talkers->mailbox, memory_order_relaxed));
    free(talkers->lenses);
    free(talkers);
}
