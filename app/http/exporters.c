/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/exporters.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/http/json.h"
#include "app/http/query.h"
#include "app/ledger_json.h"
#include "decode/plan.h"

/* ---- one exporter ---- */

const char *version_name(uint32_t version)
{
    static const char *const names[] = {
        [1] = "v1", [5] = "v5", [6] = "v6", [7] = "v7", [8] = "v8", [9] = "v9", [10] = "ipfix",
        [VERSION_SFLOW] = "sflow"};
    return version < sizeof names / sizeof names[0] ? names[version] : NULL;
}

void version_print(FILE *stream, const char *name, uint32_t version)
{
    fprintf(stream, ",\"%s\":\"%s\"", name, version_name(version));
}

static void versions_print(FILE *stream, uint32_t versions)
{
    bool any = false;
    fputs(",\"versions\":[", stream);
    for (uint32_t version = 0; version < 32; version++) {
        if (!(versions & 1U << version) || !version_name(version))
            continue;
        fprintf(stream, "%s\"%s\"", any ? "," : "", version_name(version));
        any = true;
    }
    fputc(']', stream);
}

static void clock_print(FILE *stream, const struct exporter_view *exporter)
{
    if (exporter->clock_skew_ms == SKEW_UNKNOWN)
        fputs(",\"clock_skew_ms\":null", stream);
    else
        fprintf(stream, ",\"clock_skew_ms\":%" PRId64, exporter->clock_skew_ms);
    fprintf(stream, ",\"clock_off\":%s", exporter->clock_off ? "true" : "false");
}

/* Its part of the ledger: an exporter has datagrams, sets and records. */
static void units_print(FILE *stream, const struct exporter_view *exporter)
{
    static const enum counter_unit units[] = {UNIT_DATAGRAMS, UNIT_SETS, UNIT_RECORDS};
    fputs(",\"units\":{", stream);
    for (unsigned i = 0; i < sizeof units / sizeof units[0]; i++) {
        struct ledger_unit unit = {.waiting = units[i] == UNIT_RECORDS ? exporter->records_in_flight : 0};
        ledger_unit_add(&unit, units[i], exporter->counts, COUNTER_EXPORTER_COUNT);
        fputs(i ? "," : "", stream);
        ledger_json_unit(stream, counter_unit_name(units[i]), &unit);
    }
    fputs("},", stream);
}

void exporter_print(FILE *stream, const struct exporter_view *exporter, uint32_t worker, bool sparse)
{
    char endpoint[ENDPOINT_TEXT_MOST], address[ADDRESS_TEXT_MOST];
    endpoint_format(&exporter->endpoint, endpoint);
    address_format(&exporter->endpoint.address, address);
    fprintf(stream, "{\"exporter\":\"%s\",\"address\":\"%s\",\"port\":%u,\"transport\":\"%s\",\"worker\":%u", endpoint,
            address, exporter->endpoint.port, transport_name(exporter->transport), worker);
    json_time(stream, "first_seen", exporter->first_ns);
    json_time(stream, "last_seen", exporter->seen_ns);
    if (exporter->ended_ns)
        json_time(stream, "ended", exporter->ended_ns);
    versions_print(stream, exporter->versions);
    clock_print(stream, exporter);
    fprintf(stream, ",\"templates\":%u,\"in_flight\":%" PRIu64, exporter->template_count, exporter->records_in_flight);
    units_print(stream, exporter);
    ledger_json_counters(stream, exporter->counts, COUNTER_EXPORTER_COUNT, sparse);
    fputc('}', stream);
}

/* ---- the list ---- */

static uint64_t key_first_seen(const struct exporter_view *exporter)
{
    return (uint64_t)exporter->first_ns;
}

static uint64_t key_last_seen(const struct exporter_view *exporter)
{
    return (uint64_t)exporter->seen_ns;
}

static uint64_t key_templates(const struct exporter_view *exporter)
{
    return exporter->template_count;
}

static uint64_t key_in_flight(const struct exporter_view *exporter)
{
    return exporter->records_in_flight;
}

/* Whichever way it is off. */
static uint64_t key_clock_skew(const struct exporter_view *exporter)
{
    int64_t skew_ms = exporter->clock_skew_ms;
    return skew_ms == SKEW_UNKNOWN ? 0 : (uint64_t)(skew_ms < 0 ? -skew_ms : skew_ms);
}

