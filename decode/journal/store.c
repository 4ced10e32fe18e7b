/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/journal/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"
#include "decode/journal/record.h"

#define BUCKETS_LEAST 256u
#define SPLIT         (STORE_NONE - 1) /* in a definition's place: CHANGE_SPLIT */

/* An array that grows, of things that are chained in buckets by hash: as many buckets as there may be things. */
struct table {
    void *items;
    uint32_t *buckets; /* index of the first, or STORE_NONE */
    uint32_t count;
    uint32_t most;     /* a power of two, or 0 */
    uint32_t item_bytes;
};

struct stored_session {
    struct session_key key;
    uint32_t first; /* template */
    uint32_t next;  /* in its bucket */
    uint32_t taken; /* its worker's */
};

struct stored_template {
    uint32_t session;
    uint32_t definition; /* STORE_NONE: removed; SPLIT */
    uint32_t time_s;     /* UTC: enough until 2106 */
    struct template_stamp stamp;
    uint16_t id;
    uint16_t source_port;
    uint32_t sibling;    /* of the session */
    uint32_t next;       /* in its bucket */
};

struct stored_definition {
    uint64_t offset;
    uint16_t bytes;
    bool options;
    uint32_t next; /* in its bucket */
};

struct template_store {
    uint64_t seed;
    struct table sessions, templates, definitions;
    uint8_t *bytes; /* of all definitions */
    uint64_t bytes_count, bytes_most;
    uint64_t live_bytes;
    uint32_t live_count;
};

struct template_store *template_store_new(void)
{
    struct template_store *store = calloc(1, sizeof *store);
    if (!store)
        return NULL;
    store->sessions.item_bytes = sizeof(struct stored_session);
    store->templates.item_bytes = sizeof(struct stored_template);
    store->definitions.item_bytes = sizeof(struct stored_definition);
    if (getrandom(&store->seed, sizeof store->seed, 0) == sizeof store->seed)
        return store;
    free(store);
    return NULL;
}

static void table_fini(struct table *table)
{
    free(table->items);
    free(table->buckets);
}

void template_store_free(struct template_store *store)
{
    if (!store)
        return;
    table_fini(&store->sessions);
    table_fini(&store->templates);
    table_fini(&store->definitions);
    free(store->bytes);
    free(store);
}

static struct stored_session *session_at(const struct template_store *store, uint32_t index)
{
    return (struct stored_session *)store->sessions.items + index;
}

static struct stored_template *template_at(const struct template_store *store, uint32_t index)
{
    return (struct stored_template *)store->templates.items + index;
}

static struct stored_definition *definition_at(const struct template_store *store, uint32_t index)
{
    return (struct stored_definition *)store->definitions.items + index;
}

static uint64_t session_hash(const struct template_store *store, const struct session_key *key)
{
    return XXH3_64bits_withSeed(key, sizeof *key, store->seed);
}

static uint64_t template_hash(const struct template_store *store, uint32_t session, uint16_t id)
{
    struct {
        uint32_t session, id;
    } key = {session, id};
    return XXH3_64bits_withSeed(&key, sizeof key, store->seed);
}

static uint64_t definition_hash(const struct template_store *store, const uint8_t *bytes, uint16_t size_bytes)
{
    return XXH3_64bits_withSeed(bytes, size_bytes, store->seed);
}

/* --- tables --- */

static uint32_t *bucket_of(const struct table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->most - 1)];
}

static void chain(struct table *table, uint64_t hash, uint32_t index, uint32_t *next)
{
    uint32_t *bucket = bucket_of(table, hash);
    *next = *bucket;
    *bucket = index;
}

/* Room for one more. Returns whether the buckets are new and empty: 1, 0, or -1 for want of memory. */
static int table_grow(struct table *table)
{
    if (table->count < table->most)
        return 0;
    uint32_t most = table->most ? 2 * table->most : BUCKETS_LEAST;
    if (most < table->most)
        return -1;
    void *items = realloc(table->items, (size_t)most * table->item_bytes);
    if (!items)
        return -1;
    table->items = items;
    uint32_t *buckets = malloc((size_t)most * sizeof *buckets);
    if (!buckets)
        return -1;
    memset(buckets, 0xff, (size_t)most * sizeof *buckets);
    free(table->buckets);
    table->buckets = buckets;
    table->most = most;
    return 1;
}

