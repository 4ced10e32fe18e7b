/* SPDX-License-Identifier: Apache-2.0 */
#include "export/lz/finder.h"

#include <assert.h>
#include <string.h>

#include "export/lz/vector.h"

#define PLACE_BITS  11
#define VALUE_BITS  9
#define VALUE_MOST  32768 /* a longer one is no value */
#define VALUE_LEAST 12    /* shorter ones would make it slower by a fifth for 2 % fewer bytes */

static_assert(FINDER_PLACES == 1 << PLACE_BITS && FINDER_VALUES == 1 << VALUE_BITS, "hashes have as many bits");

/* Where the search stands; in registers while it runs. Loads of 32 bytes are allowed at `at` while it is below `limit`,
   and at `like`, which is always before it. */
struct search {
    struct finder *finder;
    const uint8_t *at, *like, *literals, *limit;
    struct sequence *out, *out_end;
};

static inline uint32_t load_32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static inline uint64_t load_64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* Odd multipliers near 2^32 and 2^64 divided by the golden ratio spread texts that differ little. */
static inline uint32_t place_hash(uint64_t bytes)
{
    return (uint32_t)(bytes * 0x9e3779b185ebca87u >> (64 - PLACE_BITS));
}

static inline uint32_t value_hash(uint32_t bytes)
{
    return bytes * 2654435761u >> (32 - VALUE_BITS);
}

void finder_init(struct finder *finder, uint32_t distance_most)
{
    assert(distance_most <= UINT16_MAX);
    memset(finder, 0, offsetof(struct finder, sequences));
    finder->distance_most = distance_most;
    finder->next_base = 1; /* zeroed tables are older than any input */
}

static inline uint32_t number_of(const struct search *search, const uint8_t *place)
{
    return search->finder->base + (uint32_t)(place - search->finder->begin);
}

/* The place before this one that a table had under a number; NULL when it is of an older input or too far away. */
static inline const uint8_t *place_of(const struct search *search, uint32_t number)
{
    const struct finder *finder = search->finder;
    bool usable = number >= finder->base && number_of(search, search->at) - number <= finder->distance_most;
    return usable ? finder->begin + (number - finder->base) : NULL;
}

/* How many bytes are the same at two places, up to the limit and 31 more at most. */
static inline size_t same_bytes(const uint8_t *like, const uint8_t *at, const uint8_t *limit)
{
    size_t same = 0;
    uint32_t differ;
    while (!(differ = differ_32(like + same, at + same))) {
        same += 32;
        if (at + same >= limit)
            return same;
    }
    return same + (size_t)__builtin_ctz(differ);
}

static inline void match_put(struct search *search, const uint8_t *from, size_t match)
{
    *search->out++ = (struct sequence){.literals = (uint32_t)(search->at - search->literals),
                                       .match = (uint16_t)match,
                                       .distance = (uint16_t)(search->at - from)};
    search->at += match;
    search->literals = search->at;
}

/* Copies what is the same behind the two cursors: 8 bytes at least, which is known. */
static inline void match_alike(struct search *search)
{
    const uint8_t *most = search->at + UINT16_MAX - 64;
    size_t match = same_bytes(search->like, search->at, most < search->limit ? most : search->limit);
    const uint8_t *from = search->like;
    search->like += match;
    match_put(search, from, match);
}

/* The end of the value at `bytes`, or NULL when there is none before the limit. */
static inline const uint8_t *value_end(const uint8_t *bytes, const uint8_t *limit)
{
    uint32_t ends;
    while (!(ends = ends_32(bytes))) {
        bytes += 32;
        if (__builtin_expect(bytes >= limit, 0))
            return NULL;
    }
    return bytes + __builtin_ctz(ends);
}

/* The rest of a value, up to `end`: documents have addresses, ports and counters more than once. */
static inline void value_pass(struct search *search, const uint8_t *end)
{
    size_t length = (size_t)(end - search->at);
    if (length >= VALUE_LEAST) {
        uint32_t *entry = &search->finder->values[value_hash(load_32(search->at))];
        const uint8_t *before = place_of(search, *entry);
        *entry = number_of(search, search->at);
        size_t same = before ? same_bytes(before, search->at, search->limit < end ? search->limit : end) : 0;
        if (same >= length && length <= VALUE_MOST)
            match_put(search, before, length);
    }
    search->at = end;
}

