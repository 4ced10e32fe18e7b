/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The same load as weir's on nfcapd (nfdump), which writes 124 bytes of its own format for each of these records where
 * weir writes 1,500 of JSON.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/wire.h"

static bool nfcapd_start(const struct bench *bench, struct process *process, uint16_t port, const char *path)
{
    char port_text[16], cpu[16], log_path[4200];
    snprintf(port_text, sizeof port_text, "%u", port);
    snprintf(cpu, sizeof cpu, "%d", bench->cpu);
    snprintf(log_path, sizeof log_path, "%s", process->log_path);
    const char *const arguments[] = {"taskset", "-c", cpu, "nfcapd", "-b", "127.0.0.1", "-p", port_text, "-w", path,
                                     "-t", "3600", "-B", WIRE_READ_BUFFER, NULL};
    return process_start(process, arguments, log_path);
}

static const struct wire_collector collector = {.name = "nfcapd", .ready = "", .start = nfcapd_start};

/* Flows of its line "Ident: 'none' Flows: 24, Packets: ..." */
static bool flows_read(struct wire_row *row)
{
    const char *ident = row->result.log ? strstr(row->result.log, "Ident: ") : NULL;
    const char *flows = ident ? strstr(ident, "Flows: ") : NULL;
    if (!flows) {
        fprintf(stderr, "weir-bench: nfcapd did not say how many flows it has:\n%s", row->result.log);
        return false;
    }
    row->delivered = strtoull(flows + 7, NULL, 10);
    uint64_t sent = row->result.sent.records / SENDER_RECORDS, kept = row->delivered / SENDER_RECORDS;
    row->unaccounted = (int64_t)(sent - kept - row->result.socket_drops);
    return true;
}

static bool nfcapd_installed(void)
{
    const char *path = getenv("PATH");
    char file[4200];
    while (path && *path) {
        size_t length = strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/nfcapd", (int)length, path);
        if (access(file, X_OK) == 0)
            return true;
        path += length + (path[length] == ':');
    }
    return false;
}

bool bench_peers(struct bench *bench)
{
    const struct wire_load paced = {.rate = bench->wire_rate, .step = bench->wire_step};
    const struct wire_load loads[] = {
        paced, paced, paced, {.step = bench->wire_step}, {.rate = bench->file_rate, .step = 1}};
    char folder[4200];
    bool good = true;
    if (!nfcapd_installed()) {
        puts("\nnfcapd is not installed (package nfdump): no peer to compare with");
        return true;
    }
    if (!folder_has_room(bench) || !folder_make(bench, "bench-peers", folder))
        return false;
    wire_heading(bench, "nfcapd, to a file of its own format");
    report_list_begin(&bench->report, "peers");
    for (uint32_t i = 0; i < sizeof loads / sizeof *loads && good; i++) {
        struct wire_row row = {.collector = "nfcapd", .output = "file", .load = loads[i]};
        good = wire_run(bench, &collector, folder, &loads[i], &row.result) && flows_read(&row);
        folder_empty(folder);
        if (good) {
            wire_row_print(&row);
            wire_row_write(&bench->report, &row);
        }
        free(row.result.log);
    }
    report_list_end(&bench->report);
    return good;
}
