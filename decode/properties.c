/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/properties.h"

#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "decode/element_rows.h"
#include "decode/plans.h"

/* Before each value in a piece: enterprise, element, length. */
#define HEAD_BYTES 7
#define VALUE_MOST (PROPERTY_PIECE_BYTES - HEAD_BYTES)

struct item {
    uint32_t enterprise;
    uint16_t id;
    uint8_t length;
    const uint8_t *value;
};

/* The item at *at of a piece's bytes, and *at behind it; false at the end. */
static bool item_next(const uint8_t *bytes, uint32_t size_bytes, uint32_t *at, struct item *item)
{
    if (size_bytes - *at < HEAD_BYTES || size_bytes - *at - HEAD_BYTES < bytes[*at + 6])
        return false;
    const uint8_t *head = bytes + *at;
    *item = (struct item){
        .enterprise = read_be32(head), .id = read_be16(head + 4), .length = head[6], .value = head + HEAD_BYTES};
    *at += HEAD_BYTES + (uint32_t)item->length;
    return true;
}

/* ---- text ---- */

/* The digit's value; 16 and above: it is none. */
static uint8_t digit_of(char digit)
{
    return digit >= '0' && digit <= '9' ? (uint8_t)(digit - '0')
           : digit >= 'a' && digit <= 'f' ? (uint8_t)(digit - 'a' + 10)
                                          : 16;
}

