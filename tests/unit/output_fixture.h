/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the tests of the output share: a folder to write to, documents that can be recognised, and reading them back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "export/outputs.h"

#define FILES_MOST 512

struct fixture {
    char folder[256];
    char path[512];
    struct config config;
};

struct producer {
    uint32_t number;
    uint32_t next;           /* of the document */
    uint32_t size_bytes;     /* of a document; varies by a few */
    bool random;             /* content that does not compress */
    uint64_t dropped;
    struct outlet *outlet;
    struct exporter exporter;
    struct counters counters;
};

static inline void fixture_path(struct fixture *fixture, const char *pattern)
{
    snprintf(fixture->path, sizeof fixture->path, "%s/%s", fixture->folder, pattern);
    fixture->config.output.path = fixture->path;
}

static inline int fixture_open(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *base = getenv("WEIR_TEST_FOLDER"); /* a disk, for O_DIRECT: /tmp is often memory */
    snprintf(fixture->folder, sizeof fixture->folder, "%s/weir-test-XXXXXX", base ? base : "/var/tmp");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->config.outputs = &fixture->config.output;
    fixture->config.output_count = 1;
    fixture->config.output.name = "default";
    fixture->config.output.kinds = 1 << DOCUMENT_FLOW | 1 << DOCUMENT_OPTIONS;
    fixture->config.output.kind = OUTPUT_FILE;
    fixture->config.output.batch_size = 65536;
    fixture->config.output.batch_age = 50 * NS_PER_MS;
    fixture->config.output.batches = 8;
    fixture->config.output.flush_timeout = 10 * NS_PER_S;
    fixture_path(fixture, "flows.ndjson");
    *state = fixture;
    return 0;
}

static inline int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    return remove(path);
}

static inline int fixture_close(void **state)
{
    struct fixture *fixture = *state;
    nftw(fixture->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    free(fixture);
    return 0;
}

static inline void sleep_ms(int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS};
    nanosleep(&time, NULL);
}

/* One document, or a drop when there is no batch and wait is false. */
static inline bool produce(struct producer *producer, bool wait)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-";
    uint32_t size = producer->size_bytes + producer->next * 7 % 64;
    for (;;) {
        struct batch *batch = outlet_batch(producer->outlet, DOCUMENT_FLOW, wait);
        if (!batch) {
            producer->dropped++;
            producer->next++;
            return false;
        }
        if (batch->capacity_bytes - batch->size_bytes < size + 64) {
            outlet_seal_all(producer->outlet);
            continue;
        }
        char *at = (char *)batch->bytes + batch->size_bytes;
        int head = sprintf(at, "{\"w\":%u,\"n\":%u,\"x\":\"", producer->number, producer->next);
        for (uint32_t i = (uint32_t)head; i < size; i++)
            at[i] = producer->random ? digits[rand() & 63] : digits[(i / 16 + producer->next) & 63];
        memcpy(at + size, "\"}\n", 3);
        batch->size_bytes += size + 3;
        batch->ends[batch->count++] = batch->size_bytes;
        assert_true(batch_share(batch, &producer->exporter, 1));
        producer->exporter.records_in_flight++;
        producer->next++;
        return true;
    }
}

static inline void produce_many(struct producer *producer, uint32_t count, bool wait)
{
    for (uint32_t i = 0; i < count; i++) {
        produce(producer, wait);
        if (i % 32 == 0)
            outlet_housekeep(producer->outlet, clock_steady_ns());
    }
    outlet_seal_all(producer->outlet);
    outlet_housekeep(producer->outlet, clock_steady_ns());
}

static inline void producer_init(struct producer *producer, struct outputs *output, uint32_t number)
{
    memset(producer, 0, sizeof *producer);
    producer->number = number;
    producer->size_bytes = 700;
    producer->outlet = outputs_outlet(output, number, &producer->counters, NULL);
}

static inline uint64_t counted(const struct producer *producer, enum counter counter)
{
    return counter_read(&producer->counters.value[counter]);
}

/* What the threads of the outputs counted. */
static inline uint64_t counted_by(const struct outputs *outputs, enum counter counter)
{
    uint64_t counts[COUNTER_COUNT] = {0};
    outputs_add_counters(outputs, counts);
    return counts[counter];
}

