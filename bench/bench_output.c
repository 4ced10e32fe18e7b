/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What an output costs, and how fast it is: copies documents of v9 records, made beforehand, into batches as fast as
 * the output takes them, and measures until all are acknowledged. CPU time is the process': the worker that copies,
 * the output's thread, librdkafka's, the kernel's io_uring workers. /dev/null is the share of the copying and of the
 * hand-over; the difference to it is the price of the output.
 */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "bench/process.h"
#include "bench/report.h"
#include "bench/subject.h"
#include "export/outputs.h"

/* Documents before the first comes again: more than a compressor looks back. */
#define MADE_BYTES     (8 << 20)
#define MADE_DATAGRAMS 160 /* whose documents fit MADE_BYTES */
#define MADE_RECORDS   24  /* a datagram */

#define SETTINGS_MOST  64
#define WARM_DOCUMENTS 1000              /* that find the connections and topics; not measured */
#define STUCK_NS       (15 * NS_PER_S)   /* without an acknowledgement: the output is given up */
#define AFTER_MS       400               /* for counters that come by the clock (librdkafka's statistics) */

static const char help[] =
    "usage: weir-bench-output [OPTION]... -o KEY=VALUE...\n\n"
    "Sends documents to the output that the settings name, as fast as it takes them, until all are acknowledged.\n\n"
    "  -o KEY=VALUE     a setting of weir run, as output.type=kafka; as often as wanted\n"
    "  --seconds S      how long new documents are sent (3)\n"
    "  --documents N    so many documents instead\n"
    "  --json           the result as a JSON object\n"
    "  --print N        no measurement: the first N of the documents that are sent, to standard output\n"
    "  --help           this text\n";

struct bench_output {
    const char *settings[SETTINGS_MOST];
    uint32_t setting_count;
    double seconds;
    uint64_t most; /* documents; 0 = no bound but the time */
    bool json;
    uint32_t print;

    const struct batch *documents; /* in turn */
    uint32_t at;                   /* the next of them */
    struct outlet *outlet;
    struct exporter exporter;
    struct counters counters; /* as a worker's */
    uint64_t appended;        /* documents */
    uint64_t bytes;           /* of them */
};

/* What was used and done at a moment. */
struct moment {
    int64_t wall_ns;
    double cpu_ns; /* of threads that have ended, too */
    struct process_cpu threads;
    uint64_t delivered;
    uint64_t appended, bytes;
};

/* --- documents --- */

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

static int documents_print(const struct batch *documents, uint32_t most)
{
    uint32_t count = most < documents->count ? most : documents->count;
    return fwrite(documents->bytes, 1, documents->ends[count - 1], stdout) == documents->ends[count - 1] &&
                   fflush(stdout) == 0
               ? 0
               : 1;
}

/* --- sending --- */

/* No two have the same id, as no two records have. */
static void document_identify(struct bench_output *bench, struct batch *batch)
{
    if (batch->ids)
        batch->ids[batch->count] = (struct document_id){{(uint64_t)clock_utc_ns(), bench->appended}};
}

static void document_append(struct bench_output *bench, struct batch *batch, uint32_t start, uint32_t size_bytes)
{
    document_identify(bench, batch);
    memcpy(batch->bytes + batch->size_bytes, bench->documents->bytes + start, size_bytes);
    batch->size_bytes += size_bytes;
    batch->ends[batch->count++] = batch->size_bytes;
    batch_share(batch, &bench->exporter, 1);
    bench->exporter.records_in_flight++;
    bench->appended++;
    bench->bytes += size_bytes;
}

/* Appends documents in turn until the time or their number is reached. */
static void documents_send(struct bench_output *bench, int64_t until_ns, uint64_t until_count)
{
    const struct batch *documents = bench->documents;
    int64_t now_ns = clock_steady_ns();
    while (now_ns < until_ns && bench->appended < until_count) {
        struct batch *batch = outlet_batch(bench->outlet, DOCUMENT_FLOW, true);
        uint32_t start = bench->at ? documents->ends[bench->at - 1] : 0;
        uint32_t size_bytes = documents->ends[bench->at] - start;
        if (batch->capacity_bytes - batch->size_bytes >= size_bytes) {
            document_append(bench, batch, start, size_bytes);
            bench->at = bench->at + 1 < documents->count ? bench->at + 1 : 0;
            continue;
        }
        outlet_seal_all(bench->outlet);
        now_ns = clock_steady_ns();
        outlet_housekeep(bench->outlet, now_ns);
    }
    outlet_seal_all(bench->outlet);
}

