/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "decode/definitions.h"
#include "decode/element.h"
#include "decode/element_rows.h"

/* Open addressing, at most half full: a look-up of an element is one cache line nearly always. */
struct slot {
    uint64_t number; /* enterprise and id */
    uint16_t index;  /* 0 = free */
};

struct elements {
    struct element *items; /* [0] is nobody's */
    uint32_t count;
    uint32_t builtin_count;
    uint32_t shift; /* slot = hash >> shift */
    uint32_t mask;
    struct slot *slots;
    uint16_t *key_slots; /* as many as slots: index of the first element with the key, 0 = free */
    struct definitions definitions; /* names of custom elements */
    char *keys;
    size_t keys_bytes;
};

static uint64_t number_of(uint32_t enterprise, uint16_t id)
{
    return (uint64_t)enterprise << 16 | id;
}

/* Multiplicative hash; the numbers in the table are ours, so nobody can make them collide. */
static uint32_t slot_first(const struct elements *elements, uint64_t number)
{
    return (uint32_t)(number * 0x9e3779b97f4a7c15u >> elements->shift);
}

static struct slot *slot_find(const struct elements *elements, uint64_t number)
{
    uint32_t at = slot_first(elements, number);
    while (elements->slots[at].index && elements->slots[at].number != number)
        at = (at + 1) & elements->mask;
    return &elements->slots[at];
}

const struct element *elements_find(const struct elements *elements, uint32_t enterprise, uint16_t id)
{
    const struct slot *slot = slot_find(elements, number_of(enterprise, id));
    return slot->index ? &elements->items[slot->index] : NULL;
}

const struct element *elements_find_builtin(const struct elements *elements, uint32_t enterprise, uint16_t id)
{
    /* items stand as the table's rows do: by enterprise and id */
    uint32_t least = 1, most = elements->builtin_count;
    while (least <= most) {
        uint32_t middle = least + (most - least) / 2;
        const struct element *element = &elements->items[middle];
        uint64_t number = number_of(element->enterprise, element->id);
        if (number == number_of(enterprise, id))
            return element;
        if (number < number_of(enterprise, id))
            least = middle + 1;
        else
            most = middle - 1;
    }
    return NULL;
}

static uint16_t *key_slot_find(const struct elements *elements, const char *key)
{
    uint64_t at = XXH3_64bits(key, strlen(key)) & elements->mask;
    while (elements->key_slots[at] && strcmp(elements->items[elements->key_slots[at]].key, key) != 0)
        at = (at + 1) & elements->mask;
    return &elements->key_slots[at];
}

bool elements_have_key(const struct elements *elements, const char *key)
{
    return *key_slot_find(elements, key);
}

uint16_t elements_index(const struct elements *elements, const struct element *element)
{
    return (uint16_t)(element - elements->items);
}

const struct element *elements_at(const struct elements *elements, uint16_t index)
{
    return &elements->items[index];
}

uint32_t elements_count(const struct elements *elements)
{
    return elements->count;
}

/* Adds an element whose source, name and number are filled in; a later one of the same number wins. */
static void element_add(struct elements *elements, struct element element, const struct data_type *type,
                        const char *key)
{
    element.type = type->type;
    element.least_bytes = type->least_bytes;
    element.most_bytes = type->most_bytes;
    element.data_type = type->name;
    element.role = (uint8_t)role_of_name(element.name);
    if (key) {
        element.key = key;
    } else {
        char *made = elements->keys + elements->keys_bytes;
        element_key(element.name, made);
        elements->keys_bytes += strlen(made) + 1;
        element.key = made;
    }
    elements->items[++elements->count] = element;
    struct slot *slot = slot_find(elements, number_of(element.enterprise, element.id));
    *slot = (struct slot){.number = number_of(element.enterprise, element.id), .index = (uint16_t)elements->count};
}

/* Exporters send numbers with more bytes than their element has (RFC 7011 6.2 knows only fewer). */
static void element_lengthen(struct element *element)
{
    if (element->type != TYPE_UNSIGNED || element->rare || element->most_bytes >= 8)
        return;
    element->value_bytes = (uint8_t)element->most_bytes;
    element->most_bytes = 8;
}

/* IANA's elements and the fields of sFlow and of scopes may come from anybody; a vendor's come from its devices. */
static bool row_is_rare(const struct element_row *row)
{
    return row->elastic == ELASTIC_NO && row->enterprise < ENTERPRISE_SFLOW && strcmp(row->source, "iana") != 0;
}

