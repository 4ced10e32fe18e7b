/* SPDX-License-Identifier: Apache-2.0 */

/*
 * `weir run` as it is installed, with one worker on sockets. Runs at a pace that it follows without loss give the CPU
 * time of a record; runs at full speed show where it loses what it cannot take.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/wire.h"

#define PACED_REPEATS 3
#define TRIES_MOST    4 /* each at half the rate of the one before */

struct destination {
    const char *name;
    char path[4300];
    char folder[4200]; /* to empty after each run; "" = none */
    struct wire_load paced;
    double ns[PACED_REPEATS];
    uint32_t count;
};

static uint32_t setting_add(const char **arguments, uint32_t count, const char *setting)
{
    arguments[count] = "-o";
    arguments[count + 1] = setting;
    return count + 2;
}

static bool weir_start(const struct bench *bench, struct process *process, uint16_t port, const char *path)
{
    enum { OWN_MOST = 24 };
    const char *arguments[OWN_MOST + 2 * BENCH_SETTINGS_MOST];
    char weir[4200], host[64], output[4400], cpu[32], log_path[4200];
    uint32_t count = 0;
    snprintf(weir, sizeof weir, "%s/app/weir", bench->build_path);
    snprintf(host, sizeof host, "host=127.0.0.1:%u", port);
    snprintf(output, sizeof output, "output.path=%s", path ? path : "");
    snprintf(cpu, sizeof cpu, "input.cpus=%d", bench->cpu);
    snprintf(log_path, sizeof log_path, "%s", process->log_path);
    const char *const own[] = {host, cpu, "workers=1", "input.backend=socket", "stats_interval=0", "stats_format=json",
                               "read_buffer=" WIRE_READ_BUFFER};
    arguments[count++] = weir;
    arguments[count++] = "run";
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        count = setting_add(arguments, count, own[i]);
    if (path) {
        count = setting_add(arguments, count, "output.type=file");
        count = setting_add(arguments, count, output);
    }
    for (uint32_t i = 0; i < bench->setting_count; i++)
        count = setting_add(arguments, count, bench->settings[i]);
    arguments[count] = NULL;
    return process_start(process, arguments, log_path);
}

const struct wire_collector wire_weir = {.name = "weir", .ready = "ready: receiving on", .start = weir_start};

