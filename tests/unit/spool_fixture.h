/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the tests of the spool share: documents that can be recognised byte for byte, batches of them, and an output's
   thread that does nothing but to use the spool. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/feed.h"
#include "export/spool/spool.h"

#define BATCH_BYTES    (64u << 10)
#define BATCHES        8
#define DOCUMENTS_MOST 400000
#define EXPORTERS      5

enum fate {
    FATE_NONE,
    FATE_PUT,       /* not known to be on disk */
    FATE_SPOOLED,
    FATE_READ,
    FATE_OVER,
    FATE_DELIVERED, /* before it came to the spool */
};

struct fixture {
    char folder[200];
    char path[256];
    struct output_config output;
    struct counters counters;
    struct spool_memory memory;
    struct feed feed_items[2];
    struct feed *feeds[2];
    struct spool *spool;

    struct batch batches[BATCHES];
    struct batch *free[BATCHES];
    uint32_t free_count;
    struct exporter exporters[EXPORTERS];
    bool ids;
    bool random;                       /* documents that cannot be compressed */

    uint32_t next;                     /* document */
    uint8_t *fates;                    /* enum fate of each document */
    uint64_t put[EXPORTERS];           /* documents on disk, of each exporter */
    uint64_t over[EXPORTERS];
    uint64_t dropped[EXPORTERS + 1];   /* the last one: whose they were is not known */
    uint64_t dropped_as[COUNTER_COUNT];
    uint64_t refused;                  /* came back from spool_poll() still failed */
    uint64_t read;
    uint64_t read_bytes;
    uint64_t again;                    /* read although it was over, or twice */
    uint32_t last_read;
    uint64_t out_of_order;
};

/* ---- documents ---- */

static inline uint32_t document_exporter(uint32_t number)
{
    return number / 3 % EXPORTERS;
}

static inline struct document_id document_id(uint32_t number)
{
    return (struct document_id){{number * 0x9e3779b97f4a7c15u, ~(uint64_t)number}};
}

/* Returns the length; the text depends on number and random alone. */
static inline uint32_t document_write(char *to, uint32_t number, bool random)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-";
    uint32_t length = (uint32_t)sprintf(to, "{\"n\":%u,\"r\":%d,\"x\":\"", number, random);
    uint32_t size = 300 + number * 37 % 1900;
    uint64_t seed = number * 0x2545f4914f6cdd1du + 1;
    for (; length < size; length++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        to[length] = random ? digits[seed & 63] : digits[length / 16 & 63];
    }
    memcpy(to + length, "\"}\n", 3);
    return length + 3;
}

/* The number of a document that is as it was written. */
static inline uint32_t document_check(const uint8_t *bytes, uint32_t size)
{
    char text[4096], head[32] = "";
    uint32_t number;
    int random;
    memcpy(head, bytes, size < sizeof head ? size : sizeof head - 1);
    assert_int_equal(sscanf(head, "{\"n\":%u,\"r\":%d", &number, &random), 2);
    assert_int_equal(document_write(text, number, random), size);
    assert_memory_equal(bytes, text, size);
    return number;
}

/* ---- the fixture ---- */

static inline int fixture_init(void **state, const char *base)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "%s/weir-spool-XXXXXX", base);
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/some/where", fixture->folder);
    fixture->output = (struct output_config){.name = "out", .threads = 1, .batch_size = BATCH_BYTES};
    fixture->output.spool.path = fixture->path;
    fixture->output.spool.size = 1 << 30;
    fixture->output.spool.segment_size = 1 << 20;
    fixture->output.spool.compression = COMPRESSION_LZ4;
    fixture->fates = calloc(1, DOCUMENTS_MOST);
    for (uint32_t i = 0; i < 2; i++) {
        fixture->feed_items[i].number = i;
        fixture->feeds[i] = &fixture->feed_items[i];
    }
    for (uint32_t i = 0; i < EXPORTERS; i++)
        fixture->exporters[i].endpoint = (struct endpoint){.address = {{[15] = (uint8_t)(i + 1)}}, .port = (uint16_t)i};
    for (uint32_t i = 0; i < BATCHES; i++) {
        struct batch *batch = &fixture->batches[i];
        batch->bytes = aligned_alloc(BATCH_ALIGN_BYTES, BATCH_BYTES + BATCH_ALIGN_BYTES);
        batch->capacity_bytes = BATCH_BYTES;
        batch->most = batch->share_most = BATCH_BYTES / 256 + 1;
        batch->ends = malloc(batch->most * sizeof *batch->ends);
        batch->shares = malloc(batch->most * sizeof *batch->shares);
        batch->verdicts = malloc(batch->most);
        fixture->free[fixture->free_count++] = batch;
    }
    *state = fixture;
    return 0;
}