static bool sessions_grow(struct template_store *store)
{
    int grown = table_grow(&store->sessions);
    for (uint32_t i = 0; grown > 0 && i < store->sessions.count; i++) {
        struct stored_session *session = session_at(store, i);
        chain(&store->sessions, session_hash(store, &session->key), i, &session->next);
    }
    return grown >= 0;
}

static bool templates_grow(struct template_store *store)
{
    int grown = table_grow(&store->templates);
    for (uint32_t i = 0; grown > 0 && i < store->templates.count; i++) {
        struct stored_template *template = template_at(store, i);
        chain(&store->templates, template_hash(store, template->session, template->id), i, &template->next);
    }
    return grown >= 0;
}

static bool definitions_grow(struct template_store *store)
{
    int grown = table_grow(&store->definitions);
    for (uint32_t i = 0; grown > 0 && i < store->definitions.count; i++) {
        struct stored_definition *definition = definition_at(store, i);
        uint64_t hash = definition_hash(store, store->bytes + definition->offset, definition->bytes);
        chain(&store->definitions, hash, i, &definition->next);
    }
    return grown >= 0;
}

/* --- finding --- */

uint32_t template_store_session(const struct template_store *store, const struct session_key *key)
{
    if (!store->sessions.count)
        return STORE_NONE;
    uint32_t index = *bucket_of(&store->sessions, session_hash(store, key));
    while (index != STORE_NONE && !session_key_equal(&session_at(store, index)->key, key))
        index = session_at(store, index)->next;
    return index;
}

static uint32_t template_find(const struct template_store *store, uint32_t session, uint16_t id)
{
    if (session == STORE_NONE || !store->templates.count)
        return STORE_NONE;
    uint32_t index = *bucket_of(&store->templates, template_hash(store, session, id));
    while (index != STORE_NONE &&
           (template_at(store, index)->session != session || template_at(store, index)->id != id))
        index = template_at(store, index)->next;
    return index;
}

uint32_t template_store_find(const struct template_store *store, const struct session_key *key, uint16_t id)
{
    return template_find(store, template_store_session(store, key), id);
}

static bool definition_is(const struct template_store *store, uint32_t index, const struct template_event *event)
{
    const struct stored_definition *definition = definition_at(store, index);
    return definition->bytes == event->record_bytes && definition->options == event->options &&
           memcmp(store->bytes + definition->offset, event->record, event->record_bytes) == 0;
}

static uint32_t definition_find(const struct template_store *store, const struct template_event *event)
{
    if (!store->definitions.count)
        return STORE_NONE;
    uint32_t index =
        *bucket_of(&store->definitions, definition_hash(store, event->record, event->record_bytes));
    while (index != STORE_NONE && !definition_is(store, index, event))
        index = definition_at(store, index)->next;
    return index;
}

/* --- adding --- */

static bool bytes_reserve(struct template_store *store, uint32_t more)
{
    if (store->bytes_count + more <= store->bytes_most)
        return true;
    uint64_t most = store->bytes_most ? 2 * store->bytes_most : 64 << 10;
    while (most < store->bytes_count + more)
        most *= 2;
    uint8_t *bytes = realloc(store->bytes, most);
    if (!bytes)
        return false;
    store->bytes = bytes;
    store->bytes_most = most;
    return true;
}

static uint32_t definition_add(struct template_store *store, const struct template_event *event)
{
    uint32_t index = definition_find(store, event);
    if (index != STORE_NONE)
        return index;
    if (!bytes_reserve(store, event->record_bytes) || !definitions_grow(store))
        return STORE_NONE;
    index = store->definitions.count++;
    struct stored_definition *definition = definition_at(store, index);
    *definition = (struct stored_definition){
        .offset = store->bytes_count, .bytes = event->record_bytes, .options = event->options};
    memcpy(store->bytes + store->bytes_count, event->record, event->record_bytes);
    store->bytes_count += event->record_bytes;
    chain(&store->definitions, definition_hash(store, event->record, event->record_bytes), index, &definition->next);
    return index;
}