static uint64_t dropped(const struct exporter_view *exporter, enum counter_unit of)
{
    struct ledger_unit unit = {0};
    ledger_unit_add(&unit, of, exporter->counts, COUNTER_EXPORTER_COUNT);
    return unit.dropped;
}

static uint64_t key_dropped_datagrams(const struct exporter_view *exporter)
{
    return dropped(exporter, UNIT_DATAGRAMS);
}

static uint64_t key_dropped_sets(const struct exporter_view *exporter)
{
    return dropped(exporter, UNIT_SETS);
}

static uint64_t key_dropped_records(const struct exporter_view *exporter)
{
    return dropped(exporter, UNIT_RECORDS);
}

/* By address and port alone: the key of all is the same. */
static uint64_t key_exporter(const struct exporter_view *exporter)
{
    (void)exporter;
    return 0;
}

/* What to sort by: one of these, or a counter. */
struct sorting {
    uint64_t (*key)(const struct exporter_view *exporter); /* NULL: the counter */
    uint32_t counter;
};

static bool sorting_find(const char *name, struct sorting *sorting)
{
    static const struct {
        const char *name;
        uint64_t (*key)(const struct exporter_view *exporter);
    } keys[] = {
        {"exporter", key_exporter},
        {"first_seen", key_first_seen},
        {"last_seen", key_last_seen},
        {"templates", key_templates},
        {"in_flight", key_in_flight},
        {"clock_skew_ms", key_clock_skew},
        {"dropped_datagrams", key_dropped_datagrams},
        {"dropped_sets", key_dropped_sets},
        {"dropped_records", key_dropped_records},
    };
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        *sorting = (struct sorting){.key = keys[i].key};
        if (strcmp(name, keys[i].name) == 0)
            return true;
    }
    for (uint32_t i = 0; i < COUNTER_EXPORTER_COUNT; i++) {
        *sorting = (struct sorting){.counter = i};
        if (strcmp(name, counter_rows[i].name) == 0)
            return true;
    }
    return false;
}

/* An exporter in the list: enough to sort it and to find it again. */
struct entry {
    uint64_t key;
    struct endpoint endpoint;
    uint32_t slot, generation, worker;
};

struct entry_list {
    struct entry *items;
    uint32_t count, room;
    uint32_t total; /* those left out by the filter as well */
};

static int endpoint_compare(const struct endpoint *one, const struct endpoint *other)
{
    int difference = memcmp(one->address.bytes, other->address.bytes, sizeof one->address.bytes);
    return difference ? difference : (int)one->port - (int)other->port;
}

struct order {
    bool by_exporter;
    bool descending;
};

/* Equal ones stand by address in either order, so that pages fit together. */
static int entry_compare(const void *one, const void *other, void *argument)
{
    const struct entry *first = one, *second = other;
    const struct order *order = argument;
    if (first->key == second->key) {
        int difference = endpoint_compare(&first->endpoint, &second->endpoint);
        return order->by_exporter && order->descending ? -difference : difference;
    }
    return (first->key < second->key) == order->descending ? 1 : -1;
}

static void worker_list(struct entry_list *list, const struct exporters *exporters, uint32_t worker,
                        const struct sorting *sorting, const struct query_network *network)
{
    struct exporter_view view;
    uint32_t slots = exporters_slots_used(exporters);
    for (uint32_t slot = 0; slot < slots && list->count < list->room; slot++) {
        if (!exporters_look(exporters, slot, &view))
            continue;
        list->total++;
        if (!query_network_contains(network, &view.endpoint.address))
            continue;
        list->items[list->count++] = (struct entry){.key = sorting->key ? sorting->key(&view)
                                                                        : view.counts[sorting->counter],
                                                    .endpoint = view.endpoint,
                                                    .slot = slot,
                                                    .generation = view.generation,
                                                    .worker = worker};
    }
}

/* False without memory. More exporters than were known at the beginning are for the next request. */
static bool entries_list(struct entry_list *list, const struct crew *crew, const struct sorting *sorting,
                         const struct query_network *network)
{
    uint32_t workers = crew_worker_count(crew);
    for (uint32_t i = 0; i < workers; i++)
        list->room += exporters_count(worker_exporters(crew_worker(crew, i)));
    list->items = malloc((list->room + 1) * sizeof *list->items);
    for (uint32_t i = 0; i < workers && list->items; i++)
        worker_list(list, worker_exporters(crew_worker(crew, i)), i, sorting, network);
    return list->items;
}