/* Both cursors pass the values that differ. False when the input ends there. */
static inline bool values_pass(struct search *search)
{
    const uint8_t *end = value_end(search->at, search->limit);
    const uint8_t *like_end = value_end(search->like, search->at);
    if (__builtin_expect(!end, 0))
        return false;
    value_pass(search, end);
    search->like = like_end;
    return search->at < search->limit;
}

/* Whether the cursors are at the same text; if not, the last place that had it is taken. */
static inline void align(struct search *search)
{
    uint64_t text = load_64(search->at);
    const uint8_t *like = search->like, *last;
    uint32_t *entry = &search->finder->places[place_hash(text)], number = *entry;
    *entry = number_of(search, search->at);
    /* A list that grew can bring the one behind up to this one: then the difference is no distance any more. */
    if (like && load_64(like) == text && (size_t)(search->at - like) - 1 < search->finder->distance_most)
        return;
    last = place_of(search, number);
    search->like = last && load_64(last) == text ? last : NULL;
}

/* A text that was not there before: to the next place where a known one may begin, or 32 bytes on. */
static inline bool text_pass(struct search *search)
{
    uint32_t ends = ends_32(search->at + 1);
    search->at += ends ? 1 + __builtin_ctz(ends) : 32;
    return search->at < search->limit;
}

/* Enters the places before the input, as a search over them would have done. */
static void places_learn(struct finder *finder, const uint8_t *bytes)
{
    for (const uint8_t *place = finder->begin; place && place < bytes; place = value_end(place + 1, bytes))
        finder->places[place_hash(load_64(place))] = finder->base + (uint32_t)(place - finder->begin);
}

void finder_begin(struct finder *finder, const uint8_t *bytes, size_t size_bytes, size_t before)
{
    assert(size_bytes + before <= INT32_MAX);
    if (finder->next_base > INT32_MAX)
        finder_init(finder, finder->distance_most);
    finder->base = finder->next_base;
    finder->next_base += (uint32_t)(size_bytes + before);
    finder->begin = bytes - before;
    finder->end = bytes + size_bytes;
    finder->at = finder->literals = bytes;
    finder->like = NULL;
    finder->over = false;
    if (size_bytes > FINDER_LIMIT_BYTES)
        places_learn(finder, bytes);
}

/* A text and the value behind it. False when the search is at its end. */
static inline __attribute__((always_inline)) bool search_step(struct search *search)
{
    align(search);
    if (!search->like)
        return text_pass(search);
    match_alike(search);
    return search->at < search->limit && values_pass(search);
}

static inline bool search_goes_on(const struct search *search)
{
    return search->at < search->limit && search->out < search->out_end;
}

static struct search search_begin(struct finder *finder)
{
    size_t size_bytes = (size_t)(finder->end - finder->at);
    return (struct search){.finder = finder,
                           .at = finder->at,
                           .like = finder->like,
                           .literals = finder->literals,
                           .limit = finder->end - (size_bytes < FINDER_LIMIT_BYTES ? size_bytes : FINDER_LIMIT_BYTES),
                           .out = finder->sequences,
                           .out_end = finder->sequences + FINDER_SEQUENCES - 2}; /* two of a step, and the last one */
}

/* Up to the end, or as far as there is room; returns the number of sequences. */
static uint32_t search_finish(struct search *search)
{
    struct finder *finder = search->finder;
    while (search_goes_on(search) && search_step(search))
        ;
    finder->over = search->out < search->out_end || search->at >= search->limit;
    if (finder->over)
        *search->out++ = (struct sequence){.literals = (uint32_t)(finder->end - search->literals)};
    finder->at = search->at;
    finder->like = search->like;
    finder->literals = search->literals;
    return (uint32_t)(search->out - finder->sequences);
}

uint32_t finder_run(struct finder *finder)
{
    if (finder->over)
        return 0;
    struct search search = search_begin(finder);
    return search_finish(&search);
}

void finder_run_two(struct finder *one, struct finder *other, uint32_t *count, uint32_t *other_count)
{
    assert(!one->over && !other->over);
    struct search first = search_begin(one), second = search_begin(other);
    bool first_goes = true, second_goes = true;
    while (search_goes_on(&first) && search_goes_on(&second) && first_goes && second_goes) {
        first_goes = search_step(&first);
        second_goes = search_step(&second);
    }
    *count = search_finish(&first);
    *other_count = search_finish(&second);
}
