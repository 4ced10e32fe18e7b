/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/counter.h"
#include "base/heap.h"
#include "config/config.h"
#include "decode/element.h"
#include "decode/profile.h"
#include "decode/record.h"
#include "enrich/networks.h"
#include "export/batch.h"

/*
 * One worker's encoder: an encode program for each plan, compiled when the plan's first record comes, and the header
 * strips of the message at hand. It never calls malloc after encoder_new().
 */
struct encoder;

struct encoder_setup {
    const struct config *config;
    const struct profile *profile;
    const struct elements *elements;
    const struct networks *networks;
    struct counters *counters;   /* this worker's */
    struct heap *heap;           /* this worker's: programs come from it */
    uint32_t plans_most;         /* decoder_plans_most() */
};

struct encoder *encoder_new(const struct encoder_setup *setup);
void encoder_free(struct encoder *encoder);

/*
 * Appends the documents of the chunk's records from record `first` on. Returns how many records it is done with: fewer
 * than are left when the batch is full; the caller seals it and calls again with another. Records whose document could
 * exceed an empty batch are dropped and counted, as are those of a plan for which there is no memory for a program.
 */
uint32_t encoder_chunk(struct encoder *encoder, const struct chunk *chunk, uint32_t first, struct batch *batch);
