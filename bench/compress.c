/* SPDX-License-Identifier: Apache-2.0 */

/* What compressing documents takes, and how small they get: batches in memory, one thread, every method of files. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "bench/meter.h"
#include "bench/subject.h"
#include "export/compress.h"

#define BATCH_BYTES (1U << 20)
#define DATAGRAMS   400 /* more than a batch of documents is made of */
#define RECORDS     10  /* in each, of any kind */

static const struct method {
    const char *name;
    enum compression method;
    uint32_t level;
} methods[] = {
    {"lz4", COMPRESSION_LZ4, 0},      {"lz4, liblz4's fastest", COMPRESSION_LZ4, 1},
    {"gzip", COMPRESSION_GZIP, 0},    {"gzip, ISA-L's level 1", COMPRESSION_GZIP, 1},
    {"zstd, level 1", COMPRESSION_ZSTD, 1},
};

/* Compresses the documents until the time is over; the least CPU time of one round counts, for the rest is others'. */
static bool method_measure(struct bench *bench, enum traffic_kind kind, const struct batch *documents,
                           const struct method *method)
{
    struct compressor *compressor = compressor_new(method->method, method->level, BATCH_BYTES);
    uint8_t *out = compressor ? malloc(compressor_bound(compressor)) : NULL;
    struct meter meter;
    double least_ns = 0, spent_ns = 0;
    size_t packed_bytes = 0;
    meter_open(&meter);
    while (out && spent_ns < bench->seconds * 1e9) {
        struct reading reading = {0};
        meter_begin(&meter, &reading);
        packed_bytes = compressor_frame(compressor, documents->bytes, documents->size_bytes, out);
        meter_end(&meter, &reading);
        spent_ns += reading.cpu_ns;
        least_ns = !least_ns || reading.cpu_ns < least_ns ? reading.cpu_ns : least_ns;
    }
    meter_close(&meter);
    double count = documents->count, size = (double)documents->size_bytes;
    printf("%-14s %-24s %8.0f %8.0f %8.1f %8.2f\n", traffic_name(kind), method->name, least_ns / count, size / count,
           (double)packed_bytes / count, size / least_ns);
    report_row_begin(&bench->report);
    report_text(&bench->report, "traffic", traffic_name(kind));
    report_text(&bench->report, "method", method->name);
    report_number(&bench->report, "ns_minimum", least_ns / count);
    report_number(&bench->report, "bytes", size / count);
    report_number(&bench->report, "packed_bytes", (double)packed_bytes / count);
    report_row_end(&bench->report);
    free(out);
    compressor_free(compressor);
    return packed_bytes > 0;
}

static bool kind_measure(struct bench *bench, enum traffic_kind kind)
{
    struct traffic traffic;
    struct traffic_setup traffic_setup = {.kind = kind,
                                          .exporters = 4,
                                          .datagrams = DATAGRAMS,
                                          .records_a_datagram = RECORDS,
                                          .templates_an_exporter = 1};
    struct subject *subject = subject_new(&(struct subject_setup){.depth = DEPTH_ENCODE, .batch_bytes = BATCH_BYTES});
    bool good = subject && traffic_make(&traffic, &traffic_setup) == 0;
    if (good) {
        /* As long as the documents fill the first batch: behind it they would begin the next. */
        uint32_t count = traffic.template_count;
        subject_take(subject, traffic.datagrams, count);
        while (count < traffic.count && subject_batch(subject)->size_bytes < BATCH_BYTES * 3 / 4)
            subject_take(subject, &traffic.datagrams[count++], 1);
        traffic_free(&traffic);
        for (size_t i = 0; i < sizeof methods / sizeof *methods && good; i++)
            good = method_measure(bench, kind, subject_batch(subject), &methods[i]);
    }
    if (subject)
        subject_free(subject);
    return good;
}

bool bench_compress(struct bench *bench)
{
    bool good = true;
    cpu_pin(bench->cpu);
    printf("\ndocuments in memory, a batch of 0.8 MB of four exporters' at a time, processor %d; CPU time of one\n"
           "%-14s %-24s %8s %8s %8s %8s\n",
           bench->cpu, "traffic", "method", "ns min", "bytes", "packed", "GB/s");
    report_list_begin(&bench->report, "compress");
    for (enum traffic_kind kind = TRAFFIC_V5; kind < TRAFFIC_KINDS && good; kind++)
        good = kind_measure(bench, kind);
    report_list_end(&bench->report);
    return good;
}
