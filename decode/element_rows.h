/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "decode/element.h"

/* Does Elastic's table have the element? Omitted: it has, but the type is a list, which is never output. */
enum element_elastic { ELASTIC_NO, ELASTIC_YES, ELASTIC_OMITTED };

/* A row of decode/elements.csv, as scripts/generate-elements.py writes it. */
struct element_row {
    uint32_t enterprise;
    uint16_t id;
    uint16_t elastic;      /* enum element_elastic */
    const char *name;
    const char *type;      /* Elastic's where it differs from IANA's */
    const char *weir_type; /* profile weir's where it differs from type, else NULL */
    const char *key;       /* where element_key() does not give it, else NULL */
    const char *es_type;   /* of type; NULL: none */
    const char *source;
    const char *semantics; /* NULL: none */
    const char *units;     /* NULL: none */
};

extern const struct element_row element_rows[]; /* by enterprise and id */
extern const uint32_t element_row_count;

/* A row of decode/enterprises.csv. */
struct enterprise_row {
    uint32_t number;
    const char *name;
};

extern const struct enterprise_row enterprise_rows[]; /* by number; each has elements */
extern const uint32_t enterprise_row_count;

/* A row of decode/element_sources.csv: where elements are published. */
struct source_row {
    const char *key;
    const char *title;
    const char *address;
};

extern const struct source_row source_rows[]; /* by key; each has elements */
extern const uint32_t source_row_count;

/* An abstract data type: how it is read, the lengths a template may give it, and Elasticsearch's type for it. */
struct data_type {
    const char *name;
    uint8_t type; /* enum value_type */
    uint8_t least_bytes;
    uint16_t most_bytes;
    const char *es_type;
};

/* The type of that name (RFC 7011 6.1's, and aclid); NULL when there is none. */
const struct data_type *data_type_find(const char *name);

/* Can a value of this element have that many bytes? */
static inline bool element_takes(const struct element *element, uint32_t length)
{
    if (length < element->least_bytes || length > element->most_bytes)
        return false;
    return element->type != TYPE_FLOAT || length == 4 || length == 8;
}

/* The same where no number is longer than its type. */
static inline bool element_takes_exactly(const struct element *element, uint32_t length)
{
    return element_takes(element, length) && (!element->value_bytes || length <= element->value_bytes);
}

/* The element that the built-in tables have there, whatever custom_definitions say: the fixed formats mean these. */
const struct element *elements_find_builtin(const struct elements *elements, uint32_t enterprise, uint16_t id);
