/* SPDX-License-Identifier: Apache-2.0 */
#include "export/outlet.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"

#define WAIT_MOST_MS 100 /* a worker that waits for a batch looks this often whether it still should */

/* ---- making ---- */

/* Whether a target's name tells the kinds apart: then no batch may hold documents of two. */
static bool kinds_named(const struct output_config *output)
{
    const char *pattern = output->kind == OUTPUT_KAFKA ? output->kafka.topic
                          : output->kind == OUTPUT_ELASTICSEARCH || output->kind == OUTPUT_OPENSEARCH
                              ? output->elastic.index
                              : NULL;
    return pattern && strstr(pattern, "%{kind}");
}

static bool routes_same(const struct route *one, const struct route *other)
{
    return one->feed_count == other->feed_count &&
           memcmp(one->feeds, other->feeds, one->feed_count * sizeof *one->feeds) == 0;
}

/* One route for kinds that go to the same outputs keeps their documents in the order of the records. */
static void routes_init(struct outlet *outlet, const struct config *config)
{
    bool apart = false;
    for (uint32_t kind = 0; kind < DOCUMENT_KINDS; kind++) {
        struct route *route = &outlet->routes[kind];
        for (uint32_t i = 0; i < outlet->feed_count; i++) {
            apart |= kinds_named(&config->outputs[i]);
            if (config->outputs[i].kinds & 1U << kind)
                route->feeds[route->feed_count++] = &outlet->feeds[i];
        }
        outlet->route_of[kind] = !route->feed_count ? NULL
                                 : !apart && routes_same(&outlet->routes[0], route) ? &outlet->routes[0]
                                                                                    : route;
    }
}

int outlet_init(struct outlet *outlet, const struct config *config, const struct memory *memory, uint32_t worker)
{
    outlet->batch_age_ns = (int64_t)config->output.batch_age;
    outlet->memory = memory_worker_at(&memory->layout, memory->base, worker);
    int error = wakeup_open(&outlet->wakeup);
    if (!error)
        error = batch_pool_init(&outlet->pool, memory, worker);
    for (uint32_t i = 0; i < outlet->feed_count && !error; i++) {
        outlet->feeds[i].worker_wakeup = &outlet->wakeup;
        outlet->feeds[i].output_number = i;
        outlet->feeds[i].counters = &outlet->memory->feeds[i];
        error = feed_init(&outlet->feeds[i], config->outputs[i].batches, outlet->pool.batches);
    }
    routes_init(outlet, config);
    return error;
}

void outlet_fini(struct outlet *outlet)
{
    for (uint32_t i = 0; i < outlet->feed_count; i++)
        feed_fini(&outlet->feeds[i]);
    batch_pool_fini(&outlet->pool);
    wakeup_close(&outlet->wakeup);
}

void outlet_touch(const struct outlet *outlet)
{
    batch_pool_touch(&outlet->pool);
}

/* ---- settling ---- */

/* The exporter of a share that the spool read back, if it is still known. */
static struct exporter *share_exporter(struct outlet *outlet, const struct share *share)
{
    if (share->exporter || !outlet->exporters)
        return share->exporter;
    return exporters_find(outlet->exporters, share->endpoint, exporters_hash(outlet->exporters, share->endpoint));
}

static void count_nonzero(_Atomic uint64_t *values, enum counter counter, uint32_t count)
{
    if (count)
        counter_bump(&values[counter], count);
}

static uint32_t settled_sum(_Atomic uint64_t *values, const struct share *share, enum counter failed_as)
{
    uint32_t delivered = share->count - share->refused - share->failed - share->spooled;
    count_nonzero(values, COUNTER_records_delivered, delivered);
    count_nonzero(values, COUNTER_records_refused, share->refused);
    count_nonzero(values, failed_as, share->failed);
    return share->count - share->spooled;
}

static void batch_settle(struct outlet *outlet, struct feed *feed, const struct batch *batch)
{
    bool own = batch->body != NULL;
    for (uint32_t i = 0; i < batch->share_count; i++) {
        const struct share *share = &batch->shares[i];
        struct exporter *exporter = share_exporter(outlet, share);
        if (exporter)
            settled_sum(exporter->counters.value, share, batch->failed_as);
        if (own)
            counter_bump(&exporter->records_in_flight, -(uint64_t)share->count);
    }
    struct share sum = {
        .count = batch->count, .refused = batch->refused, .failed = batch->failed, .spooled = batch->spooled};
    settled_sum(outlet->counters->value, &sum, batch->failed_as);
    settled_sum(feed->counters->value, &sum, batch->failed_as);
    if (own)
        feed->in_flight -= batch->count;
}

