/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/element_names.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* informationElementDataType: RFC 5610 3.1, RFC 7012 3.1. Lists (20 to 22) are not read without a table. */
static const char *const type_names[] = {
    "octetArray", "unsigned8",  "unsigned16", "unsigned32", "unsigned64",
    "signed8",    "signed16",   "signed32",   "signed64",   "float32",
    "float64",    "boolean",    "macAddress", "string",     "dateTimeSeconds",
    "dateTimeMilliseconds", "dateTimeMicroseconds", "dateTimeNanoseconds", "ipv4Address", "ipv6Address",
};

#define TYPE_NUMBERS_MOST (sizeof type_names / sizeof *type_names)

/* What documents have below netflow beside elements. */
static const char *const taken_keys[] = {"exporter", "type",    "tcp_flags",    "scope",
                                         "options",  "section", "list_semantic"};

#define ELEMENT_NUMBER_BITS 48
#define ELEMENT_NUMBER_MOST ((1ull << ELEMENT_NUMBER_BITS) - 1)

static uint64_t element_number(uint32_t enterprise, uint16_t id)
{
    return (uint64_t)enterprise << 16 | id;
}

/* ---- names ---- */

static char name_character(uint8_t character)
{
    bool letter = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
    if (letter || (character >= '0' && character <= '9') || character == '_')
        return (char)character;
    return strchr("-.: ", character) ? '_' : 0;
}

/* Letters, digits and underscores. False: it is no name. NULs behind it fill a field of fixed length. */
static bool name_copy(char *name, const uint8_t *bytes, uint32_t size_bytes)
{
    while (size_bytes && bytes[size_bytes - 1] == 0)
        size_bytes--;
    if (size_bytes > ELEMENT_NAME_MOST)
        return false;
    for (uint32_t i = 0; i < size_bytes; i++) {
        name[i] = bytes[i] ? name_character(bytes[i]) : 0;
        if (!name[i])
            return false;
    }
    name[size_bytes] = 0;
    return true;
}

static bool key_is_free(const struct elements *elements, const char *key)
{
    for (size_t i = 0; i < sizeof taken_keys / sizeof *taken_keys; i++)
        if (strcmp(taken_keys[i], key) == 0)
            return false;
    return !elements_have_key(elements, key);
}

static const struct data_type *type_of(uint64_t number)
{
    return data_type_find(type_names[number]);
}

static void key_write(const struct fact *fact, char *key)
{
    char name[ELEMENT_NAME_MOST + 1];
    memcpy(name, fact->text, fact->text_bytes);
    name[fact->text_bytes] = 0;
    element_key(name, key);
}

/* Of a fact of a key: whose it was last, and of which type. */
static uint64_t key_owner(uint64_t number)
{
    return number & ELEMENT_NUMBER_MOST;
}

static uint64_t key_type(uint64_t number)
{
    return number >> ELEMENT_NUMBER_BITS;
}

/* Has another element of the session the key, or had one with a type that goes into no mapping with this one's? */
static bool key_is_taken(const struct facts *facts, const struct fact_view *view, const char *key)
{
    char other[ELEMENT_KEY_MOST];
    const struct fact *known = facts ? facts_find(facts, FACT_ELEMENT_KEY, view->key) : NULL;
    if (!known)
        return false;
    if (strcmp(type_of(key_type(known->number))->es_type, type_of(key_type(view->number))->es_type) != 0)
        return true;
    const struct fact *owner = facts_find(facts, FACT_ELEMENT, key_owner(known->number));
    if (!owner || owner->key == key_owner(view->number))
        return false;
    key_write(owner, other);
    return strcmp(key, other) == 0;
}

enum element_verdict element_told_read(const struct element_told *told, const struct elements *elements,
                                       const struct facts *facts, char *scratch, struct fact_view views[2])
{
    char key[ELEMENT_KEY_MOST];
    if (elements_find(elements, told->enterprise, told->id))
        return ELEMENT_KNOWN;
    views[0] = (struct fact_view){
        .kind = FACT_ELEMENT, .key = element_number(told->enterprise, told->id), .number = told->type, .text = scratch};
    if (!name_copy(scratch, told->name, told->name_bytes) || told->type >= TYPE_NUMBERS_MOST)
        return ELEMENT_REFUSED;
    if (!*scratch)
        return ELEMENT_UNNAMED;
    element_key(scratch, key);
    views[0].text_bytes = (uint8_t)strlen(scratch);
    views[1] = (struct fact_view){.kind = FACT_ELEMENT_KEY,
                                  .key = XXH3_64bits(key, strlen(key)),
                                  .number = told->type << ELEMENT_NUMBER_BITS | views[0].key,
                                  .text = ""};
    return key_is_free(elements, key) && !key_is_taken(facts, &views[1], key) ? ELEMENT_GOOD : ELEMENT_REFUSED;
}

bool element_fact_check(const struct fact_view *view)
{
    char name[ELEMENT_NAME_MOST + 1];
    if (view->kind == FACT_ELEMENT_KEY)
        return key_type(view->number) < TYPE_NUMBERS_MOST && view->text_bytes == 0;
    if (view->kind != FACT_ELEMENT)
        return true;
    return view->number < TYPE_NUMBERS_MOST && view->key <= ELEMENT_NUMBER_MOST && view->text_bytes > 0 &&
           name_copy(name, (const uint8_t *)view->text, view->text_bytes) &&
           strlen(name) == view->text_bytes && memcmp(name, view->text, view->text_bytes) == 0;
}

/* ---- fields ---- */

static bool length_fits(const struct data_type *type, uint16_t length)
{
    if (length == LENGTH_VARIABLE)
        return type->most_bytes == UINT16_MAX;
    return length >= type->least_bytes && length <= type->most_bytes &&
           (type->type != TYPE_FLOAT || length == 4 || length == 8);
}

bool element_name_find(const struct facts *facts, const struct elements *elements, const struct field *field,
                       uint8_t *type, char *key)
{
    const struct fact *fact = facts_find(facts, FACT_ELEMENT, element_number(field->enterprise, field->id));
    if (!fact)
        return false;
    const struct data_type *told = type_of(fact->number);
    key_write(fact, key);
    if (!length_fits(told, field->length) || !key_is_free(elements, key))
        return false;
    *type = told->type;
    return true;
}

const char *field_names_find(const struct field_names *names, uint16_t field)
{
    uint32_t low = 0, high = names->count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (names->items[middle].field <= field)
            low = middle;
        else
            high = middle;
    }
    return (const char *)names + names->items[low].at;
}