static void entries_print(FILE *stream, const struct crew *crew, const struct entry_list *list,
                          const struct query_slice *slice)
{
    struct exporter_view view;
    bool any = false;
    for (uint64_t i = slice->offset; i < list->count && i < slice->offset + slice->limit; i++) {
        const struct entry *entry = &list->items[i];
        const struct exporters *exporters = worker_exporters(crew_worker(crew, entry->worker));
        if (!exporters_look(exporters, entry->slot, &view) || view.generation != entry->generation)
            continue; /* it was forgotten meanwhile */
        fputs(any ? "," : "", stream);
        exporter_print(stream, &view, entry->worker, true);
        any = true;
    }
}

void page_exporters(const struct http_request *request, struct http_page *page)
{
    const struct http_site *site = request_site(request);
    struct query_slice slice = {.sort = "records_received", .descending = true};
    struct query_network network;
    struct entry_list list = {0};
    struct sorting sorting;
    if (!query_slice(request, page, &slice) || !query_network(request, page, &network))
        return;
    if (!sorting_find(slice.sort, &sorting)) {
        page_fail(page, 400, "sort is to be exporter, first_seen, last_seen, templates, in_flight, clock_skew_ms, "
                             "dropped_datagrams, dropped_sets, dropped_records, or a counter of scope exporter, see "
                             "/api/counters");
        return;
    }
    if (!entries_list(&list, site->collector->crew, &sorting, &network)) {
        page_fail(page, 503, "there is no memory for the list");
        return;
    }
    struct order order = {.by_exporter = sorting.key == key_exporter, .descending = slice.descending};
    qsort_r(list.items, list.count, sizeof *list.items, entry_compare, &order);
    json_begin(page->stream, site);
    fprintf(page->stream, ",\"total\":%u,\"matched\":%u", list.total, list.count);
    query_slice_print(page->stream, &slice);
    fputs(",\"exporters\":[", page->stream);
    entries_print(page->stream, site->collector->crew, &list, &slice);
    fputs("]}\n", page->stream);
    free(list.items);
}

/* ---- one address ---- */

/* "192.0.2.1", "2001:db8::1", "192.0.2.1:2055", "[2001:db8::1]:2055". with_port says which. */
static bool rest_parse(const char *text, struct endpoint *endpoint, bool *with_port)
{
    *with_port = false;
    if (address_parse(text, &endpoint->address))
        return true;
    *with_port = *text != ':' && endpoint_parse(text, endpoint);
    return *with_port;
}

static bool is_meant(const struct exporter_view *view, const struct endpoint *endpoint, bool with_port)
{
    return address_equal(&view->endpoint.address, &endpoint->address) &&
           (!with_port || view->endpoint.port == endpoint->port);
}

/* Returns how many there are. */
static uint32_t meant_print(FILE *stream, const struct crew *crew, const struct endpoint *endpoint, bool with_port)
{
    struct exporter_view view;
    uint32_t count = 0;
    for (uint32_t worker = 0; worker < crew_worker_count(crew); worker++) {
        const struct exporters *exporters = worker_exporters(crew_worker(crew, worker));
        uint32_t slots = exporters_slots_used(exporters);
        for (uint32_t slot = 0; slot < slots && count < QUERY_LIMIT_MOST; slot++) {
            if (!exporters_look(exporters, slot, &view) || !is_meant(&view, endpoint, with_port))
                continue;
            fputs(count++ ? "," : "", stream);
            exporter_print(stream, &view, worker, false);
        }
    }
    return count;
}

void page_exporter(const struct http_request *request, struct http_page *page)
{
    const struct http_site *site = request_site(request);
    struct endpoint endpoint;
    bool with_port;
    if (!rest_parse(request_rest(request), &endpoint, &with_port)) {
        page_fail(page, 400, "behind /api/exporters/ stands ADDRESS, ADDRESS:PORT or [IPV6]:PORT");
        return;
    }
    json_begin(page->stream, site);
    fputs(",\"exporters\":[", page->stream);
    if (!meant_print(page->stream, site->collector->crew, &endpoint, with_port)) {
        page_fail(page, 404, "no datagram came from there, or none for a long time");
        return;
    }
    fputc(']', page->stream);
    templates_of_address(page->stream, site, &endpoint.address);
    fputs("}\n", page->stream);
}
