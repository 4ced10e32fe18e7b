/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/sequence.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "decode/exporter.h"
#include "decode/plan.h"

#define ALL_UNITS ((1U << SEQUENCE_UNITS) - 1)

/*
 * Trust goes up with each step that fits and down with each that does not. At zero the numbering is followed no longer
 * until TRUST_REGAINED is reached: several steps in a row that fit one unit. A gap weighs a quarter of a fit, so a
 * sequence is believed in as long as more than one datagram in five comes right after the one before it.
 */
#define TRUST_BEGIN    8
#define TRUST_FIT      4
#define TRUST_MOST     64
#define TRUST_REGAINED 24
#define DOUBT_GAP      1
#define DOUBT_MISFIT   8 /* overlap or restart: hardly ever by the network's fault */

/* A gap is believed in when the exporter could have sent that much meanwhile: so many times its rate, and a start. */
#define PLAUSIBLE_UNITS 10000
#define PLAUSIBLE_RATES 10

/* No datagram is so late: what says that it was sent so much before the newest is an exporter that started anew. */
#define LATE_MOST_MS 60000

#define RATE_LEAST_NS (10 * NS_PER_MS)

enum sequence_state {
    STATE_FRESH,      /* no step has fit yet: gaps are noted, and counted once one has */
    STATE_TRUSTED,
    STATE_DISTRUSTED, /* nothing is claimed */
};

static_assert(SEQUENCE_UNITS <= 8, "possible has a bit for each");

/* --- counting --- */

static void count(const struct sequence_books *books, enum counter counter, uint64_t amount)
{
    counter_add(books->counters, counter, amount);
    counter_bump(&books->exporter->counters.value[counter], amount);
}

void sequence_count(const struct sequence_books *books, enum sequence_event event)
{
    static const uint16_t rows[2][SEQUENCE_EVENTS] = {
        {COUNTER_datagrams_late, COUNTER_datagrams_duplicate, COUNTER_datagrams_stray, COUNTER_datagrams_unfollowed,
         COUNTER_sequence_resets, COUNTER_sequences_distrusted},
        {COUNTER_samples_late, COUNTER_samples_duplicate, COUNTER_samples_stray, COUNTER_samples_unfollowed,
         COUNTER_sample_resets, COUNTER_samples_distrusted},
    };
    count(books, rows[books->samples][event], 1);
}

static void missing_count(const struct numbering *numbering, const struct sequence_books *books, uint32_t units)
{
    if (numbering->state != STATE_TRUSTED)
        return;
    if (books->samples)
        count(books, COUNTER_samples_missing, units);
    else if (numbering->unit == SEQUENCE_DATAGRAMS)
        count(books, COUNTER_datagrams_missing, units);
    else
        count(books, COUNTER_records_missing, units);
}

/* --- units --- */

static bool unit_has_own(uint32_t unit)
{
    return unit == SEQUENCE_RECORDS_WITH_OWN || unit == SEQUENCE_FLOWS_WITH_OWN;
}

/* By how much a message moves the numbering on. */
static uint32_t unit_length(uint32_t unit, const struct sequence_counts *counts)
{
    if (unit == SEQUENCE_DATAGRAMS)
        return 1;
    uint32_t length = counts->records;
    if (unit == SEQUENCE_FLOWS || unit == SEQUENCE_FLOWS_WITH_OWN)
        length -= counts->options;
    return unit == SEQUENCE_RECORDS_TEMPLATES ? length + counts->templates : length;
}

/* How many further units it may have held. */
static uint32_t unit_slack(uint32_t unit, const struct sequence_counts *counts)
{
    return unit == SEQUENCE_DATAGRAMS ? 0 : counts->unread;
}

static struct sequence_range unit_range(uint32_t unit, const struct sequence_mark *mark)
{
    uint32_t length = unit_length(unit, &mark->counts);
    if (unit_has_own(unit))
        return (struct sequence_range){mark->number - length, mark->number};
    return (struct sequence_range){mark->number, mark->number + length};
}

struct sequence_fits sequence_mark_fits(const struct sequence_mark *from, const struct sequence_mark *to)
{
    uint32_t step = to->number - from->number;
    struct sequence_fits fits = {0};
    for (uint32_t unit = 0; unit < SEQUENCE_UNITS; unit++) {
        const struct sequence_counts *counts = unit_has_own(unit) ? &to->counts : &from->counts;
        uint32_t rest = step - unit_length(unit, counts), slack = unit_slack(unit, counts);
        fits.surely |= (uint8_t)((rest == 0 && slack == 0) << unit);
        fits.perhaps |= (uint8_t)((rest <= slack) << unit);
    }
    return fits;
}

static uint32_t unit_of_version(uint16_t version)
{
    return version == 9 || version == VERSION_SFLOW ? SEQUENCE_DATAGRAMS : SEQUENCE_RECORDS;
}

