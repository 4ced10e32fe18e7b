/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "decode/element_names.h"
#include "decode/facts.h"
#include "decode/properties.h"

/* A fact in a page, with its text behind it. Little-endian, and at any alignment. */
struct __attribute__((packed)) page_fact {
    uint64_t key;
    uint64_t number;
    uint8_t kind;
    uint8_t text_bytes;
};

static_assert(sizeof(struct page_fact) == 18, "the layout in the journal and on the topic");

uint16_t fact_page_write(uint8_t *to, const struct facts *facts, uint32_t page, uint32_t *left_out)
{
    uint32_t at = 0;
    *left_out = 0;
    for (const struct fact *fact = facts->pages[page]; fact; fact = fact->next) {
        const struct page_fact head = {
            .key = fact->key, .number = fact->number, .kind = fact->kind, .text_bytes = fact->text_bytes};
        if (fact->kind == FACT_REPORT)
            continue;
        if (at + sizeof head + fact->text_bytes > FACT_PAGE_MOST) {
            ++*left_out;
            continue;
        }
        memcpy(to + at, &head, sizeof head);
        memcpy(to + at + sizeof head, fact->text, fact->text_bytes);
        at += (uint32_t)sizeof head + fact->text_bytes;
    }
    return (uint16_t)at;
}

/* A rate is one that rate_make() may have made: encoders divide by it. */
static bool head_is_sound(const struct page_fact *head)
{
    uint64_t population = head->number >> 32, size = head->number & UINT32_MAX;
    if (head->kind == FACT_NONE || head->kind == FACT_REPORT || head->kind >= FACT_KINDS)
        return false;
    return !fact_is_rate(head->kind) || (size > 0 && population >= size);
}

/* The fact at *at, and *at behind it. False: there is none that is sound. */
static bool fact_read(const uint8_t *record, uint32_t size_bytes, uint32_t *at, struct fact_view *view)
{
    struct page_fact head;
    if (size_bytes - *at < sizeof head)
        return false;
    memcpy(&head, record + *at, sizeof head);
    *at += (uint32_t)sizeof head;
    if (size_bytes - *at < head.text_bytes || !head_is_sound(&head))
        return false;
    *view = (struct fact_view){.key = head.key,
                               .number = head.number,
                               .text = (const char *)record + *at,
                               .text_bytes = head.text_bytes,
                               .kind = head.kind};
    *at += head.text_bytes;
    return element_fact_check(view) && property_fact_check(view);
}

bool fact_page_check(const uint8_t *record, uint32_t size_bytes)
{
    struct fact_view view;
    uint32_t at = 0;
    if (size_bytes == 0 || size_bytes > FACT_PAGE_MOST)
        return false;
    while (at < size_bytes)
        if (!fact_read(record, size_bytes, &at, &view) ||
            text_json_prefix(view.text, view.text_bytes, view.text_bytes) != view.text_bytes)
            return false;
    return true;
}

bool fact_page_next(const uint8_t *record, uint32_t size_bytes, uint32_t *at, struct fact_view *view)
{
    return *at < size_bytes && fact_read(record, size_bytes, at, view);
}

static bool page_has(const struct template_event *page, const struct fact_view *wanted)
{
    struct fact_view view;
    for (uint32_t at = 0; fact_page_next(page->record, page->record_bytes, &at, &view);)
        if (view.kind == wanted->kind && view.key == wanted->key)
            return true;
    return false;
}

uint16_t fact_pages_merge(uint8_t *to, const struct template_event *first, const struct template_event *second)
{
    uint32_t bytes = first->record_bytes;
    struct fact_view view;
    memcpy(to, first->record, bytes);
    for (uint32_t at = 0, from = 0; fact_page_next(second->record, second->record_bytes, &at, &view); from = at) {
        if (page_has(first, &view) || bytes + (at - from) > FACT_PAGE_MOST)
            continue;
        memcpy(to + bytes, second->record + from, at - from);
        bytes += at - from;
    }
    return (uint16_t)bytes;
}