/* Documents that the output is done with, delivered or not. */
static uint64_t documents_settled(const struct bench_output *bench)
{
    uint64_t settled = 0;
    for (uint32_t i = 0; i < COUNTER_COUNT; i++)
        if (counter_rows[i].unit == UNIT_RECORDS &&
            (counter_rows[i].part == PART_DELIVERED || counter_rows[i].part == PART_DROPPED))
            settled += counter_read(&bench->counters.value[i]);
    return settled;
}

/* False when nothing moves any more. */
static bool documents_await(struct bench_output *bench)
{
    int64_t now_ns = clock_steady_ns(), moved_ns = now_ns;
    uint64_t before = 0, settled;
    for (;;) {
        outlet_housekeep(bench->outlet, now_ns);
        settled = documents_settled(bench);
        if (settled == bench->appended)
            return true;
        if (settled != before)
            moved_ns = now_ns;
        before = settled;
        if (now_ns - moved_ns > STUCK_NS)
            return false;
        process_wait(5);
        now_ns = clock_steady_ns();
    }
}

/* --- measuring --- */

static void moment_take(const struct bench_output *bench, struct moment *moment)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    moment->wall_ns = clock_steady_ns();
    moment->cpu_ns = ((double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec) * 1e9 +
                     ((double)used.ru_utime.tv_usec + (double)used.ru_stime.tv_usec) * 1e3;
    process_cpu(&(struct process){.id = getpid()}, &moment->threads);
    moment->delivered = counter_read(&bench->counters.value[COUNTER_records_delivered]);
    moment->appended = bench->appended;
    moment->bytes = bench->bytes;
}

/* From the first moment to the second; the third is after the output's end, whose CPU time counts, too. */
static void result_print(const struct bench_output *bench, const struct moment moments[3],
                         const struct output_account *account)
{
    const struct moment *begin = &moments[0], *over = &moments[1], *end = &moments[2];
    double count = end->delivered > begin->delivered ? (double)(end->delivered - begin->delivered) : 1;
    double seconds = (double)(over->wall_ns - begin->wall_ns) / 1e9, cpu = end->cpu_ns - begin->cpu_ns;
    double worker = over->threads.worker - begin->threads.worker, output = over->threads.output - begin->threads.output;
    double kafka = over->threads.kafka - begin->threads.kafka;
    double sent = (double)account->counts[COUNTER_output_sent_bytes] / (end->delivered ? (double)end->delivered : 1);
    double size = (double)(over->bytes - begin->bytes) / (double)(over->appended - begin->appended);
    if (!bench->json) {
        printf("%.0f documents of %.0f bytes in %.2f s: %.0f a second, %.0f MB/s, %.1f bytes each sent\n"
               "CPU of a document: %.0f ns; worker %.0f, output's thread %.0f, librdkafka's %.0f, others %.0f\n",
               count, size, seconds, count / seconds, count * size / seconds / 1e6, sent, cpu / count, worker / count,
               output / count, kafka / count, (cpu - worker - output - kafka) / count);
        return;
    }
    struct report report = {.json = stdout, .first_row = true};
    report_row_begin(&report);
    report_number(&report, "documents", count);
    report_number(&report, "document_bytes", size);
    report_number(&report, "seconds", seconds);
    report_number(&report, "documents_per_second", count / seconds);
    report_number(&report, "cpu_ns", cpu / count);
    report_number(&report, "worker_ns", worker / count);
    report_number(&report, "output_ns", output / count);
    report_number(&report, "kafka_ns", kafka / count);
    report_number(&report, "others_ns", (cpu - worker - output - kafka) / count);
    report_number(&report, "sent_bytes", sent);
    report_number(&report, "busy", cpu / 1e9 / seconds);
    report_number(&report, "requests", (double)account->counts[COUNTER_output_requests]);
    report_number(&report, "retries", (double)account->counts[COUNTER_output_retries]);
    report_row_end(&report);
    putchar('\n');
}