/* Do the units agree on messages without options records and templates? */
static bool units_agree(uint32_t units)
{
    return !(units & ~(1U << SEQUENCE_RECORDS | 1U << SEQUENCE_FLOWS | 1U << SEQUENCE_RECORDS_TEMPLATES)) ||
           !(units & ~(1U << SEQUENCE_RECORDS_WITH_OWN | 1U << SEQUENCE_FLOWS_WITH_OWN)) ||
           units == 1U << SEQUENCE_DATAGRAMS;
}

/* --- gaps --- */

static void gap_remove(struct numbering *numbering, uint32_t place, const struct sequence_books *books)
{
    numbering->gap_count--;
    for (uint32_t i = place; i < numbering->gap_count; i++)
        numbering->gaps[i] = numbering->gaps[i + 1];
    books->exporter->gaps_open--;
}

static void gap_close_oldest(struct numbering *numbering, const struct sequence_books *books)
{
    struct sequence_range gap = numbering->gaps[0];
    missing_count(numbering, books, gap.end - gap.start);
    numbering->floor = gap.end;
    numbering->floor_moved = true;
    gap_remove(numbering, 0, books);
}

static void gap_open(struct numbering *numbering, struct sequence_range gap, const struct sequence_books *books,
                     int64_t now_ns)
{
    if (numbering->gap_count == SEQUENCE_GAPS)
        gap_close_oldest(numbering, books);
    numbering->gaps[numbering->gap_count++] = gap;
    numbering->gap_ns = now_ns;
    books->exporter->gaps_open++;
}

static void gaps_drop(struct numbering *numbering, const struct sequence_books *books)
{
    books->exporter->gaps_open -= numbering->gap_count;
    numbering->gap_count = 0;
}

void numbering_close_gaps(struct numbering *numbering, const struct sequence_books *books)
{
    while (numbering->gap_count)
        gap_close_oldest(numbering, books);
}

/* Takes the middle out of a gap. Where there is no room for another gap, the oldest is waited for no longer. */
static void gap_split(struct numbering *numbering, uint32_t place, struct sequence_range middle,
                      const struct sequence_books *books)
{
    if (numbering->gap_count == SEQUENCE_GAPS && place == 0) {
        missing_count(numbering, books, middle.start - numbering->gaps[0].start);
        numbering->floor = middle.start;
        numbering->floor_moved = true;
        numbering->gaps[0].start = middle.end;
        return;
    }
    if (numbering->gap_count == SEQUENCE_GAPS) {
        gap_close_oldest(numbering, books);
        place--;
    }
    for (uint32_t i = numbering->gap_count; i > place; i--)
        numbering->gaps[i] = numbering->gaps[i - 1];
    numbering->gaps[place].end = middle.start;
    numbering->gaps[place + 1].start = middle.end;
    numbering->gap_count++;
    books->exporter->gaps_open++;
}

/* True when the range, which is not empty, lay wholly in a gap. */
static bool gap_fill(struct numbering *numbering, struct sequence_range range, const struct sequence_books *books)
{
    uint32_t length = range.end - range.start;
    for (uint32_t i = numbering->gap_count; i-- > 0;) {
        struct sequence_range *gap = &numbering->gaps[i];
        uint32_t offset = range.start - gap->start, room = gap->end - gap->start;
        if (offset >= room || length > room - offset)
            continue;
        if (length == room)
            gap_remove(numbering, i, books);
        else if (offset == 0)
            gap->start = range.end;
        else if (offset + length == room)
            gap->end = range.start;
        else
            gap_split(numbering, i, range, books);
        return true;
    }
    return false;
}

/* --- trust --- */

static void doubt(struct numbering *numbering, uint32_t weight, const struct sequence_books *books)
{
    numbering->trust -= numbering->trust < weight ? numbering->trust : weight;
    if (numbering->trust)
        return;
    gaps_drop(numbering, books);
    numbering->state = STATE_DISTRUSTED;
    numbering->possible = ALL_UNITS;
    sequence_count(books, SEQUENCE_DISTRUSTED);
}

static void believe(struct numbering *numbering)
{
    numbering->state = STATE_TRUSTED;
    numbering->trust = numbering->trust + TRUST_FIT < TRUST_MOST ? numbering->trust + TRUST_FIT : TRUST_MOST;
}

/* --- steps --- */

/* The message is the newest one now, and the numbering goes on at next. */
static void advance(struct numbering *numbering, const struct sequence_message *message, struct sequence_range range)
{
    numbering->covered += range.end - range.start;
    numbering->next = range.end;
    numbering->newest = message->mark;
    numbering->uptime_ms = message->uptime_ms;
    numbering->export_ns = message->export_ns;
    numbering->seen_ns = message->received_ns;
}