static void row_add(struct elements *elements, const struct element_row *row, const struct profile *profile)
{
    if (profile->elastic_elements_only && row->elastic == ELASTIC_NO)
        return;
    bool retyped = !profile->elastic_elements_only && row->weir_type;
    const struct data_type *type = data_type_find(retyped ? row->weir_type : row->type);
    const char *es_type = retyped ? type->es_type : row->es_type;
    struct element element = {
        .enterprise = row->enterprise,
        .id = row->id,
        .rare = row_is_rare(row),
        .name = row->name,
        .es_type = es_type ? es_type : "",
        .source = row->source,
    };
    element_add(elements, element, type, row->key);
    if (profile->long_numbers)
        element_lengthen(&elements->items[elements->count]);
}

/* What files may name and Elastic never outputs is read as what it is, if the profile keeps what nobody knows. */
static const struct data_type *definition_type(const struct definition *definition, const struct profile *profile)
{
    bool read_on = definition->type.type == TYPE_NONE && profile->keep_unknown;
    return read_on ? data_type_find(definition->type.name) : &definition->type;
}

static void definition_add(struct elements *elements, const struct definition *definition,
                           const struct profile *profile)
{
    const struct data_type *type = definition_type(definition, profile);
    struct element element = {
        .enterprise = definition->enterprise,
        .id = definition->id,
        .name = definition->name,
        .es_type = type->es_type,
        .source = "custom",
    };
    element_add(elements, element, type, NULL);
}

/* Room for everything that will be added; -ENOMEM. */
static int room_make(struct elements *elements)
{
    size_t most = element_row_count + (size_t)elements->definitions.count, key_bytes = 0;
    for (uint32_t i = 0; i < element_row_count; i++)
        key_bytes += 2 * strlen(element_rows[i].name) + 2;
    for (uint32_t i = 0; i < elements->definitions.count; i++)
        key_bytes += 2 * strlen(elements->definitions.items[i].name) + 2;
    uint32_t bits = 1;
    while ((size_t)1 << bits < 2 * most)
        bits++;
    elements->shift = 64 - bits;
    elements->mask = (1U << bits) - 1;
    elements->items = calloc(most + 1, sizeof *elements->items);
    elements->slots = calloc((size_t)1 << bits, sizeof *elements->slots);
    elements->key_slots = calloc((size_t)1 << bits, sizeof *elements->key_slots);
    elements->keys = malloc(key_bytes);
    return elements->items && elements->slots && elements->key_slots && elements->keys ? 0 : -ENOMEM;
}

/* All files, so that the user sees every problem at once. */
static int definitions_load(struct elements *elements, const struct text_list *paths, struct config_problems *problems)
{
    int result = 0;
    for (uint32_t i = 0; paths && i < paths->count; i++) {
        int one = definitions_read(&elements->definitions, paths->items[i], problems);
        result = result ? result : one;
    }
    if (result == 0 && element_row_count + (uint64_t)elements->definitions.count > UINT16_MAX) {
        config_problem_add(problems, "custom_definitions", "leave out elements that no exporter sends",
                           "%u elements are more than weir can number", elements->definitions.count);
        result = -EINVAL;
    }
    return result;
}

static void keys_index(struct elements *elements)
{
    for (uint32_t i = 1; i <= elements->count; i++) {
        const struct element *element = &elements->items[i];
        if (element->enterprise == ENTERPRISE_SFLOW) /* these stand below sflow */
            continue;
        uint16_t *slot = key_slot_find(elements, element->key);
        if (!*slot)
            *slot = (uint16_t)i;
    }
}

struct elements *elements_new(const struct profile *profile, const struct text_list *custom_definitions,
                              struct config_problems *problems)
{
    struct elements *elements = calloc(1, sizeof *elements);
    if (!elements)
        return NULL;
    if (definitions_load(elements, custom_definitions, problems) < 0 || room_make(elements) < 0) {
        elements_free(elements);
        return NULL;
    }
    for (uint32_t i = 0; i < element_row_count; i++)
        row_add(elements, &element_rows[i], profile);
    elements->builtin_count = elements->count;
    for (uint32_t i = 0; i < elements->definitions.count; i++)
        definition_add(elements, &elements->definitions.items[i], profile);
    keys_index(elements);
    for (uint32_t i = 1; !profile->arrays && i <= elements->count; i++)
        if (elements->items[i].type >= TYPE_BASIC_LIST && elements->items[i].type <= TYPE_SUB_TEMPLATE_MULTI_LIST)
            elements->items[i].type = TYPE_NONE;
    return elements;
}

void elements_free(struct elements *elements)
{
    if (!elements)
        return;
    definitions_fini(&elements->definitions);
    free(elements->items);
    free(elements->slots);
    free(elements->key_slots);
    free(elements->keys);
    free(elements);
}