/* Every document is delivered, refused, failed or dropped here; worker and exporter agree. */
static inline void assert_ledger(const struct producer *producer)
{
    uint64_t settled = counted(producer, COUNTER_records_delivered) + counted(producer, COUNTER_records_refused) +
                       counted(producer, COUNTER_records_failed);
    assert_int_equal(producer->next, settled + outlet_waiting(producer->outlet) + producer->dropped);
    assert_int_equal(producer->exporter.records_in_flight, outlet_waiting(producer->outlet));
    for (enum counter counter = COUNTER_records_delivered; counter <= COUNTER_records_failed; counter++)
        assert_int_equal(counter_read(&producer->exporter.counters.value[counter]), counted(producer, counter));
}

/* Names in the folder that end so, by time of their last change and then by name. Returns their number. */
static inline int list_files(const struct fixture *fixture, const char *end, char names[][PATH_MAX])
{
    char command[1024];
    snprintf(command, sizeof command, "find %s -type f -name '*%s' -printf '%%T+ %%p\\n' | sort | cut -d' ' -f2",
             fixture->folder, end);
    FILE *pipe = popen(command, "r");
    int count = 0;
    while (count < FILES_MOST && fgets(names[count], PATH_MAX, pipe)) {
        names[count][strcspn(names[count], "\n")] = '\0';
        count++;
    }
    pclose(pipe);
    return count;
}

/* What has been read back of each producer. */
struct readback {
    uint32_t next[4];
    uint64_t lines;
    uint64_t gaps;      /* places where numbers are missing */
};

static inline void read_line(struct readback *readback, const char *line, ssize_t length)
{
    uint32_t number, document;
    assert_int_equal(line[length - 1], '\n');
    assert_int_equal(sscanf(line, "{\"w\":%u,\"n\":%u,", &number, &document), 2);
    for (length--; line[length - 1] == ' ';)
        length--;
    assert_memory_equal(line + length - 2, "\"}", 2);
    assert_int_equal(strlen(line) > (size_t)length, 1); /* no NUL inside */
    assert_true(number < 4 && document >= readback->next[number]); /* in order and never twice */
    readback->gaps += document != readback->next[number];
    readback->next[number] = document + 1;
    readback->lines++;
}

/* Reads a file through the tool that goes with its name; the tool must be content with the whole of it. */
static inline void read_file(struct readback *readback, const char *name)
{
    const char *tool = strstr(name, ".zst") ? "zstd -qdc" : strstr(name, ".gz") ? "gzip -dc"
                       : strstr(name, ".lz4") ? "lz4 -qdc" : "cat";
    char command[PATH_MAX + 32], *line = NULL;
    size_t room = 0;
    ssize_t length;
    assert_in_range(snprintf(command, sizeof command, "%s < %s", tool, name), 1, sizeof command - 1);
    FILE *pipe = popen(command, "r");
    while ((length = getline(&line, &room, pipe)) > 0)
        read_line(readback, line, length);
    free(line);
    assert_int_equal(pclose(pipe), 0);
}

static inline struct readback read_folder(const struct fixture *fixture, const char *end)
{
    static char names[FILES_MOST][PATH_MAX];
    struct readback readback = {0};
    int count = list_files(fixture, end, names);
    for (int i = 0; i < count; i++)
        read_file(&readback, names[i]);
    return readback;
}

static inline int count_files(const struct fixture *fixture, const char *end)
{
    static char names[FILES_MOST][PATH_MAX];
    return list_files(fixture, end, names);
}

static inline uint64_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) < 0 ? UINT64_MAX : (uint64_t)status.st_size;
}

static inline void write_file(const char *path, const void *bytes, size_t size_bytes)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size_bytes), size_bytes);
    close(fd);
}

static inline struct outputs *open_with(struct fixture *fixture, struct producer *producer)
{
    struct outputs *output = outputs_open(&fixture->config, 1);
    assert_non_null(output);
    producer_init(producer, output, 0);
    return output;
}

static inline void close_delivered(struct outputs *output, struct producer *producer)
{
    assert_int_equal(outputs_close(output), 0);
    assert_int_equal(counted(producer, COUNTER_records_delivered), producer->next - producer->dropped);
    assert_ledger(producer);
    outputs_free(output);
}

static inline void assert_whole(struct fixture *fixture, const char *end, uint32_t documents)
{
    struct readback readback = read_folder(fixture, end);
    assert_int_equal(readback.lines, documents);
    assert_int_equal(readback.gaps, 0);
}

static inline void wait_for_errors(const struct outputs *output, struct producer *producer)
{
    for (int i = 0; i < 1000 && !counted_by(output, COUNTER_output_write_errors); i++) {
        sleep_ms(10);
        outlet_collect(producer->outlet);
    }
    assert_true(counted_by(output, COUNTER_output_write_errors) > 0);
}