/* From here on nothing is known of what came before. */
static void begin_at(struct numbering *numbering, const struct sequence_message *message)
{
    struct sequence_range range = unit_range(numbering->unit, &message->mark);
    numbering->floor = range.start;
    numbering->floor_moved = false;
    numbering->repeated = false;
    advance(numbering, message, range);
}

static void begin(struct numbering *numbering, const struct sequence_message *message)
{
    numbering->domain = message->domain;
    numbering->version = message->version;
    numbering->unit = (uint8_t)unit_of_version(message->version);
    numbering->possible = ALL_UNITS;
    numbering->state = STATE_FRESH;
    numbering->trust = TRUST_BEGIN;
    numbering->covered = 0;
    numbering->began_ns = message->received_ns;
    numbering->suspicious = numbering->calm = false;
    begin_at(numbering, message);
}

void numbering_skip(struct numbering *numbering, const struct sequence_message *message)
{
    begin_at(numbering, message);
}

void numbering_begin(struct numbering *numbering, const struct sequence_message *message,
                     const struct sequence_books *books)
{
    gaps_drop(numbering, books);
    begin(numbering, message);
}

bool numbering_is_distrusted(const struct numbering *numbering)
{
    return numbering->state == STATE_DISTRUSTED;
}

static void restart(struct numbering *numbering, const struct sequence_message *message,
                    const struct sequence_books *books)
{
    sequence_count(books, SEQUENCE_RESET);
    numbering_close_gaps(numbering, books);
    begin_at(numbering, message);
    doubt(numbering, DOUBT_MISFIT, books);
}

/* The exporter that sent this had started after it sent the newest one: its clock went on, or its uptime fell. */
static bool is_of_new_life(const struct numbering *numbering, const struct sequence_message *message)
{
    return message->export_ns > numbering->export_ns ||
           (int32_t)(numbering->uptime_ms - message->uptime_ms) > LATE_MOST_MS;
}

static bool is_plausible(const struct numbering *numbering, const struct sequence_message *message, uint32_t gap)
{
    if (gap <= PLAUSIBLE_UNITS)
        return true;
    int64_t passed_ns = message->received_ns - numbering->seen_ns, lived_ns = numbering->seen_ns - numbering->began_ns;
    if (passed_ns < 0)
        passed_ns = 0;
    if (lived_ns < RATE_LEAST_NS)
        lived_ns = RATE_LEAST_NS;
    return gap <= PLAUSIBLE_UNITS + PLAUSIBLE_RATES * (double)numbering->covered * (double)passed_ns / (double)lived_ns;
}

static void stray(struct numbering *numbering, uint32_t weight, const struct sequence_books *books)
{
    sequence_count(books, SEQUENCE_STRAY);
    doubt(numbering, weight, books);
}

static void suspect(struct numbering *numbering, const struct sequence_message *message)
{
    numbering->suspicious = true;
    numbering->suspect = message->mark;
}

/* A message that begins below next: late, there already, or of a new life. */
static void behind(struct numbering *numbering, const struct sequence_message *message, struct sequence_range range,
                   const struct sequence_books *books)
{
    bool overlaps = (int32_t)(range.end - numbering->next) > 0;
    if (range.start == range.end || gap_fill(numbering, range, books)) {
        sequence_count(books, SEQUENCE_LATE);
    } else if (is_of_new_life(numbering, message)) {
        restart(numbering, message, books);
    } else if (overlaps) {
        advance(numbering, message, range);
        stray(numbering, DOUBT_MISFIT, books);
    } else if (range.end == numbering->floor && !numbering->floor_moved) {
        numbering->floor = range.start; /* it was sent before the first one that came */
        sequence_count(books, SEQUENCE_LATE);
    } else if ((int32_t)(range.start - numbering->floor) >= 0) {
        sequence_count(books, SEQUENCE_DUPLICATE);
        doubt(numbering, DOUBT_GAP, books);
    } else if (message->export_ns == numbering->export_ns) {
        suspect(numbering, message);
    } else {
        stray(numbering, DOUBT_GAP, books);
    }
}

static void ahead(struct numbering *numbering, const struct sequence_message *message, struct sequence_range range,
                  const struct sequence_books *books)
{
    bool own = unit_has_own(numbering->unit);
    uint32_t slack = unit_slack(numbering->unit, own ? &message->mark.counts : &numbering->newest.counts);
    struct sequence_range gap = {numbering->next + slack, range.start};
    if ((int32_t)(numbering->uptime_ms - message->uptime_ms) > LATE_MOST_MS) {
        restart(numbering, message, books);
    } else if (!is_plausible(numbering, message, gap.end - gap.start)) {
        suspect(numbering, message);
    } else {
        gap_open(numbering, gap, books, message->received_ns);
        advance(numbering, message, range);
        doubt(numbering, DOUBT_GAP, books);
    }
}

