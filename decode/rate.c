/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/rate.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "decode/record.h"

enum rate_way {
    RATE_INTERVAL,    /* one of N */
    RATE_AND_SPACE,   /* N, then M that are left out */
    RATE_OF,          /* N of M */
    RATE_PROBABILITY,
};

/* IANA's elements that say a rate; of several in one record the first row counts. */
static const struct way_row {
    uint16_t ids[RATE_FIELDS]; /* 0: one is enough */
    uint8_t way;
} way_rows[] = {
    {{34}, RATE_INTERVAL},       /* samplingInterval: RFC 3954, deprecated by RFC 7270 */
    {{50}, RATE_INTERVAL},       /* samplerRandomInterval */
    {{305, 306}, RATE_AND_SPACE}, /* samplingPacketInterval, samplingPacketSpace: RFC 5477 8.2.2, 8.2.3 */
    {{307, 308}, RATE_AND_SPACE}, /* samplingTimeInterval, samplingTimeSpace */
    {{309, 310}, RATE_OF},       /* samplingSize, samplingPopulation */
    {{311}, RATE_PROBABILITY},   /* samplingProbability */
};

static_assert(sizeof way_rows / sizeof *way_rows <= RATE_WAYS_MOST, "a template may have them all");

static bool field_of(const struct field *fields, uint32_t count, uint16_t id, uint8_t way, uint16_t *at)
{
    uint8_t type = way == RATE_PROBABILITY ? TYPE_FLOAT : TYPE_UNSIGNED;
    for (uint32_t i = count; i-- > 0;)
        if (fields[i].enterprise == 0 && fields[i].id == id && fields[i].type == type) {
            *at = (uint16_t)i;
            return true;
        }
    return false;
}

bool rate_use_find(const struct field *fields, uint32_t count, struct rate_use *use)
{
    use->count = 0;
    for (size_t i = 0; i < sizeof way_rows / sizeof *way_rows; i++) {
        const struct way_row *row = &way_rows[i];
        struct rate_way_use way = {.fields = {UINT16_MAX, UINT16_MAX}, .way = row->way};
        if (field_of(fields, count, row->ids[0], row->way, &way.fields[0]) &&
            (!row->ids[1] || field_of(fields, count, row->ids[1], row->way, &way.fields[1])))
            use->ways[use->count++] = way;
    }
    return use->count > 0;
}

static uint64_t common_divisor(uint64_t one, uint64_t other)
{
    while (other) {
        uint64_t rest = one % other;
        one = other;
        other = rest;
    }
    return one;
}

bool rate_make(uint64_t population, uint64_t size, struct rate *rate)
{
    if (size == 0 || population < size)
        return false;
    uint64_t divisor = common_divisor(population, size);
    population /= divisor;
    size /= divisor;
    if (population > UINT32_MAX)
        return false;
    *rate = (struct rate){.population = (uint32_t)population, .size = (uint32_t)size};
    return true;
}

/* Probabilities are mostly one to a whole number, which a float cannot hold exactly. */
static bool probability_make(double probability, struct rate *rate)
{
    const double parts = 1e9, near = 1e-6;
    if (!(probability >= 1 / (double)UINT32_MAX && probability <= 1))
        return false;
    double inverse = 1 / probability, whole = nearbyint(inverse);
    if (fabs(inverse - whole) <= near * inverse)
        return rate_make((uint64_t)whole, 1, rate);
    return rate_make((uint64_t)parts, (uint64_t)nearbyint(probability * parts), rate);
}

static double read_float(const uint8_t *bytes, uint32_t length)
{
    union {
        uint64_t bits;
        double value;
    } eight;
    union {
        uint32_t bits;
        float value;
    } four;
    if (length == 8) {
        eight.bits = read_be64(bytes);
        return eight.value;
    }
    four.bits = read_be32(bytes);
    return (double)four.value;
}

/* False: a value is missing or impossible. */
static bool way_read(const struct rate_way_use *use, const struct record *record, struct rate *rate)
{
    bool both = use->fields[1] != UINT16_MAX;
    const struct span first = record->spans[use->fields[0]];
    const struct span second = both ? record->spans[use->fields[1]] : (struct span){.length = SPAN_ABSENT};
    if (first.length == SPAN_ABSENT || (both && second.length == SPAN_ABSENT))
        return false;
    const uint8_t *bytes = record->bytes + first.offset;
    if (use->way == RATE_PROBABILITY)
        return probability_make(read_float(bytes, first.length), rate);
    uint64_t one = read_be(bytes, first.length);
    uint64_t other = both ? read_be(record->bytes + second.offset, second.length) : 0;
    if (one > UINT32_MAX || other > UINT32_MAX)
        return false;
    switch (use->way) {
    case RATE_AND_SPACE:
        return rate_make(one + other, one, rate);
    case RATE_OF:
        return rate_make(other, one, rate);
    default:
        return rate_make(one, 1, rate);
    }
}

bool rate_read(const struct rate_use *use, const struct record *record, struct rate *rate)
{
    for (uint32_t i = 0; i < use->count; i++)
        if (way_read(&use->ways[i], record, rate))
            return true;
    return false;
}