static inline int fixture_open(void **state)
{
    const char *base = getenv("WEIR_TEST_FOLDER"); /* a disk, for O_DIRECT: /tmp is often memory */
    return fixture_init(state, base ? base : "/var/tmp");
}

static inline int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    return remove(path);
}

static inline int fixture_close(void **state)
{
    struct fixture *fixture = *state;
    nftw(fixture->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    for (uint32_t i = 0; i < BATCHES; i++) {
        free(fixture->batches[i].bytes);
        free(fixture->batches[i].ends);
        free(fixture->batches[i].shares);
        free(fixture->batches[i].verdicts);
        free(fixture->batches[i].ids);
    }
    free(fixture->fates);
    free(fixture);
    return 0;
}

static inline int spool_try(struct fixture *fixture)
{
    struct spool_setup setup = {.output = &fixture->output, .counters = &fixture->counters,
                                .memory = &fixture->memory, .feeds = fixture->feeds, .feed_count = 2};
    return spool_open(&fixture->spool, &setup);
}

static inline void spool_begin(struct fixture *fixture)
{
    assert_int_equal(spool_try(fixture), 0);
}

static inline void spool_end(struct fixture *fixture)
{
    assert_int_equal(fixture->free_count, BATCHES);
    spool_close(fixture->spool);
    fixture->spool = NULL;
}

static inline uint64_t counted(const struct fixture *fixture, enum counter counter)
{
    return counter_read(&fixture->counters.value[counter]);
}

/* ---- writing ---- */

/* A batch full of documents, `failed` of a hundred of which are VERDICT_FAILED, or NULL when all are out. */
static inline struct batch *batch_fill(struct fixture *fixture, uint32_t failed)
{
    char text[4096];
    uint32_t length;
    if (!fixture->free_count)
        return NULL;
    struct batch *batch = fixture->free[--fixture->free_count];
    batch_clear(batch);
    batch->kind = DOCUMENT_OPTIONS;
    batch->feed = fixture->feeds[fixture->next % 2];
    batch->sealed_ns = clock_utc_ns();
    free(batch->ids);
    batch->ids = fixture->ids ? malloc(batch->most * sizeof *batch->ids) : NULL;
    while ((length = document_write(text, fixture->next, fixture->random)) <= BATCH_BYTES - batch->size_bytes) {
        assert_true(fixture->next < DOCUMENTS_MOST);
        memcpy(batch->bytes + batch->size_bytes, text, length);
        batch->size_bytes += length;
        if (batch->ids)
            batch->ids[batch->count] = document_id(fixture->next);
        batch->ends[batch->count++] = batch->size_bytes;
        assert_true(batch_share(batch, &fixture->exporters[document_exporter(fixture->next)], 1));
        fixture->next++;
    }
    uint32_t first = fixture->next - batch->count;
    for (uint32_t i = 0; i < batch->count; i++) {
        bool fails = (first + i) * 7919 % 100 < failed;
        fixture->fates[first + i] = fails ? FATE_PUT : FATE_DELIVERED;
        if (fails)
            batch_judge(batch, i, VERDICT_FAILED);
    }
    return batch;
}

static inline void batch_back(struct fixture *fixture, struct batch *batch)
{
    fixture->free[fixture->free_count++] = batch;
    fixture->refused += batch->failed;
    for (uint32_t i = 0; i < batch->share_count; i++) {
        fixture->put[batch->shares[i].exporter - fixture->exporters] += batch->shares[i].spooled;
        assert_true(!batch->shares[i].spooled || !batch->shares[i].failed);
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t number = document_check(batch->bytes + (i ? batch->ends[i - 1] : 0),
                                         batch->ends[i] - (i ? batch->ends[i - 1] : 0));
        assert_true(batch_verdict(batch, i) != VERDICT_FAILED || batch->failed);
        if (batch_verdict(batch, i) == VERDICT_FAILED)
            fixture->fates[number] = FATE_NONE;
        if (batch_verdict(batch, i) == VERDICT_SPOOLED && fixture->fates[number] == FATE_PUT)
            fixture->fates[number] = FATE_SPOOLED;
    }
}

/* ---- the thread ---- */

static inline bool take_dropped(struct fixture *fixture)
{
    struct batch *batch = spool_next_dropped(fixture->spool);
    if (!batch)
        return false;
    uint32_t sum = 0;
    assert_true(spool_owns(fixture->spool, batch));
    for (uint32_t i = 0; i < batch->share_count; i++) {
        const struct share *share = &batch->shares[i];
        uint32_t exporter = share->endpoint->address.bytes[15];
        assert_null(share->exporter);
        assert_int_equal(share->failed, share->count);
        assert_true(exporter <= EXPORTERS);
        fixture->dropped[exporter ? exporter - 1 : EXPORTERS] += share->count;
        sum += share->count;
    }
    assert_int_equal(sum, batch->count);
    assert_int_equal(batch->failed, batch->count);
    fixture->dropped_as[batch->failed_as] += batch->count;
    spool_give_back(fixture->spool, batch);
    return true;
}

/* Checks all of the batch, and marks its documents. */
static inline void batch_read(struct fixture *fixture, const struct batch *batch)
{
    uint32_t share = 0, left = batch->shares[0].count;
    assert_true(spool_owns(fixture->spool, batch));
    assert_int_equal(batch->kind, DOCUMENT_OPTIONS);
    assert_true(batch->count && batch->count <= batch->most && batch->size_bytes <= batch->capacity_bytes);
    assert_int_equal(batch->ends[batch->count - 1], batch->size_bytes);
    assert_int_equal(batch->failed + batch->refused + batch->spooled, 0);
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t begin = i ? batch->ends[i - 1] : 0;
        uint32_t number = document_check(batch->bytes + begin, batch->ends[i] - begin);
        while (!left)
            left = batch->shares[++share].count;
        left--;
        assert_int_equal(batch->shares[share].endpoint->address.bytes[15], document_exporter(number) + 1);
        assert_int_equal(batch_verdict(batch, i), VERDICT_DELIVERED);
        struct document_id id = document_id(number);
        if (batch->ids)
            assert_memory_equal(&batch->ids[i], &id, sizeof id);
        assert_int_not_equal(fixture->fates[number], FATE_DELIVERED);
        fixture->again += fixture->fates[number] == FATE_READ || fixture->fates[number] == FATE_OVER;
        fixture->fates[number] = FATE_READ;
        fixture->out_of_order += number < fixture->last_read;
        fixture->last_read = number;
        fixture->read++;
    }
    fixture->read_bytes += batch->size_bytes;
    assert_int_equal(left, 0);
    assert_int_equal(share + 1, batch->share_count);
}

