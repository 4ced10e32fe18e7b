/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the output costs: copies one document of 1,550 bytes into batches and delivers them, and prints the CPU time of
 * the process (worker, output thread and the kernel's io_uring workers) and the rate. /dev/null as PATH is the share of
 * the copying and of the hand-over; the difference to it is the price of the file.
 *
 *     bench_output PATH [auto|off] [none|zstd|gzip|lz4] [DOCUMENTS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "export/output.h"

#define DOCUMENT_BYTES 1550 /* of a v9 record with 18 fields, as a full ECS document */

static double cpu_ns(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return ((double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec) * 1e9 +
           ((double)used.ru_utime.tv_usec + (double)used.ru_stime.tv_usec) * 1e3;
}

static void append(struct outlet *outlet, struct exporter *exporter, const char *document)
{
    struct batch *batch = outlet_batch(outlet, true);
    if (batch->capacity_bytes - batch->size_bytes < DOCUMENT_BYTES) {
        outlet_seal(outlet);
        outlet_housekeep(outlet, clock_steady_ns());
        batch = outlet_batch(outlet, true);
    }
    memcpy(batch->bytes + batch->size_bytes, document, DOCUMENT_BYTES);
    batch->size_bytes += DOCUMENT_BYTES;
    batch->ends[batch->count++] = batch->size_bytes;
    batch_share(batch, exporter, 1);
    exporter->records_in_flight++;
}

static enum compression compression_named(const char *name)
{
    static const char *const names[] = {"none", "zstd", "gzip", "lz4"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, names[i]) == 0)
            return (enum compression)i;
    }
    fprintf(stderr, "bench_output: %s is none of none, zstd, gzip, lz4\n", name);
    exit(2);
}

static int run(const struct config *config, uint32_t documents)
{
    static char document[DOCUMENT_BYTES];
    static struct exporter exporter;
    static struct counters counters;
    for (int i = 0; i < DOCUMENT_BYTES; i++)
        document[i] = "{\"source\":{\"ip\":\"192.0.2.1\",\"port\":4711}}"[i % 41];
    document[DOCUMENT_BYTES - 1] = '\n';

    struct output *output = output_open(config, 1);
    if (!output)
        return 1;
    struct outlet *outlet = output_outlet(output, 0, &counters);
    double cpu = cpu_ns();
    int64_t begin_ns = clock_steady_ns();
    for (uint32_t i = 0; i < documents; i++)
        append(outlet, &exporter, document);
    int error = output_close(output);
    double wall_ns = (double)(clock_steady_ns() - begin_ns);
    printf("%u documents of %d bytes: %.1f ns CPU each, %.2f s, %.0f MB/s, %llu delivered\n", documents, DOCUMENT_BYTES,
           (cpu_ns() - cpu) / documents, wall_ns / 1e9, (double)documents * DOCUMENT_BYTES / wall_ns * 1e3,
           (unsigned long long)counter_read(&counters.value[COUNTER_records_delivered]));
    output_free(output);
    return error ? 1 : 0;
}

int main(int count, char **arguments)
{
    if (count < 2) {
        fprintf(stderr, "usage: bench_output PATH [auto|off] [none|zstd|gzip|lz4] [DOCUMENTS]\n");
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
    return run(&config, count > 4 ? (uint32_t)strtoul(arguments[4], NULL, 10) : 1000000);
}