/* A step by the unit that is followed. What the message before held besides is known by it. */
static void follow(struct numbering *numbering, const struct sequence_message *message, struct sequence_fits fits,
                   const struct sequence_books *books)
{
    struct sequence_range range = unit_range(numbering->unit, &message->mark);
    uint32_t unread = range.start - numbering->next;
    if (unread)
        count(books, COUNTER_records_without_template, unread);
    numbering->possible &= fits.perhaps;
    advance(numbering, message, range);
    if (fits.surely >> numbering->unit & 1)
        believe(numbering);
}

/* The exporter counts something else than was thought: what was missing by the wrong unit is not. */
static void unit_change(struct numbering *numbering, const struct sequence_message *message, uint32_t fits,
                        const struct sequence_books *books)
{
    gaps_drop(numbering, books);
    numbering->unit = (uint8_t)__builtin_ctz(fits);
    numbering->possible = (uint8_t)fits;
    begin_at(numbering, message);
    believe(numbering);
}

/* While nothing is claimed: waits for a row of steps that fit one unit. */
static void relearn(struct numbering *numbering, const struct sequence_message *message,
                    const struct sequence_books *books)
{
    struct sequence_fits fits = sequence_mark_fits(&numbering->newest, &message->mark);
    uint32_t possible = fits.perhaps & numbering->possible, surely = fits.surely & possible;
    sequence_count(books, SEQUENCE_UNFOLLOWED);
    numbering->possible = (uint8_t)(possible ? possible : ALL_UNITS);
    if (surely)
        numbering->trust += TRUST_FIT;
    else if (!possible)
        numbering->trust -= numbering->trust < TRUST_FIT ? numbering->trust : TRUST_FIT;
    if (numbering->trust >= TRUST_REGAINED) {
        uint32_t own = unit_of_version(numbering->version);
        numbering->unit = (uint8_t)(surely >> own & 1 ? own : (uint32_t)__builtin_ctz(surely));
        numbering->state = STATE_TRUSTED;
    }
    begin_at(numbering, message);
}

/* The message before fit nothing. If this one follows it, the numbering began anew there. */
static bool suspect_confirmed(struct numbering *numbering, const struct sequence_message *message,
                              const struct sequence_books *books)
{
    numbering->suspicious = false;
    if (!(sequence_mark_fits(&numbering->suspect, &message->mark).perhaps >> numbering->unit & 1)) {
        stray(numbering, DOUBT_GAP, books);
        return false;
    }
    restart(numbering, message, books);
    numbering->floor = unit_range(numbering->unit, &numbering->suspect).start;
    return true;
}

static void step(struct numbering *numbering, const struct sequence_message *message,
                 const struct sequence_books *books)
{
    if (numbering->suspicious && suspect_confirmed(numbering, message, books))
        return;
    if (numbering->state == STATE_DISTRUSTED) {
        relearn(numbering, message, books);
        return;
    }
    struct sequence_fits fits = sequence_mark_fits(&numbering->newest, &message->mark);
    struct sequence_range range = unit_range(numbering->unit, &message->mark);
    if (fits.perhaps >> numbering->unit & 1) {
        follow(numbering, message, fits, books);
    } else if (fits.surely & numbering->possible) {
        unit_change(numbering, message, fits.surely & numbering->possible, books);
    } else if ((int32_t)(range.start - numbering->next) < 0) {
        behind(numbering, message, range, books);
    } else {
        ahead(numbering, message, range, books);
    }
}

static bool is_plain(const struct sequence_counts *counts)
{
    return !(counts->options | counts->templates | counts->unread);
}

static bool is_same(const struct sequence_counts *one, const struct sequence_counts *other)
{
    return memcmp(one, other, sizeof *one) == 0;
}

/* A step that fits the unit, and tells nothing of the others that is not known. */
static bool tells_nothing(const struct numbering *numbering, const struct sequence_counts *counts)
{
    return numbering->agreed ? is_plain(&numbering->newest.counts) && is_plain(counts)
                            : numbering->repeated && is_same(&numbering->newest.counts, counts);
}

void numbering_observe(struct numbering *numbering, const struct sequence_message *message,
                       const struct sequence_books *books)
{
    const struct sequence_counts *counts = &message->mark.counts;
    if (!numbering->version) {
        begin(numbering, message);
        return;
    }
    struct sequence_range range = unit_range(numbering->unit, &message->mark);
    if (numbering->calm && range.start == numbering->next && tells_nothing(numbering, counts)) {
        advance(numbering, message, range);
        believe(numbering);
        return;
    }
    bool same = range.start == numbering->next && is_same(&numbering->newest.counts, counts) && !counts->unread;
    step(numbering, message, books);
    numbering->calm = numbering->state == STATE_TRUSTED && !numbering->suspicious;
    numbering->agreed = units_agree(numbering->possible);
    numbering->repeated = same;
}