static inline void batch_over(struct fixture *fixture, struct batch *batch)
{
    for (uint32_t i = 0; i < batch->share_count; i++)
        fixture->over[batch->shares[i].endpoint->address.bytes[15] - 1] += batch->shares[i].count;
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t begin = i ? batch->ends[i - 1] : 0;
        fixture->fates[document_check(batch->bytes + begin, batch->ends[i] - begin)] = FATE_OVER;
    }
    spool_frame_over(fixture->spool, batch);
    spool_give_back(fixture->spool, batch);
}

/* What the output's thread does in one round, but for putting. False when there was nothing to do. */
static inline bool serve(struct fixture *fixture, bool reading)
{
    struct batch *batches[BATCHES], *batch;
    bool any = false;
    while (reading && (batch = spool_next(fixture->spool, clock_steady_ns()))) {
        batch_read(fixture, batch);
        batch_over(fixture, batch);
        any = true;
    }
    int count = spool_poll(fixture->spool, batches, BATCHES);
    for (int i = 0; i < count; i++)
        batch_back(fixture, batches[i]);
    while (take_dropped(fixture))
        any = true;
    return any || count;
}

/* Sleeps as the spool says; that must be enough for whatever is waited for. */
static inline void rest(struct fixture *fixture)
{
    int64_t left_ns = spool_due_ns(fixture->spool);
    left_ns = left_ns == INT64_MAX ? INT64_MAX : left_ns - clock_steady_ns();
    struct pollfd entry = {.fd = spool_wait_fd(fixture->spool), .events = POLLIN};
    int wait_ms = left_ns <= 0 ? 0 : left_ns > 20 * NS_PER_S ? 20000 : (int)(left_ns / NS_PER_MS) + 1;
    assert_true(poll(&entry, 1, wait_ms) > 0 || wait_ms < 20000);
}

