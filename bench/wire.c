/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/wire.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define ROOM_BYTES (8ull << 30) /* a few seconds of the fastest disk */

/* --- folders --- */

void folder_empty(const char *path)
{
    const struct dirent *entry;
    DIR *folder = opendir(path);
    while (folder && (entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
}

bool folder_make(const struct bench *bench, const char *name, char *path)
{
    snprintf(path, 4200, "%s/%s", bench->build_path, name);
    if (mkdir(path, 0777) < 0 && errno != EEXIST) {
        fprintf(stderr, "weir-bench: %s: %s\n", path, strerror(errno));
        return false;
    }
    folder_empty(path);
    return true;
}

bool folder_has_room(const struct bench *bench)
{
    struct statvfs system;
    if (statvfs(bench->build_path, &system) == 0 && (uint64_t)system.f_bavail * system.f_frsize >= ROOM_BYTES)
        return true;
    printf("less than %llu GiB are free in %s: nothing is written to files\n", ROOM_BYTES >> 30, bench->build_path);
    return false;
}

/* --- a run --- */

/* A port that nobody has; 0 when there is none. */
static uint16_t port_find(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
                getsockname(fd, (struct sockaddr *)&address, &length) == 0;
    if (fd >= 0)
        close(fd);
    return good ? ntohs(address.sin_port) : 0;
}

static void load_run(const struct bench *bench, const struct process *process, uint16_t port,
                     const struct wire_load *load, struct wire_result *result)
{
    struct process_cpu before, after;
    uint64_t waiting;
    struct sender_setup setup = {.port = port,
                                 .rate = load->rate,
                                 .seconds = bench->wire_seconds,
                                 .step = load->step,
                                 .cpu = bench->sender_cpu};
    if (load->warm > 0) {
        struct sender_setup warm = setup;
        warm.seconds = load->warm;
        if (!sender_spawn(&warm, &result->warm) && !result->warm.error)
            result->warm.error = -ECHILD;
    }
    process_cpu(process, &before);
    if (!sender_spawn(&setup, &result->sent) && !result->sent.error)
        result->sent.error = -ECHILD;
    process_wait(load->wait_ms);
    process_settle(process, port, load->quiet_ms);
    process_cpu(process, &after);
    socket_state(port, &waiting, &result->socket_drops);
    result->worker_ns = after.worker - before.worker;
    result->output_ns = after.output - before.output;
    result->kafka_ns = after.kafka - before.kafka;
    result->cpu_ns = after.all - before.all;
    result->before_ns = before.all;
}

bool wire_run(const struct bench *bench, const struct wire_collector *collector, const char *path,
              const struct wire_load *load, struct wire_result *result)
{
    struct process process = {.id = 0};
    char log_path[4200];
    double cpu_ns = 0;
    uint16_t port = port_find();
    *result = (struct wire_result){.log = NULL};
    snprintf(log_path, sizeof log_path, "%s/bench-%s.log", bench->build_path, collector->name);
    snprintf(process.log_path, sizeof process.log_path, "%s", log_path);
    if (!port || !collector->start(bench, &process, port, path))
        return false;
    bool good = process_ready(&process, collector->ready, port);
    if (good)
        load_run(bench, &process, port, load, result);
    good = process_stop(&process, &cpu_ns) && good;
    if (!load->quiet_ms && cpu_ns - result->before_ns > result->cpu_ns) /* two clocks, which differ by some ms */
        result->cpu_ns = cpu_ns - result->before_ns;
    result->log = process_log(&process);
    if (result->warm.error)
        result->sent.error = result->warm.error;
    if (result->sent.error)
        fprintf(stderr, "weir-bench: sending to 127.0.0.1:%u: %s\n", port, strerror(-result->sent.error));
    else if (!good)
        fprintf(stderr, "weir-bench: %s failed; its log is %s\n", collector->name, log_path);
    return good && !result->sent.error && result->log;
}

/* --- the table --- */

void wire_heading(const struct bench *bench, const char *title)
{
    printf("\n%s\n  v9, %d records a datagram, %.1f s a run over 127.0.0.1; sender on processor %d, worker on %d\n"
           "  step: datagrams sent at once; CPU time of a record delivered: all, worker's thread, output's, others\n"
           "  lost: datagrams at the socket, datagrams and sets in the worker, records at the output; datagrams that\n"
           "  nobody accounts for\n",
           title, SENDER_RECORDS, bench->wire_seconds, bench->sender_cpu, bench->cpu);
    printf("%-7s %-9s %7s %5s %10s %11s %11s %7s %7s %7s %7s %9s %7s %9s %7s\n", "", "to", "rate/s", "step",
           "sent/s", "records", "delivered/s", "CPU ns", "worker", "output", "others", "socket", "worker", "output",
           "unacc.");
}

static double seconds_of(const struct wire_row *row)
{
    return (double)row->result.sent.wall_ns / 1e9;
}

void wire_row_print(const struct wire_row *row)
{
    const struct wire_result *result = &row->result;
    double records = row->delivered ? (double)row->delivered : 1;
    double others = result->cpu_ns - result->worker_ns - result->output_ns;
    char rate[16] = "full";
    if (row->load.rate > 0)
        snprintf(rate, sizeof rate, "%.0f", row->load.rate);
    printf("%-7s %-9s %7s %5u %10.0f %11" PRIu64 " %11.0f %7.0f %7.0f %7.0f %7.0f", row->collector, row->output, rate,
           row->load.step, (double)result->sent.datagrams / seconds_of(row), result->sent.records,
           (double)row->delivered / seconds_of(row), result->cpu_ns / records, result->worker_ns / records,
           result->output_ns / records, others / records);
    printf(" %9" PRIu64 " %7" PRIu64 " %9" PRIu64 " %7" PRId64 "\n", result->socket_drops, row->lost_worker,
           row->lost_output, row->unaccounted);
    fflush(stdout);
}

void wire_row_write(struct report *report, const struct wire_row *row)
{
    report_row_begin(report);
    wire_row_members(report, row);
    report_row_end(report);
}

void wire_row_members(struct report *report, const struct wire_row *row)
{
    const struct wire_result *result = &row->result;
    double records = row->delivered ? (double)row->delivered : 1;
    report_text(report, "collector", row->collector);
    report_text(report, "output", row->output);
    report_number(report, "rate", row->load.rate);
    report_number(report, "step", row->load.step);
    report_number(report, "seconds", seconds_of(row));
    report_number(report, "datagrams_sent", (double)result->sent.datagrams);
    report_number(report, "records_sent", (double)result->sent.records);
    report_number(report, "records_delivered", (double)row->delivered);
    report_number(report, "cpu_ns", result->cpu_ns / records);
    report_number(report, "worker_ns", result->worker_ns / records);
    report_number(report, "output_ns", result->output_ns / records);
    report_number(report, "kafka_ns", result->kafka_ns / records);
    report_number(report, "lost_socket_datagrams", (double)result->socket_drops);
    report_number(report, "lost_worker", (double)row->lost_worker);
    report_number(report, "lost_output_records", (double)row->lost_output);
    report_number(report, "unaccounted_datagrams", (double)row->unaccounted);
}