static uint32_t session_add(struct template_store *store, const struct session_key *key)
{
    uint32_t index = template_store_session(store, key);
    if (index != STORE_NONE)
        return index;
    if (!sessions_grow(store))
        return STORE_NONE;
    index = store->sessions.count++;
    struct stored_session *session = session_at(store, index);
    *session = (struct stored_session){.key = *key, .first = STORE_NONE};
    chain(&store->sessions, session_hash(store, key), index, &session->next);
    return index;
}

static uint32_t template_add(struct template_store *store, uint32_t session, uint16_t id)
{
    uint32_t index = template_find(store, session, id);
    if (index != STORE_NONE)
        return index;
    if (!templates_grow(store))
        return STORE_NONE;
    index = store->templates.count++;
    struct stored_template *template = template_at(store, index);
    *template = (struct stored_template){
        .session = session, .id = id, .definition = STORE_NONE, .sibling = session_at(store, session)->first};
    session_at(store, session)->first = index;
    chain(&store->templates, template_hash(store, session, id), index, &template->next);
    return index;
}

static void live_count(struct template_store *store, const struct stored_template *template, bool more)
{
    if (template->definition == STORE_NONE)
        return;
    uint32_t record_bytes = template->definition == SPLIT ? 0 : definition_at(store, template->definition)->bytes;
    uint64_t bytes = journal_record_bytes(record_bytes);
    store->live_bytes += more ? bytes : -bytes;
    store->live_count += more ? 1 : UINT32_MAX;
}

static uint32_t seconds_of(int64_t time_ns)
{
    int64_t seconds = time_ns / NS_PER_S;
    return seconds < 0 ? 0 : seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

bool template_store_put(struct template_store *store, const struct template_event *event)
{
    uint32_t definition = event->change == CHANGE_SPLIT ? SPLIT : STORE_NONE;
    if (event->change != CHANGE_REMOVED && event->change != CHANGE_SPLIT) {
        definition = definition_add(store, event);
        if (definition == STORE_NONE)
            return false;
    }
    uint32_t session = session_add(store, &event->key);
    uint32_t index = session == STORE_NONE ? STORE_NONE : template_add(store, session, event->id);
    if (index == STORE_NONE)
        return false;
    struct stored_template *template = template_at(store, index);
    live_count(store, template, false);
    template->definition = definition;
    template->time_s = seconds_of(event->time_ns);
    template->stamp = event->stamp;
    template->source_port = event->source_port;
    live_count(store, template, true);
    return true;
}

/* --- reading --- */

uint32_t template_store_slots(const struct template_store *store)
{
    return store->templates.count;
}

uint32_t template_store_count(const struct template_store *store)
{
    return store->live_count;
}

uint64_t template_store_live_bytes(const struct template_store *store)
{
    return store->live_bytes;
}

static size_t table_memory(const struct table *table)
{
    return (size_t)table->most * (table->item_bytes + sizeof *table->buckets);
}

size_t template_store_memory(const struct template_store *store)
{
    return sizeof *store + table_memory(&store->sessions) + table_memory(&store->templates) +
           table_memory(&store->definitions) + store->bytes_most;
}

bool template_store_at(const struct template_store *store, uint32_t slot, struct template_event *event)
{
    static const uint8_t nothing[1];
    const struct stored_template *template = template_at(store, slot);
    *event = (struct template_event){
        .key = session_at(store, template->session)->key,
        .time_ns = template->time_s * NS_PER_S,
        .stamp = template->stamp,
        .id = template->id,
        .source_port = template->source_port,
        .change = template->definition == SPLIT ? CHANGE_SPLIT : CHANGE_REMOVED,
        .record = nothing,
    };
    if (template->definition == STORE_NONE || template->definition == SPLIT)
        return template->definition == SPLIT;
    const struct stored_definition *definition = definition_at(store, template->definition);
    event->change = CHANGE_RENEWED;
    event->options = definition->options;
    event->record = store->bytes + definition->offset;
    event->record_bytes = definition->bytes;
    return true;
}

uint32_t template_store_first(const struct template_store *store, uint32_t session)
{
    return session_at(store, session)->first;
}

uint32_t template_store_next(const struct template_store *store, uint32_t slot)
{
    return template_at(store, slot)->sibling;
}

bool template_store_take(struct template_store *store, uint32_t session)
{
    struct stored_session *stored = session_at(store, session);
    bool first = !stored->taken;
    stored->taken = 1;
    return first;
}
