/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "blast/blast.h"
#include "blast/generator.h"
#include "blast/replay.h"

/* What "weir blast" was told. */
struct blast_options {
    const struct sender_ops *sender; /* NULL: not named */
    struct sender_setup setup;
    struct generator_setup generator;
    struct replay_setup replay;      /* with files: captures instead of the generator */
    const char **files;              /* room for one for each argument */
    double seconds;                  /* 0: no bound */
    int64_t time_ns;                 /* UTC; 0: not named */
    int cpu;                         /* -1: any */
    bool endless;
    bool json;
    bool by_exporter;
};

/*
 * Reads the arguments and fills in what follows from others. Returns 0 to go on, 'h' when help was printed, '?' when
 * something is wrong, which was printed. The options' texts are the arguments'.
 */
int blast_options_read(struct blast_options *options, int count, char **words);

/* What was sent, on standard output. False when that failed. */
bool blast_report(const struct blast_run *run, const struct blast_options *options);
