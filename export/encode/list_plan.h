/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "export/encode/lists.h"
#include "export/encode/program.h"

/* How records of a template look in lists: its members, each with the fields of that key. Compiled once a plan. */
struct list_member {
    uint32_t key_at; /* the key with quotes and colon, in keys */
    uint8_t key_bytes;
    bool array;      /* a list, or more than one field */
    struct list_group group;
};

struct list_plan {
    uint64_t serial; /* the plan's */
    uint32_t size_bytes;
    uint32_t member_count;
    struct list_member *members;
    struct list_field *fields; /* by member */
    char *keys;
};

/* NULL where there is no memory, or the plan has more than LIST_FIELDS_MOST fields. */
struct list_plan *list_plan_compile(const struct compiler *compiler, const struct plan *plan);

/* A field as a value of an array. False: nothing is read there. */
bool list_field_make(const struct compiler *compiler, const struct plan *plan, uint16_t field, struct list_field *made);

/* The key of an element below netflow; key has ECS_PATH_MOST bytes. */
void list_key_write(const struct elements *elements, const struct field *field, char *key);

/* Is the value one that the field's condition lets through? */
bool list_value_is_wanted(const uint8_t *bytes, uint32_t length, uint8_t when);

/* RFC 6313 4.4: what the elements of a list are to each other, as a member; NULL where they are all just there. */
const char *list_semantic_text(uint8_t semantic);

static inline bool type_is_list(uint8_t type)
{
    return type >= TYPE_BASIC_LIST && type <= TYPE_SUB_TEMPLATE_MULTI_LIST;
}
