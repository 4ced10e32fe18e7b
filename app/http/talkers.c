/* SPDX-License-Identifier: Apache-2.0 */
#include "app/http/talkers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/http/json.h"
#include "app/http/query.h"
#include "base/clock.h"
#include "dataplane/talkers.h"
#include "dataplane/window.h"

#define EPOCHS_MOST   30  /* five minutes */
#define EPOCH_TALKERS 128 /* kept of each table */
#define SECONDS_EPOCH ((unsigned)(TALKERS_EPOCH_NS / NS_PER_S))
#define SECONDS_MOST  (EPOCHS_MOST * SECONDS_EPOCH)
#define GATHERED_MOST (EPOCHS_MOST * EPOCH_TALKERS)

static_assert(GATHERED_MOST >= EPOCH_TALKERS + TALKERS_PLACES, "a worker's table fits, too");

/* One epoch of all workers. */
struct slice {
    uint64_t epoch; /* 0: none */
    uint32_t interval;
    uint64_t counts[TALKER_MEASURES];
    uint64_t records;
    struct talker tables[TALKER_KINDS][TALKER_MEASURES][EPOCH_TALKERS]; /* the first that is free ends one */
};

struct top {
    struct slice slices[EPOCHS_MOST + 1]; /* by epoch; workers do not end one at the very same time */
    struct talker gathered[GATHERED_MOST];
    uint32_t gathered_count;
};

struct top *top_new(void)
{
    return calloc(1, sizeof(struct top));
}

void top_free(struct top *top)
{
    free(top);
}

/* ---- putting together ---- */

static void gather(struct top *top, const struct talker *talkers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (talkers[i].key.used)
            top->gathered[top->gathered_count++] = talkers[i];
}

static int key_compare(const void *one, const void *other)
{
    return memcmp(&((const struct talker *)one)->key, &((const struct talker *)other)->key, sizeof(struct talker_key));
}

static void talker_unite(struct talker *talker, const struct talker *other)
{
    for (uint32_t i = 0; i < TALKER_MEASURES; i++)
        talker->counts[i] = talkers_sum(talker->counts[i], other->counts[i]);
    talker->records = talkers_sum(talker->records, other->records);
    talker->over = talkers_sum(talker->over, other->over);
}

/* The highest first; equal ones by key, so that they do not change places. */
static int rank_compare(const void *one, const void *other, void *measure)
{
    uint32_t by = *(const enum talker_measure *)measure;
    uint64_t first = ((const struct talker *)one)->counts[by], second = ((const struct talker *)other)->counts[by];
    return first == second ? key_compare(one, other) : first < second ? 1 : -1;
}

/* Each once, and in order. */
static void rank(struct top *top, enum talker_measure by)
{
    struct talker *talkers = top->gathered;
    uint32_t kept = 0;
    qsort(talkers, top->gathered_count, sizeof *talkers, key_compare);
    for (uint32_t i = 0; i < top->gathered_count; i++) {
        if (kept && key_compare(&talkers[kept - 1], &talkers[i]) == 0)
            talker_unite(&talkers[kept - 1], &talkers[i]);
        else
            talkers[kept++] = talkers[i];
    }
    top->gathered_count = kept;
    qsort_r(talkers, kept, sizeof *talkers, rank_compare, &by);
}

static void table_add(struct top *top, struct talker *table, const struct talker *more, enum talker_measure by)
{
    top->gathered_count = 0;
    gather(top, table, EPOCH_TALKERS);
    gather(top, more, TALKERS_PLACES);
    rank(top, by);
    uint32_t count = top->gathered_count < EPOCH_TALKERS ? top->gathered_count : EPOCH_TALKERS;
    memcpy(table, top->gathered, count * sizeof *table);
}

static void book_add(struct top *top, const struct talkers_book *book)
{
    struct slice *slice = &top->slices[book->epoch % (EPOCHS_MOST + 1)];
    if (slice->epoch != book->epoch)
        memset(slice, 0, sizeof *slice);
    slice->epoch = book->epoch;
    slice->interval = book->interval > slice->interval ? book->interval : slice->interval;
    slice->records = talkers_sum(slice->records, book->records);
    for (uint32_t by = 0; by < TALKER_MEASURES; by++) {
        slice->counts[by] = talkers_sum(slice->counts[by], book->counts[by]);
        for (uint32_t kind = 0; kind < TALKER_KINDS; kind++)
            table_add(top, slice->tables[kind][by], book->tables[kind][by], by);
    }
}

