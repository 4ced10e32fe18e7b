/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "base/clock.h"
#include "export/encode/derive.h"
#include "export/encode/times.h"

/* A time in milliseconds since 1970, and nanoseconds above them. */
struct instant {
    int64_t ms;
    int64_t ns;
    bool known;
};

struct interval {
    struct instant start, end;
    int64_t duration_ns;
    bool has_duration;
    uint32_t repairs; /* 1 << enum time_repair, or-ed */
};

/*
 * The uptime has 32 bits and wraps after 49.7 days. What is later than the header says is from before a wrap, unless it
 * is but a little later: exporters write a header, and put flows behind it that end afterwards.
 */
#define WRAP_MS       (1LL << 32)
#define AHEAD_MOST_MS (60 * 60 * 1000)

/* A clock that says an earlier time was never set: nothing can be counted from it for years. */
#define CLOCK_SET_MS 946684800000 /* 2000-01-01 */

static void repair_note(struct interval *interval, enum time_repair repair)
{
    interval->repairs |= 1u << repair;
}

/* Elastic's rule: what is later than the uptime is not known. */
static struct instant instant_by_uptime(struct interval *interval, int64_t export_ms, uint64_t uptime, uint64_t at)
{
    (void)interval;
    if (at > uptime)
        return (struct instant){.known = false};
    return (struct instant){.ms = (int64_t)((uint64_t)export_ms - (uptime - at)), .known = true};
}

static struct instant instant_by_wrapping_uptime(struct interval *interval, int64_t export_ms, uint64_t uptime,
                                                 uint64_t at)
{
    uint32_t ago = (uint32_t)uptime - (uint32_t)at, ahead = (uint32_t)at - (uint32_t)uptime;
    if (ahead > 0 && ahead <= AHEAD_MOST_MS) {
        repair_note(interval, REPAIR_AHEAD);
        return (struct instant){.ms = export_ms + ahead, .known = true};
    }
    if ((uint32_t)at > (uint32_t)uptime)
        repair_note(interval, REPAIR_WRAPPED);
    return (struct instant){.ms = export_ms - ago, .known = true};
}

/* The header's uptime; else systemInitTimeMilliseconds where a custom definition makes it a number. */
static bool uptime_find(const struct program *program, const struct record *record, const struct message *message,
                        uint64_t *uptime)
{
    *uptime = message->uptime_ms;
    if (*uptime == 0 && field_is_present(record, program->inputs.init_time) && program->init_is_number)
        *uptime = field_number(record, program->inputs.init_time);
    return *uptime != 0;
}

static void interval_by_uptime(struct interval *interval, const struct program *program, const struct record *record,
                               const struct message *message, bool wraps)
{
    const struct inputs *inputs = &program->inputs;
    struct instant (*read)(struct interval *, int64_t, uint64_t, uint64_t) =
        wraps ? instant_by_wrapping_uptime : instant_by_uptime;
    int64_t export_ms = time_floor_ms(message->export_ns);
    uint64_t uptime;
    if (!uptime_find(program, record, message, &uptime))
        return;
    if (!interval->start.known && field_is_present(record, inputs->start_uptime))
        interval->start = read(interval, export_ms, uptime, field_number(record, inputs->start_uptime));
    if (!interval->end.known && field_is_present(record, inputs->end_uptime))
        interval->end = read(interval, export_ms, uptime, field_number(record, inputs->end_uptime));
}

/* The sum of two times, unless it is beyond what can be mapped. */
static struct instant instant_since(uint64_t from_ms, uint64_t ms)
{
    bool known = from_ms < TIME_TOO_LATE_MS && ms < TIME_TOO_LATE_MS - from_ms;
    return (struct instant){.ms = known ? (int64_t)(from_ms + ms) : 0, .known = known};
}

