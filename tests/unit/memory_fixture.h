/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the tests of kills share: a child that fills batches like a worker until it is killed, and what its parent knows
   of it: what a named pipe took, and what the next start finds. */

#include "tests/unit/output_fixture.h"

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/log.h"
#include "export/file/writer.h"
#include "export/memory/image.h"
#include "export/memory/recover.h"

#define WORKERS        2
#define CHUNK          10       /* records that are received at once, as the decoder has them */
#define DOCUMENTS_MOST 400000u  /* of a worker */
#define BATCH_DOCUMENTS 100     /* hardly more fit a batch */
#define HOUR_NS        (3600 * NS_PER_S)

struct killing {
    struct fixture *fixture;
    char memory[64];            /* folder */
    char spool[300];
    char pipe[300];
    int pipe_fd;
    char rest[4096];            /* what was read of a line */
    size_t rest_bytes;
    uint8_t *seen;              /* how often, of each document of each worker */
    uint64_t out;               /* documents that the pipe took whole */
    _Atomic uint64_t *made;     /* the child's word: documents, once it has started */
    uint64_t least;             /* documents that it must have made before it is killed */
    uint32_t most;              /* documents of each worker, after which there are no more; 0 = no end */
};

static inline void killing_open(struct killing *killing, void **state)
{
    struct fixture *fixture = *state;
    *killing = (struct killing){.fixture = fixture};
    strcpy(killing->memory, "/dev/shm/weir-unit-XXXXXX");
    assert_non_null(mkdtemp(killing->memory));
    snprintf(killing->spool, sizeof killing->spool, "%s/spool", fixture->folder);
    snprintf(killing->pipe, sizeof killing->pipe, "%s/pipe", fixture->folder);
    assert_int_equal(mkfifo(killing->pipe, 0600), 0);
    killing->pipe_fd = open(killing->pipe, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    assert_true(killing->pipe_fd >= 0);
    killing->seen = calloc(WORKERS, DOCUMENTS_MOST);
    killing->made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct output_config *output = &fixture->config.output;
    output->path = killing->pipe;
    output->memory_path = killing->memory;
    output->spool.path = killing->spool;
    output->spool.size = 1 << 30;
    output->spool.segment_size = 1 << 20;
    output->spool.compression = COMPRESSION_LZ4;
    output->spool.after = 5 * NS_PER_MS;
    output->batches = 16;
}

static inline void killing_close(struct killing *killing)
{
    close(killing->pipe_fd);
    nftw(killing->memory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    munmap(killing->made, 4096);
    free(killing->seen);
}

static inline uint32_t memory_files(const struct killing *killing, char path[PATH_MAX])
{
    uint32_t count = 0;
    struct dirent *entry;
    DIR *entries = opendir(killing->memory);
    assert_non_null(entries);
    while ((entry = readdir(entries)))
        if (entry->d_name[0] != '.') {
            snprintf(path, PATH_MAX, "%s/%s", killing->memory, entry->d_name);
            count++;
        }
    closedir(entries);
    return count;
}

/* ---- the child ---- */

static inline void chunk_write(struct producer *producer)
{
    counter_add(&producer->outlet->memory->counters, COUNTER_records_received, CHUNK);
    for (uint32_t i = 0; i < CHUNK; i++) {
        struct batch *before = outlet_batch(producer->outlet, DOCUMENT_FLOW, false);
        if (!produce(producer, false))
            outlet_drop(producer->outlet, DOCUMENT_FLOW, &producer->exporter, 1);
        else if (before && before->count)
            batch_publish(before); /* a batch that is full was sealed meanwhile, and is published by that */
    }
}

static inline void child_run(struct killing *killing)
{
    struct outputs *outputs = outputs_open(&killing->fixture->config, WORKERS);
    static struct producer producers[WORKERS];
    if (!outputs)
        _exit(1);
    for (uint32_t i = 0; i < WORKERS; i++)
        producer_init(&producers[i], outputs, i);
    for (;;) {
        for (uint32_t i = 0; i < WORKERS; i++) {
            if (producers[i].next + CHUNK >= DOCUMENTS_MOST)
                _exit(2);
            if (!killing->most || producers[i].next < killing->most) {
                chunk_write(&producers[i]);
                *killing->made += CHUNK;
            }
            outlet_housekeep(producers[i].outlet, clock_steady_ns());
        }
        if (producers[0].next % 400 == 0)
            sleep_ms(1); /* the other threads have few processors */
    }
}

/* ---- the parent ---- */

static inline void line_see(struct killing *killing, const char *line, size_t size)
{
    uint32_t worker, number;
    assert_int_equal(sscanf(line, "{\"w\":%u,\"n\":%u,", &worker, &number), 2);
    while (line[size - 1] == ' ')
        size--;
    assert_memory_equal(line + size - 2, "\"}", 2);
    assert_true(worker < WORKERS && number < DOCUMENTS_MOST);
    killing->seen[worker * DOCUMENTS_MOST + number]++;
}

/* Reads at most so many bytes of the pipe: the sink goes on by as much. Returns what was read. */
static inline size_t pipe_read(struct killing *killing, size_t most)
{
    char *text = malloc(sizeof killing->rest + most + 1);
    memcpy(text, killing->rest, killing->rest_bytes);
    ssize_t got = read(killing->pipe_fd, text + killing->rest_bytes, most);
    size_t size = killing->rest_bytes + (got > 0 ? (size_t)got : 0);
    char *line = text, *end;
    while ((end = memchr(line, '\n', (size_t)(text + size - line)))) {
        line_see(killing, line, (size_t)(end - line));
        killing->out++;
        line = end + 1;
    }
    killing->rest_bytes = (size_t)(text + size - line);
    assert_true(killing->rest_bytes < sizeof killing->rest);
    memcpy(killing->rest, line, killing->rest_bytes);
    free(text);
    return got > 0 ? (size_t)got : 0;
}

/* A child that is at work. */
static inline pid_t child_start(struct killing *killing)
{
    *killing->made = 0;
    pid_t child = fork();
    if (child == 0)
        child_run(killing);
    while (!*killing->made)
        sleep_ms(1);
    return child;
}

/* Starts a child, lets the pipe take `bytes` in all while it runs for so long, and kills it. */
static inline void child_kill(struct killing *killing, int64_t run_ms, size_t bytes)
{
    pid_t child = child_start(killing);
    for (int64_t ms = 0; ms < run_ms || *killing->made < killing->least; ms++) {
        sleep_ms(1);
        pipe_read(killing, bytes / (size_t)run_ms + 1);
    }
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (pipe_read(killing, 1 << 20))
        ;
    killing->rest_bytes = 0; /* a line that was cut by the kill */
}

/* What the child had counted as received, and dropped because the outlet had no batch. */
static inline uint64_t child_received(const struct killing *killing, uint64_t *dropped)
{
    char path[PATH_MAX];
    struct memory_image image;
    assert_int_equal(memory_files(killing, path), 1);
    int fd = open(path, O_RDONLY);
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    uint8_t *base = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(memory_image_read(&image, base, (size_t)status.st_size));
    uint64_t received = 0;
    *dropped = 0;
    for (uint32_t i = 0; i < image.layout.shape.workers; i++) {
        const struct memory_worker *worker = memory_worker_at(&image.layout, base, i);
        received += counter_read(&worker->counters.value[COUNTER_records_received]);
        *dropped += worker->unplaced;
    }
    munmap(base, (size_t)status.st_size);
    close(fd);
    return received;
}

static inline void file_see(struct killing *killing, const char *path)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while ((length = getline(&line, &room, file)) > 0) {
        assert_int_equal(line[length - 1], '\n');
        line_see(killing, line, (size_t)length - 1);
    }
    free(line);
    fclose(file);
}

/* The next start, with an output that takes everything: what it has of the run before. */
struct start {
    uint64_t counts[COUNTER_COUNT]; /* of all */
    struct output_account account;  /* of the first output */
};

static inline struct start start_next(struct killing *killing, uint32_t workers)
{
    static uint32_t number;
    char path[PATH_MAX], file[PATH_MAX];
    struct start start = {0};
    struct config config = killing->fixture->config;
    struct output_config outputs_config[2];
    for (uint32_t i = 0; i < config.output_count; i++)
        outputs_config[i] = config.outputs[i];
    snprintf(path, sizeof path, "%s/found-%u.ndjson", killing->fixture->folder, number++);
    outputs_config[0].path = path;
    config.outputs = outputs_config;
    struct outputs *outputs = outputs_open(&config, workers);
    assert_non_null(outputs);
    struct producer producer;
    producer_init(&producer, outputs, 0);
    for (int i = 0; outputs_spooled(outputs) && i < 20000; i++)
        sleep_ms(1);
    assert_int_equal(outputs_close(outputs), 0);
    outputs_add_counters(outputs, start.counts);
    outputs_account(outputs, 0, &start.account);
    outputs_free(outputs);
    assert_int_equal(memory_files(killing, file), 0);
    if (access(path, F_OK) == 0)
        file_see(killing, path);
    return start;
}

static inline void start_balanced(const struct start *start)
{
    const uint64_t *counts = start->account.counts;
    assert_int_equal(counts[COUNTER_records_recovered] + counts[COUNTER_records_inherited],
                     counts[COUNTER_records_delivered] + counts[COUNTER_records_lost_by_kill]);
    assert_int_equal(start->counts[COUNTER_records_inherited], start->counts[COUNTER_records_lost_by_kill]);
}

/* Documents that are there, and those that are there again. */
struct tally {
    uint64_t found, again;
};

static inline struct tally tally_take(const struct killing *killing)
{
    struct tally tally = {0};
    for (uint32_t i = 0; i < WORKERS * DOCUMENTS_MOST; i++) {
        tally.found += killing->seen[i] > 0;
        tally.again += killing->seen[i] > 1 ? killing->seen[i] - 1u : 0;
    }
    return tally;
}

static inline void tally_clear(struct killing *killing)
{
    memset(killing->seen, 0, WORKERS * DOCUMENTS_MOST);
    killing->out = 0;
}
