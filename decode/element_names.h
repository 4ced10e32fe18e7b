/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/element.h"
#include "decode/element_rows.h"
#include "decode/facts.h"
#include "decode/plan.h"

/*
 * Names of elements that no table has, as an exporter's type information tells them (RFC 5610): facts of its session,
 * and so its own. A plan carries the names that its fields had when it was compiled.
 */

#define ELEMENT_NAME_MOST 63  /* characters of a name that is used */
#define ELEMENT_KEY_MOST  128 /* bytes of its key, with the NUL */

/* What type information says of an element. */
struct element_told {
    uint32_t enterprise;
    uint16_t id;
    uint64_t type;       /* RFC 5610 3.1, informationElementDataType */
    const uint8_t *name; /* anything */
    uint32_t name_bytes;
};

enum element_verdict {
    ELEMENT_GOOD,
    ELEMENT_KNOWN,   /* a table has it: that counts */
    ELEMENT_UNNAMED, /* the name is empty: it has none any more */
    ELEMENT_REFUSED, /* no name, too long, a type that is not read, or a key that others have */
};

/*
 * Makes facts of it, the element and its key, with their texts in `scratch` (ELEMENT_KEY_MOST bytes). Refused is also
 * what other names of the session's stand against; facts may be NULL.
 */
enum element_verdict element_told_read(const struct element_told *told, const struct elements *elements,
                                       const struct facts *facts, char *scratch, struct fact_view views[2]);

/* Is a fact of an element, or of its key, sound? Others are. */
bool element_fact_check(const struct fact_view *view);

/*
 * What the facts say of a field whose element no table has: its type, and its key in `key` (ELEMENT_KEY_MOST bytes).
 * False: nothing that could be used, and the type is as it was.
 */
bool element_name_find(const struct facts *facts, const struct elements *elements, const struct field *field,
                       uint8_t *type, char *key);

/* Names of a plan's fields with FIELD_NAMED, in their order. One piece of memory, with the texts behind the items. */
struct field_names {
    uint32_t count;
    uint32_t size_bytes; /* of all, a multiple of eight */
    struct field_name {
        uint32_t at;     /* of its key, from the begin of the struct */
        uint32_t field;
    } items[];
};

/* The key of that field, which has one. */
const char *field_names_find(const struct field_names *names, uint16_t field);