/* Returns how many bytes there are; 0: the text is not sound. */
static uint32_t hex_read(uint8_t bytes[PROPERTY_PIECE_BYTES], const char *text, uint32_t text_bytes)
{
    for (uint32_t i = 0; i < text_bytes / 2; i++) {
        uint8_t high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
        if (high > 15 || low > 15)
            return 0;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return text_bytes & 1 ? 0 : text_bytes / 2;
}

bool property_fact_check(const struct fact_view *view)
{
    uint8_t bytes[PROPERTY_PIECE_BYTES];
    struct item item;
    uint32_t at = 0;
    if (view->kind == FACT_PROPERTY)
        return view->key < 1ull << 48 && view->text_bytes == 0;
    if (view->kind != FACT_PROPERTIES)
        return true;
    uint32_t size_bytes = hex_read(bytes, view->text, view->text_bytes);
    while (at < size_bytes)
        if (!item_next(bytes, size_bytes, &at, &item))
            return false;
    return size_bytes > 0;
}

/* ---- options records ---- */

bool property_is_kept(const struct field *field)
{
    return !(field->flags & FIELD_SCOPE) && field->element && field->type != TYPE_NONE &&
           !(field->type >= TYPE_BASIC_LIST && field->type <= TYPE_SUB_TEMPLATE_MULTI_LIST) &&
           !field_is_properties_id(field);
}

/* A piece being filled. */
struct piece {
    uint32_t used;
    uint8_t bytes[PROPERTY_PIECE_BYTES];
};

static void piece_close(struct property_pieces *pieces, struct piece *piece)
{
    if (!piece->used)
        return;
    text_hex(pieces->pieces[pieces->count].text, piece->bytes, piece->used);
    pieces->pieces[pieces->count++].text_bytes = (uint8_t)(2 * piece->used);
    piece->used = 0;
}

static void item_add(struct property_pieces *pieces, struct piece *piece, const struct item *item)
{
    if (piece->used + HEAD_BYTES + item->length > PROPERTY_PIECE_BYTES)
        piece_close(pieces, piece);
    if (pieces->count == PROPERTY_PIECES) {
        pieces->refused++;
        return;
    }
    uint8_t *head = piece->bytes + piece->used;
    uint32_t enterprise_be = __builtin_bswap32(item->enterprise);
    uint16_t id_be = __builtin_bswap16(item->id);
    memcpy(head, &enterprise_be, sizeof enterprise_be);
    memcpy(head + 4, &id_be, sizeof id_be);
    head[6] = item->length;
    memcpy(head + HEAD_BYTES, item->value, item->length);
    piece->used += HEAD_BYTES + (uint32_t)item->length;
}

void property_pieces_read(struct property_pieces *pieces, const struct plan *plan, const struct record *record)
{
    struct piece piece = {0};
    pieces->count = pieces->refused = 0;
    for (uint32_t i = 0; i < plan->field_count; i++) {
        const struct field *field = &plan->fields[i];
        const struct span span = record->spans[i];
        if (!property_is_kept(field) || span.length == SPAN_ABSENT)
            continue;
        if (span.length > VALUE_MOST) {
            pieces->refused++;
            continue;
        }
        item_add(pieces, &piece,
                 &(struct item){.enterprise = field->enterprise,
                                .id = field->id,
                                .length = (uint8_t)span.length,
                                .value = record->bytes + span.offset});
    }
    piece_close(pieces, &piece);
}

/* ---- templates ---- */

bool field_is_properties_id(const struct field *field)
{
    return field->enterprise == 0 && field->id == COMMON_PROPERTIES_ID && field->type == TYPE_UNSIGNED;
}

/* What the record has itself counts, by whichever number. */
static bool draft_has_key(const struct plan_draft *draft, const struct elements *elements, const char *key)
{
    for (uint32_t i = 0; i < draft->field_count; i++)
        if (draft->fields[i].element && strcmp(elements_at(elements, draft->fields[i].element)->key, key) == 0)
            return true;
    return false;
}

/* The numbers of the session's properties, ascending: the same for all sessions that have the same. */
static uint32_t numbers_find(const struct facts *facts, uint64_t numbers[PROPERTIES_MOST])
{
    uint32_t count = 0;
    for (uint32_t page = 0; page < FACT_PAGES; page++)
        for (const struct fact *fact = facts->pages[page]; fact && count < PROPERTIES_MOST; fact = fact->next) {
            if (fact->kind != FACT_PROPERTY)
                continue;
            uint32_t at = count++;
            for (; at > 0 && numbers[at - 1] > fact->key; at--)
                numbers[at] = numbers[at - 1];
            numbers[at] = fact->key;
        }
    return count;
}

uint32_t properties_find(const struct facts *facts, const struct elements *elements, const struct plan_draft *draft,
                         struct field properties[PROPERTIES_MOST])
{
    uint64_t numbers[PROPERTIES_MOST];
    uint32_t count = facts->counts[FACT_PROPERTY] ? numbers_find(facts, numbers) : 0, found = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct element *element = elements_find(elements, (uint32_t)(numbers[i] >> 16), (uint16_t)numbers[i]);
        if (!element || draft_has_key(draft, elements, element->key))
            continue;
        properties[found++] = (struct field){.enterprise = element->enterprise,
                                             .id = element->id,
                                             .length = LENGTH_VARIABLE,
                                             .element = elements_index(elements, element),
                                             .type = element->type,
                                             .flags = FIELD_OPTIONAL};
    }
    return found;
}

/* ---- flow records ---- */

/* Of several ids that have a value the first one's counts. */
static void item_put(struct property_target *target, const struct item *item)
{
    for (uint32_t i = 0; i < target->count; i++) {
        const struct field *field = &target->fields[i];
        if (field->enterprise != item->enterprise || field->id != item->id)
            continue;
        if (target->spans[i].length != SPAN_ABSENT || target->most - target->used < item->length)
            return;
        memcpy(target->bytes + target->used, item->value, item->length);
        const struct span span = {.offset = (uint16_t)target->used, .length = item->length};
        target->spans[i] = span_checked(target->elements, field, target->bytes + target->used, span);
        target->used += item->length;
        return;
    }
}

bool properties_put(struct property_target *target, const struct facts *facts, uint64_t id)
{
    uint8_t bytes[PROPERTY_PIECE_BYTES];
    const struct fact *fact;
    struct item item;
    uint32_t piece = 0;
    for (; piece < PROPERTY_PIECES && (fact = facts_find(facts, FACT_PROPERTIES, property_key(id, piece))); piece++) {
        uint32_t size_bytes = hex_read(bytes, fact->text, fact->text_bytes);
        for (uint32_t at = 0; item_next(bytes, size_bytes, &at, &item);)
            item_put(target, &item);
    }
    return piece > 0;
}
