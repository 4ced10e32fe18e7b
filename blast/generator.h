/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "blast/supply.h"

/*
 * Traffic from nothing: a stock of datagrams of each format is made at the start, in which times, sequence numbers,
 * ports and counters are written anew whenever one is sent. The same setup gives the same datagrams at the same times.
 */
struct generator_setup {
    const struct format *formats[FORMATS_MOST]; /* exporters have them in turn */
    uint32_t format_count;
    uint32_t exporters;
    struct blast_sources sources;  /* without any, the sender fills the exporters' endpoints in */
    uint64_t seed;
    uint32_t bytes_most;           /* of a payload: IMAGE_BYTES_LEAST to IMAGE_BYTES_MOST */
    uint32_t records_most;         /* in a datagram; 0: as many as fit, and fewer now and then */
    uint32_t templates_every;      /* datagrams of data of the same exporter; 0: at the begin alone */
    uint32_t templates_seconds;    /* seconds between; 0: no matter */
    double rate;                   /* datagrams a second; 0: without bound */
    double record_rate;            /* or records a second, of which templates take their share of time */
    uint64_t datagrams;            /* ends after so many; 0: no bound */
    uint64_t records;              /* ends with the datagram that reaches so many; 0: no bound */
    uint32_t run;                  /* datagrams of one exporter in a row; 0: one */
};

/* NULL for want of memory. The caller frees it by its ops. */
struct blast_supply *generator_new(const struct generator_setup *setup);
