/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "decode/journal/event.h"
#include "decode/rate.h"

/*
 * What an exporter's options records have said of the things that its flow records only number: names of interfaces,
 * applications, VRFs and users, sampling rates. A session's facts are its worker's alone, as its templates are; which
 * records make which fact is told by the rows of decode/fact_rows.c. See docs/facts.md.
 */

/* The numbers stand in the journal: new ones come at the end. */
enum fact_kind {
    FACT_NONE,
    FACT_INTERFACE_NAME,       /* by the interface's number */
    FACT_INTERFACE_ALIAS,      /* the same: its description */
    FACT_APPLICATION_NAME,     /* by applicationId */
    FACT_APPLICATION_CATEGORY, /* the same */
    FACT_VRF_NAME,             /* by the VRF's number */
    FACT_USER_OF_IPV4,         /* by address */
    FACT_USER_OF_IPV6,
    FACT_USER_OF_MAC,
    FACT_RATE,                 /* of the whole session; key 0 */
    FACT_INTERFACE_RATE,       /* by the interface's number */
    FACT_SAMPLER_RATE,         /* by samplerId */
    FACT_SELECTOR_RATE,        /* by selectorId */
    FACT_INIT_TIME,            /* systemInitTimeMilliseconds; key 0 */
    FACT_REPORT,               /* newest total of a statistic of the exporter's; not in the journal */
    FACT_ELEMENT,              /* name of an element that no table has, by its number; with its type: element_names.h */
    FACT_ELEMENT_KEY,          /* by the hash of a key that such names became: which element has it, and its type */
    FACT_PROPERTIES,           /* by a piece of a commonPropertiesId: properties.h */
    FACT_PROPERTY,             /* an element that is one of them, by its number */
    FACT_TEMPLATE_RATE,        /* by the template's id, which is the session's own */
    FACT_APPLICATION_DESCRIPTION, /* by applicationId, as the next two */
    FACT_APPLICATION_SUB_CATEGORY,
    FACT_APPLICATION_GROUP,
    FACT_KINDS
};

static inline bool fact_is_rate(uint8_t kind)
{
    return (kind >= FACT_RATE && kind <= FACT_SELECTOR_RATE) || kind == FACT_TEMPLATE_RATE;
}

#define FACT_TEXT_MOST 255 /* bytes, as JSON has it between the quotes */

/* What is known. Constant until it is replaced. */
struct fact {
    uint64_t key;        /* up to eight bytes as a number, of more a hash */
    uint64_t number;     /* rates: population << 32 | size; time: milliseconds since 1970; reports: the total; elements:
                            the type of RFC 5610, of keys above the element's number */
    struct fact *next;   /* of its page */
    uint8_t kind;        /* enum fact_kind */
    uint8_t page;
    uint8_t text_bytes;
    char text[];         /* JSON's, between the quotes; TEXT_OVERRUN bytes behind it are readable */
};

/*
 * Facts go to the journal and to other collectors in pages: all of a session whose key hashes to the page's number,
 * which is in an event where templates have their id. No template has an id below 256.
 */
#define FACT_PAGES      64
#define FACT_PAGE_LEAST 1 /* id of the first page */
#define FACT_PAGE_MOST  61440u /* bytes; what a page does not hold is not kept */

static inline bool event_is_facts(const struct template_event *event)
{
    return event->id >= FACT_PAGE_LEAST && event->id < FACT_PAGE_LEAST + FACT_PAGES;
}

struct fact_slot {
    uint64_t key;
    struct fact *fact; /* NULL: free */
};

/* A session's facts, in open addressing. */
struct facts {
    struct fact_slot *slots;
    uint32_t slot_mask;           /* slots there are, less one; never more than half are taken */
    uint32_t count;
    uint32_t counts[FACT_KINDS];  /* of each kind: who finds none need not look */
    uint64_t seed;                /* secret, so that senders cannot make probes long */
    struct template_stamp stamp;  /* of the message that changed one last */
    uint16_t source_port;         /* that it came from */
    bool renamed;                 /* a name of an element, or a property, is new: templates are to be compiled anew */
    uint64_t dirty;               /* bits by page: the journal was not told yet */
    uint64_t said;                /* the journal has it */
    int64_t said_ns;              /* when it was told last */
    struct fact *pages[FACT_PAGES];
};