/* The number behind "name": that follows after the text `behind`; 0 when there is none. */
static uint64_t number_find(const char *ledger, const char *behind, const char *name)
{
    char key[64];
    const char *at = ledger ? strstr(ledger, behind) : NULL;
    snprintf(key, sizeof key, "\"%s\":", name);
    at = at ? strstr(at, key) : NULL;
    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

bool wire_ledger_read(struct wire_row *row)
{
    const char *ledger = row->result.log ? strstr(row->result.log, "{\"weir\":\"ledger\"") : NULL;
    if (!ledger || !strstr(ledger, "\"balanced\":true")) {
        fprintf(stderr, "weir-bench: weir printed no ledger, or one that does not balance:\n%s", row->result.log);
        return false;
    }
    uint64_t sets = number_find(ledger, "\"sets\":{", "dropped");
    uint64_t delivered = number_find(ledger, "\"records\":{", "delivered");
    if (delivered) /* of all of them: the mean */
        row->sent_bytes =
            (double)number_find(ledger, "\"counters\":{", "output_sent_bytes") / (double)delivered;
    row->delivered = delivered > row->result.warm.records ? delivered - row->result.warm.records : 0;
    row->lost_output = number_find(ledger, "\"records\":{", "dropped");
    row->lost_worker =
        number_find(ledger, "\"packets\":{", "dropped") + number_find(ledger, "\"datagrams\":{", "dropped") + sets;
    row->unaccounted = (int64_t)(row->result.warm.datagrams + row->result.sent.datagrams - row->result.socket_drops -
                                 number_find(ledger, "\"counters\":{", "packets_received"));
    if (number_find(ledger, "\"counters\":{", "losses_socket") != row->result.socket_drops)
        fprintf(stderr, "weir-bench: losses_socket is %llu, and the kernel says %llu\n",
                (unsigned long long)number_find(ledger, "\"counters\":{", "losses_socket"),
                (unsigned long long)row->result.socket_drops);
    return true;
}

static bool destination_run(struct bench *bench, struct destination *destination, const struct wire_load *load,
                            struct wire_row *row)
{
    *row = (struct wire_row){.collector = "weir", .output = destination->name, .load = *load};
    bool good = wire_run(bench, &wire_weir, destination->path, load, &row->result) && wire_ledger_read(row);
    if (*destination->folder)
        folder_empty(destination->folder);
    if (good) {
        wire_row_print(row);
        wire_row_write(&bench->report, row);
    }
    free(row->result.log);
    return good;
}

/* The first rate without loss is kept for the runs that follow. */
static bool paced_run(struct bench *bench, struct destination *destination)
{
    struct wire_row row;
    for (int attempt = 0; attempt < TRIES_MOST; attempt++) {
        if (!destination_run(bench, destination, &destination->paced, &row))
            return false;
        if (wire_row_lossless(&row)) {
            destination->ns[destination->count++] = wire_row_ns(&row);
            return true;
        }
        destination->paced.rate /= 2;
    }
    fprintf(stderr, "weir-bench: %s: no rate without loss found, not even %.0f datagrams a second\n", destination->name,
            destination->paced.rate * 2);
    return false;
}

static double median(const struct destination *destination)
{
    double a = destination->ns[0], b = destination->ns[1], c = destination->ns[2];
    double low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

static bool destinations_run(struct bench *bench, struct destination *destinations, uint32_t count)
{
    struct wire_row row;
    bool good = true;
    for (int repeat = 0; repeat < PACED_REPEATS; repeat++)
        for (uint32_t i = 0; i < count && good; i++)
            good = paced_run(bench, &destinations[i]);
    const struct wire_load full = {.step = bench->wire_step};
    for (uint32_t i = 0; i < count && good; i++)
        good = destination_run(bench, &destinations[i], &full, &row);
    return good;
}

/*
 * The same records one datagram at a time, evenly spaced: the worker is woken for each, which is dearer than for a step
 * of several. There is no target for it.
 */
static bool spaced_run(struct bench *bench, struct destination *destinations, uint32_t count)
{
    struct wire_row row;
    bool good = true;
    for (uint32_t i = 0; i < count && good; i++) {
        struct wire_load load = {.rate = bench->file_rate, .step = 1};
        good = destination_run(bench, &destinations[i], &load, &row);
    }
    return good;
}

bool bench_wire(struct bench *bench)
{
    static struct destination destinations[2];
    static const struct report_target targets[] = {
        {.name = "from the wire to /dev/null, CPU of a record", .unit = "ns", .most = 450},
        {.name = "from the wire to a file, CPU of a record", .unit = "ns", .most = 600},
    };
    uint32_t count = 1;
    destinations[0] = (struct destination){
        .name = "/dev/null", .path = "/dev/null", .paced = {.rate = bench->wire_rate, .step = bench->wire_step}};
    destinations[1] = (struct destination){
        .name = "file", .paced = {.rate = bench->file_rate, .step = bench->wire_step}};
    if (folder_has_room(bench) && folder_make(bench, "bench-wire", destinations[1].folder)) {
        snprintf(destinations[1].path, sizeof destinations[1].path, "%s/%%i.ndjson", destinations[1].folder);
        count = 2;
    }
    wire_heading(bench, "weir run, sockets, one worker");
    report_list_begin(&bench->report, "wire");
    bool good = destinations_run(bench, destinations, count) && spaced_run(bench, destinations, count);
    report_list_end(&bench->report);
    for (uint32_t i = 0; i < count && good; i++) {
        struct report_target target = targets[i];
        target.value = median(&destinations[i]);
        report_target(&bench->report, &target);
    }
    return good;
}