/* False when something was not delivered, with the reason on standard error. */
static bool all_delivered(const struct bench_output *bench)
{
    uint64_t delivered = counter_read(&bench->counters.value[COUNTER_records_delivered]);
    if (delivered == bench->appended)
        return true;
    fprintf(stderr, "weir-bench-output: of %" PRIu64 " documents %" PRIu64 " were delivered\n", bench->appended,
            delivered);
    return false;
}

/* No page faults in what is measured. */
static void pages_touch(const struct batch_pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++)
        memset(pool->batches[i].bytes, 1, pool->batches[i].capacity_bytes);
}

static int run(struct bench_output *bench, const struct config *config)
{
    struct moment moments[3];
    struct output_account account;
    struct outputs *outputs = outputs_open(config, 1);
    if (!outputs)
        return 1;
    bench->outlet = outputs_outlet(outputs, 0, &bench->counters, NULL);
    pages_touch(&bench->outlet->pool);
    documents_send(bench, INT64_MAX, WARM_DOCUMENTS);
    bool good = documents_await(bench);
    moment_take(bench, &moments[0]);
    if (good) {
        int64_t until_ns = bench->most ? INT64_MAX : moments[0].wall_ns + (int64_t)(bench->seconds * 1e9);
        documents_send(bench, until_ns, bench->most ? WARM_DOCUMENTS + bench->most : UINT64_MAX);
        good = documents_await(bench);
    }
    moment_take(bench, &moments[1]);
    process_wait(AFTER_MS);
    good = outputs_close(outputs) == 0 && good;
    moment_take(bench, &moments[2]);
    outputs_account(outputs, 0, &account);
    if (moments[1].appended > moments[0].appended)
        result_print(bench, moments, &account);
    outputs_free(outputs);
    return all_delivered(bench) && good ? 0 : 1;
}

/* --- the command line --- */

static bool config_make(const struct bench_output *bench, struct config *config)
{
    struct config_problems problems;
    struct config_sources sources = {.settings = bench->settings, .setting_count = bench->setting_count};
    int error = config_load(config, &sources, &problems);
    config_problems_log(&problems);
    config_problems_fini(&problems);
    return error == 0;
}

static const struct option options[] = {
    {"seconds", required_argument, NULL, 's'},
    {"documents", required_argument, NULL, 'n'},
    {"json", no_argument, NULL, 'j'},
    {"print", required_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool option_take(struct bench_output *bench, int letter)
{
    char *end = NULL;
    switch (letter) {
    case 'o':
        if (bench->setting_count == SETTINGS_MOST)
            return false;
        bench->settings[bench->setting_count++] = optarg;
        return true;
    case 's':
        bench->seconds = strtod(optarg, &end);
        return end != optarg && !*end && bench->seconds > 0 && bench->seconds <= 3600;
    case 'n':
        bench->most = strtoull(optarg, &end, 10);
        return end != optarg && !*end && bench->most && bench->most <= 1ull << 40;
    case 'p':
        bench->print = (uint32_t)strtoul(optarg, &end, 10);
        return end != optarg && !*end && bench->print;
    case 'j':
        bench->json = true;
        return true;
    default:
        return false;
    }
}

int main(int count, char **arguments)
{
    static struct bench_output bench = {.seconds = 3};
    struct config config;
    int letter;
    log_setup(LOG_FORMAT_TEXT, LOG_LEVEL_WARNING);
    while ((letter = getopt_long(count, arguments, "o:h", options, NULL)) != -1) {
        if (letter == 'h')
            return fputs(help, stdout) < 0;
        if (!option_take(&bench, letter)) {
            fputs(help, stderr);
            return 2;
        }
    }
    pthread_setname_np(pthread_self(), "weir-worker-0"); /* what process_cpu() knows it by */
    bench.exporter.endpoint.address.bytes[15] = 1;       /* ::1 */
    bench.documents = documents_make();
    if (!bench.documents) {
        fputs("weir-bench-output: the documents could not be made\n", stderr);
        return 1;
    }
    if (bench.print)
        return documents_print(bench.documents, bench.print);
    int status = config_make(&bench, &config) ? run(&bench, &config) : 2;
    config_fini(&config);
    return status;
}
