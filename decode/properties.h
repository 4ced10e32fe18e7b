/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/element.h"
#include "decode/facts.h"
#include "decode/plan.h"
#include "decode/record.h"

/*
 * Properties that many records have in common: RFC 5473. An options record whose scope is commonPropertiesId has them,
 * and flow records have that id in their place. Two kinds of facts of a session keep them:
 *
 *   FACT_PROPERTIES  what an id stands for, in as many pieces as it takes: values with their elements, as hexadecimal
 *                    text
 *   FACT_PROPERTY    an element that some id has a value of, by its number
 *
 * The second kind tells which fields a template with commonPropertiesId has more: they go to its plan, and so it is its
 * session's. The records of such a plan become those of a second one (plan.sectioned), with the values in these fields.
 */

#define COMMON_PROPERTIES_ID 137
#define PROPERTIES_MOST      24  /* elements of a session */
#define PROPERTY_IDS_MOST    4   /* of a record */
#define PROPERTIES_BYTES     512 /* of values of one record */
#define PROPERTY_PIECES      8   /* of an id */
#define PROPERTY_PIECE_BYTES 127

struct plan_draft; /* decode/plans.h */

/* ---- what options records say ---- */

/* The properties of one id, as they come from a record. */
struct property_pieces {
    uint32_t count;
    uint32_t refused; /* values that are too long, or without room */
    struct {
        uint8_t text_bytes;
        char text[2 * PROPERTY_PIECE_BYTES];
    } pieces[PROPERTY_PIECES];
};

void property_pieces_read(struct property_pieces *pieces, const struct plan *plan, const struct record *record);

/* The key of the fact of that piece of the id's properties. */
static inline uint64_t property_key(uint64_t id, uint32_t piece)
{
    return id + piece * 0x9e3779b97f4a7c15u;
}

/* Is the field one whose values are kept? Not scopes, lists, and what no table has. */
bool property_is_kept(const struct field *field);

/* The key of the fact that the element is a property. */
static inline uint64_t property_number(const struct field *field)
{
    return (uint64_t)field->enterprise << 16 | field->id;
}

/* Is a fact of properties sound? Others are. */
bool property_fact_check(const struct fact_view *view);

/* ---- what flow records have of it ---- */

/* A field of flow records that names properties. */
bool field_is_properties_id(const struct field *field);

/* The fields that the session's properties add to a template with these, in an order of their own; how many. */
uint32_t properties_find(const struct facts *facts, const struct elements *elements, const struct plan_draft *draft,
                         struct field properties[PROPERTIES_MOST]);

/* The record that takes them. */
struct property_target {
    const struct elements *elements;
    const struct field *fields; /* of properties */
    struct span *spans;         /* theirs */
    uint32_t count;
    uint8_t *bytes;
    uint32_t used, most;        /* bytes */
};

/* Puts the values of the id's properties behind the record. False: nobody has told of the id. */
bool properties_put(struct property_target *target, const struct facts *facts, uint64_t id);
