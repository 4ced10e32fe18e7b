/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/report.h"

/* The sections of the bench. Each prints its table, writes its rows, and returns false when something went wrong. */
#define BENCH_REPEATS_MOST  32
#define BENCH_SETTINGS_MOST 64

struct bench {
    struct report report;
    double seconds;         /* CPU time of one measurement in memory */
    const char *only;       /* cases: of traffic whose name has this; NULL: all */
    uint32_t repeats;       /* measurements of each case, taken in turn */
    double wire_seconds;    /* of one run over loopback */
    double wire_rate;       /* datagrams a second of a paced run to /dev/null */
    uint32_t wire_step;     /* datagrams sent at once */
    double file_rate;       /* of one to a file */
    int cpu;                /* what is measured runs here */
    int sender_cpu;
    const char *settings[BENCH_SETTINGS_MOST]; /* KEY=VALUE, of weir run */
    uint32_t setting_count;
    char build_path[4096];  /* the build folder that this program lies in */
};

bool bench_cases(struct bench *bench);    /* decoding and encoding, memory in */
bool bench_compress(struct bench *bench); /* documents, memory in and out */
bool bench_resident(struct bench *bench); /* memory of many exporters */
bool bench_journal(struct bench *bench);  /* the journal of a million templates */
bool bench_wire(struct bench *bench);     /* weir run over loopback */
bool bench_output(struct bench *bench);   /* the same to the output that the settings name, until it acknowledged */
bool bench_peers(struct bench *bench);    /* nfcapd over loopback */

/* What the child process of bench_resident() does. Returns its exit status. */
int resident_measure(void);

/* Binds the calling thread to a processor. */
void cpu_pin(int cpu);