void top_tick(struct http_site *site)
{
    if (site_phase(site) == HTTP_STARTING)
        return;
    const struct crew *crew = site->collector->crew;
    for (uint32_t i = 0; i < crew_worker_count(crew); i++) {
        struct talkers *talkers = worker_window(crew_worker(crew, i))->talkers;
        const struct talkers_book *book = talkers ? talkers_take(talkers) : NULL;
        if (book)
            book_add(site->top, book);
    }
}

/* ---- the page ---- */

/* The epochs before the one that goes on. */
struct epochs {
    uint64_t first, end;
};

static bool slice_is_in(const struct slice *slice, const struct epochs *range)
{
    return slice->epoch >= range->first && slice->epoch < range->end;
}

static void totals_print(FILE *stream, const struct top *top, const struct epochs *range)
{
    uint64_t counts[TALKER_MEASURES] = {0}, records = 0;
    uint32_t interval = 1;
    for (uint32_t i = 0; i < EPOCHS_MOST + 1; i++) {
        const struct slice *slice = &top->slices[i];
        if (!slice_is_in(slice, range))
            continue;
        for (uint32_t by = 0; by < TALKER_MEASURES; by++)
            counts[by] = talkers_sum(counts[by], slice->counts[by]);
        records = talkers_sum(records, slice->records);
        interval = slice->interval > interval ? slice->interval : interval;
    }
    fprintf(stream,
            ",\"one_in\":%u,\"bytes\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"records\":%" PRIu64, interval,
            counts[TALKER_BYTES], counts[TALKER_PACKETS], records);
}

static void talker_print(FILE *stream, const struct talker *talker, enum talker_kind kind)
{
    char address[ADDRESS_TEXT_MOST];
    if (kind == TALKER_SERVICE) {
        fprintf(stream, "{\"protocol\":%u,\"port\":%u", talker->key.protocol, talker->key.port);
    } else {
        address_format(&talker->key.address, address);
        fprintf(stream, "{\"address\":\"%s\"", address);
    }
    fprintf(stream,
            ",\"bytes\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"records\":%" PRIu64 ",\"over\":%" PRIu64 "}",
            talker->counts[TALKER_BYTES], talker->counts[TALKER_PACKETS], talker->records, talker->over);
}

static void kind_print(FILE *stream, struct top *top, const struct epochs *range, enum talker_kind kind, uint64_t limit)
{
    static const char *const kinds[] = {"sources", "destinations", "services", "exporters"};
    static const char *const measures[] = {"by_bytes", "by_packets"};
    fprintf(stream, ",\"%s\":{", kinds[kind]);
    for (uint32_t by = 0; by < TALKER_MEASURES; by++) {
        top->gathered_count = 0;
        for (uint32_t i = 0; i < EPOCHS_MOST + 1; i++)
            if (slice_is_in(&top->slices[i], range))
                gather(top, top->slices[i].tables[kind][by], EPOCH_TALKERS);
        rank(top, by);
        fprintf(stream, "%s\"%s\":[", by ? "," : "", measures[by]);
        for (uint32_t i = 0; i < top->gathered_count && i < limit; i++) {
            fputs(i ? "," : "", stream);
            talker_print(stream, &top->gathered[i], kind);
        }
        fputc(']', stream);
    }
    fputc('}', stream);
}

void page_talkers(const struct http_request *request, struct http_page *page)
{
    const struct http_site *site = request_site(request);
    uint64_t seconds = SECONDS_MOST, limit = 10;
    if (!query_number(request, page, "seconds", SECONDS_MOST, &seconds) ||
        !query_number(request, page, "limit", EPOCH_TALKERS, &limit))
        return;
    if (!site->config->http.talkers) {
        page_fail(page, 404, "http.talkers is off");
        return;
    }
    uint64_t now = (uint64_t)(clock_steady_ns() / TALKERS_EPOCH_NS), count = seconds / SECONDS_EPOCH;
    struct epochs range = {.first = now > count ? now - count : 0, .end = now};
    json_begin(page->stream, site);
    fprintf(page->stream, ",\"seconds\":%" PRIu64 ",\"limit\":%" PRIu64, count * SECONDS_EPOCH, limit);
    totals_print(page->stream, site->top, &range);
    for (uint32_t kind = 0; kind < TALKER_KINDS; kind++)
        kind_print(page->stream, site->top, &range, kind, limit);
    fputs("}\n", page->stream);
}
