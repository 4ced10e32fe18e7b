/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/facts.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/text.h"

#define SLOTS_LEAST 16

struct facts *facts_new(struct heap *heap, uint64_t seed)
{
    struct facts *facts = heap_take(heap, sizeof *facts);
    if (!facts)
        return NULL;
    *facts = (struct facts){.seed = seed};
    return facts;
}

static uint32_t fact_bytes(uint8_t text_bytes)
{
    return (uint32_t)sizeof(struct fact) + text_bytes + TEXT_OVERRUN;
}

static size_t slots_bytes(const struct facts *facts)
{
    return ((size_t)facts->slot_mask + 1) * sizeof *facts->slots;
}

void facts_free(struct facts *facts, struct heap *heap)
{
    if (!facts)
        return;
    for (uint32_t page = 0; page < FACT_PAGES; page++)
        for (struct fact *fact = facts->pages[page], *next; fact; fact = next) {
            next = fact->next;
            heap_give(heap, fact, fact_bytes(fact->text_bytes));
        }
    if (facts->slots)
        heap_give(heap, facts->slots, slots_bytes(facts));
    heap_give(heap, facts, sizeof *facts);
}

static struct fact_slot *slot_of(const struct facts *facts, uint8_t kind, uint64_t key)
{
    for (uint64_t at = fact_hash(facts, kind, key);; at++) {
        struct fact_slot *slot = &facts->slots[at & facts->slot_mask];
        if (!slot->fact || (slot->key == key && slot->fact->kind == kind))
            return slot;
    }
}

/* Room for one more; false for want of memory. */
static bool slots_grow(struct facts *facts, struct heap *heap)
{
    uint32_t slots = facts->slots ? facts->slot_mask + 1 : 0, most = slots ? 2 * slots : SLOTS_LEAST;
    if (2 * (facts->count + 1) <= slots)
        return true;
    struct facts grown = *facts;
    grown.slots = heap_take(heap, most * sizeof *grown.slots);
    grown.slot_mask = most - 1;
    if (!grown.slots)
        return false;
    memset(grown.slots, 0, most * sizeof *grown.slots);
    for (uint32_t i = 0; i < slots; i++)
        if (facts->slots[i].fact)
            *slot_of(&grown, facts->slots[i].fact->kind, facts->slots[i].key) = facts->slots[i];
    if (slots)
        heap_give(heap, facts->slots, slots_bytes(facts));
    facts->slots = grown.slots;
    facts->slot_mask = grown.slot_mask;
    return true;
}

/* The same for all collectors, whatever their secrets. */
static uint8_t page_of(const struct fact_view *view)
{
    const struct {
        uint64_t key, kind;
    } hashed = {view->key, view->kind};
    return (uint8_t)(XXH3_64bits(&hashed, sizeof hashed) % FACT_PAGES);
}

static struct fact *fact_make(struct heap *heap, const struct fact_view *view)
{
    struct fact *fact = heap_take(heap, fact_bytes(view->text_bytes));
    if (!fact)
        return NULL;
    *fact = (struct fact){.key = view->key,
                          .number = view->number,
                          .kind = view->kind,
                          .page = page_of(view),
                          .text_bytes = view->text_bytes};
    if (view->text_bytes)
        memcpy(fact->text, view->text, view->text_bytes);
    memset(fact->text + view->text_bytes, 0, TEXT_OVERRUN);
    return fact;
}

static void page_unlink(struct facts *facts, const struct fact *fact)
{
    struct fact **link = &facts->pages[fact->page];
    while (*link != fact)
        link = &(*link)->next;
    *link = fact->next;
}

/* Reports are told anew all the time, and by nobody else. */
static void page_dirty(struct facts *facts, const struct fact *fact)
{
    if (fact->kind != FACT_REPORT)
        facts->dirty |= 1ull << fact->page;
}

static void slot_fill(struct facts *facts, struct fact_slot *slot, struct fact *fact)
{
    fact->next = facts->pages[fact->page];
    facts->pages[fact->page] = fact;
    *slot = (struct fact_slot){.key = fact->key, .fact = fact};
    page_dirty(facts, fact);
}

/* What stands behind the gap up to the next one moves up, unless it would come before its own place. */
static void slot_clear(struct facts *facts, struct fact_slot *slot)
{
    uint64_t mask = facts->slot_mask, gap = (uint64_t)(slot - facts->slots);
    facts->count--;
    facts->counts[slot->fact->kind]--;
    slot->fact = NULL;
    for (uint64_t at = (gap + 1) & mask; facts->slots[at].fact; at = (at + 1) & mask) {
        uint64_t home = fact_hash(facts, facts->slots[at].fact->kind, facts->slots[at].key) & mask;
        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        facts->slots[gap] = facts->slots[at];
        facts->slots[at].fact = NULL;
        gap = at;
    }
}

static bool fact_is(const struct fact *fact, const struct fact_view *view)
{
    return fact->number == view->number && fact->text_bytes == view->text_bytes &&
           memcmp(fact->text, view->text, view->text_bytes) == 0;
}

static enum fact_verdict fact_replace(struct facts *facts, struct heap *heap, struct fact_slot *slot,
                                      const struct fact_view *view)
{
    struct fact *old = slot->fact;
    page_dirty(facts, old);
    if (old->text_bytes == view->text_bytes) { /* numbers above all: nothing is to be moved */
        old->number = view->number;
        memcpy(old->text, view->text, view->text_bytes);
        return FACT_CHANGED;
    }
    struct fact *fact = fact_make(heap, view);
    page_unlink(facts, old);
    if (fact)
        slot_fill(facts, slot, fact);
    else
        slot_clear(facts, slot);
    heap_give(heap, old, fact_bytes(old->text_bytes));
    return fact ? FACT_CHANGED : FACT_NO_MEMORY;
}

enum fact_verdict facts_put(struct facts *facts, struct heap *heap, const struct fact_view *view, uint32_t most)
{
    struct fact_slot *slot = facts->slots ? slot_of(facts, view->kind, view->key) : NULL;
    if (slot && slot->fact)
        return fact_is(slot->fact, view) ? FACT_SAME : fact_replace(facts, heap, slot, view);
    if (facts->count >= most)
        return FACT_OVER_CAP;
    struct fact *fact = slots_grow(facts, heap) ? fact_make(heap, view) : NULL;
    if (!fact)
        return FACT_NO_MEMORY;
    facts->count++;
    facts->counts[view->kind]++;
    slot_fill(facts, slot_of(facts, view->kind, view->key), fact);
    return FACT_LEARNED;
}

bool facts_drop(struct facts *facts, struct heap *heap, enum fact_kind kind, uint64_t key)
{
    struct fact_slot *slot = facts->counts[kind] ? slot_of(facts, kind, key) : NULL;
    struct fact *fact = slot ? slot->fact : NULL;
    if (!fact)
        return false;
    page_dirty(facts, fact);
    page_unlink(facts, fact);
    slot_clear(facts, slot);
    heap_give(heap, fact, fact_bytes(fact->text_bytes));
    return true;
}

uint8_t fact_text_write(char *to, const uint8_t *bytes, uint32_t length)
{
    if (length > FACT_TEXT_MOST)
        length = FACT_TEXT_MOST;
    while (length && bytes[length - 1] == 0) /* they fill a field of fixed length */
        length--;
    size_t size_bytes = (size_t)(text_json(to, bytes, length) - to);
    return (uint8_t)text_json_prefix(to, size_bytes, FACT_TEXT_MOST);
}