static void body_release(struct outlet *outlet, struct batch *body)
{
    if (--body->views == 0)
        batch_pool_give(&outlet->pool, body);
}

static void feed_collect_all(struct outlet *outlet, struct feed *feed)
{
    struct batch *batch;
    while ((batch = feed_collect(feed))) {
        batch_settle(outlet, feed, batch);
        if (batch->body) {
            body_release(outlet, batch->body);
            feed_give(feed, batch);
        } else {
            feed_settled(feed, batch);
        }
    }
    feed_publish(feed);
}

static uint64_t open_documents(const struct outlet *outlet)
{
    uint64_t documents = 0;
    for (uint32_t i = 0; i < DOCUMENT_KINDS; i++) {
        const struct route *route = &outlet->routes[i];
        documents += route->open ? route->open->count : 0; /* its copies are counted when it is sealed */
    }
    return documents;
}

void outlet_collect(struct outlet *outlet)
{
    for (uint32_t i = 0; i < outlet->feed_count; i++)
        feed_collect_all(outlet, &outlet->feeds[i]);
    /* Relaxed: a number to look at, which orders nothing. */
    atomic_store_explicit(&outlet->open_documents, open_documents(outlet), memory_order_relaxed);
}

uint64_t outlet_waiting(const struct outlet *outlet)
{
    uint64_t documents = atomic_load_explicit(&outlet->open_documents, memory_order_relaxed);
    for (uint32_t i = 0; i < outlet->feed_count; i++)
        documents += atomic_load_explicit(&outlet->feeds[i].waiting, memory_order_relaxed);
    return documents;
}

/* ---- batches out ---- */

/* An output has no view left for a batch that is full: it misses it. */
static void batch_miss(struct outlet *outlet, struct feed *feed, const struct batch *body)
{
    for (uint32_t i = 0; i < body->share_count; i++) {
        const struct share *share = &body->shares[i];
        counter_bump(&share->exporter->counters.value[COUNTER_records_no_batch], share->count);
        counter_bump(&share->exporter->records_in_flight, -(uint64_t)share->count);
    }
    counter_add(outlet->counters, COUNTER_records_no_batch, body->count);
    counter_add(feed->counters, COUNTER_records_received, body->count);
    counter_add(feed->counters, COUNTER_records_no_batch, body->count);
    owed_set(&body->mark->owed[feed->output_number], OWED_NOTHING);
}

/* Every output after the first has the same documents once more. */
static void copies_count(struct outlet *outlet, const struct batch *body, uint32_t more)
{
    if (!more)
        return;
    for (uint32_t i = 0; i < body->share_count; i++)
        counter_bump(&body->shares[i].exporter->counters.value[COUNTER_records_copied], body->shares[i].count * more);
    counter_add(outlet->counters, COUNTER_records_copied, (uint64_t)body->count * more);
}

static void route_seal(struct outlet *outlet, struct route *route)
{
    struct batch *body = route->open;
    if (!body || !body->count)
        return;
    route->open = NULL;
    body->sealed_ns = clock_utc_ns();
    atomic_store_explicit(&body->mark->sealed_ns, body->sealed_ns, memory_order_release);
    if (!body->opened_ns)
        body->opened_ns = clock_steady_ns(); /* filled within one burst */
    if (route->pads)
        batch_pad(body);
    batch_publish(body);
    route->documents += body->count;
    copies_count(outlet, body, route->feed_count - 1);
    body->views = 1; /* the route's own, until all have theirs */
    for (uint32_t i = 0; i < route->feed_count; i++) {
        if (route->views[i])
            feed_send(route->feeds[i], route->views[i], body);
        else
            batch_miss(outlet, route->feeds[i], body);
        route->views[i] = NULL;
    }
    body_release(outlet, body);
}

void outlet_seal(struct outlet *outlet, enum document_kind kind)
{
    if (outlet->route_of[kind])
        route_seal(outlet, outlet->route_of[kind]);
}

void outlet_seal_all(struct outlet *outlet)
{
    for (uint32_t i = 0; i < DOCUMENT_KINDS; i++)
        route_seal(outlet, &outlet->routes[i]);
}

