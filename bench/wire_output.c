/* SPDX-License-Identifier: Apache-2.0 */

/*
 * `weir run` with an output of any type, named by the bench's settings: CPU time of a record from the wire to the
 * output's acknowledgement, at a pace that loses nothing. All of weir runs on bench->cpu, so that a server that was put
 * on another processor has that one for itself and the sender.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "bench/wire.h"

#define TRIES_MOST  4    /* each at half the rate of the one before */
#define WARM_S      1
#define AGE_WAIT_MS 1200 /* output.batch_age, and some: then the last batch is on its way */
#define QUIET_MS    500  /* then it is acknowledged, and librdkafka's statistics have come */

static void heading_print(const struct bench *bench)
{
    printf("\nweir run, sockets, one worker, to the output named by -o, up to its acknowledgement\n"
           "  v9, %d records a datagram, %.1f s over 127.0.0.1; sender on processor %d, all of weir on %d\n"
           "  CPU time of a record delivered: all, worker's thread, output's, librdkafka's, others\n",
           SENDER_RECORDS, bench->wire_seconds, bench->sender_cpu, bench->cpu);
    printf("%8s %10s %11s %11s %8s %8s %8s %8s %8s %8s %9s %9s\n", "rate/s", "sent/s", "records", "delivered/s",
           "CPU ns", "worker", "output", "rdkafka", "others", "bytes", "lost", "at socket");
}

static double others_ns(const struct wire_result *result)
{
    return result->cpu_ns - result->worker_ns - result->output_ns - result->kafka_ns;
}

static void row_print(const struct wire_row *row)
{
    const struct wire_result *result = &row->result;
    double records = row->delivered ? (double)row->delivered : 1, seconds = (double)result->sent.wall_ns / 1e9;
    printf("%8.0f %10.0f %11" PRIu64 " %11.0f %8.0f %8.0f %8.0f %8.0f %8.0f %8.1f %9" PRIu64 " %9" PRIu64 "\n",
           row->load.rate, (double)result->sent.datagrams / seconds, result->sent.records,
           (double)row->delivered / seconds, result->cpu_ns / records, result->worker_ns / records,
           result->output_ns / records, result->kafka_ns / records, others_ns(result) / records,
           row->sent_bytes, row->lost_worker + row->lost_output, result->socket_drops);
    fflush(stdout);
}

static void row_write(struct report *report, const struct wire_row *row)
{
    double records = row->delivered ? (double)row->delivered : 1;
    report_row_begin(report);
    wire_row_members(report, row);
    report_number(report, "others_ns", others_ns(&row->result) / records);
    report_number(report, "sent_bytes", row->sent_bytes);
    report_number(report, "lossless", wire_row_lossless(row));
    report_row_end(report);
}

static bool load_run(struct bench *bench, const struct wire_load *load, bool *lossless)
{
    struct wire_row row = {.collector = "weir", .output = "settings", .load = *load};
    bool good = wire_run(bench, &wire_weir, NULL, load, &row.result) && wire_ledger_read(&row);
    if (good) {
        row_print(&row);
        row_write(&bench->report, &row);
    }
    *lossless = wire_row_lossless(&row);
    free(row.result.log);
    return good;
}

bool bench_output(struct bench *bench)
{
    struct wire_load load = {.rate = bench->file_rate,
                             .step = bench->wire_step,
                             .warm = WARM_S,
                             .wait_ms = AGE_WAIT_MS,
                             .quiet_ms = QUIET_MS};
    bool good = true, lossless = false;
    cpu_pin(bench->cpu); /* and so what it starts */
    heading_print(bench);
    report_list_begin(&bench->report, "output");
    for (int attempt = 0; attempt < TRIES_MOST && good && !lossless; attempt++, load.rate /= 2)
        good = load_run(bench, &load, &lossless);
    report_list_end(&bench->report);
    if (good && !lossless)
        fprintf(stderr, "weir-bench: no rate without loss found, not even %.0f datagrams a second\n", load.rate * 2);
    return good && lossless;
}