/* When the exporter began to count its uptime: as the record says, or as options records have said. */
static bool init_time_find(const struct program *program, const struct record *record, const struct known *known,
                           uint64_t *init_ms)
{
    if (field_is_present(record, program->inputs.init_time)) {
        *init_ms = field_number(record, program->inputs.init_time);
        return true;
    }
    const struct fact *fact = program->flags & PROGRAM_EXPLAINED ? known_find(known, FACT_INIT_TIME, 0) : NULL;
    *init_ms = fact ? fact->number : 0;
    return fact;
}

/* As many wraps later as the export time allows. */
static struct instant instant_since_init(struct interval *interval, const struct message *message, uint64_t init_ms,
                                         uint64_t at)
{
    struct instant instant = instant_since(init_ms, at);
    int64_t behind_ms = time_floor_ms(message->export_ns) + AHEAD_MOST_MS - instant.ms;
    if (!instant.known || at >= WRAP_MS || init_ms < CLOCK_SET_MS || behind_ms < WRAP_MS)
        return instant;
    repair_note(interval, REPAIR_WRAPPED);
    instant.ms += behind_ms / WRAP_MS * WRAP_MS;
    return instant;
}

/* IPFIX: flowStartSysUpTime counts from systemInitTimeMilliseconds (IANA registry, 21 and 22). */
static void interval_by_init_time(struct interval *interval, const struct program *program, const struct record *record,
                                  const struct message *message, const struct known *known)
{
    const struct inputs *inputs = &program->inputs;
    uint64_t init_ms;
    if (!init_time_find(program, record, known, &init_ms))
        return;
    if (!interval->start.known && field_is_present(record, inputs->start_uptime))
        interval->start =
            instant_since_init(interval, message, init_ms, field_number(record, inputs->start_uptime));
    if (!interval->end.known && field_is_present(record, inputs->end_uptime))
        interval->end = instant_since_init(interval, message, init_ms, field_number(record, inputs->end_uptime));
}

/* A field that says the time without the help of an uptime. What is beyond any mapping is not known. */
static struct instant instant_of_field(const struct program *program, const struct record *record,
                                       const struct message *message, uint16_t field)
{
    struct instant instant = {.known = false};
    if (!field_is_present(record, field))
        return instant;
    const uint8_t *bytes = record->bytes + record->spans[field].offset;
    int64_t ns = 0;
    switch (field == program->inputs.start_time ? program->start_type : program->end_type) {
    case TYPE_SECONDS:
        instant.ms = (int64_t)read_be32(bytes) * 1000;
        break;
    case TYPE_MILLISECONDS:
        return instant_since(read_be64(bytes), 0);
    case TYPE_NTP:
        instant.ms = ntp_milliseconds(bytes, true, &ns);
        break;
    default: /* flowStartDeltaMicroseconds: before the export time */
        ns = (int64_t)((uint64_t)message->export_ns - field_number(record, field) * 1000);
        instant.ms = time_floor_ms(ns);
        ns -= instant.ms * NS_PER_MS;
    }
    instant.ns = ns;
    instant.known = true;
    return instant;
}

/* Not where it is longer than a signed number of nanoseconds: 292 years. */
static void duration_between(struct interval *interval)
{
    int64_t ms, ns;
    if (!interval->start.known || !interval->end.known ||
        __builtin_sub_overflow(interval->end.ms, interval->start.ms, &ms) ||
        __builtin_mul_overflow(ms, NS_PER_MS, &ns) ||
        __builtin_add_overflow(ns, interval->end.ns - interval->start.ns, &interval->duration_ns))
        return;
    interval->has_duration = true;
}

static struct instant instant_add(const struct instant *instant, int64_t ns)
{
    int64_t sum = instant->ns + ns % NS_PER_MS;
    int64_t carry = sum < 0 ? -1 : sum >= NS_PER_MS;
    return (struct instant){
        .ms = (int64_t)((uint64_t)instant->ms + (uint64_t)(ns / NS_PER_MS + carry)),
        .ns = sum - carry * NS_PER_MS,
        .known = true,
    };
}