static void outlet_wake(struct outlet *outlet)
{
    for (uint32_t i = 0; i < outlet->feed_count; i++)
        feed_wake(&outlet->feeds[i]);
}

/* ---- batches in ---- */

/* Reserves a view of each output that has one left; returns how many. */
static uint32_t views_reserve(struct route *route)
{
    uint32_t reserved = 0;
    for (uint32_t i = 0; i < route->feed_count; i++) {
        if (!route->views[i])
            route->views[i] = feed_take(route->feeds[i]);
        reserved += route->views[i] != NULL;
    }
    return reserved;
}

static bool route_reserve(struct outlet *outlet, struct route *route, uint32_t least)
{
    uint32_t reserved = views_reserve(route);
    if (reserved < route->feed_count) {
        outlet_collect(outlet);
        reserved = views_reserve(route);
    }
    return reserved >= least;
}

static bool waiting_ends(const struct outlet *outlet)
{
    return atomic_load_explicit(outlet->stop_waiting, memory_order_relaxed);
}

static bool route_wait(struct outlet *outlet, struct route *route)
{
    struct pollfd entry = {.fd = outlet->wakeup.fd, .events = POLLIN};
    bool reserved = false;
    outlet_wake(outlet);
    while (!reserved && !waiting_ends(outlet)) {
        wakeup_raise(&outlet->wakeup);
        reserved = route_reserve(outlet, route, route->feed_count);
        if (!reserved)
            poll(&entry, 1, WAIT_MOST_MS);
        wakeup_lower(&outlet->wakeup);
    }
    return reserved;
}

/* An empty body, whose mark says who will have it. */
static struct batch *route_open(struct outlet *outlet, struct route *route, enum document_kind kind)
{
    struct batch *body = batch_pool_take(&outlet->pool);
    assert(body);
    uint32_t number = (uint32_t)(route - outlet->routes);
    atomic_store_explicit(&outlet->memory->placed[number], route->documents, memory_order_release);
    mark_begin(body->mark, number, route->documents, kind);
    for (uint32_t i = 0; i < route->feed_count; i++)
        owed_set(&body->mark->owed[route->feeds[i]->output_number], route->views[i] ? OWED_MEMORY : OWED_MISSED);
    body->kind = (uint8_t)kind;
    return body;
}

struct batch *outlet_batch(struct outlet *outlet, enum document_kind kind, bool wait)
{
    struct route *route = outlet->route_of[kind];
    if (__builtin_expect(!route, 0))
        return NULL;
    struct batch *batch = route->open;
    if (batch && batch->count < batch->most && batch->share_count < batch->share_most)
        return batch;
    route_seal(outlet, route);
    if (!route_reserve(outlet, route, wait ? route->feed_count : 1) && !(wait && route_wait(outlet, route)))
        return NULL;
    route->open = route_open(outlet, route, kind);
    return route->open;
}

void outlet_drop(struct outlet *outlet, enum document_kind kind, struct exporter *exporter, uint32_t count)
{
    const struct route *route = outlet->route_of[kind];
    uint32_t copies = route ? route->feed_count : 1;
    enum counter reason = route ? COUNTER_records_no_batch : COUNTER_records_no_output;
    counter_bump(&outlet->memory->unplaced, count);
    for (uint32_t i = 0; route && i < route->feed_count; i++) {
        counter_add(route->feeds[i]->counters, COUNTER_records_received, count);
        counter_add(route->feeds[i]->counters, reason, count);
    }
    counter_add(outlet->counters, reason, (uint64_t)count * copies);
    counter_add(outlet->counters, COUNTER_records_copied, (uint64_t)count * (copies - 1));
    counter_bump(&exporter->counters.value[reason], (uint64_t)count * copies);
    counter_bump(&exporter->counters.value[COUNTER_records_copied], (uint64_t)count * (copies - 1));
}

static void route_age(struct outlet *outlet, struct route *route, int64_t steady_ns)
{
    struct batch *batch = route->open;
    if (!batch || !batch->count)
        return;
    if (!batch->opened_ns)
        batch->opened_ns = steady_ns;
    else if (steady_ns - batch->opened_ns >= outlet->batch_age_ns)
        route_seal(outlet, route);
}

void outlet_housekeep(struct outlet *outlet, int64_t steady_ns)
{
    for (uint32_t i = 0; i < DOCUMENT_KINDS; i++)
        route_age(outlet, &outlet->routes[i], steady_ns);
    outlet_wake(outlet);
    outlet_collect(outlet);
}
