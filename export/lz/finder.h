/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Finds what repeats in lines that are made alike, as weir's documents are: each is mostly the text of the one before
 * it, with other values in between. So there is little to search for. Two cursors go over the line at hand and the one
 * before, at the same place of both; where they differ a value has begun, and behind its end (a quote, comma or bracket
 * of JSON) they go on side by side. Where they do not (a member is missing, a list is longer), a table of such ends
 * tells where the same text came last. Of any other input less is found, and nothing breaks.
 *
 * What is found are LZ77 sequences, of which LZ4 (export/lz/lz4_block.h) and deflate (export/lz/deflate.h) consist.
 */
struct sequence {
    uint32_t literals; /* bytes that stand for themselves */
    uint16_t match;    /* bytes that come next, copied from `distance` before; 0 = none: the input ends */
    uint16_t distance;
};

#define SEQUENCE_MATCH_LEAST 4
#define FINDER_LIMIT_BYTES   64    /* no match reaches into the last ones of an input: LZ4 wants 12 without */
#define FINDER_SEQUENCES     2048  /* of one call: what 64 KiB of documents need, and more */
#define FINDER_PLACES        2048  /* of the table of places: a document has some forty, and there are several kinds */
#define FINDER_VALUES        512   /* of the table of values, which are looked for in the same line */

struct finder {
    uint32_t places[FINDER_PLACES]; /* by the 8 bytes there: where they came last */
    uint32_t values[FINDER_VALUES]; /* by the 4 bytes there */
    uint32_t base;                  /* in the tables, of the first byte of the input; below it are older inputs */
    uint32_t next_base;
    uint32_t distance_most;
    const uint8_t *begin, *end;     /* of the input, and of what is before it */
    const uint8_t *at;              /* where the search stands */
    const uint8_t *like;            /* the same place in the text before; NULL = not known */
    const uint8_t *literals;        /* since the last match */
    bool over;                      /* the last sequence was given */
    struct sequence sequences[FINDER_SEQUENCES];
};

/* distance_most: at most 65,535. One thread. */
void finder_init(struct finder *finder, uint32_t distance_most);

/* A new input, which knows nothing of those before; it stays where it is until finder_run() has come to its end.
   At most 2 GiB. before: matches may reach into so many bytes right before it, which are some lines. */
void finder_begin(struct finder *finder, const uint8_t *bytes, size_t size_bytes, size_t before);

/* The next sequences, in finder->sequences; returns how many. At the input's end the last one has no match (and perhaps
   no literals either), and the next call returns 0. */
uint32_t finder_run(struct finder *finder);

/* The same of two finders with an input each, in a quarter less time: while the processor waits for one it goes on with
   the other. */
void finder_run_two(struct finder *one, struct finder *other, uint32_t *count, uint32_t *other_count);