/* Puts a batch, waiting as long as it must be. Returns 0 or the error that is none of the disk being busy. */
static inline int put(struct fixture *fixture, uint32_t failed, bool reading)
{
    struct batch *batch;
    int error;
    while (!(batch = batch_fill(fixture, failed)))
        if (!serve(fixture, reading))
            rest(fixture);
    while ((error = spool_put(fixture->spool, batch)) == -EAGAIN) {
        bool any = serve(fixture, reading); /* which may have made room, too: as the output, try before sleeping */
        if ((error = spool_put(fixture->spool, batch)) != -EAGAIN)
            break;
        if (!any)
            rest(fixture);
    }
    if (error) {
        fixture->refused += batch->failed;
        for (uint32_t i = 0; i < batch->count; i++)
            fixture->fates[fixture->next - batch->count + i] = FATE_NONE;
        fixture->free[fixture->free_count++] = batch;
    }
    return error;
}

/* Until all batches are back. */
static inline void settle(struct fixture *fixture)
{
    while (fixture->free_count < BATCHES)
        if (!serve(fixture, false))
            rest(fixture);
}

static inline void put_many(struct fixture *fixture, uint32_t batches, uint32_t failed)
{
    for (uint32_t i = 0; i < batches; i++)
        assert_int_equal(put(fixture, failed, false), 0);
    settle(fixture);
}

static inline void read_all(struct fixture *fixture)
{
    while (spool_waiting(fixture->spool))
        if (!serve(fixture, true))
            rest(fixture);
}

static inline uint64_t sum(const uint64_t *values, uint32_t count)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += values[i];
    return total;
}

/* Documents that were put and are neither over nor dropped, as far as this fixture knows. */
static inline uint64_t count_missing(const struct fixture *fixture)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < fixture->next; i++)
        count += fixture->fates[i] >= FATE_PUT && fixture->fates[i] <= FATE_READ;
    return count;
}

/* put = waiting + over + dropped, of all that this fixture put since the spool was empty. */
static inline void assert_ledger(const struct fixture *fixture)
{
    assert_int_equal(sum(fixture->put, EXPORTERS), spool_waiting(fixture->spool) + sum(fixture->over, EXPORTERS) +
                                                       sum(fixture->dropped, EXPORTERS + 1));
}

/* The same for each exporter, when nothing waits and nothing was damaged. */
static inline void assert_exporters(const struct fixture *fixture)
{
    assert_int_equal(spool_waiting(fixture->spool), 0);
    for (uint32_t i = 0; i < EXPORTERS; i++)
        assert_int_equal(fixture->put[i], fixture->over[i] + fixture->dropped[i]);
}

/* ---- files ---- */

static inline uint32_t find_segments(const struct fixture *fixture, glob_t *found)
{
    char pattern[PATH_MAX];
    snprintf(pattern, sizeof pattern, "%s/out-0/*.spool", fixture->path);
    return glob(pattern, 0, NULL, found) == 0 ? (uint32_t)found->gl_pathc : 0;
}

static inline uint32_t count_segments(const struct fixture *fixture)
{
    glob_t found = {0};
    uint32_t count = find_segments(fixture, &found);
    globfree(&found);
    return count;
}

static inline uint64_t segments_bytes(const struct fixture *fixture)
{
    glob_t found = {0};
    uint64_t bytes = 0;
    struct stat status;
    uint32_t count = find_segments(fixture, &found);
    for (uint32_t i = 0; i < count; i++)
        bytes += stat(found.gl_pathv[i], &status) == 0 ? (uint64_t)status.st_size : 0;
    globfree(&found);
    return bytes;
}
