/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/heap.h"
#include "base/text.h"
#include "decode/record.h"

/*
 * Structured data (RFC 6313) and elements that a template has more than once, as arrays. How many bytes a list takes
 * only its record tells, so a record's arrays are rendered before its document, into scratch of the encoder.
 */

#define LISTS_BYTES      (256u << 10) /* of the arrays of one record, at most */
#define LIST_DEPTH_MOST  4            /* lists in lists */
#define LIST_FIELDS_MOST 256          /* of a template of records in lists */

/* A value of an array. */
struct list_field {
    uint16_t field; /* of the plan */
    uint8_t format; /* enum format */
    uint8_t when;   /* enum when; values that it refuses are left out */
    uint8_t type;   /* enum value_type: lists are gone into */
    bool quoted;
};

/* An array of a program: these of its list_fields, in order. */
struct list_group {
    uint16_t first, count;
};

/* A rendered array, with its brackets. */
struct list_text {
    const char *text; /* TEXT_OVERRUN bytes behind it are readable */
    uint32_t size_bytes;
};

struct compiler;
struct program;
struct list_maker;

/* compiler: the encoder's; it outlives the maker. NULL for want of memory. */
struct list_maker *list_maker_new(const struct compiler *compiler, struct counters *counters, uint32_t plans_most);
void list_maker_free(struct list_maker *maker);

/* Renders the arrays of a record of a program with PROGRAM_LISTS, until the next call; returns the bytes of all. */
uint32_t list_maker_render(struct list_maker *maker, const struct program *program, const struct chunk *chunk,
                           const struct record *record);

/* The array of that number of the record that was rendered last. */
const struct list_text *list_maker_text(const struct list_maker *maker, uint32_t group);