static bool is_reversed(const struct interval *interval)
{
    const struct instant *start = &interval->start, *end = &interval->end;
    return start->known && end->known && (end->ms < start->ms || (end->ms == start->ms && end->ns < start->ns));
}

/*
 * An end before its start: exporters mix the two up, or round them apart. Documents have them in their order. More than
 * an hour apart, one of the two is wrong, and the time between says nothing.
 */
static void interval_put_in_order(struct interval *interval)
{
    bool reversed = is_reversed(interval);
    if (reversed) {
        struct instant start = interval->start;
        interval->start = interval->end;
        interval->end = start;
        repair_note(interval, REPAIR_EXCHANGED);
    }
    duration_between(interval);
    if (!reversed || (interval->has_duration && interval->duration_ns <= AHEAD_MOST_MS * NS_PER_MS))
        return;
    interval->has_duration = false;
    repair_note(interval, REPAIR_NO_DURATION);
}

static void duration_of_field(struct interval *interval, const struct record *record, uint16_t field, uint64_t unit_ns)
{
    if (interval->has_duration || !field_is_present(record, field) ||
        __builtin_mul_overflow(field_number(record, field), unit_ns, &interval->duration_ns))
        return;
    interval->has_duration = true;
    if (interval->repairs & 1u << REPAIR_NO_DURATION)
        return; /* which of the two it should be added to, nobody knows */
    if (interval->start.known)
        interval->end = instant_add(&interval->start, interval->duration_ns);
    else if (interval->end.known)
        interval->start = instant_add(&interval->end, -interval->duration_ns);
}

/* By our clock, as far as the exporter's is known. */
static int64_t time_shift(int64_t ms, const struct message *message)
{
    return (int64_t)((uint64_t)ms - (uint64_t)message->shift_ms);
}

static void interval_write(struct derived *derived, const struct interval *interval, const struct message *message,
                           const struct profile *profile)
{
    bool any_year = profile->unmappable_values;
    derived->times_ms[0] = time_shift(interval->start.ms, message);
    derived->times_ms[1] = time_shift(interval->end.ms, message);
    if (interval->start.known && (any_year || !time_is_far(derived->times_ms[0])))
        derived->conditions |= 1ull << WHEN_START;
    if (interval->end.known && (any_year || !time_is_far(derived->times_ms[1])))
        derived->conditions |= 1ull << WHEN_END;
    for (uint32_t left = interval->repairs; left; left &= left - 1)
        derived->repairs[__builtin_ctz(left)]++;
    if (interval->has_duration) {
        struct slot *slot = &derived->slots[SLOT_DURATION];
        slot->size_bytes = (uint64_t)(text_signed(slot->text, interval->duration_ns) - slot->text);
        derived->conditions |= 1ull << WHEN_DURATION;
    }
}

void derive_times(struct derived *derived, const struct program *program, const struct record *record,
                  const struct message *message, const struct derive_context *context)
{
    const struct inputs *inputs = &program->inputs;
    struct interval interval = {0};
    if (context->profile->times_from_uptime_only) {
        interval_by_uptime(&interval, program, record, message, false);
        duration_between(&interval);
        duration_of_field(&interval, record, inputs->duration, NS_PER_MS);
    } else {
        interval.start = instant_of_field(program, record, message, inputs->start_time);
        interval.end = instant_of_field(program, record, message, inputs->end_time);
        if (message->version == 10)
            interval_by_init_time(&interval, program, record, message, context->known);
        else
            interval_by_uptime(&interval, program, record, message, true);
        interval_put_in_order(&interval);
        duration_of_field(&interval, record, inputs->duration, NS_PER_MS);
        duration_of_field(&interval, record, inputs->duration_us, 1000);
    }
    interval_write(derived, &interval, message, context->profile);
}
