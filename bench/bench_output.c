/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the output costs: copies documents of v9 records, made beforehand, into batches and delivers them, and prints
 * the CPU time of the process (worker, output thread and the kernel's io_uring workers) and the rate. /dev/null as PATH
 * is the share of the copying and of the hand-over; the difference to it is the price of the file.
 *
 *     weir-bench-output PATH [auto|off] [none|zstd|gzip|lz4] [DOCUMENTS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "bench/subject.h"
#include "export/output.h"

/* Documents before the first comes again: more than a compressor looks back. */
#define MADE_BYTES     (8 << 20)
#define MADE_DATAGRAMS 160 /* whose documents fit MADE_BYTES */
#define MADE_RECORDS   24  /* a datagram */

static double cpu_ns(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return ((double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec) * 1e9 +
           ((double)used.ru_utime.tv_usec + (double)used.ru_stime.tv_usec) * 1e3;
}

/* The documents' home, for the life of the program; NULL when they could not be made. */
static const struct batch *documents_make(void)
{
    struct traffic traffic;
    struct traffic_setup traffic_setup = {.kind = TRAFFIC_V9,
                                          .exporters = 1,
                                          .datagrams = MADE_DATAGRAMS,
                                          .records_a_datagram = MADE_RECORDS,
                                          .templates_an_exporter = 1};
    struct subject *subject = subject_new(&(struct subject_setup){.depth = DEPTH_ENCODE, .batch_bytes = MADE_BYTES});
    if (!subject || traffic_make(&traffic, &traffic_setup))
        return NULL;
    subject_take(subject, traffic.datagrams, traffic.count);
    traffic_free(&traffic);
    const struct batch *documents = subject_batch(subject);
    return documents->count == MADE_DATAGRAMS * MADE_RECORDS ? documents : NULL;
}

static void append(struct outlet *outlet, struct exporter *exporter, const uint8_t *document, uint32_t size_bytes)
{
    struct batch *batch = outlet_batch(outlet, true);
    if (batch->capacity_bytes - batch->size_bytes < size_bytes) {
        outlet_seal(outlet);
        outlet_housekeep(outlet, clock_steady_ns());
        batch = outlet_batch(outlet, true);
    }
    memcpy(batch->bytes + batch->size_bytes, document, size_bytes);
    batch->size_bytes += size_bytes;
    batch->ends[batch->count++] = batch->size_bytes;
    batch_share(batch, exporter, 1);
    exporter->records_in_flight++;
}

static const struct method {
    const char *name;
    const char *suffix; /* that the output gives the file */
} methods[] = {
    [COMPRESSION_NONE] = {"none", ""},
    [COMPRESSION_ZSTD] = {"zstd", ".zst"},
    [COMPRESSION_GZIP] = {"gzip", ".gz"},
    [COMPRESSION_LZ4] = {"lz4", ".lz4"},
};

static enum compression compression_named(const char *name)
{
    for (uint32_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (strcmp(name, methods[i].name) == 0)
            return (enum compression)i;
    }
    fprintf(stderr, "weir-bench-output: %s is none of none, zstd, gzip, lz4\n", name);
    exit(2);
}

/* Appends so many documents in turn; returns their bytes. */
static uint64_t deliver(struct outlet *outlet, const struct batch *documents, uint32_t count)
{
    static struct exporter exporter;
    uint64_t bytes = 0;
    for (uint32_t i = 0, at = 0; i < count; i++, at = at + 1 < documents->count ? at + 1 : 0) {
        uint32_t start = at ? documents->ends[at - 1] : 0, size_bytes = documents->ends[at] - start;
        append(outlet, &exporter, documents->bytes + start, size_bytes);
        bytes += size_bytes;
    }
    return bytes;
}

/* Bytes of the file that was written; 0 for what is no file. */
static double file_bytes(const struct config *config)
{
    char path[4200];
    struct stat status;
    snprintf(path, sizeof path, "%s%s", config->output.path, methods[config->output.compression].suffix);
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) ? (double)status.st_size : 0;
}

static int run(const struct config *config, const struct batch *documents, uint32_t count)
{
    static struct counters counters;
    struct output *output = output_open(config, 1);
    if (!output)
        return 1;
    double cpu = cpu_ns();
    int64_t begin_ns = clock_steady_ns();
    uint64_t bytes = deliver(output_outlet(output, 0, &counters), documents, count);
    int error = output_close(output);
    double wall_ns = (double)(clock_steady_ns() - begin_ns);
    uint64_t delivered = counter_read(&counters.value[COUNTER_records_delivered]);
    printf("%u documents of %.0f bytes: %7.1f ns CPU each, %5.2f s, %5.0f MB/s, %6.1f bytes each written\n", count,
           (double)bytes / count, (cpu_ns() - cpu) / count, wall_ns / 1e9, (double)bytes / wall_ns * 1e3,
           file_bytes(config) / count);
    if (delivered != count)
        fprintf(stderr, "weir-bench-output: %llu documents were delivered\n", (unsigned long long)delivered);
    output_free(output);
    return error || delivered != count ? 1 : 0;
}

int main(int count, char **arguments)
{
    if (count < 2) {
        fprintf(stderr, "usage: weir-bench-output PATH [auto|off] [none|zstd|gzip|lz4] [DOCUMENTS]\n");
        return 2;
    }
    struct config config = {0};
    config.output.kind = OUTPUT_FILE;
    config.output.path = arguments[1];
    config.output.direct = count > 2 && strcmp(arguments[2], "off") == 0 ? DIRECT_IO_OFF : DIRECT_IO_AUTO;
    config.output.compression = count > 3 ? compression_named(arguments[3]) : COMPRESSION_NONE;
    config.output.batch_size = 1 << 20;
    config.output.batches = 8;
    config.output.batch_age = NS_PER_S;
    config.output.flush_timeout = 60 * NS_PER_S;
    log_setup(LOG_FORMAT_TEXT, LOG_LEVEL_WARNING);
    const struct batch *documents = documents_make();
    if (!documents) {
        fprintf(stderr, "weir-bench-output: the documents could not be made\n");
        return 1;
    }
    return run(&config, documents, count > 4 ? (uint32_t)strtoul(arguments[4], NULL, 10) : 1000000);
}
