/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/bench.h"
#include "bench/process.h"
#include "bench/sender.h"

#define WIRE_READ_BUFFER "8388608" /* of every collector: bytes, some 3,600 datagrams as the kernel counts them */

/* A collector that takes datagrams from the loopback interface. */
struct wire_collector {
    const char *name;
    const char *ready; /* text of its log; "": a socket on the port says so */
    /* Starts it with one worker on bench->cpu, writing to path. */
    bool (*start)(const struct bench *bench, struct process *process, uint16_t port, const char *path);
};

/* What came of one run. Losses are by place, in the unit that is lost there. */
struct wire_result {
    struct sender_result sent;
    struct sender_result warm; /* sent before, and not measured */
    double cpu_ns;    /* the process', from ready to its end, or until it was quiet */
    double worker_ns;
    double output_ns;
    double kafka_ns;  /* of librdkafka's threads */
    double before_ns; /* what starting had cost: not in cpu_ns */
    uint64_t socket_drops; /* datagrams dropped at a full socket buffer, as the kernel says */
    char *log;             /* the collector's; the caller frees it */
};

/* How datagrams come. */
struct wire_load {
    double rate;       /* datagrams a second; 0 = full speed */
    uint32_t step;     /* datagrams sent at once: each step finds the collector asleep when it has time to spare */
    double warm;       /* seconds of it before what is measured: memory is touched, connections are open */
    uint32_t wait_ms;  /* after the last one: for what is sent by its age */
    uint32_t quiet_ms; /* so long the collector must be quiet then, and its end does not count; 0: it does */
};

/* Starts, sends, stops. False with the reason on standard error. */
bool wire_run(const struct bench *bench, const struct wire_collector *collector, const char *path,
              const struct wire_load *load, struct wire_result *result);

/* A row of the table, once the collector's own numbers are known. */
struct wire_row {
    const char *collector;
    const char *output; /* where it wrote: /dev/null, file */
    struct wire_load load;
    uint64_t delivered;   /* records, without those of the warming up */
    uint64_t lost_worker; /* datagrams and sets dropped between the socket and the documents */
    uint64_t lost_output; /* records dropped for want of a batch, refused or failed */
    double sent_bytes;    /* of a record by the output, after compression where that is known; 0: not known */
    int64_t unaccounted;  /* datagrams */
    struct wire_result result;
};

/* weir run with one worker. path: of the file that it writes; NULL: the bench's settings name an output. */
extern const struct wire_collector wire_weir;

/* Fills the row from the ledger in the log. False with the reason on standard error. */
bool wire_ledger_read(struct wire_row *row);

void wire_heading(const struct bench *bench, const char *title);
void wire_row_print(const struct wire_row *row);
void wire_row_write(struct report *report, const struct wire_row *row);

/* The members of a row in the report, for a row that has others beside them. */
void wire_row_members(struct report *report, const struct wire_row *row);

static inline bool wire_row_lossless(const struct wire_row *row)
{
    return row->delivered == row->result.sent.records;
}

/* CPU time of a record that was delivered. */
static inline double wire_row_ns(const struct wire_row *row)
{
    return row->delivered ? row->result.cpu_ns / (double)row->delivered : 0;
}

/* Makes a folder of that name in the build folder, or empties it; path has 4200 bytes. False with the reason said. */
bool folder_make(const struct bench *bench, const char *name, char *path);
void folder_empty(const char *path);

/* Room on the disk of the build folder for what full speed writes; says so where there is not. */
bool folder_has_room(const struct bench *bench);
