/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/plan.h"

/*
 * A sampling rate: of `population` packets `size` were seen, so counters stand for population / size times as much.
 * Of one exporter, one interface, one sampler or one record, as whoever says it means it.
 */
struct rate {
    uint32_t population; /* 0: not known */
    uint32_t size;
};

#define RATE_FIELDS    2
#define RATE_WAYS_MOST 6

/*
 * How the fields of a plan say a rate: the ways of RFC 7270, RFC 5477 and NetFlow v9 that it has fields for. Exporters
 * have one template for all their samplers and fill in what fits, so which way it is shows only in the record.
 */
struct rate_use {
    struct rate_way_use {
        uint16_t fields[RATE_FIELDS]; /* of the plan; UINT16_MAX: the way needs no second one */
        uint8_t way;                  /* enum rate_way */
    } ways[RATE_WAYS_MOST];
    uint8_t count;
};

/* Does a record of these fields say a rate? Then use says how. */
bool rate_use_find(const struct field *fields, uint32_t count, struct rate_use *use);

struct record;

/* The rate that the record says, in its lowest terms: by the first way whose values are there and possible. */
bool rate_read(const struct rate_use *use, const struct record *record, struct rate *rate);

/* A rate of so many to one, in its lowest terms; false where it is none. */
bool rate_make(uint64_t population, uint64_t size, struct rate *rate);

/* The count, extrapolated, rounded to the nearest; UINT64_MAX where that is more. */
static inline uint64_t rate_scale(const struct rate *rate, uint64_t count)
{
    unsigned __int128 scaled = ((unsigned __int128)count * rate->population + rate->size / 2) / rate->size;
    return scaled > UINT64_MAX ? UINT64_MAX : (uint64_t)scaled;
}