/* NULL for want of memory. */
struct facts *facts_new(struct heap *heap, uint64_t seed);
void facts_free(struct facts *facts, struct heap *heap); /* facts may be NULL */

static inline uint64_t fact_hash(const struct facts *facts, uint8_t kind, uint64_t key)
{
    unsigned __int128 product = (unsigned __int128)(key ^ facts->seed) * (0x9e3779b97f4a7c15u + 2u * kind);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* NULL: nothing is known. */
static inline const struct fact *facts_find(const struct facts *facts, enum fact_kind kind, uint64_t key)
{
    if (!facts->counts[kind])
        return NULL;
    for (uint64_t at = fact_hash(facts, kind, key);; at++) {
        const struct fact_slot *slot = &facts->slots[at & facts->slot_mask];
        if (!slot->fact)
            return NULL;
        if (slot->key == key && slot->fact->kind == kind)
            return slot->fact;
    }
}

/* A fact to be kept. */
struct fact_view {
    uint64_t key;
    uint64_t number;
    const char *text; /* JSON's, without the quotes */
    uint8_t text_bytes;
    uint8_t kind;
};

enum fact_verdict {
    FACT_SAME,
    FACT_LEARNED,
    FACT_CHANGED,
    FACT_OVER_CAP, /* there are `most` facts */
    FACT_NO_MEMORY, /* what was known before is forgotten, for it is wrong now */
};

/* Keeps the fact, in the place of what was known. A page that changes is dirty then. */
enum fact_verdict facts_put(struct facts *facts, struct heap *heap, const struct fact_view *view, uint32_t most);

/* Forgets what is known of the key. False: nothing is. */
bool facts_drop(struct facts *facts, struct heap *heap, enum fact_kind kind, uint64_t key);

/* The text as JSON has it, cut at a character's end where it is longer than FACT_TEXT_MOST. Returns its bytes; `to` has
   FACT_TEXT_ROOM. */
#define FACT_TEXT_ROOM (6 * 256 + 64)
uint8_t fact_text_write(char *to, const uint8_t *bytes, uint32_t length);

static inline uint64_t rate_number(const struct rate *rate)
{
    return (uint64_t)rate->population << 32 | rate->size;
}

static inline struct rate fact_rate(const struct fact *fact)
{
    return (struct rate){.population = (uint32_t)(fact->number >> 32), .size = (uint32_t)fact->number};
}

struct decoder;

/* What is known of the exporter of a chunk of records; as long as the chunk is valid. */
struct known {
    const struct facts *own;             /* of the records' session; NULL: none */
    const struct facts *general;         /* of the exporter's domain 0, which says what holds for all (RFC 7011 3.1) */
    struct decoder *decoder;             /* whose templates lists name: decoder_list_plan(); NULL: none */
    const struct exporter_rates *rates;  /* of the configuration: decode/exporter_rates.h */
    uint16_t template_id;                /* of the records; 0: they have none */
};

static inline const struct fact *known_find(const struct known *known, enum fact_kind kind, uint64_t key)
{
    const struct fact *fact = known->own ? facts_find(known->own, kind, key) : NULL;
    return fact || !known->general ? fact : facts_find(known->general, kind, key);
}

/* --- pages: decode/fact_page.c --- */

/* The page as an event's record. Returns its bytes; 0: there is nothing in it. `to` has FACT_PAGE_MOST.
   *left_out: facts without room. */
uint16_t fact_page_write(uint8_t *to, const struct facts *facts, uint32_t page, uint32_t *left_out);

/* A page of the facts of both events' pages, as far as there is room; of one key the first's. Returns its bytes. */
uint16_t fact_pages_merge(uint8_t *to, const struct template_event *first, const struct template_event *second);

/* Is the record a page of sound facts? It may be from anywhere. */
bool fact_page_check(const uint8_t *record, uint32_t size_bytes);

/* The fact at *at of a record that was checked, and *at behind it; false at the end. */
bool fact_page_next(const uint8_t *record, uint32_t size_bytes, uint32_t *at, struct fact_view *view);
